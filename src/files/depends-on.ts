/** `depends_on`: which services run before which. */
import type { ServiceSpec } from '../core/model.ts';
import type { Report } from './report.ts';
import type { WrittenService } from './service.ts';
import { suggest } from './shape.ts';
import { nodeAt, type Path, type TreeNode } from './tree.ts';

/** The name of a service that has to run before another, and where it is written. */
export interface Dependency {
  readonly on: string;
  readonly at: number;
}

/** A list of names, or a mapping whose keys are names; its shape was checked before. */
export function readDependencies(root: TreeNode, path: Path, report: Report): readonly Dependency[] {
  const node = nodeAt(root, path);
  if (node?.kind === 'map') return [...node.entries].map(([on, { keyAt }]) => ({ on, at: keyAt }));
  if (node?.kind !== 'list') return [];
  const found: Dependency[] = [];
  for (const item of node.items) {
    if (item.kind !== 'scalar') continue;
    if (found.some(({ on }) => on === item.text))
      report.problem(item.at, `'${item.text}' stands here twice`, 'remove one of them');
    else found.push({ on: item.text, at: item.at });
  }
  return found;
}

/**
 * Services so that each comes after those that it depends on, and else in the order of the file; reports names that
 * are no service's (`names` has them all, wrong ones too) and circles.
 */
export function orderServices(
  services: readonly WrittenService[],
  names: readonly string[],
  report: Report,
): readonly ServiceSpec[] {
  const known = new Set(names);
  for (const { dependencies } of services) {
    for (const { on, at } of dependencies) {
      if (!known.has(on)) report.problem(at, `there is no service '${on}'`, suggest(on, names));
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
      ordered.push({ ...spec, dependsOn: dependencies.map(({ on }) => on) });
    }
  }
  return ordered;
}

/** Among services that all wait for one another: walks until it meets one again, and reports the step that closes the circle. */
function reportCircle(waiting: ReadonlyMap<string, WrittenService>, report: Report): readonly WrittenService[] {
  const walked = new Map<string, WrittenService>();
  let current = waiting.values().next().value;
  while (current !== undefined) {
    walked.set(current.spec.name, current);
    const step: Dependency | undefined = current.dependencies.find(({ on }) => waiting.has(on));
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
