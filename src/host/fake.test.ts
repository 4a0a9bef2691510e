import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../net/ipv4.ts';
import { prefix } from '../net/prefix.ts';
import { type Arp, arpProbe, conflictsWith, decodeArp, encodeArp } from '../wire/arp/arp.ts';
import { testHost } from './contract.ts';
import { type FakeHost, fakeHost } from './fake.ts';
import { isKernelError } from './index.ts';

testHost('the fake host', async () => {
  const host = fakeHost();
  return { host, folder: '/run/landline/netns', leaveFile: host.leaveFile, dispose: async () => undefined };
});

const path = '/run/landline/netns/shop';

/** An attach in short: what the daemon does with a host, each call of it awaited. */
async function attach(host: FakeHost): Promise<void> {
  const bridge = await host.kernel.addLink({ kind: 'bridge', name: 'br0', up: true });
  await host.addNetns(path);
  const { peer } = await host.kernel.addLink({
    kind: 'veth',
    name: 'll0',
    controller: bridge.index,
    up: true,
    peer: { name: 'eth0', netns: path },
  });
  await host.within(path, async ({ kernel }) => {
    await kernel.configure(peer ?? 0, { up: true, address: prefix('192.168.11.101/23'), routes: [] });
  });
}

test('the calls that could fail are counted by name', async () => {
  const host = fakeHost();
  await attach(host);
  assert.deepEqual(host.calls, ['home addLink', 'addNetns', 'home addLink', 'within', `${path} configure`]);
});

test('each of them can be made to fail, once, and then nothing of it has happened', async () => {
  const whole = fakeHost();
  await attach(whole);
  for (let call = 1; call <= whole.calls.length; call += 1) {
    const host = fakeHost();
    host.failAt(call, { errno: 'ENOMEM' });
    await assert.rejects(attach(host), (error) => isKernelError(error, 'ENOMEM'));
    assert.equal(host.calls.length, call);
    const links = (await host.kernel.listLinks()).length;
    assert.equal(links, [0, 1, 2, 2, 3, 3][call], `after call ${call}`);
  }
});

test('a call can fail after it was done, as one whose acknowledgement is lost', async () => {
  const host = fakeHost();
  host.failAt(1, { done: true });
  await assert.rejects(host.kernel.addLink({ kind: 'bridge', name: 'br0' }), (error) => isKernelError(error, 'EIO'));
  assert.equal((await host.kernel.getLink('br0'))?.kind, 'bridge');
});

test('a machine of the LAN beyond the bridge can hold an address', async () => {
  const squatter = '52:54:00:00:00:99';
  const address = ipv4('192.168.11.102');
  const heardOnLan: Arp[] = [];
  const host = fakeHost({
    arp: (heard, bridge) => {
      heardOnLan.push(heard);
      assert.equal(bridge, 'br0');
      const reply = { ...heard, operation: 'reply', destination: heard.source, source: squatter, senderMac: squatter } as const;
      return heard.targetAddress === address
        ? [{ ...reply, senderAddress: address, targetMac: heard.senderMac, targetAddress: 0 }]
        : [];
    },
  });
  await attach(host);
  const own = { mac: '02:4c:4c:00:00:01', address };
  await host.within(path, async (inside) => {
    const heard: Arp[] = [];
    const link = await inside.kernel.getLink('eth0');
    const arp = inside.openArp(link?.index ?? 0, (frame) => heard.push(decodeArp(frame)));
    arp.send(encodeArp(arpProbe(own.mac, address)));
    assert.equal(heard.length, 0, 'not before the call has returned');
    await new Promise(setImmediate);
    assert.deepEqual(
      heard.map((it) => [it.senderMac, conflictsWith(it, own)]),
      [[squatter, true]],
    );
    arp.close();
  });
  assert.equal(heardOnLan.length, 1);
});

test('a namespace has a second path while a process is in it, and ends with the last', async () => {
  const host = fakeHost();
  await attach(host);
  host.bindNetns('/proc/4711/ns/net', path);
  assert.equal(host.netnsInode('/proc/4711/ns/net'), host.netnsInode(path));
  await host.deleteNetns(path);
  assert.notEqual(await host.kernel.getLink('ll0'), undefined);
  await host.within('/proc/4711/ns/net', async () => host.deleteNetns('/proc/4711/ns/net'));
  assert.equal(await host.kernel.getLink('ll0'), undefined, 'it ended when the window was closed');
});

test('what was written to a sysctl can be read by the test', async () => {
  const host = fakeHost();
  await attach(host);
  await host.within(path, async (inside) => inside.sysctl('ipv6/conf/eth0/disable_ipv6', '1'));
  assert.equal(host.readSysctl('ipv6/conf/eth0/disable_ipv6', path), '1');
  assert.equal(host.readSysctl('ipv6/conf/eth0/disable_ipv6'), undefined);
});

test('an overrun can be told', async () => {
  const host = fakeHost();
  const events: string[] = [];
  await host.watch((event) => events.push(event.kind));
  host.tell({ kind: 'overrun' });
  await Promise.resolve();
  assert.deepEqual(events, ['overrun']);
});
