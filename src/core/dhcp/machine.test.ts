import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { client, conversation, server, type Talk, type Told } from '../../../test/support/dhcp-conversation.ts';
import { formatIpv4, ipv4 } from '../../net/ipv4.ts';
import { formatPrefix, prefix } from '../../net/prefix.ts';
import { optionOf } from '../../wire/dhcp/dhcp.ts';
import { FQDN_CANONICAL, FQDN_SERVER } from '../../wire/dhcp/options.ts';
import { knownLease, newLease, step, wakeAt } from './machine.ts';
import { type DhcpEvent, type Grant, grantOf, type Instant } from './model.ts';

const mine = '192.168.10.100';
const other = '192.168.10.150';
const hour = { leaseSeconds: 3600 };

/** A lease that was bound at 0. */
const bound = (told: Told = hour, jitter?: number): Talk =>
  conversation(undefined, jitter)
    .at(0)
    .hears('offer', mine)
    .hears('ack', mine, told)
    .does('discover', `request ${mine} of ${server}`, `bind ${mine}`);

/** As a former daemon left it. */
function known(ends: { readonly renew: number; readonly rebind: number; readonly expire: number }): Grant {
  const { renew, rebind, expire } = ends;
  return {
    address: ipv4(mine),
    server: ipv4(server),
    routes: [],
    resolvers: [],
    search: [],
    ntpServers: [],
    since: -1000,
    ends: { renewAt: renew * 1000, rebindAt: rebind * 1000, expiresAt: expire * 1000 },
  };
}

test('an offer is requested, acknowledged and bound, and renewed at half of the lease', () => {
  const talk = conversation();
  talk.at(0).does('discover');
  talk.at(1).hears('offer', mine).does(`request ${mine} of ${server}`);
  talk.at(2).hears('ack', mine, hour).does(`bind ${mine}`);
  assert.equal(grantOf(talk.lease)?.since, 1000, 'it counts from when the request was sent');
  talk.at(1800).does();
  talk.at(1 + 1800 + 45).does(`renew ${mine} at ${server}`);
});

test('a DISCOVER that nobody answers is sent again after 4, 8 and 16 seconds, and then every 16', () => {
  const talk = conversation();
  for (const at of [0, 4, 12, 28, 44, 60]) {
    talk.at(at - 0.001).does();
    talk.at(at).does('discover');
  }
  assert.equal(optionOf(talk.sent[0] ?? { options: [] }, 'clientId'), client.clientId);
  assert.equal(talk.sent[0]?.secs, 60);
  assert.equal(new Set(talk.sent.map((it) => it.xid)).size, 1, 'a late answer still counts');
});

test('jitter makes each wait up to a second longer or shorter', () => {
  for (const [jitter, times] of [
    [0, [0, 3, 10, 25]],
    [0.75, [0, 4.5, 13, 29.5]],
  ] as const) {
    const talk = conversation(undefined, jitter);
    for (const at of times) {
      talk.at(at - 0.001).does();
      talk.at(at).does('discover');
    }
  }
});

test('a lost ACK: the request is sent again, then the address is bound', () => {
  const talk = conversation();
  talk.at(0).does('discover');
  talk.at(1).hears('offer', mine).does(`request ${mine} of ${server}`);
  talk.at(5).does(`request ${mine} of ${server}`);
  talk.at(6).hears('ack', mine, hour).does(`bind ${mine}`);
});

test('a server that goes away after its offer is forgotten, and all are asked again', () => {
  const talk = conversation();
  talk.at(0).hears('offer', mine).does('discover', `request ${mine} of ${server}`);
  talk.at(12).does(`request ${mine} of ${server}`, `request ${mine} of ${server}`);
  talk.at(28).does(`discover ${mine}`);
});

