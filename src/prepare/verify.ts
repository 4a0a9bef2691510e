/** Whether the network does what it did: the kernel's tables, and neighbours that answer. */
import { setTimeout as sleep } from 'node:timers/promises';
import { type Belongings, belongingsOf, type LinkRef } from '../core/bridge/belongings.ts';
import { renamed } from '../core/bridge/move.ts';
import { addressText, rawOf } from '../core/bridge/raw.ts';
import { type NameOf, spellAddress, spellRoute, spellRule } from '../core/bridge/spell.ts';
import type { WholeTables } from '../host/index.ts';
import { AttributeList } from '../wire/netlink/attribute.ts';
import { NLM_F_CREATE, NLM_F_REPLACE } from '../wire/netlink/message.ts';
import { encodeNeighbour, type NeighbourMessage, NUD_REACHABLE, RTM_NEWNEIGH } from '../wire/netlink/neighbour.ts';
import type { KernelChange } from '../wire/netlink/tables.ts';

/** What of the wish is not there, as commands. */
export function missingOf(wanted: Belongings, from: LinkRef, to: LinkRef, seen: Belongings, nameOf: NameOf): readonly string[] {
  const rename = (name: string): string => renamed(name, from, to);
  const asMoved: NameOf = (index) => (index === from.index ? to.name : nameOf(index));
  const lines = (it: Belongings, names: NameOf): readonly string[] => [
    ...it.addresses.map((a) => withoutTimes(spellAddress(a, to.name, rename))),
    ...it.routes.map((route) => withoutTimes(spellRoute(route, names) ?? '')),
    ...it.rules.map((rule) => spellRule(rule, rename) ?? ''),
  ];
  const there = new Set(lines(seen, nameOf));
  return lines(wanted, asMoved).filter((it) => !there.has(it));
}

/** The same, once a manager has made it its own: addresses, and where gateways lead to, however they are marked. */
export function goneOf(wanted: Belongings, from: LinkRef, to: LinkRef, seen: Belongings, nameOf: NameOf): readonly string[] {
  const asMoved: NameOf = (index) => (index === from.index ? to.name : nameOf(index));
  const lines = (it: Belongings, names: NameOf): readonly string[] => [
    ...it.addresses.map((a) =>
      spellAddress(a, to.name, (label) => label).replace(/^(ip (?:-6 )?address add \S+).*$/, `$1 dev ${to.name}`),
    ),
    ...it.routes.flatMap((route) => /^ip (?:-6 )?route \S+ \S+ via \S+/.exec(spellRoute(route, names) ?? '') ?? []),
  ];
  const there = new Set(lines(seen, nameOf));
  return lines(wanted, asMoved).filter((it) => !there.has(it));
}

const withoutTimes = (line: string): string =>
  line.replaceAll(/ (valid_lft|preferred_lft|expires) \S+/g, '').replace(/ (nodad|mngtmpaddr)/g, '');

export interface Station {
  readonly family: number;
  readonly address: string;
  readonly bytes: Uint8Array;
}

const RTA_GATEWAY = 5;
const NDA_DST = 1;
const NUD_PROBE = 0x10;
const NTF_USE = 0x1;
/** Of a busy host's neighbours these are enough. */
const most = 32;

/** The routers that its routes lead to, and whoever it has lately spoken to. */
export function stationsOf(owned: Belongings): readonly Station[] {
  const found = new Map<string, Station>();
  const add = (family: number, bytes: Uint8Array | undefined): void => {
    if (bytes !== undefined && found.size < most) found.set(addressText(bytes), { family, address: addressText(bytes), bytes });
  };
  for (const it of owned.routes) add(it.family, rawOf(it.attributes, RTA_GATEWAY));
  for (const it of owned.neighbours) add(it.family, rawOf(it.attributes, NDA_DST));
  return [...found.values()];
}

/**
 * Which of them answer ARP or neighbour discovery on a link within so many milliseconds. The kernel asks: an entry in
 * state PROBE is asked by unicast (`nud_state` of ip-neighbour(8)), one without a MAC by broadcast.
 */
export async function whoAnswers(
  kernel: WholeTables,
  link: LinkRef,
  stations: readonly Station[],
  patienceMs: number,
): Promise<readonly string[]> {
  const known = belongingsOf(kernel.read(), link).neighbours;
  const end = performance.now() + patienceMs;
  let open = stations;
  const answered: string[] = [];
  for (let round = 0; ; round += 1) {
    // The kernel itself asks again after a second; a frame may be lost while a port begins to forward.
    if (round % 12 === 0) kernel.run(open.map((it) => probe(it, link, known)));
    await sleep(25);
    const states = new Map(
      kernel
        .read()
        .neighbours.filter((it) => it.link === link.index)
        .map((it) => [keyOf(it), it.state]),
    );
    answered.push(...open.filter((it) => states.get(it.address) === NUD_REACHABLE).map((it) => it.address));
    open = open.filter((it) => !answered.includes(it.address));
    if (open.length === 0 || performance.now() > end) return answered;
  }
}

const keyOf = (it: NeighbourMessage): string => addressText(rawOf(it.attributes, NDA_DST) ?? new Uint8Array(4));

function probe(it: Station, link: LinkRef, known: readonly NeighbourMessage[]): KernelChange {
  const entry = known.find((neighbour) => keyOf(neighbour) === it.address);
  const mac = entry && rawOf(entry.attributes, 2);
  const list = new AttributeList([{ type: NDA_DST, bytes: it.bytes }, ...(mac === undefined ? [] : [{ type: 2, bytes: mac }])]);
  const payload = encodeNeighbour({
    family: it.family,
    link: link.index,
    state: mac === undefined ? 0 : NUD_PROBE,
    flags: mac === undefined ? NTF_USE : 0,
    type: 0,
    attributes: list,
  });
  return {
    says: `ip neighbour replace ${it.address} dev ${link.name} nud probe`,
    type: RTM_NEWNEIGH,
    flags: NLM_F_CREATE | NLM_F_REPLACE,
    payload,
    // ENOBUFS: all networks of the machine share one table of neighbours, and it is full just now.
    tolerates: ['EINVAL', 'ENOBUFS'],
  };
}
