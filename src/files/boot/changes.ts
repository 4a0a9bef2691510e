/** Small things that every manager's generator needs. */
import type { BootChange, BootFiles, BootPlan } from '../../core/bridge/boot.ts';

/** The first line of every file that is wholly ours. */
export const madeBy = (from: string): string => `# Made by \`landline host bridge\` from ${from}`;

/** The change of one file, permissions of a new one included; none where nothing differs. */
export function changeOf(files: BootFiles, path: string, after: string | undefined, mode = 0o644): readonly BootChange[] {
  const before = files.get(path);
  if (before === after) return [];
  return [{ path, mode, ...(before === undefined ? {} : { before }), ...(after === undefined ? {} : { after }) }];
}

/** `eth0` as a word of a line: not in `eth0.10`, `eth0:1` or `xeth0`. */
export const wordOf = (link: string): RegExp =>
  new RegExp(`(?<![\\w.:@-])${link.replaceAll(/[.*+?^$()|[\]{}\\]/g, '\\$&')}(?![\\w.:@-])`, 'g');

export const refused = (file: string, reason: string, next: string): BootPlan => ({ kind: 'refused', file, reason, next });

export const absent = (file: string, reason: string): BootPlan => ({ kind: 'absent', file, reason });

/** The last part of a path. */
export const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);

/** A shell's pattern of a name, as systemd and NetworkManager use it: `en*`, `eth[0-9]`, `!veth*`. */
export function matchesGlob(pattern: string, name: string): boolean {
  const source = pattern
    .replaceAll(/[.+^$()|{}\\]/g, '\\$&')
    .replaceAll('*', '.*')
    .replaceAll('?', '.');
  try {
    return new RegExp(`^${source}$`).test(name);
  } catch {
    return false;
  }
}

/** Lines, those joined that a backslash holds together. */
export function joinedLines(text: string): readonly string[] {
  const lines: string[] = [];
  for (const line of text.split('\n')) {
    const before = lines.at(-1);
    if (before?.endsWith('\\') === true && !/^\s*[#;]/.test(before)) lines[lines.length - 1] = `${before}\n${line}`;
    else lines.push(line);
  }
  return lines;
}
