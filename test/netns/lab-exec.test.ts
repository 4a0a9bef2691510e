import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { labExec } from '../../src/lab/index.ts';
import { labScript, type Outcome, run, type TestLab, withLab, withoutTestRunner } from '../lab.ts';

const office = { daemon: false };

const execScript = (lab: TestLab, command: readonly string[]): readonly string[] =>
  labScript(`process.exitCode = await labExec({ name: '${lab.name}', host: 'pc', command: ${JSON.stringify(command)} });`);

const exec = (lab: TestLab, command: readonly string[], stdin = '', env = withoutTestRunner()): Promise<Outcome> =>
  run(process.execPath, execScript(lab, command), stdin, env);

test('the exit status of the command is passed on, also that of a signal and of a program that is not there', async (t) => {
  await withLab(t, office, async (lab) => {
    const statusOf = async (...command: string[]): Promise<number> => labExec({ name: lab.name, host: 'pc', command });
    assert.equal(await statusOf('true'), 0);
    assert.equal(await statusOf('sh', '-c', 'exit 7'), 7);
    assert.equal(await statusOf('sh', '-c', 'kill -TERM $$'), 128 + 15);
    assert.equal(await statusOf('sh', '-c', 'kill -KILL $$'), 128 + 9);
    const missing = await exec(lab, ['no-such-program']);
    assert.equal(missing.status, 127);
    assert.match(missing.stderr, /no-such-program: not found/);
  });
});

test('arguments arrive as they are, and stdin, stdout and stderr are our own', async (t) => {
  await withLab(t, office, async (lab) => {
    const args = ['', 'a b', "it's", '$HOME', '-n', '--', '*', 'ä\n'];
    const { stdout } = await exec(lab, ['printf', '<%s>', ...args]);
    assert.equal(stdout, args.map((it) => `<${it}>`).join(''));
    assert.deepEqual(await exec(lab, ['sh', '-c', 'tr a-z A-Z; echo done >&2'], 'hello'), {
      status: 0,
      stdout: 'HELLO',
      stderr: 'done\n',
    });
    const long = 'x'.repeat(1_000_000);
    assert.equal((await exec(lab, ['cat'], long)).stdout.length, long.length);
  });
});

test('the environment is passed on with this Landline first in the PATH, but for what leads to a daemon outside', async (t) => {
  await withLab(t, office, async (lab) => {
    const env = {
      ...withoutTestRunner(),
      TERM: 'vt100',
      COLOUR: 'blue',
      HOME: '/nowhere',
      LANDLINE_SOCKET: '/x',
      LANDLINE_DEBUG: '1',
    };
    const { stdout } = await exec(lab, ['env'], '', env);
    const seen = Object.fromEntries(
      stdout.split('\n').map((it) => [it.slice(0, it.indexOf('=')), it.slice(it.indexOf('=') + 1)]),
    );
    assert.equal(seen.TERM, 'vt100');
    assert.equal(seen.COLOUR, 'blue');
    assert.equal(seen.HOME, '/root');
    assert.deepEqual(
      Object.keys(seen).filter((it) => it.startsWith('LANDLINE_')),
      [],
    );
    assert.equal(seen.PATH?.split(':')[0], `${process.cwd()}/bin`);
  });
});

test("it starts in our own folder, where the machine has it; the folder is the machine's", async (t) => {
  await withLab(t, office, async (lab) => {
    const inFolder = (cwd: string, command: readonly string[]): Promise<Outcome> =>
      run('sh', ['-c', `cd ${cwd} && exec "$@"`, 'sh', process.execPath, ...execScript(lab, command)]);
    assert.equal((await inFolder('/usr/share', ['pwd'])).stdout, '/usr/share\n');
    assert.equal((await inFolder('/etc', ['cat', 'hostname'])).stdout, 'pc\n');
    assert.equal((await inFolder('/run/landline-lab', ['pwd'])).stdout, '/\n');
  });
});

/** Starts a command by labExec in a process of its own, once it has said that it is ready. */
async function startExec(lab: TestLab, command: readonly string[]): Promise<{ child: ChildProcess; said: () => string }> {
  const child = spawn(process.execPath, execScript(lab, command), {
    stdio: ['ignore', 'pipe', 'inherit'],
    env: withoutTestRunner(),
  });
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    said += text;
  });
  await once(child.stdout, 'data');
  return { child, said: () => said };
}

const countSignals = `trap 'echo INT' INT; trap 'echo TERM; exit 3' TERM; trap 'echo HUP' HUP; echo ready; while :; do sleep 0.05; done`;

test('signals go to the command, which decides what to do about them', async (t) => {
  await withLab(t, office, async (lab) => {
    const { child, said } = await startExec(lab, ['sh', '-c', countSignals]);
    for (const signal of ['SIGINT', 'SIGHUP'] as const) {
      child.kill(signal);
      if (child.stdout !== null) await once(child.stdout, 'data');
    }
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'close'), [3, null]);
    assert.equal(said(), 'ready\nINT\nHUP\nTERM\n');
  });
});

test('a command that does nothing about TERM ends of it', async (t) => {
  await withLab(t, office, async (lab) => {
    const { child } = await startExec(lab, ['sh', '-c', 'echo ready; exec sleep 1000']);
    child.kill('SIGTERM');
    assert.deepEqual(await once(child, 'exit'), [128 + 15, null]);
  });
});

test('a signal that comes before the command is there reaches it nevertheless, or ends us with its status', async (t) => {
  await withLab(t, office, async (lab) => {
    for (const milliseconds of [0, 40, 60, 70, 80, 90, 100, 110, 120, 130, 140, 160]) {
      const child = spawn(process.execPath, execScript(lab, ['sleep', '1000']), { stdio: 'ignore', env: withoutTestRunner() });
      const ended = once(child, 'exit');
      await sleep(milliseconds);
      child.kill('SIGTERM');
      const [code, signal] = await ended;
      assert.ok(code === 128 + 15 || signal === 'SIGTERM', `after ${milliseconds} ms: ${code} ${signal}`);
    }
    assert.equal(await lab.read('pc', ['sh', '-c', 'grep -l "^sleep.1000" /proc/[0-9]*/cmdline || true']), '');
  });
});

const endAtSecondInt = `let told = 0;
process.on('SIGINT', () => { console.log('INT'); told += 1; if (told === 2) process.exit(5); });
setInterval(() => undefined, 1000);
console.log('ready');`;

test('Ctrl-C in a terminal reaches the command once', async (t) => {
  await withLab(t, office, async (lab) => {
    // Not a shell: one that is told twice while it starts a child may end of the second itself.
    const command = [process.execPath, ...execScript(lab, [process.execPath, '-e', endAtSecondInt])];
    const quoted = command.map((it) => `'${it.replaceAll("'", `'\\''`)}'`).join(' ');
    // Whatever the user's own shell is: one that stayed as the parent would end of the first Ctrl-C itself.
    const child = spawn('script', ['-qec', `exec ${quoted}`, '/dev/null'], {
      stdio: ['pipe', 'pipe', 'inherit'],
      env: { ...withoutTestRunner(), SHELL: '/bin/sh' },
    });
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => {
      said += text;
    });
    const until = async (pattern: RegExp): Promise<void> => {
      while (!pattern.test(said)) await once(child.stdout, 'data');
    };
    await until(/ready/);
    child.stdin.write('\x03');
    await until(/INT/);
    child.stdin.write('\x03');
    assert.deepEqual(await once(child, 'close'), [5, null]);
    assert.equal(said.match(/INT/g)?.length, 2);
  });
});
