/** Which version of its API is spoken with an Engine, and how a container's wish is written in it. */
import { LandlineError } from '../../errors.ts';
import type { ContainerCreate } from './types.ts';

/** `1.41`. */
export interface ApiVersion {
  readonly major: number;
  readonly minor: number;
}

/** Of Docker 20.10. */
export const oldestApi: ApiVersion = { major: 1, minor: 41 };
/** The newest whose differences are known here; Docker 29 refuses less than 1.44. */
export const newestApi: ApiVersion = { major: 1, minor: 47 };

export function parseApiVersion(text: string | undefined): ApiVersion | undefined {
  const [, major, minor] = /^(\d{1,3})\.(\d{1,3})$/.exec(text ?? '') ?? [];
  return major === undefined ? undefined : { major: Number(major), minor: Number(minor) };
}

export const formatApiVersion = (it: ApiVersion): string => `${it.major}.${it.minor}`;

/** Whether `it` is `than` or newer. */
export function isAtLeast(it: ApiVersion, than: ApiVersion): boolean {
  return it.major === than.major ? it.minor >= than.minor : it.major > than.major;
}

/**
 * The newest that both speak.
 * @param theirs header Api-Version of the Engine's answer to /_ping
 * @throws LandlineError DOCKER_TOO_OLD
 */
export function chooseApiVersion(theirs: string | undefined, address: string): ApiVersion {
  const it = parseApiVersion(theirs);
  if (it === undefined || !isAtLeast(it, oldestApi))
    throw new LandlineError('DOCKER_TOO_OLD', { socket: address, has: theirs ?? 'unknown', needs: formatApiVersion(oldestApi) });
  return isAtLeast(it, newestApi) ? newestApi : it;
}

/** From here on a MAC belongs to an endpoint, and one of the container is refused. */
const macsOfEndpoints: ApiVersion = { major: 1, minor: 44 };

/** The body of `POST /containers/create` as this version wants it. */
export function writeCreate(wish: ContainerCreate, version: ApiVersion): ContainerCreate {
  const { MacAddress: mac, ...rest } = wish;
  if (mac === undefined || !isAtLeast(version, macsOfEndpoints)) return wish;
  const network = wish.HostConfig?.NetworkMode ?? 'default';
  const endpoints = wish.NetworkingConfig?.EndpointsConfig ?? {};
  const endpoint = { ...endpoints[network], MacAddress: mac };
  return { ...rest, NetworkingConfig: { EndpointsConfig: { ...endpoints, [network]: endpoint } } };
}
