/** Compose files of projects, run as they are: with images made here under the names of the real ones. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { TarEntry } from '../../src/engine/docker/tar.ts';
import { until } from '../office.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

const projects = path.join(import.meta.dirname, '../../src/engine/docker/projects');

const program = (name: string, script: string): TarEntry => ({ path: name, mode: 0o755, bytes: `#!/bin/sh\n${script}\n` });

/** Says on a port what it was started with. */
const answering = (port: number, says: string): TarEntry =>
  program('bin/serve', `trap 'exit 0' TERM\nnc -ll -p ${port} -e sh -c '${says}' &\nwait`);

/** Copies a project into a folder of its own name, and brings it up there. */
async function up(office: DockerOffice, project: string, files: Readonly<Record<string, string>> = {}): Promise<void> {
  const folder = path.join(office.folder, project);
  fs.cpSync(path.join(projects, project), folder, { recursive: true });
  for (const [name, text] of Object.entries(files)) fs.writeFileSync(path.join(folder, name), text);
  const { status, stderr } = await office.exec('host', ['sh', '-c', `cd ${folder} && landline up --network office`]);
  assert.equal(status, 0, stderr);
}

async function ask(office: DockerOffice, environment: string, port: number): Promise<string> {
  const [address = ''] = (await office.ps(environment)).endpoints[0]?.addresses[0]?.split('/') ?? [];
  return (await office.exec('pc', ['busybox', 'nc', '-w', '2', address, String(port)])).stdout.trim();
}

/** A program that has started may need a moment until it listens. */
const says = (office: DockerOffice, environment: string, port: number, text: string): Promise<void> =>
  until(async () => (await ask(office, environment, port)) === text, `${environment} says ${text}`);

test('Compose files of projects come up with nothing added but the network', { timeout: 120_000 }, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await t.test('wordpress: a database and a site that names it', async () => {
      const serve = { Entrypoint: ['serve'] };
      await office.loadImage('mariadb:10.6.4-focal', serve, [answering(3306, 'echo $MYSQL_DATABASE')]);
      await office.loadImage('wordpress:latest', serve, [answering(80, 'nc $WORDPRESS_DB_HOST 3306')]);
      await up(office, 'wordpress');
      await says(office, 'wordpress', 80, 'wordpress');
      await office.down('wordpress', { volumes: true });
      assert.equal((await office.dockerCommand('volume', 'ls', '-q')).trim(), '');
    });

    await t.test('keycloak: secrets, a healthcheck that is waited for, limits', async () => {
      const serve = { Entrypoint: ['serve'] };
      const ready = program('bin/pg_isready', '[ "$*" = "-d keycloak -U keycloak" ]');
      await office.loadImage('postgres:17', serve, [answering(5432, 'cat $POSTGRES_PASSWORD_FILE'), ready]);
      const realm = 'cat /run/secrets/keycloak_db /opt/keycloak/data/import/realm.json';
      await office.loadImage('quay.io/keycloak/keycloak:26.0', serve, [answering(8080, realm)]);
      await up(office, 'keycloak', { 'realm.json': '{}', 'db_password.txt': 'pineapple' });
      await says(office, 'keycloak', 8080, 'pineapple{}');
      await says(office, 'keycloak', 5432, 'pineapple');
      const limits = await office.dockerCommand(
        'inspect',
        '-f',
        '{{.HostConfig.Memory}} {{.HostConfig.PidsLimit}}',
        'landline.keycloak.keycloak',
      );
      assert.equal(limits.trim(), `${2 * 1024 ** 3} 500`);
    });
  });
});
