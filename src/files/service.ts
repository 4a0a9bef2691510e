/** Services: what a Compose file says of one, as an engine takes it. */
import type { PortSpec, ServiceSpec } from '../core/model.ts';
import { aliasesOf } from './aliases.ts';
import { type Attachables, readAttached } from './attached-files.ts';
import { checkComposeKeys } from './check-compose-keys.ts';
import { treatmentOf } from './compose-keys.ts';
import { readContainer } from './container.ts';
import { orderServices, readDependencies, type WrittenDependency, withShared } from './depends-on.ts';
import { type ReadFile, readEnvFiles } from './env-file.ts';
import { requireOne, serviceSchema } from './environment-schema.ts';
import { parseName } from './fields.ts';
import { hasHealthcheck, readHealthcheck } from './healthcheck.ts';
import type { Variables } from './interpolate.ts';
import { resolvePath } from './paths.ts';
import { notePorts, type Reach } from './ports.ts';
import { readPorts } from './published-ports.ts';
import type { Report } from './report.ts';
import { readVariables } from './service-variables.ts';
import { checkFields, type Fields, isMistake, nearestWord } from './shape.ts';
import { type MapNode, nodeAt, offsetAt, type Path } from './tree.ts';
import { readMounts } from './volumes.ts';

export interface ServiceContext {
  readonly directory: string;
  readonly variables: Variables | undefined;
  readonly reach: Reach;
  /** Names of the volumes that the file declares. */
  readonly volumes: ReadonlySet<string>;
  readonly attachables: Attachables;
  /** Whether the services are containers. */
  readonly docker: boolean;
  readonly readFile: ReadFile | undefined;
  /** Of services with `profiles`, only those of these count. */
  readonly profiles: readonly string[];
}

/** What is written of one service; its dependencies apart, with their places. */
export interface WrittenService {
  readonly spec: Omit<ServiceSpec, 'dependsOn'>;
  readonly dependencies: readonly WrittenDependency[];
  /** Ports of the host that lead to it, on the private network. */
  readonly ports: readonly PortSpec[];
  readonly profiles: readonly string[];
  /** Whether something is written that tells its health, right or wrong. */
  readonly hasHealthcheck: boolean;
}

export interface WrittenServices {
  /** In the order in which they are started. */
  readonly services: readonly ServiceSpec[];
  readonly ports: readonly PortSpec[];
}

/** The services, and the ports of the host that lead to them; reports what is wrong with them. */
export function readServices(root: MapNode, context: ServiceContext, report: Report): WrittenServices {
  const node = nodeAt(root, ['services']);
  const at = node === undefined ? root.at : offsetAt(root, ['services'], 'key');
  if (node?.kind !== 'map' || node.entries.size === 0) {
    const message =
      node === undefined
        ? 'the file has no services'
        : node.kind === 'map' || (node.kind === 'scalar' && node.value === null)
          ? "'services' is empty"
          : "'services' should be a mapping, a key for each service";
    report.problem(at, message, "write 'services: { web: { command: python3 -m http.server 80 } }'");
    return { services: [], ports: [] };
  }
  const noted = new Set<string>(['ports']);
  const all = [...node.entries.keys()].flatMap((name) => readService(name, root, context, noted, report) ?? []);
  const services = all.filter((it) => isActive(it.profiles, context.profiles));
  if (services.length === 0 && all.length > 0)
    report.problem(at, 'every service is of a profile that was not asked for', `give --profile ${all[0]?.profiles[0] ?? ''}`);
  const idle = new Map(all.filter((it) => !services.includes(it)).map((it) => [it.spec.name, it.profiles]));
  return {
    services: orderServices(services, [...node.entries.keys()], idle, report),
    ports: services.flatMap((it) => it.ports),
  };
}

