/** Stopping and starting environments and their services, with a daemon in an office. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { type TestLab, withLab } from '../lab.ts';
import { until } from '../office.ts';

const says = (name: string, more = '', status = 0): string =>
  `{ command: [sh, -c, 'trap "${more}echo end ${name} >>$$LOG; exit ${status}" TERM; echo begin ${name} >>$$LOG; while :; do sleep 0.02; done'], environment: { LOG: ./log }`;

const file = `
name: shop
x-landline: { network: office, address: 192.168.11.101 }
services:
  db: ${says('db')} }
  init: { command: [sh, -c, 'sleep 0.1; echo init >>log'], depends_on: [db] }
  web: ${says('web', 'sleep 0.2; ', 3)}, depends_on: { db: { condition: service_started }, init: { condition: service_completed_successfully } } }
`;

interface Shop {
  readonly lab: TestLab;
  readonly folder: string;
  landline(...words: string[]): Promise<string>;
  /** `db running, init exited, web running`, and the environment's own state. */
  states(): Promise<string>;
  /** What was written to the log since the last call. */
  heard(): readonly string[];
}

async function withShop(t: Parameters<typeof withLab>[0], body: (shop: Shop) => Promise<void>): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-start-stop-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(path.join(folder, 'shop.yaml'), file);
  const log = path.join(folder, 'log');
  await withLab(t, {}, async (lab) => {
    const landline = (...words: string[]): Promise<string> => lab.read('host', ['landline', ...words]);
    let seen = 0;
    await landline('up', '-f', path.join(folder, 'shop.yaml'));
    await body({
      lab,
      folder,
      landline,
      states: async () => {
        // A cast, since this is what the command prints.
        const [it] = JSON.parse(await landline('ps', 'shop', '--json')) as readonly {
          state: string;
          services: readonly { name: string; state: string }[];
        }[];
        return `${it?.state}: ${it?.services.map(({ name, state }) => `${name} ${state}`).join(', ')}`;
      },
      heard: () => {
        const lines = fs.readFileSync(log, 'utf8').split('\n').slice(0, -1);
        const news = lines.slice(seen);
        seen = lines.length;
        return news;
      },
    });
  });
}

const restartDaemon = `kill -9 "$(cat /run/landline/landline.pid)"; (setsid landline daemon >>/var/log/landline.log 2>&1 </dev/null &)
  until landline ps >/dev/null 2>&1; do sleep 0.05; done`;

test('a stopped environment keeps its address and stays stopped over a new daemon; start brings it back in order', async (t) => {
  await withShop(t, async ({ lab, landline, states, heard }) => {
    assert.deepEqual(heard(), ['begin db', 'init', 'begin web']);
    assert.equal(await landline('stop', 'shop'), 'shop is stopped\n');
    assert.deepEqual(heard(), ['end web', 'end db'], 'what depends on others goes first');
    assert.equal(await states(), 'stopped: db stopped, init stopped, web stopped');
    await lab.read('pc', ['ping', '-c', '1', '-W', '2', '192.168.11.101']);
    await lab.read('host', ['sh', '-c', restartDaemon]);
    await new Promise((resolve) => setTimeout(resolve, 500));
    assert.equal(await states(), 'stopped: db stopped, init stopped, web stopped');
    assert.deepEqual(heard(), []);
    assert.equal(await landline('start', 'shop'), 'shop is running\n');
    assert.deepEqual(heard(), ['begin db', 'init', 'begin web'], 'what had completed runs again');
    assert.equal(await states(), 'running: db running, init exited, web running');
  });
});

test('one service is stopped, started and restarted alone; up starts what was stopped', async (t) => {
  await withShop(t, async ({ landline, states, heard, lab }) => {
    heard();
    assert.equal(await landline('stop', 'shop/db'), 'shop/db is stopped\n');
    assert.equal(await states(), 'running: db stopped, init exited, web running');
    assert.equal(await landline('restart', 'shop/web'), 'shop/web is running\n', 'what somebody stopped is not waited for');
    assert.deepEqual(heard(), ['end db', 'end web', 'begin web']);
    assert.equal(await landline('start', 'shop/db'), 'shop/db is running\n');
    assert.equal(await landline('restart', 'shop'), 'shop is running\n');
    assert.deepEqual(heard(), ['begin db', 'end web', 'end db', 'begin db', 'init', 'begin web']);
    await landline('stop', 'shop');
    heard();
    const unknown = await lab.exec('host', ['landline', 'stop', 'shop/nothing']);
    assert.equal(unknown.status, 1);
    assert.match(
      unknown.stderr,
      /^landline: SERVICE_UNKNOWN: environment 'shop' has no service 'nothing'\n→ it has db, init, web\n$/,
    );
  });
});

