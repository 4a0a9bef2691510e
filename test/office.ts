/** An office with its daemon, for tests: the API at hand, the command, and what `ip` and /proc show. */
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { TestContext } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Client, connect, RemoteError } from '../src/api/client.ts';
import type { AddressView, EnvironmentView, EventView, UpView } from '../src/api/contract.ts';
import type { LabWish } from '../src/lab/index.ts';
import { type Outcome, type TestLab, withLab } from './lab.ts';

/** A link as `ip -j -d link` shows it. */
export interface ShownLink {
  readonly ifindex: number;
  readonly ifname: string;
  readonly address: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly master?: string;
  readonly ifalias?: string;
  readonly group?: string;
}

export interface Office extends TestLab {
  /** A client of the daemon, from outside of the lab. */
  readonly api: Client;
  /** A folder that machines and test share. */
  readonly folder: string;
  /** `landline ARGS` on the host. */
  landline(...args: readonly string[]): Promise<Outcome>;
  /** The same with `--json`, which must succeed: what it printed. */
  landlineJson<T>(...args: readonly string[]): Promise<T>;
  /** Brings up what an environment file says. */
  up(file: EnvironmentFile, query?: Query): Promise<UpView>;
  down(name: string, query?: Query): Promise<void>;
  ps(name: string): Promise<EnvironmentView>;
  addresses(): Promise<readonly AddressView[]>;
  /** Links of the host's own namespace, without lo and what the office is made of. */
  links(): Promise<readonly ShownLink[]>;
  /** A command inside an environment's network, with the host's files. */
  inside(name: string, ...command: readonly string[]): Promise<string>;
  /** What the pc knows of an address after asking for it: its MAC; undefined when nobody answers. */
  holderOf(address: string): Promise<string | undefined>;
  /** Writes landline.yaml, and has the daemon read it. */
  configure(text: string): Promise<void>;
  readonly daemon: DaemonControl;
}

export interface DaemonControl {
  pid(): Promise<number>;
  signal(name: string): Promise<void>;
  /** kill -9, and waits until it is gone. */
  kill(): Promise<void>;
  /** Starts one, and returns once it answers. */
  start(...args: readonly string[]): Promise<void>;
  /** The same with more variables, as `NAME=VALUE`. */
  startWith(variables: readonly string[]): Promise<void>;
  log(): Promise<string>;
}

type Query = Readonly<Record<string, string | number | boolean>>;

/** JSON is YAML. */
export interface EnvironmentFile {
  readonly name: string;
  readonly 'x-landline'?: Readonly<Record<string, unknown>>;
  readonly services?: Readonly<Record<string, Readonly<Record<string, unknown>>>>;
}

const ownLinks = ['lo', 'ens33', 'br0'];

/** An office whose daemon runs; it goes with the test. */
export async function withOffice(
  t: TestContext,
  options: Omit<LabWish, 'name'>,
  body: (office: Office) => Promise<void>,
): Promise<void> {
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-office-'));
  fs.chmodSync(folder, 0o755);
  t.after(() => fs.rmSync(folder, { recursive: true, force: true }));
  await withLab(t, options, (lab) => body(openOffice(lab, folder)));
}

function openOffice(lab: TestLab, folder: string): Office {
  const root = `/proc/${lab.pidOf('host')}/root`;
  const api = connect(`${root}/run/landline/landline.sock`);
  const configuration = `${root}/etc/landline/landline.yaml`;
  const daemon = controlDaemon(lab, root, api);
  const landline: Office['landline'] = (...args) => lab.exec('host', ['landline', ...args]);

  return {
    ...lab,
    api,
    folder,
    daemon,
    landline,
    landlineJson: async <T>(...args: readonly string[]) => {
      const { status, stdout, stderr } = await landline(...args, '--json');
      if (status !== 0) throw new Error(`landline ${args.join(' ')}: status ${status}\n${stderr}`);
      // A cast: whoever asks knows the command's shape.
      return JSON.parse(stdout) as T;
    },
    up: (file, query = {}) =>
      api.call('POST', '/v1/environments', { query: { directory: folder, ...query }, body: JSON.stringify(file) }),
    down: async (name, query = {}) => void (await api.call('DELETE', `/v1/environments/${name}`, { query })),
    ps: (name) => api.call('GET', `/v1/environments/${name}`),
    addresses: () => api.call('GET', '/v1/addresses'),
    links: async () => {
      // A cast, since this is what `ip -j` prints.
      const links = JSON.parse(await lab.read('host', ['ip', '-j', '-d', 'link'])) as readonly ShownLink[];
      return links.filter((it) => !ownLinks.includes(it.ifname));
    },
    inside: async (name, ...command) => {
      const netns = await lab.read('host', ['sh', '-c', `ls -d /run/landline/netns/*/${name}`]);
      return lab.read('host', ['nsenter', `--net=${netns.trim()}`, ...command]);
    },
    holderOf: async (address) => {
      const { stdout } = await lab.exec('pc', ['arping', '-c', '1', '-w', '1', '-I', 'eth0', address]);
      return /\[([0-9A-F:]{17})\]/i.exec(stdout)?.[1]?.toLowerCase();
    },
    configure: async (text) => {
      fs.writeFileSync(configuration, text);
      const heard = countOf(await daemon.log(), 'configuration');
      await daemon.signal('HUP');
      await until(async () => countOf(await daemon.log(), 'configuration') > heard, 'the daemon has read its configuration');
    },
  };
}

