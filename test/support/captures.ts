/**
 * Captures: bytes that other people's software made, as text with their origin on top, and beside them the value that
 * they stand for. `scripts/capture` makes them.
 */
import fs from 'node:fs';
import path from 'node:path';
import { fileURLToPath } from 'node:url';

/** The three lines on top of a capture. */
export interface Origin {
  /** The command that made the bytes. */
  readonly command: string;
  /** Recorder, kernel and program, each with its version. */
  readonly recorder: string;
  /** `2026-11-24` */
  readonly date: string;
}

export interface Capture extends Origin {
  readonly name: string;
  readonly bytes: Uint8Array;
  /** What NAME.json holds. */
  readonly value: unknown;
}

/** Every NAME.txt of a folder with its NAME.json, by name. @throws Error for an empty folder, which would prove nothing. */
export function readCaptures(folder: URL): readonly Capture[] {
  const directory = fileURLToPath(folder);
  const names = fs.readdirSync(directory).filter((file) => file.endsWith('.txt'));
  if (names.length === 0) throw new Error(`no capture in ${directory}`);
  return names.sort().map((file) => readCapture(path.join(directory, file)));
}

function readCapture(file: string): Capture {
  const lines = fs.readFileSync(file, 'utf8').split('\n');
  const [command, recorder, date, ...more] = lines.filter((line) => line.startsWith('#')).map((line) => line.slice(2));
  if (command === undefined || recorder === undefined || date === undefined || more.length > 0) {
    throw new Error(`${file} needs three comment lines: command, recorder, date`);
  }
  const bytes = new Uint8Array(
    Buffer.from(
      lines
        .filter((line) => !line.startsWith('#'))
        .join('')
        .replace(/\s/g, ''),
      'hex',
    ),
  );
  const value: unknown = JSON.parse(fs.readFileSync(file.replace(/txt$/, 'json'), 'utf8'));
  return { name: path.basename(file, '.txt'), command, recorder, date, bytes, value };
}

export function writeCapture(folder: URL, it: Capture): void {
  const hex = Buffer.from(it.bytes).toString('hex').replace(/../g, '$& ');
  const lines = hex.match(/.{1,48}/g) ?? [];
  const text = [`# ${it.command}`, `# ${it.recorder}`, `# ${it.date}`, ...lines.map((line) => line.trim()), ''];
  const file = path.join(fileURLToPath(folder), it.name);
  fs.mkdirSync(path.dirname(file), { recursive: true });
  fs.writeFileSync(`${file}.txt`, text.join('\n'));
  fs.writeFileSync(`${file}.json`, `${JSON.stringify(it.value)}\n`);
}
