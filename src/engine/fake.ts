/**
 * An engine in memory, for the tests of whoever uses one. Its programs are words:
 *
 *     forever          runs until its stop signal
 *     stubborn         says `ready`, and runs until SIGKILL
 *     ends STATUS      ends at once
 *     says LINE …      writes the lines, and ends with 0
 *
 * Any other program is missing.
 */
import type { ServiceSpec, ServiceStatus } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import type { Engine, LogLine, LogOptions, SandboxView } from './index.ts';

interface FakeService {
  status: ServiceStatus;
  stubborn: boolean;
  readonly lines: string[];
}

/** The machine on which fake engines run things: it outlives them. */
export interface FakeMachine {
  openEngine(): Engine;
  /** The service ends by itself. */
  end(environment: string, service: string, exitStatus: number): void;
  /** What a running environment was last told to see as its hosts and resolv.conf. */
  view(environment: string): SandboxView | undefined;
}

const saysAtOnce = (program: string, words: readonly string[]): readonly string[] => {
  if (program === 'stubborn') return ['ready'];
  return program === 'says' ? words : [];
};

const SIGTERM = 15;
const SIGKILL = 9;

export function makeFakeMachine(): FakeMachine {
  const environments = new Map<string, Map<string, FakeService>>();
  const views = new Map<string, SandboxView>();
  const listeners = new Set<(environment: string, service: string) => void>();
  const waiting = new Set<() => void>();
  let starts = 0;

  const find = (environment: string, service: string): FakeService | undefined => environments.get(environment)?.get(service);
  const wake = (): void => {
    for (const one of waiting) one();
    waiting.clear();
  };

  const end = (environment: string, service: string, exitStatus: number): void => {
    const it = find(environment, service);
    if (it?.status.state !== 'running') return;
    const { pid: _, ...rest } = it.status;
    it.status = { ...rest, state: 'exited', exitStatus };
    for (const listener of listeners) listener(environment, service);
  };

  const start = async (view: SandboxView, spec: ServiceSpec, digest: string): Promise<void> => {
    const { environment } = view;
    const [program = '', ...words] = spec.command;
    const before = find(environment, spec.name);
    if (before?.status.state === 'running') throw new Error(`${environment}/${spec.name} runs already`);
    if (!['forever', 'stubborn', 'ends', 'says'].includes(program)) {
      throw new LandlineError('COMMAND_MISSING', { environment, service: spec.name, command: program });
    }
    starts += 1;
    const status: ServiceStatus = {
      name: spec.name,
      state: 'running',
      pid: 1000 + starts,
      startedAt: Date.now(),
      generation: String(starts),
      digest,
    };
    const lines = [...(before?.lines ?? []), ...saysAtOnce(program, words)];
    const services = environments.get(environment) ?? new Map<string, FakeService>();
    environments.set(environment, services.set(spec.name, { status, stubborn: program === 'stubborn', lines }));
    views.set(environment, view);
    wake();
    // Not yet: whoever started it is told first that it runs.
    if (program === 'ends' || program === 'says')
      setImmediate(() => end(environment, spec.name, program === 'ends' ? Number(words[0]) : 0));
  };

  const stop = async (environment: string, service: string, graceMs: number): Promise<void> => {
    const it = find(environment, service);
    if (it?.status.state !== 'running') return;
    if (it.stubborn) await new Promise((resolve) => setTimeout(resolve, graceMs));
    if (it.status.state === 'running') it.status = { ...it.status, stopped: true };
    end(environment, service, 128 + (it.stubborn ? SIGKILL : SIGTERM));
  };

  async function* logs(environment: string, options: LogOptions): AsyncGenerator<LogLine> {
    const told = new Map<string, number>();
    const next = (): LogLine[] =>
      [...(environments.get(environment) ?? [])]
        .filter(([service]) => options.services.length === 0 || options.services.includes(service))
        .flatMap(([service, { lines }]) => {
          const from = told.get(service) ?? (options.tail === undefined ? 0 : Math.max(0, lines.length - options.tail));
          told.set(service, lines.length);
          return lines.slice(from).map((text) => ({ service, text }));
        });
    options.signal.addEventListener('abort', wake);
    while (!options.signal.aborted) {
      const lines = next();
      yield* lines;
      if (lines.length > 0) continue;
      if (!options.follow || !environments.has(environment)) break;
      await new Promise<void>((resolve) => waiting.add(resolve));
    }
    options.signal.removeEventListener('abort', wake);
  }

  const openEngine = (): Engine => {
    const mine = new Set<(environment: string, service: string) => void>();
    return {
      name: 'native',
      becoming: () => [],
      variables: (_view, service) => service.environment,
      open: async () => undefined,
      environments: async () => [...environments.keys()].sort(),
      observe: async (environment) => [...(environments.get(environment)?.values() ?? [])].map((it) => it.status),
      refresh: async (view) => void views.set(view.environment, view),
      start,
      stop: (environment, service, { graceMs }) => stop(environment, service, graceMs),
      remove: async (environment, graceMs) => {
        await Promise.all(
          [...(environments.get(environment)?.keys() ?? [])].map((service) => stop(environment, service, graceMs)),
        );
        environments.delete(environment);
        views.delete(environment);
        wake();
      },
      forget: async (environment, service) => {
        const it = find(environment, service);
        if (it !== undefined && it.status.state !== 'running') it.status = { name: service, state: 'absent' };
      },
      removeVolumes: async () => undefined,
      logs,
      onExit: (listener) => {
        mine.add(listener);
        listeners.add(listener);
      },
      onHealth: () => undefined,
      close: async () => {
        for (const listener of mine) listeners.delete(listener);
      },
    };
  };

  return { openEngine, end, view: (environment) => views.get(environment) };
}
