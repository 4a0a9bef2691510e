/**
 * Checks the health of the services that run, each at times of its own: a slow check holds up nobody. The checks are
 * run by the spawner (spawner.sh), so that one costs the daemon a line out and a line in.
 */
import fs from 'node:fs';
import path from 'node:path';
import type { Health, Healthcheck } from '../../core/model.ts';
import type { Generation } from './generation.ts';
import { startedAt } from './generation.ts';
import { afterCheck, type HealthState, unchecked, untilNextMs } from './health.ts';

/** So much of the end of what a check wrote is kept, in bytes (as Docker's). */
const MOST_OUTPUT = 4096;
/** What is not reported so long after its time was up is lost with its spawner, in milliseconds. */
const LOST_MS = 5000;
/** What a shell says of a program that SIGKILL ended, as a check's is when its time is up. */
const KILLED = 137;
/** After a start of the daemon all are checked at once, but not all in the same moment: so many milliseconds for each. */
const SPREAD_MS = 20;

interface Watched {
  readonly generation: Generation;
  readonly check: Healthcheck;
  health: HealthState;
  timer: NodeJS.Timeout | undefined;
  /** `performance.now()` when the check that is under way began. */
  began: number | undefined;
}

export interface HealthWatch {
  /** Begins to check a service that runs; `found` says that an earlier daemon may have done so before, and how many more. */
  begin(generation: Generation, check: Healthcheck, found?: { readonly among: number }): void;
  end(environment: string, service: string): void;
  /** Undefined where nothing is checked. */
  of(generation: Generation): Health | undefined;
  /** A check of a generation has ended. */
  hear(generation: string, exitStatus: number): void;
  close(): void;
}

export interface HealthWatchOptions {
  /** Has a generation checked; `hear` is to be called when that is done. */
  readonly run: (generation: Generation) => void;
  readonly onChange: (environment: string, service: string, health: Health) => void;
}

export function watchHealth({ run, onChange }: HealthWatchOptions): HealthWatch {
  const services = new Map<string, Watched>();
  const byGeneration = new Map<string, Watched>();

  const wait = (it: Watched, ms: number): void => {
    clearTimeout(it.timer);
    it.timer = setTimeout(() => begin(it), ms);
  };

  const begin = (it: Watched): void => {
    it.began = performance.now();
    it.timer = setTimeout(() => conclude(it, KILLED, 'the check was lost'), it.check.timeoutMs + LOST_MS);
    run(it.generation);
  };

  const conclude = (it: Watched, exitStatus: number, output: string): void => {
    const tookMs = performance.now() - (it.began ?? 0);
    const sinceStartMs = Date.now() - startedAt(it.generation);
    it.began = undefined;
    const before = it.health.state;
    it.health = afterCheck(it.health, { exitStatus, output, sinceStartMs: sinceStartMs - tookMs }, it.check);
    // Up to a twentieth early, so that what was started together is not checked together for ever.
    wait(it, untilNextMs(it.health, sinceStartMs, it.check) * (1 - Math.random() / 20));
    if (it.health.state === before) return;
    const { environment, service } = it.generation;
    keep(it.generation, it.health);
    onChange(environment, service, it.health);
  };

  const end = (environment: string, service: string): void => {
    const it = services.get(`${environment}/${service}`);
    if (it === undefined) return;
    clearTimeout(it.timer);
    services.delete(`${environment}/${service}`);
    byGeneration.delete(it.generation.id);
  };

  return {
    begin: (generation, check, found) => {
      end(generation.environment, generation.service);
      const health = found === undefined ? unchecked : recall(generation);
      const it: Watched = { generation, check, health, timer: undefined, began: undefined };
      services.set(`${generation.environment}/${generation.service}`, it);
      byGeneration.set(generation.id, it);
      const first = untilNextMs(health, 0, check);
      wait(it, found === undefined ? first : Math.random() * Math.min(first, found.among * SPREAD_MS));
    },
    end,
    of: (generation) => {
      const it = byGeneration.get(generation.id);
      if (it === undefined) return undefined;
      const { failures: _, ...health } = it.health;
      return health;
    },
    hear: (generation, exitStatus) => {
      const it = byGeneration.get(path.basename(generation));
      if (it?.began === undefined) return;
      const late = exitStatus === KILLED && performance.now() - it.began >= it.check.timeoutMs;
      const output = readOutput(it.generation);
      conclude(it, exitStatus, late ? `${output}it took longer than ${it.check.timeoutMs / 1000} s\n` : output);
    },
    close: () => {
      for (const it of services.values()) clearTimeout(it.timer);
      services.clear();
      byGeneration.clear();
    },
  };
}

const fileOf = (generation: Generation): string => path.join(generation.folder, 'health');

/** For the next daemon. */
function keep(generation: Generation, health: HealthState): void {
  try {
    fs.writeFileSync(fileOf(generation), JSON.stringify(health));
  } catch {
    // The service is being taken away; or the disk is full, and the next daemon begins with `starting`.
  }
}

function recall(generation: Generation): HealthState {
  try {
    // Only `keep` writes it; one that was cut off is no JSON.
    return JSON.parse(fs.readFileSync(fileOf(generation), 'utf8')) as HealthState;
  } catch {
    return unchecked;
  }
}

/** The end of what the check wrote. */
function readOutput(generation: Generation): string {
  try {
    const fd = fs.openSync(path.join(generation.folder, 'check'), 'r');
    try {
      const { size } = fs.fstatSync(fd);
      const buffer = Buffer.alloc(Math.min(size, MOST_OUTPUT));
      const length = fs.readSync(fd, buffer, 0, buffer.length, size - buffer.length);
      return buffer.toString('utf8', 0, length);
    } finally {
      fs.closeSync(fd);
    }
  } catch {
    return '';
  }
}
