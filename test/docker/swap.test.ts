import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView, EventView } from '../../src/api/contract.ts';
import { refusalOf, until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const address = '192.168.11.101';
const box = { image: 'test/box:1', init: true };

/** Says its words to whoever connects, and is healthy once it does. */
const web = (text: string) => ({
  ...box,
  command: ['nc', '-ll', '-p', '80', '-e', 'echo', text],
  healthcheck: { test: ['CMD-SHELL', 'nc -w 1 127.0.0.1 80 | grep -q .'], interval: '200ms', retries: 5 },
});

const shop = (text: string) => ({
  name: 'shop',
  'x-landline': { network: 'office', address },
  services: {
    web: web(text),
    /** Takes its time to end. */
    db: {
      ...box,
      command: ['sh', '-c', "trap 'sleep 0.4; exit 0' TERM; while :; do sleep 0.05; done"],
      depends_on: { web: { condition: 'service_healthy' } },
    },
  },
});

/** Never healthy, and it says why. */
const broken = {
  ...shop('three'),
  services: {
    web: {
      ...web('three'),
      command: ['sh', '-c', 'echo no database today >&2; exec sleep 1000'],
      healthcheck: { test: ['CMD-SHELL', 'echo port 80 is silent; exit 1'], interval: '100ms', retries: 2 },
    },
  },
};

const pidsOf = (view: EnvironmentView): readonly (number | null)[] => view.services.map((it) => it.pid);

const says = async (office: DockerOffice): Promise<string> =>
  (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, '80'])).stdout.trim();

const containers = async (office: DockerOffice): Promise<readonly string[]> =>
  (await office.dockerCommand('ps', '-a', '--format', '{{.Names}} {{.State}}')).trim().split('\n').sort();

const whole = ['landline.shop running', 'landline.shop.db running', 'landline.shop.web running'];

interface Heard {
  readonly sent: number;
  readonly lost: number;
  /** What was said to each connection, without repetitions. */
  readonly words: readonly string[];
  /** Connections that nobody answered. */
  readonly refused: number;
  /** MACs that answered ARP, and answers beyond one for each question. */
  readonly macs: readonly string[];
  readonly surplus: number;
}

/** What the pc hears while something is done: it pings every 5 ms, connects without a pause, and asks for the address by ARP. */
async function outside(office: DockerOffice, work: () => Promise<unknown>): Promise<Heard> {
  const run = (name: string, script: string): { ended: Promise<unknown>; said: () => string } => {
    const child = office.start('pc', ['sh', '-c', `echo $$ >/tmp/${name}.pid; ${script}`]);
    let said = '';
    child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
    return { ended: new Promise((resolve) => child.on('close', resolve)), said: () => said };
  };
  const tape = run('tape', 'exec tcpdump -enl -i eth0 arp 2>&1');
  await until(() => tape.said().includes('listening on'), 'the wire is recorded');
  const ping = run('ping', `exec ping -i 0.005 ${address}`);
  const asking = run('asking', `while :; do arping -q -c 1 -w 1 -I eth0 ${address}; sleep 0.05; done`);
  const talk = run('talk', `while :; do timeout 1 busybox nc -w 1 ${address} 80 2>/dev/null || echo refused; done`);
  await until(() => ping.said().includes('icmp_seq=20') && talk.said().includes('\n'), 'it is pinged');
  await work();
  await sleep(300);
  const end =
    'kill $(cat /tmp/asking.pid /tmp/talk.pid); kill -INT $(cat /tmp/ping.pid); sleep 0.2; kill -INT $(cat /tmp/tape.pid)';
  await office.read('pc', ['sh', '-c', end]);
  await Promise.all([tape, ping, asking, talk].map((it) => it.ended));
  const [, sent = '0', received = '0'] = /(\d+) packets transmitted, (\d+) received/.exec(ping.said()) ?? [];
  const lines = talk.said().trim().split('\n');
  const escaped = address.replaceAll('.', '\\.');
  const asked = [...tape.said().matchAll(new RegExp(`who-has ${escaped}.* tell 192\\.168\\.10\\.20`, 'g'))].length;
  const answers = [...tape.said().matchAll(new RegExp(`> (?!ff:ff)\\S+ .*Reply ${escaped} is-at ([0-9a-f:]{17})`, 'g'))];
  return {
    sent: Number(sent),
    lost: Number(sent) - Number(received),
    words: [...new Set(lines)].filter((it) => it !== 'refused'),
    refused: lines.filter((it) => it === 'refused').length,
    macs: [...new Set(answers.map((it) => it[1] ?? ''))],
    surplus: Math.max(0, answers.length - asked),
  };
}

