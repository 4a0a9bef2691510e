/**
 * Which of many names no longer stand as they should, in few messages and without a zone transfer: an update that changes
 * nothing, whose prerequisites are what should stand at all of them (RFC 2136 section 2.4.2). The server says whether they
 * hold; where they do not, each half is asked for alone.
 */
import { type ResourceRecord, rcodeName } from '../../wire/dns/message.ts';

/** A name, and what the server is to find true of it. */
export interface Expected {
  readonly name: string;
  readonly prerequisites: readonly ResourceRecord[];
}

/** A message over TCP has 65,535 bytes at most; a record with its name is far below this estimate. */
const mostBytes = 24_000;

/** When so many messages have found a difference, the rest is taken for different, too: somebody has emptied the zone. */
const mostMisses = 64;

/** @param ask sends prerequisites, and tells the code of the answer. @returns the names at which they do not hold */
export async function findDifferent(
  expected: readonly Expected[],
  ask: (prerequisites: readonly ResourceRecord[]) => Promise<number>,
): Promise<readonly string[]> {
  const different: string[] = [];
  let misses = 0;
  const search = async (some: readonly Expected[]): Promise<void> => {
    const outcome = misses < mostMisses ? outcomeOf(await ask(some.flatMap((it) => it.prerequisites))) : 'unknown';
    if (outcome === 'holds') return;
    misses += 1;
    if (outcome === 'unknown' || some.length === 1) different.push(...some.map((it) => it.name));
    else {
      const middle = Math.ceil(some.length / 2);
      await search(some.slice(0, middle));
      await search(some.slice(middle));
    }
  };
  for (const some of inMessages(expected)) await search(some);
  return different;
}

/** A server that does not answer such a question leaves it open. */
function outcomeOf(rcode: number): 'holds' | 'differs' | 'unknown' {
  const code = rcodeName(rcode);
  if (code === 'NOERROR') return 'holds';
  return ['YXDOMAIN', 'YXRRSET', 'NXDOMAIN', 'NXRRSET'].includes(code) ? 'differs' : 'unknown';
}

function inMessages(expected: readonly Expected[]): readonly (readonly Expected[])[] {
  const messages: Expected[][] = [];
  let left = 0;
  for (const it of expected) {
    const bytes = it.prerequisites.reduce((sum, { name, data }) => sum + name.length + JSON.stringify(data).length + 12, 0);
    if (bytes > left) {
      messages.push([]);
      left = mostBytes;
    }
    messages.at(-1)?.push(it);
    left -= bytes;
  }
  return messages;
}
