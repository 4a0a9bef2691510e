/** The text of a file: bytes to characters, and offsets to lines and columns that a person can go to. */

/** A place in a file; both count from 1, a column is a character as an editor counts it. */
export interface Place {
  readonly line: number;
  readonly column: number;
}

/** The characters of one file, without byte order mark. */
export interface Source {
  /** As messages name it. */
  readonly file: string;
  readonly text: string;
  /** Offset of the first character of each line. */
  readonly lines: readonly number[];
}

/** What is wrong with the characters themselves. */
export interface SourceProblem {
  /** Offset into the text, in UTF-16 units. */
  readonly at: number;
  readonly message: string;
  readonly next: string;
}

/** Files are a few kilobytes; more than this is another file by mistake. */
const MOST_CHARACTERS = 256 * 1024;

/** YAML 1.2 section 5.1 (c-printable) leaves these out, and no command or variable can carry them. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is looked for
const CONTROL = /[\x00-\x08\x0b\x0c\x0e-\x1f]/;

const asUtf8 = 'save the file as UTF-8';

/** Bytes or text → characters, and what is wrong with them. Text with U+FFFD was decoded from something that was not UTF-8. */
export function readSource(
  input: string | Uint8Array,
  file: string,
): { readonly source: Source; readonly problem?: SourceProblem } {
  const bom = typeof input === 'string' ? undefined : utf16Mark(input);
  if (bom !== undefined)
    return { source: openSource(file, ''), problem: { at: 0, message: `the file is ${bom}, not UTF-8`, next: asUtf8 } };
  const text = (typeof input === 'string' ? input : new TextDecoder('utf-8', { ignoreBOM: true }).decode(input)).replace(
    /^\uFEFF/,
    '',
  );
  const problem = findProblem(text, typeof input === 'string' || !isUtf8(input));
  return { source: openSource(file, text), ...(problem === undefined ? {} : { problem }) };
}

function findProblem(text: string, mayBeDamaged: boolean): SourceProblem | undefined {
  if (text.length > MOST_CHARACTERS) {
    return { at: 0, message: `the file has more than ${MOST_CHARACTERS} characters`, next: 'check that it is the right file' };
  }
  const damaged = mayBeDamaged ? text.indexOf('\uFFFD') : -1;
  if (damaged >= 0) return { at: damaged, message: 'there is a byte here that is not UTF-8', next: asUtf8 };
  const control = text.search(CONTROL);
  if (control < 0) return undefined;
  const code = text.charCodeAt(control).toString(16).toUpperCase().padStart(4, '0');
  return { at: control, message: `there is a control character here, U+${code}`, next: 'remove it' };
}

function utf16Mark(bytes: Uint8Array): string | undefined {
  if (bytes[0] === 0xff && bytes[1] === 0xfe) return 'UTF-16 (little-endian)';
  return bytes[0] === 0xfe && bytes[1] === 0xff ? 'UTF-16 (big-endian)' : undefined;
}

function isUtf8(bytes: Uint8Array): boolean {
  try {
    new TextDecoder('utf-8', { fatal: true }).decode(bytes);
    return true;
  } catch {
    return false;
  }
}

function openSource(file: string, text: string): Source {
  const lines = [0];
  for (let at = text.indexOf('\n'); at >= 0; at = text.indexOf('\n', at + 1)) lines.push(at + 1);
  return { file, text, lines };
}

/** The line of an offset into the text, counted from 1. */
export function lineOf(source: Source, offset: number): number {
  let [low, high] = [0, source.lines.length];
  while (high - low > 1) {
    const middle = (low + high) >>> 1;
    if ((source.lines[middle] ?? 0) <= offset) low = middle;
    else high = middle;
  }
  return low + 1;
}

/** The line and column of an offset into the text. */
export function placeOf(source: Source, offset: number): Place {
  const line = lineOf(source, offset);
  const before = source.text.slice(source.lines[line - 1] ?? 0, offset);
  return { line, column: Array.from(before).length + 1 };
}
