import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { isLandlineError } from '../../src/errors.ts';
import { labDown, labStatus, labUp } from '../../src/lab/index.ts';
import { cleanLabs, labScript, nameLab, openLab, run, type TestLab, withLab, withoutTestRunner } from '../lab.ts';

const office = { daemon: false };
const machines = ['switch', 'router', 'server', 'pc', 'host', 'branch-pc'];

const upScript = (name: string): readonly string[] =>
  labScript(`const made = await labUp({ name: '${name}', daemon: false, onProgress: (line) => console.error(line) });
    console.log(JSON.stringify(made));`);

function readText(file: string): string {
  try {
    return fs.readFileSync(file, 'latin1');
  } catch {
    return '';
  }
}

/** Everything that shows a lab from outside: its processes, what they have mounted, its files. */
function tracesOf(name: string): readonly string[] {
  const mark = `landline-lab/${name}/`;
  const pids = fs.readdirSync('/proc').filter((it) => /^\d+$/.test(it) && Number(it) !== process.pid);
  const told = pids.flatMap((pid) => {
    const kinds = ['cmdline', 'mountinfo'].filter((file) => readText(`/proc/${pid}/${file}`).includes(mark));
    return kinds.map((kind) => `${pid}/${kind}: ${readText(`/proc/${pid}/cmdline`).replaceAll('\0', ' ')}`);
  });
  const mounts = readText('/proc/mounts').includes(mark) ? ['a mount outside'] : [];
  const files = fs.readdirSync('/run/landline-lab').filter((it) => it === name || it.startsWith(`${name}.`));
  return [...told, ...mounts, ...files];
}

async function assertWhole(lab: TestLab): Promise<void> {
  const [status] = await labStatus({ name: lab.name });
  assert.equal(status?.state, 'running');
  assert.deepEqual(
    status?.machines.map((it) => `${it.name} ${it.state}`),
    machines.map((it) => `${it} running`),
  );
  // Whole means reached, too: nothing listens there, and that is what it says.
  const refused = await lab.exec('pc', ['bash', '-c', 'exec 3<>/dev/tcp/10.50.0.20/9']);
  assert.match(refused.stderr, /Connection refused/);
  const initsNow = (): readonly string[] => tracesOf(lab.name).filter((it) => it.includes('/cmdline: sh '));
  let inits = initsNow();
  // A shell that starts a child looks like two for a moment.
  for (let tries = 0; inits.length > machines.length && tries < 20; tries += 1) {
    await sleep(50);
    inits = initsNow();
  }
  assert.equal(inits.length, machines.length, inits.join('\n'));
}

test('down leaves no process, no mount and no file, also when commands were running in the lab', async (t) => {
  await withLab(t, office, async (lab) => {
    const running = lab.start('pc', ['sh', '-c', 'echo here; exec sleep 1000']);
    const ended = once(running, 'exit');
    await once(running.stdout, 'data');
    await lab.read('host', ['sh', '-c', '(sleep 1000 & setsid sleep 1001 & nohup sleep 1002 &) >/dev/null 2>&1']);
    assert.notDeepEqual(tracesOf(lab.name), []);
    await labDown({ name: lab.name });
    assert.deepEqual(tracesOf(lab.name), []);
    assert.deepEqual(await ended, [137, null]);
  });
});

test('making a lab leaves no descriptor open in whoever made it', async (t) => {
  await withLab(t, office, async () => {});
  const open = async (): Promise<readonly string[]> => {
    const { stdout } = await run('ls', ['-l', `/proc/${process.pid}/fd`]);
    return stdout.split('\n').filter((it) => /-> ((net|mnt|pid|uts):|.*landline-lab)/.test(it));
  };
  const before = await open();
  await withLab(t, office, async (lab) => {
    await labStatus({ name: lab.name });
    assert.deepEqual(await open(), before);
  });
});

