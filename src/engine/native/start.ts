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
import type { Running, Start } from './running.ts';
import { makeMountPoints, writeSandboxFiles } from './sandbox-files.ts';
import { openSpawner, type Spawner } from './spawner.ts';

const DEFAULT_PATH = '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin';
/** A start takes ten milliseconds; hundreds at once on a busy machine take seconds. */
const START_MS = 60_000;

export interface Starter {
  start(view: SandboxView, service: ServiceSpec, digest: string): Promise<void>;
  variables(view: SandboxView, service: ServiceSpec): Readonly<Record<string, string>>;
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
    const variables = variablesOf(view, service, searchPath);
    const workingDir = service.workingDir ?? view.directory;
    await checkCommand(environment, service, workingDir, variables.PATH ?? DEFAULT_PATH);
    for (const file of makeMountPoints()) log('file made to mount on', { file });
    writeSandboxFiles(folders, view);
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
          ...(healthcheck === undefined ? {} : { check: { command: healthcheck.test, timeoutMs: healthcheck.timeoutMs } }),
        },
        { digest, stopSignal: service.stopSignal, ...(healthcheck === undefined ? {} : { healthcheck }) },
      );
      await launch(folders, running, through, generation, netns);
      await removeFormer(folders, generation);
    } finally {
      fs.closeSync(netns);
    }
  };

  return {
    variables: (view, service) => variablesOf(view, service, searchPath),
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
      const mine = service === undefined ? `${environment}/` : `${environment}/${service}`;
      await Promise.all(
        [...underWay].map(([key, over]) => (key === mine || (service === undefined && key.startsWith(mine)) ? over : undefined)),
      );
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
function variablesOf(view: SandboxView, service: ServiceSpec, searchPath: string): Readonly<Record<string, string>> {
  return { PATH: searchPath, HOSTNAME: view.hostname, HOME: os.userInfo().homedir, ...service.environment };
}

async function checkCommand(
  environment: string,
  { name: service, command }: ServiceSpec,
  workingDir: string,
  searchPath: string,
): Promise<void> {
  const [program = ''] = command;
  const refuse = (reason: string): LandlineError => {
    return new LandlineError('SERVICE_FAILED', { environment, service, ended: `cannot start: ${reason}`, log: [] });
  };
  if (!(await isFolder(workingDir))) throw refuse(`there is no directory ${workingDir}`);
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
