/** What `nft -j list …` says, as far as it matters here. What is not known is skipped: versions of nft differ. */
import type { Json } from './expressions.ts';
import { elementsOf, written } from './transaction.ts';
import type { PrivateWish } from './wish.ts';

export interface ListedChain {
  readonly family: string;
  readonly table: string;
  readonly name: string;
  /** Of a base chain: where the kernel calls it. */
  readonly hook?: string;
  readonly priority?: number;
  readonly policy?: string;
}

export interface ListedRule {
  readonly family: string;
  readonly table: string;
  readonly chain: string;
  readonly handle: number;
  readonly comment?: string;
  readonly expr: readonly Json[];
}

export interface Listing {
  readonly chains: readonly ListedChain[];
  readonly rules: readonly ListedRule[];
}

type Fields = Readonly<Record<string, Json>>;

const isFields = (it: unknown): it is Fields => typeof it === 'object' && it !== null && !Array.isArray(it);

/** Each object of the answer with its kind: `table`, `chain`, `rule`, `map`, … */
function objectsOf(document: unknown): (readonly [kind: string, fields: Fields])[] {
  const items = isFields(document) ? document.nftables : undefined;
  const objects = Array.isArray(items) ? items.filter(isFields).flatMap((it) => Object.entries(it)) : [];
  return objects.flatMap(([kind, fields]) => (isFields(fields) ? [[kind, fields] as const] : []));
}

const text = (it: Json | undefined): string => (typeof it === 'string' ? it : '');
const number = (it: Json | undefined): number => (typeof it === 'number' ? it : 0);

export function readListing(document: unknown): Listing {
  const chains: ListedChain[] = [];
  const rules: ListedRule[] = [];
  for (const [kind, it] of objectsOf(document)) {
    const place = { family: text(it.family), table: text(it.table) };
    if (kind === 'chain') chains.push({ ...place, name: text(it.name), ...baseOf(it) });
    if (kind === 'rule') {
      const expr = Array.isArray(it.expr) ? it.expr : [];
      const comment = it.comment === undefined ? {} : { comment: text(it.comment) };
      rules.push({ ...place, chain: text(it.chain), handle: number(it.handle), ...comment, expr });
    }
  }
  return { chains, rules };
}

function baseOf(it: Fields): Pick<ListedChain, 'hook' | 'priority' | 'policy'> {
  if (it.hook === undefined) return {};
  return { hook: text(it.hook), priority: number(it.prio), policy: text(it.policy) || 'accept' };
}

/** Our tables as they were listed, without what the kernel numbers, and without elements. */
export function outlineOf(documents: readonly unknown[]): string {
  const objects = documents.flatMap(objectsOf).filter(([kind]) => kind !== 'metainfo');
  return JSON.stringify(objects, (key, value: unknown) => (key === 'handle' || key === 'elem' ? undefined : value));
}

/** Whether exactly those elements stand in the maps and the set that are wished for. */
export function hasElements(documents: readonly unknown[], wish: PrivateWish): boolean {
  const wanted = [...elementsOf(wish)].flatMap(([name, elements]) =>
    [...elements.values()].map((it) => JSON.stringify([name, written(it)])),
  );
  const found = new Set(documents.flatMap(objectsOf).flatMap(([, it]) => elementsIn(it)));
  return found.size === wanted.length && wanted.every((it) => found.has(it));
}

function elementsIn(it: Fields): string[] {
  const elements = Array.isArray(it.elem) ? it.elem : [];
  return elements.map((element) => JSON.stringify([text(it.name), element]));
}
