/** Starts services, one spawner for all. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ServiceSpec } from '../../core/model.ts';
import { LandlineError } from '../../errors.ts';
import type { SandboxView } from '../index.ts';
import { isFolder, lookUp } from './command.ts';
import type { Folders } from './folders.ts';
import { type Generation, listGenerations, makeGeneration, readTrouble, takeAway } from './generation.ts';
import { formatMountLines, hidingTarget, isWithin, type Mount, prepareMounts } from './mounts.ts';
import type { Running, Start } from './running.ts';
import { makeMountPoints, writeSandboxFiles } from './sandbox-files.ts';
import { openSpawner, type Spawner } from './spawner.ts';
import { machineUsers, type RunAs, resolveUser } from './user.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A start takes ten milliseconds; hundreds at once on a busy machine take seconds. */
const START_MS = 60_000;

export interface Starter {
  start(view: SandboxView, service: ServiceSpec, digest: string): Promise<void>;
  variables(view: SandboxView, service: ServiceSpec): Readonly<Record<string, string>>;
  becoming(environment: string, service: ServiceSpec): readonly string[];
  /** Waits until no start of this service, or of any of the environment, is under way. */
  settled(environment: string, service?: string): Promise<void>;
  /** Runs the check of a service that runs; `onChecked` is told how it ended. */
  check(generation: Generation): Promise<void>;
  close(): Promise<void>;
}

export interface StarterOptions {
  readonly folders: Folders;
  readonly hiddenFolder: string;
  readonly running: Running;
  /** Told of a generation, as a path below the folders' directory. */
  readonly onChecked: (generation: string, exitStatus: number) => void;
  readonly log: (line: string, fields: Record<string, unknown>) => void;
}

export function makeStarter({ folders, hiddenFolder, running, onChecked, log }: StarterOptions): Starter {
  const searchPath = process.env.PATH ?? DEFAULT_PATH;
  /** Starts under way, by `ENVIRONMENT/SERVICE`. */
  const underWay = new Map<string, Promise<unknown>>();

  let spawner: Promise<Spawner> | undefined;
  let closing = false;

  /** One for all, and a new one when it has ended. */
  const currentSpawner = (): Promise<Spawner> => {
    // Our own commands are in the usual places, wherever services are to look.
    spawner ??= openSpawner({
      directory: folders.directory,
      hiddenFolder,
      searchPath: `${DEFAULT_PATH}:${searchPath}`,
      onChecked,
    }).then(
      (it) => {
        void it.ended.then((said) => {
          if (!closing) log('spawner of native services ended', { said });
          spawner = undefined;
        });
        return it;
      },
      (error: unknown) => {
        spawner = undefined;
        throw error;
      },
    );
    return spawner;
  };

  const start = async (view: SandboxView, service: ServiceSpec, digest: string): Promise<void> => {
    const { environment } = view;
    const { healthcheck } = service;
    const runAs = runAsOf(environment, service);
    const variables = variablesOf(view, service, searchPath, runAs);
    const workingDir = service.workingDir ?? view.directory;
    const mounts = mountsOf(folders, environment, service, runAs);
    await checkCommand(environment, service, workingDir, variables.PATH ?? DEFAULT_PATH);
    const become = await becoming(runAs, service, searchPath);
    for (const file of [...makeMountPoints(), ...missingTargets(mounts)]) log('file made to mount on', { file });
    writeSandboxFiles(folders, view);
    openLog(folders.log(environment, service.name), runAs);
    const netns = openNetns(view.netns);
    try {
      const through = await currentSpawner();
      const generation = makeGeneration(
        folders,
        { environment, service: service.name, now: Date.now() },
        {
          hostname: view.hostname,
          log: folders.log(environment, service.name),
          ownMounts: folders.ownMounts(environment),
          workingDir,
          variables,
          command: service.command,
          become,
          mounts: formatMountLines(mounts),
          ...(healthcheck === undefined ? {} : { check: { command: healthcheck.test, timeoutMs: healthcheck.timeoutMs } }),
        },
        { digest, stopSignal: service.stopSignal ?? 'SIGTERM', ...(healthcheck === undefined ? {} : { healthcheck }) },
      );
      await launch(folders, running, through, generation, netns);
      await removeFormer(folders, generation);
    } finally {
      fs.closeSync(netns);
    }
  };

  return {
    becoming: (environment, service) => {
      const runAs = runAsOf(environment, service);
      return runAs === undefined ? [] : becomingUser(runAs);
    },
    variables: (view, service) => variablesOf(view, service, searchPath, runAsOf(view.environment, service)),
    start: async (view, service, digest) => {
      const key = `${view.environment}/${service.name}`;
      if (running.get(view.environment, service.name) !== undefined || underWay.has(key)) throw new Error(`${key} runs already`);
      const work = start(view, service, digest);
      underWay.set(
        key,
        work.catch(() => undefined),
      );
      await work.finally(() => underWay.delete(key));
    },
    settled: async (environment, service) => {
      const wanted = (key: string): boolean =>
        service === undefined ? key.startsWith(`${environment}/`) : key === `${environment}/${service}`;
      await Promise.all([...underWay].filter(([key]) => wanted(key)).map(([, over]) => over));
    },
    check: async (generation) => {
      const through = await currentSpawner();
      through.check(path.relative(folders.directory, generation.folder));
    },
    close: async () => {
      closing = true;
      await Promise.all(underWay.values());
      await (await spawner)?.close();
    },
  };
}

