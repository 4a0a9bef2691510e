import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import { findCredentials } from './credentials.ts';

const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-credentials-'));
test.after(() => fs.rmSync(folder, { recursive: true }));

const variables = { DOCKER_CONFIG: folder, PATH: `${folder}:${process.env['PATH']}` };
const write = (text: string): void => fs.writeFileSync(path.join(folder, 'config.json'), text);
const keep = (config: unknown): void => write(JSON.stringify(config));
const base64 = (text: string): string => Buffer.from(text).toString('base64');
const ask = (registry: string): ReturnType<typeof findCredentials> => findCredentials(registry, variables);
const program = (name: string, script: string): void =>
  fs.writeFileSync(path.join(folder, `docker-credential-${name}`), `#!/bin/sh\n${script}\n`, { mode: 0o755 });

const registry = 'registry.office.example';

test('without a file, or with nothing for the registry, there is nothing', async () => {
  fs.rmSync(path.join(folder, 'config.json'), { force: true });
  assert.equal(await ask(registry), undefined);
  assert.equal(await findCredentials(registry, { HOME: folder }), undefined);
  keep({ auths: { 'other.example': { auth: base64('a:b') } } });
  assert.equal(await ask(registry), undefined);
  keep({ auths: { [registry]: {} } });
  assert.equal(await ask(registry), undefined);
});

test('user and password, or a token, by the registry or by its address; the Hub by its own', async () => {
  const lin = { username: 'lin', password: 'a:b', serveraddress: registry };
  for (const key of [registry, `https://${registry}`, `https://${registry}/v1/`]) {
    keep({ auths: { [key]: { auth: base64('lin:a:b') } } });
    assert.deepEqual(await ask(registry), lin, key);
  }
  keep({ auths: { [registry]: { username: 'lin', password: 'a:b' } } });
  assert.deepEqual(await ask(registry), lin);
  keep({ auths: { [registry]: { auth: base64('lin:x'), identitytoken: 't' } } });
  assert.deepEqual(await ask(registry), { identitytoken: 't', serveraddress: registry });
  keep({ auths: { 'https://index.docker.io/v1/': { auth: base64('lin:hub') } } });
  assert.deepEqual(await ask('docker.io'), { username: 'lin', password: 'hub', serveraddress: 'https://index.docker.io/v1/' });
});

test('a program that keeps them is asked, the one of the registry before the common one', async () => {
  program('safe', `read -r server; printf '{"Username":"lin","Secret":"%s of safe"}' "$server"`);
  program('own', `printf '{"Username":"<token>","Secret":"t"}'`);
  keep({ credsStore: 'safe', credHelpers: { [registry]: 'own' } });
  assert.deepEqual(await ask(registry), { identitytoken: 't', serveraddress: registry });
  assert.deepEqual(await ask('other.example'), {
    username: 'lin',
    password: 'other.example of safe',
    serveraddress: 'other.example',
  });
  program('empty', `echo 'credentials not found in native keychain'; exit 1`);
  keep({ credsStore: 'empty' });
  assert.equal(await ask(registry), undefined);
});

test('what cannot be read is told, with the place', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['{', /config\.json: it is no JSON object/],
    ['null', /config\.json: it is no JSON object/],
    [JSON.stringify({ auths: { [registry]: { auth: base64('nothing') } } }), /config\.json: it is no base64 of USER:PASSWORD/],
    [JSON.stringify({ credsStore: 'nobody' }), /docker-credential-nobody: there is no such program/],
    [JSON.stringify({ credsStore: 'broken' }), /docker-credential-broken: the keyring is locked/],
    [JSON.stringify({ credsStore: 'mumbling' }), /docker-credential-mumbling: what it says is no JSON/],
  ];
  program('broken', 'echo the keyring is locked >&2; exit 2');
  program('mumbling', 'echo hello');
  for (const [text, message] of cases) {
    write(text);
    await assert.rejects(ask(registry), { code: 'CREDENTIALS_UNREADABLE', message });
  }
});
