import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from '../../src/host/contract.ts';
import { isKernelError } from '../../src/host/index.ts';
import { prefix } from '../../src/net/prefix.ts';
import { arpAnnouncement, encodeArp } from '../../src/wire/arp/arp.ts';
import { inRoom, ipJson, openFiles, type Room, run } from './host-room.ts';

/** A sandbox at the end of a veth, both ends up. */
async function addSandbox({ host, addNetns }: Room, name: string): Promise<{ readonly shop: string; readonly link: number }> {
  const shop = await addNetns(name);
  const { peer: link = 0 } = await host.kernel.addLink({
    kind: 'veth',
    name: `ll-${name}`,
    up: true,
    peer: { name: 'eth0', netns: shop },
  });
  await host.within(shop, ({ kernel }) => kernel.configure(link, { up: true, address: prefix('192.168.11.101/23'), routes: [] }));
  return { shop, link };
}

/** How many more files are open after `body` than before, once the pool threads are done. */
async function leftOpen(body: () => Promise<unknown>): Promise<number> {
  const before = openFiles();
  await body();
  // The last close of a packet socket is left to a pool thread.
  await eventually('all is closed', () => openFiles() <= before).catch(() => undefined);
  return openFiles() - before;
}

inRoom('a window into a namespace closes all that it opened, whatever happens in it', async (room) => {
  const { host } = room;
  const { shop, link } = await addSandbox(room, 'shop');
  const file = `${room.folder}/file`;
  fs.writeFileSync(file, '');
  const own = new Error('of our own');
  const refused = (promise: Promise<unknown>): Promise<void> => assert.rejects(promise);
  const ways: Readonly<Record<string, () => Promise<unknown>>> = {
    'it returns': () => host.within(shop, ({ kernel }) => kernel.listLinks()),
    'it throws': () => refused(host.within(shop, () => Promise.reject(own))),
    'it throws at once': () =>
      refused(
        host.within(shop, () => {
          throw own;
        }),
      ),
    'the kernel refuses': () => refused(host.within(shop, ({ kernel }) => kernel.deleteLink(4711))),
    'it leaves ARP sockets open': () =>
      host.within(shop, async (it) => [it.openArp(link, () => undefined), it.openArp(link, () => undefined)]),
    'an ARP socket is refused': () => refused(host.within(shop, async (it) => it.openArp(4711, () => undefined))),
    'it does not wait for what it began': () => host.within(shop, async ({ kernel }) => void kernel.setLink(link, { mtu: 1400 })),
    'nothing is there': () => refused(host.within(`${room.folder}/none`, async () => undefined)),
    'it is no namespace': () => refused(host.within(file, async () => undefined)),
    'a sysctl is refused': () => refused(host.within(shop, async (it) => it.sysctl('ipv4/conf/none/arp_notify', '1'))),
    'a link goes into nothing': () =>
      refused(host.kernel.addLink({ kind: 'veth', name: 'x', peer: { name: 'y', netns: `${room.folder}/none` } })),
    'a link goes into a file': () => refused(host.kernel.addLink({ kind: 'veth', name: 'x', peer: { name: 'y', netns: file } })),
    'a watch is opened and closed': async () => (await host.watch(() => undefined)).close(),
  };
  for (const [what, way] of Object.entries(ways)) assert.equal(await leftOpen(way), 0, what);
});

inRoom('a closed host leaves nothing open', async () => {
  const { openHost } = await import('../../src/host/index.ts');
  const leak = await leftOpen(async () => {
    const host = openHost();
    const added = host.kernel.addLink({ kind: 'veth', name: 'a', peer: { name: 'b' } });
    host.close();
    host.close();
    await added.catch(() => undefined);
  });
  assert.equal(leak, 0);
});

inRoom('the process is at home again after each window, also after one that failed', async (room) => {
  const { host } = room;
  const { shop, link } = await addSandbox(room, 'shop');
  const home = fs.statSync('/proc/self/ns/net').ino;
  const isHome = (): void => assert.equal(fs.statSync('/proc/self/ns/net').ino, home);
  await host.within(shop, async (inside) => {
    isHome();
    assert.throws(() => inside.openArp(4711, () => undefined));
    isHome();
    assert.throws(() => inside.sysctl('ipv4/none', '1'));
    isHome();
    inside.openArp(link, () => undefined);
    isHome();
    assert.equal(inside.inode, host.netnsInode(shop));
  });
  isHome();
});

