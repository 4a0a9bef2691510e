/**
 * Which links of this host carry our mark: read whole at the start and after lost events, then kept by events. A hint
 * where to look; whoever acts on it asks the kernel first.
 */
import { type Mark, parseMark } from '../core/mark.ts';
import type { Host, KernelEvent } from '../host/index.ts';

export interface MarkedLink {
  readonly index: number;
  readonly mark: Mark;
}

export interface MarkedLinks {
  /** Those of its generation that is on the LAN, or was. */
  of(environment: string): readonly MarkedLink[];
  /** Those of a generation that is built beside it. */
  aside(environment: string): readonly MarkedLink[];
  all(): readonly MarkedLink[];
  /** The mark of the link with this index, as far as is known. */
  at(index: number): Mark | undefined;
  /** How many have been heard to end. */
  readonly died: number;
  hear(event: KernelEvent): void;
  /** Reads all links again. */
  refresh(): Promise<void>;
}

export function markedLinks(host: Host, installation: string): MarkedLinks {
  const byEnvironment = new Map<string, Map<number, MarkedLink>>();
  const byIndex = new Map<number, Mark>();

  let died = 0;

  const add = (index: number, mark: Mark): void => {
    const links = byEnvironment.get(mark.environment) ?? new Map<number, MarkedLink>();
    byEnvironment.set(mark.environment, links.set(index, { index, mark }));
    byIndex.set(index, mark);
  };
  const remove = (index: number, mark: Mark): void => {
    died += 1;
    const links = byEnvironment.get(mark.environment);
    links?.delete(index);
    byIndex.delete(index);
    if (links?.size === 0) byEnvironment.delete(mark.environment);
  };

  const linksOf = (environment: string): readonly MarkedLink[] => [...(byEnvironment.get(environment)?.values() ?? [])];

  return {
    of: (environment) => linksOf(environment).filter(({ mark }) => mark.aside !== true),
    aside: (environment) => linksOf(environment).filter(({ mark }) => mark.aside === true),
    at: (index) => byIndex.get(index),
    all: () => [...byEnvironment.values()].flatMap((links) => [...links.values()]),
    get died() {
      return died;
    },
    hear: (event) => {
      // A macvlan or ipvlan lives in a sandbox alone, and its index is of there.
      if (event.kind !== 'link' || event.link.kind === 'macvlan' || event.link.kind === 'ipvlan') return;
      const mark = parseMark(event.link.alias);
      if (mark?.installation !== installation) return;
      if (event.change === 'new') add(event.link.index, mark);
      else remove(event.link.index, mark);
    },
    refresh: async () => {
      const links = await host.kernel.listLinks();
      byEnvironment.clear();
      byIndex.clear();
      for (const link of links) {
        const mark = parseMark(link.alias);
        if (mark?.installation === installation) add(link.index, mark);
      }
    },
  };
}
