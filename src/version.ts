/** The version of this installation, from its package.json: as a module, which a command reads without all of `node:fs`. */
import installation from '../package.json' with { type: 'json' };

export const version = (): string => installation.version;
