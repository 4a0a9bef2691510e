import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const box = { image: 'test/box:1', init: true };
const says = (port: number, text: string): { readonly command: readonly string[] } => ({
  command: ['nc', '-ll', '-p', String(port), '-e', 'echo', text],
});

const shop = {
  name: 'shop',
  'x-landline': { network: 'office', address: '192.168.11.101' },
  services: { db: { ...box, ...says(5432, 'db') }, web: { ...box, ...says(80, 'hello'), depends_on: ['db'] } },
};

const names = async (office: DockerOffice): Promise<readonly string[]> =>
  (await office.dockerCommand('ps', '-a', '--format', '{{.Names}} {{.State}}'))
    .trim()
    .split('\n')
    .filter((it) => it !== '')
    .sort();

const veths = async (office: DockerOffice): Promise<number> =>
  (await office.links()).filter((it) => it.ifname !== 'docker0').length;

/** Kills the daemon so many milliseconds after a request was begun, and starts the next one. */
async function cutOff(office: DockerOffice, ms: number, begin: () => Promise<unknown>): Promise<void> {
  const begun = begin().catch(() => undefined);
  await sleep(ms);
  await office.daemon.kill();
  await begun;
  await office.daemon.start();
}

const whole = ['landline.shop running', 'landline.shop.db running', 'landline.shop.web running'];

/** Either as it was to be, or as if nobody had asked: never something between the two. */
async function settles(office: DockerOffice, what: string): Promise<'whole' | 'gone'> {
  const isWhole = async (): Promise<boolean> =>
    (await office.ps('shop').catch(() => undefined))?.state === 'running' &&
    JSON.stringify(await names(office)) === JSON.stringify(whole) &&
    (await veths(office)) === 1;
  const isGone = async (): Promise<boolean> =>
    (await office.ps('shop').catch(() => undefined)) === undefined &&
    (await names(office)).length === 0 &&
    (await veths(office)) === 0;
  let outcome: 'whole' | 'gone' | undefined;
  await until(
    async () => {
      outcome = (await isWhole()) ? 'whole' : (await isGone()) ? 'gone' : undefined;
      return outcome !== undefined;
    },
    `it settles after ${what}`,
    20_000,
  ).catch(async (error: unknown) => {
    throw new Error(
      `${String(error)}\n${(await names(office)).join('\n')}\n${await veths(office)} links\n${(await office.daemon.log()).slice(-2000)}`,
    );
  });
  return outcome ?? assert.fail();
}

test('the daemon is killed in the middle of up, replace and down', { timeout: 170_000 }, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');
    await office.loadImage('test/box:2');
    for (const ms of [60, 900]) {
      await t.test(`up, cut off after ${ms} ms`, async () => {
        await cutOff(office, ms, () => office.up(shop));
        if ((await settles(office, 'up')) === 'whole') await office.down('shop');
        assert.equal(await settles(office, 'down'), 'gone');
      });
    }
    await office.up(shop);
    for (const ms of [80, 300]) {
      await t.test(`replace, cut off after ${ms} ms`, async () => {
        await cutOff(office, ms, () =>
          office.api.call('POST', '/v1/environments/shop/replace', { query: { service: 'web', image: 'test/box:2' } }),
        );
        assert.equal(await settles(office, 'replace'), 'whole');
      });
    }
    for (const ms of [30]) {
      await t.test(`down, cut off after ${ms} ms`, async () => {
        await office.up(shop);
        await cutOff(office, ms, () => office.down('shop'));
        if ((await settles(office, 'down')) === 'whole') await office.down('shop');
        assert.equal(await settles(office, 'down'), 'gone');
      });
    }
  });
});
