/** `landline up` */
import fs from 'node:fs';
import path from 'node:path';
import { RemoteError } from '../../api/client.ts';
import type { UpView } from '../../api/contract.ts';
import { type Details, LandlineError, unreadable } from '../../errors.ts';
import { isEnvironmentName } from '../../net/name.ts';
import { type AddCommand, client } from '../context.ts';
import { type Shown, withProgress } from '../progress.ts';
import { upText } from '../render/environment.ts';
import { printJson } from '../render/table.ts';

export interface UpOptions {
  readonly file?: string;
  readonly profile?: readonly string[];
  readonly name?: string;
  readonly network?: string;
  readonly address?: string;
  readonly address6?: string;
  readonly hostname?: string;
  readonly wait: boolean;
  readonly timeout: string;
  readonly swap?: true;
  readonly swapShared?: true;
  readonly json?: true;
}

/** Looked for where no file is named. */
const defaultFiles = ['compose.yaml', 'compose.yml', 'docker-compose.yaml', 'docker-compose.yml'];

export const addUp: AddCommand = (root) => {
  root
    .command('up')
    .description('bring an environment to what its file says')
    .option('-f, --file <file>', `environment file (default: compose.yaml or its kin, here)`, once)
    .option('--profile <profile>', 'services of this profile too (may be given again)', collect)
    .option('--name <name>', "the environment's name, before the file's")
    .option('--network <network>', "the network to join, before the file's")
    .option('--address <address>', "a fixed address, or 'pool', or 'dhcp', before the file's")
    .option('--address6 <address>', "a fixed IPv6 address beside it, before the file's")
    .option('--hostname <hostname>', "the hostname, before the file's")
    .option('--wait', 'wait until the services run (the default)')
    .option('--no-wait', 'do not wait until the services run')
    .option('--timeout <seconds>', 'the longest wait', '60')
    .option('--swap', 'build a second generation beside the first, off the LAN, and swap them once it is healthy')
    .option('--swap-shared', 'the same, though both write to the same volumes and folders meanwhile')
    .option('--json', 'print one JSON document')
    .action(async (options: UpOptions) => {
      const file = options.file ?? findFile();
      const { text, directory, notes, placeOf, ...shown } = await readEnvironment(file, options);
      for (const note of notes) process.stderr.write(`landline: note: ${note}\n`);
      if (options.swap === true || options.swapShared === true) await saySwap(shown.environment);
      const view = await up(text, directory, file, { ...options, ...shown }).catch((error: unknown) => {
        throw placed(error, placeOf);
      });
      // What the daemon says of the file is of the one that was made of it, with other lines than the user's.
      const more = view.notes.filter((it) => !it.startsWith(`${file}:`));
      printUp({ ...view, notes: [...notes, ...more] }, options.json);
    });
};

/** What to expect of a swap; of what is not there yet there is nothing to say. */
async function saySwap(environment: string): Promise<void> {
  const there = await client()
    .call('GET', `/v1/environments/${encodeURIComponent(environment)}`)
    .catch(() => undefined);
  if (there !== undefined)
    process.stderr.write(`landline: note: until the swap the second generation of ${environment} is off the LAN\n`);
}

/** Brings up what `text`, a checked environment file, says. */
export function up(
  text: string,
  directory: string,
  file: string,
  options: Pick<UpOptions, 'wait' | 'timeout' | 'json' | 'swap' | 'swapShared'> & Pick<Shown, 'environment' | 'services'>,
): Promise<UpView> {
  const timeout = Number(options.timeout);
  if (!/^\d{1,6}$/.test(options.timeout)) {
    throw new LandlineError('USAGE', {
      problem: `--timeout: '${options.timeout}' is not a number of seconds`,
      advice: 'write --timeout 60',
    });
  }
  const query = { directory, file, wait: options.wait, timeout, swap: options.swap, 'swap-shared': options.swapShared };
  const { environment, services, json } = options;
  return withProgress({ environment, services, json }, () =>
    client().call<UpView>('POST', '/v1/environments', { query, body: text }),
  );
}

export function printUp(view: UpView, json: true | undefined): void {
  if (json) printJson(view);
  else process.stdout.write(upText(view));
}

