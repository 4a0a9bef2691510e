import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { after, desired, ended, formatStep, observed } from './fixture.ts';
import type { Desired, Observed, ServiceMemory } from './model.ts';
import { plan } from './plan.ts';
import { backoffMs } from './services.ts';

const now = Date.UTC(2026, 2, 2, 14, 5);
const nobody: ReadonlyMap<string, ServiceMemory> = new Map();

const steps = (wish: Desired | undefined, found: Observed, memory = nobody): string[] =>
  plan(wish, found, memory, now).steps.map(formatStep);

const eth0 = 'eth0 02:00:00:00:00:01 192.168.11.101/23 default via 192.168.11.1';
const eth1 = 'eth1 02:00:00:00:00:02 10.9.0.7/24 10.50.0.0/24 via 10.9.0.1';

test('nothing is there: the sandbox, its links, and services in the order of the wish', () => {
  const wish = desired([eth0, eth1], ['db', 'api after=db', 'web after=api']);
  assert.deepEqual(steps(wish, observed({ sandbox: 'none' })), [
    'make-sandbox',
    'attach eth0 192.168.11.101/23',
    'attach eth1 10.9.0.7/24',
    'start db',
  ]);
});

test('everything is as wished: nothing to do, and no time to look again', () => {
  const wish = desired([eth0, eth1], ['db', 'web after=db restart=always', 'init']);
  const found = observed({ links: [eth0, eth1], services: ['db running', 'web running', 'init exited=0'] });
  assert.deepEqual(plan(wish, found, nobody, now), { steps: [] });
});

test('no network: the sandbox has lo alone, and services start in it', () => {
  assert.deepEqual(steps(desired([], ['db']), observed({ sandbox: 'none' })), ['make-sandbox', 'start db']);
  assert.deepEqual(steps(desired([]), observed({})), []);
});

test('an endpoint that somebody changed is mended in place, and the plan says what was found', () => {
  const cases: readonly (readonly [link: string, why: string])[] = [
    ['eth0 02:00:00:00:00:01', 'without 192.168.11.101/23'],
    ['eth0 02:00:00:00:00:01 192.168.11.101/24 default via 192.168.11.1', 'without 192.168.11.101/23'],
    ['eth0 02:00:00:00:00:01 192.168.11.101/24 192.168.11.101/23 default via 192.168.11.1', 'with 192.168.11.101/24 too'],
    ['eth0 02:00:00:00:00:01 192.168.11.101/23', 'without the route to 0.0.0.0/0'],
    ['eth0 02:00:00:00:00:01 192.168.11.101/23 default via 192.168.11.2', 'without the route to 0.0.0.0/0'],
    [`${eth0}, 10.0.0.0/8 via 192.168.11.9`, 'with a route to 10.0.0.0/8 too'],
    [`${eth0} | down`, 'down'],
    [`${eth0} | host-end=down`, 'down'],
    [`${eth0} | host-end=no-bridge`, 'not a port of br0'],
    [`${eth0} | host-end=br1`, 'not a port of br0'],
    ['eth0 02:00:00:00:00:99 192.168.11.101/23 default via 192.168.11.1', 'MAC 02:00:00:00:00:99'],
    [`${eth0} | mtu=1400`, "MTU 1400, and the bridge's is 1500"],
    [`${eth0} | host-end=mtu1400`, "MTU 1400 at the host's end, and the bridge's is 1500"],
  ];
  for (const [link, why] of cases) {
    assert.deepEqual(steps(desired([eth0]), observed({ links: [link] })), [`mend eth0: ${why}`], link);
  }
});

test('a generation that was built aside: its ports take the place of those on the LAN in one go, and those then go', () => {
  const wish = desired([eth0, eth1], ['web']);
  const links = [eth0, eth1].map((it) => `${it} | host-end=no-bridge,aside`);
  const found = observed({ links, leftovers: ['eth0', 'eth1'], services: ['web running'] });
  assert.deepEqual(steps(wish, found), ['exchange eth0, eth1']);
  assert.deepEqual(steps(wish, observed({ links: [eth0, eth1], leftovers: ['eth0', 'eth1'], services: ['web running'] })), [
    'retire-leftovers',
  ]);
});

