import assert from 'node:assert/strict';
import { test } from 'node:test';
import { labStatus, labUp } from '../../src/lab/index.ts';
import { type TestLab, withLab } from '../lab.ts';

async function pidOfDaemon(lab: TestLab): Promise<string> {
  return (await lab.read('host', ['cat', '/run/landline/landline.pid'])).trim();
}

async function daemonsOf(lab: TestLab): Promise<readonly string[]> {
  const [status] = await labStatus({ name: lab.name });
  const all = (status?.machines ?? []).flatMap(({ name, programs }) => programs.map((it) => ({ machine: name, ...it })));
  return all.filter((it) => it.name === 'landline').map((it) => `${it.machine}: ${it.name} ${it.state}`);
}

test('when up returns, the daemon of the host answers, and knows the network office; nowhere else is one', async (t) => {
  await withLab(t, {}, async (lab) => {
    assert.equal(await lab.read('host', ['landline', 'ps', '--json']), '[]\n');
    const networks = await lab.read('host', ['landline', 'network', 'ls', '--json']);
    // A cast, since this is what the command prints.
    const office = (JSON.parse(networks) as readonly Record<string, unknown>[]).find((it) => it.name === 'office');
    assert.equal(office?.bridge, 'br0');
    assert.equal((await lab.exec('pc', ['landline', 'ps'])).status, 3);
    assert.match(await lab.read('host', ['cat', '/var/log/landline.log']), /daemon ready/);
    assert.deepEqual(await daemonsOf(lab), ['host: landline running']);
  });
});

test('a daemon that has ended is started again by up, and the machines stay', async (t) => {
  await withLab(t, {}, async (lab) => {
    const before = { machine: lab.pidOf('host'), daemon: await pidOfDaemon(lab) };
    await lab.read('host', ['kill', '-KILL', before.daemon]);
    assert.deepEqual(await daemonsOf(lab), ['host: landline ended']);
    assert.equal((await labUp({ name: lab.name })).made, false);
    assert.equal(await lab.read('host', ['landline', 'ps', '--json']), '[]\n');
    assert.notEqual(await pidOfDaemon(lab), before.daemon);
    assert.equal(lab.pidOf('host'), before.machine);
  });
});

test('a daemon that somebody else has started instead is left alone by up', async (t) => {
  await withLab(t, {}, async (lab) => {
    const again = 'setsid landline daemon >>/var/log/landline.log 2>&1 & until landline ps; do sleep 0.05; done';
    await lab.read('host', ['sh', '-c', `kill -KILL ${await pidOfDaemon(lab)}; (${again}) >/dev/null 2>&1`]);
    const daemon = await pidOfDaemon(lab);
    assert.deepEqual(await daemonsOf(lab), ['host: landline running']);
    await labUp({ name: lab.name });
    assert.equal(await pidOfDaemon(lab), daemon);
  });
});

test('a daemon that cannot start is told of with its own words, and the lab stays for a look', async (t) => {
  await withLab(t, {}, async (lab) => {
    await lab.read('host', ['sh', '-c', `kill -KILL ${await pidOfDaemon(lab)}; echo nonsense: 1 >/etc/landline/landline.yaml`]);
    await assert.rejects(labUp({ name: lab.name }), {
      code: 'LAB_FAILED',
      message: /the lab could not start landline in host: it ended, and said: .*landline\.yaml:1:1/,
    });
    assert.equal(await lab.read('host', ['echo', 'here']), 'here\n');
  });
});

test('with plainNic the daemon answers although br0 is missing', async (t) => {
  await withLab(t, { plainNic: true }, async (lab) => {
    assert.equal(await lab.read('host', ['landline', 'ps', '--json']), '[]\n');
  });
});