/** Kills the daemon once something has been told, and starts the next one. */
async function killedAt(office: DockerOffice, what: string | RegExp, begin: () => Promise<unknown>): Promise<void> {
  const before = (await office.daemon.log()).length;
  const begun = begin().catch(() => undefined);
  const isTold = async (): Promise<boolean> => (await office.daemon.log()).slice(before).match(what) !== null;
  for (const end = Date.now() + 20_000; !(await isTold()); ) {
    assert.ok(Date.now() < end, `${what} is told`);
    await sleep(2);
  }
  await office.daemon.kill();
  await begun;
  await office.daemon.start();
}

async function isWhole(office: DockerOffice): Promise<boolean> {
  const view = await office.ps('shop').catch(() => undefined);
  const links = (await office.links()).filter((it) => it.ifname.startsWith('ll'));
  return (
    view?.state === 'running' &&
    view.next === undefined &&
    view.problems.length === 0 &&
    JSON.stringify(await containers(office)) === JSON.stringify(whole) &&
    links.length === 1 &&
    links[0]?.master === 'br0'
  );
}

const settled = (office: DockerOffice, what: string): Promise<void> =>
  until(() => isWhole(office), what, 20_000).catch(async (error: unknown) => {
    const links = (await office.links()).map((it) => `${it.ifname} ${it.master} ${it.ifalias}`).join('\n');
    throw new Error(
      `${String(error)}\n${(await containers(office)).join('\n')}\n${links}\n${(await office.daemon.log()).slice(-3000)}`,
    );
  });

