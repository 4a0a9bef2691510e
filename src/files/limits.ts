/** `user`, `group_add` and `ulimits` of a service: as whom it runs, and how much it may take. */
import { z } from 'zod';
import type { UlimitSpec } from '../core/model.ts';
import type { Mistake } from './not-yet.ts';
import { meaning, suggest, text } from './shape.ts';

const part = /^([a-zA-Z0-9_][a-zA-Z0-9_.-]*\$?)$/;

function parseUser(written: string): string | Mistake {
  const parts = written.split(':');
  if (parts.length <= 2 && parts.every((it) => part.test(it))) return written;
  return { mistake: `'${written}' is no user`, next: 'write USER or USER:GROUP, each a name or a number' };
}

export const userSchema = text('a name or a number, with a group if need be', 'www-data', parseUser);

const parseGroup = (written: string): string | Mistake =>
  part.test(written) ? written : { mistake: `'${written}' is no group`, next: 'write a name or a number' };

export const groupsSchema = z
  .array(z.union([text('a name or a number', 'adm', parseGroup), meaning(z.int().min(0), (it) => String(it))]))
  .meta({ examples: [['adm']] });

/** Those of prlimit(1), in Docker's names. */
const names = 'as core cpu data fsize locks memlock msgqueue nice nofile nproc rss rtprio rttime sigpending stack'.split(' ');

const limit = z
  .int()
  .min(-1)
  .meta({ description: '-1: no limit', examples: [65_536] });

const pairSchema = z
  .strictObject({ soft: limit, hard: limit })
  .meta({ title: 'a limit', examples: [{ soft: 1024, hard: 65_536 }] });

function parseLimits(
  written: Readonly<Record<string, number | { soft: number; hard: number }>>,
): readonly UlimitSpec[] | Mistake {
  const limits = Object.entries(written).map(([name, it]) => ({
    name,
    ...(typeof it === 'number' ? { soft: it, hard: it } : it),
  }));
  const unknown = limits.find(({ name }) => !names.includes(name));
  if (unknown !== undefined) return { mistake: `there is no limit '${unknown.name}'`, next: suggest(unknown.name, names) };
  const above = limits.find(({ soft, hard }) => hard !== -1 && (soft === -1 || soft > hard));
  if (above !== undefined)
    return { mistake: `the soft limit of '${above.name}' is above its hard one`, next: 'write a soft limit that is no larger' };
  return limits.sort((a, b) => (a.name < b.name ? -1 : 1));
}

export const ulimitsSchema = meaning(z.record(z.string(), z.union([limit, pairSchema])), parseLimits).meta({
  examples: [{ nofile: 65_536 }],
});