test('a lab that is not there is said to be unknown, and so is a machine', async (t) => {
  const name = nameLab();
  await assert.rejects(labDown({ name }), (error) => isLandlineError(error, 'LAB_UNKNOWN'));
  await assert.rejects(labStatus({ name }), (error) => isLandlineError(error, 'LAB_UNKNOWN'));
  await assert.rejects(labDown({ name: 'Office' }), (error) => isLandlineError(error, 'USAGE'));
  assert.deepEqual(tracesOf(name), []);
  await withLab(t, office, async (lab) => {
    assert.throws(() => lab.pidOf('printer'), {
      message: "the office has no machine 'printer'",
      next: 'it has switch, router, server, pc, host, branch-pc',
    });
  });
});

test('a lab needs root, and says so', async () => {
  const { status, stderr } = await run('unshare', ['--user', process.execPath, ...upScript(nameLab())]);
  assert.equal(status, 1);
  assert.match(stderr, /NOT_ROOT/);
  assert.match(stderr, /`landline lab up` needs root/);
});

test('a machine that was killed a moment ago is not taken for one that runs', async (t) => {
  await withLab(t, office, async (lab) => {
    for (const machine of machines) {
      process.kill(lab.pidOf(machine), 'SIGKILL');
      assert.equal((await labUp({ ...office, name: lab.name })).made, true, machine);
    }
    await assertWhole(lab);
  });
});

test('up again on a lab that is whole touches no process, and says that it was there', async (t) => {
  await withLab(t, office, async (lab) => {
    const before = machines.map(lab.pidOf);
    const said: string[] = [];
    const again = await labUp({ ...office, name: lab.name, onProgress: (line) => said.push(line) });
    assert.equal(again.made, false);
    assert.deepEqual(said, [`the lab '${lab.name}' is up already`]);
    assert.deepEqual(machines.map(lab.pidOf), before);
    await assert.rejects(labUp({ ...office, name: lab.name, plainNic: true }), {
      code: 'LAB_FAILED',
      message: /it is there already, with br0 on the host, no daemon, no Docker$/,
    });
    await assertWhole(lab);
  });
});

test('two that make the same lab at once: one makes it, the other waits and finds it made', async (t) => {
  const name = nameLab();
  t.after(() => labDown({ name }));
  const outcomes = await Promise.all([run(process.execPath, upScript(name)), run(process.execPath, upScript(name))]);
  for (const it of outcomes) assert.equal(it.status, 0, it.stderr);
  // A cast, since this is what the script prints.
  const made = outcomes.map((it) => (JSON.parse(it.stdout) as { readonly made: boolean }).made);
  assert.deepEqual(made.sort(), [false, true]);
  await assertWhole(openLab(name));
});

test('two in one process that make and end the same lab at once each get their turn', async (t) => {
  const name = nameLab();
  t.after(() => labDown({ name }));
  const [one, other] = await Promise.all([labUp({ ...office, name }), labUp({ ...office, name })]);
  assert.deepEqual([one.made, other.made].sort(), [false, true]);
  const downs = await Promise.allSettled([labDown({ name }), labDown({ name })]);
  assert.deepEqual(downs.map((it) => it.status).sort(), ['fulfilled', 'rejected']);
  assert.deepEqual(tracesOf(name), []);
  await labUp({ ...office, name });
  await assertWhole(openLab(name));
});

test('a machine whose first process is killed breaks the lab, and up builds it anew', async (t) => {
  await withLab(t, office, async (lab) => {
    const before = machines.map(lab.pidOf);
    process.kill(lab.pidOf('router'), 'SIGKILL');
    const [broken] = await labStatus({ name: lab.name });
    assert.equal(broken?.state, 'broken');
    assert.deepEqual(
      broken?.machines.filter((it) => it.state === 'ended').map((it) => it.name),
      ['router'],
    );
    assert.throws(() => lab.pidOf('router'), { code: 'LAB_FAILED' });
    assert.equal((await labUp({ ...office, name: lab.name })).made, true);
    assert.equal(machines.filter((it, at) => lab.pidOf(it) === before[at]).length, 0);
    await assertWhole(lab);
  });
});

test('TERM ends a machine and all that runs in it', async (t) => {
  await withLab(t, office, async (lab) => {
    const running = lab.start('pc', ['sh', '-c', 'echo here; exec sleep 1000']);
    await once(running.stdout, 'data');
    process.kill(lab.pidOf('pc'), 'SIGTERM');
    assert.deepEqual(await once(running, 'exit'), [137, null]);
  });
});

