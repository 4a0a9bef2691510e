/** Docker's own networks: the calls of `/networks`. */
import type { Caller } from './caller.ts';
import type { DockerNetwork, DockerNetworkCreate, EndpointSettings, Filters } from './types.ts';

export interface DockerNetworks {
  list(filters?: Filters): Promise<readonly DockerNetwork[]>;
  /** Undefined when there is none. */
  inspect(network: string): Promise<DockerNetwork | undefined>;
  /** @returns its id */
  create(wish: DockerNetworkCreate): Promise<string>;
  /** None is success. @throws LandlineError DOCKER_REFUSED with status 403 while a container is on it */
  remove(network: string): Promise<void>;
  connect(network: string, container: string, settings?: EndpointSettings): Promise<void>;
  disconnect(network: string, container: string, force?: boolean): Promise<void>;
}

export function networksOn(caller: Caller): DockerNetworks {
  const pathOf = (network: string): string => `/networks/${encodeURIComponent(network)}`;
  // Casts: the shapes are those that Docker documents for these calls.
  return {
    list: async (filters = {}) => {
      const query = { filters: JSON.stringify(filters) };
      return (await caller.call({ method: 'GET', path: '/networks', query, doing: 'list its networks' })) as DockerNetwork[];
    },
    inspect: async (network) =>
      (await caller.find({ method: 'GET', path: pathOf(network), doing: `inspect its network '${network}'` })) as
        | DockerNetwork
        | undefined,
    create: async (wish) => {
      const doing = `create its network '${wish.Name}'`;
      const answer = await caller.call({ method: 'POST', path: '/networks/create', json: wish, doing });
      return (answer as { readonly Id: string }).Id;
    },
    remove: async (network) =>
      void (await caller.find({ method: 'DELETE', path: pathOf(network), doing: `remove its network '${network}'` })),
    connect: async (network, container, settings = {}) => {
      const json = { Container: container, EndpointConfig: settings };
      const doing = `connect container '${container}' to its network '${network}'`;
      await caller.call({ method: 'POST', path: `${pathOf(network)}/connect`, json, doing });
    },
    disconnect: async (network, container, force = false) => {
      const json = { Container: container, Force: force };
      const doing = `disconnect container '${container}' from its network '${network}'`;
      await caller.call({ method: 'POST', path: `${pathOf(network)}/disconnect`, json, doing });
    },
  };
}
