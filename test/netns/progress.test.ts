/** What `up` shows while it works, on a real terminal and elsewhere. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { Outcome } from '../lab.ts';
import { type Office, withOffice } from '../office.ts';
import { screenOf } from '../support/screen.ts';

const python = path.join(import.meta.dirname, '../support/terminal.py');

const file = `
name: shop
x-landline: { network: office, address: 192.168.11.101 }
services:
  db:
    command: sh -c 'sleep 2.5; echo >ready; exec sleep 600'
    working_dir: .
    healthcheck: { test: test -e ready, interval: 200ms, retries: 100 }
  init: { command: 'true', depends_on: { db: { condition: service_healthy } } }
  web: { command: sleep 600, depends_on: { init: { condition: service_completed_successfully } } }
`;

interface Screen {
  readonly columns?: number;
  readonly type?: readonly [when: string, keys: string];
  readonly env?: Readonly<Record<string, string>>;
}

/** `landline WORDS` on a terminal of its own. */
function onTerminal(office: Office, words: readonly string[], { columns = 80, type, env = {} }: Screen = {}): Promise<Outcome> {
  const typing = type === undefined ? [] : ['--type', ...type];
  const command = ['python3', python, String(columns), '24', ...typing, '--', 'landline', ...words];
  return office.exec('host', command, { env: { TERM: 'xterm', LANG: 'C.UTF-8', NO_COLOR: '', ...env } });
}

const steady = (lines: readonly string[]): string =>
  lines
    .join('\n')
    .replaceAll(/\d+\.\d m?s/g, '<time>')
    .replaceAll(/(?<=\S) +/g, ' ');

test('a terminal shows the way of each service in place; Ctrl-C leaves it as it was; elsewhere there are lines', async (t) => {
  await withOffice(t, {}, async (office) => {
    fs.writeFileSync(path.join(office.folder, 'shop.yaml'), file);
    const up = ['up', '-f', path.join(office.folder, 'shop.yaml')];
    const again = async (): Promise<void> => {
      await office.down('shop', { 'keep-address': true });
      fs.rmSync(path.join(office.folder, 'ready'), { force: true });
    };

    await t.test('in place, with colours', async () => {
      const { status, stdout } = await onTerminal(office, up);
      assert.equal(status, 0, stdout);
      assert.equal(
        steady(screenOf(stdout, 80)),
        [
          'shop 4 of 4 <time>',
          ' ✔ office 192.168.11.101/23 <time>',
          ' ✔ db healthy <time>',
          ' ✔ init completed <time>',
          ' ✔ web running <time>',
          'shop is running at 192.168.11.101 (attached in <time>)',
        ].join('\n'),
      );
      for (const said of [
        'attaching 192.168.11.101/23',
        'waits for db to be healthy',
        'waits for init to complete',
        'not healthy yet',
      ])
        assert.ok(stdout.includes(said), `it never said '${said}'`);
      assert.ok(stdout.includes('\x1b[32m✔'), 'what is done is green');
      assert.ok(!stdout.includes('\x1b[?25'), 'the cursor is never hidden');
    });

    await t.test('what is in order already needs no picture', async () => {
      const { stdout } = await onTerminal(office, up);
      assert.equal(steady(screenOf(stdout, 80)), 'shop is running at 192.168.11.101');
    });

    await t.test('narrow, without colours, and cut off with Ctrl-C', async () => {
      await again();
      const type = ['running, not', '\\x03'] as const;
      const { status, stdout } = await onTerminal(office, up, { columns: 30, type, env: { NO_COLOR: '1' } });
      assert.equal(status, 130);
      assert.ok(!/\p{Cc}\[[\d;]*m/u.test(stdout), 'no colour');
      const lines = screenOf(stdout, 30);
      assert.ok(
        lines.slice(0, 5).every((line) => line.length < 30),
        lines.join('\n'),
      );
      assert.equal(lines.filter((line) => /^ . db /.test(line)).length, 1, lines.join('\n'));
      const rest = lines.slice(5).join('');
      assert.equal(rest.replace('^C', ''), 'landline: shop: the daemon goes on; `landline ps shop` shows where it stands');
      const views = await office.landlineJson<readonly { readonly state: string }[]>('ps', 'shop');
      assert.match(views[0]?.state ?? '', /starting|running/);
    });

    await t.test('with --json there is one document and nothing else, on a terminal too', async () => {
      const { status, stdout } = await onTerminal(office, [...up, '--json']);
      assert.equal(status, 0);
      const [view] = [JSON.parse(stdout) as { readonly state: string }];
      assert.equal(view.state, 'running');
    });

    await t.test('elsewhere: lines on stderr for what takes long, and none for what does not', async () => {
      assert.equal((await office.landline(...up)).stderr, '');
      await again();
      const { stdout, stderr } = await office.landline(...up);
      assert.match(stdout, /^shop is running at 192\.168\.11\.101 \(attached in [\d.]+ ms\)\n$/);
      assert.deepEqual(stderr.split('\n'), [
        'landline: shop/db: running, not healthy yet',
        'landline: shop/init: waits for db to be healthy',
        'landline: shop/web: waits for init to complete',
        'landline: shop/db: healthy',
        'landline: shop/init: starting',
        'landline: shop/init: running',
        'landline: shop/init: completed',
        'landline: shop/web: starting',
        'landline: shop/web: running',
        '',
      ]);
    });

    await t.test('a failure is told once, below the picture', async () => {
      const broken = path.join(office.folder, 'broken.yaml');
      fs.writeFileSync(
        broken,
        "name: broken\nx-landline: { network: none }\nservices: { web: { command: \"sh -c 'sleep 1; exit 3'\", healthcheck: { test: 'false', interval: 10s } } }\n",
      );
      const { status, stdout } = await onTerminal(office, ['up', '-f', broken]);
      assert.equal(status, 1);
      assert.equal(
        steady(screenOf(stdout, 200)),
        [
          'broken 0 of 1 <time>',
          ' ✘ web ended with status 3 <time>',
          "landline: SERVICE_FAILED: service 'web' of environment 'broken' ended with status 3",
          '→ `landline logs broken/web` shows all of it; mend it and run `landline up` again',
        ].join('\n'),
      );
    });
  });
});