/** As Docker gives them to a container, and nothing of the daemon's own: there may be secrets among those. */
function variablesOf(
  view: SandboxView,
  service: ServiceSpec,
  searchPath: string,
  runAs: RunAs | undefined,
): Readonly<Record<string, string>> {
  const home = runAs?.home ?? os.userInfo().homedir;
  return { PATH: searchPath, HOSTNAME: view.hostname, HOME: home, ...service.environment };
}

/** Undefined: root, as the daemon is. @throws LandlineError USER_UNKNOWN */
function runAsOf(environment: string, { name: service, user, groups }: ServiceSpec): RunAs | undefined {
  if (user === undefined && groups === undefined) return undefined;
  const found = resolveUser(user ?? '0', groups ?? [], machineUsers());
  if ('kind' in found) throw new LandlineError('USER_UNKNOWN', { environment, service, kind: found.kind, user: found.name });
  return found;
}

/** What stands before the command, so that it runs as whom and within the limits that are wished. @throws LandlineError PROGRAM_MISSING */
async function becoming(runAs: RunAs | undefined, { ulimits = [] }: ServiceSpec, searchPath: string): Promise<readonly string[]> {
  const spell = (limit: number): string => (limit === -1 ? 'unlimited' : String(limit));
  const limits = ulimits.map(({ name, soft, hard }) => `--${name}=${spell(soft)}:${spell(hard)}`);
  const words = [...(limits.length === 0 ? [] : ['prlimit', ...limits]), ...(runAs === undefined ? [] : becomingUser(runAs))];
  for (const program of ['prlimit', 'setpriv'].filter((it) => words.includes(it))) {
    const { kind } = await lookUp(program, '/', `${DEFAULT_PATH}:${searchPath}`);
    if (kind !== 'found')
      throw new LandlineError('PROGRAM_MISSING', { program, purpose: "for 'user' and 'ulimits' of services" });
  }
  return words;
}

function becomingUser({ uid, gid, groups }: RunAs): readonly string[] {
  return ['setpriv', `--reuid=${uid}`, `--regid=${gid}`, groups.length === 0 ? '--clear-groups' : `--groups=${groups.join(',')}`];
}

