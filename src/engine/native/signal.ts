/** Signals by name. */
import os from 'node:os';

/** The C library keeps the first two real-time signals of the kernel's 32 to 64 for its threads (signal(7)). */
const SIGRTMIN = 34;
const SIGRTMAX = 64;

/** Number of a signal: SIGTERM → 15, SIGRTMIN+3 → 37. @throws Error when there is none of that name. */
export function signalNumber(name: string): number {
  const realTime = /^SIGRT(MIN|MAX)(?:([+-])(\d+))?$/.exec(name);
  const number = realTime === null ? ordinary(name) : realTimeNumber(realTime);
  if (number === undefined) throw new Error(`there is no signal ${name}`);
  return number;
}

function ordinary(name: string): number | undefined {
  return Object.entries(os.constants.signals).find(([it]) => it === name)?.[1];
}

function realTimeNumber([, end, sign, distance = '0']: RegExpExecArray): number | undefined {
  const number = (end === 'MIN' ? SIGRTMIN : SIGRTMAX) + (sign === '-' ? -1 : 1) * Number(distance);
  return number >= SIGRTMIN && number <= SIGRTMAX ? number : undefined;
}
