/**
 * The native engine: services as plain processes of this machine, each with its own mount, pid and uts namespaces,
 * in the network namespace of its environment.
 *
 * Promises those of {@link Engine}. What it knows is in files and in the kernel: a daemon that was killed at any
 * moment leaves nothing that the next one does not find, and never two copies of a service. Services see the host's
 * files.
 */
import fs from 'node:fs/promises';
import path from 'node:path';
import type { Engine } from '../index.ts';
import { deleteFolder, foldersIn, listFolders, putAside } from './folders.ts';
import { listGenerations, readRecord, takeAway } from './generation.ts';
import { watchHealth } from './health-watch.ts';
import { keepLogs, type LogLimits, usualLimits } from './log-keeper.ts';
import { readLogs } from './logs.ts';
import { guardMounts } from './mount-guard.ts';
import { findServices, observeService } from './observe.ts';
import { makeRunning, type RunningService } from './running.ts';
import { writeCommonMounts, writeSandboxFiles } from './sandbox-files.ts';
import { signalNumber } from './signal.ts';
import { makeStarter } from './start.ts';

export interface NativeEngineOptions {
  /** Where it keeps its state: `/var/lib/landline/services`. */
  readonly directory: string;
  /** The folder in which network namespaces are bound: services do not see it, and so do not keep them alive. */
  readonly hiddenFolder: string;
  readonly log: (line: string, fields: Record<string, unknown>) => void;
  readonly logLimits?: LogLimits;
}

/** The engine `native`. Needs root, and sh, env, mount, nsenter, setsid and unshare in the PATH. */
export function openNativeEngine({ directory, hiddenFolder, log, logLimits = usualLimits }: NativeEngineOptions): Engine {
  const folders = foldersIn(path.resolve(directory));
  const listeners = new Set<(environment: string, service: string) => void>();
  const running = makeRunning((environment, service) => {
    health.end(environment, service);
    keeper.look(environment, service);
    for (const listener of listeners) listener(environment, service);
  });
  const healthListeners = new Set<(environment: string, service: string) => void>();
  const health = watchHealth({
    run: (generation) => {
      // A spawner that cannot be opened: the check is lost, and has failed when its time is up.
      starter.check(generation).catch(() => undefined);
    },
    onChange: (environment, service, { state }) => {
      log('service health', { environment, service, health: state });
      for (const listener of healthListeners) listener(environment, service);
    },
  });
  const starter = makeStarter({ folders, hiddenFolder, running, onChecked: health.hear, log });
  const keeper = keepLogs(folders, running, logLimits, log);
  const guard = guardMounts(folders, running, log);

  return {
    name: 'native',
    open: async () => {
      await fs.mkdir(folders.directory, { recursive: true, mode: 0o700 });
      await deleteFolder(folders.removed);
      writeCommonMounts(folders);
      await Promise.all((await listFolders(folders.directory)).map((it) => findServices(folders, running, it, log)));
      guard.look();
      const checked = running.list().flatMap(({ generation }) => {
        const check = readRecord(generation)?.healthcheck;
        return check === undefined ? [] : [{ generation, check }];
      });
      for (const it of checked) health.begin(it.generation, it.check, { among: checked.length });
    },
    environments: () => listFolders(folders.directory),
    observe: async (environment) => {
      const services = await listFolders(folders.services(environment));
      return await Promise.all(services.map((service) => observeService(folders, running, health, environment, service)));
    },
    refresh: async (view) => {
      writeSandboxFiles(folders, view);
      guard.look(view.environment);
    },
    start: async (view, service, digest) => {
      await starter.start(view, service, digest);
      // Unless it has ended already.
      const it = running.get(view.environment, service.name);
      if (it !== undefined && service.healthcheck !== undefined) health.begin(it.generation, service.healthcheck);
    },
    variables: starter.variables,
    becoming: starter.becoming,
    stop: async (environment, service, { signal, graceMs }) => {
      const number = signalNumber(signal);
      await starter.settled(environment, service);
      await running.get(environment, service)?.stop({ signal: number, graceMs });
    },
    forget: async (environment, service) => {
      await starter.settled(environment, service);
      if (running.get(environment, service) !== undefined) return;
      for (const it of await listGenerations(folders, environment, service)) await takeAway(folders, it);
    },
    remove: async (environment, graceMs) => {
      await starter.settled(environment);
      await Promise.all(running.list(environment).map((it) => it.stop({ signal: stopSignalOf(it), graceMs })));
      const aside = await putAside(folders, folders.environment(environment));
      if (aside !== undefined) await deleteFolder(aside);
    },
    removeVolumes: (environment) => deleteFolder(folders.volumes(environment)),
    logs: (environment, options) => readLogs(folders, environment, options),
    onExit: (listener) => void listeners.add(listener),
    onHealth: (listener) => void healthListeners.add(listener),
    close: async () => {
      guard.close();
      health.close();
      keeper.close();
      await starter.close();
      running.close();
    },
  };
}

function stopSignalOf(it: RunningService): number {
  return signalNumber(readRecord(it.generation)?.stopSignal ?? 'SIGTERM');
}
