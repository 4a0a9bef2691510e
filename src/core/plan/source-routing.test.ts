import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Ipv4, ipv4 } from '../../net/ipv4.ts';
import { prefix } from '../../net/prefix.ts';
import { prefix6 } from '../../net/prefix6.ts';
import { after, desired, formatStep, observed } from './fixture.ts';
import type { Desired, DesiredEndpoint, Observed } from './model.ts';
import { plan } from './plan.ts';
import { isSourceRule, type ObservedSource, whySource, wishOfIpv4, wishOfIpv6 } from './source-routing.ts';

const wish = { address: prefix('10.9.0.7/24'), bySource: [{ to: prefix('0.0.0.0/0'), via: ipv4('10.9.0.1') }] };
const well: ObservedSource<Ipv4> = { rules: [prefix('10.9.0.7/32')], direct: [prefix('10.9.0.0/24')], routes: wish.bySource };
const office = { to: prefix('10.50.0.0/24'), via: ipv4('10.9.0.3') };

test('a table and its rule that are as they should be are left alone, and each thing that is not is named', () => {
  const cases: readonly (readonly [found: ObservedSource<Ipv4> | undefined, says: string | undefined])[] = [
    [well, undefined],
    [undefined, 'without the rule for 10.9.0.7/32'],
    [{ ...well, rules: [] }, 'without the rule for 10.9.0.7/32'],
    [{ ...well, rules: [...well.rules, prefix('10.9.0.8/32')] }, 'with a rule for 10.9.0.8/32 too'],
    [{ ...well, direct: [] }, 'without 10.9.0.0/24 in its own table'],
    [{ ...well, direct: [...well.direct, prefix('10.10.0.0/24')] }, 'with a route to 10.10.0.0/24 in its own table too'],
    [{ ...well, routes: [] }, 'without the route to 0.0.0.0/0 in its own table'],
    [{ ...well, routes: [...well.routes, office] }, 'with a route to 10.50.0.0/24 in its own table too'],
  ];
  for (const [found, says] of cases) assert.equal(whySource(wishOfIpv4(wish), found), says);
});

test('an endpoint that has become the only one needs none', () => {
  const alone = { address: wish.address };
  assert.equal(whySource(wishOfIpv4(alone), undefined), undefined);
  assert.equal(whySource(wishOfIpv4(alone), well), 'with a rule for 10.9.0.7/32 too');
});

test('IPv6 has the same, and neighbours that ask from their link-local addresses are answered without the router', () => {
  const routes = [{ to: prefix6('::/0'), via: 'fe80::1' }];
  const six = wishOfIpv6({ subnet: prefix6('2001:db8:60::/64'), address: '2001:db8:60::101', bySource: routes });
  const direct = [prefix6('2001:db8:60::/64'), prefix6('fe80::/64')];
  const whole = { rules: [prefix6('2001:db8:60::101/128')], direct, routes };
  assert.equal(whySource(six, whole), undefined);
  assert.equal(whySource(six, { ...whole, rules: [] }), 'without the rule for 2001:db8:60::101/128');
  assert.equal(whySource(six, { ...whole, direct: direct.slice(0, 1) }), 'without fe80::/64 in its own table');
  assert.equal(whySource(six, { ...whole, routes: [] }), 'without the route to ::/0 in its own table');
  assert.equal(whySource(undefined, whole), 'with a rule for 2001:db8:60::101/128 too');
  assert.equal(wishOfIpv6({ subnet: prefix6('2001:db8:60::/64'), bySource: routes }), undefined);
});

test("others' rules are not ours", () => {
  const ours = { from: prefix('10.9.0.7/32'), table: 1_000_007, priority: 7600 };
  assert.equal(isSourceRule(ours), true);
  for (const change of [{ priority: 100 }, { table: 254 }]) assert.equal(isSourceRule({ ...ours, ...change }), false);
  assert.equal(isSourceRule({ table: 1_000_007, priority: 7600 }), false);
});

const one: Desired = desired(['eth0 02:00:00:00:00:01 192.168.11.101/23 default via 192.168.11.1']);
const second = desired(['eth1 02:00:00:00:00:02 10.9.0.7/24']).endpoints;
const withSource = (it: DesiredEndpoint, via: string): DesiredEndpoint => ({
  ...it,
  bySource: [{ to: prefix('0.0.0.0/0'), via: ipv4(via) }],
});
const two: Desired = {
  services: [],
  endpoints: [...one.endpoints, ...second].map((it, index) => withSource(it, index === 0 ? '192.168.11.1' : '10.9.0.1')),
};

const stepsTo = (goal: Desired, found: Observed): readonly [steps: readonly string[], reached: Observed] => {
  const steps: string[] = [];
  let reached = found;
  for (;;) {
    const [step] = plan(goal, reached, new Map(), 0).steps;
    if (step === undefined) return [steps, reached];
    steps.push(formatStep(step));
    reached = after(reached, step);
  }
};

test('with a second endpoint the first gets its rule too, and both lose them with it', () => {
  const found = observed({ links: ['eth0 02:00:00:00:00:01 192.168.11.101/23 default via 192.168.11.1'] });
  const [there, both] = stepsTo(two, found);
  assert.deepEqual(there, ['mend eth0: without the rule for 192.168.11.101/32', 'attach eth1 10.9.0.7/24']);
  const [back] = stepsTo(one, both);
  assert.deepEqual(back, ['detach eth1: no longer wished for', 'mend eth0: with a rule for 192.168.11.101/32 too']);
});

test('a rule that leads to no link any more goes', () => {
  const [, both] = stepsTo(two, observed({ links: [] }));
  const found = { ...both, strayRules: [{ from: prefix('10.10.0.7/32'), table: 1_000_009 }] };
  assert.deepEqual(stepsTo(two, found)[0], ['remove rules for 10.10.0.7/32']);
});
