/** docs/benchmarks.md: prose by hand, and between two marks what was measured last. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';

const file = path.join(import.meta.dirname, '../docs/benchmarks.md');
const begin = '<!-- measured: written by bench/run --write -->';
const end = '<!-- end of measured -->';

/** Puts the table between the marks, with the machine it was made on. @throws Error where there are no marks */
export function writeTable(table: string, command: string): void {
  const text = fs.readFileSync(file, 'utf8');
  const [from, to] = [text.indexOf(begin), text.indexOf(end)];
  if (from === -1 || to < from) throw new Error(`${file} has no place for the table`);
  const measured = `${begin}\n\n${machine(command)}\n\n${table}\n\n`;
  fs.writeFileSync(file, text.slice(0, from) + measured + text.slice(to));
}

function machine(command: string): string {
  const cores = os.cpus();
  const date = new Date().toISOString().slice(0, 10);
  const [load = 0] = os.loadavg();
  const memory = Math.round(os.totalmem() / 2 ** 30);
  return (
    `\`${command}\` on ${date}: ${cores.length} cores (${cores[0]?.model.trim() ?? 'unknown'}), ${memory} GiB, ` +
    `Linux ${os.release()}, Node ${process.versions.node}, load average ${load.toFixed(1)} at the end.`
  );
}
