/** Labs on machines whose mounts are other than those of the one that runs the tests: played in a mount namespace. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labScript, nameLab, run } from '../lab.ts';

/** Makes a lab after `prepare`, runs `look` in its host and `after` outside, and ends it. Resolves to what was printed. */
async function makeWhere(prepare: string, look: string, after = 'true'): Promise<string> {
  const name = nameLab();
  const body = `
    await labUp({ name: '${name}', daemon: false });
    try {
      process.exitCode = await labExec({ name: '${name}', host: 'host', command: ['sh', '-c', process.env.LOOK] });
    } finally {
      await labDown({ name: '${name}' });
    }`;
  const script = `set -e; mount -t tmpfs tmpfs /mnt; ${prepare}; LOOK=$1; export LOOK; shift; "$@"; ${after}`;
  const command = ['--mount', 'sh', '-c', script, 'sh', look, process.execPath, ...labScript(body)];
  const { status, stdout, stderr } = await run('unshare', command);
  assert.equal(status, 0, stderr);
  return stdout;
}

test("where /run is on overlayfs, as in a container, what a machine's /etc is given lies in memory", async () => {
  const prepare = `mkdir /mnt/upper /mnt/work; mount -t overlay -o lowerdir=/run,upperdir=/mnt/upper,workdir=/mnt/work overlay /run`;
  const look = `echo more >>/etc/hostname; cat /etc/hostname; echo kept >/var/lib/landline/file; cat /var/lib/landline/file
    head -n 1 /etc/landline/landline.yaml`;
  assert.equal(await makeWhere(prepare, look), 'host\nmore\nkept\nnetworks:\n');
});

test('where there is cgroup v2 alone, it is in the /sys of a machine', async () => {
  const prepare = 'umount -R /sys/fs/cgroup; mount -t cgroup2 cgroup2 /sys/fs/cgroup';
  const look = `grep -c ' /sys/fs/cgroup cgroup2 ' /proc/mounts; test -e /sys/fs/cgroup/cgroup.controllers; ls /sys/class/net`;
  assert.equal(await makeWhere(prepare, look), '1\nbr0\nens33\nlo\n');
});

test('where mounts are shared, as systemd has them, none of the lab comes out, and what is unmounted outside is unmounted inside', async () => {
  const prepare = `mount --make-rshared /; mkdir /mnt/one; mount -t tmpfs one /mnt/one
    (sleep 0.7; umount /mnt/one) & cat /proc/self/mountinfo >/mnt/before`;
  const look = `mount -t tmpfs mine /opt; sleep 0.7; grep -c ' /mnt/one ' /proc/mounts`;
  const after = `wait; grep -v ' /mnt/one ' /mnt/before >/mnt/wanted; cat /proc/self/mountinfo | diff /mnt/wanted - && echo same`;
  assert.equal(await makeWhere(prepare, `${look}; true`, after), '0\nsame\n');
});

test('a network namespace that is bound to a file outside is not kept alive by the lab', async () => {
  const prepare = `mkdir /run/test-$$; touch /run/test-$$/one /mnt/two
    mount --bind /proc/self/ns/net /mnt/two; mount -t tmpfs tmpfs /run/test-$$; touch /run/test-$$/one
    mount --bind /proc/self/ns/net /run/test-$$/one; grep -c ' /mnt/two .*nsfs\\| /run/test-[0-9]*/one .*nsfs' /proc/self/mountinfo`;
  const after = `umount /run/test-$$/one /run/test-$$; rm /run/test-$$/one; rmdir /run/test-$$`;
  assert.equal(await makeWhere(prepare, 'grep -c nsfs /proc/self/mountinfo; true', after), '2\n0\n');
});
