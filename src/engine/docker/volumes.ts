/** Volumes: the calls of `/volumes`. */
import type { Caller } from './caller.ts';
import type { Filters, Volume, VolumeCreate } from './types.ts';

export interface Volumes {
  list(filters?: Filters): Promise<readonly Volume[]>;
  /** Undefined when there is none. */
  inspect(name: string): Promise<Volume | undefined>;
  /** The one that is there, where it is there. */
  create(wish: VolumeCreate): Promise<Volume>;
  /** None is success. @throws LandlineError DOCKER_REFUSED with status 409 while a container has it */
  remove(name: string, force?: boolean): Promise<void>;
}

export function volumesOn(caller: Caller): Volumes {
  const pathOf = (name: string): string => `/volumes/${encodeURIComponent(name)}`;
  // Casts: the shapes are those that Docker documents for these calls.
  return {
    list: async (filters = {}) => {
      const query = { filters: JSON.stringify(filters) };
      const answer = await caller.call({ method: 'GET', path: '/volumes', query, doing: 'list volumes' });
      return (answer as { readonly Volumes: readonly Volume[] | null }).Volumes ?? [];
    },
    inspect: async (name) =>
      (await caller.find({ method: 'GET', path: pathOf(name), doing: `inspect volume '${name}'` })) as Volume | undefined,
    create: async (wish) =>
      (await caller.call({
        method: 'POST',
        path: '/volumes/create',
        json: wish,
        doing: `create volume '${wish.Name ?? ''}'`,
      })) as Volume,
    remove: async (name, force = false) =>
      void (await caller.find({ method: 'DELETE', path: pathOf(name), query: { force }, doing: `remove volume '${name}'` })),
  };
}
