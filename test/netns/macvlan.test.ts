/** A network on the host's plain NIC: endpoints are macvlans, and the host has a way of its own to them. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { codeOf, type Office, until, withOffice } from '../office.ts';

const landlineYaml = (ground: string): string => `networks:
  office:
    ${ground}
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    pool: [192.168.11.100-192.168.11.250]
`;

const services = { web: { command: ['busybox', 'httpd', '-f', '-p', '80', '-h', '.'] } };

const shop = (address: string, name = 'shop'): Parameters<Office['up']>[0] => ({
  name,
  'x-landline': { network: 'office', address },
  services,
});

/** Whether a machine gets the page. */
const opens = async (it: Office, machine: string, address: string): Promise<boolean> =>
  (await it.exec(machine, ['curl', '-sSI', '--max-time', '2', `http://${address}/`])).stdout.includes('HTTP');

/** The host's links beside its own, and its routes to single addresses. */
async function ways(it: Office): Promise<{ links: readonly string[]; routes: readonly string[] }> {
  const routes = (await it.read('host', ['ip', '-4', 'route']))
    .split('\n')
    .filter((line) => /^192\.168\.11\.\d+ dev /.test(line));
  return { links: (await it.links()).map((link) => link.ifname), routes: routes.map((line) => line.split(' ')[0] ?? '') };
}

