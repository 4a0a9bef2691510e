/** The examples of the documents that need Docker, with images made here under the names that they use. */
import { test } from 'node:test';
import { runExamples } from '../docs/run-examples.ts';
import { withDockerOffice } from './office.ts';

const page = { path: 'www/index.html', bytes: 'hello\n' };
/** Process 1 of a container hears no SIGTERM that it does not ask for. */
const StopSignal = 'SIGKILL';
const server = { StopSignal, Cmd: ['httpd', '-f', '-p', '80', '-h', '/www'] };
const database = { StopSignal, Cmd: ['nc', '-ll', '-p', '5432', '-e', 'cat', '/run/secrets/db'] };
const ready = { path: 'bin/pg_isready', mode: 0o755, bytes: '#!/bin/sh\n[ "$*" = "-U postgres" ]\n' };

test('every command of Docker in the documents does what they say', { timeout: 100_000 }, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    for (const name of ['nginx:latest', 'nginx:1.27', 'shop/web:42', 'shop/web:43']) await office.loadImage(name, server, [page]);
    await office.loadImage('postgres:17', database, [ready]);
    await runExamples(t, office, { needsDocker: true });
  });
});
