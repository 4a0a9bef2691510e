/** Finds out before a start whether its program can be run, as execvp(3) would look for it. */
import fs from 'node:fs/promises';
import path from 'node:path';

export type Lookup =
  | { readonly kind: 'found'; readonly file: string }
  | { readonly kind: 'missing' }
  /** There is a file, but not one to execute. */
  | { readonly kind: 'unusable'; readonly file: string };

/** `program` with a slash is a path from `workingDir`; without one it is looked for in the folders of `searchPath`. */
export async function lookUp(program: string, workingDir: string, searchPath: string): Promise<Lookup> {
  if (program === '') return { kind: 'missing' };
  const folders = program.includes('/') ? [''] : searchPath.split(':');
  let best: Lookup = { kind: 'missing' };
  for (const folder of folders) {
    const file = path.resolve(workingDir, folder, program);
    const kind = await examine(file);
    if (kind === 'found') return { kind, file };
    if (kind === 'unusable' && best.kind === 'missing') best = { kind, file };
  }
  return best;
}

async function examine(file: string): Promise<Lookup['kind']> {
  const stat = await fs.stat(file).catch(() => undefined);
  if (stat === undefined) return 'missing';
  return stat.isFile() && (stat.mode & 0o111) !== 0 ? 'found' : 'unusable';
}

export async function isFolder(file: string): Promise<boolean> {
  return (await fs.stat(file).catch(() => undefined))?.isDirectory() ?? false;
}