test('a link that was built aside for an address that is another by now never comes onto the LAN', () => {
  const found = observed({ links: ['eth0 02:00:00:00:00:01 192.168.11.99/23 | host-end=no-bridge,aside'], leftovers: ['eth0'] });
  assert.deepEqual(steps(desired([eth0]), found), [
    'retire-leftovers',
    'detach eth0: the address is to be 192.168.11.101/23',
    'attach eth0 192.168.11.101/23',
  ]);
});

test('a generation that is built aside is whole without a bridge', () => {
  const wish = desired([eth0], ['web']);
  const aside = { ...wish, endpoints: wish.endpoints.map((it) => ({ ...it, aside: true as const })) };
  const whole = `${eth0} | host-end=no-bridge,aside`;
  assert.deepEqual(steps(aside, observed({ sandbox: 'none' })), ['make-sandbox', 'attach eth0 192.168.11.101/23', 'start web']);
  assert.deepEqual(steps(aside, observed({ links: [whole], services: ['web running'] })), []);
  assert.deepEqual(steps(aside, observed({ links: [`${whole},down`], services: ['web running'] })), ['mend eth0: down']);
  const withoutRoute = 'eth0 02:00:00:00:00:01 192.168.11.101/23 | host-end=no-bridge,aside';
  assert.deepEqual(steps(aside, observed({ links: [withoutRoute] })), ['mend eth0: without the route to 0.0.0.0/0', 'start web']);
});

test('what others added to a link stays: an address of their own, a route that is not ours', () => {
  const link = `${eth0}, 10.0.0.0/8 via 192.168.11.9 boot`.replace('/23 ', '/23 192.168.11.77/32 ');
  assert.deepEqual(steps(desired([eth0]), observed({ links: [link] })), []);
});

test('another address is asked for while the former one stays', () => {
  const former = eth0.replace('.101/', '.150/');
  assert.deepEqual(steps(desired([eth0], ['web']), observed({ links: [former], services: ['web running'] })), [
    'readdress eth0 192.168.11.101/23',
  ]);
  const other = [former, 'host-end=br1'].join(' | ');
  assert.deepEqual(steps(desired([eth0]), observed({ links: [other] })), [
    'detach eth0: it is to be a port of br0',
    'attach eth0 192.168.11.101/23',
  ]);
});

test('a link that is not ours gives way where ours is to be, and is left alone elsewhere', () => {
  const foreign = 'tun0 02:00:00:00:00:77 10.8.0.2/24 | host-end=foreign';
  assert.deepEqual(steps(desired([eth0]), observed({ links: [eth0, foreign, 'wg0 02:00:00:00:00:78 | host-end=gone'] })), []);
  for (const note of ['host-end=foreign', 'host-end=gone']) {
    assert.deepEqual(
      steps(desired([eth0]), observed({ links: [`${eth0} | ${note}`] })),
      ['detach eth0: eth0 is not the link that Landline made', 'attach eth0 192.168.11.101/23'],
      note,
    );
  }
});

test('in a namespace of others a link that is not ours is never taken away: the attach is refused instead', () => {
  const found = observed({ sandbox: "another's", links: [`${eth0} | host-end=foreign`] });
  assert.deepEqual(steps(desired([eth0]), found), ['attach eth0 192.168.11.101/23']);
});

test('a link that Docker makes is adopted, mended in place, and made anew with the anchor alone', () => {
  const wish = (): Desired => {
    const it = desired([eth0], ['web']);
    return { ...it, endpoints: it.endpoints.map((endpoint) => ({ ...endpoint, byDocker: true })) };
  };
  const cases: readonly (readonly [links: readonly string[], steps: readonly string[]])[] = [
    [[`${eth0} | host-end=foreign`], ['adopt eth0']],
    [[eth0], []],
    [[`${eth0} | host-end=no-bridge`], ['mend eth0: not a port of br0']],
    [[eth0.replace('.101/', '.150/')], ['readdress eth0 192.168.11.101/23']],
    [[], ['drop the anchor: eth0 is not the link that Docker made']],
    [[`${eth0} | host-end=gone`], ['drop the anchor: eth0 is not the link that Docker made']],
  ];
  for (const [links, expected] of cases)
    assert.deepEqual(steps(wish(), observed({ links, services: ['web running'] })), expected, links.join());
  assert.deepEqual(steps(wish(), observed({ sandbox: 'none' }))[0], 'make-sandbox');
});

test('an endpoint that nobody wishes for any more goes', () => {
  assert.deepEqual(steps(desired([eth0]), observed({ links: [eth0, eth1] })), ['detach eth1: no longer wished for']);
});

