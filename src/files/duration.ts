/** Durations as Compose writes them (and Go's time.ParseDuration reads them). */
import type { Mistake } from './not-yet.ts';

const milliseconds: Readonly<Record<string, number>> = {
  h: 3_600_000,
  m: 60_000,
  s: 1_000,
  ms: 1,
  us: 0.001,
  µs: 0.001,
  ns: 0.000_001,
};

const DAY = 24 * 3_600_000;

/** `1m30s` → 90 000 ms, rounded to whole milliseconds; at most a day. */
export function parseDuration(text: string): number | Mistake {
  if (text === '0') return 0;
  if (/^\d+$/.test(text)) return { mistake: `'${text}' has no unit`, next: `write '${text}s' for seconds` };
  if (!/^(\d+(\.\d+)?(h|ms|m|us|µs|ns|s))+$/.test(text))
    return { mistake: `'${text}' is no duration`, next: "write it as in '1m30s' or '500ms'" };
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(h|ms|m|us|µs|ns|s)/g)];
  const sum = parts.reduce((so, [, count, unit]) => so + Number(count) * (milliseconds[unit ?? ''] ?? 0), 0);
  return sum > DAY ? { mistake: `'${text}' is longer than a day`, next: 'write 24h or less' } : Math.round(sum);
}
