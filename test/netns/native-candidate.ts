/** A native engine to try: a state folder and a network namespace of its own, cleared away also after a crash. */
import { type ChildProcess, execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { test } from 'node:test';
import type { Candidate } from '../../src/engine/contract.ts';
import type { Engine, SandboxView } from '../../src/engine/index.ts';
import { openNativeEngine } from '../../src/engine/native/index.ts';

/** Names hold the pid of the run that made them, and the pid namespace in which that is to be understood. */
const PREFIX = `landline-native-${fs.statSync('/proc/self/ns/pid').ino}-`;
const NETNS_FOLDER = '/run/netns';

export const needsRoot = process.getuid?.() === 0 ? {} : { skip: 'needs root: it makes namespaces' };

export interface NativeCandidate extends Candidate {
  /** Where the engine keeps its state. */
  readonly directory: string;
  /** What it logged. */
  readonly log: string[];
  /** Makes a further network namespace; returns its path. */
  addNetns(): string;
  deleteNetns(file: string): void;
  /** A process that is to end with the test, however that ends. */
  owns<P extends ChildProcess>(process: P): P;
}

/** A test with a native engine of its own, that is opened before and cleared away after. */
export function story(title: string, body: (engine: Engine, it: NativeCandidate) => Promise<void>, directoryName?: string): void {
  test(title, needsRoot, async () => {
    const candidate = await makeNativeCandidate(directoryName);
    const engine = candidate.openEngine();
    try {
      await engine.open();
      await body(engine, candidate);
    } finally {
      await engine.close();
      await candidate.dispose();
    }
  });
}

let made = 0;

/** `directory` below the state's folder may have any name. */
export async function makeNativeCandidate(directoryName = 'services'): Promise<NativeCandidate> {
  await clearAwayDead();
  const name = `${PREFIX}${process.pid}-${made++}`;
  const home = path.join(os.tmpdir(), name);
  const directory = path.join(home, directoryName);
  fs.mkdirSync(home);
  const namespaces = new Set<string>();
  const owned: ChildProcess[] = [];
  const log: string[] = [];
  const openEngine = (): Engine => openAt(directory, log);
  const addNetns = (): string => {
    const netns = `${name}-${namespaces.size}`;
    execFileSync('ip', ['netns', 'add', netns]);
    const file = path.join(NETNS_FOLDER, netns);
    namespaces.add(file);
    return file;
  };
  const deleteNetns = (file: string): void => {
    if (namespaces.delete(file)) execFileSync('ip', ['netns', 'delete', path.basename(file)]);
  };
  const netns = addNetns();
  return {
    directory,
    log,
    openEngine,
    addNetns,
    deleteNetns,
    owns: (process) => {
      owned.push(process);
      return process;
    },
    view: (environment) => viewOf(environment, netns),
    commands: {
      forever: ['sleep', 'infinity'],
      stubborn: ['sh', '-c', 'trap "" TERM; echo ready; while :; do sleep 1000; done'],
      missing: ['no-such-program'],
      ends: (status) => ['sh', '-c', `exit ${status}`],
      says: (...lines) => ['printf', '%s\\n', ...lines],
    },
    dispose: async () => {
      for (const process of owned) process.kill('SIGKILL');
      for (const file of [...namespaces]) deleteNetns(file);
      await removeAll(directory);
      fs.rmSync(home, { recursive: true, force: true });
    },
  };
}

function openAt(directory: string, log: string[] = []): Engine {
  return openNativeEngine({
    directory,
    hiddenFolder: NETNS_FOLDER,
    log: (line, fields) => log.push(`${line} ${JSON.stringify(fields)}`),
  });
}

export function viewOf(environment: string, netns: string): SandboxView {
  return {
    environment,
    hostname: environment,
    netns,
    hosts: '127.0.0.1 localhost\n',
    resolvConf: 'nameserver 192.168.11.2\n',
    directory: '/',
  };
}

/** Ends everything that runs with this state. */
async function removeAll(directory: string): Promise<void> {
  const engine = openAt(directory);
  await engine.open();
  for (const environment of await engine.environments()) await engine.remove(environment, 0);
  await engine.close();
}

/** What an earlier run left that was killed. */
async function clearAwayDead(): Promise<void> {
  const dead = (name: string): boolean => {
    const pid = new RegExp(`^${PREFIX}(\\d+)-`).exec(name)?.[1];
    return pid !== undefined && !fs.existsSync(`/proc/${pid}`);
  };
  for (const name of fs.readdirSync(os.tmpdir()).filter(dead)) {
    const home = path.join(os.tmpdir(), name);
    // The state's folder, whatever its name.
    const folders = fs.readdirSync(home).filter((it) => fs.existsSync(path.join(home, it, 'mounts')));
    for (const directory of folders) await removeAll(path.join(home, directory));
    fs.rmSync(home, { recursive: true, force: true });
  }
  const bound = fs.existsSync(NETNS_FOLDER) ? fs.readdirSync(NETNS_FOLDER) : [];
  for (const name of bound.filter(dead)) execFileSync('ip', ['netns', 'delete', name]);
}
