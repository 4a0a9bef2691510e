/** How a service stands, from what Docker says of its container and of the anchor. Pure. */
import type { Health, ServiceStatus } from '../../core/model.ts';
import { digestLabel, serviceLabel } from './labels.ts';
import type { Container, ContainerState } from './types.ts';

/**
 * What held the network of a service: its sandbox's anchor; or Docker itself, since the moment from which on it is known
 * to have run (milliseconds since 1970), where it shares another's.
 */
export type Holder =
  | { readonly kind: 'anchor'; readonly state: ContainerState }
  | { readonly kind: 'engine'; readonly since: number };

/** What is remembered of the end of one start of a service. */
export interface EndNote {
  readonly generation: string;
  /** It ended by itself; Landline stopped it; or its end is not to count any more. */
  readonly end: 'own' | 'stopped' | 'forgotten';
}

/**
 * What ends so shortly before its sandbox went with it, in milliseconds: a dockerd that ends stops all containers side by
 * side, each in its own time.
 */
const togetherMs = 5_000;

export const generationOf = (it: Container): string => `${it.Id.slice(0, 12)}@${it.State.StartedAt}`;

const timeOf = (text: string): number => Date.parse(text);

/** Whether it was ever started. */
const wasStarted = (it: Container): boolean => it.State.Running || timeOf(it.State.StartedAt) > 0;

/**
 * @param holder undefined where it is gone
 * @param note of its last end, if there is one
 * @param digest of what it was started with; left out: as its label says
 */
export function statusOf(
  it: Container,
  holder: Holder | undefined,
  note: EndNote | undefined,
  digest = it.Config.Labels[digestLabel],
): ServiceStatus {
  const name = it.Config.Labels[serviceLabel] ?? '';
  if (!wasStarted(it)) return { name, state: 'absent' };
  const generation = generationOf(it);
  const about = { startedAt: timeOf(it.State.StartedAt), generation, ...(digest === undefined ? {} : { digest }) };
  if (it.State.Running) {
    const health = healthOf(it.State);
    return { name, state: 'running', pid: it.State.Pid, ...about, ...(health === undefined ? {} : { health }) };
  }
  const known = note?.generation === generation ? note.end : undefined;
  if (known === 'forgotten') return { name, state: 'absent' };
  const ended = { name, state: 'exited' as const, ...about };
  if (known === undefined && endedWithSandbox(it.State, holder)) return ended;
  return { ...ended, exitStatus: it.State.ExitCode, ...(known === 'stopped' ? { stopped: true as const } : {}) };
}

/** Whether it ended because its sandbox, Docker or the machine did, as far as one can tell; who saw its end knows better. */
function endedWithSandbox(state: ContainerState, holder: Holder | undefined): boolean {
  if (holder === undefined) return true;
  if (holder.kind === 'engine') return timeOf(state.FinishedAt) < holder.since;
  const anchor = holder.state;
  if (anchor.Running && timeOf(anchor.StartedAt) <= timeOf(state.StartedAt)) return false;
  return timeOf(state.FinishedAt) > timeOf(anchor.FinishedAt) - togetherMs;
}

/** Whether it certainly ended by itself: what held its sandbox has run on ever since it was started. */
export function endedByItself(state: ContainerState, holder: Holder | undefined): boolean {
  return !state.Running && timeOf(state.StartedAt) > 0 && !endedWithSandbox(state, holder);
}

function healthOf({ Health: health }: ContainerState): Health | undefined {
  if (health === undefined || health.Status === 'none') return undefined;
  const last = health.Log?.at(-1);
  return { state: health.Status, output: last?.Output ?? '', ...(last === undefined ? {} : { exitStatus: last.ExitCode }) };
}

/** Of the containers of one service, the one that counts: what runs, else what was started last. */
export function currentOf(containers: readonly Container[]): Container | undefined {
  const started = containers.filter(wasStarted);
  return (
    started.find((it) => it.State.Running) ?? started.toSorted((a, b) => timeOf(b.State.StartedAt) - timeOf(a.State.StartedAt))[0]
  );
}
