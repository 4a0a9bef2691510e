/** Logs of native services: kept short while they are written, and with times. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { linesOf, serviceOf, whenExited } from '../../src/engine/contract.ts';
import type { Engine } from '../../src/engine/index.ts';
import { openNativeEngine } from '../../src/engine/native/index.ts';
import { type NativeCandidate, story } from './native-candidate.ts';

const shell = (text: string): readonly string[] => ['sh', '-c', text];

/** A story with an engine that keeps this much of logs. */
function storyWithLimits(title: string, body: (engine: Engine, it: NativeCandidate) => Promise<void>): void {
  story(title, async (first, it) => {
    await first.close();
    const log = (line: string, fields: Record<string, unknown>): void => void it.log.push(`${line} ${JSON.stringify(fields)}`);
    const logLimits = { most: 100_000, keep: 50_000 };
    const engine = openNativeEngine({ directory: it.directory, hiddenFolder: '/run/netns', log, logLimits });
    await engine.open();
    try {
      await body(engine, it);
    } finally {
      await engine.close();
    }
  });
}

const isConsecutive = (numbers: readonly number[]): boolean =>
  numbers.every((it, index) => index === 0 || it === (numbers[index - 1] ?? 0) + 1);

storyWithLimits(
  'a log is kept short while it is written: the disk gets its beginning back, and nothing of the rest is lost or torn',
  async (engine, it) => {
    const count = shell('for i in $(seq 10 69); do seq ${i}000 ${i}999; sleep 0.08; done');
    const ended = whenExited(engine, 'shop', 'web');
    await engine.start(it.view('shop'), serviceOf('web', count), 'd');
    const followed: number[] = [];
    const stop = new AbortController();
    const following = (async () => {
      for await (const { text } of engine.logs('shop', { services: ['web'], follow: true, signal: stop.signal })) {
        followed.push(Number(text));
        if (followed.length === 60_000) stop.abort();
      }
    })();
    await ended;
    await following;
    assert.deepEqual([followed[0], followed.length, isConsecutive(followed)], [10_000, 60_000, true], 'who follows hears it all');
    const numbers = (await linesOf(engine, 'shop')).map((line) => Number(line.replace('web: ', '')));
    assert.ok(numbers.length > 5_000 && numbers.length < 40_000, `${numbers.length} lines are kept`);
    assert.deepEqual([numbers.at(-1), isConsecutive(numbers)], [69_999, true]);
    const stat = fs.statSync(path.join(it.directory, 'shop', 'services', 'web', 'log'));
    assert.equal(stat.size, 360_000);
    assert.ok(stat.blocks * 512 < 200_000, `${stat.blocks * 512} bytes of the disk`);
    assert.deepEqual(await linesOf(engine, 'shop', { tail: 2 }), ['web: 69998', 'web: 69999']);
    assert.equal((await linesOf(engine, 'shop', { tail: 1_000_000 })).length, numbers.length);
    assert.deepEqual(
      it.log.filter((line) => line.includes('shortened')),
      [],
    );
  },
);

story('lines have times, and can be asked for since one; a new start and a new daemon go on with them', async (engine, it) => {
  const run = async (which: Engine, text: string): Promise<number> => {
    const ended = whenExited(which, 'shop', 'web');
    await which.start(it.view('shop'), serviceOf('web', shell(text)), 'd');
    await ended;
    return Date.now();
  };
  const before = Date.now();
  const one = await run(engine, 'echo one; sleep 1.5; echo two');
  await engine.close();
  const next = it.openEngine();
  try {
    await next.open();
    await run(next, 'echo three');
    const signal = new AbortController().signal;
    const lines: { text: string; time: number }[] = [];
    for await (const { text, time = 0 } of next.logs('shop', { services: [], follow: false, times: true, signal }))
      lines.push({ text, time });
    const [first, second, third] = lines;
    assert.deepEqual(
      lines.map(({ text }) => text),
      ['one', 'two', 'three'],
    );
    assert.ok(first !== undefined && first.time >= before && first.time < before + 1300, 'to about a second');
    assert.ok(second !== undefined && second.time >= before + 1500 && second.time <= one);
    assert.ok(third !== undefined && third.time >= one && third.time <= Date.now());
    assert.deepEqual(await linesOf(next, 'shop', { since: second.time }), ['web: two', 'web: three']);
    assert.deepEqual(await linesOf(next, 'shop', { since: one + 1 }), ['web: three']);
    assert.deepEqual(await linesOf(next, 'shop', { since: Date.now() + 1000 }), []);
  } finally {
    await next.close();
  }
});

story('a log that somebody emptied begins anew', async (engine, it) => {
  const log = path.join(it.directory, 'shop', 'services', 'web', 'log');
  for (const text of ['echo a long line that goes', 'echo new']) {
    const ended = whenExited(engine, 'shop', 'web');
    await engine.start(it.view('shop'), serviceOf('web', shell(text)), 'd');
    await ended;
    if (text !== 'echo new') fs.truncateSync(log, 0);
  }
  assert.deepEqual(await linesOf(engine, 'shop'), ['web: new']);
  assert.deepEqual(await linesOf(engine, 'shop', { since: Date.now() - 60_000 }), ['web: new']);
});
