/**
 * The network namespace of a container that is about to run. Docker does not name it before the process runs; but runc
 * puts the process into its cgroup some hundred milliseconds earlier, with its namespaces made.
 */
import fs from 'node:fs';

export interface StartingSandbox {
  /** Path of the namespace, through a descriptor of ours; undefined until it is found. */
  readonly path: string | undefined;
  /** Lets go of the namespace: as long as we hold it, it does not end. */
  close(): void;
}

/** From look to look, and the longest wait, in milliseconds: a start takes half a second on an idle machine. */
const lookEveryMs = 2;
const patienceMs = 15_000;

/** @param onFound told once the namespace is there */
export function awaitStarting(id: string, onFound: () => void): StartingSandbox {
  const home = fs.statSync('/proc/self/ns/net').ino;
  const end = performance.now() + patienceMs;
  let fd: number | undefined;
  let isClosed = false;

  const look = (): void => {
    if (isClosed || performance.now() > end) return;
    fd = openForeign(pidsOf(id), home);
    if (fd === undefined) setTimeout(look, lookEveryMs).unref();
    else onFound();
  };
  look();

  return {
    get path() {
      return fd === undefined ? undefined : `/proc/self/fd/${fd}`;
    },
    close: () => {
      isClosed = true;
      if (fd !== undefined) fs.closeSync(fd);
      fd = undefined;
    },
  };
}

/**
 * Where the drivers cgroupfs and systemd put a container, in version 1 and 2 of cgroups(7). One below another parent
 * (`--cgroup-parent`) is not found, and plumbed once Docker says that it runs.
 */
const groupsOf = (id: string): readonly string[] => [
  `/sys/fs/cgroup/pids/docker/${id}`,
  `/sys/fs/cgroup/docker/${id}`,
  `/sys/fs/cgroup/system.slice/docker-${id}.scope`,
  `/sys/fs/cgroup/pids/system.slice/docker-${id}.scope`,
];

function pidsOf(id: string): readonly string[] {
  for (const group of groupsOf(id)) {
    try {
      return fs
        .readFileSync(`${group}/cgroup.procs`, 'utf8')
        .split('\n')
        .filter((pid) => pid !== '');
    } catch {
      // There is none of this kind, or not yet.
    }
  }
  return [];
}

/** The namespace of the first process that has left ours. It is opened, since the process may end at once: runc's first one does. */
function openForeign(pids: readonly string[], home: number): number | undefined {
  for (const pid of pids) {
    try {
      const fd = fs.openSync(`/proc/${pid}/ns/net`, 'r');
      if (fs.fstatSync(fd).ino !== home) return fd;
      fs.closeSync(fd);
    } catch {
      // It has ended meanwhile.
    }
  }
  return undefined;
}
