import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../net/ipv4.ts';
import { prefix } from '../../net/prefix.ts';
import { type ObservedPrivateEnd, whyMendPrivateEnd } from './private-end.ts';

const wish = { address: ipv4('10.88.0.2'), gateway: ipv4('10.88.0.1'), mtu: 1500 };
const well: ObservedPrivateEnd = {
  up: true,
  mtu: 1500,
  addresses: [prefix('10.88.0.1/32')],
  routes: [prefix('10.88.0.2/32')],
  forwards: true,
  takesLoopback: true,
};

test('a host’s end that is as it should be is left alone, and each thing that is not is named', () => {
  const cases: readonly (readonly [change: Partial<ObservedPrivateEnd>, says: string | undefined])[] = [
    [{}, undefined],
    [{ addresses: [prefix('192.0.2.1/24'), prefix('10.88.0.1/32')] }, undefined],
    [{ up: false }, "down at the host's end"],
    [{ mtu: 1400 }, "MTU 1400 at the host's end, and 1500 is right"],
    [{ addresses: [] }, "without 10.88.0.1 at the host's end"],
    [{ addresses: [prefix('10.88.0.1/16')] }, "without 10.88.0.1 at the host's end"],
    [{ routes: [] }, "without the host's route to 10.88.0.2"],
    [{ routes: [prefix('10.88.0.2/32'), prefix('10.88.0.3/32')] }, 'with a route of the host to 10.88.0.3/32 too'],
    [{ forwards: false }, "the host's end does not forward"],
    [{ takesLoopback: false }, "the host's end does not take packets of 127.0.0.1"],
  ];
  for (const [change, says] of cases) assert.equal(whyMendPrivateEnd(wish, { ...well, ...change }), says);
});
