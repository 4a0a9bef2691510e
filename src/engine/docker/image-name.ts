/** Names of images, as the docker command reads them (https://github.com/distribution/reference). */

export interface ImageName {
  /** `registry.office.example:5000`; `docker.io` where the name has none. */
  readonly registry: string;
  /** With its registry, as it was written: `shop/web`. */
  readonly repository: string;
  readonly tag?: string;
  /** `sha256:…` */
  readonly digest?: string;
}

/** The first part is a registry where it has a dot or a port, or is `localhost`. */
export function parseImageName(text: string): ImageName {
  const [named = '', digest] = text.split('@', 2);
  const colon = named.lastIndexOf(':');
  const hasTag = colon > named.lastIndexOf('/');
  const repository = hasTag ? named.slice(0, colon) : named;
  const [first = '', ...path] = repository.split('/');
  const isRegistry = path.length > 0 && (/[.:]/.test(first) || first === 'localhost');
  return {
    registry: isRegistry ? first : 'docker.io',
    repository,
    ...(hasTag ? { tag: named.slice(colon + 1) } : {}),
    ...(digest === undefined ? {} : { digest }),
  };
}
