/** From one wish to the next in one transaction, as small as the change. */
import { addressValue, type Command, concat, type Json } from './expressions.ts';
import { removeTables, skeleton, tableName } from './ruleset.ts';
import type { PrivateWish, PublishedPort } from './wish.ts';

/** Elements by the name of their map or set, and there by their key as text. */
export type Elements = ReadonlyMap<string, ReadonlyMap<string, Element>>;

export interface Element {
  readonly key: Json;
  /** Where the key leads to; undefined in a set. */
  readonly value?: Json;
}

/** Makes the tables anew as wished, whatever is there: established connections live on, no packet finds none. */
export function replaceTables(wish: PrivateWish): Command[] {
  const none: Elements = new Map();
  return [...skeleton(wish), ...changeElements(none, elementsOf(wish))];
}

/**
 * The commands that lead from one wish to another; undefined is no private network at all. Empty: nothing is to be
 * done. What was published under the same port before leads to its new place from one packet to the next.
 */
export function transaction(from: PrivateWish | undefined, to: PrivateWish | undefined): Command[] {
  if (to === undefined) return from === undefined ? [] : [...removeTables];
  if (from === undefined) return replaceTables(to);
  if (!isSameSkeleton(from, to)) return replaceTables(to);
  return changeElements(elementsOf(from), elementsOf(to));
}

/** Whether one wish becomes the other by elements alone. */
export function isSameSkeleton(a: PrivateWish, b: PrivateWish): boolean {
  return JSON.stringify(skeleton(a)) === JSON.stringify(skeleton(b));
}

/** What stands in the maps and the set. */
export function elementsOf(wish: PrivateWish): Elements {
  const everywhere = wish.ports.filter((it) => it.hostAddress === undefined);
  const somewhere = wish.ports.filter((it) => it.hostAddress !== undefined);
  return new Map([
    ['addresses', table(everywhere, (it) => addressValue(it.address))],
    ['ports', table(everywhere, (it) => it.containerPort)],
    ['addresses_on', table(somewhere, (it) => addressValue(it.address))],
    ['ports_on', table(somewhere, (it) => it.containerPort)],
    ['guarded', new Map(wish.guarded.map((name) => [JSON.stringify(name), { key: name }]))],
  ]);
}

function table(ports: readonly PublishedPort[], value: (it: PublishedPort) => Json): ReadonlyMap<string, Element> {
  return new Map(
    ports.map((it) => {
      const where = it.hostAddress === undefined ? [] : [addressValue(it.hostAddress)];
      const key = concat(...where, it.protocol, it.hostPort);
      return [JSON.stringify(key), { key, value: value(it) }];
    }),
  );
}

/** All that goes comes before all that comes: the same key may lead elsewhere. */
function changeElements(from: Elements, to: Elements): Command[] {
  const changes = [...to].map(([name, after]) => ({ name, before: from.get(name) ?? new Map<string, Element>(), after }));
  const goes = changes.flatMap(({ name, before, after }) =>
    command(
      'delete',
      name,
      missing(before, after).map((it) => it.key),
    ),
  );
  const comes = changes.flatMap(({ name, before, after }) => command('add', name, missing(after, before).map(written)));
  return [...goes, ...comes];
}

/** Those of `some` that are not the same in `others`. */
function missing(some: ReadonlyMap<string, Element>, others: ReadonlyMap<string, Element>): Element[] {
  return [...some].flatMap(([text, element]) => {
    const other = others.get(text);
    return other !== undefined && other.value === element.value ? [] : [element];
  });
}

/** As it is added. */
export const written = ({ key, value }: Element): Json => (value === undefined ? key : [key, value]);

function command(verb: 'add' | 'delete', name: string, elem: readonly Json[]): Command[] {
  return elem.length === 0 ? [] : [{ [verb]: { element: { family: 'ip', table: tableName, name, elem } } }];
}
