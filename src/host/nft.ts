/**
 * The door to the firewall of this host: nft(8) in the daemon's own namespace, one transaction for each call.
 *
 * Promises: all commands of a call take effect at one instant, or none; nothing blocks the event loop while nft runs.
 * It decides nothing, and knows of no table.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import fs from 'node:fs';
import { LandlineError } from '../errors.ts';
import { openMemory } from './ffi.ts';
import { type Destination, forgetConnections, openNetfilter, readGeneration, watchRuleset } from './netfilter-socket.ts';
import type { Transactions } from './transactions.ts';

export type { Destination } from './netfilter-socket.ts';

export interface Nft {
  /**
   * `nft -j -f -`: libnftables-json(5) commands. `doing` completes "the firewall refused to …".
   * @throws LandlineError FIREWALL_REFUSED with nft's own words, PROGRAM_MISSING
   */
  run(doing: string, commands: readonly unknown[]): Promise<void>;
  /** `nft -j list WHAT`: the JSON document; undefined where there is no such thing. @throws as `run` */
  list(...what: readonly string[]): Promise<unknown>;
  /** A number that every change of the ruleset raises by one, whoever made it. */
  generation(): number;
  /** Told after each change, ours too. */
  watch(onChange: () => void): { close(): void };
  /** Ends the tracking of connections that lead to these places, so that their next packets find their way anew. */
  forget(destinations: readonly Destination[]): Promise<void>;
  close(): void;
}

export function openNft(): Nft {
  let opened: Transactions | undefined;
  // Not before it is needed: a kernel without netfilter serves LAN networks well.
  const socket = (): Transactions => {
    opened ??= openNetfilter();
    return opened;
  };
  return {
    run: async (doing, commands) => {
      const { status, said } = await runNft(['-j', '-f', '-'], JSON.stringify({ nftables: commands }));
      if (status !== 0) throw new LandlineError('FIREWALL_REFUSED', { doing, says: said });
    },
    list,
    generation: () => readGeneration(socket()),
    watch: watchRuleset,
    forget: (destinations) => forgetConnections(socket(), destinations),
    close: () => void opened?.close(),
  };
}

async function list(...what: readonly string[]): Promise<unknown> {
  const { status, output, said } = await runNft(['-j', 'list', ...what], '');
  if (status === 0) return JSON.parse(output);
  if (said.includes('No such file or directory')) return undefined;
  throw new LandlineError('FIREWALL_REFUSED', { doing: `list ${what.join(' ')}`, says: said });
}

interface Outcome {
  readonly status: number;
  readonly output: string;
  /** What it complained of, on one line. */
  readonly said: string;
}

/** Where Debian keeps nft, and a user's PATH may not lead. */
const path = `${process.env.PATH ?? ''}:/usr/sbin:/sbin`;

/** `-f -` opens /dev/stdin anew, which the sockets that Node has for pipes do not allow: its input is a file in memory. */
async function runNft(args: readonly string[], input: string): Promise<Outcome> {
  const stdin = openMemory('nft');
  try {
    // At a position, so that the file is still at its beginning for nft.
    fs.writeSync(stdin, input, 0);
    return await awaitEnd(spawn('nft', args, { stdio: [stdin, 'pipe', 'pipe'], env: { PATH: path, LC_ALL: 'C' } }));
  } finally {
    fs.closeSync(stdin);
  }
}

function awaitEnd(child: ChildProcess): Promise<Outcome> {
  const texts = { output: '', said: '' };
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    texts.output += text;
  });
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    texts.said += text;
  });
  return new Promise((resolve, reject) => {
    child.on('error', (error: NodeJS.ErrnoException) => {
      const purpose = 'for networks of kind `bridge` and for published ports';
      reject(
        error.code === 'ENOENT' ? new LandlineError('PROGRAM_MISSING', { program: 'nft', purpose }, { cause: error }) : error,
      );
    });
    child.on('close', (code, signal) => {
      const said = oneLine(texts.said) || `it ended with ${signal ?? `status ${code}`}`;
      resolve({ status: code ?? 1, output: texts.output, said });
    });
  });
}

/** `internal:0:0-0: Error: Could not process rule: File exists`, without the place that JSON has not. */
function oneLine(text: string): string {
  const lines = text.split('\n').map((line) => line.replace(/^internal:0:0-0: /, '').trim());
  return lines.filter((line) => line !== '').join('; ');
}
