/** Runs on the pc: opens http://ADDRESS/ for each line on stdin, until it has answered, and says so on stdout. */
import net from 'node:net';
import { createInterface } from 'node:readline';
import { setTimeout as sleep } from 'node:timers/promises';

const patienceMs = 20_000;

/** The whole answer of one try; what went wrong is no answer. */
function fetchOnce(address: string): Promise<string> {
  return new Promise((resolve) => {
    let said = '';
    const socket = net.connect({ host: address, port: 80, timeout: 1000 });
    socket.setEncoding('latin1').on('data', (text) => {
      said += String(text);
    });
    socket.on('timeout', () => socket.destroy()).on('error', () => undefined);
    socket.on('close', () => resolve(said));
    socket.write('GET / HTTP/1.0\r\n\r\n');
  });
}

async function open(address: string): Promise<void> {
  const end = performance.now() + patienceMs;
  while (!/^HTTP\/1\.\d 200 /.test(await fetchOnce(address))) {
    if (performance.now() > end) throw new Error(`http://${address}/ does not answer`);
    await sleep(10);
  }
  process.stdout.write(`${address}\n`);
}

createInterface(process.stdin).on('line', (address) => void open(address));
process.stdout.write('ready\n');
