/** Environment files: Compose files with a block x-landline; and the same as JSON, for the API. */
import type { EnvironmentSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { isHostname } from '../net/name.ts';
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
import { type MapNode, offsetAt } from './tree.ts';
import { readVolumeNames } from './volumes.ts';

export interface EnvironmentOptions {
  /** Name of the file, for messages. */
  readonly file: string;
  /** Absolute path that relative paths in the file start from. */
  readonly directory: string;
  /** What the command line says goes before the file. */
  readonly overrides?: Overrides | undefined;
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
  return { spec, notes: report.notes() };
}

function readSpec(root: MapNode, overrides: Overrides, options: EnvironmentOptions, report: Report): EnvironmentSpec | undefined {
  checkComposeKeys('top', root, report);
  const name = overrides.name ?? readName(root, report);
  const { endpoints, hostname: named, sandbox } = readEndpoints(root, overrides, report);
  const { services, ports } = readServices(
    root,
    {
      directory: options.directory,
      variables: options.variables,
      reach: reachOf(endpoints),
      volumes: readVolumeNames(root, report),
      readFile: options.readFile,
      profiles: options.profiles ?? [],
    },
    report,
  );
  const hostname = overrides.hostname ?? named ?? name;
  if (hostname !== undefined && !isHostname(hostname)) reportHostname(root, hostname, overrides, report);
  if (name === undefined || hostname === undefined || endpoints === undefined) return undefined;
  return {
    name,
    hostname,
    directory: options.directory,
    ...(sandbox === undefined ? {} : { sandbox }),
    endpoints,
    services,
    ...(ports.length === 0 ? {} : { ports }),
  };
}

const nameSchema = text('name of the environment', 'shop', parseName);

function readName(root: MapNode, report: Report): string | undefined {
  if (root.entries.has('name')) return checkValue(nameSchema, root, ['name'], report);
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
