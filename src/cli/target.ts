/** What commands of the form `NAME[/SERVICE] -- COMMAND` are given. */
import { LandlineError } from '../errors.ts';

/** `shop` or `shop/web`: an environment, or one of its services. @throws LandlineError USAGE */
export function parseTarget(text: string): { readonly environment: string; readonly service: string | undefined } {
  const [environment = '', service, ...rest] = text.split('/');
  if (environment === '' || service === '' || rest.length > 0) {
    throw new LandlineError('USAGE', { problem: `'${text}' names no environment`, advice: 'write NAME, or NAME/SERVICE' });
  }
  return { environment, service };
}

/** The words of a command to run, without the two dashes that may stand before them. */
export function withoutDashes(command: readonly string[]): readonly string[] {
  return command[0] === '--' ? command.slice(1) : command;
}