test('macvlan: colleagues and the host open the page, a squatter is told, and down leaves nothing', async (t) => {
  await withOffice(t, { plainNic: true }, async (it) => {
    await it.configure(landlineYaml('macvlan: ens33'));
    const nic = await it.read('host', ['ip', '-j', 'address', 'show', 'dev', 'ens33']);

    await t.test('a colleague, the branch and the host open the page; the environment reaches them', async () => {
      const { endpoints } = await it.up(shop('192.168.11.101'));
      assert.equal(await it.holderOf('192.168.11.101'), endpoints[0]?.mac);
      for (const machine of ['pc', 'branch-pc', 'host']) assert.ok(await opens(it, machine, '192.168.11.101'), machine);
      await it.inside('shop', 'ping', '-c', '1', '-W', '2', '192.168.11.20');
      await it.inside('shop', 'ping', '-c', '1', '-W', '2', '192.168.10.20');
      const { links, routes } = await ways(it);
      assert.match(links.join(), /^lls[0-9a-f]{10}$/);
      assert.deepEqual(routes, ['192.168.11.101']);
    });

    await t.test('the LAN is told one MAC of the host alone', async () => {
      const { stdout } = await it.exec('pc', ['arping', '-c', '3', '-w', '3', '-I', 'eth0', '192.168.11.20']);
      const macs = new Set([...stdout.matchAll(/\[([0-9A-F:]{17})\]/gi)].map(([, mac = '']) => mac.toLowerCase()));
      assert.deepEqual([...macs], [/"address":"([^"]*)"/.exec(nic)?.[1]]);
    });

    await t.test('two environments reach each other; the second one goes, and the way to the first stays', async () => {
      await it.up(shop('192.168.11.102', 'shop-2'));
      await it.inside('shop', 'ping', '-c', '1', '-W', '2', '192.168.11.102');
      assert.ok(await opens(it, 'host', '192.168.11.102'));
      await it.down('shop-2');
      assert.deepEqual((await ways(it)).routes, ['192.168.11.101']);
      assert.ok(await opens(it, 'host', '192.168.11.101'));
      // Its former link goes a moment later, with its namespace: the same MAC comes up all the same.
      await it.up(shop('192.168.11.102', 'shop-2'));
      await it.down('shop-2');
    });

    await t.test('an address that somebody has is refused with the MAC of the holder, and nothing is left', async () => {
      const before = await ways(it);
      assert.equal(await codeOf(it.up(shop('192.168.10.20', 'shop-2'))), 'ADDRESS_TAKEN');
      assert.deepEqual(await ways(it), before);
      assert.equal(await codeOf(it.up(shop('192.168.11.20', 'shop-2'))), 'ADDRESS_UNUSABLE');
    });

    await t.test('what is taken away comes back: the link, its address, the way of the host', async () => {
      const isWhole = async (): Promise<boolean> =>
        (await opens(it, 'pc', '192.168.11.101')) && (await opens(it, 'host', '192.168.11.101'));
      await it.inside('shop', 'ip', 'address', 'flush', 'dev', 'eth0');
      await until(isWhole, 'the address is back');
      await it.inside('shop', 'ip', 'link', 'delete', 'eth0');
      await until(isWhole, 'the link is back');
      const { links } = await ways(it);
      await it.read('host', ['ip', 'link', 'delete', links[0] ?? '']);
      await until(isWhole, 'the link of the host is back');
      await it.read('host', ['ip', 'route', 'flush', 'dev', links[0] ?? '']);
      await until(isWhole, 'its route is back');
      await it.read('host', ['ip', 'link', 'set', links[0] ?? '', 'down']);
      await until(isWhole, 'it is up again, with all that it had');
      await until(async () => (await it.ps('shop')).problems.length === 0, 'all is well');
    });

    await t.test('another daemon finds everything in order, and the page stays open meanwhile', async () => {
      const before = (await it.daemon.log()).length;
      await it.daemon.kill();
      assert.ok(await opens(it, 'host', '192.168.11.101'));
      await it.daemon.start();
      await until(async () => (await it.ps('shop')).state === 'running', 'it is looked at');
      assert.doesNotMatch((await it.daemon.log()).slice(before), /endpoint (attaching|mended)|way to endpoints/);
    });

    await t.test("an address from the LAN's DHCP server is leased through the NIC, reached, and given back", async () => {
      const { endpoints } = await it.up(shop('dhcp', 'crm'));
      const address = endpoints[0]?.addresses[0]?.replace(/\/.*/, '') ?? '';
      const serverSays = (): Promise<string> => it.read('server', ['cat', '/var/log/dnsmasq.log']);
      assert.match(await serverSays(), new RegExp(`DHCPACK\\(eth0\\) ${address} ${endpoints[0]?.mac} crm`));
      for (const machine of ['pc', 'host']) assert.ok(await opens(it, machine, address), machine);
      await it.down('crm');
      await until(async () => (await serverSays()).includes(`DHCPRELEASE(eth0) ${address} `), 'the server has it back');
    });

    await t.test('the NIC goes down and comes back: told by name, then all is well', async () => {
      await it.read('host', ['ip', 'link', 'set', 'ens33', 'down']);
      const networks = await it.landlineJson<{ problems: { code: string }[] }[]>('network', 'ls');
      assert.deepEqual(
        networks[0]?.problems.map((problem) => problem.code),
        ['PARENT_DOWN'],
      );
      assert.equal(await codeOf(it.up(shop('192.168.11.103', 'shop-2'))), 'PARENT_DOWN');
      await it.read('host', ['ip', 'link', 'set', 'ens33', 'up']);
      await it.read('host', ['ip', 'route', 'replace', 'default', 'via', '192.168.11.1']);
      await until(() => opens(it, 'host', '192.168.11.101'), 'the host gets there again');
    });

    await t.test('down leaves nothing, and the NIC is as it was', async () => {
      await it.down('shop');
      assert.deepEqual(await ways(it), { links: [], routes: [] });
      await until(async () => (await it.holderOf('192.168.11.101')) === undefined, 'nobody answers');
      const after = await it.read('host', ['ip', '-j', 'address', 'show', 'dev', 'ens33']);
      assert.equal(stable(after), stable(nic));
    });

    await t.test('a NIC that cannot have children is refused by name', async () => {
      await it.configure(landlineYaml('macvlan: ens99'));
      assert.equal(await codeOf(it.up(shop('192.168.11.101'))), 'PARENT_MISSING');
      await it.configure(landlineYaml('ipvlan: ens33'));
      const code = await codeOf(it.up(shop('192.168.11.101'))).catch(() => 'KIND_MISSING');
      assert.equal(code, 'KIND_MISSING');
      await it.read('host', ['sh', '-c', 'ip link add br7 type bridge; ip link set ens33 master br7']);
      await it.configure(landlineYaml('macvlan: ens33'));
      assert.equal(await codeOf(it.up(shop('192.168.11.101'))), 'PARENT_IS_PORT');
    });
  });
});

/** Without what counts down, or changes when the link has been down. */
const stable = (text: string): string => text.replace(/"(valid|preferred)_life_time":\d+/g, '').replace(/"ifindex":\d+/g, '');