test('of several offers the address that was wanted wins, and is not waited for any longer', () => {
  const talk = conversation(newLease(client, 0, ipv4(mine)));
  talk.at(0).does(`discover ${mine}`);
  talk.at(0.1).hears('offer', other, { server: '192.168.11.3' }).does();
  talk.at(0.2).hears('offer', mine).does(`request ${mine} of ${server}`);
  talk.at(0.3).hears('offer', other, { server: '192.168.11.4' }).does('ignore: out of turn');
});

test('where nobody offers the wanted address, the first offer is taken after half a second', () => {
  const talk = conversation(newLease(client, 0, ipv4('192.168.10.77')));
  talk.at(0).does('discover 192.168.10.77');
  talk.at(0.1).hears('offer', other).hears('offer', mine, { server: '192.168.11.3' }).does();
  talk.at(0.599).does();
  talk.at(0.6).does(`request ${other} of ${server}`);
});

test('what a spoofer could send is ignored by its reason, and changes nothing', () => {
  const cases: readonly (readonly [(talk: Talk) => Talk, string])[] = [
    [(talk) => talk.hears('ack', mine, { ...hour, xid: 1 }), 'another transaction'],
    [(talk) => talk.hears('ack', mine, { ...hour, mac: '02:4c:4c:00:00:02' }), 'another client'],
    [(talk) => talk.hears('ack', mine, { ...hour, server: '192.168.11.66' }), 'another server'],
    [(talk) => talk.hears('nak', '0.0.0.0', { server: '192.168.11.66' }), 'another server'],
    [(talk) => talk.hears('nak', '0.0.0.0', { server: '' }), 'without a server'],
    [(talk) => talk.hears('ack', other, hour), 'an unusable address'],
    [(talk) => talk.hears('ack', mine), 'without a lease time'],
    [(talk) => talk.hears('ack', mine, { leaseSeconds: 0 }), 'without a lease time'],
    [(talk) => talk.hears('offer', mine), 'out of turn'],
    [(talk) => talk.hears('inform', mine), 'out of turn'],
  ];
  for (const [say, why] of cases) {
    const requesting = conversation().at(0).hears('offer', mine).does('discover', `request ${mine} of ${server}`);
    const renewing = bound({ ...hour, renewSeconds: 10 })
      .at(12)
      .does(`renew ${mine} at ${server}`);
    for (const talk of [requesting, renewing]) {
      const before = talk.lease;
      say(talk).does(`ignore: ${why}`);
      assert.deepEqual(talk.lease, before);
    }
  }
  const talk = bound();
  const before = talk.lease;
  talk.at(100).hears('ack', other, hour).hears('nak', '0.0.0.0').does('ignore: out of turn', 'ignore: out of turn');
  assert.deepEqual(talk.lease, before);
});

test('an offer of what no host can have is ignored', () => {
  const offers: readonly (readonly [string, Told])[] = [
    ['0.0.0.0', {}],
    ['127.0.0.1', {}],
    ['224.0.0.1', {}],
    ['255.255.255.255', {}],
    [server, {}],
    ['192.168.11.1', { routers: [ipv4('192.168.11.1')] }],
    ['192.168.10.0', { subnetMask: ipv4('255.255.254.0') }],
    ['192.168.11.255', { subnetMask: ipv4('255.255.254.0') }],
  ];
  for (const [address, told] of offers)
    conversation().at(0).hears('offer', address, told).does('discover', 'ignore: an unusable address');
  conversation().at(0).hears('offer', mine, { server: '' }).does('discover', 'ignore: without a server');
});

test('a NAK of a request starts anew at once, the next ones after 1, 2, 4 seconds and so on', () => {
  const talk = conversation();
  for (const at of [0, 0, 1, 3, 7]) {
    talk.at(at - 0.001);
    talk.at(at).hears('offer', mine).does('discover', `request ${mine} of ${server}`).hears('nak', '0.0.0.0').does();
  }
  talk.wakesAt(15);
});

