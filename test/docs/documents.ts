/** The documents of this repository, taken apart: headings, links, code blocks, tables. */
import fs from 'node:fs';
import path from 'node:path';

export const root = path.resolve(import.meta.dirname, '../..');

/** A fenced block. Its info string is a language and words for the tests: `sh host`, `yaml shop.yaml`, `text output`. */
export interface CodeBlock {
  /** Line of its fence, from 1. */
  readonly line: number;
  readonly language: string;
  readonly words: readonly string[];
  /** With the final newline. */
  readonly text: string;
  /** The heading that it stands under, as it is written. */
  readonly under: string;
}

export interface Heading {
  readonly line: number;
  readonly level: number;
  readonly text: string;
}

export interface Link {
  readonly line: number;
  readonly target: string;
}

export interface Document {
  /** Relative to the root. */
  readonly file: string;
  readonly text: string;
  readonly headings: readonly Heading[];
  readonly blocks: readonly CodeBlock[];
  readonly links: readonly Link[];
  /** Lines outside of code blocks, by number from 1. */
  readonly prose: ReadonlyMap<number, string>;
}

/** Every document, in order. */
export function listDocuments(): readonly Document[] {
  const top = fs.globSync('*.md', { cwd: root });
  return [...top, ...fs.globSync('docs/**/*.md', { cwd: root })].sort().map(readDocument);
}

export function readDocument(file: string): Document {
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  const prose = new Map<number, string>();
  const headings: Heading[] = [];
  const blocks: CodeBlock[] = [];
  let open: { line: number; info: string; lines: string[] } | undefined;
  for (const [index, line] of text.split('\n').entries()) {
    const fence = /^```(.*)$/.exec(line);
    if (open === undefined && fence !== null) open = { line: index + 1, info: fence[1] ?? '', lines: [] };
    else if (open === undefined) {
      prose.set(index + 1, line);
      const heading = /^(#{1,6}) (.*)$/.exec(line);
      if (heading !== null) headings.push({ line: index + 1, level: heading[1]?.length ?? 0, text: heading[2] ?? '' });
    } else if (fence !== null) {
      const [language = '', ...words] = open.info.split(' ');
      blocks.push({ line: open.line, language, words, text: `${open.lines.join('\n')}\n`, under: headings.at(-1)?.text ?? '' });
      open = undefined;
    } else open.lines.push(line);
  }
  if (open !== undefined) throw new Error(`${file}:${open.line}: this block has no end`);
  return { file, text, headings, blocks, links: linksOf(prose), prose };
}

function linksOf(prose: ReadonlyMap<number, string>): readonly Link[] {
  return [...prose].flatMap(([line, text]) =>
    [...withoutCode(text).matchAll(/\[[^\]]*\]\(([^)\s]+)\)/g)].map((match) => ({ line, target: match[1] ?? '' })),
  );
}

const withoutCode = (line: string): string => line.replaceAll(/`[^`]*`/g, 'code');

/** Texts in backticks, with their lines. */
export function codeSpans(document: Document): readonly { readonly line: number; readonly text: string }[] {
  return [...document.prose].flatMap(([line, text]) =>
    [...text.matchAll(/`([^`]+)`/g)].map((match) => ({ line, text: match[1] ?? '' })),
  );
}

/** The anchors of a page's headings, as GitHub makes them. */
export function anchorsOf(document: Document): ReadonlySet<string> {
  const anchors = new Set<string>();
  for (const { text } of document.headings) {
    const slug = text
      .toLowerCase()
      .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
      .replaceAll(' ', '-');
    let anchor = slug;
    for (let count = 1; anchors.has(anchor); count += 1) anchor = `${slug}-${count}`;
    anchors.add(anchor);
  }
  return anchors;
}

/** What stands under a heading: its lines up to the next heading of the same level or above. */
export function sectionOf(document: Document, heading: Heading): string {
  const next = document.headings.find((it) => it.line > heading.line && it.level <= heading.level);
  return document.text
    .split('\n')
    .slice(heading.line, next === undefined ? undefined : next.line - 1)
    .join('\n');
}

/** Rows of the tables in a text, the head and the dashes left out; a cell's backticks and escapes stay. */
export function tableRows(text: string): readonly (readonly string[])[] {
  const rows: string[][] = [];
  const lines = text.split('\n');
  for (const [index, line] of lines.entries()) {
    if (!line.startsWith('|') || /^\|[-|: ]+\|$/.test(line) || /^\|[-|: ]+\|$/.test(lines[index + 1] ?? '')) continue;
    rows.push(
      line
        .slice(1, -1)
        .split(/(?<!\\)\|/)
        .map((cell) => cell.trim()),
    );
  }
  return rows;
}

/** `` `name` `` → `name`; undefined for a cell that is not a code span and nothing else. */
export const spanIn = (cell: string | undefined): string | undefined =>
  /^`([^`]+)`$/.exec(cell ?? '')?.[1]?.replaceAll('\\|', '|');
