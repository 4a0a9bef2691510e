import assert from 'node:assert/strict';
import { test } from 'node:test';
import { prefix6 } from '../../net/prefix6.ts';
import { type DesiredIpv6, type ObservedIpv6, whyIpv6 } from './ipv6.ts';

const wish: DesiredIpv6 = { subnet: prefix6('2001:db8:10::/64'), address: '2001:db8:10::101', gateway: '2001:db8:10::1' };
const linkLocal = prefix6('fe80::4c:4cff:fe00:1/64');
const well: ObservedIpv6 = { addresses: [linkLocal, prefix6('2001:db8:10::101/64')], gateways: ['2001:db8:10::1'] };

test('an IPv6 address and its router that are as they should be are left alone, and each thing that is not is named', () => {
  const cases: readonly (readonly [found: ObservedIpv6 | undefined, says: string | undefined])[] = [
    [well, undefined],
    [{ ...well, addresses: [...well.addresses, prefix6('2001:db8:99::7/64')] }, undefined],
    [undefined, 'without 2001:db8:10::101/64'],
    [{ ...well, addresses: [prefix6('2001:db8:10::101/48')] }, 'without 2001:db8:10::101/64'],
    [{ ...well, addresses: [...well.addresses, prefix6('2001:db8:10::102/64')] }, 'with 2001:db8:10::102/64 too'],
    [{ ...well, gateways: [] }, 'without the route to ::/0'],
    [{ ...well, gateways: ['2001:db8:10::1', '2001:db8:10::2'] }, 'with a route to ::/0 too'],
  ];
  for (const [found, says] of cases) assert.equal(whyIpv6(wish, found), says);
});

test('where no address is wished for, one of the subnet goes, and others are nobody’s business', () => {
  const none = { subnet: wish.subnet };
  assert.equal(whyIpv6(none, { addresses: [linkLocal], gateways: [] }), undefined);
  assert.equal(whyIpv6(none, well), 'with 2001:db8:10::101/64 too');
  assert.equal(whyIpv6(undefined, well), undefined);
});