function readService(
  name: string,
  root: MapNode,
  context: ServiceContext,
  noted: Set<string>,
  report: Report,
): WrittenService | undefined {
  const path = ['services', name];
  const checked = parseName(name);
  if (isMistake(checked)) report.problem(offsetAt(root, path, 'key'), checked.mistake, checked.next ?? 'choose another name');
  const node = nodeAt(root, path);
  if (node?.kind === 'map') {
    checkComposeKeys('service', node, report, noted);
    const misplaced = node.entries.get('x-landline');
    if (misplaced !== undefined)
      report.problem(
        misplaced.keyAt,
        'x-landline is of the whole environment, not of one service',
        'move it to the top of the file',
      );
    if (node.entries.has('ports') && context.reach.kind !== 'published')
      notePorts(root, [...path, 'ports'], context.reach, report);
  }
  // Keys that the schema does not have are Compose's, and were looked at above.
  const fields = checkFields(serviceSchema, root, path, report, (key) => !Object.hasOwn(serviceSchema.shape, key));
  const container = readContainer(root, path, fields, report);
  const command = container === undefined ? readCommand(name, fields, root, report) : (fields.command ?? []);
  const environment = {
    ...readEnvFiles(root, [...path, 'env_file'], fields.env_file, context, report),
    ...readVariables(root, [...path, 'environment'], fields.environment !== undefined, context.variables, report),
  };
  const attached = container === undefined ? [] : readAttached(root, path, context.attachables, report);
  const mounts = readMounts(root, path, fields, { ...context, attached }, report);
  const aliases = aliasesOf(name, node);
  const healthcheck = readHealthcheck(root, [...path, 'healthcheck'], fields.healthcheck, report);
  const spec = {
    name,
    command,
    ...(container === undefined ? {} : { container }),
    ...(aliases.length === 0 ? {} : { aliases }),
    environment,
    ...(fields.working_dir === undefined ? {} : { workingDir: workingDir(fields.working_dir, context) }),
    ...(fields.restart ?? { restart: 'no' as const }),
    ...stopSignal(fields.stop_signal, context),
    stopGraceMs: fields.stop_grace_period ?? 10_000,
    ...(healthcheck === undefined ? {} : { healthcheck }),
    ...(fields.user === undefined ? {} : { user: fields.user }),
    ...(fields.group_add === undefined ? {} : { groups: fields.group_add }),
    ...(fields.ulimits === undefined ? {} : { ulimits: fields.ulimits }),
    ...(mounts.length === 0 ? {} : { mounts }),
  };
  const isPublished = node?.kind === 'map' && node.entries.has('ports') && context.reach.kind === 'published';
  const ports = isPublished ? readPorts(root, [...path, 'ports'], report) : [];
  const waitsFor = fields.depends_on;
  const written = waitsFor === undefined ? [] : readDependencies(root, [...path, 'depends_on'], waitsFor, report);
  const dependencies = withShared(written, root, path, { pid: container?.pid, ipc: container?.ipc });
  reportReplicas(root, [...path, 'deploy', 'replicas'], report);
  return { spec, dependencies, ports, profiles: fields.profiles ?? [], hasHealthcheck: hasHealthcheck(node) };
}

const workingDir = (written: string, { docker, directory }: ServiceContext): string =>
  docker ? written : resolvePath(directory, written);

const stopSignal = (written: string | undefined, { docker }: ServiceContext): Pick<ServiceSpec, 'stopSignal'> =>
  written === undefined && docker ? {} : { stopSignal: written ?? 'SIGTERM' };

const isActive = (profiles: readonly string[], asked: readonly string[]): boolean =>
  profiles.length === 0 || asked.includes('*') || profiles.some((it) => asked.includes(it));

function reportReplicas(root: MapNode, path: Path, report: Report): void {
  const node = nodeAt(root, path);
  const wrong = node?.kind === 'scalar' && typeof node.value === 'number' ? requireOne(node.value) : undefined;
  if (isMistake(wrong)) report.problem(offsetAt(root, path), wrong.mistake, wrong.next ?? 'write 1');
}

function readCommand(name: string, fields: Fields<typeof serviceSchema>, root: MapNode, report: Report): readonly string[] {
  const path = ['services', name];
  const node = nodeAt(root, path);
  const has = (key: string): boolean => node?.kind === 'map' && node.entries.has(key);
  const command = [...(fields.entrypoint ?? []), ...(fields.command ?? [])];
  const wrong = ['entrypoint', 'command'].some((key) => has(key) && fields[key as 'command'] === undefined);
  const mistyped = node?.kind === 'map' && [...node.entries.keys()].some((key) => isMistyped(key));
  if (wrong || mistyped || node?.kind !== 'map' || has('image') || has('build')) return command;
  if (command.length === 0)
    report.problem(offsetAt(root, path, 'key'), `service '${name}' has no command`, "add 'command: python3 -m http.server 80'");
  const first = (fields.entrypoint ?? []).length > 0 ? 'entrypoint' : 'command';
  if (command[0] === '')
    report.problem(
      offsetAt(root, [...path, first]),
      'the first word of a command is a program, and this one is empty',
      'write the program first',
    );
  for (const key of ['entrypoint', 'command'] as const) {
    if ((fields[key] ?? []).some((word) => word.includes('\0')))
      report.problem(offsetAt(root, [...path, key]), 'no command can hold the character U+0000', 'remove it');
  }
  return command;
}

/** An unknown key, refused already, that was to be the command. */
const isMistyped = (key: string): boolean =>
  !key.startsWith('x-') && treatmentOf('service', key) === undefined && nearestWord(key, ['command', 'entrypoint']) !== undefined;
