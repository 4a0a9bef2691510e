/**
 * The phases of a test run, in order: which files belong to each, what it needs, how long a file may take.
 * A new kind of test is one more entry.
 */
import { spawnSync } from 'node:child_process';
import { existsSync, globSync } from 'node:fs';
import { matchesGlob } from 'node:path';

export interface Phase {
  readonly name: string;
  /** Globs of its files, relative to the root. */
  readonly files: readonly string[];
  /** Files that run side by side; where the world is shared, one. */
  readonly atOnce: number;
  /** Seconds that one file may take, also in a soak. */
  readonly limit: number;
  readonly soakLimit: number;
  /** Why this machine cannot run the phase; undefined when it can. */
  readonly lacks?: () => string | undefined;
  /** Runs only when asked for with --soak. */
  readonly soakOnly?: boolean;
}

const minutes = (n: number): number => n * 60;

/** A network namespace needs root, and a kernel or container that allows one. */
function lacksNamespaces(): string | undefined {
  if (process.getuid?.() !== 0) return 'it needs root';
  const tried = spawnSync('unshare', ['--net', 'true'], { encoding: 'utf8' });
  return tried.status === 0 ? undefined : `no network namespace can be made: ${tried.error?.message ?? tried.stderr.trim()}`;
}

/** The office's host has a Docker of its own where dockerd is installed. */
function lacksDocker(): string | undefined {
  const folders = (process.env['PATH'] ?? '').split(':').concat('/usr/sbin');
  const isInstalled = folders.some((folder) => existsSync(`${folder}/dockerd`));
  return isInstalled ? lacksNamespaces() : 'dockerd is not installed (`scripts/packages` installs it)';
}

export const phases: readonly Phase[] = [
  {
    name: 'unit',
    files: ['src/**/*.test.ts', 'test/{docs,runner,support}/*.test.ts'],
    atOnce: 2,
    limit: 60,
    soakLimit: minutes(30),
  },
  {
    name: 'netns',
    files: ['test/netns/**/*.test.ts'],
    atOnce: 1,
    limit: minutes(3),
    soakLimit: minutes(60),
    lacks: lacksNamespaces,
  },
  {
    name: 'docker',
    files: ['test/docker/**/*.test.ts'],
    atOnce: 1,
    limit: minutes(3),
    soakLimit: minutes(60),
    lacks: lacksDocker,
  },
  { name: 'cli', files: ['test/cli/**/*.test.ts'], atOnce: 1, limit: minutes(2), soakLimit: minutes(30) },
  {
    name: 'soak',
    files: ['test/soak/**/*.test.ts'],
    atOnce: 1,
    limit: minutes(120),
    soakLimit: minutes(120),
    lacks: lacksNamespaces,
    soakOnly: true,
  },
];

/** Test files below `root` by phase, and those that no phase would ever run. */
export function findFiles(root: string): { readonly of: (phase: Phase) => readonly string[]; readonly lost: readonly string[] } {
  const all = globSync(['{src,test,bench,scripts,bin}/**/*.test.ts'], { cwd: root })
    .filter((file) => !file.startsWith('test/run-fixtures/'))
    .sort();
  const belongs = (file: string, phase: Phase): boolean => phase.files.some((glob) => matchesGlob(file, glob));
  return {
    of: (phase) => all.filter((file) => belongs(file, phase)),
    lost: all.filter((file) => !phases.some((phase) => belongs(file, phase))),
  };
}
