import assert from 'node:assert/strict';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Progress } from '../../src/engine/docker/types.ts';
import { until } from '../office.ts';
import { withDockerOffice } from './office.ts';

const registry = '192.168.11.2:5000';

/** htpasswd(1) -nbB lin geheim */
const passwords = 'lin:$2b$04$wIv.l6uDhX7pPfdiNO2A6OdBLqaxx9Fv9FoBiqedWXKHI/Wh0kHeS\n';

const configuration = `version: 0.1
storage: { filesystem: { rootdirectory: /var/lib/registry } }
http: { addr: ":5000" }
auth: { htpasswd: { realm: office, path: /etc/registry.users } }
`;

test('images come from a registry that wants a password, as the docker command keeps it', async (t) => {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-registry-'));
  const former = { ...process.env };
  t.after(() => {
    process.env = former;
    fs.rmSync(folder, { recursive: true });
  });
  const keep = (config: unknown): void => fs.writeFileSync(path.join(folder, 'config.json'), JSON.stringify(config));
  const auth = Buffer.from('lin:geheim').toString('base64');
  process.env['DOCKER_CONFIG'] = folder;
  process.env['PATH'] = `${folder}:${process.env['PATH']}`;

  await withDockerOffice(t, { daemon: false }, async (office) => {
    const { images } = office.docker;
    const write = (file: string, stdin: string): Promise<string> =>
      office.read('server', ['sh', '-c', `cat >${file}`], { stdin });
    await write('/etc/registry.yml', configuration);
    await write('/etc/registry.users', passwords);
    office.start('server', ['sh', '-c', 'exec docker-registry serve /etc/registry.yml >/var/log/registry.log 2>&1']);
    await office.dockerd.stop();
    await office.dockerd.configure({ 'insecure-registries': [registry] });
    await office.dockerd.start();
    const opens = async (): Promise<boolean> =>
      (await office.exec('host', ['curl', '-sS', `http://${registry}/v2/`])).status === 0;
    await until(opens, 'the registry answers');

    await office.loadImage('shop/web:42');
    await images.tag('shop/web:42', `${registry}/shop/web`, '42');
    const name = `${registry}/shop/web:42`;
    const { Id: id } = (await images.inspect(name)) ?? {};

    await t.test('without a password it is refused, with a wrong one too', async () => {
      await assert.rejects(images.push(name), { code: 'DOCKER_REFUSED', message: /no basic auth credentials/ });
      keep({ auths: { [registry]: { auth: Buffer.from('lin:wrong').toString('base64') } } });
      await assert.rejects(images.push(name), { code: 'DOCKER_REFUSED', message: /unauthorized|authentication required/ });
    });

    await t.test('with the one of config.json it is pushed and pulled, and tells how far it is', async () => {
      keep({ auths: { [`http://${registry}/v2/`]: { auth } } });
      await images.push(name);
      await images.remove(name, true);
      await images.remove('shop/web:42', true);
      assert.equal(await images.inspect(name), undefined);
      const told: Progress[] = [];
      await images.pull(name, { onProgress: (line) => told.push(line) });
      assert.equal((await images.inspect(name))?.Id, id);
      assert.ok(told.some((it) => (it.progressDetail?.total ?? 0) > 0));
      assert.ok(told.some((it) => it.status?.startsWith('Status: Downloaded newer image')));
    });

    await t.test('a program keeps it', async () => {
      const said = JSON.stringify({ ServerURL: registry, Username: 'lin', Secret: 'geheim' });
      const program = `#!/bin/sh\nread -r server\n[ "$1 $server" = "get ${registry}" ] && echo '${said}'\n`;
      fs.writeFileSync(path.join(folder, 'docker-credential-safe'), program, { mode: 0o755 });
      await images.remove(name, true);
      keep({ credHelpers: { [registry]: 'safe' } });
      await images.pull(name);
      keep({ credsStore: 'safe' });
      await images.pull(name);
    });

    await t.test('what is not there is told in the words of the registry', async () => {
      await assert.rejects(images.pull(`${registry}/shop/web:43`), {
        code: 'IMAGE_REFUSED',
        message: /manifest.* (unknown|not found)/,
      });
      keep({});
      await assert.rejects(images.pull('192.168.11.2:5001/shop/web'), { code: 'IMAGE_REFUSED', message: /connection refused/ });
    });
  });
});
