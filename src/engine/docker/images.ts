/** Images: the calls of `/images`. An image is named as `docker run` names it, or by its id. */
import { isLandlineError, LandlineError } from '../../errors.ts';
import type { Caller } from './caller.ts';
import { findCredentials } from './credentials.ts';
import { parseImageName } from './image-name.ts';
import { readJsonLines } from './read.ts';
import type { Filters, Image, Progress } from './types.ts';

/** A user and a password, or a token, as the docker command keeps them for a registry. */
export type RegistryAuth =
  | { readonly username: string; readonly password: string; readonly serveraddress: string }
  | { readonly identitytoken: string; readonly serveraddress: string };

export interface PullOptions {
  readonly platform?: string;
  /** Left out: what the docker command keeps for the registry. */
  readonly auth?: RegistryAuth;
  readonly onProgress?: (line: Progress) => void;
  readonly signal?: AbortSignal;
}

export interface Images {
  /** Undefined when there is none. */
  inspect(image: string): Promise<Image | undefined>;
  list(filters?: Filters): Promise<readonly { readonly Id: string; readonly RepoTags: readonly string[] | null }[]>;
  /** Gets it from its registry, the tag `latest` where it names none. @throws LandlineError IMAGE_REFUSED, CREDENTIALS_UNREADABLE */
  pull(image: string, options?: PullOptions): Promise<void>;
  /** A tar as `docker save` writes it. @returns the names and ids of what it held: `shop/web:42`, `sha256:…` */
  load(tar: Uint8Array | AsyncIterable<Uint8Array>): Promise<readonly string[]>;
  tag(image: string, repository: string, tag: string): Promise<void>;
  /** Sends it to its registry. @throws LandlineError CREDENTIALS_UNREADABLE */
  push(image: string, options?: Omit<PullOptions, 'platform'>): Promise<void>;
  /** None is success. */
  remove(image: string, force?: boolean): Promise<void>;
}

export function imagesOn(caller: Caller): Images {
  // Slashes stay: an image's name is a path of its own.
  const pathOf = (image: string): string => `/images/${image.split('/').map(encodeURIComponent).join('/')}`;
  const missing = (image: string) => (): LandlineError => new LandlineError('IMAGE_MISSING', { image });

  /** A pull or a push: its lines tell how it goes, and one of them may tell that it has failed. */
  const follow = async (
    registry: string,
    call: Pick<Parameters<Caller['stream']>[0], 'path' | 'query' | 'doing'>,
    { auth: given, onProgress, signal }: PullOptions,
  ): Promise<void> => {
    const auth = given ?? (await findCredentials(registry, process.env));
    const headers = { 'x-registry-auth': encodeAuth(auth) };
    const options = { method: 'POST', headers, ...call, ...(signal === undefined ? {} : { signal }) } as const;
    for await (const line of readJsonLines(await caller.stream(options))) {
      // A cast: the shape is the one that Docker documents.
      const { error, ...progress } = line as Progress & { readonly error?: string };
      if (error !== undefined) throw new LandlineError('DOCKER_REFUSED', { doing: call.doing, status: 200, says: error });
      onProgress?.(progress);
    }
    signal?.throwIfAborted();
  };

  // Casts: the shapes are those that Docker documents for these calls.
  return {
    inspect: async (image) =>
      (await caller.find({ method: 'GET', path: `${pathOf(image)}/json`, doing: `inspect image '${image}'` })) as
        | Image
        | undefined,
    list: async (filters = {}) => {
      const query = { filters: JSON.stringify(filters) };
      return (await caller.call({ method: 'GET', path: '/images/json', query, doing: 'list images' })) as Awaited<
        ReturnType<Images['list']>
      >;
    },
    pull: async (image, options = {}) => {
      const { registry, repository, tag, digest } = parseImageName(image);
      const query = { fromImage: repository, tag: digest ?? tag ?? 'latest', platform: options.platform };
      await follow(registry, { path: '/images/create', query, doing: `pull image '${image}'` }, options).catch(
        (error: unknown) => {
          if (!isLandlineError(error, 'DOCKER_REFUSED')) throw error;
          throw new LandlineError('IMAGE_REFUSED', { image, says: error.details.says }, { cause: error });
        },
      );
    },
    push: async (image, options = {}) => {
      const { registry, repository, tag } = parseImageName(image);
      await follow(
        registry,
        { path: `${pathOf(repository)}/push`, query: { tag: tag ?? 'latest' }, doing: `push image '${image}'` },
        options,
      );
    },
    load: async (tar) => {
      const doing = 'load an image';
      const headers = { 'content-type': 'application/x-tar' };
      const body = await caller.stream({
        method: 'POST',
        path: '/images/load',
        query: { quiet: true },
        headers,
        bytes: tar,
        doing,
      });
      const loaded: string[] = [];
      for await (const line of readJsonLines(body)) {
        const { stream, error } = line as Progress & { readonly error?: string };
        if (error !== undefined) throw new LandlineError('DOCKER_REFUSED', { doing, status: 200, says: error });
        loaded.push(...(/^Loaded image(?: ID)?: (\S+)/.exec(stream ?? '')?.slice(1) ?? []));
      }
      return loaded;
    },
    tag: async (image, repository, tag) => {
      const query = { repo: repository, tag };
      await caller.call({
        method: 'POST',
        path: `${pathOf(image)}/tag`,
        query,
        doing: `tag image '${image}'`,
        missing: missing(image),
      });
    },
    remove: async (image, force = false) =>
      void (await caller.find({ method: 'DELETE', path: pathOf(image), query: { force }, doing: `remove image '${image}'` })),
  };
}

/** Header X-Registry-Auth: JSON in base64url. Docker wants one even where there is nothing to say. */
const encodeAuth = (auth: RegistryAuth | undefined): string =>
  // With its padding: Docker takes what lacks it for none at all.
  Buffer.from(JSON.stringify(auth ?? {}))
    .toString('base64')
    .replaceAll('+', '-')
    .replaceAll('/', '_');
