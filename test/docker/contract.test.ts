import assert from 'node:assert/strict';
import path from 'node:path';
import { test } from 'node:test';
import { type Candidate, type Register, testEngine } from '../../src/engine/contract.ts';
import { openDocker, openDockerEngine } from '../../src/engine/docker/index.ts';
import type { Engine, SandboxView } from '../../src/engine/index.ts';
import { type DockerOffice, withDockerOffice } from './office.ts';

let count = 0;

/** Engines of one installation, whose sandboxes are made when a service needs them. */
async function candidateIn(office: DockerOffice): Promise<Candidate> {
  count += 1;
  const installation = `test${count}`;
  const directory = path.join(office.folder, installation);
  const socket = `/proc/${office.pidOf('host')}/root/run/docker.sock`;
  const openEngine = (): Engine => {
    const docker = openDocker({ kind: 'unix', path: socket });
    const engine = openDockerEngine({
      docker,
      installation,
      directory,
      anchorImage: () => undefined,
      currentOf: () => 0,
      pull: async (image) => docker.images.pull(image),
      onConnect: () => undefined,
      isWanted: () => true,
      log: () => undefined,
    });
    const start: Engine['start'] = async (view, service, digest) => {
      await engine.sandboxes?.look(view);
      if (engine.sandboxes?.path(view.environment) === undefined) await engine.sandboxes?.make(view);
      return engine.start(view, { ...service, container: { image: 'test/box:1' } }, digest);
    };
    return { ...engine, start };
  };
  const view = (environment: string): SandboxView => ({
    environment,
    hostname: environment,
    netns: '/none',
    hosts: '127.0.0.1 localhost\n',
    resolvConf: '',
    directory: '/',
  });
  const docker = office.docker;
  return {
    openEngine,
    view,
    commands: {
      // Process 1 is spared a signal that it has no handler for.
      forever: ['sh', '-c', "trap 'exit 143' TERM; while :; do sleep 0.05; done"],
      stubborn: ['sh', '-c', "trap '' TERM; echo ready; while :; do sleep 0.1; done"],
      missing: ['/no/such/program'],
      ends: (status) => ['sh', '-c', `exit ${status}`],
      says: (...lines) => ['printf', '%s\\n', ...lines],
    },
    dispose: async () => {
      for (const it of await docker.containers.list({ label: [`landline.installation=${installation}`] }))
        await docker.containers.remove(it.Id, { force: true });
    },
  };
}

test('the contract of engines, on Docker', { timeout: 170_000 }, async (t) => {
  await withDockerOffice(t, { daemon: false }, async (office) => {
    await office.loadImage('test/box:1');
    const stories: { readonly title: string; readonly body: () => Promise<void> }[] = [];
    const register: Register = (title, _options, body) => stories.push({ title, body });
    testEngine('docker', () => candidateIn(office), {}, register);
    for (const { title, body } of stories) await t.test(title, body);
  });
  assert.ok(count > 5);
});
