import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { refusalOf, until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const box = { image: 'test/box:1', init: true };
const says = (port: number, text: string): { readonly command: readonly string[] } => ({
  command: ['nc', '-ll', '-p', String(port), '-e', 'echo', text],
});

const ask = async (office: DockerOffice, from: string, address: string, port: number): Promise<string> =>
  (await office.exec(from, ['busybox', 'nc', '-w', '2', address, String(port)])).stdout.trim();

const inside = async (office: DockerOffice, target: string, script: string): Promise<string> => {
  const { status, stdout, stderr } = await office.landline('exec', target, '--', 'sh', '-c', script);
  assert.equal(status, 0, stderr);
  return stdout.trim();
};

test('modes and Compose keys on Docker', { timeout: 170_000 }, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1', { ExposedPorts: { '80/tcp': {} } });

    await t.test('run IMAGE: one container at an address of the pool, with arguments for its program', async () => {
      const ran = await office.landline(
        'run',
        '--name',
        'hello',
        '--network',
        'office',
        '--address',
        '192.168.11.120',
        'test/box:1',
        'sh',
        '-c',
        'trap exit TERM; nc -ll -p 80 -e echo hi & wait',
      );
      assert.equal(ran.status, 0, ran.stderr);
      assert.match(ran.stdout, /^hello is running at 192\.168\.11\.120 /);
      assert.equal(await ask(office, 'pc', '192.168.11.120', 80), 'hi');
    });

    await t.test('container:NAME shares the network of another environment', async () => {
      await office.up({
        name: 'tools',
        'x-landline': { network: 'container:hello' },
        services: { sh: { ...box, command: ['sleep', '600'] } },
      });
      assert.equal(await inside(office, 'tools', 'nc 127.0.0.1 80'), 'hi');
      const view = await office.ps('tools');
      assert.deepEqual(
        [view.network, view.endpoints, view.sandbox?.inode],
        ['container:hello', [], (await office.ps('hello')).sandbox?.inode],
      );
      await office.down('tools');
    });

    await t.test(
      'a command joins the network of containers, and comes back with it; a container cannot join a command',
      async () => {
        const view = await office.up({
          name: 'tools',
          'x-landline': { network: 'container:hello' },
          services: { sh: { command: 'busybox nc -ll -p 81 -e echo command' } },
        });
        assert.equal(view.engine, 'native');
        assert.equal(await ask(office, 'pc', '192.168.11.120', 81), 'command');
        await office.dockerCommand('restart', 'landline.hello');
        await until(async () => (await ask(office, 'pc', '192.168.11.120', 81)) === 'command', 'it comes back', 20_000);
        await until(async () => (await office.ps('tools')).state === 'running', 'all is well', 20_000);
        const joins = {
          name: 'late',
          'x-landline': { network: 'container:tools' },
          services: { sh: { ...box, command: ['sleep', '600'] } },
        };
        assert.equal((await office.up(joins)).state, 'running');
        await office.down('late');
        await office.down('tools');
        await office.up({ name: 'tools', 'x-landline': { network: 'none' }, services: { sh: { command: 'sleep 600' } } });
        assert.equal((await refusalOf(office.up(joins))).code, 'SANDBOX_NOT_DOCKER');
        await office.down('tools');
      },
    );

    await t.test("an address of the LAN's DHCP server stays, over the end of the anchor too", async () => {
      const { endpoints } = await office.up({
        name: 'leased',
        'x-landline': { network: 'office', address: 'dhcp' },
        services: { web: { ...box, ...says(80, 'leased') } },
      });
      const [address = ''] = endpoints[0]?.addresses[0]?.split('/') ?? [];
      assert.equal(endpoints[0]?.lease.source, 'dhcp');
      await office.dockerCommand('kill', 'landline.leased');
      await until(
        async () => (await office.ps('leased')).state === 'running' && (await office.ps('leased')).sandbox !== null,
        'it heals',
        20_000,
      );
      assert.equal((await office.ps('leased')).endpoints[0]?.addresses[0]?.split('/')[0], address);
      assert.equal(await ask(office, 'pc', address, 80), 'leased');
      await office.down('leased');
    });

    await t.test('bridge: a private address, and ports of the host that lead there', async () => {
      await office.up({
        name: 'priv',
        'x-landline': { network: 'bridge' },
        services: { web: { ...box, ...says(80, 'private'), ports: ['8081:80'] } },
      });
      assert.equal(await ask(office, 'pc', '192.168.11.20', 8081), 'private');
      assert.equal(await ask(office, 'host', '127.0.0.1', 8081), 'private');
      assert.equal(await inside(office, 'priv', 'nc 192.168.11.20 8081'), 'private');
      await office.down('priv');
    });

    await t.test("host: the host's own network; none: lo alone", async () => {
      await office.up({ name: 'own', 'x-landline': { network: 'host' }, services: { web: { ...box, ...says(8090, 'host') } } });
      assert.equal(await ask(office, 'pc', '192.168.11.20', 8090), 'host');
      await office.down('own');
      await office.up({
        name: 'alone',
        'x-landline': { network: 'none' },
        services: { sh: { ...box, command: ['sleep', '600'] } },
      });
      assert.equal(await inside(office, 'alone', 'ls /sys/class/net'), 'lo');
      await office.down('alone');
    });

    await t.test('keys of containers reach Docker, and files of secrets, configs and names the container', async () => {
      fs.writeFileSync(path.join(office.folder, 'password.txt'), 'pineapple');
      await office.up({
        name: 'keys',
        'x-landline': { network: 'office' },
        services: {
          web: {
            ...box,
            command: ['sleep', '600'],
            user: 'web',
            environment: { COLOUR: 'green' },
            cap_drop: ['ALL'],
            cap_add: ['NET_RAW'],
            read_only: true,
            mem_limit: '64m',
            cpus: 0.5,
            pids_limit: 50,
            shm_size: '16m',
            sysctls: { 'net.core.somaxconn': '1024' },
            labels: { team: 'blue', 'landline.service': 'not ours' },
            extra_hosts: ['mail:192.168.11.9', 'host.docker.internal:host-gateway'],
            dns: '192.168.11.9',
            secrets: ['password'],
            configs: [{ source: 'motd', target: '/etc/motd' }],
            container_name: 'shop-web',
            tmpfs: '/run:size=1m',
            volumes: ['data:/data', '/anonymous'],
            security_opt: ['no-new-privileges:true'],
            ulimits: { nofile: 512 },
          },
        },
        secrets: { password: { file: './password.txt' } },
        configs: { motd: { content: 'good day\n' } },
        volumes: { data: {} },
      } as Parameters<DockerOffice['up']>[0]);
      const script =
        'cat /run/secrets/password /etc/motd; echo $COLOUR; id -un; cat /proc/sys/net/core/somaxconn; grep -E "mail|host.docker|shop-web" /etc/hosts; cat /etc/resolv.conf; ulimit -n';
      assert.equal(
        await inside(office, 'keys', script),
        [
          'pineapplegood day',
          'green',
          'web',
          '1024',
          '127.0.0.1 shop-web',
          '192.168.11.9 mail',
          '192.168.11.20 host.docker.internal',
          'nameserver 192.168.11.9',
          'search test.office.example',
          '512',
        ].join('\n'),
      );
      const format =
        '{{.HostConfig.Memory}} {{.HostConfig.NanoCpus}} {{.HostConfig.ShmSize}} {{.HostConfig.ReadonlyRootfs}} {{.HostConfig.CapAdd}} {{index .Config.Labels "team"}} {{index .Config.Labels "landline.service"}}';
      const told = await office.dockerCommand('inspect', '-f', format, 'landline.keys.web');
      assert.equal(told.trim(), `${64 * 1024 * 1024} 500000000 ${16 * 1024 * 1024} true [NET_RAW] blue web`);
      const volumes = async (): Promise<string[]> => (await office.dockerCommand('volume', 'ls', '-q')).trim().split('\n').sort();
      assert.deepEqual(await volumes(), ['keys_data', 'keys_web.anonymous']);
      await office.down('keys');
      assert.deepEqual(await volumes(), ['keys_data', 'keys_web.anonymous']);
    });

    await t.test('what cannot be had refuses, and leaves nothing behind; what may clash is told', async () => {
      const none = await refusalOf(
        office.up({ name: 'bad', 'x-landline': { network: 'office' }, services: { web: { image: '127.0.0.1:1/none:1' } } }),
      );
      assert.equal(none.code, 'IMAGE_REFUSED');
      const program = await refusalOf(
        office.up({
          name: 'bad',
          'x-landline': { network: 'none' },
          services: { web: { ...box, init: false, command: ['/no/such'] } },
        }),
      );
      assert.equal(program.code, 'COMMAND_MISSING');
      await office.down('bad');
      const waits = await refusalOf(
        office.up({
          name: 'bad',
          'x-landline': { network: 'none' },
          services: {
            db: { ...box, ...says(80, 'db') },
            web: { ...box, ...says(81, 'web'), depends_on: { db: { condition: 'service_healthy' } } },
          },
        }),
      );
      assert.equal(waits.code, 'HEALTHCHECK_MISSING');
      const native = { name: 'hello', 'x-landline': { network: 'none' }, services: { web: { command: 'sleep 60' } } };
      assert.equal((await refusalOf(office.up(native))).code, 'ENGINE_OTHER');
      const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-two-'));
      t.after(() => fs.rmSync(folder, { recursive: true }));
      const services = { a: { ...box, ...says(80, 'a') }, b: { ...box, ...says(80, 'b') } };
      fs.writeFileSync(
        path.join(folder, 'two.yaml'),
        JSON.stringify({ name: 'two', 'x-landline': { network: 'none' }, services }),
      );
      const two = await office.landline('up', '-f', path.join(folder, 'two.yaml'));
      assert.match(
        two.stderr,
        /^landline: note: the images of 'a' and 'b' both say that they listen on 80\/tcp, and they share one network: set one of them to another port\n(.*\n)*landline: SERVICE_FAILED/,
      );
      await office.down('two');
      await office.down('hello');
      assert.equal((await office.dockerCommand('ps', '-aq')).trim(), '');
    });
  });
});
