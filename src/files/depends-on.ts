/** `depends_on`: which services run before which. */
import type { z } from 'zod';
import type { Dependency, ServiceSpec } from '../core/model.ts';
import type { dependencySchema } from './environment-schema.ts';
import type { Report } from './report.ts';
import type { WrittenService } from './service.ts';
import { suggest } from './shape.ts';
import { nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** A service that another waits for, and where it is written. */
export interface WrittenDependency extends Omit<Dependency, 'service'> {
  readonly on: string;
  readonly at: number;
}

/** What a mapping under `depends_on` says of one service, its shape checked. */
export type DependencyFields = Readonly<Record<string, z.output<typeof dependencySchema>>>;

/**
 * A list of names, or a mapping whose keys are names.
 * @param fields the same, its shape checked before
 */
export function readDependencies(
  root: TreeNode,
  path: Path,
  fields: readonly string[] | DependencyFields,
  report: Report,
): readonly WrittenDependency[] {
  const node = nodeAt(root, path);
  if (node?.kind === 'map') {
    // A list was no mapping.
    const mapping = fields as DependencyFields;
    return [...node.entries].map(([on, { keyAt }]) => {
      const { condition = 'service_started', required = true, restart = false } = mapping[on] ?? {};
      if (restart) report.note(offsetAt(root, [...path, on, 'restart'], 'key'), noRestart);
      return { on, at: keyAt, condition, required };
    });
  }
  if (node?.kind !== 'list') return [];
  const found: WrittenDependency[] = [];
  for (const item of node.items) {
    if (item.kind !== 'scalar') continue;
    if (found.some(({ on }) => on === item.text))
      report.problem(item.at, `'${item.text}' stands here twice`, 'remove one of them');
    else found.push({ on: item.text, at: item.at, condition: 'service_started', required: true });
  }
  return found;
}

/** Whose namespaces it shares must run before it, as in Compose, whether or not `depends_on` says so. */
export function withShared(
  written: readonly WrittenDependency[],
  root: TreeNode,
  path: Path,
  namespaces: Readonly<Record<string, string | undefined>>,
): readonly WrittenDependency[] {
  const all = [...written];
  for (const [key, value] of Object.entries(namespaces)) {
    const on = /^service:(.+)$/.exec(value ?? '')?.[1];
    if (on === undefined || all.some((it) => it.on === on)) continue;
    all.push({ on, at: offsetAt(root, [...path, key]), condition: 'service_started', required: true });
  }
  return all;
}

const noRestart = "'restart' of a dependency has no effect: services meet over localhost, and connect again by themselves";

/**
 * Services so that each comes after those that it depends on, and else in the order of the file; reports names that
 * are no service's (`names` has them all, wrong ones too) and circles.
 */
export function orderServices(
  services: readonly WrittenService[],
  names: readonly string[],
  idle: ReadonlyMap<string, readonly string[]>,
  report: Report,
): readonly ServiceSpec[] {
  const known = new Set(names);
  for (const { dependencies } of services) {
    for (const it of dependencies) {
      if (!known.has(it.on)) reportUnknown(it, names, report);
      else if (idle.has(it.on)) reportIdle(it, idle.get(it.on) ?? [], report);
      else if (it.condition === 'service_healthy') requireHealthcheck(it, services, report);
    }
  }
  const waiting = new Map(services.map((service) => [service.spec.name, service]));
  const ordered: ServiceSpec[] = [];
  while (waiting.size > 0) {
    const ready = waiting.values().find(({ dependencies }) => !dependencies.some(({ on }) => waiting.has(on)));
    // What goes in a circle is taken out as a whole, so that the next circle is found too.
    const next = ready === undefined ? reportCircle(waiting, report) : [ready];
    for (const { spec, dependencies } of next) {
      waiting.delete(spec.name);
      ordered.push({ ...spec, dependsOn: dependencies.filter(({ on }) => known.has(on) && !idle.has(on)).map(dependencyOf) });
    }
  }
  return ordered;
}

const dependencyOf = ({ on, condition, required }: WrittenDependency): Dependency => ({ service: on, condition, required });

function reportUnknown({ on, at, required }: WrittenDependency, names: readonly string[], report: Report): void {
  if (required) report.problem(at, `there is no service '${on}'`, suggest(on, names));
  else report.note(at, `there is no service '${on}', and nothing waits for it: it is not required`);
}

/** What it waits for is of a profile that was not asked for. */
function reportIdle({ on, at, required }: WrittenDependency, profiles: readonly string[], report: Report): void {
  const next = `give --profile ${profiles[0] ?? ''}, or write 'required: false'`;
  if (required) report.problem(at, `service '${on}' is of a profile that was not asked for: ${profiles.join(', ')}`, next);
}

/** Compose's own refusal, but before anything is started. */
function requireHealthcheck({ on, at }: WrittenDependency, services: readonly WrittenService[], report: Report): void {
  const service = services.find(({ spec }) => spec.name === on);
  if (service === undefined || service.hasHealthcheck) return;
  report.problem(
    at,
    `service '${on}' has no healthcheck, and never becomes healthy`,
    "give it a 'healthcheck', or write service_started",
  );
}

/** Among services that all wait for one another: walks until it meets one again, and reports the step that closes the circle. */
function reportCircle(waiting: ReadonlyMap<string, WrittenService>, report: Report): readonly WrittenService[] {
  const walked = new Map<string, WrittenService>();
  let current = waiting.values().next().value;
  while (current !== undefined) {
    walked.set(current.spec.name, current);
    const step: WrittenDependency | undefined = current.dependencies.find(({ on }) => waiting.has(on));
    if (step !== undefined && walked.has(step.on)) {
      const names = [...walked.keys()];
      const circle = names.slice(names.indexOf(step.on));
      report.problem(
        step.at,
        `service '${step.on}' waits for itself: ${[...circle, step.on].join(' → ')}`,
        "remove one of these from 'depends_on'",
      );
      return circle.flatMap((name) => walked.get(name) ?? []);
    }
    current = waiting.get(step?.on ?? '');
  }
  throw new Error('services that wait for one another form no circle');
}
