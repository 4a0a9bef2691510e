import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { formatIpv4 } from '../net/ipv4.ts';
import { at, temporaryFolder } from './fixture.ts';
import { openStore } from './index.ts';

const here = (file: string): string => JSON.stringify(new URL(file, import.meta.url).href);

/**
 * A program that changes the ledger without end: environments e0, e1 … of two endpoints each, every fourth one removed
 * again. Before a change it says what it is about to do, `?take e0 eth0`; when the call has returned, what it got. A
 * refusal is said by its code, and is the end.
 */
const writer = (file: string, round: number): string => `
  import { writeSync } from 'node:fs';
  import { openStore } from ${here('./index.ts')};
  import { ask, at, office, spec } from ${here('./fixture.ts')};
  import { formatIpv4, ipv4 } from ${here('../net/ipv4.ts')};
  // A write beyond the limit of the file's size is then an error, and not the process's end.
  process.on('SIGXFSZ', () => {});
  const say = (text) => writeSync(1, text + '\\n');
  const network = { ...office, pool: [{ first: ipv4('192.168.10.1'), last: ipv4('192.168.11.254') }], exclude: [] };
  const store = openStore({ file: ${JSON.stringify(file)}, now: at('14:00') });
  try {
    for (let i = 0; ; i += 1) {
      const name = 'r${round}e' + i;
      store.putEnvironment(spec(name), 'up', at('14:00'));
      for (const link of ['eth0', 'eth1']) {
        say('?take ' + name + ' ' + link);
        const lease = store.take(ask(name + '/' + link, 'pool', '14:00', { network }));
        say('take ' + name + ' ' + link + ' ' + formatIpv4(lease.address));
      }
      if (i % 4 > 0) continue;
      say('?remove ' + name);
      store.removeEnvironment({ name, now: at('14:00'), quarantineMs: 0, keepAddresses: false });
      say('remove ' + name);
    }
  } catch (error) {
    say('!' + error.code);
  }`;

/** What a writer said: what it got an answer for, what it was doing at its end, and how it was refused. */
interface Account {
  readonly held: ReadonlyMap<string, string>;
  /** Name of the environment of the change that nobody knows the end of. */
  readonly open?: string;
  readonly refusal?: string;
}

/** Listens to the end of a writer, which comes by kill -9 once it has said so many lines. */
async function listen(child: ChildProcess, mostLines = Number.POSITIVE_INFINITY): Promise<Account> {
  let text = '';
  child.stdout?.on('data', (chunk) => {
    text += String(chunk);
    if (text.split('\n').length > mostLines) child.kill('SIGKILL');
  });
  await once(child, 'close');
  const held = new Map<string, string>();
  let open: string | undefined;
  let refusal: string | undefined;
  for (const line of text.split('\n').slice(0, -1)) {
    const [verb, name = '', link, address = ''] = line.split(' ');
    open = line.startsWith('?') ? name : undefined;
    if (verb === 'take') held.set(`${name} ${link}`, address);
    if (verb === 'remove') for (const each of ['eth0', 'eth1']) held.delete(`${name} ${each}`);
    if (line.startsWith('!')) refusal = line.slice(1);
  }
  return { held, ...(open === undefined ? {} : { open }), ...(refusal === undefined ? {} : { refusal }) };
}

/** What the file holds of one round, as `Account.held`. */
function readHeld(file: string): ReadonlyMap<string, string> {
  const store = openStore({ file, now: at('14:00') });
  const leases = store.leases();
  const names = new Set(store.environments().map((it) => it.spec.name));
  store.close();
  for (const it of leases) assert.ok(names.has(it.environment), `${it.environment} was written before its lease`);
  assert.equal(new Set(leases.map((it) => it.address)).size, leases.length);
  return new Map(leases.map((it) => [`${it.environment} ${it.interface}`, formatIpv4(it.address)]));
}

const without = (map: ReadonlyMap<string, string>, environment: string | undefined): Record<string, string> =>
  Object.fromEntries([...map].filter(([endpoint]) => endpoint.split(' ')[0] !== environment).sort());

test('kill -9 in the middle of writes loses nothing that was acknowledged, and leaves nothing half done', async (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  let before: ReadonlyMap<string, string> = new Map();
  let acknowledged = 0;
  for (let round = 0; round < 6; round += 1) {
    const child = spawn(process.execPath, ['--input-type=module', '-e', writer(file, round)], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const { held, open, refusal } = await listen(child, 20 + 31 * round);
    assert.equal(refusal, undefined);
    const now = readHeld(file);
    assert.deepEqual(without(now, open), without(new Map([...before, ...held]), open));
    // The change whose end nobody saw has happened whole, or not at all: two endpoints, none, or the first alone while
    // the second was being taken.
    if (open !== undefined) assert.ok([...now.keys()].filter((it) => it.split(' ')[0] === open).length <= 2);
    acknowledged += held.size;
    before = now;
  }
  t.diagnostic(`${acknowledged} addresses taken in six rounds`);
  assert.ok(acknowledged > 100, String(acknowledged));
});

test('a full disk refuses the change, and keeps all that was acknowledged', async (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  openStore({ file, now: at('14:00') }).close();
  // No file may grow beyond 512 blocks (of 512 or 1,024 bytes): what a write meets then is what a full disk says too.
  const child = spawn('sh', ['-c', 'ulimit -f 512; exec "$0" --input-type=module -e "$1"', process.execPath, writer(file, 0)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const { held, refusal, open } = await listen(child);
  assert.equal(refusal, 'STATE_UNWRITABLE');
  assert.ok(held.size > 5, String(held.size));
  assert.equal(open, undefined);
  assert.deepEqual(without(readHeld(file), undefined), without(held, undefined));
});
