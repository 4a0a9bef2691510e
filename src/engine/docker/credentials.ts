/** Passwords for registries, as the docker command keeps them: in config.json, or with a program that config.json names. */
import { spawn } from 'node:child_process';
import fs from 'node:fs/promises';
import os from 'node:os';
import path from 'node:path';
import { LandlineError } from '../../errors.ts';
import type { RegistryAuth } from './images.ts';
import { readText } from './read.ts';

/** The parts of config.json that concern passwords (https://docs.docker.com/reference/cli/docker/login/#credential-stores). */
interface DockerConfig {
  readonly auths?: Readonly<Record<string, StoredAuth>>;
  /** Name of a program: `docker-credential-NAME`. */
  readonly credsStore?: string;
  /** The same, by registry. */
  readonly credHelpers?: Readonly<Record<string, string>>;
}

interface StoredAuth {
  /** `USER:PASSWORD` in base64. */
  readonly auth?: string;
  readonly username?: string;
  readonly password?: string;
  readonly identitytoken?: string;
}

/** The Docker Hub's place in config.json. */
const hub = 'https://index.docker.io/v1/';

/** A program that asks somebody would wait for ever. */
const patienceMs = 30_000;

/**
 * What is to be sent to a registry; undefined where nothing is kept for it.
 * @param registry `registry.office.example:5000`, `docker.io`
 * @throws LandlineError CREDENTIALS_UNREADABLE
 */
export async function findCredentials(registry: string, variables: NodeJS.ProcessEnv): Promise<RegistryAuth | undefined> {
  const file = path.join(variables['DOCKER_CONFIG'] || path.join(variables['HOME'] || os.homedir(), '.docker'), 'config.json');
  const unreadable = (from: string, reason: string): LandlineError =>
    new LandlineError('CREDENTIALS_UNREADABLE', { registry, from, reason });
  const config = await readConfig(file, (reason) => unreadable(file, reason));
  const server = registry === 'docker.io' ? hub : registry;
  const helper = config.credHelpers?.[server] ?? config.credHelpers?.[registry] ?? config.credsStore;
  if (helper !== undefined && helper !== '') {
    const program = `docker-credential-${helper}`;
    return askHelper(program, server, variables, (reason) => unreadable(program, reason));
  }
  const stored = Object.entries(config.auths ?? {}).find(([key]) => key === server || hostOf(key) === registry)?.[1];
  return stored === undefined ? undefined : authOf(stored, server, () => unreadable(file, 'it is no base64 of USER:PASSWORD'));
}

/** `https://registry.office.example/v1/` names the registry too. */
const hostOf = (key: string): string => key.replace(/^https?:\/\//, '').split('/')[0] ?? '';

async function readConfig(file: string, unreadable: (reason: string) => LandlineError): Promise<DockerConfig> {
  let text: string;
  try {
    text = await fs.readFile(file, 'utf8');
  } catch (error) {
    // Node's errors of file calls carry `code`.
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return {};
    throw unreadable(message);
  }
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value;
  } catch {
    // Told below.
  }
  throw unreadable('it is no JSON object');
}

function authOf(stored: StoredAuth, serveraddress: string, unreadable: () => LandlineError): RegistryAuth | undefined {
  if (stored.identitytoken !== undefined && stored.identitytoken !== '')
    return { identitytoken: stored.identitytoken, serveraddress };
  if (stored.auth === undefined || stored.auth === '') {
    const { username, password } = stored;
    return username === undefined || password === undefined ? undefined : { username, password, serveraddress };
  }
  const text = Buffer.from(stored.auth, 'base64').toString('utf8');
  const colon = text.indexOf(':');
  if (colon < 1) throw unreadable();
  // The docker command itself has written NUL at the end of some.
  return { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, ''), serveraddress };
}

/** The protocol of https://github.com/docker/docker-credential-helpers: the server to stdin, JSON from stdout. */
async function askHelper(
  program: string,
  serveraddress: string,
  variables: NodeJS.ProcessEnv,
  unreadable: (reason: string) => LandlineError,
): Promise<RegistryAuth | undefined> {
  const child = spawn(program, ['get'], { stdio: ['pipe', 'pipe', 'pipe'], env: variables, timeout: patienceMs });
  const ended = new Promise<number | null>((resolve, reject) => {
    child.on('close', resolve);
    child.on('error', (error: NodeJS.ErrnoException) =>
      reject(unreadable(error.code === 'ENOENT' ? 'there is no such program' : error.message)),
    );
  });
  // It may end without reading.
  child.stdin.on('error', () => undefined);
  child.stdin.end(`${serveraddress}\n`);
  const [status, said, complained] = await Promise.all([ended, readText(child.stdout), readText(child.stderr)]);
  if (status !== 0) {
    if (/credentials not found/i.test(said + complained)) return undefined;
    throw unreadable((complained || said).trim() || `it ended with ${status ?? 'a signal'}`);
  }
  try {
    // A cast: a program that keeps to the protocol prints this.
    const { Username: username, Secret: secret } = JSON.parse(said) as { Username: string; Secret: string };
    return username === '<token>' ? { identitytoken: secret, serveraddress } : { username, password: secret, serveraddress };
  } catch {
    throw unreadable('what it says is no JSON');
  }
}
