/** What a terminal shows in the end of what was written to it: of ANSI's sequences only those that Landline uses. */

/** @param written with the terminal's own `\r\n`. @throws Error at a sequence that is not known here */
export function screenOf(written: string, columns: number): readonly string[] {
  const lines: string[] = [''];
  let row = 0;
  let column = 0;
  const line = (): string => lines[row] ?? '';
  const put = (sign: string): void => {
    if (column === columns) [row, column] = [row + 1, 0];
    lines[row] = line().padEnd(column).slice(0, column) + sign + line().slice(column + 1);
    column += 1;
  };
  const sequences: Readonly<Record<string, (count: number) => void>> = {
    A: (count) => (row = Math.max(0, row - count)),
    K: () => (lines[row] = line().slice(0, column)),
    J: () => {
      lines[row] = line().slice(0, column);
      lines.length = row + 1;
    },
    m: () => undefined,
  };
  for (const [token, , count, kind] of written.matchAll(/(\p{Cc}\[(\d*)([A-Za-z]))|[\s\S]/gu)) {
    const act = kind === undefined ? undefined : sequences[kind];
    if (act !== undefined) act(Number(count === '' ? 1 : count));
    else if (token === '\r') column = 0;
    else if (token === '\n') row += 1;
    else if (token.startsWith('\x1b')) throw new Error(`nobody knows ${JSON.stringify(token)} here`);
    else put(token);
  }
  return Array.from(lines, (it) => (it ?? '').trimEnd());
}