test('exec --sandbox runs a program of the host in the network of an environment in which nothing runs', async (t) => {
  await withShop(t, async ({ lab, landline }) => {
    await landline('stop', 'shop');
    const script =
      'hostname; ip -4 -o address show eth0 | tr -s " " | cut -d " " -f 4; cat /etc/resolv.conf; getent hosts web | cut -d " " -f 1; exit 9';
    const { status, stdout } = await lab.exec('host', ['landline', 'exec', '--sandbox', 'shop', '--', 'sh', '-c', script]);
    assert.equal(status, 9);
    assert.equal(stdout, 'host\n192.168.11.101/23\nnameserver 192.168.11.2\nsearch test.office.example\n127.0.0.1\n');
    await lab.read('host', ['sh', '-c', '! grep -q "127.0.0.1 web" /etc/hosts']);
    assert.equal((await lab.exec('host', ['landline', 'exec', '--sandbox', 'shop/web', '--', 'true'])).status, 2);
  });
});

test('a restart that is cut off is finished by the next daemon, or never began', async (t) => {
  await withShop(t, async ({ lab, landline, states, heard }) => {
    heard();
    for (const wait of ['0.25', '0.4', '0.6']) {
      await lab.read('host', ['sh', '-c', `landline restart shop >/dev/null 2>&1 & sleep ${wait}; ${restartDaemon}; wait`]);
      await until(async () => (await states()) === 'running: db running, init exited, web running', 'all run again');
      const lines = heard();
      assert.ok(
        lines.length === 0 || lines.join() === 'end web,end db,begin db,init,begin web',
        `all or nothing, and not ${lines.join()}`,
      );
    }
    await landline('restart', 'shop');
    assert.deepEqual(heard(), ['end web', 'end db', 'begin db', 'init', 'begin web']);
  });
});

test('on-failure:3 gives up after the third time, though the daemon was killed in between; asked for, it tries again', async (t) => {
  await withLab(t, {}, async (lab) => {
    const sh = (script: string): Promise<string> => lab.read('host', ['sh', '-c', script]);
    const file = {
      name: 'crm',
      'x-landline': { network: 'none' },
      services: { web: { command: ['sh', '-c', 'echo >>/run/starts; exit 1'], restart: 'on-failure:3' } },
    };
    await sh(`cat >/run/crm.yaml <<'END'\n${JSON.stringify(file)}\nEND`);
    await sh('landline up --no-wait -f /run/crm.yaml');
    // Twice: the end of the last one may be found by a daemon that has not seen its start.
    for (const starts of [2, 4])
      await sh(`until [ "$(wc -l </run/starts)" -ge ${starts} ]; do sleep 0.02; done; ${restartDaemon}`);
    await sh(`until landline ps crm | grep -q exited; do sleep 0.1; done`);
    const [{ restarts }] = (JSON.parse(await sh('landline ps crm --json')) as { services: [{ restarts: number }] }[])[0]
      ?.services ?? [{ restarts: -1 }];
    assert.deepEqual([(await sh('wc -l </run/starts')).trim(), restarts], ['4', 3]);
    await sh('landline up --no-wait -f /run/crm.yaml; until [ "$(wc -l </run/starts)" -ge 6 ]; do sleep 0.1; done');
  });
});

test('up after a restart touches nothing, and up after an end of the daemon neither', async (t) => {
  await withShop(t, async ({ lab, folder, landline, heard }) => {
    await landline('restart', 'shop/web');
    heard();
    await landline('up', '-f', path.join(folder, 'shop.yaml'));
    await lab.read('host', ['sh', '-c', restartDaemon]);
    await landline('up', '-f', path.join(folder, 'shop.yaml'));
    assert.deepEqual(heard(), []);
  });
});
