/** `landline lab up`: makes the office, or finds it made. */
import { LandlineError } from '../errors.ts';
import { type Host, openHost } from '../host/index.ts';
import { buildLab, startAllPrograms } from './build.ts';
import { clearLab } from './clear.ts';
import { describeOffice, type OfficeOptions } from './describe.ts';
import { withLock } from './lock.ts';
import { isProgramRunning } from './programs.ts';
import { type LabRecord, labExists, readRecord, stateOf, writeRecord } from './record.ts';
import { describeLab, type LabStatus } from './status.ts';

export interface LabWish extends Partial<OfficeOptions> {
  readonly name: string;
  readonly onProgress?: (line: string) => void;
}

/** `made` is false where the lab was there already. */
export type LabUp = LabStatus & { readonly made: boolean };

type Say = (line: string) => void;

/** See index.ts. */
export async function bringUp(wish: LabWish): Promise<LabUp> {
  const {
    name,
    plainNic = false,
    daemon = true,
    docker = false,
    secondLan = false,
    dns = false,
    onProgress: say = () => {},
  } = wish;
  const host = openHost();
  try {
    return await withLock(name, waiting(name, say), async () => {
      const record = readRecord(name);
      const made = record === undefined || stateOf(record) !== 'running';
      const options = { plainNic, daemon, docker, secondLan, dns };
      if (made) await buildAnew(host, name, options, say);
      else await keep(name, record, options, say);
      return { ...(await describeLab(host, name)), made };
    });
  } finally {
    host.close();
  }
}

const waiting = (name: string, say: Say) => () => say(`another command is at work on the lab '${name}': waiting for it`);

async function buildAnew(host: Host, name: string, options: OfficeOptions, say: Say): Promise<void> {
  if (labExists(name)) {
    say(`clearing away what is left of the lab '${name}'`);
    await clearLab(name);
  }
  await buildLab(host, name, options, say);
  say(`the lab '${name}' is up`);
}

/** A lab that is whole stays as it is, but for programs that have ended: they are started again. */
async function keep(name: string, record: LabRecord, options: OfficeOptions, say: Say): Promise<void> {
  say(`the lab '${name}' is up already`);
  if (describeOptions(record.options) !== describeOptions(options)) {
    const doing = `make '${name}' with ${describeOptions(options)}`;
    throw new LandlineError('LAB_FAILED', { doing, reason: `it is there already, with ${describeOptions(record.options)}` });
  }
  if (await allProgramsRun(record)) return;
  writeRecord(name, { ...record, machines: await startAllPrograms(describeOffice(options), record.machines, say) });
}

async function allProgramsRun({ machines }: LabRecord): Promise<boolean> {
  const running = await Promise.all(machines.flatMap((machine) => machine.programs.map((it) => isProgramRunning(machine, it))));
  return !running.includes(false);
}

const describeOptions = (it: OfficeOptions): string =>
  [
    it.plainNic ? "the host's address on ens33" : 'br0 on the host',
    `${it.daemon ? 'the' : 'no'} daemon`,
    `${it.docker ? 'a' : 'no'} Docker`,
    ...(it.secondLan === true ? ['a second LAN'] : []),
    ...(it.dns === true ? ['a DNS server'] : []),
  ].join(', ');
