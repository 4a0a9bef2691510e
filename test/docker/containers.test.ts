import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView, UpView } from '../../src/api/contract.ts';
import { addNic, codeOf, listen, refusalOf, until } from '../office.ts';
import { eventually } from '../support/office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const page = ['busybox', 'httpd', '-f', '-p', '80', '-h', '/www'] as const;
const pageFiles = [{ path: 'www/index.html', bytes: 'hello\n' }] as const;

const opens = async (office: DockerOffice, address: string, machine = 'pc'): Promise<boolean> =>
  (await office.exec(machine, ['curl', '-sS', '--max-time', '1', `http://${address}/`])).stdout === 'hello\n';

/** Runs a container with busybox's web server. */
const run = (office: DockerOffice, name: string, ...options: readonly string[]): Promise<string> =>
  office.dockerCommand('run', '--detach', '--init', '--name', name, ...options, 'test/page', ...page);

const labels = (...pairs: readonly string[]): readonly string[] => [
  '--network',
  'none',
  ...pairs.flatMap((it) => ['--label', `landline.${it}`]),
];

const find = async (office: DockerOffice, name: string): Promise<EnvironmentView | undefined> =>
  (await office.api.call<EnvironmentView[]>('GET', '/v1/environments')).find((it) => it.name === name);

const isRunning = (office: DockerOffice, name: string) => async (): Promise<boolean> => {
  const found = await find(office, name);
  return found?.state === 'running' && found.problems.length === 0;
};

