import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { type TestContext, test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { ask, at, everything, spec, temporaryFolder } from './fixture.ts';
import { openStore, type Store } from './index.ts';
import { migrations } from './migrations.ts';

const index = new URL('./index.ts', import.meta.url).href;

function open(t: TestContext, file: string, id?: string): Store {
  const store = openStore({ file, now: at('12:00'), ...(id === undefined ? {} : { id }) });
  t.after(() => store.close());
  return store;
}

/** Opens the store in a process of its own, which says `open` and stays, or says the code of the refusal and ends. */
function openElsewhere(t: TestContext, file: string) {
  const script = `
    import { openStore } from ${JSON.stringify(index)};
    try {
      globalThis.store = openStore({ file: ${JSON.stringify(file)}, now: 0 });
      console.log('open');
      setInterval(() => {}, 1000);
    } catch (error) {
      console.log(error.code);
    }`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
  t.after(() => child.kill('SIGKILL'));
  return { child, says: once(child.stdout, 'data').then(([text]) => String(text).trim()) };
}

const modeOf = (path: string): string => (statSync(path).mode & 0o777).toString(8);
const digestOf = (path: string): string => createHash('sha256').update(readFileSync(path)).digest('hex');

/** The reason of STATE_BROKEN; the file, and its write-ahead log, must be as they were, byte for byte. */
function broken(file: string): string {
  const files = [file, `${file}-wal`].filter((path) => existsSync(path) && statSync(path).size > 0);
  const before = files.map(digestOf);
  let message = '';
  assert.throws(
    () => openStore({ file, now: 0 }),
    (error) => {
      assert.ok(isLandlineError(error, 'STATE_BROKEN'), String(error));
      message = error.message;
      return true;
    },
  );
  assert.deepEqual(files.map(digestOf), before);
  return message.replace(file, 'FILE');
}

test('the file and the folders above it are made for their owner alone', (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'var/lib/landline/landline.db');
  const umask = process.umask(0);
  const store = open(t, file);
  process.umask(umask);
  store.putEnvironment(spec('shop'), 'up', 0);
  assert.equal(modeOf(join(folder, 'var')), '700');
  assert.equal(modeOf(join(folder, 'var/lib/landline')), '700');
  const files = readdirSync(join(folder, 'var/lib/landline'));
  assert.deepEqual(files.sort(), ['landline.db', 'landline.db-lock', 'landline.db-shm', 'landline.db-wal']);
  for (const name of files) assert.equal(modeOf(join(folder, 'var/lib/landline', name)), '600', name);
});

test('every commit is synced, and other programs may read meanwhile', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = open(t, file);
  store.take(ask('shop', 'pool', '14:00'));
  const reader = new DatabaseSync(file, { readOnly: true });
  t.after(() => reader.close());
  assert.equal(reader.prepare('SELECT environment FROM leases').get()?.environment, 'shop');
  assert.equal(reader.prepare('PRAGMA journal_mode').get()?.journal_mode, 'wal');
});

test('SQL itself refuses a second holder of an address, and a second address of an endpoint', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  open(t, file).take(ask('shop', '192.168.11.101', '14:00'));
  const other = new DatabaseSync(file);
  t.after(() => other.close());
  const copy = (environment: string, address: string): void =>
    other.exec(`INSERT INTO leases (network, address, environment, interface, mac, source, since)
      SELECT network, ${address}, '${environment}', interface, mac, source, since FROM leases`);
  assert.throws(() => copy('crm', 'address'), /UNIQUE constraint failed: leases.network, leases.address/);
  assert.throws(() => copy('shop', 'address + 1'), /UNIQUE constraint failed: leases.environment, leases.interface/);
});

test('the installation id is 128 random bits, made once', (t) => {
  const folder = temporaryFolder(t);
  const first = open(t, join(folder, 'a.db'));
  const other = open(t, join(folder, 'b.db'));
  assert.match(first.installation, /^[0-9a-f]{32}$/);
  assert.notEqual(first.installation, other.installation);
  first.close();
  assert.equal(open(t, join(folder, 'a.db')).installation, first.installation);
});

test('a configured id is taken over, and stays when the configuration names none any more', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  for (const [given, wanted] of [
    ['host-7', 'host-7'],
    ['host-8', 'host-8'],
    [undefined, 'host-8'],
  ] as const) {
    const store = open(t, file, given);
    assert.equal(store.installation, wanted);
    store.close();
  }
});

test('an id that environments were made under is not changed, and nothing is', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = open(t, file, 'host-7');
  const spec = { name: 'shop', hostname: 'shop', directory: '/', endpoints: [], services: [] };
  store.putEnvironment(spec, 'up', 0);
  store.close();
  assert.throws(
    () => openStore({ file, now: 0, id: 'host-8' }),
    (error) =>
      isLandlineError(error, 'INSTALLATION_IN_USE') &&
      /'host-8', and an environment here was made as 'host-7'/.test(error.message),
  );
  assert.equal(open(t, file, undefined).installation, 'host-7');
});

test('a second daemon on the same state is refused, with the pid of the first, and changes nothing', async (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const { child, says } = openElsewhere(t, file);
  assert.equal(await says, 'open');
  const before = digestOf(file);
  assert.throws(
    () => openStore({ file, now: 0, id: 'other' }),
    (error) =>
      isLandlineError(error, 'DAEMON_RUNNING') && error.message === `another daemon (pid ${child.pid}) already uses ${file}`,
  );
  assert.equal(digestOf(file), before);
});

