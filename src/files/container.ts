/** What a service with an image says of its container. */
import type { z } from 'zod';
import type { ContainerSpec } from '../core/model.ts';
import { containerSchema } from './container-schema.ts';
import type { serviceSchema } from './environment-schema.ts';
import { hasDisabledHealthcheck } from './healthcheck.ts';
import type { Report } from './report.ts';
import { checkFields, type Fields } from './shape.ts';
import { parseSize } from './size.ts';
import { nodeAt, type Path, type TreeNode } from './tree.ts';

/** `cap_add` → `capAdd`: the name of a key's field. */
const fieldOf = (key: string): string => key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase());

/** `capAdd` → `cap_add` */
const keyOf = (field: string): string => field.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);

/** The container of a service; undefined where it names no image, or names it wrongly. */
export function readContainer(
  root: TreeNode,
  path: Path,
  service: Fields<typeof serviceSchema>,
  report: Report,
): ContainerSpec | undefined {
  const node = nodeAt(root, path);
  if (node?.kind !== 'map' || !node.entries.has('image')) return undefined;
  const { image, logging, ...fields } = checkFields(
    containerSchema,
    root,
    path,
    report,
    (key) => !Object.hasOwn(containerSchema.shape, key),
  );
  if (image === undefined) return undefined;
  const named = Object.entries(fields).map(([key, value]) => [fieldOf(key), value] as const);
  // A cast: the fields are those of the schema, under the names that the type has for them.
  const container = { image, ...limitsOfDeploy(node), ...Object.fromEntries(named) } as ContainerSpec;
  return {
    ...container,
    ...(Array.isArray(service.entrypoint) ? { entrypoint: service.entrypoint } : {}),
    ...(logging === undefined ? {} : { logging: loggingOf(logging) }),
    ...(hasDisabledHealthcheck(node) ? { noHealthcheck: true as const } : {}),
  };
}

function loggingOf({
  driver,
  options,
}: NonNullable<z.output<typeof containerSchema>['logging']>): NonNullable<ContainerSpec['logging']> {
  const given = Object.entries(options ?? {}).flatMap(([key, value]) => (value === null ? [] : [[key, String(value)] as const]));
  return {
    ...(driver === undefined ? {} : { driver }),
    ...(given.length === 0 ? {} : { options: Object.fromEntries(given) }),
  };
}

/** Limits that are written for swarms, and that Compose honours without one. */
function limitsOfDeploy(service: TreeNode): Partial<ContainerSpec> {
  const textAt = (...path: Path): string => {
    const node = nodeAt(service, ['deploy', 'resources', ...path]);
    return node?.kind === 'scalar' ? node.text : '';
  };
  const sizeOf = (text: string): number | undefined => {
    const size = parseSize(text);
    return typeof size === 'number' ? size : undefined;
  };
  const [cpus, pids] = [Number(textAt('limits', 'cpus')), Number(textAt('limits', 'pids'))];
  const [limit, reservation] = [sizeOf(textAt('limits', 'memory')), sizeOf(textAt('reservations', 'memory'))];
  return {
    ...(cpus > 0 ? { cpus } : {}),
    ...(Number.isInteger(pids) && pids > 0 ? { pidsLimit: pids } : {}),
    ...(limit === undefined ? {} : { memLimit: limit }),
    ...(reservation === undefined ? {} : { memReservation: reservation }),
  };
}

/** The same, as keys of a service; what else belongs to a service is written elsewhere. */
export function formatContainer({ noHealthcheck, ...fields }: ContainerSpec): object {
  const keys = Object.entries(fields).map(([field, value]) => [keyOf(field), value] as const);
  return { ...Object.fromEntries(keys), ...(noHealthcheck === true ? { healthcheck: { disable: true } } : {}) };
}