test('a NAK of a renewal takes the address at once, and asks for another in the same moment', () => {
  const talk = bound({ leaseSeconds: 4 }).at(2.1).does(`renew ${mine} at ${server}`);
  talk.hears('nak', '0.0.0.0', { message: 'wrong\nnetwork' }).does(`lose ${mine}: refused`);
  talk.at(2.1).does('discover');
  talk.hears('offer', other).does(`request ${other} of ${server}`).hears('ack', other, { leaseSeconds: 4 }).does(`bind ${other}`);
});

test('a NAK of a stranger counts where nobody grants the lease within half a second, and one of its own server at once', () => {
  const start = (): Talk => conversation(knownLease(client, 0, known({ renew: 100, rebind: 200, expire: 300 }))).at(0);
  const stranger = { server: '192.168.11.66' };
  start().hears('nak', '0.0.0.0', stranger).at(0.499).does(`reboot ${mine}`).at(0.5).does(`lose ${mine}: refused`, 'discover');
  start()
    .hears('nak', '0.0.0.0', stranger)
    .hears('nak', '0.0.0.0', stranger)
    .hears('ack', mine, hour)
    .does(`reboot ${mine}`, 'ignore: another server', `bind ${mine}`)
    .at(10)
    .does();
  start().hears('nak', '0.0.0.0', stranger).hears('nak', '0.0.0.0').does(`reboot ${mine}`, `lose ${mine}: refused`);
  const late = bound({ leaseSeconds: 80 }, 0).at(70);
  late.does(...Array.from({ length: 5 }, () => `renew ${mine} at ${server}`), `rebind ${mine}`);
  late.hears('nak', '0.0.0.0', stranger).at(70.499).does().at(70.5).does(`lose ${mine}: refused`, 'discover');
});

test('a lease of seconds is renewed at T1, asked for everywhere at T2, and ends when it ends', () => {
  const talk = bound({ leaseSeconds: 4 }, 0);
  talk.at(1.999).does();
  talk.at(2).does(`renew ${mine} at ${server}`);
  talk.at(2.75).does(`renew ${mine} at ${server}`);
  talk.at(3.499).does(...Array.from({ length: 3 }, () => `renew ${mine} at ${server}`));
  talk.at(3.5).does(`rebind ${mine}`);
  talk.at(3.75).does(`rebind ${mine}`);
  talk.at(3.999).does(`rebind ${mine}`);
  talk.at(4).does(`lose ${mine}: expired`, `discover ${mine}`);
});

test('a lease of one second is taken as it is', () => {
  const talk = bound({ leaseSeconds: 1 }, 0);
  talk.at(0.5).does(`renew ${mine} at ${server}`).hears('ack', mine, { leaseSeconds: 1 }).does(`bind ${mine}`);
  talk.wakesAt(1);
});

test('retransmissions of a renewal come at half of what is left, and not closer than a minute', () => {
  const talk = bound({ leaseSeconds: 8 * 3600 }, 0);
  const at: number[] = [];
  for (let now = 0; now < 7 * 3600; now = (wakeAt(talk.lease) ?? 0) / 1000) {
    talk.at(now);
    at.push(now);
  }
  assert.deepEqual(
    at.slice(1).map((it) => Math.round(it / 60)),
    [240, 330, 375, 398, 409, 414, 417, 419, 420],
  );
});

test('whichever server is left takes the lease over at T2', () => {
  const talk = bound({ leaseSeconds: 80 }, 0);
  talk.at(70).does(...Array.from({ length: 5 }, () => `renew ${mine} at ${server}`), `rebind ${mine}`);
  talk.hears('ack', mine, { leaseSeconds: 80, server: '192.168.11.3' }).does(`bind ${mine}`);
  talk.at(110).does(`renew ${mine} at 192.168.11.3`);
});