/** @throws LandlineError SERVICE_FAILED when something cannot be mounted as it is wished */
function mountsOf(
  folders: Folders,
  environment: string,
  { name: service, mounts = [] }: ServiceSpec,
  runAs: RunAs | undefined,
): readonly Mount[] {
  const refuse = (reason: string): LandlineError => {
    return new LandlineError('SERVICE_FAILED', { environment, service, ended: `cannot start: ${reason}`, log: [] });
  };
  const hiding = hidingTarget(mounts, folders.directory);
  if (hiding !== undefined) throw refuse(`what is mounted on ${hiding} would hide ${folders.directory}, which Landline needs`);
  try {
    return prepareMounts(mounts, folders.volumes(environment), service, runAs ?? { uid: 0, gid: 0 });
  } catch (error) {
    throw refuse(error instanceof Error ? error.message : String(error));
  }
}

/** What is not there to mount on, and is not in a mount itself. */
function missingTargets(mounts: readonly Mount[]): readonly string[] {
  const targets = mounts.map(({ target }) => target);
  return targets.filter((it) => !targets.some((other) => other !== it && isWithin(it, other)) && !fs.existsSync(it));
}

/** The service's own user may open its /dev/stdout anew. */
function openLog(file: string, runAs: RunAs | undefined): void {
  if (runAs === undefined) return;
  fs.mkdirSync(path.dirname(file), { recursive: true });
  const fd = fs.openSync(file, 'a', 0o644);
  fs.fchownSync(fd, runAs.uid, runAs.gid);
  fs.closeSync(fd);
}

async function checkCommand(
  environment: string,
  { name: service, command, mounts = [] }: ServiceSpec,
  workingDir: string,
  searchPath: string,
): Promise<void> {
  const [program = ''] = command;
  const refuse = (reason: string): LandlineError => {
    return new LandlineError('SERVICE_FAILED', { environment, service, ended: `cannot start: ${reason}`, log: [] });
  };
  // What is in a mount, the service alone sees.
  const isMounted = (file: string): boolean => mounts.some(({ target }) => isWithin(path.resolve(workingDir, file), target));
  if (!isMounted('.') && !(await isFolder(workingDir))) throw refuse(`there is no directory ${workingDir}`);
  if (program.includes('/') && isMounted(program)) return;
  const found = await lookUp(program, workingDir, searchPath);
  if (found.kind === 'missing') throw new LandlineError('COMMAND_MISSING', { environment, service, command: program });
  if (found.kind === 'unusable') throw refuse(`${found.file} is not an executable file`);
}

/** The spawner finds the namespace by this descriptor; it is closed as soon as the service is in it. */
function openNetns(file: string): number {
  try {
    return fs.openSync(file, 'r');
  } catch (error) {
    throw new LandlineError('TARGET_GONE', { target: file }, { cause: error });
  }
}

/** Has a generation started, and takes it away again if it does not come to run. */
async function launch(
  folders: Folders,
  running: Running,
  spawner: Spawner,
  generation: Generation,
  netns: number,
): Promise<void> {
  const start = running.expect(generation);
  spawner.start(path.relative(folders.directory, generation.folder), netns);
  const reason = await whyNot(start, spawner);
  if (reason === undefined) return;
  start.abandon();
  const { environment, service } = generation;
  const log = readTrouble(generation);
  await takeAway(folders, generation);
  throw new LandlineError('SERVICE_FAILED', { environment, service, ended: reason, log });
}

/** Waits for a start; undefined when the service runs. */
async function whyNot(start: Start, spawner: Spawner): Promise<string | undefined> {
  const timer = new AbortController();
  const late = sleep(START_MS, `was not started within ${START_MS / 1000} s`, { signal: timer.signal }).catch(() => undefined);
  const reason = await Promise.race([
    start.running.then(() => undefined),
    start.over.then(() => 'could not be started'),
    spawner.ended.then((said) => `could not be started, because the spawner ended${said === '' ? '' : `: ${said}`}`),
    late,
  ]);
  timer.abort();
  return reason;
}

/** What a service was before: its newest start alone is kept. */
async function removeFormer(folders: Folders, current: Generation): Promise<void> {
  const all = await listGenerations(folders, current.environment, current.service);
  for (const former of all.filter((it) => it.id !== current.id)) await takeAway(folders, former);
}
