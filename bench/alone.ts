/**
 * Measurements in namespaces of their own: a child process in a network, a mount and a PID namespace that nobody else has.
 * Whatever it makes ends with it, programs too, for it is the init of their PID namespace; and it ends with this process,
 * however that ended.
 */
import { spawn } from 'node:child_process';
import path from 'node:path';
import { text } from 'node:stream/consumers';

const program = path.join(import.meta.dirname, 'alone/main.ts');

/** Runs one of the measurements of alone/main.ts. @returns what it found, in that one's own shape */
export async function runAlone(measurement: string, options: object): Promise<unknown> {
  const namespaces = ['--net', '--mount', '--propagation', 'private', '--pid', '--fork', '--kill-child', '--mount-proc'];
  const command = [process.execPath, program, measurement, JSON.stringify(options)];
  const child = spawn('unshare', [...namespaces, ...command], { stdio: ['pipe', 'pipe', 'inherit'] });
  const ended = new Promise<number | null>((resolve, reject) => child.once('error', reject).once('close', resolve));
  const said = await text(child.stdout);
  const status = await ended;
  if (status !== 0) throw new Error(`the measurement of ${measurement} ended with status ${status}`);
  return JSON.parse(said);
}