test('T1 and T2 that are missing or make no sense are half and seven eighths of the lease', () => {
  const cases: readonly (readonly [told: Told, renewAt: number, rebindAt: number])[] = [
    [{}, 50, 87.5],
    [{ renewSeconds: 10, rebindSeconds: 20 }, 10, 20],
    [{ renewSeconds: 60 }, 60, 87.5],
    [{ rebindSeconds: 60 }, 45, 60],
    [{ renewSeconds: 0, rebindSeconds: 0 }, 50, 87.5],
    [{ renewSeconds: 100, rebindSeconds: 100 }, 50, 87.5],
    [{ renewSeconds: 80, rebindSeconds: 70 }, 50, 70],
    [{ renewSeconds: 0xffffffff, rebindSeconds: 0xffffffff }, 50, 87.5],
    [{ renewSeconds: 90, rebindSeconds: 200 }, 50, 87.5],
  ];
  for (const [told, renewAt, rebindAt] of cases) {
    const ends = grantOf(bound({ leaseSeconds: 100, ...told }, 0).lease)?.ends;
    assert.deepEqual(ends, { renewAt: renewAt * 1000, rebindAt: rebindAt * 1000, expiresAt: 100_000 }, JSON.stringify(told));
  }
});

test('what was leased together is not renewed together', () => {
  const ends = (jitter: number): number => grantOf(bound({ leaseSeconds: 1000 }, jitter).lease)?.ends?.renewAt ?? 0;
  assert.equal(ends(0), 500_000);
  assert.equal(ends(0.99), 524_750);
});

test('a lease without end is never renewed by itself; asked for, it is, and stays when nobody answers', () => {
  const talk = bound({ leaseSeconds: 0xffffffff });
  talk.wakesAt(undefined);
  talk.at(1e6).told('renew').does(`renew ${mine} at ${server}`);
  talk.at(1e6 + 60).does(`renew ${mine} at ${server}`, `renew ${mine} at ${server}`);
  talk.wakesAt(undefined);
  talk.told('renew').hears('ack', mine, hour).does(`renew ${mine} at ${server}`, `bind ${mine}`);
});

test('a daemon that comes back asks for the address it knows, and goes on with what it is told', () => {
  const talk = conversation(knownLease(client, 0, known({ renew: 100, rebind: 200, expire: 300 })));
  talk.at(0).does(`reboot ${mine}`);
  assert.equal(talk.sent[0]?.ciaddr, 0);
  talk.at(1).hears('ack', mine, hour).does(`bind ${mine}`);
});

test('a server that does not answer a daemon which comes back leaves it its lease', () => {
  const talk = conversation(knownLease(client, 0, known({ renew: 100, rebind: 200, expire: 300 })));
  talk.at(4).does(`reboot ${mine}`, `reboot ${mine}`);
  talk.at(12).does();
  talk.wakesAt(100);
  talk.at(100).does(`renew ${mine} at ${server}`);
});

test('a daemon that comes back after T2 is at T2 when nobody answers, and one that comes too late starts anew', () => {
  const late = conversation(knownLease(client, 0, known({ renew: -20, rebind: -10, expire: 60 })));
  late.at(0).does(`reboot ${mine}`);
  late.at(12).does(`reboot ${mine}`, `rebind ${mine}`);
  late.at(60);
  assert.equal(grantOf(late.lease), undefined);
  conversation(knownLease(client, 0, known({ renew: -30, rebind: -20, expire: -10 })))
    .at(0)
    .does(`lose ${mine}: expired`, `discover ${mine}`);
});

test('a lease that ends soon is asked for again in the time that it has, and lost when it ends', () => {
  const talk = conversation(knownLease(client, 0, known({ renew: 1, rebind: 2, expire: 3 })));
  talk.at(0.75).does(`reboot ${mine}`, `reboot ${mine}`);
  talk.at(1.999).does(...Array.from({ length: 4 }, () => `renew ${mine} at ${server}`));
  talk.at(2.999).does(...Array.from({ length: 4 }, () => `rebind ${mine}`));
  talk.at(3).does(`lose ${mine}: expired`, `discover ${mine}`);
});

test('a machine that slept past the end of its lease loses it at the first tick', () => {
  const talk = bound();
  const { lease, effects } = step(talk.lease, { kind: 'tick', dice: { xid: 1, jitter: 0 } }, 10_000_000);
  assert.deepEqual(
    effects.map((it) => it.do),
    ['lose'],
  );
  assert.equal(wakeAt(lease), 10_000_000);
});