inRoom('windows into several namespaces do not mix', async (room) => {
  const { host } = room;
  const names = ['a', 'b', 'c', 'd'];
  const sandboxes = await Promise.all(names.map((name) => addSandbox(room, name)));
  await Promise.all(
    sandboxes.map(({ shop, link }, index) =>
      host.within(shop, async ({ kernel }) => {
        for (let round = 0; round < 10; round += 1) {
          await kernel.setLink(link, { alias: `${names[index]} ${round}` });
          assert.equal((await kernel.getLink('eth0'))?.alias, `${names[index]} ${round}`);
          await sleep(1);
        }
      }),
    ),
  );
  const aliases = sandboxes.map(({ shop }) => ipJson('link show dev eth0', shop)[0].ifalias);
  assert.deepEqual(aliases, ['a 9', 'b 9', 'c 9', 'd 9']);
});

inRoom('nothing of ours keeps a namespace alive: its links go when it is unbound', async (room) => {
  const { host } = room;
  const { shop, link } = await addSandbox(room, 'shop');
  const watch = await host.watch(() => undefined);
  await host.within(shop, async (inside) => {
    const arp = inside.openArp(link, () => undefined);
    arp.send(encodeArp(arpAnnouncement('02:4c:4c:00:00:01', 0)));
  });
  await host.deleteNetns(shop);
  await eventually('the host’s end is gone', async () => (await host.kernel.getLink('ll-shop')) === undefined);
  watch.close();
});

inRoom('a process inside keeps it alive, under /proc, until it ends', async (room) => {
  const { host } = room;
  const { shop } = await addSandbox(room, 'shop');
  const inode = host.netnsInode(shop);
  const child = spawn('nsenter', [`--net=${shop}`, 'sleep', 'infinity'], { stdio: 'ignore' });
  const path = `/proc/${child.pid}/ns/net`;
  await eventually('it is inside', () => host.netnsInode(path) === inode);
  await host.deleteNetns(shop);
  assert.equal(await host.within(path, async ({ kernel }) => (await kernel.getLink('eth0'))?.kind), 'veth');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.equal(host.netnsInode(path), undefined);
  await assert.rejects(
    host.within(path, async () => undefined),
    (error) => isKernelError(error, 'ENOENT'),
  );
  await eventually('the host’s end is gone', async () => (await host.kernel.getLink('ll-shop')) === undefined);
});

inRoom('a mount namespace that was copied meanwhile does not keep it alive', async (room) => {
  const { host } = room;
  const { shop } = await addSandbox(room, 'shop');
  const child = spawn('unshare', ['--mount', '--propagation', 'private', 'sleep', 'infinity'], { stdio: 'ignore' });
  await eventually(
    'it has its own mounts',
    () => fs.readlinkSync(`/proc/${child.pid}/ns/mnt`) !== fs.readlinkSync('/proc/self/ns/mnt'),
  );
  await host.deleteNetns(shop);
  await eventually('the host’s end is gone', async () => (await host.kernel.getLink('ll-shop')) === undefined);
  child.kill('SIGKILL');
  await once(child, 'exit');
});

inRoom('the folder is one shared mount, however many namespaces are made in it', async (room) => {
  for (const name of ['a', 'b', 'c']) await room.addNetns(name);
  const mounts = fs
    .readFileSync('/proc/self/mountinfo', 'utf8')
    .split('\n')
    .filter((line) => line.split(' ')[4] === room.folder);
  assert.equal(mounts.length, 1);
  assert.match(mounts[0] ?? '', / shared:\d+ /);
  assert.match(run(`stat -f -c %T ${room.folder}/a`), /nsfs/);
});

inRoom('a link that is deleted under an ARP socket makes no noise, and sending says why not', async (room) => {
  const { host } = room;
  const { shop, link } = await addSandbox(room, 'shop');
  await host.within(shop, async (inside) => {
    const frames: Uint8Array[] = [];
    const arp = inside.openArp(link, (frame) => frames.push(frame));
    await inside.kernel.deleteLink(link);
    await sleep(20);
    assert.throws(
      () => arp.send(encodeArp(arpAnnouncement('02:4c:4c:00:00:01', 0))),
      (error) => isKernelError(error, 'ENXIO', 'ENODEV', 'ENETDOWN'),
    );
    arp.close();
    arp.close();
    assert.deepEqual(frames, []);
  });
});
