/** What Docker says of a container that it cannot start, as an error of the catalogue; and what is still to be tried. */
import type { ServiceSpec } from '../../core/model.ts';
import { isLandlineError, LandlineError } from '../../errors.ts';

/** Docker and runc have no codes for these: their words are all there is. */
const programMissing = /executable file not found|exec: .*: (?:no such file or directory|permission denied)|exec format error/;
const userMissing = /unable to find (user|group) (\S+?):/i;

/** A dockerd that ended in the middle of a start left a task with containerd: under this id Docker never starts one again. */
const taskLeft = /task \S+ already exists|id already in use/;

/** Whether only another container in this one's place will start. */
export const isStuck = (error: unknown): boolean => isLandlineError(error, 'DOCKER_REFUSED') && taskLeft.test(error.details.says);

/**
 * Begins, and once more where only another container will start. Once: one that was made just now and does not start
 * either is no leftover, and each try would make one more.
 * @param begin told whether this is the second time
 */
export async function beginOrReplace<T>(begin: (isSecond: boolean) => Promise<T>): Promise<T> {
  return begin(false).catch((error: unknown) => {
    if (!isStuck(error)) throw error;
    return begin(true);
  });
}

export function startError(error: unknown, environment: string, { name: service, command, container }: ServiceSpec): unknown {
  if (!isLandlineError(error, 'DOCKER_REFUSED')) return error;
  const { says } = error.details;
  if (programMissing.test(says)) {
    const program = container?.entrypoint?.[0] ?? command[0] ?? `of image ${container?.image ?? ''}`;
    return new LandlineError('COMMAND_MISSING', { environment, service, command: program }, { cause: error });
  }
  const [, kind = 'user', user = ''] = userMissing.exec(says) ?? [];
  if (user !== '')
    return new LandlineError(
      'USER_UNKNOWN',
      { environment, service, kind: kind === 'group' ? 'group' : 'user', user },
      { cause: error },
    );
  // Docker's own words name the container by its id alone.
  const doing = `run service '${service}' of environment '${environment}'`;
  return new LandlineError('DOCKER_REFUSED', { ...error.details, doing }, { cause: error });
}