test('a second generation takes the place of the first', { timeout: 170_000 }, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');
    const swap = (file: Parameters<DockerOffice['up']>[0], query = {}): ReturnType<DockerOffice['up']> =>
      office.up(file, { swap: true, ...query });

    const first = await swap(shop('one'));
    assert.equal(await says(office), 'one', 'what is not there is brought up');

    await t.test('the outside sees milliseconds, and one holder of the address at every moment', async (s) => {
      const before = await office.addresses();
      const events: EventView[] = [];
      const stop = new AbortController();
      const following = (async () => {
        for await (const it of office.api.stream<EventView>('/v1/events', { query: {}, signal: stop.signal })) events.push(it);
      })().catch(() => undefined);
      let after: Awaited<ReturnType<typeof swap>> | undefined;
      let progress: EnvironmentView | undefined;
      const heard = await outside(office, async () => {
        const swapping = swap(shop('two'));
        await until(async () => {
          progress = await office.ps('shop');
          return progress.next?.services.some((it) => it.state === 'running') === true;
        }, 'ps shows the second generation');
        after = await swapping;
      });
      stop.abort();
      await following;
      s.diagnostic(`${JSON.stringify(heard)}, exchanged in ${after?.exchangeMs} ms`);
      assert.ok(heard.sent > 100 && heard.lost <= 10, `${heard.lost} of ${heard.sent} pings are lost`);
      assert.deepEqual(heard.words, ['one', 'two']);
      assert.ok(heard.refused <= 2, `${heard.refused} connections are refused`);
      assert.deepEqual([heard.macs, heard.surplus], [[first.endpoints[0]?.mac], 0]);
      assert.ok((after?.exchangeMs ?? Number.NaN) < 50);
      assert.deepEqual(await office.addresses(), before, 'the ledger knows the same lease, since the same moment');
      assert.deepEqual(pidsOf(progress as EnvironmentView), pidsOf(first), 'the first runs on meanwhile');
      assert.equal(await isWhole(office), true);
      const told = events.map((it) => it.what);
      for (const what of ['swap begun', 'endpoint made aside', 'ports exchanged', 'former generation ended'])
        assert.ok(told.includes(what), told.join());
      assert.ok(!told.includes('lease released') && !told.includes('address bound'));
    });

    await t.test('one that does not get healthy: the first runs on untouched, and the error says why', async () => {
      const before = await office.ps('shop');
      const heard = await outside(office, () =>
        assert.rejects(swap(broken), /untouched: service 'web' .* said: port 80 is silent/),
      );
      assert.deepEqual([heard.lost, heard.refused, heard.words], [0, 0, ['two']]);
      assert.deepEqual(pidsOf(await office.ps('shop')), pidsOf(before));
      await settled(office, 'nothing of the second is left');
      const missing = { ...shop('three'), services: { web: { ...web('three'), command: ['/no/such'] } } };
      assert.equal((await refusalOf(swap(missing))).code, 'SWAP_GIVEN_UP');
      assert.equal((await refusalOf(swap(broken, { wait: false }))).code, 'USAGE');
      assert.match(
        (await refusalOf(swap({ ...shop('two'), 'x-landline': { network: 'host' } }))).message,
        /the host's own network/,
      );
      const moved = { ...shop('two'), 'x-landline': { network: 'office', address: '192.168.11.102' } };
      assert.equal((await refusalOf(swap(moved))).code, 'SWAP_REFUSED');
      assert.deepEqual(pidsOf(await office.ps('shop')), pidsOf(before));
    });

    await t.test('what both would write to refuses it by name, unless it is shared', async () => {
      const { services, ...rest } = shop('two');
      const db = { ...services.db, volumes: ['data:/data', './up:/up'] };
      const withData = { ...rest, services: { ...services, db }, volumes: { data: {} } };
      const { code, message } = await refusalOf(swap(withData));
      assert.equal(code, 'SWAP_SHARED');
      assert.match(message, /data at \/data \(service 'db'\), \S+\/up at \/up \(service 'db'\)/);
      const before = pidsOf(await office.ps('shop'));
      const after = await swap(withData, { 'swap-shared': true });
      assert.ok(
        pidsOf(after).every((pid) => !before.includes(pid)),
        'also what differs in nothing is a new generation',
      );
      await swap(shop('two'));
    });

    await t.test('two at once follow one another, and down ends what is being built', async () => {
      await Promise.all([swap(shop('four')), swap(shop('five'))]);
      assert.match(await says(office), /^(four|five)$/);
      await settled(office, 'after two at once');
      const swapping = swap(broken).then(
        () => assert.fail('it is swapped'),
        (error: unknown) => error,
      );
      await until(async () => (await office.ps('shop')).next !== undefined, 'it is being built');
      await office.down('shop');
      assert.match(String(await swapping), /landline down/);
      assert.deepEqual(await containers(office), ['']);
      assert.deepEqual(
        (await office.links()).filter((it) => it.ifname.startsWith('ll')),
        [],
      );
      await office.up(shop('one'));
    });

    const phases = [
      ['while it is built', /service starting .*generation=next/],
      ['once it is healthy', /service started .*service=db generation=next/],
      ['at the swap', /ports exchanged/],
      ['while the former is ended', /environment up/],
    ] as const;
    for (const [title, what] of phases) {
      await t.test(`the daemon is killed ${title}: one generation is left, and never two holders`, async (s) => {
        const heard = await outside(office, async () => {
          await killedAt(office, what, () => swap(shop(title)));
          await settled(office, title);
        });
        s.diagnostic(`${JSON.stringify(heard)}`);
        assert.deepEqual([heard.macs, heard.surplus], [[first.endpoints[0]?.mac], 0]);
        assert.ok(heard.lost * 5 < 1000, `${heard.lost} of ${heard.sent} pings are lost`);
      });
    }

    await t.test('another `up` finds nothing to do, and healing knows the generation', async () => {
      await swap(shop('six'));
      const before = pidsOf(await office.ps('shop'));
      assert.deepEqual(pidsOf(await office.up(shop('six'))), before);
      await office.dockerCommand('kill', 'landline.shop');
      await settled(office, 'the anchor is killed');
      assert.equal(await says(office), 'six');
      const log = (await office.landline('logs', 'shop')).stdout;
      assert.ok(!log.includes('no database today'));
      await office.down('shop');
      assert.deepEqual(await containers(office), ['']);
    });
  });
});