test('an older generation is gone before a new one is plumbed: services, then links, so that no address answers twice', () => {
  const found = observed({ sandbox: 'none', leftovers: ['eth0'], services: ['db running elsewhere', 'web running elsewhere'] });
  assert.deepEqual(steps(desired([eth0], ['db', 'web after=db']), found), [
    'stop db: not in the sandbox',
    'stop web: not in the sandbox',
    'make-sandbox',
    'retire-leftovers',
    'attach eth0 192.168.11.101/23',
    'start db',
    'start web',
  ]);
});

test('a network that changes comes before services that change: if it is refused, they run on', () => {
  const wish = desired([eth0.replace('.101/', '.150/')], ['web digest=2']);
  const found = observed({ links: [eth0], services: ['web running', 'old running', 'lost running elsewhere'] });
  assert.deepEqual(steps(wish, found), [
    'stop lost: no longer wished for',
    'readdress eth0 192.168.11.150/23',
    'stop web: to be started anew',
    'stop old: no longer wished for',
    'start web',
  ]);
});

test('services: what is new starts, what changed starts anew, what is not wished for goes, the others are left alone', () => {
  const wish = desired([eth0], ['db', 'api digest=2', 'mail']);
  const found = observed({ links: [eth0], services: ['db running', 'api running', 'web running', 'old exited=1'] });
  assert.deepEqual(steps(wish, found), [
    'stop api: to be started anew',
    'stop web: no longer wished for',
    'start api',
    'start mail',
  ]);
});

/** What the plan does about `web`, which was found like this: `start`, `wait MS`, or nothing. */
function judged(service: string, found: string, memory: Partial<ServiceMemory> = {}): string {
  const whole = { restarts: 0, quickEnds: 0, endedAt: now, startAnyway: false, stopped: false, ...memory };
  const result = plan(desired([], [service]), observed({ services: [found] }), new Map([['web', whole]]), now);
  const wait = result.wakeAt === undefined ? [] : [`wait ${result.wakeAt - now}`];
  return [...result.steps.map(formatStep), ...wait].join(', ');
}

test('`restart` decides about what ended by itself, after a back-off', () => {
  const cases: readonly (readonly [restart: string, found: string, wanted: string])[] = [
    ['no', 'exited=0', ''],
    ['no', 'exited=1', ''],
    ['no', 'exited=137', ''],
    ['on-failure', 'exited=0', ''],
    ['on-failure', 'exited=1', 'wait 100'],
    ['always', 'exited=0', 'wait 100'],
    ['always', 'exited=1', 'wait 100'],
    ['unless-stopped', 'exited=0', 'wait 100'],
    ['unless-stopped', 'exited=1', 'wait 100'],
  ];
  for (const [restart, found, wanted] of cases) {
    assert.equal(judged(`web restart=${restart}`, `web ${found}`), wanted, `${restart} ${found}`);
  }
});

test('what nobody saw end, what we stopped, and what has another description is started whatever `restart` says', () => {
  for (const restart of ['no', 'on-failure', 'always', 'unless-stopped']) {
    assert.equal(judged(`web restart=${restart}`, 'web exited=?'), 'start web', restart);
    for (const status of [0, 143]) {
      assert.equal(judged(`web restart=${restart}`, `web exited=${status} stopped`), 'start web', restart);
      assert.equal(judged(`web restart=${restart} digest=2`, `web exited=${status}`), 'start web', restart);
    }
  }
});

test('an environment that is asked for anew starts what has failed, and not what has completed', () => {
  assert.equal(judged('web restart=no', 'web exited=1', { startAnyway: true }), 'start web');
  assert.equal(judged('web restart=no', 'web exited=0', { startAnyway: true }), '');
  assert.equal(judged('web restart=on-failure', 'web exited=0', { startAnyway: true }), '');
});

test('the back-off doubles with each quick end, up to a minute', () => {
  assert.deepEqual([0, 1, 2, 3, 9, 10, 1000].map(backoffMs), [100, 200, 400, 800, 51_200, 60_000, 60_000]);
  assert.equal(judged('web restart=always', 'web exited=1', { quickEnds: 3 }), 'wait 800');
  assert.equal(judged('web restart=always', 'web exited=1', { quickEnds: 3, endedAt: now - 799 }), 'wait 1');
  assert.equal(judged('web restart=always', 'web exited=1', { quickEnds: 3, endedAt: now - 800 }), 'start web');
});

