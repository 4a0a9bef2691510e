/**
 * Files of sections, keys and values: systemd's units (systemd.syntax(7)), NetworkManager's keyfiles (glib). What is not
 * changed keeps its spelling: comments, blank lines, order, several sections of one name.
 */

import { joinedLines } from './changes.ts';

/** One section as it stands, comments and all; a line that goes on after a backslash is one. */
export interface Section {
  /** Empty for what comes before any section. */
  readonly name: string;
  readonly lines: readonly string[];
}

/** The same text comes back of {@link formatIni}. */
export function parseIni(text: string): readonly Section[] {
  const sections: { name: string; lines: string[] }[] = [{ name: '', lines: [] }];
  for (const line of joinedLines(text.replace(/\n$/, ''))) {
    const name = /^\s*\[([^\]]*)\]\s*$/.exec(line)?.[1];
    if (name === undefined) sections.at(-1)?.lines.push(line);
    else sections.push({ name, lines: [] });
  }
  return sections;
}

export function formatIni(sections: readonly Section[]): string {
  const lines = sections.flatMap((it) => (it.name === '' ? it.lines : [`[${it.name}]`, ...it.lines]));
  return `${lines.join('\n').replace(/^\n+|\n+$/g, '')}\n`;
}

/** The key of a line `key=value`; undefined for comments and blank lines. */
export const keyOf = (line: string): string | undefined => /^\s*([^#;=\s][^=\n]*?)\s*=/.exec(line)?.[1];

const textOf = (line: string): string => line.slice(line.indexOf('=') + 1).trim();

/** The value of the last line with this key: later ones win. */
export function valueOf(lines: readonly string[], key: string): string | undefined {
  const line = lines.findLast((it) => keyOf(it) === key);
  return line === undefined ? undefined : textOf(line);
}

/** Every value of a key that may stand several times. */
export const valuesOf = (lines: readonly string[], key: string): readonly string[] =>
  lines.filter((it) => keyOf(it) === key).map(textOf);

/** Sets a key where it stands, or at the end of the section, before its blank lines. */
export function withKey(lines: readonly string[], key: string, value: string): readonly string[] {
  const line = `${key}=${value}`;
  const at = lines.findLastIndex((it) => keyOf(it) === key);
  if (at >= 0) return lines.with(at, line);
  const end = lines.findLastIndex((it) => it.trim() !== '') + 1;
  return [...lines.slice(0, end), line, ...lines.slice(end)];
}

/** Lines without those of these keys; comments stay. */
export const withoutKeys = (lines: readonly string[], drop: (key: string) => boolean): readonly string[] =>
  lines.filter((line) => {
    const key = keyOf(line);
    return key === undefined || !drop(key);
  });
