import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { after, test } from 'node:test';
import { type FileLine, openLogFile } from './log-file.ts';

const home = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-log-'));
after(() => fs.rmSync(home, { recursive: true }));
const file = path.join(home, 'log');

const fromTheBeginning = (): number => 0;
const textsOf = (lines: readonly FileLine[]): readonly string[] => lines.map((it) => it.text);

/** All lines from where it was opened to the end, the unfinished one last. */
async function readWhole(text: string | Buffer, tail?: number): Promise<string[]> {
  fs.writeFileSync(file, text);
  const log = await openLogFile(file, { start: fromTheBeginning, ...(tail === undefined ? {} : { tail }) });
  const lines: string[] = [];
  for (let some = await log.read(); some.length > 0; some = await log.read()) lines.push(...textsOf(some));
  lines.push(...textsOf(log.rest()));
  await log.close();
  return lines;
}

test('a log is told in lines, empty ones too, and the last without its end', async () => {
  assert.deepEqual(await readWhole(''), []);
  assert.deepEqual(await readWhole('\n'), ['']);
  assert.deepEqual(await readWhole('one\n\ntwo\nthr'), ['one', '', 'two', 'thr']);
});

test('a tail is the last lines, an unfinished one among them', async () => {
  const text = 'one\ntwo\nthree\n';
  for (const [tail, wanted] of [
    [0, []],
    [1, ['three']],
    [2, ['two', 'three']],
    [3, ['one', 'two', 'three']],
    [9, ['one', 'two', 'three']],
  ] as const) {
    assert.deepEqual(await readWhole(text, tail), wanted);
  }
  assert.deepEqual(await readWhole('one\ntwo', 1), ['two']);
  assert.deepEqual(await readWhole('one\n\n', 1), ['']);
  assert.deepEqual(await readWhole('', 3), []);
});

test('a tail that is longer than one look is found, wherever the looks meet', async () => {
  for (const length of [65_534, 65_535, 65_536, 65_537, 200_000]) {
    const long = 'x'.repeat(length);
    assert.deepEqual(await readWhole(`first\n${long}\nlast\n`, 2), [long, 'last'], String(length));
  }
  const many = Array.from({ length: 50_000 }, (_, i) => `line ${i}`);
  assert.deepEqual(await readWhole(`${many.join('\n')}\n`, 40_000), many.slice(10_000));
});

test('a character that two looks cut in half is whole', async () => {
  const line = `${'x'.repeat(65_535)}☃`;
  assert.deepEqual(await readWhole(`${line}\n`), [line]);
});

test('a line without end is told in pieces: memory has an end', async () => {
  const pieces = await readWhole('x'.repeat(3_000_000));
  assert.ok(pieces.length > 1 && pieces.every((it) => it.length < 1_200_000), `${pieces.map((it) => it.length)}`);
  assert.equal(pieces.join('').length, 3_000_000);
});

test('half a line is held back until the rest of it comes', async () => {
  fs.writeFileSync(file, 'one\ntw');
  const log = await openLogFile(file, { start: fromTheBeginning });
  assert.deepEqual(textsOf(await log.read()), ['one']);
  assert.deepEqual(textsOf(await log.read()), []);
  fs.appendFileSync(file, 'o\n');
  assert.deepEqual(textsOf(await log.read()), ['two']);
  await log.close();
});

test('a log that was emptied is read from its new beginning', async () => {
  fs.writeFileSync(file, 'one\ntwo\n');
  const log = await openLogFile(file, { start: fromTheBeginning });
  assert.deepEqual(textsOf(await log.read()), ['one', 'two']);
  fs.truncateSync(file);
  fs.appendFileSync(file, 'new\n');
  assert.deepEqual(textsOf(await log.read()), ['new']);
  await log.close();
});

test('lines have the offsets of their ends, and nothing is read of what the log has let go', async () => {
  fs.writeFileSync(file, 'one\nzwölf\nthree\n');
  let start = 4;
  const log = await openLogFile(file, { start: () => start });
  assert.deepEqual(await log.read(), [
    { text: 'zwölf', end: 11 },
    { text: 'three', end: 17 },
  ]);
  fs.appendFileSync(file, 'four\nfive\n');
  start = 22;
  assert.deepEqual(await log.read(), [{ text: 'five', end: 27 }]);
  await log.close();
  const late = await openLogFile(file, { start: () => 4, tail: 99, from: 11 });
  assert.deepEqual(textsOf(await late.read()), ['three', 'four', 'five']);
  await late.close();
});
