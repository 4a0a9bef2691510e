import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import type { EnvironmentView, NetworkView, UpView } from '../../src/api/contract.ts';
import type { ErrorBody } from '../../src/errors.ts';
import { answers, codeOf, type EnvironmentFile, listen, type Office, until, withOffice } from '../office.ts';

const sleeper = { command: ['sleep', 'infinity'] };
const file = (name: string, network: string, more: Readonly<Record<string, unknown>> = {}): EnvironmentFile => ({
  name,
  'x-landline': { network, ...more },
  services: { main: sleeper },
});

const pidOf = (view: EnvironmentView): number | null | undefined => view.services[0]?.pid;
const addressOf = (view: EnvironmentView): string => view.endpoints[0]?.addresses[0]?.replace(/\/.*/, '') ?? 'none';
const list = (office: Office): Promise<readonly EnvironmentView[]> => office.api.call('GET', '/v1/environments');

/** What runs, by name, with process and address: for comparing before and after. */
const standing = async (office: Office): Promise<unknown> =>
  (await list(office)).map((it) => [it.name, it.state, pidOf(it), addressOf(it), it.sandbox, it.problems]);

/** A shell on the host; its last line is the exit status of what was started in it. */
const shell = (office: Office, script: string): Promise<string> => office.read('host', ['sh', '-c', script]);

test('a daemon starts and answers without configuration and without its bridge, and says what is missing', async (t) => {
  await withOffice(t, { plainNic: true }, async (office) => {
    const networks = async (): Promise<readonly NetworkView[]> => office.landlineJson('network', 'ls');
    const office1 = (await networks()).find((it) => it.name === 'office');
    assert.deepEqual(
      office1?.problems.map((it) => [it.code, it.message]),
      [['BRIDGE_MISSING', "network 'office' needs the bridge br0, and this host has no such bridge"]],
    );
    assert.equal(await codeOf(office.up(file('shop', 'office'))), 'BRIDGE_MISSING');
    assert.deepEqual(await office.addresses(), [], 'nothing is kept of what was refused');
    assert.deepEqual(await list(office), []);
    await office.daemon.kill();
    await shell(office, 'rm /etc/landline/landline.yaml');
    await office.daemon.start();
    assert.ok(!(await networks()).some((it) => it.kind === 'lan'));
    assert.equal(await codeOf(office.up(file('shop', 'office'))), 'NETWORK_UNKNOWN');
    assert.equal((await office.up(file('shop', 'none'))).state, 'running');
    const missing = await office.landline(
      'daemon',
      '--config',
      '/etc/landline/other.yaml',
      '--socket',
      '/tmp/x.sock',
      '--state-dir',
      `${office.folder}/state`,
    );
    assert.equal(missing.status, 2, 'a configuration that was named must be there');
    assert.match(missing.stderr, /^landline: FILE_UNREADABLE: \/etc\/landline\/other\.yaml cannot be read: /);
  });
});

