/** What every {@link Host} does, as one suite: the fake is held to it in the unit tests, the real one where there is root. */
import assert from 'node:assert/strict';
import { type TestContext, test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { ipv4 } from '../net/ipv4.ts';
import { formatPrefix, prefix } from '../net/prefix.ts';
import { formatPrefix6, prefix6 } from '../net/prefix6.ts';
import { type Arp, arpAnnouncement, arpProbe, decodeArp, encodeArp } from '../wire/arp/arp.ts';
import {
  type Host,
  homeNetns,
  isKernelError,
  type Kernel,
  type KernelEvent,
  type Link,
  type Route,
  type Route6,
} from './index.ts';

/** One host to try. */
export interface Candidate {
  readonly host: Host;
  /** Where namespaces may be bound; it is not there yet. */
  readonly folder: string;
  /** Leaves a file without a namespace in the folder, as a crash does. */
  leaveFile(path: string): void;
  /** Clears away what the suite left. */
  dispose(): Promise<void>;
}

/** How long the kernel may take for what it does in its own time, in milliseconds. */
const patienceMs = 5000;

/** Waits until `look` finds what it is there to find. */
export async function eventually<T>(what: string, look: () => Promise<T | undefined> | T | undefined): Promise<T> {
  const deadline = performance.now() + patienceMs;
  for (;;) {
    const found = await look();
    if (found !== undefined && found !== false) return found;
    if (performance.now() > deadline) assert.fail(`not within ${patienceMs} ms: ${what}`);
    await sleep(2);
  }
}

const refusedWith =
  (...errnos: readonly string[]) =>
  (error: unknown): boolean => {
    assert.ok(isKernelError(error), String(error));
    assert.ok(errnos.includes(error.errno), `${error.message}: not ${errnos.join(', ')}`);
    return true;
  };

const bridgeMac = '02:4c:4c:00:00:fe';

async function addBridge(kernel: Kernel, name = 'br0'): Promise<number> {
  return (await kernel.addLink({ kind: 'bridge', name, mac: bridgeMac, up: true })).index;
}

async function linkNamed(kernel: Kernel, name: string): Promise<Link> {
  const link = await kernel.getLink(name);
  assert.ok(link !== undefined, `no link ${name}`);
  return link;
}

const namesOf = (links: readonly Link[]): string[] => links.map((link) => link.name).sort();

async function addressesOf(kernel: Kernel): Promise<string[]> {
  return (await kernel.listAddresses()).filter((it) => it.link !== 1).map((it) => formatPrefix(it.address));
}

/** As `ip route show` has them: `default via 192.168.11.1 metric 0 static`. */
async function routesOf(kernel: Kernel): Promise<string[]> {
  return (await kernel.listRoutes()).map(describeRoute).sort();
}

function describeRoute(route: Route): string {
  const to = route.to.length === 0 ? 'default' : formatPrefix(route.to);
  const via = route.via === undefined ? '' : ` via ${formatPrefix({ address: route.via, length: 32 }).replace('/32', '')}`;
  return `${to}${via} metric ${route.metric} ${route.protocol}`;
}

interface Sandbox {
  readonly path: string;
  /** Index of the host's end. */
  readonly hostEnd: number;
  /** Index of eth0, within. */
  readonly inside: number;
}

/** `options` are those of node:test, for a reason to skip. */
export function testHost(name: string, makeCandidate: () => Promise<Candidate>, options: { readonly skip?: string } = {}): void {
  const story: Story = (title, body) => {
    test(`${name}: ${title}`, options, async (t) => {
      const candidate = await makeCandidate();
      try {
        await body(candidate.host, candidate, t);
      } finally {
        candidate.host.close();
        await candidate.dispose();
      }
    });
  };

  const addSandbox = async (host: Host, it: Candidate, shop: string, bridge: number, number = 1): Promise<Sandbox> => {
    const path = `${it.folder}/${shop}`;
    await host.addNetns(path);
    const mac = `fe:4c:4c:00:00:0${number}`;
    const peer = { name: 'eth0', mac: `02:4c:4c:00:00:0${number}`, netns: path };
    const added = await host.kernel.addLink({ kind: 'veth', name: `ll${number}`, mac, controller: bridge, up: true, peer });
    return { path, hostEnd: added.index, inside: added.peer ?? 0 };
  };

  /** A sandbox whose link is up, has an address, and passes frames. */
  const addRunning = async (host: Host, it: Candidate, bridge: number, number: number, address: string): Promise<Sandbox> => {
    const sandbox = await addSandbox(host, it, `shop${number}`, bridge, number);
    await host.within(sandbox.path, ({ kernel }) =>
      kernel.configure(sandbox.inside, { up: true, address: prefix(address), routes: [] }),
    );
    await eventually('the port forwards', async () => (await host.kernel.getLink(sandbox.hostEnd))?.portState === 'forwarding');
    return sandbox;
  };

  linkStories(story, addSandbox);
  childStories(story);
  addressStories(story, addSandbox);
  netnsStories(story, addSandbox);
  arpStories(story, addRunning);
  watchStories(story, addSandbox);
}

type Story = (title: string, body: (host: Host, it: Candidate, t: TestContext) => Promise<void>) => void;
type AddSandbox = (host: Host, it: Candidate, shop: string, bridge: number, number?: number) => Promise<Sandbox>;
type AddRunning = (host: Host, it: Candidate, bridge: number, number: number, address: string) => Promise<Sandbox>;

function linkStories(story: Story, addSandbox: AddSandbox): void {
  story('a bridge is made as it was asked for, its alias and group included', async (host) => {
    const spec = { kind: 'bridge', name: 'br0', mac: bridgeMac, mtu: 1400, alias: 'landline:shop', group: 76, up: true } as const;
    const { index, peer } = await host.kernel.addLink(spec);
    assert.equal(peer, undefined);
    const { carrier: _, ...link } = await linkNamed(host.kernel, 'br0');
    assert.deepEqual(link, {
      index,
      name: 'br0',
      mac: bridgeMac,
      mtu: 1400,
      up: true,
      group: 76,
      kind: 'bridge',
      alias: 'landline:shop',
    });
  });

  story('a namespace whose links were never up has no routes', async (host, { folder }) => {
    await host.addNetns(`${folder}/shop`);
    assert.deepEqual(await host.within(`${folder}/shop`, ({ kernel }) => kernel.listRoutes()), []);
    assert.deepEqual(await host.within(`${folder}/shop`, ({ kernel }) => kernel.listRoutes(undefined, 'all')), []);
  });

  story('a veth has its other end in another namespace, and each end tells the index of the other', async (host, it) => {
    const bridge = await addBridge(host.kernel);
    const path = `${it.folder}/shop`;
    await host.addNetns(path);
    const peer = { name: 'eth0', mac: '02:4c:4c:00:00:01', netns: path };
    const mac = 'fe:4c:4c:00:00:01';
    const added = await host.kernel.addLink({ kind: 'veth', name: 'll0', mac, mtu: 1400, group: 76, controller: bridge, peer });
    const outside = await linkNamed(host.kernel, 'll0');
    const inside = await host.within(path, ({ kernel }) => linkNamed(kernel, 'eth0'));
    assert.deepEqual([added.index, added.peer], [outside.index, inside.index]);
    const down = { mtu: 1400, up: false, carrier: false, kind: 'veth' };
    const port = { controller: bridge, portState: 'disabled' };
    assert.deepEqual(outside, { ...down, ...port, index: added.index, name: 'll0', mac, group: 76, peer: inside.index });
    assert.deepEqual(inside, {
      ...down,
      index: inside.index,
      name: 'eth0',
      mac: '02:4c:4c:00:00:01',
      group: 0,
      peer: added.index,
    });
    assert.equal(await host.kernel.getLink('eth0'), undefined, 'the other end never was here');
  });

  story('a veth without a namespace has both ends here', async ({ kernel }) => {
    const { index, peer } = await kernel.addLink({ kind: 'veth', name: 'a', peer: { name: 'b' } });
    assert.deepEqual(namesOf(await kernel.listLinks()), ['a', 'b', 'lo']);
    assert.equal((await linkNamed(kernel, 'b')).index, peer);
    assert.equal((await linkNamed(kernel, 'b')).peer, index);
  });

  story('a name that is taken is refused with EEXIST, at either end, and leaves nothing', async (host, it) => {
    const bridge = await addBridge(host.kernel);
    const { path } = await addSandbox(host, it, 'shop', bridge);
    const again = { kind: 'veth', name: 'll1', peer: { name: 'other' } } as const;
    await assert.rejects(host.kernel.addLink(again), refusedWith('EEXIST'));
    const inside = { kind: 'veth', name: 'll9', peer: { name: 'eth0', netns: path } } as const;
    await assert.rejects(host.kernel.addLink(inside), refusedWith('EEXIST'));
    assert.deepEqual(namesOf(await host.kernel.listLinks()), ['br0', 'll1', 'lo']);
  });

  story('a veth into a namespace that is not there is refused with ENOENT, into a file with EINVAL', async (host, it) => {
    const into = (netns: string): Promise<unknown> =>
      host.kernel.addLink({ kind: 'veth', name: 'll0', peer: { name: 'eth0', netns } });
    await assert.rejects(into(`${it.folder}/none`), refusedWith('ENOENT'));
    await host.addNetns(`${it.folder}/shop`);
    it.leaveFile(`${it.folder}/file`);
    await assert.rejects(into(`${it.folder}/file`), refusedWith('EINVAL'));
  });

  story('a multicast MAC is refused with EADDRNOTAVAIL, and an alias that is too long leaves no link', async ({ kernel }) => {
    const mac = '01:00:5e:00:00:01';
    await assert.rejects(kernel.addLink({ kind: 'veth', name: 'a', mac, peer: { name: 'b' } }), refusedWith('EADDRNOTAVAIL'));
    await assert.rejects(kernel.addLink({ kind: 'veth', name: 'a', peer: { name: 'b', mac } }), refusedWith('EADDRNOTAVAIL'));
    await assert.rejects(kernel.addLink({ kind: 'bridge', name: 'br0', mac }), refusedWith('EADDRNOTAVAIL'));
    const alias = 'x'.repeat(300);
    await assert.rejects(
      kernel.addLink({ kind: 'veth', name: 'a', alias, peer: { name: 'b' } }),
      refusedWith('ERANGE', 'EINVAL'),
    );
    assert.deepEqual(namesOf(await kernel.listLinks()), ['lo']);
  });

  story('a bridge that is not there, and one that is no bridge, take no port', async ({ kernel }) => {
    const { index } = await kernel.addLink({ kind: 'veth', name: 'a', peer: { name: 'b' } });
    await assert.rejects(kernel.setLink(index, { controller: 4711 }), refusedWith('EINVAL'));
    await assert.rejects(kernel.setLink(index, { controller: 1 }), refusedWith('EOPNOTSUPP'));
    await assert.rejects(
      kernel.addLink({ kind: 'veth', name: 'c', controller: 4711, peer: { name: 'd' } }),
      refusedWith('EINVAL'),
    );
    assert.deepEqual(namesOf(await kernel.listLinks()), ['a', 'b', 'lo']);
  });

  story('every part of a link can be changed', async ({ kernel }) => {
    const bridge = await addBridge(kernel);
    const { index } = await kernel.addLink({ kind: 'veth', name: 'a', peer: { name: 'b' } });
    await kernel.setLink(index, { name: 'c', mac: '02:4c:4c:00:00:09', mtu: 1300, alias: 'mine', group: 9, controller: bridge });
    const { peer: _, ...link } = await linkNamed(kernel, 'c');
    const changed = { name: 'c', mac: '02:4c:4c:00:00:09', mtu: 1300, alias: 'mine', group: 9, controller: bridge };
    assert.deepEqual(link, { ...changed, index, up: false, carrier: false, kind: 'veth', portState: 'disabled' });
    await kernel.setLink(index, { alias: '', controller: 0, up: true });
    const { alias, controller, up } = await linkNamed(kernel, 'c');
    assert.deepEqual({ alias, controller, up }, { alias: undefined, controller: undefined, up: true });
  });

  story('an MTU that a link cannot have is refused in the words of the kernel', async ({ kernel }) => {
    const { index } = await kernel.addLink({ kind: 'veth', name: 'a', peer: { name: 'b' } });
    await assert.rejects(kernel.setLink(index, { mtu: 70_000 }), {
      name: 'KernelError',
      doing: `ip link set dev ${index} mtu 70000`,
      errno: 'EINVAL',
      kernelSays: 'mtu greater than device maximum',
      message: `ip link set dev ${index} mtu 70000: EINVAL (mtu greater than device maximum)`,
    });
  });

  story('several links are changed in one go: each runs, and each tells its refusal', async ({ kernel }) => {
    const bridge = await addBridge(kernel);
    const former = await kernel.addLink({ kind: 'veth', name: 'a', controller: bridge, peer: { name: 'b' } });
    const next = await kernel.addLink({ kind: 'veth', name: 'c', peer: { name: 'd' } });
    const refusals = await kernel.setLinks([
      { index: former.index, controller: 0 },
      { index: 4711, controller: 0 },
      { index: next.index, controller: bridge, alias: 'mine' },
    ]);
    assert.deepEqual(
      refusals.map((it) => it?.errno),
      [undefined, 'ENODEV', undefined],
    );
    assert.equal((await kernel.getLink('a'))?.controller, undefined);
    const { controller, alias } = (await kernel.getLink('c')) ?? {};
    assert.deepEqual({ controller, alias }, { controller: bridge, alias: 'mine' });
  });

  story('a link that is not there cannot be found, changed or deleted', async ({ kernel }) => {
    assert.equal(await kernel.getLink('none'), undefined);
    assert.equal(await kernel.getLink(4711), undefined);
    await assert.rejects(kernel.setLink(4711, { up: true }), refusedWith('ENODEV'));
    await assert.rejects(kernel.deleteLink(4711), { name: 'KernelError', doing: 'ip link delete dev 4711', errno: 'ENODEV' });
  });

  story('lo cannot be deleted', async ({ kernel }) => {
    await assert.rejects(kernel.deleteLink(1), refusedWith('EOPNOTSUPP'));
  });

  story('deleting one end of a veth deletes both', async (host, it) => {
    const { hostEnd, path } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    await host.kernel.deleteLink(hostEnd);
    assert.deepEqual(namesOf(await host.within(path, ({ kernel }) => kernel.listLinks())), ['lo']);
    const second = await addSandbox(host, it, 'shop2', (await linkNamed(host.kernel, 'br0')).index, 2);
    await host.within(second.path, ({ kernel }) => kernel.deleteLink(second.inside));
    assert.deepEqual(namesOf(await host.kernel.listLinks()), ['br0', 'lo']);
  });

  story('deleting a bridge lets its ports go', async ({ kernel }) => {
    const bridge = await addBridge(kernel);
    await kernel.addLink({ kind: 'veth', name: 'a', controller: bridge, up: true, peer: { name: 'b' } });
    await kernel.deleteLink(bridge);
    const { controller, portState, up } = await linkNamed(kernel, 'a');
    assert.deepEqual({ controller, portState, up }, { controller: undefined, portState: undefined, up: true });
  });

  story('of two who want one name at once, one gets it', async ({ kernel }) => {
    const add = (peer: string): Promise<unknown> => kernel.addLink({ kind: 'veth', name: 'a', peer: { name: peer } });
    const outcomes = await Promise.allSettled([add('b'), add('c')]);
    assert.deepEqual(outcomes.map((it) => it.status).sort(), ['fulfilled', 'rejected']);
    assert.equal((await kernel.listLinks()).length, 3);
  });

  story('many are made and deleted at once', async ({ kernel }) => {
    const names = Array.from({ length: 50 }, (_, index) => `a${index}`);
    const added = await Promise.all(names.map((name) => kernel.addLink({ kind: 'veth', name, peer: { name: `${name}-peer` } })));
    assert.equal((await kernel.listLinks()).length, 101);
    for (const [position, { index, peer }] of added.entries()) {
      const { name } = await linkNamed(kernel, `a${position}`);
      assert.deepEqual(
        [name, (await kernel.getLink(index))?.name, (await kernel.getLink(peer ?? 0))?.name],
        [name, name, `${name}-peer`],
      );
    }
    await Promise.all(added.map(({ index }) => kernel.deleteLink(index)));
    assert.deepEqual(namesOf(await kernel.listLinks()), ['lo']);
  });

  story('a group is deleted at once, and no other; an empty one is refused with ENODEV', async ({ kernel }) => {
    for (const [name, group] of Object.entries({ a: 76, b: 76, c: 77 })) {
      await kernel.addLink({ kind: 'veth', name, group, peer: { name: `${name}-peer` } });
    }
    await kernel.deleteLinkGroup(76);
    assert.deepEqual(namesOf(await kernel.listLinks()), ['c', 'c-peer', 'lo']);
    await assert.rejects(kernel.deleteLinkGroup(76), refusedWith('ENODEV'));
  });

  story('a link that moves to another namespace is down there, and nobody’s port', async (host, it) => {
    const bridge = await addBridge(host.kernel);
    const path = `${it.folder}/shop`;
    await host.addNetns(path);
    const { index } = await host.kernel.addLink({ kind: 'veth', name: 'a', controller: bridge, up: true, peer: { name: 'b' } });
    await host.kernel.addAddress({ link: index, address: prefix('192.168.11.101/23') });
    await host.kernel.setLink(index, { netns: path, name: 'eth0' });
    assert.deepEqual(namesOf(await host.kernel.listLinks()), ['b', 'br0', 'lo']);
    const [link, addresses] = await host.within(path, ({ kernel }) =>
      Promise.all([linkNamed(kernel, 'eth0'), kernel.listAddresses()]),
    );
    assert.equal(link.up, false);
    assert.equal(link.controller, undefined);
    assert.deepEqual(addresses, []);
  });

  story('a port forwards once both ends are up', async (host, it) => {
    const { hostEnd, inside, path } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    assert.equal((await host.kernel.getLink(hostEnd))?.portState, 'disabled');
    await host.within(path, ({ kernel }) => kernel.setLink(inside, { up: true }));
    const port = await eventually('the port forwards', async () => {
      const link = await host.kernel.getLink(hostEnd);
      return link?.portState === 'forwarding' ? link : undefined;
    });
    assert.equal(port.carrier, true);
    await host.within(path, ({ kernel }) => kernel.setLink(inside, { up: false }));
    await eventually('the port is silent again', async () => (await host.kernel.getLink(hostEnd))?.carrier === false);
  });

  story('a bridge takes 1,023 ports, and refuses the next with EXFULL', async (host) => {
    host.sysctl('ipv6/conf/default/disable_ipv6', '1', { optional: true });
    const bridge = await addBridge(host.kernel);
    const add = (port: number): Promise<unknown> =>
      host.kernel.addLink({ kind: 'veth', name: `p${port}`, group: 76, controller: bridge, peer: { name: `q${port}` } });
    for (let port = 1; port <= 1023; port += 1) await add(port);
    await assert.rejects(add(1024), refusedWith('EXFULL'));
    assert.equal(await host.kernel.getLink('p1024'), undefined);
    assert.equal((await host.kernel.listLinks()).length, 2 + 2 * 1023);
    await host.kernel.deleteLinkGroup(76);
    assert.deepEqual(namesOf(await host.kernel.listLinks()), ['br0', 'lo']);
  });
}

/** A NIC with a cable to a switch. */
async function addNic(host: Host, { folder }: Candidate): Promise<number> {
  const netns = `${folder}/switch`;
  await host.addNetns(netns);
  const peer = { name: 'ens33', netns };
  const spec = { kind: 'veth', name: 'ens33', mac: '02:4c:4c:00:00:20', mtu: 1400, up: true, peer } as const;
  const added = await host.kernel.addLink(spec);
  await host.within(netns, ({ kernel }) => kernel.setLink(added.peer ?? 0, { up: true }));
  return added.index;
}

function childStories(story: Story): void {
  const mac = '02:4c:4c:00:00:01';

  story('a macvlan is born in another namespace, with its alias and group, and the MTU of its parent', async (host, it) => {
    const path = `${it.folder}/shop`;
    await host.addNetns(path);
    const parent = await addNic(host, it);
    const spec = { kind: 'macvlan', name: 'eth0', parent, mac, group: 76, alias: 'landline:shop', netns: path } as const;
    const { index, peer } = await host.kernel.addLink(spec);
    assert.equal(peer, undefined);
    assert.equal(await host.kernel.getLink('eth0'), undefined, 'it never was here');
    await host.within(path, async ({ kernel }) => {
      const { carrier: _, ...link } = await linkNamed(kernel, 'eth0');
      const made = { name: 'eth0', mac, mtu: 1400, up: false, group: 76, kind: 'macvlan', alias: 'landline:shop' };
      assert.deepEqual(link, { ...made, index, peer: parent });
      await kernel.setLink(index, { up: true });
      assert.equal((await linkNamed(kernel, 'eth0')).carrier, true);
      await host.kernel.setLink(parent, { up: false });
      assert.deepEqual(await upAndCarrier(kernel), { up: true, carrier: false }, 'without the parent it passes nothing');
    });
    await host.kernel.deleteLink(parent);
    await eventually('it goes with its parent', () =>
      host.within(path, async ({ kernel }) => (await kernel.listLinks()).length === 1),
    );
  });

  const upAndCarrier = async (kernel: Kernel): Promise<unknown> => {
    const { up, carrier } = await linkNamed(kernel, 'eth0');
    return { up, carrier };
  };

  story('the parent of a macvlan is no port of a bridge, and none becomes one', async (host, it) => {
    const { kernel } = host;
    const parent = await addNic(host, it);
    const bridge = await addBridge(kernel);
    await kernel.setLink(parent, { controller: bridge });
    const add = (): Promise<unknown> => kernel.addLink({ kind: 'macvlan', name: 'mv0', parent });
    await assert.rejects(add(), refusedWith('EBUSY'));
    await kernel.setLink(parent, { controller: 0 });
    await add();
    await assert.rejects(kernel.setLink(parent, { controller: bridge }), refusedWith('EBUSY'));
    await assert.rejects(kernel.addLink({ kind: 'macvlan', name: 'mv1', parent: 1 }), refusedWith('EINVAL'));
    await assert.rejects(kernel.addLink({ kind: 'macvlan', name: 'mv1', parent: 4711 }), refusedWith('ENODEV'));
    await assert.rejects(kernel.addLink({ kind: 'macvlan', name: 'mv1', parent, mtu: 1500 }), refusedWith('EINVAL'));
    await assert.rejects(kernel.addLink({ kind: 'macvlan', name: 'mv0', parent }), refusedWith('EEXIST'));
  });

  story('of two macvlans with one MAC the second does not come up, wherever each lives', async (host, it) => {
    const path = `${it.folder}/shop`;
    await host.addNetns(path);
    const parent = await addNic(host, it);
    await host.kernel.addLink({ kind: 'macvlan', name: 'mv0', parent, mac, up: true });
    const { index } = await host.kernel.addLink({ kind: 'macvlan', name: 'eth0', parent, mac, netns: path });
    await host.within(path, async ({ kernel }) => {
      await assert.rejects(kernel.setLink(index, { up: true }), refusedWith('EADDRINUSE'));
      await assert.rejects(kernel.configure(index, { up: true, routes: [] }), refusedWith('EADDRINUSE'));
      await host.kernel.deleteLink((await linkNamed(host.kernel, 'mv0')).index);
      await kernel.setLink(index, { up: true });
    });
  });

  story('macvlans of one NIC hear each other, and the NIC’s own host hears neither', async (host, it) => {
    const parent = await addNic(host, it);
    const paths = [`${it.folder}/shop1`, `${it.folder}/shop2`] as const;
    const macs = ['02:4c:4c:00:00:01', '02:4c:4c:00:00:02'] as const;
    for (const [at, path] of paths.entries()) {
      await host.addNetns(path);
      const { index } = await host.kernel.addLink({ kind: 'macvlan', name: 'eth0', parent, mac: macs[at] ?? mac, netns: path });
      await host.within(path, ({ kernel }) =>
        kernel.configure(index, { up: true, address: prefix(`192.168.11.10${at + 1}/23`), routes: [] }),
      );
    }
    await host.kernel.addAddress({ link: parent, address: prefix('192.168.11.20/23') });
    await host.within(paths[0], async (inside) => {
      const { index } = await linkNamed(inside.kernel, 'eth0');
      const heard: Arp[] = [];
      const socket = inside.openArp(index, (frame) => void heard.push(decodeArp(frame)));
      socket.send(encodeArp(arpProbe(macs[0], ipv4('192.168.11.20'))));
      socket.send(encodeArp(arpProbe(macs[0], ipv4('192.168.11.102'))));
      await eventually('the other answers', () => heard.some((one) => one.senderMac === macs[1]));
      assert.ok(!heard.some((one) => one.operation === 'reply' && one.senderAddress === ipv4('192.168.11.20')));
      socket.close();
    });
  });

  story('a watch hears of a namespace that a child was made in', async (host, it) => {
    const path = `${it.folder}/shop`;
    await host.addNetns(path);
    const parent = await addNic(host, it);
    const { index } = await host.kernel.addLink({ kind: 'macvlan', name: 'eth0', parent, netns: path });
    const heard: KernelEvent[] = [];
    await host.watch((event) => void heard.push(event));
    await host.within(path, async ({ kernel }) => {
      await kernel.configure(index, { up: true, address: prefix('192.168.11.101/23'), routes: [] });
      await kernel.deleteAddress({ link: index, address: prefix('192.168.11.101/23') });
    });
    await eventually('the address goes', () =>
      heard.some((event) => event.kind === 'address' && event.change === 'deleted' && event.address.link === index),
    );
  });

  story('an ipvlan has the MAC of its parent', async (host, it, t) => {
    const path = `${it.folder}/shop`;
    await host.addNetns(path);
    const parent = await addNic(host, it);
    try {
      await host.kernel.addLink({ kind: 'ipvlan', name: 'eth0', parent, group: 76, alias: 'landline:shop', netns: path });
    } catch (error) {
      if (!isKernelError(error, 'EOPNOTSUPP')) throw error;
      return t.skip('this kernel has no ipvlan');
    }
    const { mac: own, kind, alias } = await host.within(path, ({ kernel }) => linkNamed(kernel, 'eth0'));
    assert.deepEqual({ own, kind, alias }, { own: '02:4c:4c:00:00:20', kind: 'ipvlan', alias: 'landline:shop' });
    await assert.rejects(host.kernel.addLink({ kind: 'macvlan', name: 'mv0', parent }), refusedWith('EBUSY'));
  });

  story('a neighbour that is set by hand stays, until it is deleted or its link goes down', async (host, it) => {
    const { kernel } = host;
    const link = await addNic(host, it);
    const address = ipv4('192.168.11.101');
    await kernel.addNeighbour({ link, address, mac: '02:4c:4c:00:00:09' });
    await kernel.addNeighbour({ link, address, mac });
    assert.deepEqual(await kernel.listNeighbours(), [{ link, address, mac, state: 'permanent' }]);
    await kernel.deleteNeighbour({ link, address });
    await kernel.addNeighbour({ link, address, mac });
    await kernel.setLink(link, { up: false });
    assert.deepEqual(await kernel.listNeighbours(), []);
  });
}

function addressStories(story: Story, addSandbox: AddSandbox): void {
  story('addresses are added, listed and deleted; twice, and of a link that is not there, is refused', async ({ kernel }) => {
    const bridge = await addBridge(kernel);
    const address = { link: bridge, address: prefix('192.168.11.20/23') };
    await kernel.addAddress(address);
    await kernel.addAddress({ link: bridge, address: prefix('192.0.2.1/32') });
    assert.deepEqual((await addressesOf(kernel)).sort(), ['192.0.2.1/32', '192.168.11.20/23']);
    await assert.rejects(kernel.addAddress(address), {
      name: 'KernelError',
      errno: 'EEXIST',
      doing: `ip address add 192.168.11.20/23 dev ${bridge}`,
    });
    await assert.rejects(kernel.addAddress({ ...address, link: 4711 }), refusedWith('ENODEV'));
    await kernel.deleteAddress(address);
    assert.deepEqual(await addressesOf(kernel), ['192.0.2.1/32']);
    await assert.rejects(kernel.deleteAddress(address), refusedWith('EADDRNOTAVAIL'));
  });

  story('the addresses and routes of one link are listed alone', async ({ kernel }) => {
    const [first, second] = [await addBridge(kernel), await addBridge(kernel, 'br1')];
    await kernel.addAddress({ link: first, address: prefix('192.168.11.20/23') });
    await kernel.addAddress({ link: second, address: prefix('10.0.0.1/8') });
    await kernel.addRoute({ to: prefix('10.50.0.0/24'), via: ipv4('192.168.11.1'), link: first });
    assert.deepEqual(await kernel.listAddresses(second), [{ link: second, address: prefix('10.0.0.1/8') }]);
    const routes = (await kernel.listRoutes(first)).map(describeRoute).sort();
    assert.deepEqual(routes, ['10.50.0.0/24 via 192.168.11.1 metric 0 static', '192.168.10.0/23 metric 0 kernel']);
    await assert.rejects(kernel.listAddresses(4711), refusedWith('ENODEV'));
    await assert.rejects(kernel.listRoutes(4711), refusedWith('ENODEV'));
  });

  story('an address brings the route to its subnet, while its link is up', async ({ kernel }) => {
    const bridge = await addBridge(kernel);
    await kernel.addAddress({ link: bridge, address: prefix('192.168.11.20/23') });
    assert.deepEqual(await routesOf(kernel), ['192.168.10.0/23 metric 0 kernel']);
    const [route] = await kernel.listRoutes();
    assert.equal(route?.source, ipv4('192.168.11.20'));
    assert.equal(route?.link, bridge);
    await kernel.setLink(bridge, { up: false });
    assert.deepEqual(await routesOf(kernel), []);
    await kernel.setLink(bridge, { up: true });
    assert.deepEqual(await routesOf(kernel), ['192.168.10.0/23 metric 0 kernel']);
    await kernel.deleteAddress({ link: bridge, address: prefix('192.168.11.20/23') });
    assert.deepEqual(await routesOf(kernel), []);
  });

  story('a route replaces the one to the same place with the same metric', async ({ kernel }) => {
    const link = await addBridge(kernel);
    await kernel.addAddress({ link, address: prefix('192.168.11.20/23') });
    const to = prefix('10.50.0.0/24');
    const subnet = '192.168.10.0/23 metric 0 kernel';
    await kernel.addRoute({ to, via: ipv4('192.168.11.1'), link });
    await kernel.addRoute({ to, via: ipv4('192.168.11.1'), link });
    await kernel.addRoute({ to, via: ipv4('192.168.11.2'), link, metric: 50 });
    const second = '10.50.0.0/24 via 192.168.11.2 metric 50 static';
    assert.deepEqual(await routesOf(kernel), ['10.50.0.0/24 via 192.168.11.1 metric 0 static', second, subnet]);
    await kernel.addRoute({ to, via: ipv4('192.168.11.3'), link });
    assert.deepEqual(await routesOf(kernel), [second, '10.50.0.0/24 via 192.168.11.3 metric 0 static', subnet]);
    await kernel.deleteRoute({ to, via: ipv4('192.168.11.3'), link });
    await kernel.deleteRoute({ to, link, metric: 50 });
    assert.deepEqual(await routesOf(kernel), [subnet]);
    await assert.rejects(kernel.deleteRoute({ to, link }), {
      name: 'KernelError',
      errno: 'ESRCH',
      doing: `ip route delete 10.50.0.0/24 dev ${link}`,
    });
  });

  story('a gateway that is on no link is refused, and so is a route of a link that is down or not there', async ({ kernel }) => {
    const link = await addBridge(kernel);
    await kernel.addAddress({ link, address: prefix('192.168.11.20/23') });
    const to = prefix('0.0.0.0/0');
    await assert.rejects(kernel.addRoute({ to, via: ipv4('203.0.113.1'), link }), {
      name: 'KernelError',
      doing: `ip route replace default via 203.0.113.1 dev ${link}`,
      errno: 'ENETUNREACH',
      kernelSays: 'Nexthop has invalid gateway',
    });
    await assert.rejects(kernel.addRoute({ to, via: ipv4('192.168.11.1'), link: 4711 }), refusedWith('ENETUNREACH'));
    await assert.rejects(kernel.addRoute({ to: prefix('10.50.0.0/24'), link: 4711 }), refusedWith('ENODEV'));
    await kernel.setLink(link, { up: false });
    await assert.rejects(kernel.addRoute({ to, via: ipv4('192.168.11.1'), link }), refusedWith('ENETDOWN', 'ENETUNREACH'));
    await assert.rejects(kernel.addRoute({ to: prefix('10.50.0.0/24'), link }), refusedWith('ENETDOWN'));
  });

  story('a route of another table stands beside that of the main one, and goes with its link', async ({ kernel }) => {
    const link = await addBridge(kernel);
    await kernel.addAddress({ link, address: prefix('192.168.11.20/23') });
    const to = prefix('0.0.0.0/0');
    await kernel.addRoute({ to, via: ipv4('192.168.11.1'), link });
    await kernel.addRoute({ table: 1_000_007, to, via: ipv4('192.168.11.2'), link });
    await kernel.addRoute({ table: 1_000_007, to: prefix('192.168.10.0/23'), link });
    await kernel.addRoute({ table: 1_000_007, to, via: ipv4('192.168.11.3'), link });
    assert.deepEqual(await routesOf(kernel), ['192.168.10.0/23 metric 0 kernel', 'default via 192.168.11.1 metric 0 static']);
    const others = async (): Promise<string[]> => {
      const routes = await kernel.listRoutes(undefined, 'all');
      return routes.flatMap((it) => (it.table === undefined ? [] : [`${describeRoute(it)} table ${it.table}`])).sort();
    };
    const subnet = '192.168.10.0/23 metric 0 static table 1000007';
    assert.deepEqual(await others(), [subnet, 'default via 192.168.11.3 metric 0 static table 1000007']);
    await kernel.deleteRoute({ table: 1_000_007, to, link });
    assert.deepEqual(await others(), [subnet]);
    await kernel.deleteLink(link);
    assert.deepEqual(await others(), []);
  });

  story('IPv6 addresses and routes come and go, and with their link', async ({ kernel, sysctl }) => {
    const link = await addBridge(kernel);
    sysctl('ipv6/conf/br0/disable_ipv6', '1', { optional: true });
    const address = { link, address: prefix6('2001:db8:10::101/64') };
    await assert.rejects(kernel.addAddress6(address), refusedWith('EACCES'));
    sysctl('ipv6/conf/br0/disable_ipv6', '0');
    const others = (await kernel.listAddresses6()).length;
    await kernel.addAddress6(address);
    assert.deepEqual(
      (await kernel.listAddresses6()).find((it) => it.link === link && it.address.length === 64),
      address,
    );
    await assert.rejects(kernel.addAddress6(address), refusedWith('EEXIST'));
    const via = async (): Promise<readonly (string | undefined)[]> =>
      (await kernel.listRoutes6()).filter((it) => it.protocol === 'static').map((it) => `${formatPrefix6(it.to)} ${it.via}`);
    const to = prefix6('::/0');
    await kernel.addRoute6({ to, via: '2001:db8:10::1', link });
    await kernel.addRoute6({ to, via: '2001:db8:10::2', link });
    assert.deepEqual(await via(), ['::/0 2001:db8:10::2']);
    await kernel.deleteRoute6({ to, via: '2001:db8:10::2', link });
    assert.deepEqual(await via(), []);
    await assert.rejects(kernel.deleteRoute6({ to, link }), refusedWith('ESRCH'));
    await kernel.addRoute6({ table: 1_000_007, to, via: 'fe80::1', link });
    assert.deepEqual(await via(), []);
    const others6 = async (): Promise<readonly Route6[]> =>
      (await kernel.listRoutes6('all')).filter((it) => it.table !== undefined);
    assert.deepEqual(await others6(), [{ table: 1_000_007, to, via: 'fe80::1', link, protocol: 'static' }]);
    await kernel.deleteRoute6({ table: 1_000_007, to, link });
    assert.deepEqual(await others6(), []);
    await kernel.deleteAddress6(address);
    assert.equal((await kernel.listAddresses6()).length, others);
    await assert.rejects(kernel.deleteAddress6(address), refusedWith('EADDRNOTAVAIL'));
  });

  story('a rule is there once, and outlives its link', async ({ kernel }) => {
    const rule = { from: prefix('192.168.11.101/32'), table: 1_000_007, priority: 7600 };
    const before = await kernel.listRules();
    assert.deepEqual(
      before.map((it) => it.table),
      [255, 254, 253],
    );
    await kernel.addRule(rule);
    await assert.rejects(kernel.addRule(rule), {
      name: 'KernelError',
      errno: 'EEXIST',
      doing: 'ip rule add from 192.168.11.101/32 lookup 1000007 priority 7600',
    });
    assert.deepEqual(await kernel.listRules(), [before[0], rule, ...before.slice(1)]);
    await assert.rejects(kernel.deleteRule({ ...rule, table: 1_000_008 }), refusedWith('ENOENT'));
    await kernel.deleteRule(rule);
    assert.deepEqual(await kernel.listRules(), before);
  });

  story('an IPv6 rule is beside those of IPv4, and there once', async ({ kernel }) => {
    const rule = { from: prefix6('2001:db8:10::101/128'), table: 1_000_007, priority: 7600 };
    const [before, before4] = [await kernel.listRules6(), await kernel.listRules()];
    assert.deepEqual(
      before.map((it) => it.table),
      [255, 254],
    );
    await kernel.addRule6(rule);
    await assert.rejects(kernel.addRule6(rule), {
      name: 'KernelError',
      errno: 'EEXIST',
      doing: 'ip -6 rule add from 2001:db8:10::101/128 lookup 1000007 priority 7600',
    });
    assert.deepEqual(await kernel.listRules6(), [before[0], rule, ...before.slice(1)]);
    assert.deepEqual(await kernel.listRules(), before4);
    await assert.rejects(kernel.deleteRule6({ ...rule, table: 1_000_008 }), refusedWith('ENOENT'));
    await kernel.deleteRule6(rule);
    assert.deepEqual(await kernel.listRules6(), before);
  });

  story('a route to an address that is no subnet is refused', async ({ kernel }) => {
    const link = await addBridge(kernel);
    await assert.rejects(kernel.addRoute({ to: prefix('10.50.0.1/24'), link }), {
      name: 'KernelError',
      errno: 'EINVAL',
      kernelSays: 'Invalid prefix for given prefix length',
    });
  });

  story('the last address of a link takes all its routes along, another than the last its own', async ({ kernel }) => {
    const link = await addBridge(kernel);
    const [first, second] = [prefix('192.168.11.20/23'), prefix('10.0.0.1/8')];
    for (const address of [first, second]) await kernel.addAddress({ link, address });
    await kernel.addRoute({ to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1'), link });
    await kernel.deleteAddress({ link, address: second });
    assert.deepEqual(await routesOf(kernel), ['192.168.10.0/23 metric 0 kernel', 'default via 192.168.11.1 metric 0 static']);
    await kernel.deleteAddress({ link, address: first });
    assert.deepEqual(await routesOf(kernel), []);
  });

  story('a neighbour that is not known cannot be forgotten', async ({ kernel }) => {
    const link = await addBridge(kernel);
    const address = ipv4('192.168.11.101');
    await assert.rejects(kernel.deleteNeighbour({ link, address }), {
      name: 'KernelError',
      errno: 'ENOENT',
      doing: `ip neighbour delete 192.168.11.101 dev ${link}`,
    });
  });

  story('a link that goes down takes its routes along, and does not bring them back', async ({ kernel }) => {
    const link = await addBridge(kernel);
    await kernel.addAddress({ link, address: prefix('192.168.11.20/23') });
    await kernel.addRoute({ to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1'), link });
    await kernel.setLink(link, { up: false });
    await kernel.setLink(link, { up: true });
    assert.deepEqual(await routesOf(kernel), ['192.168.10.0/23 metric 0 kernel']);
  });

  story('a sandbox is configured in one go: lo too is up, the address and the routes are there', async (host, it) => {
    const { path, inside: link } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    await host.within(path, async ({ kernel }) => {
      const routes = [
        { to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1'), link },
        { to: prefix('10.50.0.0/24'), via: ipv4('192.168.11.2'), link },
      ];
      await kernel.configure(link, { up: true, address: prefix('192.168.11.101/23'), routes });
      assert.deepEqual(
        (await kernel.listLinks()).map(({ name, up }) => ({ name, up })),
        [
          { name: 'lo', up: true },
          { name: 'eth0', up: true },
        ],
      );
      assert.deepEqual(await addressesOf(kernel), ['192.168.11.101/23']);
      const wanted = [
        '10.50.0.0/24 via 192.168.11.2 metric 0 static',
        '192.168.10.0/23 metric 0 kernel',
        'default via 192.168.11.1 metric 0 static',
      ];
      assert.deepEqual(await routesOf(kernel), wanted);
    });
  });

  story('of a configuration that is refused in part all runs, and the first refusal is told', async (host, it) => {
    const { path, inside: link } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    await host.within(path, async ({ kernel }) => {
      const address = prefix('192.168.11.101/23');
      await kernel.addAddress({ link, address });
      const routes = [
        { to: prefix('10.60.0.0/16'), via: ipv4('203.0.113.1'), link },
        { to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1'), link },
      ];
      await assert.rejects(kernel.configure(link, { up: true, address, routes }), {
        errno: 'EEXIST',
        doing: /^ip address add 192\.168\.11\.101\/23 /,
      });
      assert.deepEqual(await routesOf(kernel), ['192.168.10.0/23 metric 0 kernel', 'default via 192.168.11.1 metric 0 static']);
    });
  });

  story('what a link had goes with it', async (host, it) => {
    const { path, inside: link, hostEnd } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    await host.within(path, async ({ kernel }) => {
      const routes = [{ to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1'), link }];
      await kernel.configure(link, { up: true, address: prefix('192.168.11.101/23'), routes });
      await host.kernel.deleteLink(hostEnd);
      assert.deepEqual(await addressesOf(kernel), []);
      assert.deepEqual(await routesOf(kernel), []);
    });
  });
}

function netnsStories(story: Story, addSandbox: AddSandbox): void {
  story(
    'a namespace that is held lives on with its links, which can be moved out of it, until it is let go',
    async (host, it) => {
      const { path, hostEnd } = await addSandbox(
        host,
        it,
        'shop',
        (await host.kernel.addLink({ kind: 'bridge', name: 'br0', up: true })).index,
      );
      const inode = host.netnsInode(path);
      const held = host.holdNetns(path);
      await host.deleteNetns(path);
      assert.deepEqual([held.inode, host.netnsInode(held.path), host.netnsInode(path)], [inode, inode, undefined]);
      assert.throws(() => host.holdNetns(path), refusedWith('ENOENT'));
      await host.within(held.path, async ({ kernel }) => {
        const link = await kernel.getLink('eth0');
        assert.ok(link);
        // Refused before it leaves, or with its former name once it is there: Linux does the latter.
        await assert.rejects(kernel.setLink(link.index, { netns: homeNetns, name: 'br0' }), refusedWith('EEXIST'));
        const there = (await kernel.getLink(link.index)) === undefined ? host.kernel : kernel;
        const again = await there.getLink('eth0');
        assert.ok(again);
        await there.setLink(again.index, { ...(there === kernel ? { netns: homeNetns } : {}), name: 'ens34' });
      });
      const home = await host.kernel.getLink('ens34');
      assert.deepEqual([home?.up, home?.mac, home?.alias], [false, '02:4c:4c:00:00:01', undefined]);
      held.close();
      assert.equal((await host.kernel.getLink(hostEnd))?.kind, 'veth');
      await host.kernel.deleteLink(hostEnd);
    },
  );

  story('a namespace is made with its folder, has an inode, and is listed until it is deleted', async (host, it) => {
    const path = `${it.folder}/shop`;
    assert.deepEqual(await host.listNetns(it.folder), []);
    assert.equal(host.netnsInode(path), undefined);
    const { inode } = await host.addNetns(path);
    assert.equal(host.netnsInode(path), inode);
    assert.equal(await host.within(path, async (inside) => inside.inode), inode);
    const other = await host.addNetns(`${it.folder}/other`);
    assert.notEqual(other.inode, inode);
    assert.deepEqual([...(await host.listNetns(it.folder))].sort(), ['other', 'shop']);
    await host.deleteNetns(path);
    assert.equal(host.netnsInode(path), undefined);
    assert.deepEqual(await host.listNetns(it.folder), ['other']);
    await host.deleteNetns(path);
  });

  story('a namespace that is there is not made again', async (host, it) => {
    const path = `${it.folder}/shop`;
    const { inode } = await host.addNetns(path);
    await assert.rejects(host.addNetns(path), refusedWith('EEXIST'));
    assert.equal(host.netnsInode(path), inode);
  });

  story('what a crash left in the folder is no namespace: listing clears it away, and it can be made anew', async (host, it) => {
    await host.addNetns(`${it.folder}/shop`);
    it.leaveFile(`${it.folder}/left`);
    it.leaveFile(`${it.folder}/again`);
    assert.equal(host.netnsInode(`${it.folder}/left`), undefined);
    await host.addNetns(`${it.folder}/again`);
    assert.deepEqual([...(await host.listNetns(it.folder))].sort(), ['again', 'shop']);
    await assert.rejects(
      host.within(`${it.folder}/left`, async () => undefined),
      refusedWith('ENOENT'),
    );
  });

  story('a new namespace has lo, which is down', async (host, it) => {
    await host.addNetns(`${it.folder}/shop`);
    const links = await host.within(`${it.folder}/shop`, ({ kernel }) => kernel.listLinks());
    assert.deepEqual(
      links.map(({ name, up, index }) => ({ name, up, index })),
      [{ name: 'lo', up: false, index: 1 }],
    );
  });

  story('one works only within what is a namespace', async (host, it) => {
    await host.addNetns(`${it.folder}/shop`);
    it.leaveFile(`${it.folder}/file`);
    await assert.rejects(
      host.within(`${it.folder}/none`, async () => undefined),
      refusedWith('ENOENT'),
    );
    await assert.rejects(
      host.within(`${it.folder}/file`, async () => undefined),
      refusedWith('EINVAL'),
    );
  });

  story('what the work within returns is returned, and what it throws is thrown', async (host, it) => {
    await host.addNetns(`${it.folder}/shop`);
    assert.equal(await host.within(`${it.folder}/shop`, async () => 42), 42);
    const own = new Error('of our own');
    await assert.rejects(
      host.within(`${it.folder}/shop`, async () => {
        throw own;
      }),
      own,
    );
  });

  story('what is used after its window has closed is refused', async (host, it) => {
    const { path, inside: link } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    const kept = await host.within(path, async (inside) => inside);
    await assert.rejects(kept.kernel.setLink(link, { up: true }), /is closed/);
    await assert.rejects(kept.kernel.listLinks(), /is closed/);
    assert.equal((await host.within(path, ({ kernel }) => linkNamed(kernel, 'eth0'))).up, false);
  });

  story('a namespace that is deleted takes its links along, and the host’s ends of them', async (host, it) => {
    const { path } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    await host.deleteNetns(path);
    await eventually('the host’s end is gone', async () => (await host.kernel.getLink('ll1')) === undefined);
  });

  story('a sysctl is written where one is; a name that is not there is refused unless it is optional', async (host, it) => {
    const path = `${it.folder}/shop`;
    await host.addNetns(path);
    host.sysctl('ipv4/ip_forward', '1');
    await host.within(path, async (inside) => inside.sysctl('ipv4/conf/lo/arp_notify', '1'));
    assert.throws(() => host.sysctl('ipv4/conf/none/arp_notify', '1'), refusedWith('ENOENT'));
    host.sysctl('ipv4/conf/none/arp_notify', '1', { optional: true });
  });
}

function arpStories(story: Story, addRunning: AddRunning): void {
  const mac = (number: number): string => `02:4c:4c:00:00:0${number}`;
  const taken = ipv4('192.168.11.101');

  story('whoever has an address answers a probe for it, and nobody answers for a free one', async (host, it) => {
    const bridge = await addBridge(host.kernel);
    await addRunning(host, it, bridge, 1, '192.168.11.101/23');
    const { path, inside: link } = await addRunning(host, it, bridge, 2, '192.168.11.102/23');
    await host.within(path, async (inside) => {
      const heard: Arp[] = [];
      const arp = inside.openArp(link, (frame) => heard.push(decodeArp(frame)));
      arp.send(encodeArp(arpProbe(mac(2), ipv4('192.168.11.103'))));
      arp.send(encodeArp(arpProbe(mac(2), taken)));
      await eventually('the answer', () => heard.length > 0);
      arp.close();
      assert.deepEqual(heard, [
        {
          destination: mac(2),
          source: mac(1),
          operation: 'reply',
          senderMac: mac(1),
          senderAddress: taken,
          targetMac: mac(2),
          targetAddress: 0,
        },
      ]);
    });
  });

  story('a broadcast is heard by every other port, not by its sender, and not after closing', async (host, it) => {
    const bridge = await addBridge(host.kernel);
    const first = await addRunning(host, it, bridge, 1, '192.168.11.101/23');
    const second = await addRunning(host, it, bridge, 2, '192.168.11.102/23');
    const heard: string[] = [];
    const frame = encodeArp(arpAnnouncement(mac(1), taken));
    await host.within(second.path, async (there) => {
      const closed = there.openArp(second.inside, () => heard.push('closed'));
      closed.close();
      const other = there.openArp(second.inside, (bytes) => heard.push(`there: ${Buffer.from(bytes).toString('hex')}`));
      await host.within(first.path, async (here) => {
        const own = here.openArp(first.inside, () => heard.push('own'));
        own.send(frame);
        await eventually('the frame', () => heard.length > 0);
        own.close();
      });
      other.close();
    });
    assert.deepEqual(heard, [`there: ${Buffer.from(frame).toString('hex')}`]);
  });

  story('the bridge learns behind which port a MAC lives, and knows those of its ports', async (host, it) => {
    const bridge = await addBridge(host.kernel);
    const { path, inside: link, hostEnd } = await addRunning(host, it, bridge, 1, '192.168.11.101/23');
    await host.within(path, async (inside) => {
      const arp = inside.openArp(link, () => undefined);
      arp.send(encodeArp(arpAnnouncement(mac(1), taken)));
      arp.close();
    });
    const entries = await host.kernel.listForwarding(bridge);
    const of = (wanted: string): unknown => entries.filter((entry) => entry.mac === wanted && entry.port === hostEnd);
    assert.deepEqual(of(mac(1)), [{ port: hostEnd, mac: mac(1), permanent: false }]);
    assert.deepEqual(of('fe:4c:4c:00:00:01'), [{ port: hostEnd, mac: 'fe:4c:4c:00:00:01', permanent: true }]);
  });

  story('a link that is down sends nothing, says so, and works again when it is up', async (host, it) => {
    const bridge = await addBridge(host.kernel);
    const first = await addRunning(host, it, bridge, 1, '192.168.11.101/23');
    const { path, inside: link, hostEnd } = await addRunning(host, it, bridge, 2, '192.168.11.102/23');
    await host.within(path, async (inside) => {
      const heard: Arp[] = [];
      const arp = inside.openArp(link, (frame) => heard.push(decodeArp(frame)));
      const probe = encodeArp(arpProbe(mac(2), taken));
      await inside.kernel.setLink(link, { up: false });
      assert.throws(() => arp.send(probe), refusedWith('ENETDOWN'));
      await inside.kernel.setLink(link, { up: true });
      await eventually('the port forwards', async () => (await host.kernel.getLink(hostEnd))?.portState === 'forwarding');
      arp.send(probe);
      await eventually('the answer', () => heard.length > 0);
      assert.equal(heard[0]?.senderMac, mac(1));
      arp.close();
    });
    assert.equal((await host.within(first.path, ({ kernel }) => linkNamed(kernel, 'eth0'))).up, true);
  });

  story('an ARP socket on a link that is not there is refused', async (host, it) => {
    await host.addNetns(`${it.folder}/shop`);
    await host.within(`${it.folder}/shop`, async (inside) => {
      assert.throws(() => inside.openArp(4711, () => undefined), refusedWith('ENODEV'));
    });
  });
}

function watchStories(story: Story, addSandbox: AddSandbox): void {
  const isLink = (event: KernelEvent, change: string, name: string): boolean =>
    event.kind === 'link' && event.change === change && event.link.name === name;

  story('links, addresses and routes at home are told when they come and go', async (host) => {
    const events: KernelEvent[] = [];
    const watch = await host.watch((event) => events.push(event));
    const heard = (what: string, matches: (event: KernelEvent) => boolean): Promise<unknown> =>
      eventually(what, () => events.some(matches));
    const link = await addBridge(host.kernel);
    await heard('the new link', (event) => isLink(event, 'new', 'br0'));
    const address = prefix('192.168.11.20/23');
    await host.kernel.addAddress({ link, address });
    await heard('the new address', (event) => event.kind === 'address' && event.change === 'new' && event.address.link === link);
    await heard('the new route', (event) => event.kind === 'route' && event.change === 'new');
    const rule = { table: 1_000_007, priority: 7600 };
    await host.kernel.addRule(rule);
    await heard('the new rule', (event) => event.kind === 'rule' && event.change === 'new');
    await host.kernel.deleteRule(rule);
    await heard('the rule gone', (event) => event.kind === 'rule' && event.change === 'deleted');
    const soFar = events.length;
    await host.kernel.addRule6({ ...rule, from: prefix6('2001:db8:10::101/128') });
    await host.kernel.deleteRule6({ ...rule, from: prefix6('2001:db8:10::101/128') });
    const told = (): boolean => events.slice(soFar).some((event) => event.kind === 'rule' && event.change === 'deleted');
    await eventually('the IPv6 rule gone', told);
    await host.kernel.deleteAddress({ link, address });
    await heard('the address gone', (event) => event.kind === 'address' && event.change === 'deleted');
    await heard('the route gone', (event) => event.kind === 'route' && event.change === 'deleted');
    await host.kernel.deleteLink(link);
    await heard('the link gone', (event) => isLink(event, 'deleted', 'br0'));
    watch.close();
  });

  story('a port that leaves its bridge is a link as before, and not deleted', async (host) => {
    const bridge = await addBridge(host.kernel);
    const { index } = await host.kernel.addLink({ kind: 'veth', name: 'a', controller: bridge, peer: { name: 'b' } });
    const events: KernelEvent[] = [];
    const watch = await host.watch((event) => events.push(event));
    await host.kernel.setLink(index, { controller: 0 });
    const isFree = (event: KernelEvent): boolean =>
      isLink(event, 'new', 'a') && event.kind === 'link' && event.link.controller === undefined;
    await eventually('it is told', () => events.some(isFree));
    assert.ok(!events.some((event) => event.kind === 'link' && event.change === 'deleted'));
    watch.close();
  });

  story('a port that forwards is told', async (host, it) => {
    const events: KernelEvent[] = [];
    const watch = await host.watch((event) => events.push(event));
    const { hostEnd, inside, path } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    await host.within(path, ({ kernel }) => kernel.setLink(inside, { up: true }));
    await eventually('the port forwards', () =>
      events.some((event) => event.kind === 'link' && event.link.index === hostEnd && event.link.portState === 'forwarding'),
    );
    watch.close();
  });

  story('what happens in a namespace that a veth leads to is told too', async (host, it) => {
    const { inside: link, path } = await addSandbox(host, it, 'shop', await addBridge(host.kernel));
    const events: KernelEvent[] = [];
    const watch = await host.watch((event) => events.push(event));
    const address = prefix('192.168.11.101/23');
    await host.within(path, async ({ kernel }) => {
      await kernel.configure(link, { up: true, address, routes: [{ to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1'), link }] });
      await kernel.deleteAddress({ link, address });
      await kernel.deleteLink(link);
    });
    await eventually('the link inside is up', () =>
      events.some((it) => it.kind === 'link' && it.link.name === 'eth0' && it.link.up),
    );
    for (const change of ['new', 'deleted'] as const) {
      const isOurs = (event: KernelEvent): boolean =>
        event.kind === 'address' && event.change === change && event.address.address.address === address.address;
      await eventually(`address ${change}`, () => events.some(isOurs));
    }
    await eventually('the link inside is gone', () => events.some((event) => isLink(event, 'deleted', 'eth0')));
    watch.close();
  });

  story('a host that is closed refuses to look and to change', async (host) => {
    await host.watch(() => undefined);
    host.close();
    await assert.rejects(host.kernel.listLinks(), /is closed/);
    await assert.rejects(host.kernel.addLink({ kind: 'bridge', name: 'br0' }), /is closed/);
    host.close();
  });

  story('nothing is told once the watch is closed', async (host) => {
    const events: KernelEvent[] = [];
    const watch = await host.watch((event) => events.push(event));
    watch.close();
    watch.close();
    await addBridge(host.kernel);
    await sleep(20);
    assert.deepEqual(events, []);
  });
}
