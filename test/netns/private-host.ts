/** A host of the lab with a private network, servers in its sandboxes, and colleagues who connect. */
import { type ChildProcessByStdio, spawn } from 'node:child_process';
import path from 'node:path';
import { createInterface, type Interface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import type { TestContext } from 'node:test';
import { commandInside, environmentInside } from '../../src/lab/enter.ts';
import { findMachine } from '../../src/lab/exec.ts';
import { type Outcome, type TestLab, withLab, withoutTestRunner } from '../lab.ts';

/** Ports as in `8080:10.88.0.2:80`, `192.168.11.20:53:10.88.0.2:53 udp`. Without ports there is no private network. */
export type PrivateRequest =
  | { readonly do: 'apply'; readonly bridges: readonly string[]; readonly ports?: readonly string[] }
  | { readonly do: 'check' | 'problems' | 'told' | 'listeners' | 'generation' }
  | { readonly do: 'attach'; readonly name: string; readonly address: string }
  | { readonly do: 'sandbox' | 'detach' | 'inspect' | 'mend'; readonly name: string };

export interface PrivateAnswer {
  readonly value?: unknown;
  readonly error?: string;
}

export interface PrivateHost {
  readonly lab: TestLab;
  /** @throws Error with what the daemon refused with */
  ask(request: PrivateRequest): Promise<unknown>;
  /** Publishes these ports, and no others. Returns milliseconds. */
  publish(...ports: readonly string[]): Promise<number>;
  /** Attaches a sandbox, and starts a server there at port 80/tcp and 53/udp that says its name and whom it sees. */
  addShop(name: string, address: string): Promise<void>;
  /** Starts such a server in a machine, or in `host/SANDBOX`. */
  serve(from: string, name: string): Promise<void>;
  /** Plugs a sandbox into br0, as an environment on the LAN is, with 192.168.11.101 and fd00::101. */
  addStation(name: string): Promise<void>;
  /** Runs a script in a machine, or in `host/SANDBOX`, that must succeed. Returns what it prints. */
  sh(from: string, script: string): Promise<string>;
  /** Runs a command in the network of a sandbox, with the host's files. */
  inside(name: string, command: readonly string[]): Promise<Outcome>;
  /** What a server answers within so many seconds (3), or why it does not. `from` is a machine, or `host/SANDBOX`. */
  open(from: string, url: string, seconds?: number): Promise<string>;
  /** The same with UDP: `ADDRESS:PORT`. */
  send(from: string, target: string): Promise<string>;
  /** Starts a program in a machine, or in `host/SANDBOX`, that ends with the test. */
  start(from: string, command: readonly string[]): ChildProcessByStdio<Writable, Readable, null>;
}

const fileHere = (name: string): string => path.join(import.meta.dirname, name);
const node = process.execPath;

export function withPrivateHost(t: TestContext, body: (it: PrivateHost) => Promise<void>): Promise<void> {
  return withLab(t, { daemon: false }, async (lab) => {
    const started: ChildProcessByStdio<Writable, Readable, null>[] = [];
    const start = (from: string, command: readonly string[]): ChildProcessByStdio<Writable, Readable, null> => {
      const child = startIn(lab, from, command);
      started.push(child);
      return child;
    };
    const daemon = start('host', [node, fileHere('private-daemon.ts')]);
    try {
      await body(hostWith(lab, askAt(daemon), start));
    } finally {
      for (const child of started) child.kill();
    }
  });
}

function askAt(daemon: ChildProcessByStdio<Writable, Readable, null>): PrivateHost['ask'] {
  const lines: Interface = createInterface({ input: daemon.stdout });
  const waiting: ((line: string) => void)[] = [];
  lines.on('line', (line) => waiting.shift()?.(line));
  lines.on('close', () => {
    for (const answer of waiting) answer('{"error":"the daemon has ended"}');
  });
  return async (request) => {
    const line = new Promise<string>((resolve) => waiting.push(resolve));
    daemon.stdin.write(`${JSON.stringify(request)}\n`);
    // The daemon writes nothing else.
    const { value, error } = JSON.parse(await line) as PrivateAnswer;
    if (error !== undefined) throw new Error(error);
    return value;
  };
}

function hostWith(lab: TestLab, ask: PrivateHost['ask'], start: PrivateHost['start']): PrivateHost {
  const run = (from: string, command: readonly string[]): Promise<Outcome> => {
    const { machine, inner } = placeOf(from, command);
    return lab.exec(machine, inner);
  };
  const serve = async (from: string, name: string): Promise<void> => {
    const server = start(from, [node, fileHere('private-server.ts'), name]);
    await new Promise((resolve) => server.stdout.once('data', resolve));
  };
  return {
    lab,
    ask,
    start,
    serve,
    publish: async (...ports) => Number(await ask({ do: 'apply', bridges: ['br0'], ports })),
    addShop: async (name, address) => {
      await ask({ do: 'attach', name, address });
      await serve(`host/${name}`, name);
    },
    addStation: async (name) => {
      await ask({ do: 'sandbox', name });
      const netns = `/run/landline/netns/${name}`;
      const script = `nsenter --net=${netns} ip link add eth0 type veth peer name ${name} netns $$
        ip link set ${name} master br0 up`;
      await lab.read('host', ['sh', '-ec', script]);
      const inner =
        'ip address add 192.168.11.101/23 dev eth0; ip address add fd00::101/64 dev eth0 nodad; ip link set eth0 up; ip link set lo up';
      await lab.read('host', ['nsenter', `--net=${netns}`, 'sh', '-ec', inner]);
    },
    sh: async (from, script) => {
      const { status, stdout, stderr } = await run(from, ['sh', '-ec', script]);
      if (status !== 0) throw new Error(`${from}: ${script}: status ${status}\n${stdout}${stderr}`);
      return stdout;
    },
    inside: (name, command) => run(`host/${name}`, command),
    open: async (from, url, seconds = 3) =>
      said(await run(from, ['curl', '--silent', '--show-error', '--max-time', String(seconds), url])),
    send: async (from, target) => said(await run(from, [node, fileHere('private-client.ts'), ...target.split(':')])),
  };
}

const said = ({ stdout, stderr }: Outcome): string => (stdout || stderr).trim();

function placeOf(from: string, command: readonly string[]): { readonly machine: string; readonly inner: readonly string[] } {
  const [machine = '', sandbox] = from.split('/');
  const inner = sandbox === undefined ? command : ['nsenter', `--net=/run/landline/netns/${sandbox}`, ...command];
  return { machine, inner };
}

function startIn(lab: TestLab, from: string, command: readonly string[]): ChildProcessByStdio<Writable, Readable, null> {
  const { machine, inner } = placeOf(from, command);
  const { file, args } = commandInside(lab.name, findMachine(lab.name, machine), inner, process.cwd());
  return spawn(file, args, { stdio: ['pipe', 'pipe', 'inherit'], env: environmentInside(withoutTestRunner()) });
}
