/** Tables for people: columns as wide as their widest cell, two spaces between. */

export function table(heads: readonly string[], written: readonly (readonly string[])[]): string {
  const rows = written.map((row) => row.map(printable));
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => (row[column] ?? '').length)));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd();
  return `${[heads, ...rows].map(line).join('\n')}\n`;
}

/** Words that somebody else chose end no line, and tell the terminal nothing. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken away
const printable = (cell: string): string => cell.replace(/[\x00-\x1f\x7f-\x9f]/g, ' ');

/** One JSON document on stdout, for `--json`. */
export function printJson(value: unknown): void {
  process.stdout.write(`${JSON.stringify(value, undefined, process.stdout.isTTY ? 2 : 0)}\n`);
}
