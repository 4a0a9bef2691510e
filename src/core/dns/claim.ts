/**
 * Taking, keeping and giving back a name, as updates with prerequisites: the server itself refuses what would touch a
 * record that is not ours, in the same transaction, so that there is no moment between looking and changing.
 *
 * Each function tells the next thing to do; whoever does it tells what the server said. See docs/decisions on ownership.
 */

import type { ResourceRecord } from '../../wire/dns/message.ts';
import { rcodeName } from '../../wire/dns/message.ts';
import type { RecordData, TypeName } from '../../wire/dns/records/index.ts';
import { add, exactly, nameInUse, nameNotInUse, noneOf, remove, type Update } from '../../wire/dns/update.ts';
import { formatData } from './format.ts';
import { describeHolder, type Owner, ownerRecord, parseOwner } from './owner.ts';

/** What is to stand at a name, and what may stand there of ours. */
export interface Claim {
  readonly zone: string;
  readonly name: string;
  readonly owner: Owner;
  /** Seconds. */
  readonly ttl: number;
  /** Without the owner's record. Empty: the name is given back. */
  readonly wanted: readonly RecordData[];
  /** What we have put there before, or tried to, and no longer want; undefined when nothing is remembered. */
  readonly former: readonly RecordData[] | undefined;
}

/** How a name is tried for. */
type Attempt =
  /** It has no records at all. */
  | 'take'
  /** It bears our mark. */
  | 'keep'
  /** It has just our addresses, and somebody took the mark away. */
  | 'adopt';

export type ClaimStep =
  /** Send it, and tell the code of the answer to {@link afterUpdate}. */
  | { readonly do: 'update'; readonly attempt: Attempt; readonly update: Update }
  /** Ask for these types of the name, and tell the records to {@link afterLook}. */
  | { readonly do: 'look'; readonly types: readonly TypeName[] }
  | { readonly do: 'done' }
  /** Somebody else has it: what was seen of the name is theirs. */
  | { readonly do: 'yield'; readonly holder: string; readonly seen: readonly RecordData[] }
  /** The server does not make this update. */
  | { readonly do: 'fail'; readonly rcode: string };

/** Types that tell whose a name is, and that stand in the way of ours. */
const looked: readonly TypeName[] = ['TXT', 'A', 'AAAA', 'PTR', 'CNAME'];
const ours: readonly string[] = ['A', 'AAAA', 'PTR'];

const same = (a: RecordData, b: RecordData): boolean => formatData(a) === formatData(b);
const without = (those: readonly RecordData[], these: readonly RecordData[]): readonly RecordData[] =>
  those.filter((it) => !these.some((other) => same(it, other)));

export function firstStep(claim: Claim): ClaimStep {
  return claim.former === undefined ? take(claim) : keep(claim, [ownerRecord(claim.owner)]);
}

function take(claim: Claim): ClaimStep {
  const { zone, name } = claim;
  return { do: 'update', attempt: 'take', update: { zone, prerequisites: [nameNotInUse(name)], changes: additions(claim) } };
}

/** @param marks all the TXT records of the name, ours among them */
function keep(claim: Claim, marks: readonly RecordData[], former = claim.former ?? []): ClaimStep {
  const { zone, name, owner, wanted } = claim;
  const removals = without(former, wanted).map((it) => remove(name, it));
  const changes = wanted.length > 0 ? [...removals, ...additions(claim)] : [...removals, remove(name, ownerRecord(owner))];
  return { do: 'update', attempt: 'keep', update: { zone, prerequisites: marks.map((it) => exactly(name, it)), changes } };
}

/** @param seen all the records of the name of the types that are ours */
function adopt(claim: Claim, seen: readonly RecordData[]): ClaimStep {
  const { zone, name, wanted } = claim;
  const prerequisites = [noneOf(name, 'TXT'), ...seen.map((it) => exactly(name, it))];
  const changes = [...without(seen, wanted).map((it) => remove(name, it)), ...additions(claim)];
  return { do: 'update', attempt: 'adopt', update: { zone, prerequisites, changes } };
}

const additions = ({ name, ttl, owner, wanted }: Claim): Update['changes'] =>
  [ownerRecord(owner), ...wanted].map((it) => add(name, ttl, it));

export function afterUpdate(rcode: number): ClaimStep {
  const code = rcodeName(rcode);
  if (code === 'NOERROR') return { do: 'done' };
  // The prerequisite did not hold (RFC 2136 section 2.4).
  if (['YXDOMAIN', 'YXRRSET', 'NXDOMAIN', 'NXRRSET'].includes(code)) return { do: 'look', types: looked };
  return { do: 'fail', rcode: code };
}

/** @param seen all the records of the name of the types that were asked for */
export function afterLook(claim: Claim, seen: readonly RecordData[]): ClaimStep {
  const isLeaving = claim.wanted.length === 0;
  const texts = seen.filter((it) => it.kind === 'TXT');
  const addresses = seen.filter((it) => ours.includes(it.kind));
  if (texts.some((it) => isOwner(it, claim.owner))) {
    return keep(claim, texts, claim.former ?? addresses);
  }
  if (isLeaving) return { do: 'done' };
  if (seen.length === 0) return take(claim);
  const isOurs = without(addresses, [...(claim.former ?? []), ...claim.wanted]).length === 0;
  if (claim.former !== undefined && addresses.length === seen.length && isOurs) return adopt(claim, addresses);
  return { do: 'yield', holder: describeHolder(seen, claim.owner.installation), seen };
}

/** What is true of a name while it is ours and as it was written. */
export const whileOurs = (name: string, owner: Owner, data: readonly RecordData[]): readonly ResourceRecord[] =>
  [ownerRecord(owner), ...data].map((it) => exactly(name, it));

/** What is true of a name while it stands as when we yielded it. */
export const whileHeld = (name: string, seen: readonly RecordData[]): readonly ResourceRecord[] => [
  nameInUse(name),
  ...seen.map((it) => exactly(name, it)),
];

function isOwner(data: RecordData, { installation, environment }: Owner): boolean {
  const owner = parseOwner(data);
  return owner?.installation === installation && owner.environment === environment;
}
