/** Signals by name and number: Linux on x86 and arm64 (signal(7)), without the real-time ones. */
import { nearest } from '../net/name.ts';
import type { Mistake } from './not-yet.ts';

const names =
  'HUP INT QUIT ILL TRAP ABRT BUS FPE KILL USR1 SEGV USR2 PIPE ALRM TERM STKFLT CHLD CONT STOP TSTP TTIN TTOU URG XCPU XFSZ VTALRM PROF WINCH IO PWR SYS'.split(
    ' ',
  );

/** `SIGTERM`, `TERM`, `sigterm` or `15` → `SIGTERM`. */
export function parseSignal(text: string): string | Mistake {
  const bare = text.toUpperCase().replace(/^SIG/, '');
  const name = /^\d+$/.test(text) ? names[Number(text) - 1] : names.find((one) => one === bare);
  if (name !== undefined) return `SIG${name}`;
  const near = nearest(bare, names);
  const mistake = `'${text}' is no signal`;
  if (/^RTM(IN|AX)/.test(bare))
    return {
      mistake: `real-time signals such as '${text}' are not part of this version`,
      next: 'write SIGTERM or another signal below 32',
    };
  return { mistake, next: near === undefined ? 'write its name, as in SIGTERM' : `did you mean 'SIG${near}'?` };
}
