/** Sizes as Compose writes them: bytes, or a number with a unit of 1024 (docker/go-units, RAMInBytes). */
import { z } from 'zod';
import type { Mistake } from './not-yet.ts';
import { text } from './shape.ts';

const units: Readonly<Record<string, number>> = { b: 0, k: 1, m: 2, g: 3, t: 4, p: 5 };

/** `64m` → 67 108 864 */
export function parseSize(written: string): number | Mistake {
  const [, count, unit = 'b'] = /^(\d+(?:\.\d+)?) ?([bkmgtp])?(?:(?<=[kmgtp])i?b)?$/i.exec(written) ?? [];
  const bytes = Math.floor(Number(count) * 1024 ** (units[unit.toLowerCase()] ?? 0));
  if (count !== undefined && Number.isSafeInteger(bytes)) return bytes;
  return { mistake: `'${written}' is no size`, next: "write bytes, or a number with a unit, as in '64m' or '1.5g'" };
}

/** @param endless whether -1 stands for no limit */
export const sizeSchema = (description: string, { endless = false } = {}) =>
  z
    .union([
      text(description, '64m', (written): number | Mistake => (endless && written === '-1' ? -1 : parseSize(written))),
      z.int().min(endless ? -1 : 0),
    ])
    .meta({ description, examples: ['64m'] });
