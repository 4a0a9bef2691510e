/** Names while everything happens at once: environments come and go, the server ends and comes back, people meddle. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labSecret } from '../../src/lab/bind.ts';
import { type Office, until, withOffice } from '../office.ts';

const zone = 'test.office.example';
const rounds = 6;
const count = 60;

const environment = (index: number, address: string) => ({
  name: `shop-${index}`,
  'x-landline': { network: 'office', address },
  services: { main: { command: ['sleep', '6000'] } },
});

/** What of the zone is Landline's: names with a mark, and their addresses. */
async function ours(office: Office): Promise<readonly string[]> {
  const lines = (await office.read('pc', ['dig', '@192.168.11.2', '+noall', '+answer', '+time=3', zone, 'AXFR'])).split('\n');
  const fields = lines.map((line) => line.split(/\s+/));
  const marked = new Set(fields.filter((it) => it[3] === 'TXT' && it[4]?.startsWith('"landline:')).map((it) => it[0]));
  return fields
    .filter((it) => it[3] === 'A' && marked.has(it[0]))
    .map((it) => `${it[0]} ${it[4]}`)
    .sort();
}

test('after all of it the zone has what there is, and what was never ours', { timeout: 900_000 }, async (t) => {
  await withOffice(t, { dns: true, docker: false }, async (office) => {
    const nsupdate = (...lines: readonly string[]): Promise<unknown> =>
      office.exec('server', ['nsupdate', '-y', `hmac-sha256:landline:${labSecret}`], {
        stdin: ['server 192.168.11.2', ...lines, 'send', ''].join('\n'),
      });
    await nsupdate(`update add shop-0.${zone} 60 A 192.168.10.77`);
    const alive = new Map<number, string>();
    for (let round = 0; round < rounds; round += 1) {
      const named = 'named -f -n 1 -c /etc/bind/office/named.conf';
      if (round % 2 === 1) await office.read('server', ['sh', '-c', 'kill -9 $(pgrep -x named)']);
      const work = Array.from({ length: count }, async (_, index) => {
        // Two addresses of its own for each: one that was given up rests from others.
        const address = `192.168.${10 + (round % 2)}.${100 + index}`;
        if ((index + round) % 3 === 0) await office.down(`shop-${index}`).catch(() => undefined);
        else await office.up(environment(index, address), { wait: false }).catch(() => undefined);
      });
      await Promise.all(work);
      for (const index of [1, 2, 3]) await nsupdate(`update delete shop-${index}.${zone}`);
      if (round % 2 === 1) {
        await office.daemon.kill();
        await office.read('server', ['sh', '-c', `setsid ${named} >>/var/log/named.log 2>&1 </dev/null &`]);
        await office.daemon.start();
      }
    }
    for (const it of await office.api.call<{ name: string; endpoints: { addresses: string[] }[] }[]>('GET', '/v1/environments'))
      alive.set(Number(it.name.slice('shop-'.length)), (it.endpoints[0]?.addresses[0] ?? '').replace(/\/.*/, ''));
    const wanted = [...alive]
      .filter(([index]) => index !== 0)
      .map(([index, address]) => `shop-${index}.${zone}. ${address}`)
      .sort();
    assert.ok(wanted.length > count / 3, `${wanted.length} are there`);
    let found: readonly string[] = [];
    await until(
      async () => {
        found = await ours(office).catch(() => []);
        return found.join() === wanted.join();
      },
      'the zone is as the environments are',
      90_000,
    ).catch((error: Error) =>
      assert.fail(
        `${error.message}: ${found.filter((it) => !wanted.includes(it))} too much, ${wanted.filter((it) => !found.includes(it))} missing`,
      ),
    );
    const foreign = await office.read('pc', ['dig', '@192.168.11.2', '+short', `shop-0.${zone}`]);
    assert.equal(foreign.trim(), '192.168.10.77');
  });
});
