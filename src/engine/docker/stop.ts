/** Ending a container as its service wants it: its signal, its grace, SIGKILL. */
import { setTimeout as sleep } from 'node:timers/promises';
import { isLandlineError } from '../../errors.ts';
import type { DockerClient } from './client.ts';
import type { Container } from './types.ts';

/** Returns when it has ended. One that is gone is success. */
export async function stopContainer(
  docker: DockerClient,
  it: Container,
  how: { readonly signal: string; readonly graceMs: number },
): Promise<void> {
  if (it.State.Paused) await docker.containers.unpause(it.Id);
  if (!(await signalled(docker, it.Id, how.signal))) return;
  if (await endsWithin(docker, it.Id, how.graceMs)) return;
  await signalled(docker, it.Id, 'SIGKILL');
  if (await endsWithin(docker, it.Id, killMs)) return;
  throw new Error(`container ${it.Id} outlives SIGKILL`);
}

/** What a process needs to die once nothing can hold it. */
const killMs = 30_000;

/** @returns whether there was something to signal */
async function signalled(docker: DockerClient, id: string, signal: string): Promise<boolean> {
  try {
    await docker.containers.kill(id, signal);
    return true;
  } catch (error) {
    if (isLandlineError(error, 'CONTAINER_UNKNOWN')) return false;
    if (isLandlineError(error, 'DOCKER_REFUSED') && error.details.status === 409) return false;
    throw error;
  }
}

async function endsWithin(docker: DockerClient, id: string, ms: number): Promise<boolean> {
  const end = performance.now() + ms;
  for (let wait = 10; ; wait = Math.min(wait * 2, 200)) {
    if ((await docker.containers.inspect(id))?.State.Running !== true) return true;
    const left = end - performance.now();
    if (left <= 0) return false;
    await sleep(Math.min(wait, left));
  }
}
