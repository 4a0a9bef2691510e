/** Where a Docker Engine listens, as DOCKER_HOST writes it. */
import { LandlineError } from '../../errors.ts';

export type DockerAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

export const defaultDockerSocket = '/var/run/docker.sock';

/**
 * `unix:///run/docker.sock`, `tcp://192.168.11.20:2375`, or the path of a socket.
 * @throws LandlineError USAGE for any other scheme: Landline must be on the machine whose containers it plumbs
 */
export function parseDockerAddress(text: string): DockerAddress {
  if (text.startsWith('/')) return { kind: 'unix', path: text };
  const [scheme, rest = ''] = text.split('://', 2);
  if (scheme === 'unix' && rest.startsWith('/')) return { kind: 'unix', path: rest };
  const [, host, port] = /^(\[[0-9a-fA-F:.]+\]|[^:/[\]]+)(?::(\d{1,5}))?\/?$/.exec(rest) ?? [];
  if (scheme === 'tcp' && host !== undefined && Number(port ?? 1) > 0 && Number(port ?? 1) < 65536)
    return { kind: 'tcp', host: host.replace(/^\[|\]$/g, ''), port: Number(port ?? 2375) };
  throw new LandlineError('USAGE', {
    problem: `'${text}' is no address of a Docker Engine`,
    advice: `write unix://${defaultDockerSocket}, or tcp://HOST:PORT`,
  });
}

export function formatDockerAddress(it: DockerAddress): string {
  if (it.kind === 'unix') return it.path;
  return `tcp://${it.host.includes(':') ? `[${it.host}]` : it.host}:${it.port}`;
}

/** The configured one, else that of DOCKER_HOST, else Docker's default. @throws LandlineError USAGE */
export function chooseDockerAddress(configured: string | undefined, variables: NodeJS.ProcessEnv): DockerAddress {
  return parseDockerAddress(configured ?? (variables['DOCKER_HOST'] || defaultDockerSocket));
}
