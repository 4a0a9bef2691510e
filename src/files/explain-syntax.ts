/** The YAML library's complaints in words that say what to do. */
import { type Document, isCollection, isScalar, visit, type YAMLError } from 'yaml';

export interface Explanation {
  /** Offset into the text. */
  readonly at: number;
  readonly message: string;
  readonly next: string;
}

type Words = readonly [message: string, next: string];

const indentation: Words = [
  'this line is not indented as its neighbours are',
  'indent the keys of one mapping, and the items of one list, by the same number of spaces',
];

/** By the library's own words, for it has one code for several mistakes. */
const known: readonly (readonly [RegExp, ...Words])[] = [
  [/^Tabs are not allowed/, 'there is a tab where YAML indents with spaces', 'replace it by spaces'],
  [/^All (mapping|sequence) items|more indented|less indented|must be indented/, ...indentation],
  [/^Plain value cannot start/, 'a value cannot begin with this character', "put the value in quotes: '…'"],
  [
    /^Invalid escape/,
    'this is no escape of a text in double quotes',
    "write '\\\\' for a backslash, or put the text in single quotes",
  ],
  [
    /^Nested mappings/,
    "there is a second ': ' in this line",
    'put the value in quotes, or give the second key a line of its own',
  ],
  [/^Implicit (map )?keys (need|of)/, "this line has no ':' after its key", "write 'key: value'"],
  [
    /^A block sequence may not/,
    'a list item stands where a key should',
    "remove the '-', or put the list under a key of its own",
  ],
  [/at most 1024 chars/, 'this key is longer than 1024 characters', 'check that it is the right file'],
  [/^Unresolved tag/, 'tags are not part of this version', "remove the word that begins with '!', or put the value in quotes"],
  [/^Unknown directive|directives-end/, 'this directive is unknown', "remove the line that begins with '%'"],
  [/at most one anchor/, 'this value has two anchors', "remove one of the words that begin with '&'"],
  [/at most one tag/, 'this value has two tags', "remove the words that begin with '!'"],
  [/^Maximum call stack|: Stack overflow$/, 'the values are nested too deeply', 'check that it is the right file'],
  [/at node end|on same line/, 'something follows where a value has ended', 'put the whole value in quotes, or begin a new line'],
  [/^Unexpected (.*): "(?:[\]}])"$/, 'there is a closing bracket too many', 'remove it, or put the value in quotes'],
];

/** What is wrong, where a person sees it: a bracket or a quote without end where it begins. */
export function explainSyntax(error: YAMLError, document: Document): Explanation {
  const [at] = error.pos;
  const open = /end with a ([\]}])$|^Missing closing (["'])/.exec(error.message);
  if (open !== null) {
    const close = open[1] ?? open[2] ?? '';
    const begin = close === ']' ? '[' : close === '}' ? '{' : close;
    const message = open[1] === undefined ? `the text that begins with ${begin} here has no end` : `the ${begin} here has no end`;
    return { at: openingBefore(at, begin, document), message, next: `close it with ${close}` };
  }
  const found = known.find(([pattern]) => pattern.test(error.message));
  if (found !== undefined) return { at, message: found[1], next: found[2] };
  return {
    at,
    message: lowerFirst(error.message),
    next: 'put the value in quotes, or look for a bracket or a quote just before it',
  };
}

/** The innermost collection or text of this kind that the parser ended at an offset for want of its end. */
function openingBefore(end: number, begin: string, document: Document): number {
  let found = end;
  visit(document, (_, node) => {
    const bracket = isCollection(node) && node.flow === true;
    const quoted = isScalar(node) && (node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE');
    const range = bracket || quoted ? node.range : undefined;
    const kind = isScalar(node) ? (node.type === 'QUOTE_DOUBLE' ? '"' : "'") : 'flow';
    const fits = kind === 'flow' ? begin === '[' || begin === '{' : kind === begin;
    if (range != null && range[1] === end && fits) found = range[0];
  });
  return found;
}

const lowerFirst = (text: string): string => text.charAt(0).toLowerCase() + text.slice(1);