test('the daemon and its signals, its socket and its state', async (t) => {
  await withOffice(t, {}, async (office) => {
    await office.up(file('shop', 'office'));
    await office.up(file('alone', 'none'));
    const before = await standing(office);

    await t.test('a second daemon on the same socket or state is refused, and the first does not notice', async () => {
      const pid = await office.daemon.pid();
      const state = await office.landline('daemon', '--socket', '/run/other.sock');
      assert.deepEqual(
        [state.status, state.stderr],
        [
          1,
          `landline: DAEMON_RUNNING: another daemon (pid ${pid}) already uses /var/lib/landline/landline.db\n→ stop that one first, or give this one its own --socket and --state-dir\n`,
        ],
      );
      const socket = await office.landline('daemon', '--state-dir', `${office.folder}/state`);
      assert.equal(socket.status, 1);
      assert.match(socket.stderr, /^landline: DAEMON_RUNNING: another daemon already uses \/run\/landline\/landline\.sock\n/);
      assert.equal((await shell(office, 'ls /run/landline/netns')).trim().split('\n').length, 1, 'it has left nothing');
      assert.ok(!fs.existsSync(`${office.folder}/state`));
      assert.equal(await office.daemon.pid(), pid);
      assert.deepEqual(await standing(office), before);
    });

    await t.test('SIGTERM ends the daemon with 0 and leaves everything running; without it commands end with 3', async () => {
      const ping = office.exec('pc', ['ping', '-i', '0.05', '-c', '60', '-W', '1', addressOf(await office.ps('shop'))]);
      const pid = await office.daemon.pid();
      await office.daemon.signal('TERM');
      await until(
        async () => (await office.exec('host', ['kill', '-0', String(pid)])).status !== 0,
        'the daemon has ended',
        5000,
      );
      for (const command of [
        ['ps'],
        ['up', '-f', '/dev/null'],
        ['down', 'shop'],
        ['logs', 'shop'],
        ['exec', 'shop', '--', 'true'],
        ['address', 'ls'],
      ]) {
        const { status, stderr } = await office.landline(...command);
        if (command[0] !== 'up')
          assert.deepEqual(
            [status, stderr.split('\n')[0]],
            [3, 'landline: DAEMON_UNREACHABLE: no daemon answers at /run/landline/landline.sock: there is no such socket'],
          );
      }
      assert.equal((await office.landline('--version')).status, 0);
      assert.match((await ping).stdout, / 60 received, 0% packet loss/);
      await office.daemon.start();
      assert.deepEqual(await standing(office), before);
      assert.match(await office.daemon.log(), /daemon ending, everything is left running/);
    });

    await t.test('Ctrl-C reaches the whole process group, and ends the daemon alone', async () => {
      const pid = await office.daemon.pid();
      assert.equal(
        (await shell(office, `ps -o pgid= -p ${pid}`)).trim(),
        String(pid),
        'the daemon leads a group, as in a terminal',
      );
      await office.read('host', ['kill', '-INT', '--', `-${pid}`]);
      await until(
        async () => (await office.exec('host', ['kill', '-0', String(pid)])).status !== 0,
        'the daemon has ended',
        5000,
      );
      await office.daemon.start();
      assert.deepEqual(await standing(office), before);
      // What starts services lives in a session of its own: it works after a Ctrl-C that came to nothing, too.
      await office.up(file('after', 'none'));
      await office.down('after');
    });

    await t.test('the socket is open to root and the group landline alone; a stale one is replaced', async () => {
      const socket = '/run/landline/landline.sock';
      assert.equal(await shell(office, `stat -c '%a %u %g' ${socket}`), '660 0 0\n');
      await shell(office, 'echo "landline:x:4242:" >>/etc/group');
      await office.daemon.kill();
      assert.equal(await shell(office, `stat -c %F ${socket}`), 'socket\n', 'kill -9 has left it');
      await office.daemon.start();
      assert.equal(await shell(office, `stat -c '%a %u %g' ${socket}`), '660 0 4242\n');
      const as = (user: string, group: string): ReturnType<Office['exec']> =>
        office.exec('host', ['setpriv', `--reuid=${user}`, `--regid=${group}`, '--clear-groups', 'landline', 'ps', '--json']);
      assert.equal((await as('1000', '4242')).status, 0);
      const other = await as('1000', '1000');
      assert.deepEqual([other.status, (JSON.parse(other.stderr) as { error: ErrorBody }).error.code], [3, 'DAEMON_FORBIDDEN']);
      assert.deepEqual(await standing(office), before);
    });

    await t.test(
      'SIGHUP reads the configuration again; a wrong one changes nothing, and the log says where it is wrong',
      async () => {
        const yaml = `networks:\n  office: { bridge: br0, subnet: 192.168.10.0/23, gateway: 192.168.11.1, pool: [192.168.11.100-192.168.11.120] }\n`;
        const pools = async (): Promise<unknown> =>
          (await office.landlineJson<readonly NetworkView[]>('network', 'ls')).find((it) => it.name === 'office')?.pool?.ranges;
        await office.configure(yaml);
        assert.deepEqual(await pools(), ['192.168.11.100-192.168.11.120']);
        await office.configure(yaml.replace('gateway', 'gatway'));
        assert.match(await office.daemon.log(), /configuration kept, the new one is wrong .*landline\.yaml:2:\d+: /);
        assert.deepEqual(await pools(), ['192.168.11.100-192.168.11.120']);
        assert.deepEqual(await standing(office), before);
        const events = await listen(office);
        await office.configure('networks: {}\n');
        await events.next('environment in trouble', { environment: 'shop', code: 'NETWORK_UNKNOWN' });
        assert.equal(
          pidOf(await office.ps('shop')),
          (before as unknown[][]).find(([name]) => name === 'shop')?.[2],
          'its services run on',
        );
        await office.configure(yaml);
        await until(async () => (await office.ps('shop')).problems.length === 0, 'it is well again', 5000);
        events.stop();
        assert.deepEqual(await standing(office), before);
      },
    );

    await t.test('kill -9 and a new start: settled within 5 s, no packet is lost, no process touched', async () => {
      await office.up(file('crm', 'office'));
      const all = await standing(office);
      const ping = office.exec('pc', ['ping', '-i', '0.05', '-c', '100', '-W', '1', addressOf(await office.ps('shop'))]);
      await sleep(500);
      await office.daemon.kill();
      await sleep(500);
      await office.daemon.start();
      await until(
        async () => (await list(office)).every((it) => it.state === 'running' && it.problems.length === 0),
        'all is settled',
        5000,
      );
      assert.deepEqual(await standing(office), all);
      assert.match((await ping).stdout, / 100 received, 0% packet loss/);
    });

    await t.test(
      'a service that was taken out of its file and comes back is started, whatever happened to the daemon between',
      async () => {
        const quiet = { command: ['sh', '-c', 'trap "exit 0" TERM; while :; do sleep 0.05; done'] };
        const both: EnvironmentFile = { name: 'two', 'x-landline': { network: 'none' }, services: { main: sleeper, quiet } };
        await office.up(both);
        await office.up(file('two', 'none'));
        await office.daemon.kill();
        await office.daemon.start();
        const view = await office.up(both);
        assert.deepEqual(
          view.services.map((it) => [it.name, it.state]),
          [
            ['main', 'running'],
            ['quiet', 'running'],
          ],
        );
        await office.down('two');
      },
    );

    await t.test("what a crash left of ours goes at the next start; other people's stays", async () => {
      await office.up(file('ghost', 'office'));
      const [ghost] = (await office.links()).filter((it) => it.ifalias?.includes(':ghost:'));
      const ghostPid = pidOf(await office.ps('ghost'));
      const installation = ghost?.ifalias?.split(':')[1];
      const folder = (await shell(office, 'echo /run/landline/netns/*')).trim();
      await office.daemon.kill();
      const forget = `import { DatabaseSync } from 'node:sqlite';
        const database = new DatabaseSync('/var/lib/landline/landline.db');
        database.exec("DELETE FROM environments WHERE name = 'ghost'; UPDATE leases SET ended = since WHERE environment = 'ghost'");`;
      await office.read('host', [process.execPath, '--input-type=module', '-e', forget]);
      await shell(
        office,
        `set -e
        ip link add llhalf group ${ghost?.group} type veth peer name eth9
        ip link add llmarked type veth peer name eth8
        ip link set llmarked alias landline:${installation}:nobody:eth0
        : >${folder}/nobody; unshare --net=${folder}/nobody true
        : >${folder}/empty
        mkdir -p /var/lib/landline/services/nobody/services/web
        ip netns add theirs
        ip link add theirs0 type veth peer name eth0 netns theirs
        ip link set theirs0 alias landline:another:ghost:eth0 master br0 up
        ip link add plain0 type veth peer name plain1
        ip link set plain1 group 77`,
      );
      await office.daemon.start();
      await until(async () => (await office.links()).length === 5, 'the surplus links are gone', 5000);
      assert.deepEqual(
        (await office.links())
          .map((it) => it.ifname)
          .filter((it) => !it.startsWith('ll'))
          .sort(),
        ['plain0', 'plain1', 'theirs0'],
      );
      assert.deepEqual(
        (await office.links()).flatMap((it) => it.ifalias?.split(':')[2] ?? []).sort(),
        ['crm', 'ghost', 'shop'],
        "the ghost is another installation's",
      );
      await until(
        async () => (await office.exec('host', ['kill', '-0', String(ghostPid)])).status !== 0,
        'its process is gone',
        5000,
      );
      assert.deepEqual((await shell(office, `ls ${folder}`)).trim().split('\n'), ['alone', 'crm', 'shop']);
      assert.deepEqual(
        (await shell(office, 'ls /var/lib/landline/services'))
          .trim()
          .split('\n')
          .filter((it) => it !== 'mounts'),
        ['alone', 'crm', 'shop'],
      );
      assert.equal((await shell(office, 'ip netns list')).split(' ')[0]?.trim(), 'theirs');
      for (const what of [
        'surplus services ended environment=ghost',
        'surplus sandbox removed environment=nobody',
        'surplus link removed environment=nobody',
        'half-made link removed link=llhalf',
      ]) {
        assert.ok((await office.daemon.log()).includes(what), what);
      }
      await office.down('crm');
    });
  });
});

