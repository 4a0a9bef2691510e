/** The version of this installation, from its package.json. */
import fs from 'node:fs';

export function version(): string {
  const text = fs.readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  // The file is ours, and npm insists on its version.
  return (JSON.parse(text) as { version: string }).version;
}
