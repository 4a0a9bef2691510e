/** Paths as text (path_resolution(7)), without looking at a disk. */

/** An absolute path without `.`, `..` and doubled slashes: `path` itself, or from `directory` on. */
export function resolvePath(directory: string, path: string): string {
  const parts: string[] = [];
  for (const part of (path.startsWith('/') ? path : `${directory}/${path}`).split('/')) {
    if (part === '..') parts.pop();
    else if (part !== '' && part !== '.') parts.push(part);
  }
  return `/${parts.join('/')}`;
}
