import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { ipv4 } from '../../net/ipv4.ts';
import { prefix } from '../../net/prefix.ts';
import type { Command, Json } from './expressions.ts';
import { elementsOf, isSameSkeleton, replaceTables, transaction, written } from './transaction.ts';
import type { PrivateWish, PublishedPort } from './wish.ts';

const base: PrivateWish = { subnet: prefix('10.88.0.0/16'), group: 0x4d00_1122, ports: [], guarded: ['br0'] };

/** `8080:10.88.0.2:80`, `192.168.11.20:53:10.88.0.2:53 udp` */
function port(text: string): PublishedPort {
  const [where = '', protocol] = text.split(' ');
  const [, hostAddress, hostPort, address, containerPort] = /^(?:([\d.]+):)?(\d+):([\d.]+):(\d+)$/.exec(where) ?? [];
  return {
    ...(hostAddress === undefined ? {} : { hostAddress: ipv4(hostAddress) }),
    hostPort: Number(hostPort),
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
    address: ipv4(address ?? ''),
    containerPort: Number(containerPort),
  };
}

const publishing = (...ports: readonly string[]): PrivateWish => ({ ...base, ports: ports.map(port) });

/** `add ports 8080/tcp`-like lines, as a person reads a transaction that changes elements. */
const say = (commands: readonly Command[]): string[] =>
  commands.map((command) => {
    const [verb, it] = Object.entries(command)[0] ?? [];
    assert.ok(it !== undefined);
    // Only elements are changed here.
    const { name, elem } = it.element as { readonly name: string; readonly elem: Json };
    return `${verb} ${name} ${JSON.stringify(elem).replaceAll('"', '')}`;
  });

test('one port more, or less, or elsewhere is a command or two for each half of the map', () => {
  const cases: readonly (readonly [from: PrivateWish, to: PrivateWish, commands: readonly string[]])[] = [
    [publishing('8080:10.88.0.2:80'), publishing('8080:10.88.0.2:80'), []],
    [
      publishing(),
      publishing('8080:10.88.0.2:80'),
      ['add addresses [[{concat:[tcp,8080]},10.88.0.2]]', 'add ports [[{concat:[tcp,8080]},80]]'],
    ],
    [
      publishing('8080:10.88.0.2:80'),
      publishing(),
      ['delete addresses [{concat:[tcp,8080]}]', 'delete ports [{concat:[tcp,8080]}]'],
    ],
    [
      publishing('8080:10.88.0.2:80'),
      publishing('8080:10.88.0.3:80'),
      ['delete addresses [{concat:[tcp,8080]}]', 'add addresses [[{concat:[tcp,8080]},10.88.0.3]]'],
    ],
    [
      publishing('53:10.88.0.2:53 udp'),
      publishing('53:10.88.0.2:53 udp', '192.168.11.20:53:10.88.0.2:53'),
      ['add addresses_on [[{concat:[192.168.11.20,tcp,53]},10.88.0.2]]', 'add ports_on [[{concat:[192.168.11.20,tcp,53]},53]]'],
    ],
    [{ ...base, guarded: ['br0'] }, { ...base, guarded: ['br0', 'ens34'] }, ['add guarded [ens34]']],
  ];
  for (const [from, to, commands] of cases) assert.deepEqual(say(transaction(from, to)), commands);
});

const anyPort = fc.record(
  {
    hostAddress: fc.constantFrom(ipv4('192.168.11.20'), ipv4('192.168.11.21')),
    hostPort: fc.integer({ min: 1, max: 5 }),
    protocol: fc.constantFrom('tcp' as const, 'udp' as const),
    address: fc.constantFrom(ipv4('10.88.0.2'), ipv4('10.88.0.3')),
    containerPort: fc.integer({ min: 80, max: 81 }),
  },
  { requiredKeys: ['hostPort', 'protocol', 'address', 'containerPort'] },
);
const anyWish = fc.record({
  subnet: fc.constant(base.subnet),
  group: fc.constant(base.group),
  ports: fc.uniqueArray(anyPort, { selector: (it) => `${it.hostAddress} ${it.protocol} ${it.hostPort}`, maxLength: 8 }),
  guarded: fc.uniqueArray(fc.constantFrom('br0', 'ens34', 'wg0'), { minLength: 1 }),
});

/** The kernel's maps, which refuse what is there already and what is not there. */
function apply(state: Map<string, Map<string, string>>, commands: readonly Command[]): void {
  for (const command of commands) {
    for (const [verb, it] of Object.entries(command)) {
      const change = it?.element as { readonly name: string; readonly elem: readonly Json[] } | undefined;
      if (change === undefined) continue;
      const map = state.get(change.name) ?? new Map<string, string>();
      state.set(change.name, map);
      for (const element of change.elem) {
        const key = JSON.stringify(verb === 'add' && Array.isArray(element) ? element[0] : element);
        assert.equal(map.has(key), verb === 'delete', `${verb} ${change.name} ${key}`);
        if (verb === 'add') map.set(key, JSON.stringify(element));
        else map.delete(key);
      }
    }
  }
}

const wanted = (wish: PrivateWish): string[] =>
  [...elementsOf(wish)].flatMap(([name, map]) => [...map.values()].map((it) => `${name} ${JSON.stringify(written(it))}`)).sort();
const found = (state: Map<string, Map<string, string>>): string[] =>
  [...state].flatMap(([name, map]) => [...map.values()].map((it) => `${name} ${it}`)).sort();

test('from any wish to any other: the maps are as wished, and no command is refused on the way', () => {
  fc.assert(
    fc.property(anyWish, anyWish, (from, to) => {
      const state = new Map<string, Map<string, string>>();
      apply(state, replaceTables(from));
      assert.deepEqual(found(state), wanted(from));
      apply(state, transaction(from, to));
      assert.deepEqual(found(state), wanted(to));
      assert.deepEqual(transaction(to, to), []);
    }),
  );
});

test('what changes more than ports makes the tables anew', () => {
  const others: readonly PrivateWish[] = [
    { ...base, subnet: prefix('10.89.0.0/16') },
    { ...base, group: base.group + 1 },
    { ...base, guarded: [] },
  ];
  for (const other of others) {
    assert.equal(isSameSkeleton(base, other), false);
    assert.deepEqual(transaction(base, other), replaceTables(other));
  }
  assert.deepEqual(transaction(undefined, base), replaceTables(base));
});

test('without a private network the tables go, and where there is none nothing is done', () => {
  assert.deepEqual(
    transaction(base, undefined).flatMap((it) => Object.keys(it)),
    ['add', 'delete', 'add', 'delete'],
  );
  assert.deepEqual(transaction(undefined, undefined), []);
});