test('plain containers on the LAN, by their labels', async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/page', {}, pageFiles);

    await t.test('a page of a container is opened by the pc, and by a PC behind the router', async () => {
      const id = (await run(office, 'shop', ...labels('network=office', 'address=192.168.11.120'))).trim();
      await until(() => opens(office, '192.168.11.120'), 'the pc opens the page', 5000);
      assert.ok(await opens(office, '192.168.11.120', 'branch-pc'));
      assert.ok(await opens(office, '192.168.11.120', 'host'));
      const { pid, inode } = await whereabouts(office, 'shop');
      const view = await office.ps('shop');
      assert.deepEqual(
        [
          view.state,
          view.engine,
          view.network,
          view.sandbox,
          view.endpoints[0]?.addresses,
          view.endpoints[0]?.interface,
          view.problems,
        ],
        ['running', 'docker', 'office', { inode }, ['192.168.11.120/23'], 'eth0', []],
      );
      assert.deepEqual(
        view.services.map((it) => [it.name, it.state, it.image, it.pid]),
        [['shop', 'running', 'test/page', pid]],
      );
      assert.equal((await office.docker.containers.inspect(id))?.HostConfig.NetworkMode, 'none');
    });

    await t.test('the network is there before the process runs, at a start and at a restart', async () => {
      const asWritten = await office.read('host', ['cat', '/etc/landline/landline.yaml']);
      // How long a container is prepared depends on the machine; a probe takes 200 ms of that.
      await office.configure(asWritten.replace('domain:', 'probe: off\n    domain:'));
      const script = 'ip -4 -o address show dev eth0 && ip route; exec sleep 600';
      await office.dockerCommand(
        'run',
        '-d',
        '--init',
        '--name',
        'early',
        ...labels('network=office'),
        'test/page',
        'sh',
        '-c',
        script,
      );
      const said = async (): Promise<string> => office.dockerCommand('logs', 'early');
      await until(async () => (await said()).includes('default via 192.168.11.1'), 'it saw its network', 3000);
      assert.match(await said(), /^\d+: eth0 +inet 192\.168\.11\.1\d\d\/23 /);
      await until(isRunning(office, 'early'), 'all is settled');
      await office.dockerCommand('restart', '-t', '0', 'early');
      await until(async () => (await said()).split('default via').length === 3, 'it saw its network again', 3000);
      await office.configure(asWritten);
      await office.dockerCommand('restart', '-t', '0', 'early');
      await until(async () => (await said()).split('default via').length === 4, 'it needs no probe for what was its own', 3000);
      assert.equal((await said()).split(' inet 192.168.11.').length, 4, await said());
      await office.dockerCommand('rm', '-f', 'early');
    });

    await t.test('a stop takes the address off the wire, a start brings it back with the same MAC', async () => {
      const mac = await office.holderOf('192.168.11.120');
      await office.dockerCommand('stop', 'shop');
      await until(async () => (await office.holderOf('192.168.11.120')) === undefined, 'nobody answers', 5000);
      await until(async () => (await find(office, 'shop'))?.state === 'stopped', 'ps says so');
      assert.deepEqual((await find(office, 'shop'))?.problems, []);
      await office.dockerCommand('start', 'shop');
      await until(() => opens(office, '192.168.11.120'), 'the page is back', 10_000);
      assert.equal(await office.holderOf('192.168.11.120'), mac);
    });

    await t.test('who shares the network of a container that was stopped does not keep its address on the wire', async () => {
      await run(office, 'member', '--network', 'container:shop');
      await office.dockerCommand('stop', '-t', '0', 'shop');
      await until(async () => (await office.holderOf('192.168.11.120')) === undefined, 'nobody answers', 5000);
      await office.dockerCommand('start', 'shop');
      await until(() => opens(office, '192.168.11.120'), 'the page is back', 10_000);
      await office.dockerCommand('rm', '-f', 'member');
      assert.ok(await opens(office, '192.168.11.120'));
    });

    await t.test('what somebody deletes inside comes back', async () => {
      await office.read('host', [
        'nsenter',
        `--net=/proc/${(await whereabouts(office, 'shop')).pid}/ns/net`,
        'ip',
        'address',
        'flush',
        'dev',
        'eth0',
      ]);
      await until(() => opens(office, '192.168.11.120'), 'the page is back', 5000);
    });

    await t.test('with the daemon killed, restarted containers are plumbed within 5 s of its start', async () => {
      await office.daemon.kill();
      await office.dockerCommand('restart', '-t', '0', 'shop');
      assert.ok(!(await opens(office, '192.168.11.120')));
      await run(office, 'new', ...labels('network=office', 'address=192.168.11.121', 'hostname=newcomer'));
      await office.daemon.start();
      await until(async () => (await opens(office, '192.168.11.120')) && opens(office, '192.168.11.121'), 'both answer', 5000);
      await office.dockerCommand('rm', '-f', 'new');
    });

    await t.test('removed, it is forgotten, also while the daemon was away', async () => {
      await run(office, 'short', ...labels('network=office', 'address=192.168.11.122'));
      await until(() => opens(office, '192.168.11.122'), 'it is plumbed');
      await office.dockerCommand('rm', '-f', 'short');
      await until(async () => (await find(office, 'short')) === undefined, 'it is gone from ps', 5000);
      assert.equal(await office.holderOf('192.168.11.122'), undefined);
      assert.deepEqual(
        (await office.addresses()).filter((it) => it.environment === 'short'),
        [],
      );

      await run(office, 'short', ...labels('network=office', 'address=192.168.11.122'));
      await until(() => opens(office, '192.168.11.122'), 'one of the same name has the address again');
      await office.daemon.kill();
      await office.dockerCommand('rm', '-f', 'short');
      await office.daemon.start();
      await until(async () => (await find(office, 'short')) === undefined, 'it is gone from ps', 5000);
    });

    await t.test('a wrong label is told in ps, in the log and as an event, and the container runs on', async () => {
      const heard = await listen(office);
      const cases: readonly (readonly [string, readonly string[], string, RegExp])[] = [
        [
          'bad-address',
          labels('network=office', 'address=192.168.11.999'),
          'LABEL_WRONG',
          /label landline\.address=192\.168\.11\.999 of container 'bad-address'/,
        ],
        ['bad-key', labels('network=office', 'adress=192.168.11.130'), 'LABEL_WRONG', /Landline knows no such label/],
        ['bad-network', ['--network', 'none', '--label', 'landline.netwrok=office'], 'LABEL_WRONG', /knows no such label/],
        ['bad-mac', labels('network=office', 'mac=01:00:5e:00:00:01'), 'LABEL_WRONG', /no unicast MAC/],
        ['on-host', ['--network', 'host', '--label', 'landline.network=office'], 'LABEL_WRONG', /--network host/],
      ];
      for (const [name, options, code, message] of cases) {
        await office.dockerCommand('run', '-d', '--init', '--name', name, ...options, 'test/page', 'sleep', '600');
        await heard.next('label refused', { container: name });
        const found = await office.ps(name);
        assert.deepEqual([found.state, found.problems[0]?.code], ['failed', code]);
        assert.match(found.problems[0]?.message ?? '', message);
        assert.match(await office.daemon.log(), new RegExp(`label refused container=${name} code=${code}`));
        assert.equal((await office.docker.containers.inspect(name))?.State.Running, true);
        await office.dockerCommand('rm', '-f', name);
        await until(async () => (await find(office, name)) === undefined, 'it is gone with its container');
      }
      heard.stop();
    });

    await t.test('what stands in the way of a right label is a problem until it is gone', async () => {
      await run(office, 'mistaken', ...labels('network=ofice'));
      await until(
        async () => (await find(office, 'mistaken'))?.problems[0]?.code === 'NETWORK_UNKNOWN',
        'its network is unknown',
      );
      await run(office, 'taken', ...labels('network=office', 'address=192.168.11.120'));
      await until(async () => (await find(office, 'taken'))?.problems[0]?.code === 'ADDRESS_HELD', "the address is shop's");
      await run(office, 'squat', ...labels('network=office', 'address=192.168.10.20'));
      await until(
        async () => (await find(office, 'squat'))?.problems[0]?.code === 'ADDRESS_TAKEN',
        'the address is that of the pc',
      );
      await office.read('host', ['sh', '-c', 'ip link add br1 type bridge && ip link set br1 up']);
      const before = await office.read('host', ['cat', '/etc/landline/landline.yaml']);
      await office.configure(`${before}  ofice: { bridge: br1, subnet: 10.60.0.0/24, pool: [10.60.0.10-10.60.0.20] }\n`);
      await until(isRunning(office, 'mistaken'), 'its network is there');
      assert.deepEqual((await find(office, 'mistaken'))?.endpoints[0]?.addresses, ['10.60.0.10/24']);
      await office.dockerCommand('rm', '-f', 'mistaken', 'squat', 'shop', 'taken');
    });

    await t.test('it is not ended by down while its container runs', async () => {
      await run(office, 'kept', ...labels('network=office'));
      await until(isRunning(office, 'kept'), 'it is plumbed');
      assert.equal(await codeOf(office.down('kept')), 'LABELLED');
      assert.equal(await codeOf(office.api.call('DELETE', '/v1/attachments/kept')), 'LABELLED');
      await office.landline('down', '--all');
      assert.ok(await isRunning(office, 'kept')());
      await office.dockerCommand('rm', '-f', 'kept');
    });

    await t.test('attach and detach', async () => {
      await run(office, 'plain', '--network', 'none');
      const attached = await office.landlineJson<UpView>('attach', 'plain', '--network', 'office', '--address', '192.168.11.140');
      assert.deepEqual([attached.name, attached.engine, attached.endpoints[0]?.interface], ['plain', 'docker', 'eth0']);
      assert.ok(await opens(office, '192.168.11.140'));

      await office.dockerCommand('restart', '-t', '0', 'plain');
      await until(() => opens(office, '192.168.11.140'), 'it is plumbed again', 10_000);
      await office.daemon.kill();
      await office.daemon.start();
      assert.ok(await opens(office, '192.168.11.140'));

      assert.equal((await office.landline('detach', 'plain')).status, 0);
      assert.equal(await office.holderOf('192.168.11.140'), undefined);
      await office.dockerCommand('restart', '-t', '0', 'plain');
      await sleep(1000);
      assert.equal(await office.holderOf('192.168.11.140'), undefined);

      assert.equal(
        (await refusalOf(office.api.call('POST', '/v1/attachments', { query: { container: 'nobody', network: 'office' } }))).code,
        'CONTAINER_UNKNOWN',
      );
      await office.dockerCommand('stop', '-t', '0', 'plain');
      assert.equal(
        await codeOf(office.api.call('POST', '/v1/attachments', { query: { container: 'plain', network: 'office' } })),
        'CONTAINER_STOPPED',
      );
      await office.dockerCommand('rm', 'plain');
    });

    await t.test('exec and logs reach it, plumbed or not; what Docker is to do is refused by name', async () => {
      const talk = ['sh', '-c', 'echo hello; trap "echo bye; exit 0" TERM; while :; do sleep 0.1; done'];
      const start = (...options: readonly string[]): Promise<string> =>
        office.dockerCommand('run', '-d', '--init', '--name', 'talker', '--workdir', '/www', ...options, 'test/page', ...talk);
      await start(...labels('network=ofise'));
      await until(async () => (await find(office, 'talker'))?.state === 'failed', 'it cannot be plumbed');
      assert.equal((await office.landline('exec', 'talker', '--', 'sh', '-c', 'pwd; exit 7')).status, 7);
      await until(async () => (await office.landline('logs', 'talker')).stdout === 'talker | hello\n', 'what it said is shown');
      await office.dockerCommand('rm', '-f', 'talker');

      await start('--network', 'none');
      await office.landline('attach', 'talker', '--network', 'office', '--name', 'radio');
      const inside = await office.landline('exec', 'radio', '--', 'sh', '-c', 'pwd; ip -o link show eth0 | wc -l');
      assert.equal(inside.stdout, '/www\n1\n', inside.stderr);
      assert.equal((await office.landline('exec', 'radio/talker', '--', 'true')).status, 0);
      assert.match((await office.landline('exec', 'radio/talk', '--', 'true')).stderr, /SERVICE_UNKNOWN.*'talk'/);
      const lines: string[] = [];
      const following = office.start('host', ['landline', 'logs', '--follow', 'radio/talker']);
      following.stdout.setEncoding('utf8').on('data', (text: string) => lines.push(...text.trim().split('\n')));
      const ended = new Promise((resolve) => following.on('close', resolve));
      await until(() => lines.length === 1, 'the first line is told');
      await office.dockerCommand('restart', 'talker');
      await until(() => lines.length === 3, 'what it says after a restart is told too');
      assert.deepEqual(lines, ['hello', 'bye', 'hello']);
      for (const verb of ['stop', 'start', 'restart'])
        assert.match((await office.landline(verb, 'radio')).stderr, new RegExp(`CONTAINER_FOREIGN.*\n.*docker ${verb} talker`));
      await office.dockerCommand('stop', 'talker');
      assert.match((await office.landline('exec', 'radio', '--', 'true')).stderr, /CONTAINER_STOPPED.*\n.*docker start talker/);
      await office.dockerCommand('rm', 'talker');
      await ended;
      assert.equal(await office.landline('logs', 'radio').then((it) => it.status), 1);
    });

    await t.test("pipework's own words, with a container's name and id, also of one that it has not plumbed", async () => {
      const pipework = async (...words: readonly string[]): Promise<string> => {
        const { status, stdout, stderr } = await office.landline('pipework', ...words);
        return status === 0 ? stdout : `${status} ${stderr}`;
      };
      const id = (await run(office, 'Pipe_1', '--network', 'none')).trim();
      assert.match(await pipework('rule', 'Pipe_1', 'show'), /lookup main/);
      assert.match(await pipework('tc', id.slice(0, 12), 'qdisc', 'show', 'dev', 'lo'), /noqueue/);
      await pipework('br0', 'Pipe_1', '192.168.11.133/23@192.168.11.1');
      assert.ok(await opens(office, '192.168.11.133', 'branch-pc'));
      await pipework('br0', '-i', 'eth2', '-l', 'pipe1', id, 'dhcp');
      await pipework('br0', '-i', 'eth3', id.slice(0, 12), '0/0');
      const shown = async (): Promise<unknown[]> =>
        (await office.ps('pipe-1')).endpoints.map((it) => [it.interface, it.addresses.length, it.lease.source]);
      const all = [
        ['eth1', 1, 'static'],
        ['eth2', 1, 'dhcp'],
        ['eth3', 0, 'none'],
      ];
      assert.deepEqual(await shown(), all);
      await pipework('route', 'Pipe_1', 'add', '10.70.0.0/16', 'via', '192.168.11.2');
      assert.match(await pipework('route', id, 'show', '10.70.0.0/16'), /via 192\.168\.11\.2/);
      await office.dockerCommand('restart', '-t', '1', 'Pipe_1');
      await until(() => opens(office, '192.168.11.133'), 'it is plumbed again');
      await until(async () => /eth3/.test(await office.dockerCommand('exec', 'Pipe_1', 'ip', 'link')), 'with all of its links');
      assert.match(await office.read('host', ['ip', 'link', 'show', 'pipe1']), /master br0/);
      assert.match(await pipework('route', 'nobody', 'show'), /^1 .*ENVIRONMENT_UNKNOWN/);
      await office.dockerCommand('rm', '-f', id);
      await until(async () => (await find(office, 'pipe-1')) === undefined, 'it is forgotten');
    });

    await t.test("a NIC of the host goes with the container's network, and is home while that does not run", async () => {
      addNic(office, 'ens34');
      const isHome = async (): Promise<boolean> =>
        / mtu 1400 .* UP /.test((await office.exec('host', ['ip', '-o', 'link', 'show', 'ens34'])).stdout.replace(/[<>,]/g, ' '));
      assert.ok(await isHome());
      await run(office, 'direct', '--network', 'none');
      assert.equal((await office.landline('pipework', '--direct-phys', 'ens34', 'direct', '192.168.11.134/23')).stderr, '');
      assert.ok(await opens(office, '192.168.11.134'));
      assert.ok(!(await isHome()));
      await office.dockerCommand('stop', '-t', '1', 'direct');
      await until(isHome, 'the NIC is home', 5000);
      await office.dockerCommand('start', 'direct');
      await until(() => opens(office, '192.168.11.134'), 'and in the container again');
      await office.dockerCommand('restart', '-t', '1', 'direct');
      await until(() => opens(office, '192.168.11.134'), 'also in the next');
      await office.dockerCommand('rm', '-f', 'direct');
      await until(isHome, 'it is home for good', 5000);
      await until(async () => (await find(office, 'direct')) === undefined, 'the container is forgotten');
      await office.read('host', ['ip', 'link', 'delete', 'ens34']);
    });

    await t.test("a container on Docker's own bridge gets one more link, and keeps its default route", async () => {
      await run(office, 'bridged');
      const { pid } = await whereabouts(office, 'bridged');
      const routes = (): Promise<string> =>
        office.read('host', ['nsenter', `--net=/proc/${pid}/ns/net`, 'ip', 'route', 'show', 'default']);
      const before = await routes();
      const attached = await office.landlineJson<UpView>(
        'attach',
        'bridged',
        '--network',
        'office',
        '--address',
        '192.168.11.141',
      );
      assert.deepEqual([attached.endpoints[0]?.interface, attached.endpoints[0]?.gateway], ['eth1', null]);
      assert.equal(await routes(), before);
      assert.ok(await opens(office, '192.168.11.141'));
      await office.dockerCommand('rm', '-f', 'bridged');
      await eventually(10, async () => assert.deepEqual(await office.addresses(), []));
      assert.deepEqual(
        (await office.links()).filter((it) => it.ifalias?.startsWith('landline:')),
        [],
      );
    });
  });
});

/** The process of a container, and the inode of its network namespace. */
async function whereabouts(office: DockerOffice, name: string): Promise<{ readonly pid: number; readonly inode: number }> {
  const pid = (await office.docker.containers.inspect(name))?.State.Pid ?? 0;
  const inode = Number(await office.read('host', ['stat', '-L', '-c', '%i', `/proc/${pid}/ns/net`]));
  return { pid, inode };
}
