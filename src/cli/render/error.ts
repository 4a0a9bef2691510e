/** Errors as people and programs read them. */
import type { ErrorBody, FileProblem } from '../../errors.ts';

/** `landline: CODE: what is` and `→ what to do`; a pair for each mistake of a file; or one JSON object. */
export function errorText(error: ErrorBody, json: boolean): string {
  if (json) return `${JSON.stringify({ error })}\n`;
  const pairs = error.code === 'FILE_INVALID' ? fileProblems(error) : [[error.message, error.next]];
  return pairs.map(([message, next]) => `landline: ${error.code}: ${message}\n→ ${next}\n`).join('');
}

function fileProblems(error: ErrorBody): string[][] {
  // The details of FILE_INVALID, as the catalogue says.
  const { file, problems } = error.details as { readonly file: string; readonly problems: readonly FileProblem[] };
  return problems.map((it) => [`${file}:${it.line}:${it.column}: ${it.message}`, it.next]);
}
