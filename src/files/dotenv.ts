/** `.env` files, as Compose reads them: NAME=value lines with quotes, comments, and variables of lines before. */
import { interpolate, type Variables } from './interpolate.ts';
import { openReport, type Report } from './report.ts';
import { readSource } from './source.ts';

/**
 * The variables of a `.env` file. The caller lets the shell's go before them.
 * @param variables what values may refer to besides lines before them: the shell's environment
 * @throws LandlineError FILE_INVALID with every mistake and its place
 */
export function parseDotenv(
  input: string | Uint8Array,
  file: string,
  variables: Variables = {},
): Readonly<Record<string, string>> {
  const { source, problem } = readSource(input, file);
  const report = openReport(source);
  if (problem !== undefined) report.problem(problem.at, problem.message, problem.next);
  report.refuseIfWrong();
  const found: Record<string, string> = Object.create(null);
  let at = 0;
  while (at < source.text.length) at = readLine(at, found, variables, report);
  report.refuseIfWrong();
  return { ...found };
}

/** A line, which a text in quotes may stretch over several. Returns the offset of the next one. */
function readLine(from: number, found: Record<string, string>, variables: Variables, report: Report): number {
  const { text } = report.source;
  const blank = match(/[^\S\n]*(#[^\n]*)?(\n|$)/y, text, from);
  if (blank !== undefined) return from + blank[0].length;
  const head = match(/[^\S\n]*(?:export[^\S\n]+)?([a-z_][a-z0-9_.]*)[^\S\n]*(=|:|(?=\n|$|#))[^\S\n]*/iy, text, from);
  const [whole = '', name = '', separator = ''] = head ?? [];
  const at = from + whole.length;
  if (head === undefined) {
    const start = from + (match(/[^\S\n]*/y, text, from)?.[0].length ?? 0);
    report.problem(start, 'this line gives no variable a value', "write NAME=value, the name of letters, digits and '_'");
    return endOfLine(text, from);
  }
  if (separator === '') {
    // A bare name hands on what the shell has.
    const inherited = Object.hasOwn(variables, name) ? variables[name] : undefined;
    if (inherited !== undefined) found[name] = inherited;
    return endOfLine(text, at);
  }
  const value = text[at] === '"' || text[at] === "'" ? readQuoted(at, report) : readBare(at, text);
  if (value === undefined) return text.length;
  found[name] = value.literal ? value.text : expand(value.text, at, { ...variables, ...found }, report);
  return value.end;
}

function match(pattern: RegExp, text: string, at: number): RegExpExecArray | undefined {
  pattern.lastIndex = at;
  return pattern.exec(text) ?? undefined;
}

function endOfLine(text: string, from: number): number {
  const end = text.indexOf('\n', from);
  return end < 0 ? text.length : end + 1;
}

interface Value {
  readonly text: string;
  readonly end: number;
  /** In single quotes: a dollar is a dollar. */
  readonly literal: boolean;
}

/** Up to the end of the line, or to a `#` after a space. */
function readBare(at: number, text: string): Value {
  const end = endOfLine(text, at);
  const line = text.slice(at, end);
  return { text: line.replace(/(^|\s)#.*$/s, '').trimEnd(), end, literal: false };
}

function readQuoted(at: number, report: Report): Value | undefined {
  const { text } = report.source;
  const quote = text[at] ?? '';
  const body = match(quote === '"' ? /"((?:[^"\\]|\\.)*)"/sy : /'((?:[^'\\]|\\.)*)'/sy, text, at);
  if (body === undefined) {
    report.problem(at, `a text that begins with ${quote} has no end`, `close it with ${quote}`);
    return undefined;
  }
  const after = at + body[0].length;
  const rest = match(/[^\S\n]*(#[^\n]*)?(\n|$)/y, text, after);
  if (rest === undefined) report.problem(after, 'something follows the closing quote', 'put the whole value in quotes');
  const raw = body[1] ?? '';
  return {
    text: quote === '"' ? withoutEscapes(raw) : raw.replaceAll("\\'", "'"),
    end: rest === undefined ? endOfLine(text, after) : after + rest[0].length,
    literal: quote === "'",
  };
}

const escapes: Readonly<Record<string, string>> = { n: '\n', r: '\r', t: '\t', '"': '"', '\\': '\\', $: '$$' };

const withoutEscapes = (raw: string): string => raw.replace(/\\(.)/gs, (whole, character: string) => escapes[character] ?? whole);

function expand(text: string, at: number, variables: Variables, report: Report): string {
  const result = interpolate(text, variables);
  for (const it of result.troubles) report.problem(at, it.message, `${it.next}, or put the value in single quotes`);
  return result.text;
}
