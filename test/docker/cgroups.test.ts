/** Docker on version 2 of cgroups(7), whatever this machine has: its host is given a hierarchy of its own before dockerd starts. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { openDocker } from '../../src/engine/docker/index.ts';
import { until, withOffice } from '../office.ts';
import { busyboxImage } from './busybox.ts';

const script = new URL('../../src/lab/dockerd.sh', import.meta.url).pathname;

const start = `
umount -R /sys/fs/cgroup
mount -t cgroup2 cgroup2 /sys/fs/cgroup
setsid sh ${script} >>/var/log/docker.log 2>&1 </dev/null &`;

test('with cgroups of version 2 a container is plumbed before its process runs, too', { timeout: 60_000 }, async (t) => {
  await withOffice(t, {}, async (office) => {
    await office.read('host', ['sh', '-ec', start]);
    const docker = openDocker({ kind: 'unix', path: `/proc/${office.pidOf('host')}/root/run/docker.sock` });
    t.after(() => docker.close());
    const answers = (): Promise<boolean> =>
      docker.ping().then(
        () => true,
        () => false,
      );
    await until(answers, 'dockerd answers', 30_000);
    assert.match(await office.read('host', ['docker', 'info']), /Cgroup Version: 2/);
    await docker.images.load(busyboxImage('test/box:1'));
    // How long a container is prepared depends on the machine; a probe takes 200 ms of that.
    const configuration = await office.read('host', ['cat', '/etc/landline/landline.yaml']);
    await office.configure(configuration.replace('domain:', 'probe: off\n    domain:'));
    await until(async () => (await office.daemon.log()).includes('Docker listens'), 'the daemon has found Docker', 10_000);
    const look = 'ip -4 -o address show dev eth0; exec sleep 600';
    const options = ['--init', '--name', 'early', '--network', 'none', '--label', 'landline.network=office'];
    await office.read('host', ['docker', 'run', '--detach', ...options, 'test/box:1', 'sh', '-c', look]);
    const said = async (): Promise<string> => (await office.exec('host', ['docker', 'logs', 'early'])).stdout;
    await until(async () => (await said()).includes('eth0'), 'it saw its network', 5000);
    assert.match(await said(), /inet 192\.168\.11\.1\d\d\/23 /);
  });
});