test('of several back-offs the first that ends wakes the plan', () => {
  const memory = (quickEnds: number): ServiceMemory => ({
    restarts: 0,
    quickEnds,
    endedAt: now,
    startAnyway: false,
    stopped: false,
  });
  const wish = desired([], ['db restart=always', 'api restart=always', 'web restart=always']);
  const found = observed({ services: ['db exited=1', 'api exited=1', 'web exited=1'] });
  const memories = new Map([
    ['db', memory(4)],
    ['api', memory(1)],
    ['web', memory(2)],
  ]);
  assert.deepEqual(plan(wish, found, memories, now), { steps: [], wakeAt: now + 200 });
});

test('an environment that is to be gone: services, links of an older generation, the sandbox with its links', () => {
  const found = observed({ links: [eth0], leftovers: ['eth0'], services: ['db running', 'web exited=1'] });
  assert.deepEqual(steps(undefined, found), ['end-services', 'retire-leftovers', 'remove-sandbox']);
  assert.deepEqual(steps(undefined, observed({ sandbox: 'none' })), []);
});

test("of a sandbox that is another's only our own links go", () => {
  const links = [eth0, 'tun0 02:00:00:00:00:77 10.8.0.2/24 | host-end=foreign'];
  assert.deepEqual(steps(undefined, observed({ sandbox: "another's", links, services: ['db running'] })), [
    'end-services',
    'detach eth0: no longer wished for',
  ]);
});

// The laws: whatever is found, and whatever is wished for.

const note = fc.constantFrom(
  '',
  'down',
  'mtu=1400',
  'host-end=down',
  'host-end=foreign',
  'host-end=gone',
  'host-end=br1',
  'host-end=no-bridge',
);
const address = fc.constantFrom(
  '',
  '192.168.11.101/23',
  '192.168.11.101/24',
  '192.168.11.150/23',
  '192.168.11.101/23 192.168.11.9/32',
);
const routes = fc.constantFrom(
  '',
  'default via 192.168.11.1',
  'default via 192.168.11.2',
  'default via 192.168.11.1, 10.0.0.0/8 via 192.168.11.9',
);
const mac = fc.constantFrom('02:00:00:00:00:01', '02:00:00:00:00:99');
const link = (name: string): fc.Arbitrary<string> =>
  fc
    .tuple(mac, address, routes, note)
    .map(([it, has, goes, is]) => [[name, it, has, goes].filter((word) => word !== '').join(' '), is].join(' | '));

const names = ['db', 'api', 'web'];
const digest = fc.constantFrom('1', '2');
const foundService = (name: string): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom('running', 'running elsewhere', 'exited=0', 'exited=1', 'exited=?', 'absent'), digest)
    .map(([state, it]) => `${name} ${state} digest=${it}`);
const wishedService = (name: string, at: number): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom('no', 'on-failure', 'always'), digest, fc.subarray(names.slice(0, at)))
    .map(([restart, it, dependencies]) =>
      [name, `restart=${restart} digest=${it}`, ...(dependencies.length > 0 ? [`after=${dependencies.join()}`] : [])].join(' '),
    );

const someOf = (list: readonly fc.Arbitrary<string>[]): fc.Arbitrary<string[]> =>
  fc.tuple(...list.map((it) => fc.option(it, { nil: undefined }))).map((them) => them.filter((it) => it !== undefined));

const wishes = fc
  .tuple(fc.subarray([eth0, 'eth1 02:00:00:00:00:02 192.168.11.102/23']), someOf(names.map(wishedService)))
  .map(([links, services]) => desired(links, services));
const findings = fc
  .tuple(
    fc.constantFrom(undefined, 'none' as const),
    someOf([link('eth0'), link('eth1'), link('tun0')]),
    fc.subarray(['eth0', 'eth1']),
    someOf([...names, 'old'].map(foundService)),
  )
  .map(([sandbox, links, leftovers, services]) =>
    sandbox === 'none' ? observed({ sandbox, leftovers, services }) : observed({ links, leftovers, services }),
  );

