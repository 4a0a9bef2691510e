/** Every Compose file of a project, run as it is: with images made here under the names of the real ones, which only wait. */
import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import type { TarEntry } from '../../src/engine/docker/tar.ts';
import { isDockerInstalled } from '../../src/lab/index.ts';
import { withDockerOffice } from '../docker/office.ts';

const projects = path.join(import.meta.dirname, '../../src/engine/docker/projects');
const names = fs.readdirSync(projects).sort();

/** What planned.json says of a container. */
interface Planned {
  readonly create: { readonly Image: string };
}

const skip = isDockerInstalled() ? {} : { skip: 'dockerd is not installed (`scripts/packages` installs it)' };

const program = (file: string, script: string): TarEntry => ({
  path: file.replace(/^\//, ''),
  mode: 0o755,
  bytes: `#!/bin/sh\n${script}\n`,
});

/** Waits until it is told to end. */
const wait = `trap 'exit 0' TERM INT QUIT WINCH
sleep 100000 & wait`;

/** What healthchecks call, before busybox's own: all is well. */
const checks = ['pg_isready', 'redis-cli', 'mysqladmin', 'healthcheck.sh', 'wget', 'nc'].map((it) =>
  program(`checks/${it}`, 'exit 0'),
);
const files = [
  ...checks,
  program('checks/curl', 'echo OK; echo missing authentication credentials'),
  program('checks/ps', 'echo sidekiq 6'),
  { path: 'config/certs/es01/es01.crt', bytes: 'x' },
  program('serve', wait),
  program('cron.sh', wait),
  // What it is given is a script of the project's, that others wait for to complete.
  program('bin/bash', 'exit 0'),
];

/** Makes the files that a project wants and that are nobody's but the user's: passwords, realms. */
function makeFiles(folder: string): void {
  const written = fs.readFileSync(path.join(folder, 'compose.yaml'), 'utf8');
  for (const [, name = ''] of written.matchAll(/\b(?:file|source): (\.\/[\w./-]+\.\w+)/g)) {
    const file = path.join(folder, name);
    fs.mkdirSync(path.dirname(file), { recursive: true });
    if (!fs.existsSync(file)) fs.writeFileSync(file, 'x');
  }
}

/** Why one cannot run here. */
function whyNot(said: string): string | undefined {
  if (/operation not permitted/.test(said))
    return 'the containers of this machine may not have the capabilities or limits that it wants';
  if (/IMAGE_REFUSED.*@sha256:/.test(said)) return 'it names an image by its digest, which no image made here has';
  if (/IMAGE_REFUSED/.test(said)) return 'it has its images pulled anew each time, and its registry is not here';
  return undefined;
}

test(`the Compose files of ${names.length} projects come up with nothing added but the network`, skip, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    for (const name of names) {
      await t.test(name, async (s) => {
        const folder = path.join(office.folder, name);
        fs.cpSync(path.join(projects, name), folder, { recursive: true });
        makeFiles(folder);
        // A cast: the test beside it compares the file with the plan.
        const { containers } = JSON.parse(fs.readFileSync(path.join(folder, 'planned.json'), 'utf8')) as {
          readonly containers: readonly Planned[];
        };
        const config = { Entrypoint: ['/serve'], Env: ['PATH=/checks:/bin'] };
        for (const image of new Set(containers.map((it) => it.create.Image))) await office.loadImage(image, config, files);
        const script = `cd ${folder} && landline up --network office --timeout 90`;
        const { status, stderr } = await office.exec('host', ['sh', '-c', script]);
        const reason = whyNot(stderr);
        if (reason !== undefined) s.skip(reason);
        else {
          assert.equal(status, 0, stderr);
          const view = await office.ps(name);
          assert.deepEqual([view.state, view.problems], ['running', []]);
        }
        await office.landline('down', '--all', '--volumes');
      });
    }
  });
});