function findFile(): string {
  const found = defaultFiles.find((it) => fs.existsSync(it));
  if (found !== undefined) return found;
  throw new LandlineError('USAGE', {
    problem: `there is no environment file here: none of ${defaultFiles.join(', ')}`,
    advice: 'name one with -f',
  });
}

interface Read extends Pick<Shown, 'environment' | 'services'> {
  readonly text: string;
  readonly directory: string;
  readonly notes: readonly string[];
  /** `shop.yaml:4:13`, where a hostname is written. */
  readonly placeOf: (hostname: string) => string | undefined;
}

/** The daemon alone knows the domain that makes a hostname too long, and the file's place is known here. */
function placed(error: unknown, placeOf: Read['placeOf']): unknown {
  if (!(error instanceof RemoteError) || error.body.code !== 'NAME_TOO_LONG') return error;
  // The details of NAME_TOO_LONG, as the catalogue says.
  const details = error.body.details as Details<'NAME_TOO_LONG'>;
  const at = placeOf(details.name.slice(0, -details.domain.length - 1));
  return at === undefined ? error : new LandlineError('NAME_TOO_LONG', { ...details, at });
}

/** Reads and checks the file where it is written, so that every mistake has its place, with or without a daemon. */
async function readEnvironment(file: string, options: UpOptions): Promise<Read> {
  const { formatEnvironment, parseDotenv, parseEnvironment } = await import('../../files/index.ts');
  const directory = path.resolve(file === '-' ? '.' : path.dirname(file));
  const dotenv = path.join(directory, '.env');
  const variables = { ...(fs.existsSync(dotenv) ? parseDotenv(readText(dotenv), dotenv) : {}), ...definedVariables() };
  const overrides = pickOverrides(options);
  const { spec, notes, placeOf } = parseEnvironment(readText(file), {
    file,
    directory,
    name: projectName(variables, directory),
    overrides,
    variables,
    readFile,
    profiles: profilesOf(options, variables),
  });
  const spell = ({ line, column }: { line: number; column: number }): string => `${file}:${line}:${column}`;
  return {
    text: formatEnvironment(spec),
    directory,
    notes: notes.map((it) => `${spell(it)}: ${it.message}`),
    placeOf: (hostname) => {
      const place = options.hostname === undefined ? placeOf(hostname) : undefined;
      return place === undefined ? undefined : spell(place);
    },
    environment: spec.name,
    services: spec.services.map((it) => it.name),
  };
}

/** As Compose names a project whose file does not: by COMPOSE_PROJECT_NAME, or after its folder. */
function projectName(variables: Readonly<Record<string, string>>, directory: string): string | undefined {
  const name = (variables['COMPOSE_PROJECT_NAME'] || path.basename(directory))
    .toLowerCase()
    .replace(/[^a-z0-9-]+/g, '-')
    .replace(/^-+|-+$/g, '');
  return isEnvironmentName(name) ? name : undefined;
}

const collect = (value: string, former: readonly string[] | undefined): readonly string[] => [...(former ?? []), value];

/** One environment is one file. */
const once = (value: string, former: string | undefined): string => {
  if (former === undefined) return value;
  throw new LandlineError('USAGE', {
    problem: `two environment files are given: ${former} and ${value}`,
    advice: "give one; services of another file can be taken over with 'extends: { service: NAME, file: FILE }'",
  });
};

/** Those asked for by option go with those of the shell, or of `.env`. */
const profilesOf = ({ profile }: UpOptions, variables: Readonly<Record<string, string>>): readonly string[] => [
  ...(profile ?? []),
  ...(variables['COMPOSE_PROFILES'] ?? '').split(',').flatMap((it) => (it.trim() === '' ? [] : [it.trim()])),
];

/** For files that the environment file names. */
const readFile = (file: string): Uint8Array | undefined => (fs.existsSync(file) ? fs.readFileSync(file) : undefined);

function pickOverrides(options: UpOptions): Record<string, string> {
  const { name, network, address, address6, hostname } = options;
  const entries = Object.entries({ name, network, address, address6, hostname });
  return Object.fromEntries(entries.flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])));
}

function definedVariables(): Record<string, string> {
  return Object.fromEntries(Object.entries(process.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])));
}

function readText(file: string): Uint8Array {
  try {
    return fs.readFileSync(file === '-' ? 0 : file);
  } catch (error) {
    throw unreadable(file, error);
  }
}