/** Runs first step after first step until none is left; what we stop has ended with `endsWith`. Returns all that was done. */
function workOff(wish: Desired | undefined, from: Observed, endsWith: number): { steps: string[]; reached: Observed } {
  const done: string[] = [];
  let found = from;
  for (let time = now; done.length < 100; ) {
    const next = plan(wish, found, nobody, time);
    const [first] = next.steps;
    if (first === undefined && next.wakeAt === undefined) return { steps: done, reached: found };
    if (first === undefined) {
      assert.ok(next.wakeAt !== undefined && next.wakeAt > time, 'it sleeps until a later time');
      time = next.wakeAt;
      continue;
    }
    done.push(formatStep(first));
    if (first.do === 'stop-service') {
      found = { ...found, services: found.services.map((it) => (it.name === first.name ? ended(it, endsWith) : it)) };
    } else found = after(found, first);
  }
  throw new Error(`it does not end: ${done.join(', ')}`);
}

test('law: whatever is found, step after step leads to the wish, and then there is nothing to do', () => {
  fc.assert(
    fc.property(wishes, findings, fc.constantFrom(0, 143), (wish, found, endsWith) => {
      const { reached } = workOff(wish, found, endsWith);
      assert.ok(reached.sandbox !== undefined);
      assert.deepEqual(reached.leftovers, []);
      for (const endpoint of wish.endpoints) {
        const ends = reached.endpoints.filter((it) => it.interface === endpoint.interface);
        assert.equal(ends.length, 1, endpoint.interface);
        assert.equal(ends[0]?.hostEnd?.bridge?.name, endpoint.bridge);
        assert.ok(
          ends[0]?.addresses.some((it) => it.address === endpoint.address.address && it.length === endpoint.address.length),
        );
      }
      for (const it of reached.services.filter((one) => one.state === 'running')) {
        const service = wish.services.find((one) => one.spec.name === it.name);
        assert.equal(it.digest, service?.digest, `${it.name} runs as wished`);
        assert.notEqual(it.inSandbox, false);
      }
      for (const { spec } of wish.services.filter((it) => it.spec.restart === 'always' && it.spec.dependsOn.length === 0)) {
        assert.equal(reached.services.find((it) => it.name === spec.name)?.state, 'running', spec.name);
      }
    }),
    { numRuns: 2_000 },
  );
});

test('law: no service starts before the network is whole, nor before what it waits for', () => {
  fc.assert(
    fc.property(wishes, findings, (wish, found) => {
      const { steps: done } = workOff(wish, found, 143);
      const firstStart = done.findIndex((it) => it.startsWith('start '));
      const lastOfNetwork = done.findLastIndex((it) => !/^(start|stop) /.test(it));
      assert.ok(firstStart === -1 || firstStart > lastOfNetwork, done.join(', '));
      for (const { spec } of wish.services) {
        const at = done.indexOf(`start ${spec.name}`);
        for (const { service } of at === -1 ? [] : spec.dependsOn) {
          const wished = wish.services.some((it) => it.spec.name === service);
          if (wished && done.includes(`start ${service}`)) assert.ok(done.indexOf(`start ${service}`) < at, done.join(', '));
        }
      }
    }),
    { numRuns: 2_000 },
  );
});

test('law: nothing is plumbed while anything lives in an older sandbox', () => {
  fc.assert(
    fc.property(wishes, findings, (wish, found) => {
      const { steps: done } = workOff(wish, found, 143);
      const firstAttach = done.findIndex((it) => it.startsWith('attach '));
      const elsewhere = found.services.filter((it) => it.inSandbox === false).map((it) => `stop ${it.name}:`);
      const older = (it: string): boolean => it === 'retire-leftovers' || elsewhere.some((stop) => it.startsWith(stop));
      assert.ok(firstAttach === -1 || done.findLastIndex(older) < firstAttach, done.join(', '));
    }),
    { numRuns: 2_000 },
  );
});

test('law: what is to be gone goes, and what is not ours is never touched', () => {
  fc.assert(
    fc.property(findings, (found) => {
      const { reached } = workOff(undefined, found, 143);
      assert.deepEqual(reached, { endpoints: [], leftovers: [], services: [] });
    }),
  );
  fc.assert(
    fc.property(wishes, findings, (wish, found) => {
      const { steps: done } = workOff(wish, found, 143);
      assert.ok(
        !done.some(
          (it) =>
            it.includes(' tun0') && found.endpoints.some((link) => link.interface === 'tun0' && link.hostEnd?.ours !== true),
        ),
      );
    }),
  );
});

test('law: nothing is done twice for the same reason', () => {
  fc.assert(
    fc.property(wishes, findings, (wish, found) => {
      const { steps: done } = workOff(wish, found, 143);
      assert.equal(new Set(done).size, done.length, done.join(', '));
    }),
    { numRuns: 2_000 },
  );
});
