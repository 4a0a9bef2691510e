import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../src/host/contract.ts';
import type { KernelEvent } from '../../src/host/index.ts';
import { inRoom, run } from './host-room.ts';
import { needsRoot } from './private-namespaces.ts';

const isLink = (event: KernelEvent, name: string): boolean => event.kind === 'link' && event.link.name === name;

inRoom('events that are lost are told as one overrun, and events go on', async ({ host }) => {
  const events: KernelEvent[] = [];
  const watch = await host.watch((event) => events.push(event), { bufferBytes: 8192 });
  const lines = Array.from({ length: 200 }, (_, index) => `link add a${index} type veth peer name b${index}`);
  // The loop stands still until all of them are made.
  run('ip -batch -', { input: lines.join('\n') });
  const overruns = (): number => events.filter((event) => event.kind === 'overrun').length;
  await eventually('the overrun', () => overruns() > 0);
  await sleep(50);
  assert.equal(overruns(), 1);
  assert.ok(events.length < 200, `${events.length} events`);

  await host.kernel.addLink({ kind: 'bridge', name: 'br0' });
  await eventually('the next event', () => events.some((event) => isLink(event, 'br0')));
  assert.equal(overruns(), 1);
  watch.close();
});

inRoom('nothing is lost of a thousand links that come at once', async ({ host }) => {
  host.sysctl('ipv6/conf/default/disable_ipv6', '1', { optional: true });
  const added = new Set<string>();
  let overruns = 0;
  const watch = await host.watch((event) => {
    if (event.kind === 'link' && event.change === 'new') added.add(event.link.name);
    if (event.kind === 'overrun') overruns += 1;
  });
  const lines = Array.from({ length: 500 }, (_, index) => `link add a${index} type veth peer name b${index}`);
  run('ip -batch -', { input: lines.join('\n') });
  await eventually('all of them', () => added.size === 1000);
  assert.equal(overruns, 0);
  watch.close();
});

inRoom('what happens in a namespace that no veth leads to is not told', async ({ host, addNetns }) => {
  const [near, far] = [await addNetns('near'), await addNetns('far')];
  await host.kernel.addLink({ kind: 'veth', name: 'll0', peer: { name: 'eth0', netns: near } });
  const events: KernelEvent[] = [];
  const watch = await host.watch((event) => events.push(event));
  run('ip link add br-far type bridge', { netns: far });
  run('ip link add br-near type bridge', { netns: near });
  await eventually('what happens near', () => events.some((event) => isLink(event, 'br-near')));
  assert.ok(!events.some((event) => isLink(event, 'br-far')));

  // A link that moves there leads there.
  const { index } = await host.kernel.addLink({ kind: 'veth', name: 'll1', peer: { name: 'moves' } });
  await host.kernel.setLink(index, { netns: far });
  run('ip link set dev br-far up', { netns: far });
  await eventually('what happens far', () => events.some((event) => isLink(event, 'br-far')));
  watch.close();
});

inRoom('what foreign programs do in a sandbox is told: a link down, an address gone', async ({ host, addNetns }) => {
  const shop = await addNetns('shop');
  await host.kernel.addLink({ kind: 'veth', name: 'll0', up: true, peer: { name: 'eth0', netns: shop } });
  run('ip address add 192.168.11.101/23 dev eth0', { netns: shop });
  run('ip link set dev eth0 up', { netns: shop });
  const events: KernelEvent[] = [];
  const watch = await host.watch((event) => events.push(event));
  run('ip address delete 192.168.11.101/23 dev eth0', { netns: shop });
  await eventually('the address gone', () => events.some((event) => event.kind === 'address' && event.change === 'deleted'));
  await eventually('its route gone', () => events.some((event) => event.kind === 'route' && event.change === 'deleted'));
  run('ip link set dev eth0 down', { netns: shop });
  await eventually('the link down', () =>
    events.some((event) => event.kind === 'link' && event.link.name === 'eth0' && !event.link.up),
  );
  watch.close();
});

const hostModule = new URL('../../src/host/index.ts', import.meta.url).href;

/** Runs a program with an open host and a watch to its end, or for five seconds. */
function program(body: string): {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
  readonly ms: number;
} {
  const script = `import { openHost } from '${hostModule}';
    const host = openHost();
    const watch = await host.watch(() => undefined);
    ${body}`;
  const begin = performance.now();
  const { status, stdout, stderr } = spawnSync(process.execPath, ['--input-type=module', '-e', script], {
    encoding: 'utf8',
    timeout: 5000,
    killSignal: 'SIGKILL',
  });
  return { status, stdout, stderr, ms: performance.now() - begin };
}

test('a process with its watch closed ends by itself', needsRoot, () => {
  const { status, stdout, stderr } = program(`watch.close(); host.close(); process.on('exit', () => console.log('by itself'));`);
  assert.deepEqual([status, stdout, stderr], [0, 'by itself\n', '']);
});

test('a process whose host is closed ends by itself: its watches are closed too', needsRoot, () => {
  const { status, stdout, stderr } = program(`host.close(); process.on('exit', () => console.log('by itself'));`);
  assert.deepEqual([status, stdout, stderr], [0, 'by itself\n', '']);
});

test('process.exit ends a process whose watch is open, also while a link is being deleted', needsRoot, () => {
  const { status, stderr } = program(`
    const { index } = await host.kernel.addLink({ kind: 'veth', name: 'a', peer: { name: 'b' } });
    void host.kernel.deleteLink(index);
    setTimeout(() => process.exit(7), 2);`);
  assert.deepEqual([status, stderr], [7, '']);
});

test('an uncaught exception ends a process whose watch is open', needsRoot, () => {
  const { status, stderr } = program(`throw new Error('of our own');`);
  assert.equal(status, 1);
  assert.match(stderr, /of our own/);
});
