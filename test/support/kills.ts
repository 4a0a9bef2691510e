/**
 * Ups, changes and downs of several environments while the daemon is killed at random moments; after each kill another
 * is started, and what it makes of it is held against what was acknowledged, the ledger, the kernel and the processes.
 */
import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView } from '../../src/api/contract.ts';
import { type EnvironmentFile, type Office, until, withOffice } from '../office.ts';

const names = ['crm', 'erp', 'mail', 'pos', 'shop', 'wiki'] as const;
type Name = (typeof names)[number];

/** What an environment was asked to be. */
interface Wish {
  readonly address: string;
  readonly services: readonly string[];
}
type Wanted = Wish | 'gone';

/** What may be of an environment: what was acknowledged, or one of two when a request was cut off. */
type Known = ReadonlyMap<Name, readonly Wanted[]>;

type Random = () => number;

/** A small generator of its own, so that a seed tells the whole story (mulberry32). */
function random(seed: number): Random {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const pick = <T>(next: Random, list: readonly T[]): T => list[Math.floor(next() * list.length)] as T;

/** @param kills how often the daemon is killed */
export async function killAtRandom(t: TestContext, kills: number, seed: number): Promise<void> {
  t.diagnostic(`seed ${seed}`);
  const next = random(seed);
  let known: Known = new Map(names.map((name) => [name, ['gone']]));
  await withOffice(t, {}, async (office) => {
    await makeForeign(office);
    const foreign = await foreignOf(office);
    for (let kill = 1; kill <= kills; kill += 1) {
      const when = `seed ${seed}, kill ${kill}`;
      const chosen = names.filter(() => next() < 0.6);
      const acts = chosen.map((name) => act(office, name, wantedOf(next, name), known.get(name) ?? []));
      await sleep(next() * 900);
      await office.daemon.kill();
      known = new Map([...known, ...(await Promise.all(acts))]);
      await office.daemon.start();
      known = await compare(office, known, when);
      assert.equal(await foreignOf(office), foreign, `${when}: other people's`);
    }
    await office.api.call('DELETE', '/v1/environments');
    await compare(office, new Map(names.map((name) => [name, ['gone']])), `seed ${seed}, the end`);
    assert.equal(await foreignOf(office), foreign);
  });
}

/** Another wish for an environment, by its own rules: each name has a fixed address of its own. */
function wantedOf(next: Random, name: Name): Wanted {
  if (next() < 0.35) return 'gone';
  const address = next() < 0.5 ? 'pool' : `192.168.11.${30 + names.indexOf(name)}`;
  return { address, services: pick(next, [['a'], ['a', 'b'], ['b'], []]) };
}

const fileOf = (name: Name, { address, services }: Wish): EnvironmentFile => ({
  name,
  'x-landline': { network: 'office', address },
  services: Object.fromEntries(services.map((it) => [it, { command: ['sleep', 'infinity'] }])),
});

/** Asks for it, and tells what may be of it afterwards. */
async function act(
  office: Office,
  name: Name,
  wanted: Wanted,
  before: readonly Wanted[],
): Promise<readonly [Name, readonly Wanted[]]> {
  const request = wanted === 'gone' ? office.down(name) : office.up(fileOf(name, wanted));
  const outcome = await request.then(
    () => 'done' as const,
    (error: unknown) => error,
  );
  if (outcome === 'done') return [name, [wanted]];
  const code = outcome instanceof Error && 'body' in outcome ? (outcome.body as { code: string }).code : undefined;
  // There was nothing to end.
  if (code === 'ENVIRONMENT_UNKNOWN') return [name, ['gone']];
  return [name, [...before, wanted]];
}

/** The ledger, the kernel and the processes say the same, and nothing that was acknowledged is forgotten. @returns what is */
async function compare(office: Office, known: Known, when: string): Promise<Known> {
  const list = (): Promise<readonly EnvironmentView[]> => office.api.call('GET', '/v1/environments');
  const isSettled = async (): Promise<boolean> =>
    (await list()).every((it) => it.state !== 'starting' && it.problems.length === 0);
  await until(isSettled, `${when}: all is settled`, 10_000);
  // What was being made or ended goes on beside the first answers.
  await until(
    async () => (await missing(office, known)).length === 0,
    `${when}: everything is as it was asked for`,
    10_000,
  ).catch(async (error: unknown) => assert.fail(`${error}: ${(await missing(office, known)).join('; ')}`));
  const views = await list();
  assert.deepEqual(await office.daemon.log().then((log) => log.match(/^\s+at .*$/gm)), null, `${when}: no stack in the log`);
  await compareLedger(office, views, when);
  await compareKernel(office, views, when);
  await compareProcesses(office, views, when);
  await compareLan(office, views, when);
  return new Map(
    names.map((name) => [
      name,
      [
        known.get(name)?.find((it) =>
          fits(
            it,
            views.find((view) => view.name === name),
          ),
        ) ?? 'gone',
      ],
    ]),
  );
}

function fits(wanted: Wanted, view: EnvironmentView | undefined): boolean {
  if (wanted === 'gone' || view === undefined) return wanted === 'gone' && view === undefined;
  const address = view.endpoints[0]?.addresses[0]?.replace('/23', '') ?? '';
  const isAddress = wanted.address === 'pool' ? view.endpoints[0]?.lease.source === 'pool' : address === wanted.address;
  const services = view.services.filter((it) => it.state === 'running').map((it) => it.name);
  return isAddress && services.join() === wanted.services.join() && view.services.length === services.length;
}

/** What is none of the things that it may be. */
async function missing(office: Office, known: Known): Promise<readonly string[]> {
  const views = await office.api.call<readonly EnvironmentView[]>('GET', '/v1/environments');
  return names.flatMap((name) => {
    const view = views.find((it) => it.name === name);
    const may = known.get(name) ?? [];
    return may.some((it) => fits(it, view))
      ? []
      : [`${name} is ${JSON.stringify(view ?? 'gone')}, and may be ${JSON.stringify(may)}`];
  });
}

async function compareLedger(office: Office, views: readonly EnvironmentView[], when: string): Promise<void> {
  const shown = views.flatMap((it) =>
    it.endpoints.map((one) => `${it.name} ${one.addresses[0]?.replace(/\/.*/, '')} ${one.mac}`),
  );
  const held = async (): Promise<string> =>
    (await office.addresses())
      .filter((it) => it.state === 'bound')
      .map((it) => `${it.environment} ${it.address} ${it.mac}`)
      .sort()
      .join('\n');
  const wanted = shown.sort().join('\n');
  // What is being ended is not shown any more, and has its address until it is gone.
  await until(async () => (await held()) === wanted, `${when}: the ledger`, 10_000).catch(async () =>
    assert.equal(await held(), wanted, `${when}: the ledger`),
  );
  const addresses = shown.map((it) => it.split(' ')[1]);
  assert.equal(new Set(addresses).size, addresses.length, `${when}: an address twice: ${addresses.join(' ')}`);
}

async function compareKernel(office: Office, views: readonly EnvironmentView[], when: string): Promise<void> {
  const links = (await office.links()).filter((it) => it.ifname.startsWith('ll'));
  assert.deepEqual(
    links.map((it) => `${it.ifalias?.split(':')[2]} ${it.master}`).sort(),
    views.map((it) => `${it.name} br0`).sort(),
    `${when}: one link each`,
  );
  const look =
    'cd /run/landline/netns/*/ && for it in *; do [ -e "$it" ] && echo "$it $(stat -Lc %i "$it") $(nsenter --net="$it" ip -4 -o address show dev eth0 | sed "s/.*inet \\([^ ]*\\).*/\\1/" | tr "\\n" " ")"; done; true';
  const sandboxes = (await office.read('host', ['sh', '-c', look]))
    .split('\n')
    .map((it) => it.trim())
    .filter((it) => it !== '');
  const wanted = views.map((it) => `${it.name} ${it.sandbox?.inode} ${it.endpoints[0]?.addresses[0]}`);
  assert.deepEqual(sandboxes.sort(), wanted.sort(), `${when}: one sandbox each, with its one address`);
}

/** One process 1 for each service, and one process below it, in the sandbox. */
async function compareProcesses(office: Office, views: readonly EnvironmentView[], when: string): Promise<void> {
  const look = `for it in /proc/[0-9]*; do
    case "$(tr '\\0' ' ' <"$it/cmdline")" in *[n]ative/init.sh*) echo "init $(tr '\\0' ' ' <"$it/cmdline")" ;; 'sleep infinity '*) echo "sleep \${it#/proc/} $(stat -Lc %i "$it/ns/net")" ;; esac
  done 2>/dev/null; true`;
  const lines = (await office.read('host', ['sh', '-c', look])).split('\n').filter((it) => it !== '');
  const inits = lines.flatMap((it) => /^init .* (\S+)\/services\/(\S+)\/\S+ $/.exec(it)?.slice(1, 3).join('/') ?? []);
  const services = views.flatMap((it) => it.services.map((one) => `${it.name}/${one.name}`));
  assert.deepEqual(inits.sort(), services.sort(), `${when}: one process 1 for each service: ${lines.join('\n')}`);
  const sleeping = lines.filter((it) => it.startsWith('sleep ')).map((it) => it.slice(6));
  const wanted = views.flatMap((it) => it.services.map((one) => `${one.pid} ${it.sandbox?.inode}`));
  assert.deepEqual(sleeping.sort(), wanted.sort(), `${when}: one process for each service, in its sandbox`);
}

/** What the LAN sees: each address answers, and from one MAC alone; nobody else's does. */
async function compareLan(office: Office, views: readonly EnvironmentView[], when: string): Promise<void> {
  const shown = new Map(views.map((it) => [it.endpoints[0]?.addresses[0]?.replace(/\/.*/, '') ?? '', it.endpoints[0]?.mac]));
  const fixed = names.map((_, at) => `192.168.11.${30 + at}`);
  const pool = names.map((_, at) => `192.168.11.${100 + at}`);
  const all = [...new Set([...shown.keys(), ...fixed, ...pool])];
  const script = `for it in ${all.join(' ')}; do (arping -c 2 -w 1 -I eth0 $it | sed -n "s/.*\\[\\([0-9A-F:]*\\)\\].*/$it \\1/p") & done; wait`;
  const answers = new Set(
    (await office.read('pc', ['sh', '-c', script]))
      .toLowerCase()
      .split('\n')
      .filter((it) => it !== ''),
  );
  assert.deepEqual(
    [...answers].sort(),
    [...shown].map(([address, mac]) => `${address} ${mac}`).sort(),
    `${when}: who answers on the LAN`,
  );
}

async function makeForeign(office: Office): Promise<void> {
  const script = `set -e
    ip netns add red
    ip link add foreign0 type veth peer name eth0 netns red
    ip link set foreign0 master br0 up
    ip link add theirs0 type veth peer name theirs1
    ip link set theirs0 alias landline:another:shop:eth0 master br0 up
    setsid sleep 86400 >/dev/null 2>&1 </dev/null &`;
  await office.read('host', ['sh', '-c', script]);
}

async function foreignOf(office: Office): Promise<string> {
  const look = 'ip -o link show foreign0; ip -o link show theirs0; ip netns list; pgrep -f "^sleep 86400"';
  return office.read('host', ['sh', '-c', look]);
}
