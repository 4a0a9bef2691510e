/** The door to a Docker Engine: a thin client of its API (client.ts), and the engine whose services are containers (engine.ts). */
export { chooseDockerAddress } from './address.ts';
export { type DockerClient, openDocker } from './client.ts';
export { openDockerEngine } from './engine.ts';
export { readServiceLogs, untilTold } from './service-logs.ts';
export { type DockerWatch, watchDocker } from './watch.ts';
