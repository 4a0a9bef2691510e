/** Command lines that are wrong: each is refused with code, place and advice, exit 2, and no daemon is asked. */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import net from 'node:net';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { withoutTestRunner } from '../lab.ts';

const landline = path.resolve(import.meta.dirname, '../../bin/landline');

/** The words; what is wrong with them; what to write instead. */
const table: readonly (readonly [words: string, problem: RegExp, advice: RegExp])[] = [
  ['', /a command is missing/, /landline help/],
  ['pss', /unknown command 'pss'/, /did you mean ps\?/],
  ['upp -f x', /unknown command 'upp'/, /did you mean up\?/],
  ['rm shop', /unknown command 'rm'/, /did you mean down\?/],
  ['ls', /unknown command 'ls'/, /did you mean ps\?/],
  ['up good.yaml', /too many arguments/, /landline up -f good\.yaml/],
  ['address', /a command is missing/, /landline help address/],
  ['frobnicate', /unknown command 'frobnicate'/, /landline help/],
  ['help upp', /unknown command 'upp'/, /did you mean up\?/],
  ['--jsn', /unknown option '--jsn'/, /./],
  ['ps --jsn', /unknown option '--jsn'/, /did you mean --json\?/],
  ['ps a b', /too many arguments/, /./],
  ['up --fil x', /unknown option '--fil'/, /did you mean --file\?/],
  ['up -f', /option '-f, --file <file>' argument missing/, /./],
  ['up -f a.yaml -f b.yaml', /two environment files are given: a\.yaml and b\.yaml/, /give one/],
  ['up -f nowhere.yaml', /nowhere\.yaml cannot be read: there is no such file/, /path/],
  ['up -f .', /\. cannot be read: it is a folder/, /path/],
  ['up', /there is no environment file here/, /-f/],
  ['up -f good.yaml --timeout soon', /--timeout: 'soon' is not a number of seconds/, /--timeout 60/],
  ['up -f good.yaml --timeout=-1', /--timeout: '-1' is not/, /--timeout 60/],
  ['up -f good.yaml --timeout=99999999999', /--timeout/, /--timeout 60/],
  ['up -f good.yaml --name Shop', /Shop/, /lower-case/],
  ['up -f good.yaml --address 192.168.11.300', /192\.168\.11\.300/, /./],
  ['up -f good.yaml --address pol', /pol/, /./],
  ['up -f good.yaml --hostname a_b', /a_b/, /./],
  ['up -f good.yaml --network container:', /--network: ''/, /./],
  ['up -f good.yaml surplus', /too many arguments/, /./],
  ['down', /nothing|name/i, /./],
  ['down --all shop', /--all/, /./],
  ['down shop --volume', /unknown option '--volume'/, /did you mean --volumes\?/],
  ['run', /required option '--name <name>' not specified/, /./],
  ['run --name shop', /required option '--network <network>' not specified/, /./],
  ['run --name shop --network office', /there is nothing to run/, /two dashes/],
  ['run --name shop --network office Nginx', /'Nginx' cannot be the name of an image/, /write 'nginx'/],
  ['run --name Shop --network office -- true', /Shop/, /./],
  ['run --name shop --network office --address nowhere -- true', /nowhere/, /./],
  ['run --name shop --network office --hostname -x -- true', /-x/, /./],
  ['run --name shop --network bridge -p x:y -- true', /x:y/, /./],
  ['run --name shop --network bridge -p 70000:80 -- true', /70000/, /./],
  ['start', /missing required argument 'name/, /./],
  ['stop /web', /\/web/, /NAME/],
  ['restart shop/web/x', /shop\/web\/x/, /./],
  ['start shop --timeout 1m', /--timeout: '1m' is not a number of seconds/, /--timeout 60/],
  ['exec', /missing required argument/, /./],
  ['exec shop', /there is no command to run/, /landline exec shop -- COMMAND/],
  ['exec --sandbox shop/web -- true', /--sandbox is of the whole environment/, /landline exec --sandbox shop/],
  ['logs', /missing required argument/, /./],
  ['logs shop --since yesterday', /yesterday/, /./],
  ['attach --pid 1', /network/, /./],
  ['network', /missing|command/, /./],
  ['network lss', /unknown command 'lss'/, /did you mean ls\?/],
  ['address reserve', /missing required argument 'address'|required option/, /./],
  ['address reserve 192.168.11.1', /required option '--for <name>' not specified/, /./],
  ['config chekc', /unknown command 'chekc'/, /did you mean check\?/],
  ['config check nowhere.yaml', /nowhere\.yaml/, /./],
  ['config check bad.yaml', /bad\.yaml:2:/, /./],
  ['config init good.yaml', /good\.yaml is there already/, /--force/],
  ['schema', /missing|command/, /./],
  ['schema envronment', /unknown command 'envronment'/, /did you mean environment\?/],
  ['completion bsh', /bsh/, /bash/],
  ['lab exec pc', /there is no command to run/, /landline lab exec pc -- COMMAND/],
  ['lab up --name A/B', /A\/B/, /./],
  ['daemon --sokcet x', /unknown option '--sokcet'/, /did you mean --socket\?/],
  ['events shop', /too many arguments/, /./],
];

test('every wrong command line is refused with what is wrong and what to write, and no daemon is asked', {
  timeout: 60_000,
}, async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-malformed-'));
  t.after(() => fs.rmSync(folder, { recursive: true }));
  fs.writeFileSync(
    path.join(folder, 'good.yaml'),
    'name: shop\nx-landline: { network: office }\nservices: { web: { command: sleep 60 } }\n',
  );
  fs.writeFileSync(path.join(folder, 'bad.yaml'), 'networks:\n  office: { bridg: br0 }\n');
  let asked = 0;
  const server = net.createServer((connection) => {
    asked += 1;
    connection.destroy();
  });
  const socket = path.join(folder, 'landline.sock');
  await new Promise<void>((resolve) => server.listen(socket, resolve));
  t.after(() => server.close());
  const before = fs.readdirSync(folder);
  for (const [words, problem, advice] of table) {
    await t.test(`landline ${words}`, async () => {
      asked = 0;
      const options = { cwd: folder, env: { ...withoutTestRunner(), LANDLINE_SOCKET: socket } };
      const { status, stderr } = await new Promise<{ status: number; stderr: string }>((resolve) => {
        execFile(
          landline,
          words.split(' ').filter((it) => it !== ''),
          options,
          (error, _stdout, text) => resolve({ status: Number(error?.code ?? 0), stderr: text }),
        );
      });
      const [said = '', next = ''] = stderr.split('\n');
      assert.match(said, /^landline: [A-Z_]+: ./, stderr);
      assert.match(said, problem);
      assert.match(next, /^→ ./, stderr);
      assert.match(next, advice);
      assert.equal(status, 2, stderr);
      assert.equal(asked, 0, `the daemon was asked: ${stderr}`);
    });
  }
  assert.deepEqual(fs.readdirSync(folder), before);
});
