/**
 * What strace prints of netlink messages, as a tree: a second reading of the same bytes, by other people's software.
 * `[{nlmsg_len=40, nlmsg_type=RTM_NEWLINK, …}, {ifi_family=…}, [[{nla_len=8, nla_type=IFLA_MTU}, 1500], …]]`
 */

/** A list, a struct by its fields, or a word (a number, a name, a quoted string, an expression) as it is printed. */
export type Term = string | readonly Term[] | { readonly fields: ReadonlyMap<string, Term> };

export const isList = (term: Term | undefined): term is readonly Term[] => Array.isArray(term);
export const fieldsOf = (term: Term | undefined): ReadonlyMap<string, Term> | undefined =>
  typeof term === 'object' && 'fields' in term ? term.fields : undefined;

interface Cursor {
  readonly text: string;
  at: number;
}

/** Reads the term that begins at `at`. @throws Error where the text is not what strace prints. */
export function parseTerm(text: string, at = 0): Term {
  return readTerm({ text, at });
}

function readTerm(cursor: Cursor): Term {
  const opening = cursor.text[cursor.at];
  if (opening === '[') return readItems(cursor, ']', readTerm);
  if (opening !== '{') return readWord(cursor);
  return { fields: new Map(readItems(cursor, '}', readField)) };
}

function readItems<T>(cursor: Cursor, closing: string, read: (cursor: Cursor) => T): T[] {
  const items: T[] = [];
  cursor.at += 1;
  while (cursor.text[cursor.at] !== closing) {
    if (cursor.at >= cursor.text.length) throw new Error(`no ${closing} in ${cursor.text}`);
    items.push(read(cursor));
    if (cursor.text.startsWith(', ', cursor.at)) cursor.at += 2;
  }
  cursor.at += 1;
  return items;
}

function readField(cursor: Cursor): [string, Term] {
  const name = /[^=]*=/y;
  name.lastIndex = cursor.at;
  const found = name.exec(cursor.text)?.[0] ?? '';
  cursor.at += found.length;
  return [found.slice(0, -1), readTerm(cursor)];
}

/** Up to the comma or the bracket that ends it; a quoted string, and what stands in parentheses, may hold both. */
function readWord(cursor: Cursor): string {
  const word = /(?:"(?:[^"\\]|\\.)*"(?:\.\.\.)?|\((?:"(?:[^"\\]|\\.)*"|[^)])*\)|\/\*.*?\*\/|[^,\]}[{("])+/y;
  word.lastIndex = cursor.at;
  const found = word.exec(cursor.text)?.[0];
  if (found === undefined)
    throw new Error(`strace prints what this cannot read: ${cursor.text.slice(cursor.at, cursor.at + 80)}`);
  cursor.at += found.length;
  return found.trim();
}
