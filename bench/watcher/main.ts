/**
 * Runs on the pc: opens a connection to port 80 of an address every so many milliseconds, both of them its arguments, whatever
 * became of those before. For each line on stdin it says how long, in milliseconds, nobody has taken any since the last line, at the longest:
 * from the first one that nobody took to the next that somebody did.
 */
import net from 'node:net';
import { createInterface } from 'node:readline';

/** What nobody has taken by then, nobody will: a lost SYN is sent again after a second. */
const patienceMs = 200;

const [, , address = '', every = '5'] = process.argv;
let knocks: { readonly at: number; isTaken: boolean }[] = [];

function knock(): void {
  const it = { at: performance.now(), isTaken: false };
  knocks.push(it);
  const socket = net.connect({ host: address, port: 80, timeout: patienceMs });
  socket.on('connect', () => {
    it.isTaken = true;
    socket.resetAndDestroy();
  });
  socket.on('timeout', () => socket.destroy()).on('error', () => undefined);
}

function longestSilence(): number {
  let longest = 0;
  let begin: number | undefined;
  for (const { at, isTaken } of knocks) {
    if (!isTaken) begin ??= at;
    else if (begin !== undefined) {
      longest = Math.max(longest, at - begin);
      begin = undefined;
    }
  }
  return longest;
}

const lines = createInterface(process.stdin);
lines.on('line', () => {
  setTimeout(() => {
    process.stdout.write(`${longestSilence()}\n`);
    knocks = [];
  }, 2 * patienceMs);
});
const timer = setInterval(knock, Number(every));
lines.on('close', () => clearInterval(timer));
