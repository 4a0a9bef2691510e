import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ProbeProfile } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { type FakeHost, fakeHost } from '../host/fake.ts';
import { isKernelError } from '../host/index.ts';
import { formatIpv4, ipv4 } from '../net/ipv4.ts';
import { formatPrefix, prefix } from '../net/prefix.ts';
import { type Arp, arpAnnouncement } from '../wire/arp/arp.ts';
import { type AttachWish, announceAgain, attach, detach, type LanEndpoint, mend, readdress } from './attach.ts';
import { type Forwarding, watchForwarding } from './forwarding.ts';

const netns = '/run/landline/netns/shop';
const mark = { installation: 'a1b2', environment: 'shop', interface: 'eth0' };
const squatter = '52:54:00:00:00:99';

const eth0: LanEndpoint = {
  network: 'office',
  interface: 'eth0',
  bridge: 'br0',
  mac: '02:00:00:00:00:01',
  address: prefix('192.168.11.101/23'),
  routes: [
    { to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.1') },
    { to: prefix('10.50.0.0/24'), via: ipv4('192.168.11.9') },
  ],
};

const wishFor = (endpoint: LanEndpoint = eth0, probe: ProbeProfile = 'off'): AttachWish => ({
  endpoint,
  mark,
  group: 0x4c000001,
  netns,
  probe,
  target: "environment 'shop'",
});

interface Office {
  readonly host: FakeHost;
  readonly forwarding: Forwarding;
  /** ARP that the LAN heard. */
  readonly heard: readonly string[];
}

const sayArp = ({ operation, senderMac, senderAddress, targetAddress }: Arp): string =>
  `${operation} who-has ${formatIpv4(targetAddress)} tell ${formatIpv4(senderAddress)} from ${senderMac}`;

/** A host with br0 and the sandbox of shop, on a LAN where somebody has `taken`. */
async function office(taken?: string): Promise<Office> {
  const heard: string[] = [];
  const answer = (it: Arp): readonly Arp[] => {
    heard.push(sayArp(it));
    if (taken === undefined || formatIpv4(it.targetAddress) !== taken || it.senderAddress === it.targetAddress) return [];
    return [{ ...arpAnnouncement(squatter, ipv4(taken)), destination: it.source, operation: 'reply', targetMac: it.senderMac }];
  };
  const host = fakeHost({ arp: answer });
  const forwarding = watchForwarding();
  await host.kernel.addLink({ kind: 'bridge', name: 'br0', mtu: 1400, up: true });
  await host.addNetns(netns);
  await host.within(netns, (inside) => inside.kernel.setLink(1, { up: true }));
  await host.watch(forwarding.hear);
  return { host, forwarding, heard };
}

/** Everything that is there, on the host and in the sandbox. */
async function tables({ host }: Office): Promise<readonly string[]> {
  const home = await host.kernel.listLinks();
  const inside = await host.within(netns, async ({ kernel }) => ({
    links: await kernel.listLinks(),
    addresses: await kernel.listAddresses(),
    routes: await kernel.listRoutes(),
  }));
  const show = (where: string, links: typeof home): string[] =>
    links.map((it) => {
      const bridge = home.find((one) => one.index === it.controller)?.name;
      const name = it.name.startsWith('ll') ? 'veth' : it.name;
      const words = [
        name,
        it.name === 'veth' || it.name === 'eth0' ? it.mac : '',
        `mtu ${it.mtu}`,
        it.up ? 'up' : 'down',
        bridge ?? '',
        it.alias ?? '',
      ];
      return `${where} ${words.filter((word) => word !== '').join(' ')}`;
    });
  return [
    ...show('host', home),
    ...show('shop', inside.links),
    ...inside.addresses.map((it) => `shop address ${formatPrefix(it.address)}`),
    ...inside.routes
      .filter((it) => it.via !== undefined)
      .map((it) => `shop route ${formatPrefix(it.to)} via ${formatIpv4(it.via ?? 0)}`),
  ];
}

const bare = ['host lo mtu 65536 down', 'host br0 mtu 1400 up', 'shop lo mtu 65536 up', 'shop address 127.0.0.1/8'];
const whole = [
  'host lo mtu 65536 down',
  'host br0 mtu 1400 up',
  'host veth mtu 1400 up br0 landline:a1b2:shop:eth0',
  'shop lo mtu 65536 up',
  'shop eth0 02:00:00:00:00:01 mtu 1400 up',
  'shop address 127.0.0.1/8',
  'shop address 192.168.11.101/23',
  'shop route 0.0.0.0/0 via 192.168.11.1',
  'shop route 10.50.0.0/24 via 192.168.11.9',
];

async function attached(wish = wishFor()): Promise<Office> {
  const it = await office();
  await attach(it.host, it.forwarding, wish);
  return it;
}

test('an attach: the marked veth, address, routes, MTU of the bridge, no IPv6, an announcement on the LAN', async () => {
  const it = await attached();
  assert.deepEqual(await tables(it), whole);
  assert.deepEqual(it.heard, ['request who-has 192.168.11.101 tell 192.168.11.101 from 02:00:00:00:00:01']);
  assert.equal(it.host.readSysctl('ipv6/conf/eth0/disable_ipv6', netns), '1');
  const hostEnd = (await it.host.kernel.listLinks()).find((link) => link.kind === 'veth');
  assert.equal(it.host.readSysctl(`ipv6/conf/${hostEnd?.name}/disable_ipv6`), '1');
  assert.equal(hostEnd?.group, 0x4c000001);
  assert.match(hostEnd?.mac ?? '', /^fe:/, "no bridge takes the host's end for its own MAC");
});

test('the address is probed before it is used, and the times are told apart', async () => {
  const it = await office();
  const work = attach(it.host, it.forwarding, wishFor(eth0, 'fast'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  const meanwhile = (await tables(it)).filter((line) => line.startsWith('shop address') || line.startsWith('shop route'));
  assert.deepEqual(meanwhile, ['shop address 127.0.0.1/8'], 'until then nobody in the sandbox answers for it');
  const times = await work;
  const question = 'request who-has 192.168.11.101 tell 0.0.0.0 from 02:00:00:00:00:01';
  const announcement = 'request who-has 192.168.11.101 tell 192.168.11.101 from 02:00:00:00:00:01';
  assert.deepEqual(it.heard, [question, question, question, announcement]);
  assert.deepEqual(await tables(it), whole);
  assert.ok(times.probeMs >= 290 && times.attachMs < 100, JSON.stringify(times));
});

test('an address that answers is refused with its holder, never used, and nothing is left', async () => {
  const it = await office('192.168.11.101');
  await assert.rejects(attach(it.host, it.forwarding, wishFor(eth0, 'fast')), {
    code: 'ADDRESS_TAKEN',
    details: { address: '192.168.11.101', network: 'office', holder: squatter },
  });
  assert.deepEqual(await tables(it), bare);
  assert.ok(!it.heard.some((frame) => frame.includes('tell 192.168.11.101')), it.heard.join('\n'));
});

test('without its bridge, or with one that is down or full, nothing is made', async () => {
  const it = await office();
  const begin = async (change: Partial<LanEndpoint>): Promise<unknown> =>
    attach(it.host, it.forwarding, wishFor({ ...eth0, ...change })).catch((error: unknown) =>
      isLandlineError(error) ? error.code : error,
    );
  assert.equal(await begin({ bridge: 'br7' }), 'BRIDGE_MISSING');
  assert.equal(await begin({ bridge: 'lo' }), 'BRIDGE_MISSING', 'a link of that name that is no bridge');
  const br0 = (await it.host.kernel.getLink('br0'))?.index ?? 0;
  await it.host.kernel.setLink(br0, { up: false });
  assert.equal(await begin({}), 'BRIDGE_DOWN');
  await it.host.kernel.setLink(br0, { up: true });
  assert.deepEqual(await tables(it), bare);
  for (let port = 0; port < 1023; port += 1) {
    await it.host.kernel.addLink({ kind: 'veth', name: `port${port}`, controller: br0, peer: { name: `peer${port}` } });
  }
  const full = await tables(it);
  assert.equal(await begin({}), 'BRIDGE_FULL');
  assert.deepEqual(await tables(it), full);
});

test('a link of that name, or a sandbox that is gone, is told as such', async () => {
  const it = await attached();
  await assert.rejects(attach(it.host, it.forwarding, wishFor()), {
    code: 'INTERFACE_TAKEN',
    details: { interface: 'eth0', target: "environment 'shop'" },
  });
  assert.deepEqual(await tables(it), whole);
  const gone = { ...wishFor(), netns: '/run/landline/netns/crm', target: "environment 'crm'" };
  await assert.rejects(attach(it.host, it.forwarding, gone), { code: 'TARGET_GONE' });
  assert.deepEqual(await tables(it), whole);
});

/** Whether an error is the failure that was asked for, and nothing that came after it. */
function isFirstFailure(error: unknown): boolean {
  if (isLandlineError(error, 'KERNEL_REFUSED')) return error.details.errno === 'EIO';
  return isKernelError(error, 'EIO');
}

/** Runs `work` on as many offices as it makes calls, failing in the n-th at its n-th call, before or after it took effect. */
async function failEverywhere(
  prepare: () => Promise<Office>,
  work: (it: Office) => Promise<unknown>,
  check: (it: Office, call: string) => Promise<void>,
): Promise<void> {
  const good = await prepare();
  const before = good.host.calls.length;
  await work(good);
  const calls = good.host.calls.length - before;
  assert.ok(calls > 2, String(calls));
  const failures = Array.from({ length: calls }, (_, at) => [
    { count: at + 1, done: false },
    { count: at + 1, done: true },
  ]).flat();
  await Promise.all(
    failures.map(async ({ count, done }) => {
      const it = await prepare();
      const from = it.host.calls.length;
      it.host.failAt(count, { done });
      const error = await work(it).then(
        () => undefined,
        (reason: unknown) => reason ?? new Error('nothing'),
      );
      const call = `call ${count}, ${it.host.calls[from + count - 1]}${done ? ', done all the same' : ''}`;
      // What took effect and was there already was refused as such, and the failure never came to be told.
      assert.ok(isFirstFailure(error) || (done && error === undefined), `${call}: ${error}`);
      await check(it, call);
    }),
  );
}

test('an attach that fails at any call leaves nothing, and says what failed first', async () => {
  for (const probe of ['off', 'fast'] as const) {
    await failEverywhere(
      office,
      (it) => attach(it.host, it.forwarding, wishFor(eth0, probe)),
      async (it, call) => {
        assert.deepEqual(await tables(it), bare, call);
        await attach(it.host, it.forwarding, wishFor());
        assert.deepEqual(await tables(it), whole, `${call}: again`);
      },
    );
  }
});

test('when the way back fails too, the first error is the one that is told', async () => {
  const it = await office();
  const before = it.host.calls.length;
  await attach(it.host, it.forwarding, wishFor());
  const send = it.host.calls.slice(before).findIndex((call) => call.endsWith(' send')) + 1;
  const other = await office();
  other.host.failAt(send, { errno: 'ENETDOWN' });
  other.host.failAt(send + 1, { errno: 'EBUSY' });
  const error = await attach(other.host, other.forwarding, wishFor()).catch((reason: unknown) => reason);
  assert.ok(error instanceof AggregateError, String(error));
  assert.match(error.message, /ENETDOWN/);
  assert.deepEqual(
    error.errors.map((one: unknown) =>
      isLandlineError(one, 'KERNEL_REFUSED') ? one.details.errno : isKernelError(one) && one.errno,
    ),
    ['ENETDOWN', 'EBUSY'],
  );
});

/** What somebody may do to an endpoint. */
const damages: Readonly<
  Record<string, (host: FakeHost, link: { readonly inside: number; readonly hostEnd: number }) => Promise<void>>
> = {
  'the address is deleted': (host, { inside }) =>
    host.within(netns, ({ kernel }) => kernel.deleteAddress({ link: inside, address: eth0.address })),
  'the address has the prefix of a former subnet': (host, { inside }) =>
    host.within(netns, async ({ kernel }) => {
      await kernel.addAddress({ link: inside, address: prefix('192.168.11.101/24') });
      await kernel.deleteAddress({ link: inside, address: eth0.address });
    }),
  'the default route is deleted': (host) => host.within(netns, ({ kernel }) => kernel.deleteRoute({ to: prefix('0.0.0.0/0') })),
  'the default route leads elsewhere': (host, { inside }) =>
    host.within(netns, ({ kernel }) => kernel.addRoute({ to: prefix('0.0.0.0/0'), via: ipv4('192.168.11.77'), link: inside })),
  'a route of a former wish is there': (host, { inside }) =>
    host.within(netns, ({ kernel }) => kernel.addRoute({ to: prefix('10.77.0.0/16'), via: ipv4('192.168.11.77'), link: inside })),
  'the link is down': (host, { inside }) => host.within(netns, ({ kernel }) => kernel.setLink(inside, { up: false })),
  "the host's end is down": (host, { hostEnd }) => host.kernel.setLink(hostEnd, { up: false }),
  'the port is off the bridge': (host, { hostEnd }) => host.kernel.setLink(hostEnd, { controller: 0 }),
  'the MAC is another': (host, { inside }) =>
    host.within(netns, ({ kernel }) => kernel.setLink(inside, { mac: '02:00:00:00:00:77' })),
  'the MTU is another, at both ends': async (host, { inside, hostEnd }) => {
    await host.within(netns, ({ kernel }) => kernel.setLink(inside, { mtu: 1280 }));
    await host.kernel.setLink(hostEnd, { mtu: 1280 });
  },
};

async function damaged(damage: (typeof damages)[string]): Promise<Office> {
  const it = await attached();
  const hostEnd = (await it.host.kernel.listLinks()).find((link) => link.kind === 'veth');
  await damage(it.host, { inside: hostEnd?.peer ?? 0, hostEnd: hostEnd?.index ?? 0 });
  assert.notDeepEqual(await tables(it), whole);
  return it;
}

test('a mend puts right whatever was done to an endpoint, and tells the neighbours', async () => {
  for (const [what, damage] of Object.entries(damages)) {
    const it = await damaged(damage);
    const heard = it.heard.length;
    await mend(it.host, it.forwarding, wishFor());
    assert.deepEqual((await tables(it)).toSorted(), whole.toSorted(), what);
    assert.deepEqual(it.heard.slice(heard), ['request who-has 192.168.11.101 tell 192.168.11.101 from 02:00:00:00:00:01'], what);
  }
});

test('a mend that fails at any call makes nothing worse: the next one is whole', async () => {
  for (const damage of Object.values(damages)) {
    await failEverywhere(
      () => damaged(damage),
      (it) => mend(it.host, it.forwarding, wishFor()),
      async (it, call) => {
        await mend(it.host, it.forwarding, wishFor());
        assert.deepEqual((await tables(it)).toSorted(), whole.toSorted(), call);
      },
    );
  }
});

test('a mend leaves alone what others have added', async () => {
  const it = await damaged(damages['the default route is deleted'] as (typeof damages)[string]);
  const link = (await it.host.kernel.listLinks()).find((one) => one.kind === 'veth')?.peer ?? 0;
  await it.host.within(netns, ({ kernel }) => kernel.addAddress({ link, address: prefix('192.168.11.77/32') }));
  await mend(it.host, it.forwarding, wishFor());
  assert.deepEqual((await tables(it)).toSorted(), [...whole, 'shop address 192.168.11.77/32'].toSorted());
});

test('without its link, or without its bridge, a mend says so', async () => {
  const it = await office();
  await assert.rejects(mend(it.host, it.forwarding, wishFor()), { code: 'TARGET_GONE' });
  await assert.rejects(mend(it.host, it.forwarding, wishFor({ ...eth0, bridge: 'br7' })), { code: 'BRIDGE_MISSING' });
  assert.deepEqual(await tables(it), bare);
});

const moved: LanEndpoint = { ...eth0, address: prefix('192.168.11.150/23') };

test('another address is probed while the endpoint keeps its own; then it has the new one alone', async () => {
  const it = await attached();
  const work = readdress(it.host, it.forwarding, wishFor(moved, 'fast'));
  await new Promise((resolve) => setTimeout(resolve, 50));
  assert.deepEqual(await tables(it), whole);
  await work;
  const wanted = whole.map((line) => line.replace('192.168.11.101/23', '192.168.11.150/23'));
  assert.deepEqual((await tables(it)).toSorted(), wanted.toSorted());
  assert.match(it.heard.at(-1) ?? '', /^request who-has 192\.168\.11\.150 tell 192\.168\.11\.150 /);
});

test('another address that answers is refused, and the endpoint keeps its own', async () => {
  const it = await office('192.168.11.150');
  await attach(it.host, it.forwarding, wishFor());
  await assert.rejects(readdress(it.host, it.forwarding, wishFor(moved, 'fast')), {
    code: 'ADDRESS_TAKEN',
  });
  assert.deepEqual(await tables(it), whole);
});

test('a change of address that fails at any call is finished by the next try', async () => {
  await failEverywhere(
    () => attached(),
    (it) => readdress(it.host, it.forwarding, wishFor(moved, 'fast')),
    async (it, call) => {
      await readdress(it.host, it.forwarding, wishFor(moved));
      const wanted = whole.map((line) => line.replace('192.168.11.101/23', '192.168.11.150/23'));
      assert.deepEqual((await tables(it)).toSorted(), wanted.toSorted(), call);
    },
  );
});

test('a detach takes both ends, and is content when there is nothing to take', async () => {
  const it = await attached();
  await detach(it.host, netns, 'eth0');
  assert.deepEqual(await tables(it), bare);
  await detach(it.host, netns, 'eth0');
  await detach(it.host, '/run/landline/netns/gone', 'eth0');
  assert.deepEqual(await tables(it), bare);
});

test('a detach that fails at any call is finished by the next try', async () => {
  await failEverywhere(
    () => attached(),
    (it) => detach(it.host, netns, 'eth0'),
    async (it, call) => {
      await detach(it.host, netns, 'eth0');
      assert.deepEqual(await tables(it), bare, call);
    },
  );
});

test('an address is announced again only while the link is up and has it', async () => {
  const it = await attached();
  const again = async (endpoint: LanEndpoint): Promise<number> => {
    const before = it.heard.length;
    await announceAgain(it.host, netns, endpoint);
    return it.heard.length - before;
  };
  assert.equal(await again(eth0), 1);
  await readdress(it.host, it.forwarding, wishFor(moved));
  assert.equal(await again(eth0), 0, 'an address that it has no more');
  assert.equal(await again(moved), 1);
  await detach(it.host, netns, 'eth0');
  assert.equal(await again(moved), 0);
});
