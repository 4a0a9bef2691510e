/** The door to a Docker Engine: a thin client of its API. See client.ts for what it promises. */
export { type DockerClient, openDocker } from './client.ts';