test('a link that was away has its address asked for again; without a lease it starts anew', () => {
  bound()
    .at(10)
    .told('reattached')
    .at(10)
    .does(`reboot ${mine}`)
    .hears('nak', '0.0.0.0')
    .does(`lose ${mine}: refused`)
    .at(10)
    .does('discover');
  conversation().at(30).told('reattached').at(30).does('discover', 'discover', 'discover', 'discover', 'discover');
  const declined = bound().at(1).told('conflict').does(`decline ${mine} of ${server}`, `lose ${mine}: in conflict`);
  declined.told('reattached').at(10.999).does().at(11).does('discover');
});

test('an address that somebody else has is declined, and nothing is asked for in the next ten seconds', () => {
  const talk = bound().at(1).told('conflict').does(`decline ${mine} of ${server}`, `lose ${mine}: in conflict`);
  talk.at(10.999).does();
  talk.at(11).does('discover');
});

test('an address that is given back is released at its server, from itself, and nothing follows', () => {
  bound().at(1).told('release').does(`release ${mine} at ${server}`, `lose ${mine}: released`).wakesAt(undefined);
  conversation().at(1).told('release').at(100).does('discover').wakesAt(undefined);
});

test('a renewal tells what held before, so that a change is seen', () => {
  const talk = bound({ ...hour, resolvers: [ipv4('192.168.11.2')] })
    .at(10)
    .told('renew')
    .does(`renew ${mine} at ${server}`);
  talk.hears('ack', mine, { ...hour, resolvers: [ipv4('192.168.11.3')] }).does(`bind ${mine}`);
  assert.deepEqual(grantOf(talk.lease)?.resolvers, [ipv4('192.168.11.3')]);
});

test('who is known by a full name sends it in place of the hostname, and what the server makes of it is kept', () => {
  const fqdn = { flags: FQDN_SERVER | FQDN_CANONICAL, rcode1: 0, rcode2: 0, name: 'shop.test.office.example' };
  const talk = conversation(newLease({ ...client, fqdn }, 0))
    .at(0)
    .hears('offer', mine);
  for (const sent of talk.sent) assert.deepEqual([optionOf(sent, 'fqdn'), optionOf(sent, 'hostname')], [fqdn, undefined]);
  const answers = (flags: number, name: string): unknown =>
    grantOf(bound({ ...hour, fqdn: { flags, rcode1: 255, rcode2: 255, name } }).lease)?.fqdn;
  assert.deepEqual(answers(7, 'Shop.lab.office.example'), { name: 'shop.lab.office.example', registered: true });
  assert.deepEqual(answers(8, 'shop.test.office.example.'), { name: 'shop.test.office.example', registered: false });
  assert.equal(answers(5, '$(reboot)'), undefined);
  assert.equal(grantOf(bound().lease)?.fqdn, undefined);
});

const route = (to: string, via: string) => ({ to: prefix(to), via: ipv4(via) });

test('routes: classless ones alone count, on-link ones come first, and what the link does not reach is left out', () => {
  const routes = (told: Told): string[] =>
    grantOf(bound({ ...hour, subnetMask: ipv4('255.255.254.0'), ...told }).lease)?.routes.map(
      ({ to, via }) => `${formatPrefix(to)} via ${formatIpv4(via)}`,
    ) ?? [];
  const router = { routers: [ipv4('192.168.11.1'), ipv4('192.168.11.9')] };
  assert.deepEqual(routes(router), ['0.0.0.0/0 via 192.168.11.1']);
  assert.deepEqual(routes({ ...router, staticRoutes: [[ipv4('10.60.0.0'), ipv4('192.168.11.9')]] }), [
    '10.60.0.0/32 via 192.168.11.9',
    '0.0.0.0/0 via 192.168.11.1',
  ]);
  assert.deepEqual(routes({ ...router, classlessRoutes: [route('10.50.0.9/24', '192.168.11.1')] }), [
    '10.50.0.0/24 via 192.168.11.1',
  ]);
  assert.deepEqual(
    routes({
      classlessRoutes: [route('0.0.0.0/0', '10.9.9.9'), route('10.9.9.9/32', '0.0.0.0'), route('10.1.0.0/16', '10.8.8.8')],
    }),
    ['10.9.9.9/32 via 0.0.0.0', '0.0.0.0/0 via 10.9.9.9'],
  );
  assert.deepEqual(routes({ routers: [ipv4('10.1.2.3')] }), []);
});

