/** A daemon that is killed at any moment leaves at most one copy of each service, and the next one makes it exactly one. */
import assert from 'node:assert/strict';
import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { type NativeCandidate, story } from './native-candidate.ts';
import { commandLine, pidsOf, statOf, until } from './native-processes.ts';

const SERVICES = 4;
const ROUNDS = Number(process.env.LANDLINE_CRASH_ROUNDS ?? '20');

interface Daemon {
  readonly process: ChildProcess;
  /** Lets it open its engine. */
  open(): void;
  has(word: string): Promise<void>;
  kill(): Promise<void>;
}

/** `prepare` is some shell, run before in a mount namespace of its own. */
function startDaemon(it: NativeCandidate, mark: string, manner: 'stir' | 'rest', prepare = ''): Daemon {
  const script = fileURLToPath(new URL('native-daemon.ts', import.meta.url));
  const args = [script, it.directory, it.view('shop').netns, mark, String(SERVICES), manner];
  const shell = ['--mount', 'sh', '-c', `${prepare}\nexec "$@"`, 'sh', process.execPath, ...args];
  const daemon = it.owns(spawn('unshare', shell, { stdio: ['pipe', 'pipe', 'inherit'] }));
  let said = '';
  daemon.stdout.on('data', (text) => {
    said += String(text);
  });
  return {
    process: daemon,
    open: () => void daemon.stdin.write('open\n'),
    has: (word) => until(`the daemon is ${word}`, () => said.split('\n').includes(word)),
    kill: async () => {
      const exit = once(daemon, 'exit');
      daemon.kill('SIGKILL');
      await exit;
    },
  };
}

/** Copies of each service. Two that are seen twice are two: one look at /proc takes a while, in which one may follow another. */
function copiesOf(mark: string): readonly (readonly number[])[] {
  const first = look(mark);
  return look(mark).map((pids, i) => pids.filter((pid) => first[i]?.includes(pid)));
}

function look(mark: string): number[][] {
  const all = pidsOf(`1000000.${mark}`).map((pid) => [pid, commandLine(pid)] as const);
  return Array.from({ length: SERVICES }, (_, i) =>
    all.filter(([, line]) => line.includes(`.${mark}${i}\0`)).map(([pid]) => pid),
  );
}

const one = Array.from({ length: SERVICES }, () => 1);
const countsOf = (mark: string): number[] => copiesOf(mark).map((it) => it.length);

/** Looks all the time while `body` runs; returns the pids of what ran twice. */
async function seenTwice(mark: string, body: () => Promise<void>): Promise<readonly string[]> {
  const seen: string[] = [];
  const timer = setInterval(() => {
    for (const pids of copiesOf(mark)) if (pids.length > 1) seen.push(pids.join(' and '));
  }, 10);
  await body().finally(() => clearInterval(timer));
  return seen;
}

/** Kills one daemon after another; `moment` says after which word of it, and how many milliseconds later. */
async function killAgainAndAgain(
  it: NativeCandidate,
  moment: (round: number) => readonly [string, number],
  prepare?: string,
): Promise<void> {
  const mark = `7${process.pid}7`;
  const moments: string[] = [];
  const twice = await seenTwice(mark, async () => {
    let next = startDaemon(it, mark, 'stir', prepare);
    for (let round = 0; round < ROUNDS; round++) {
      const daemon = next;
      next = startDaemon(it, mark, round < ROUNDS - 1 ? 'stir' : 'rest', prepare);
      const [word, ms] = moment(round);
      daemon.open();
      await daemon.has(word);
      await sleep(ms);
      await daemon.kill();
      moments.push(`${word} +${ms.toFixed(1)} ms`);
    }
    next.open();
    await next.has('settled');
    await until('no spawner is left but the last', () => pidsOf(`native/spawner.sh ${it.directory}`).length <= 1);
    // Whatever process 1 an earlier spawner left on its way has arrived by now.
    await sleep(500);
    assert.deepEqual(countsOf(mark), one, moments.join(', '));
    await next.kill();
  });
  assert.deepEqual(twice, [], moments.join(', '));
}

story(`killed ${ROUNDS} times while it starts and stops services`, async (_, it) => {
  await killAgainAndAgain(it, (round) => [round % 2 === 0 ? 'opening' : 'settled', Math.random() * 60]);
});

story(`killed ${ROUNDS} times at every stage of its starts, all of them slow`, async (_, it) => {
  const home = path.join(it.directory, '..');
  const slow = ['unshare', 'mount'].map((program) => {
    const real = execFileSync('which', [program], { encoding: 'utf8' }).trim();
    fs.copyFileSync(real, path.join(home, program));
    fs.writeFileSync(path.join(home, `slow-${program}`), `#!/bin/sh\nsleep 0.1\nexec ${path.join(home, program)} "$@"\n`, {
      mode: 0o755,
    });
    return `${path.join(home, 'mount')} --bind ${path.join(home, `slow-${program}`)} ${real}`;
  });
  await killAgainAndAgain(it, () => ['opening', Math.random() * 600], slow.join('\n'));
});

story('a spawner that comes to its work only after the next daemon has opened starts nothing', async (_, it) => {
  const mark = `8${process.pid}8`;
  const [first, second] = [startDaemon(it, mark, 'stir'), startDaemon(it, mark, 'rest')];
  first.open();
  await first.has('settled');
  const [spawner = 0] = pidsOf('native/spawner.sh').filter((pid) => statOf(pid).parent === first.process.pid);
  process.kill(spawner, 'SIGSTOP');
  await until('it stops its services, and waits for their starts', () => countsOf(mark).every((count) => count === 0));
  await first.kill();
  second.open();
  await second.has('settled');
  await until('all run', () => countsOf(mark).every((count) => count === 1));
  const before = copiesOf(mark);
  process.kill(spawner, 'SIGCONT');
  await until('the former spawner is gone', () => !pidsOf('native/spawner.sh').includes(spawner));
  await sleep(100);
  assert.deepEqual(copiesOf(mark), before);
  assert.deepEqual(countsOf(mark), one);
  await second.kill();
});