/** One more NIC of the host with a cable to the office's switch, and settings of its own: up, with an MTU of 1400. */
export function addNic(office: TestLab, name: string): void {
  const ip = (machine: string, ...words: readonly string[]): Buffer =>
    execFileSync('nsenter', [`--net=/proc/${office.pidOf(machine)}/ns/net`, 'ip', 'link', ...words]);
  ip('host', 'add', name, 'mtu', '1400', 'type', 'veth', 'peer', 'name', `${name}-lan`, 'netns', String(office.pidOf('switch')));
  ip('switch', 'set', `${name}-lan`, 'master', 'lan', 'up');
  ip('host', 'set', name, 'up');
}

const countOf = (text: string, word: string): number => text.split(word).length - 1;

function controlDaemon(lab: TestLab, root: string, api: Client): DaemonControl {
  const log = `${root}/var/log/landline.log`;
  const pid = async (): Promise<number> => Number(fs.readFileSync(`${root}/run/landline/landline.pid`, 'utf8'));
  const signal = async (name: string): Promise<void> => void (await lab.read('host', ['kill', '-s', name, String(await pid())]));
  const start = async (command: readonly string[]): Promise<void> => {
    await lab.read('host', ['sh', '-c', 'setsid "$@" >>/var/log/landline.log 2>&1 </dev/null &', 'sh', ...command]);
    await until(() => answers(api), 'the daemon answers');
  };
  return {
    pid,
    signal,
    log: async () => fs.readFileSync(log, 'utf8'),
    kill: async () => {
      const it = await pid();
      await lab.read('host', ['sh', '-c', `kill -9 ${it}; while [ -e /proc/${it} ]; do sleep 0.01; done`]);
    },
    start: async (...args) => start(['landline', 'daemon', ...args]),
    startWith: async (variables) => start(['env', ...variables, 'landline', 'daemon']),
  };
}

export async function answers(api: Client): Promise<boolean> {
  return api.call('GET', '/v1/version').then(
    () => true,
    () => false,
  );
}

/** Waits until something is so. @throws Error when it is not within the time, in milliseconds */
export async function until(isSo: () => Promise<boolean> | boolean, what: string, ms = 10_000): Promise<void> {
  const end = performance.now() + ms;
  while (!(await isSo())) {
    if (performance.now() > end) throw new Error(`after ${ms} ms it is still not so: ${what}`);
    await sleep(20);
  }
}

/** What the daemon refuses a request with: its code. */
export async function codeOf(request: Promise<unknown>): Promise<string> {
  return (await refusalOf(request)).code;
}

export async function refusalOf(request: Promise<unknown>): Promise<RemoteError['body']> {
  try {
    const answer = await request;
    return assert.fail(`it was not refused: ${JSON.stringify(answer)}`);
  } catch (error) {
    if (error instanceof RemoteError) return error.body;
    throw error;
  }
}

export interface EventLog {
  readonly all: readonly EventView[];
  /** Waits for an event that has come since the last call, or comes. */
  next(what: string, fields?: Readonly<Record<string, unknown>>, ms?: number): Promise<EventView>;
  stop(): void;
}

/** Listens to what happens, from now on. */
export async function listen(office: Pick<Office, 'api'>): Promise<EventLog> {
  const stop = new AbortController();
  const all: EventView[] = [];
  const open = Promise.withResolvers<void>();
  const stream = office.api.stream<EventView>('/v1/events', { signal: stop.signal, onOpen: open.resolve });
  const gather = async (): Promise<void> => {
    for await (const event of stream) all.push(event);
  };
  // Once open it ends with the daemon, which some tests kill.
  gather().catch(open.reject);
  await open.promise;
  let seen = 0;
  const next: EventLog['next'] = async (what, fields = {}, ms = 10_000) => {
    const fits = (it: EventView): boolean =>
      it.what === what && Object.entries(fields).every(([name, value]) => it.fields[name] === value);
    await until(
      () => all.slice(seen).some(fits),
      `${what} ${JSON.stringify(fields)} among ${JSON.stringify(all.slice(seen))}`,
      ms,
    );
    const at = all.findIndex((it, index) => index >= seen && fits(it));
    seen = at + 1;
    return all[at] as EventView;
  };
  return { all, next, stop: () => stop.abort() };
}

/** A process that answers on a port with a line of text; busybox is on every machine of the office. */
export const answering = (port: number, text: string): { readonly command: readonly string[] } => ({
  command: ['busybox', 'nc', '-ll', '-p', String(port), '-e', 'echo', text],
});

/** A configuration: the office's LAN, with IPv6. More networks may follow. */
export const ipv6Office = `networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    subnet6: 2001:db8:10::/64
    gateway6: 2001:db8:10::1
    pool: [192.168.11.100-192.168.11.250]
`;