test('orphans are reaped by the first process', async (t) => {
  await withLab(t, office, async (lab) => {
    await lab.read('pc', ['sh', '-c', 'for i in 1 2 3 4 5; do (sleep 0.05 &); done']);
    await sleep(300);
    assert.doesNotMatch(await lab.read('pc', ['sh', '-c', 'cat /proc/[0-9]*/stat']), / Z /);
  });
});

/** Kills a process that makes the lab, after so many milliseconds. */
async function killWhileMaking(name: string, milliseconds: number): Promise<void> {
  const child = spawn(process.execPath, upScript(name), { stdio: 'ignore', env: withoutTestRunner() });
  const ended = once(child, 'exit');
  await sleep(milliseconds);
  child.kill('SIGKILL');
  await ended;
}

async function measureUp(t: TestContext): Promise<number> {
  const name = nameLab();
  t.after(() => labDown({ name }));
  const start = performance.now();
  const { status, stderr } = await run(process.execPath, upScript(name));
  assert.equal(status, 0, stderr);
  return performance.now() - start;
}

test('whoever makes a lab may be killed at any moment: the next up makes it whole, and down leaves nothing', async (t) => {
  const whole = await measureUp(t);
  // The first third is the start of Node.
  for (const part of [0.3, 0.4, 0.5, 0.55, 0.6, 0.65, 0.7, 0.75, 0.8, 0.85, 0.9, 0.95, 1]) {
    const name = nameLab();
    const lab = openLab(name);
    await killWhileMaking(name, whole * part);
    await labUp({ ...office, name });
    await assertWhole(lab);
    await labDown({ name });
    assert.deepEqual(tracesOf(name), [], `killed after ${Math.round(whole * part)} ms`);
  }
});

/** Kills a process that makes the lab, once it has said that it does this. */
async function killWhen(name: string, doing: string): Promise<void> {
  const child = spawn(process.execPath, upScript(name), { stdio: ['ignore', 'ignore', 'pipe'], env: withoutTestRunner() });
  const ended = once(child, 'exit');
  let said = '';
  for await (const text of child.stderr.setEncoding('utf8')) {
    said += text;
    if (said.includes(doing)) child.kill('SIGKILL');
  }
  await ended;
}

test('what is left of a lab that was never made to the end is said to be broken, and down clears it away', async () => {
  const name = nameLab();
  await killWhen(name, 'starting the machines');
  const [status] = await labStatus({ name });
  assert.equal(status?.state, 'broken');
  assert.throws(() => openLab(name).pidOf('pc'), { code: 'LAB_FAILED' });
  await labDown({ name });
  assert.deepEqual(tracesOf(name), []);
});

test('a machine that cannot be started fails the whole lab, with its reason, and leaves nothing', async (t) => {
  const name = nameLab();
  const folder = fs.mkdtempSync('/tmp/landline-test-');
  t.after(() => fs.rmSync(folder, { recursive: true }));
  // A mount(8) that refuses the machine `pc` its sysfs.
  const refusing = `#!/bin/sh
    case "$(uname -n) $*" in "pc -t sysfs"*) echo "no sysfs today" >&2; exit 32 ;; esac
    exec /usr/bin/mount "$@"\n`;
  fs.writeFileSync(`${folder}/mount`, refusing, { mode: 0o755 });
  const { stderr, status } = await run(process.execPath, upScript(name), '', {
    ...withoutTestRunner(),
    PATH: `${folder}:${process.env.PATH}`,
  });
  assert.equal(status, 1);
  assert.match(stderr, /the lab could not start the machine pc: no sysfs today/);
  assert.deepEqual(tracesOf(name), []);
});

test('test/clean takes down the labs of test runs that are gone, and no others', async (t) => {
  await withLab(t, office, async (own) => {
    const { stdout } = await run(process.execPath, ['-e', 'console.log(process.pid)']);
    const forsaken = `test-${stdout.trim()}-1-1`;
    await labUp({ ...office, name: forsaken });
    assert.ok((await cleanLabs()).includes(forsaken));
    assert.deepEqual(tracesOf(forsaken), []);
    await assertWhole(own);
  });
});