test('domains are those of option 119, else of option 15, and only what is a domain', () => {
  const search = (told: Told): readonly string[] | undefined => grantOf(bound({ ...hour, ...told }).lease)?.search;
  assert.deepEqual(search({ domain: 'test.office.example\0' }), ['test.office.example']);
  assert.deepEqual(search({ domain: 'test.office.example office.example' }), ['test.office.example', 'office.example']);
  assert.deepEqual(search({ domain: 'a.example', search: ['Test.Office.example.', '$(reboot)'] }), ['test.office.example']);
});

test('a mask with holes, and an MTU that IPv4 cannot use, are as if they had not been told', () => {
  const told = { ...hour, subnetMask: ipv4('255.0.255.0'), mtu: 68 };
  const grant = grantOf(bound(told).lease);
  assert.equal(grant?.prefixLength, undefined);
  assert.equal(grant?.mtu, undefined);
});

test('whatever happens in whatever order: it wakes again or rests, never spins, and never keeps a lease past its end', () => {
  const event = fc.oneof(
    fc.constantFrom('tick', 'conflict', 'renew', 'reattached').map((kind) => ({ kind })),
    fc.record({
      kind: fc.constant('heard'),
      type: fc.constantFrom('offer', 'ack', 'ack', 'nak'),
      lease: fc.constantFrom(0, 1, 4, 60, 0xffffffff),
      address: fc.constantFrom(mine, other),
      from: fc.constantFrom(server, '192.168.11.3'),
    }),
  );
  fc.assert(
    fc.property(
      fc.array(fc.tuple(event, fc.nat({ max: 20_000 }))),
      fc.double({ min: 0, max: 0.999, noNaN: true }),
      (events, jitter) => {
        let lease = newLease(client, 0);
        let now: Instant = 0;
        for (const [it, later] of events) {
          now += later;
          const next = step(lease, eventOf(it, lease, jitter), now);
          lease = next.lease;
          let rounds = 0;
          for (let due = wakeAt(lease); due !== undefined && due <= now; due = wakeAt(lease)) {
            lease = step(lease, { kind: 'tick', dice: { xid: 7, jitter } }, now).lease;
            rounds += 1;
            assert.ok(rounds < 10, `it spins in ${lease.phase.name}`);
          }
          const end = grantOf(lease)?.ends?.expiresAt;
          assert.ok(end === undefined || end > now, 'a lease past its end');
        }
      },
    ),
  );
});

function eventOf(
  it: { readonly kind: string } & Partial<Record<'type' | 'address' | 'from', string>> & { lease?: number },
  lease: ReturnType<typeof newLease>,
  jitter: number,
): DhcpEvent {
  const dice = { xid: 7, jitter };
  if (it.kind !== 'heard') return { kind: it.kind, dice } as DhcpEvent;
  const xid = 'exchange' in lease.phase ? lease.phase.exchange.xid : 0;
  const options = [
    { option: 'messageType', value: it.type },
    { option: 'server', value: ipv4(it.from ?? '') },
    { option: 'leaseSeconds', value: it.lease },
  ];
  const head = { op: 'reply', hops: 0, xid, secs: 0, broadcast: false, ciaddr: 0, siaddr: 0, giaddr: 0, chaddr: client.mac };
  // The generator makes only what a server could send.
  return { kind: 'heard', dice, message: { ...head, yiaddr: ipv4(it.address ?? ''), options } } as DhcpEvent;
}
