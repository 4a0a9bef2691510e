/** Keeps /etc/hosts and /etc/resolv.conf of running services theirs when the host's own are replaced. */
import type { Folders } from './folders.ts';
import { signalProcess } from './identity.ts';
import type { Running } from './running.ts';
import { makeMountPoints, seesOwnFiles, watchMountPoints } from './sandbox-files.ts';

/** Editors and resolvers replace a file in several steps: wait for the last. */
const SETTLE_MS = 50;

export interface MountGuard {
  /** Looks at the running services of an environment, or at all, and has those mount anew that see the host's files. */
  look(environment?: string): void;
  close(): void;
}

export function guardMounts(
  folders: Folders,
  running: Running,
  log: (line: string, fields: Record<string, unknown>) => void,
): MountGuard {
  let timer: NodeJS.Timeout | undefined;
  let stopWatching: (() => void) | undefined;

  const look = (environment?: string): void => {
    if (environment === undefined) watchAnew();
    const lost = running.list(environment).filter((it) => !seesOwnFiles(folders, it.generation.environment, it.identity));
    if (lost.length > 0) for (const file of makeMountPoints()) log('file made to mount on', { file });
    for (const { generation, identity } of lost) {
      log('mounted hosts and resolv.conf anew', { environment: generation.environment, service: generation.service });
      signalProcess(identity, 'SIGURG');
    }
  };

  /** Links may lead elsewhere than before. */
  const watchAnew = (): void => {
    stopWatching?.();
    stopWatching = watchMountPoints(() => {
      timer ??= setTimeout(() => {
        timer = undefined;
        look();
      }, SETTLE_MS);
    });
  };

  return {
    look,
    close: () => {
      clearTimeout(timer);
      stopWatching?.();
    },
  };
}
