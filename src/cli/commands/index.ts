/**
 * Every command, in the order in which `landline help` lists them. A new one is a file here and a line below. Only the
 * one that is asked for is loaded: all of them take as long as Node itself does to start.
 */
import type { AddCommand } from '../context.ts';

const commands: Readonly<Record<string, () => Promise<AddCommand>>> = {
  up: async () => (await import('./up.ts')).addUp,
  down: async () => (await import('./down.ts')).addDown,
  ps: async () => (await import('./ps.ts')).addPs,
  start: async () => (await import('./stop.ts')).addStart,
  stop: async () => (await import('./stop.ts')).addStop,
  restart: async () => (await import('./stop.ts')).addRestart,
  replace: async () => (await import('./replace.ts')).addReplace,
  run: async () => (await import('./run.ts')).addRun,
  exec: async () => (await import('./exec.ts')).addExec,
  logs: async () => (await import('./logs.ts')).addLogs,
  attach: async () => (await import('./attach.ts')).addAttach,
  detach: async () => (await import('./attach.ts')).addDetach,
  pipework: async () => (await import('./pipework.ts')).addPipework,
  network: async () => (await import('./network.ts')).addNetwork,
  endpoint: async () => (await import('./endpoint.ts')).addEndpoint,
  name: async () => (await import('./name.ts')).addName,
  address: async () => (await import('./address.ts')).addAddress,
  lease: async () => (await import('./lease.ts')).addLease,
  events: async () => (await import('./events.ts')).addEvents,
  config: async () => (await import('./config.ts')).addConfig,
  schema: async () => (await import('./schema.ts')).addSchema,
  completion: async () => (await import('./completion.ts')).addCompletion,
  complete: async () => (await import('./completion.ts')).addComplete,
  daemon: async () => (await import('./daemon.ts')).addDaemon,
  host: async () => (await import('./host.ts')).addHost,
  lab: async () => (await import('./lab.ts')).addLab,
  version: async () => (await import('./version.ts')).addVersion,
};

export const commandNames: readonly string[] = Object.keys(commands);

/** The command of this name alone; all of them where it is none, for help and for suggestions. */
export async function loadCommands(name: string | undefined): Promise<readonly AddCommand[]> {
  const asked = Object.entries(commands).find(([it]) => it === name);
  return Promise.all(asked === undefined ? Object.values(commands).map((load) => load()) : [asked[1]()]);
}
