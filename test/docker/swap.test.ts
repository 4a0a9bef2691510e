import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { EnvironmentView, EventView } from '../../src/api/contract.ts';
import { refusalOf, until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';
import { containers, type Heard, isWhole, killedIn, outside, phases, pidsOf, says, settled, shop, web } from './swapping.ts';

/** Says nothing to whoever connects, and keeps him waiting. */
const idle = { image: 'test/box:1', init: true, command: ['nc', '-ll', '-p', '81', '-e', 'sleep', '1000'] };

/** Waits on a connection that says nothing, and connects to the other service once it ends: what was said at its end. */
async function clientOf(office: DockerOffice, machine: string, address: string): Promise<() => string> {
  const script = `exec 3<>/dev/tcp/${address}/81; echo open; read -r -u 3; exec 3<>/dev/tcp/${address}/80; cat <&3`;
  const child = office.start(machine, ['bash', '-c', `{ ${script}; } 2>&1`]);
  let said = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (said += text));
  await until(() => said.includes('open'), `${machine} is connected`);
  return () => said;
}

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

test('a second generation takes the place of the first', { timeout: 170_000 }, async (t) => {
  await withDockerOffice(t, { secondLan: true }, async (office) => {
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
      assert.ok(heard.sent > 100 && heard.lost <= 20, `${heard.lost} of ${heard.sent} pings are lost`);
      assert.deepEqual(heard.words, ['one', 'two']);
      assert.ok(heard.refused <= 2, `${heard.refused} connections are refused`);
      assert.deepEqual([heard.macs, heard.surplus], [[first.endpoints[0]?.mac], 0]);
      // A kernel that has much else to do waits for its readers longer.
      assert.ok((after?.exchangeMs ?? Number.NaN) < 200);
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

    for (const victim of ['daemon', 'dockerd'] as const)
      for (const phase of phases) if (phase.inShort.some((it) => it === victim)) await killedIn(t, office, phase, victim);

    await t.test('a lease from the LAN stays as it is: nothing is asked for and nothing given back', async () => {
      const leased = (text: string) => ({
        name: 'crm',
        'x-landline': { network: 'office', address: 'dhcp' },
        services: { web: web(text) },
      });
      const before = await office.up(leased('one'));
      const heard = (await office.daemon.log()).length;
      const after = await swap(leased('two'));
      const told = (await office.daemon.log()).slice(heard);
      const fixed = (it: typeof before): unknown =>
        it.endpoints.map(({ lease: { source, state, server }, addresses, mac }) => [addresses, mac, source, state, server]);
      assert.deepEqual(fixed(after), fixed(before));
      assert.ok(told.includes('ports exchanged environment=crm') && !told.includes(' lease '), told);
      await office.landlineJson('lease', 'renew', 'crm');
      assert.match((await office.daemon.log()).slice(heard), / lease renewed environment=crm/);
      await office.down('crm');
    });

    await t.test('on two LANs both ports are exchanged at once, and each LAN hears one holder', async (s) => {
      const depot = { machine: 'depot-pc', address: '10.60.0.102' };
      const networks = [
        { network: 'office', address: '192.168.11.102' },
        { network: 'depot', address: depot.address },
      ];
      const till = (text: string, more = networks) => ({
        name: 'till',
        'x-landline': { networks: more },
        services: { web: web(text), idle },
      });
      const first = await office.up(till('one'));
      const waiting = await Promise.all([
        clientOf(office, 'pc', '192.168.11.102'),
        clientOf(office, 'branch-pc', '192.168.11.102'),
        clientOf(office, 'depot-pc', depot.address),
      ]);
      let after = first;
      const inOffice = { machine: 'pc', address: '192.168.11.102' };
      let heardInDepot: Heard | undefined;
      const heard = await outside(
        office,
        async () => {
          const swapping = async (): Promise<void> => {
            after = await swap(till('two'));
            const told = () => waiting.map((said) => said().replace(/^.*: /m, '').trim().split('\n'));
            await until(() => told().every((it) => it.length >= 3), 'who only waits is told, and connects again', 5000);
            const wanted = ['open', 'Connection reset by peer', 'two'];
            assert.deepEqual(told(), [wanted, wanted, wanted], 'and meets the second');
          };
          heardInDepot = await outside(office, swapping, depot);
        },
        inOffice,
      );
      s.diagnostic(JSON.stringify([heard, heardInDepot]));
      for (const [at, it] of [heard, heardInDepot].entries()) {
        assert.deepEqual(it?.words, ['one', 'two']);
        assert.deepEqual([it?.macs, it?.surplus], [[first.endpoints[at]?.mac], 0]);
        assert.ok(it.sent > 100 && it.lost <= 200 && it.refused <= 2, JSON.stringify(it));
      }
      const fixed = (it: typeof first): unknown => it.endpoints.map(({ lease: _lease, ...rest }) => rest);
      assert.deepEqual(fixed(after), fixed(first));
      const { message } = await refusalOf(swap(till('three', [...networks, { network: 'bridge', address: 'pool' }])));
      assert.match(message, /on network 'bridge' it is behind the host/);
      // A LAN that is away for one endpoint: none of the two is exchanged.
      const swapping = swap(till('three')).then(
        () => assert.fail('it is swapped'),
        (error: unknown) => error,
      );
      await until(async () => (await office.ps('till')).next !== undefined, 'it is being built');
      await office.read('host', ['ip', 'link', 'set', 'br1', 'down']);
      assert.match(String(await swapping), /untouched: .*br1/);
      await office.read('host', ['ip', 'link', 'set', 'br1', 'up']);
      const isBack = async (): Promise<boolean> => {
        const view = await office.ps('till');
        const bridges = (await office.links()).filter((it) => it.ifalias?.includes(':till:')).map((it) => it.master);
        return view.next === undefined && view.problems.length === 0 && bridges.sort().join() === 'br0,br1';
      };
      await until(isBack, 'the first generation is on both LANs');
      assert.deepEqual(pidsOf(await office.ps('till')), pidsOf(after));
      await office.down('till');
    });

    await t.test('another `up` finds nothing to do, and healing knows the generation', async () => {
      const { init, image } = web('');
      const tools = {
        name: 'tools',
        'x-landline': { network: 'container:shop' },
        services: { sh: { init, image, command: ['sleep', '1000'] } },
      };
      await office.up(tools);
      fs.writeFileSync(path.join(office.folder, 'shop.json'), JSON.stringify(shop('six')));
      const { status, stdout, stderr } = await office.landline('up', '-f', path.join(office.folder, 'shop.json'), '--swap');
      assert.equal(status, 0, stderr);
      assert.match(stdout, /^shop is running at 192\.168\.11\.101 \(swapped in \d+\.\d ms\)$/m);
      assert.match(stderr, /until the swap the second generation of shop is off the LAN/);
      const isJoined = async (): Promise<boolean> => {
        const [joined, own] = [await office.ps('tools'), await office.ps('shop')];
        return joined.state === 'running' && joined.sandbox?.inode === own.sandbox?.inode;
      };
      await until(isJoined, 'who shares its network is in the new one', 10_000);
      await office.down('tools');
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
