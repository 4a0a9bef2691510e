/** Times as people write them behind `--since` and `--at`. */
import { LandlineError } from '../errors.ts';
import { parseDuration } from '../files/index.ts';

/**
 * `10m` is ten minutes before `now`, in milliseconds since 1970; else a time: `2026-01-31T14:05`, `14:05`.
 * @throws LandlineError USAGE, which names the option
 */
export function parseSince(option: string, written: string, now: number): string {
  const ago = parseDuration(written);
  if (typeof ago === 'number') return new Date(now - ago).toISOString();
  const today = new Date(now - new Date(now).getTimezoneOffset() * 60_000).toISOString().slice(0, 10);
  const text = /^\d\d?:\d\d(:\d\d)?$/.test(written) ? `${today}T${written.padStart(5, '0')}` : written;
  // Date.parse takes other words for years: '5' is 2001.
  const time = /^\d{4}-\d\d-\d\d/.test(text) ? Date.parse(text) : Number.NaN;
  if (Number.isNaN(time)) {
    throw new LandlineError('USAGE', {
      problem: `${option}: '${written}' is no time`,
      advice: 'write 10m, 14:05, or 2026-01-31T14:05',
    });
  }
  return new Date(time).toISOString();
}