test('a second store in the same process is refused too, again and again, until the first is closed', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = open(t, file);
  for (let i = 0; i < 3; i += 1) {
    assert.throws(
      () => openStore({ file, now: 0 }),
      (error) => isLandlineError(error, 'DAEMON_RUNNING'),
    );
  }
  // The refused ones have not loosened the lock for other processes either.
  const script = `import { openStore } from ${JSON.stringify(index)};
    try { openStore({ file: ${JSON.stringify(file)}, now: 0 }); console.log('open'); } catch (error) { console.log(error.code); }`;
  const { stdout } = spawnSync(process.execPath, ['--input-type=module', '-e', script], { encoding: 'utf8' });
  assert.equal(stdout.trim(), 'DAEMON_RUNNING');
  store.close();
  open(t, file);
});

test('kill -9 frees the state at once', async (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const { child, says } = openElsewhere(t, file);
  assert.equal(await says, 'open');
  child.kill('SIGKILL');
  await once(child, 'exit');
  open(t, file).take(ask('shop', 'pool', '14:00'));
});

test('of six daemons that start at once, one gets the state', async (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const all = await Promise.all(Array.from({ length: 6 }, () => openElsewhere(t, file).says));
  assert.deepEqual(all.sort(), [...Array.from({ length: 5 }, () => 'DAEMON_RUNNING'), 'open']);
});

test('an empty file becomes a ledger', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  writeFileSync(file, '');
  open(t, file).take(ask('shop', 'pool', '14:00'));
});

test('a ledger that was moved away is begun anew, whatever log it left behind', async (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const { child, says } = openElsewhere(t, file);
  assert.equal(await says, 'open');
  child.kill('SIGKILL');
  await once(child, 'exit');
  assert.ok(statSync(`${file}-wal`).size > 0);
  rmSync(file);
  const store = open(t, file);
  assert.deepEqual(store.leases(), []);
  store.take(ask('shop', 'pool', '14:00'));
});

test('garbage is refused and left alone', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  writeFileSync(file, 'landline '.repeat(1_000));
  assert.equal(broken(file), 'the state in FILE cannot be used: file is not a database');
});

test('a schema newer than ours is refused and left alone, in its write-ahead log too', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  open(t, file).close();
  // A newer version was killed before it moved its log into the file.
  const script = `const { DatabaseSync } = require('node:sqlite');
    const database = new DatabaseSync(${JSON.stringify(file)});
    database.exec('CREATE TABLE leases_of_tomorrow (id); PRAGMA user_version = 9');
    process.kill(process.pid, 'SIGKILL');`;
  spawnSync(process.execPath, ['-e', script]);
  assert.ok(statSync(`${file}-wal`).size > 0);
  const reason = `the state in FILE cannot be used: it has schema 9, and this version of Landline knows ${migrations.length}`;
  assert.equal(broken(file), reason);
  assert.equal(broken(file), reason);
});

test("another program's database is refused and left alone", (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const other = new DatabaseSync(file);
  other.exec('CREATE TABLE songs (title TEXT)');
  other.close();
  assert.equal(broken(file), "the state in FILE cannot be used: it is another program's database");
});

test('a ledger that lost its end, or a page, is refused and left alone', (t) => {
  const folder = temporaryFolder(t);
  const file = join(folder, 'landline.db');
  const store = open(t, file);
  for (let i = 0; i < 30; i += 1) store.putEnvironment({ ...spec(`e${i}`), directory: `/${'x'.repeat(900)}` }, 'up', 0);
  store.close();
  const whole = readFileSync(file);
  truncateSync(file, whole.length - 8_192);
  assert.match(broken(file), /cannot be used: (it is damaged: .+|database disk image is malformed)/);
  writeFileSync(file, Buffer.concat([whole.subarray(0, 8_192), Buffer.alloc(8_192, 0x5a), whole.subarray(16_384)]));
  assert.match(broken(file), /cannot be used: (it is damaged: .+|database disk image is malformed)/);
  writeFileSync(file, whole);
  assert.equal(open(t, file).environments().length, 30);
});

test('a refused state is not left locked', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  writeFileSync(file, 'landline '.repeat(1_000));
  broken(file);
  rmSync(file);
  open(t, file);
});

test('a folder in the place of the file, and a file in the place of the folder, are refused', (t) => {
  const folder = temporaryFolder(t);
  mkdirSync(join(folder, 'landline.db'));
  writeFileSync(join(folder, 'plain'), '');
  const refusedAs = (file: string): string => {
    try {
      openStore({ file, now: 0 }).close();
      return 'opened';
    } catch (error) {
      return isLandlineError(error) ? error.code : String(error);
    }
  };
  assert.equal(refusedAs(join(folder, 'landline.db')), 'STATE_UNWRITABLE');
  assert.equal(refusedAs(join(folder, 'plain/landline.db')), 'STATE_UNWRITABLE');
});

test('a file that another program holds up refuses the change, keeps what was, and goes on afterwards', (t) => {
  const file = join(temporaryFolder(t), 'landline.db');
  const store = open(t, file);
  store.take(ask('shop', 'pool', '14:00'));
  const before = everything(store);
  const other = new DatabaseSync(file);
  t.after(() => other.close());
  other.exec('BEGIN IMMEDIATE');
  assert.throws(
    () => store.take(ask('crm', 'pool', '14:00')),
    (error) => isLandlineError(error, 'STATE_UNWRITABLE') && error.message.endsWith('cannot be written: database is locked'),
  );
  assert.deepEqual(everything(store), before);
  other.exec('ROLLBACK');
  assert.equal(store.take(ask('crm', 'pool', '14:00')).environment, 'crm');
});
