/**
 * When a log had which length: lines `LENGTH MILLISECONDS`, the oldest first, written about once a second while it
 * grows. So lines have times without a process that would read what a service writes: a line was written before the
 * first of these that covers it, and after the one before.
 */
import fs from 'node:fs';

interface Sample {
  /** Bytes. */
  readonly length: number;
  /** Milliseconds since 1970. */
  readonly at: number;
}

export interface LogTimes {
  /** When the line that ends at this offset had been written; undefined when that was after the last look. */
  timeOf(end: number): number | undefined;
  /** Offset at which what was written since then begins, to a second. */
  offsetAt(time: number): number;
}

export function parseTimes(text: string): readonly Sample[] {
  return text.split('\n').flatMap((line) => {
    const [, length, at] = /^(\d+) (\d+)$/.exec(line) ?? [];
    return length === undefined ? [] : [{ length: Number(length), at: Number(at) }];
  });
}

export function timesOf(samples: readonly Sample[]): LogTimes {
  return {
    timeOf: (end) => samples[firstIndex(samples, (it) => it.length >= end)]?.at,
    offsetAt: (time) => samples[firstIndex(samples, (it) => it.at >= time) - 1]?.length ?? 0,
  };
}

/** Of samples that are false up to somewhere and true from there on, the first that is true. */
function firstIndex(samples: readonly Sample[], isTrue: (it: Sample) => boolean): number {
  let [low, high] = [0, samples.length];
  while (low < high) {
    const middle = (low + high) >>> 1;
    const it = samples[middle];
    if (it !== undefined && isTrue(it)) high = middle;
    else low = middle + 1;
  }
  return low;
}

export function readSamples(file: string): readonly Sample[] {
  try {
    return parseTimes(fs.readFileSync(file, 'latin1'));
  } catch {
    return [];
  }
}

export const formatSample = ({ length, at }: Sample): string => `${length} ${at}\n`;
