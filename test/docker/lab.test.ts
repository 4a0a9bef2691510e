import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { labUp } from '../../src/lab/index.ts';
import { withDockerOffice } from './office.ts';

/** Groups of a lab's containers, in all hierarchies of this machine. */
const groupsOf = (lab: string): readonly string[] =>
  fs.globSync([`/sys/fs/cgroup/landline-lab/${lab}`, `/sys/fs/cgroup/*/landline-lab/${lab}`]);

test('the Docker of the office: its own containers, cgroups and firewall, and nothing is left of it', async (t) => {
  let name = '';
  await withDockerOffice(t, {}, async (office) => {
    ({ name } = office);
    await office.loadImage('test/box');
    await office.dockerCommand('run', '-d', '--init', '--name', 'box', '--memory', '64m', 'test/box', 'sleep', '600');
    const pid = (await office.docker.containers.inspect('box'))?.State.Pid ?? 0;
    assert.match(await office.read('host', ['cat', `/proc/${pid}/cmdline`]), /sleep/);
    assert.ok(groupsOf(name).length > 0);
    assert.match(await office.read('host', ['iptables', '-S', 'FORWARD']), /^-P FORWARD DROP/);
    // The machine's other namespaces see nothing of it.
    assert.doesNotMatch(await office.read('pc', ['sh', '-c', 'iptables -S; ls /run']), /DOCKER|docker/);

    await t.test('a dockerd that has ended is started again by lab up, and finds its containers', async () => {
      await office.dockerd.kill();
      await labUp({ name, docker: true });
      assert.deepEqual(
        (await office.docker.containers.list()).map((it) => it.Names),
        [['/box']],
      );
      await office.dockerCommand('start', 'box');
      const again = (await office.docker.containers.inspect('box'))?.State.Pid ?? 0;
      assert.match(await office.read('host', ['cat', `/proc/${again}/cgroup`]), /docker\/[0-9a-f]{64}/);
    });
  });
  assert.deepEqual(groupsOf(name), []);
  assert.ok(!fs.existsSync(`/run/landline-lab/${name}`));
});
