import assert from 'node:assert/strict';
import { test } from 'node:test';
import { until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const opens = async (office: DockerOffice, url: string): Promise<boolean> =>
  (await office.exec('pc', ['curl', '-sS', '--max-time', '1', url])).stdout === 'hello\n';

const forward = (office: DockerOffice): Promise<string> => office.read('host', ['iptables', '-S', 'FORWARD']);

/** Rules of the chain that are not ours. */
const dockers = (rules: string): readonly string[] => rules.split('\n').filter((it) => !/LANDLINE|landline/.test(it));

const page = (text: string): readonly string[] => [
  'sh',
  '-c',
  `mkdir -p /tmp/www && echo ${text} >/tmp/www/index.html && exec busybox httpd -f -p 80 -h /tmp/www`,
];

test("with Docker's FORWARD at DROP, and bridged frames going through it", async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box');
    assert.equal((await office.read('host', ['cat', '/proc/sys/net/bridge/bridge-nf-call-iptables'])).trim(), '1');
    await until(async () => (await forward(office)).startsWith('-P FORWARD DROP\n'), 'Docker has its firewall');
    const before = dockers(await forward(office));

    const urls = {
      'an environment of processes': 'http://192.168.11.101/',
      'a published port of the private network': 'http://192.168.11.20:8080/',
      'a labelled container': 'http://192.168.11.102/',
      'a port that Docker itself publishes': 'http://192.168.11.20:8081/',
    };
    const lan = await office.landline(
      'run',
      '--name',
      'lan',
      '--network',
      'office',
      '--address',
      '192.168.11.101',
      '--',
      ...page('hello'),
    );
    assert.equal(lan.status, 0, lan.stderr);
    const own = await office.landline('run', '--name', 'own', '--network', 'bridge', '-p', '8080:80', '--', ...page('hello'));
    assert.equal(own.status, 0, own.stderr);
    const labels = ['--network', 'none', '-l', 'landline.network=office', '-l', 'landline.address=192.168.11.102'];
    await office.dockerCommand(
      'run',
      '-d',
      '--init',
      '--restart',
      'always',
      '--name',
      'labelled',
      ...labels,
      'test/box',
      ...page('hello'),
    );
    await office.dockerCommand('run', '-d', '--init', '--restart', 'always', '-p', '8081:80', 'test/box', ...page('hello'));

    const allOpen = async (seconds: number): Promise<void> => {
      for (const [what, url] of Object.entries(urls)) await until(() => opens(office, url), what, seconds * 1000);
    };

    await t.test('all is reachable, and the policy of Docker is as it was', async () => {
      await allOpen(5);
      assert.ok(dockers(await forward(office)).includes('-P FORWARD DROP'));
      for (const rule of before) assert.ok(dockers(await forward(office)).includes(rule), rule);
    });

    await t.test('again after each start of dockerd', async () => {
      for (const end of [office.dockerd.stop, office.dockerd.kill]) {
        const mac = await office.holderOf('192.168.11.102');
        await end();
        assert.ok(await opens(office, urls['an environment of processes']));
        await office.dockerd.start();
        await allOpen(10);
        assert.equal(await office.holderOf('192.168.11.102'), mac);
        assert.ok(dockers(await forward(office)).includes('-P FORWARD DROP'));
      }
    });

    await t.test('and after somebody has emptied the chain that Docker leaves to others', async () => {
      await office.read('host', ['sh', '-c', 'iptables -F DOCKER-USER && iptables -A DOCKER-USER -j RETURN']);
      await allOpen(5);
    });

    await t.test('with the last environment our rules go', async () => {
      await office.landline('down', '--all');
      await office.dockerCommand('rm', '-f', 'labelled');
      await until(async () => !/landline/i.test(await office.read('host', ['iptables-save'])), 'no rule is ours', 5000);
    });
  });
});
