/** Environment files: Compose files with a block x-landline; and the same as JSON, for the API. */
import type { EnvironmentSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { isHostname } from '../net/name.ts';
import { readAttachables } from './attached-files.ts';
import { checkComposeKeys } from './check-compose-keys.ts';
import { readEndpoints } from './endpoint.ts';
import type { ReadFile } from './env-file.ts';
import { resolveExtends } from './extends.ts';
import { parseName } from './fields.ts';
import { interpolateTree, type Variables } from './interpolate.ts';
import { type Overrides, parseOverrides } from './overrides.ts';
import { reachOf } from './ports.ts';
import { readYaml } from './read-yaml.ts';
import type { Note, Report } from './report.ts';
import { readServices } from './service.ts';
import { checkValue, text } from './shape.ts';
import { type Place, placeOf } from './source.ts';
import { type MapNode, nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';
import { readVolumeNames, readVolumeSpecs } from './volumes.ts';

export interface EnvironmentOptions {
  /** Name of the file, for messages. */
  readonly file: string;
  /** Absolute path that relative paths in the file start from. */
  readonly directory: string;
  /** What the command line says goes before the file. */
  readonly overrides?: Overrides | undefined;
  /** The environment's name where neither the command line nor the file has one. */
  readonly name?: string | undefined;
  /** What `$NAME` stands for; left out: a dollar is a dollar. */
  readonly variables?: Variables | undefined;
  /** For `env_file`; left out: that is refused. */
  readonly readFile?: ReadFile | undefined;
  /** Services with `profiles` count when one of these is among them, or when this has `*`. */
  readonly profiles?: readonly string[] | undefined;
}

/** An environment file, checked. */
export interface EnvironmentFile {
  readonly spec: EnvironmentSpec;
  /** What has no effect, and variables that are not set. */
  readonly notes: readonly Note[];
  /** Where a hostname is written, or the name that stands for it; undefined where the file does not say it. */
  readonly placeOf: (hostname: string) => Place | undefined;
}

/**
 * The wish that an environment file and the command line make together.
 * @param input the file's text, or its bytes
 * @throws LandlineError FILE_INVALID with every mistake and its place; USAGE when an override is wrong
 */
export function parseEnvironment(input: string | Uint8Array, options: EnvironmentOptions): EnvironmentFile {
  const overrides = parseOverrides(options.overrides ?? {});
  if (!options.directory.startsWith('/')) {
    throw new LandlineError('USAGE', {
      problem: `the directory '${options.directory}' is not absolute`,
      advice: "give its whole path, beginning with '/'",
    });
  }
  const { root: written, report } = readYaml(input, options.file);
  const root =
    written === undefined || options.variables === undefined ? written : interpolateTree(written, options.variables, report);
  if (root?.kind !== 'map') {
    const message = root === undefined ? 'the file is empty' : 'an environment file is a mapping, with keys and values';
    report.problem(root?.at ?? 0, message, "write 'name: shop', 'x-landline: { network: office }' and 'services: …'");
    report.refuseIfWrong();
    throw new Error('a report that holds a problem refuses');
  }
  const spec = readSpec(resolveExtends(root, options, report), overrides, options, report);
  report.refuseIfWrong();
  // Nothing was wrong, so everything that is needed was there.
  if (spec === undefined) throw new Error(`${options.file} was not refused though it is incomplete`);
  const placeOfIt = (hostname: string): Place | undefined => {
    const at = hostnameOffset(root, hostname);
    return at === undefined ? undefined : placeOf(report.source, at);
  };
  return { spec, notes: report.notes(), placeOf: placeOfIt };
}

/** Of an endpoint, of all of them, or of the environment's name. */
function hostnameOffset(root: TreeNode, hostname: string): number | undefined {
  const list = nodeAt(root, ['x-landline', 'networks']);
  const steps = list?.kind === 'list' ? [...list.items.keys()] : list?.kind === 'map' ? [...list.entries.keys()] : [];
  const paths: readonly Path[] = [
    ...steps.map((step) => ['x-landline', 'networks', step, 'hostname']),
    ['x-landline', 'hostname'],
    ['name'],
  ];
  const isIt = (node: TreeNode | undefined): boolean =>
    node?.kind === 'scalar' && node.text.toLowerCase() === hostname.toLowerCase();
  const found = paths.find((it) => isIt(nodeAt(root, it)));
  return found === undefined ? undefined : offsetAt(root, found);
}

function readSpec(root: MapNode, overrides: Overrides, options: EnvironmentOptions, report: Report): EnvironmentSpec | undefined {
  checkComposeKeys('top', root, report);
  const name = overrides.name ?? readName(root, options.name, report);
  const docker = requireOneEngine(root, report);
  const { endpoints, hostname: named, sandbox } = readEndpoints(root, overrides, report);
  const { services, ports } = readServices(
    root,
    {
      directory: options.directory,
      variables: options.variables,
      reach: reachOf(endpoints),
      volumes: readVolumeNames(root, docker, report),
      attachables: readAttachables(root, { directory: options.directory, variables: options.variables }, report),
      docker,
      readFile: options.readFile,
      profiles: options.profiles ?? [],
    },
    report,
  );
  const hostname = overrides.hostname ?? named ?? name;
  if (hostname !== undefined && !isHostname(hostname)) reportHostname(root, hostname, overrides, report);
  const volumes = readVolumeSpecs(root, docker, report);
  if (name === undefined || hostname === undefined || endpoints === undefined) return undefined;
  return {
    name,
    ...(docker ? { engine: 'docker' as const } : {}),
    hostname,
    directory: options.directory,
    ...(sandbox === undefined ? {} : { sandbox }),
    endpoints,
    services,
    ...(ports.length === 0 ? {} : { ports }),
    ...(volumes.length === 0 ? {} : { volumes }),
  };
}

/** Whether the services are containers: all of them, or none. */
function requireOneEngine(root: MapNode, report: Report): boolean {
  const services = nodeAt(root, ['services']);
  if (services?.kind !== 'map') return false;
  const isContainer = (name: string): boolean => nodeAt(services, [name, 'image']) !== undefined;
  const names = [...services.entries.keys()].filter((name) => nodeAt(services, [name])?.kind === 'map');
  const containers = names.filter(isContainer);
  const [other] = names.filter((name) => !isContainer(name) && nodeAt(services, [name, 'build']) === undefined);
  if (containers.length > 0 && other !== undefined) {
    const message = `service '${other}' has no image, and service '${containers[0]}' has one: an environment runs containers or commands, not both`;
    report.problem(offsetAt(services, [other], 'key'), message, `give '${other}' an image, or write it into a file of its own`);
  }
  return containers.length > 0;
}

const nameSchema = text('name of the environment', 'shop', parseName);

function readName(root: MapNode, otherwise: string | undefined, report: Report): string | undefined {
  if (root.entries.has('name')) return checkValue(nameSchema, root, ['name'], report);
  if (otherwise !== undefined) return otherwise;
  report.problem(root.at, 'the file does not name the environment', "add 'name: shop', or give --name");
  return undefined;
}

/** A name may end with '-', a hostname may not. */
function reportHostname(root: MapNode, name: string, overrides: Overrides, report: Report): void {
  const problem = `'${name}' cannot be a hostname, and no other is given`;
  const advice = "add 'hostname' to x-landline, or choose a name that does not end with '-'";
  if (overrides.name !== undefined) throw new LandlineError('USAGE', { problem, advice: `${advice}, or give --hostname` });
  report.problem(offsetAt(root, ['name']), problem, advice);
}