/** Of the one environment that there may be: it runs with its link, or has left neither link nor address. */
async function isAllOrNothing(office: Office, name: string): Promise<boolean> {
  const there = (await list(office)).filter((it) => it.name === name);
  const links = (await office.links()).length;
  return there.length === 0
    ? links === 0 && (await office.addresses()).length === 0
    : links === 1 && there[0]?.state === 'running';
}

test('many at once, clients that go, and what is no request', async (t) => {
  await withOffice(t, {}, async (office) => {
    await t.test('two hundred requests at once are served: environments with and without a network, and lists', async () => {
      const names = Array.from({ length: 100 }, (_, at) => `many-${at}`);
      const begin = performance.now();
      const ups = names.map((name, at) => office.up(file(name, at % 2 === 0 ? 'office' : 'none')));
      const gets = names.map(() => list(office));
      const views = await Promise.all(ups);
      await Promise.all(gets);
      t.diagnostic(`100 environments up and 100 lists in ${((performance.now() - begin) / 1000).toFixed(1)} s`);
      assert.ok(views.every((it) => it.state === 'running' && it.problems.length === 0));
      const addresses = views.flatMap((it) => it.endpoints.flatMap((one) => one.addresses));
      assert.deepEqual([addresses.length, new Set(addresses).size], [50, 50]);
      const macs = views.flatMap((it) => it.endpoints.map((one) => one.mac));
      assert.equal(new Set(macs).size, 50);
      for (const view of [views[0], views[48], views[98]])
        assert.equal(await office.holderOf(addressOf(view as UpView)), view?.endpoints[0]?.mac);
      await Promise.all(names.map((name) => office.down(name)));
      assert.deepEqual([await list(office), await office.links(), await office.addresses()], [[], [], []]);
    });

    await t.test('two ups of one name at once: both are told the truth, and there is one environment', async () => {
      const same = await Promise.all([
        office.up(file('twin', 'office')),
        office.up(file('twin', 'office')),
        office.up(file('twin', 'office')),
      ]);
      assert.deepEqual(
        same.map((it) => [it.state, pidOf(it), addressOf(it)]),
        Array(3).fill(['running', pidOf(same[0]), addressOf(same[0])]),
      );
      const wishes = ['192.168.11.201', '192.168.11.202', '192.168.11.203', '192.168.11.204'].map((address) =>
        office.up(file('twin', 'office', { address })),
      );
      const outcomes = await Promise.allSettled(wishes);
      const end = await office.ps('twin');
      assert.equal(addressOf(end), '192.168.11.204', 'the one that came last counts');
      assert.ok(outcomes.at(-1)?.status === 'fulfilled');
      for (const [at, it] of outcomes.entries()) {
        if (it.status === 'rejected') assert.equal(await codeOf(Promise.reject(it.reason as Error)), 'SUPERSEDED');
        else assert.equal(addressOf(it.value), `192.168.11.20${at + 1}`, "nobody is told of another's address as his own");
      }
      assert.equal((await office.links()).length, 1);
      assert.equal((await office.addresses()).length, 1);
    });

    await t.test('up and down of one name at once: afterwards it is there whole, or not at all', async () => {
      for (let round = 0; round < 6; round += 1) {
        const up = office.up(file('flip', 'office'));
        await sleep(round * 70);
        const down = office.down('flip');
        const other = round % 2 === 0 ? office.up(file('flip', 'office')) : down;
        const [first, second, third] = await Promise.allSettled([up, down, other]);
        if (first.status === 'rejected') assert.equal(await codeOf(Promise.reject(first.reason as Error)), 'SUPERSEDED');
        if (second.status === 'rejected')
          assert.equal(await codeOf(Promise.reject(second.reason as Error)), 'ENVIRONMENT_UNKNOWN');
        if (round % 2 === 0) assert.equal(third.status, 'fulfilled', 'what came last is done');
        const there = (await list(office)).filter((it) => it.name === 'flip');
        const links = (await office.links()).filter((it) => it.ifalias?.includes(':flip:'));
        const held = (await office.addresses()).filter((it) => it.environment === 'flip');
        assert.deepEqual([links.length, held.length], [there.length, there.length], `round ${round}`);
        if (there[0] !== undefined) assert.deepEqual([there[0].state, there[0].problems], ['running', []]);
        if (there.length > 0) await office.down('flip');
      }
      await office.down('twin');
    });

    await t.test('a client that is killed in the middle of up leaves all or nothing', async () => {
      for (const ms of [60, 120, 200, 300, 450]) {
        const client = [
          'timeout',
          '-s',
          'KILL',
          String(ms / 1000),
          'landline',
          'run',
          '--name',
          'cut',
          '--network',
          'office',
          '--',
          'sleep',
          'infinity',
        ];
        await office.exec('host', client);
        await until(() => isAllOrNothing(office, 'cut'), `after ${ms} ms there is all or nothing`, 5000);
        if ((await list(office)).length > 0) await office.down('cut');
      }
    });

    await t.test('a daemon that is told to end in the middle of up leaves it to the next one to finish', async () => {
      for (const ms of [50, 200, 380]) {
        const up = office.landline(
          'run',
          '--name',
          'late',
          '--network',
          'office',
          '--address',
          '192.168.11.210',
          '--',
          'sleep',
          'infinity',
        );
        await sleep(ms);
        const pid = await office.daemon.pid();
        await office.daemon.signal('TERM');
        await until(
          async () => (await office.exec('host', ['kill', '-0', String(pid)])).status !== 0,
          'the daemon has ended',
          5000,
        );
        const { status } = await up;
        assert.ok(status === 0 || status === 3, `status ${status}`);
        await office.daemon.start();
        await until(() => isAllOrNothing(office, 'late'), `after ${ms} ms there is all or nothing`, 5000);
        if (status === 0) assert.equal((await list(office)).length, 1, 'what was said to be done is there');
        if ((await list(office)).length > 0) await office.down('late');
      }
    });

    await t.test('curl can say everything, and is told what is wrong', async () => {
      const curl = async (...args: readonly string[]): Promise<{ status: number; body: string }> => {
        const out = await office.read('host', [
          'curl',
          '-sS',
          '-w',
          '\n%{http_code}',
          '--unix-socket',
          '/run/landline/landline.sock',
          ...args,
        ]);
        const at = out.lastIndexOf('\n');
        return { status: Number(out.slice(at + 1)), body: out.slice(0, at) };
      };
      const url = 'http://landline/v1/environments';
      const up = await curl(
        '-X',
        'POST',
        '--data-binary',
        'name: curled\nx-landline: { network: none }\nservices: { main: { command: [sleep, inf] } }\n',
        url,
      );
      assert.deepEqual([up.status, (JSON.parse(up.body) as UpView).state], [201, 'running']);
      assert.equal((await curl(`${url}/curled`)).status, 200);
      assert.deepEqual(await curl('-X', 'DELETE', `${url}/curled`), { status: 200, body: '{"ended":["curled"]}' });

      const big = path.join(office.folder, 'big');
      await office.read('host', ['dd', 'if=/dev/zero', `of=${big}`, 'bs=1M', 'count=3', 'status=none']);
      const refusals: readonly (readonly [readonly string[], number, string])[] = [
        [['-H', 'Origin: https://example.org', url], 403, 'REQUEST_FOREIGN'],
        [['-H', 'Referer: https://example.org/x', url], 403, 'REQUEST_FOREIGN'],
        [['-H', 'Host: example.org', url], 403, 'REQUEST_FOREIGN'],
        [['-H', 'Host:', url], 400, 'USAGE'],
        [['--data-binary', `@${big}`, url], 413, 'BODY_TOO_LARGE'],
        [['-H', 'Expect:', '--data-binary', `@${big}`, url], 413, 'BODY_TOO_LARGE'],
        [['--data-binary', 'name: a\n  b: c\n', url], 400, 'FILE_INVALID'],
        [['--data-binary', '{"name": "shop", "services": {"a": {"command": [1}}}', url], 400, 'FILE_INVALID'],
        [['--data-binary', '', url], 400, 'FILE_INVALID'],
        [['http://landline/v1/nothing'], 404, 'ROUTE_UNKNOWN'],
        [['-X', 'PATCH', url], 405, 'METHOD_UNKNOWN'],
        [[`${url}/nobody`], 404, 'ENVIRONMENT_UNKNOWN'],
        [['-X', 'DELETE', `${url}/nobody`], 404, 'ENVIRONMENT_UNKNOWN'],
        [[`${url}?wait=perhaps`, '-X', 'POST'], 400, 'USAGE'],
      ];
      for (const [args, status, code] of refusals) {
        const answer = await curl(...args);
        const { error } = JSON.parse(answer.body) as { error: ErrorBody };
        assert.deepEqual(
          [answer.status, error.code, Object.keys(error)],
          [status, code, ['code', 'message', 'next', 'details']],
          args.join(' '),
        );
      }
      const wrong = await curl(
        '--data-binary',
        'name: shop\nx-landline: { netwerk: office }\nservices: {}\n',
        `${url}?file=shop.yaml`,
      );
      assert.match((JSON.parse(wrong.body) as { error: ErrorBody }).error.message, /^shop\.yaml:2:15: /m);
      assert.deepEqual(await list(office), []);
    });

    await t.test('events come as lines while they happen, to every listener, and a listener that goes is no loss', async () => {
      const listeners = await Promise.all([listen(office), listen(office), listen(office)]);
      const curl = office.start('host', [
        'curl',
        '-sN',
        '--max-time',
        '20',
        '--unix-socket',
        '/run/landline/landline.sock',
        'http://landline/v1/events',
      ]);
      let heard = '';
      curl.stdout.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      const command = office.start('host', ['landline', 'events', '--json']);
      let told = '';
      command.stdout.setEncoding('utf8').on('data', (text: string) => {
        told += text;
      });
      await sleep(700);
      await office.up(file('told', 'office'));
      listeners[0]?.stop();
      await office.down('told');
      for (const it of listeners.slice(1)) {
        for (const what of ['address bound', 'service started', 'environment up', 'environment gone'])
          await it.next(what, { environment: 'told' });
      }
      for (const text of [() => heard, () => told]) {
        await until(() => text().includes('"environment gone"'), 'the last event has come', 3000);
        const events = text()
          .trim()
          .split('\n')
          .map((line) => JSON.parse(line) as { time: string; what: string });
        assert.ok(events.every((it) => new Date(it.time).toISOString() === it.time));
        const whats = events.map((it) => it.what);
        assert.ok(
          whats.indexOf('address bound') < whats.indexOf('service started') &&
            whats.indexOf('environment up') < whats.indexOf('environment gone'),
        );
      }
      for (const it of listeners) it.stop();
      curl.kill();
      command.kill();
    });

    await t.test('what is refused again and again is not tried again and again', async () => {
      // Its links come and go with every try, and their events are no reason for the next one.
      await office.up(file('squatted', 'office', { address: '192.168.11.220' }));
      await office.daemon.kill();
      await office.read('host', ['sh', '-c', 'ip link delete $(ip -o link | grep -o "ll[0-9a-f]*@" | tr -d @)']);
      await office.read('pc', ['ip', 'address', 'add', '192.168.11.220/23', 'dev', 'eth0']);
      await office.daemon.start();
      await until(async () => (await office.ps('squatted')).problems[0]?.code === 'ADDRESS_TAKEN', 'it is told', 5000);
      const tcpdump = office.start('pc', [
        'timeout',
        '4',
        'tcpdump',
        '-l',
        '-n',
        '-i',
        'eth0',
        'arp',
        'and',
        'host',
        '192.168.11.220',
      ]);
      let heard = '';
      tcpdump.stdout.setEncoding('utf8').on('data', (text: string) => {
        heard += text;
      });
      await new Promise((resolve) => tcpdump.once('close', resolve));
      const probes = heard.split('\n').filter((it) => it.includes('who-has')).length;
      assert.ok(probes >= 1 && probes <= 6, `${probes} probes in 4 s`);
      await office.read('pc', ['ip', 'address', 'delete', '192.168.11.220/23', 'dev', 'eth0']);
      await until(async () => (await office.ps('squatted')).problems.length === 0, 'it has its address', 20_000);
      await office.down('squatted');
    });

    assert.ok(await answers(office.api));
  });
});
