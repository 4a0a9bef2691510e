/** `landline host` */
import path from 'node:path';
import type { Command } from 'commander';
import { LandlineError } from '../../errors.ts';
import type { BridgePlan, BridgeStatus, BridgeWish, DockerDefaultOptions, DockerDefaultPlan } from '../../prepare/index.ts';
import { type AddCommand, type Context, defaultSocket } from '../context.ts';
import { unifiedDiff } from '../render/diff.ts';
import { printJson } from '../render/table.ts';

const managers = ['NetworkManager', 'systemd-networkd', 'netplan', 'ifupdown', 'ifcfg', 'none'] as const;

interface WishOptions {
  readonly interface?: string;
  readonly bridge: string;
  readonly manager?: string;
  readonly remove?: true;
  readonly stateDir: string;
  readonly json?: true;
}

export const addHost: AddCommand = (root, context) => {
  const host = root.command('host').description("make this host ready: its NIC under a bridge, Docker's default network on it");
  addDocker(host.command('docker').description("put Docker's default network on the LAN, the old way"), context);
  addBridge(host.command('bridge').description('put the NIC under a bridge, with a way back'), context);
};

const stateOption = ['--state-dir <folder>', 'where the way back and the copies of files are kept', '/var/lib/landline'] as const;
const jsonOption = ['--json', 'print one JSON document'] as const;

const withWish = (command: Command): Command =>
  command
    .option('--interface <link>', 'the NIC')
    .option('--bridge <name>', 'the bridge over it', 'br0')
    .option('--manager <name>', `who configures the NIC at boot: ${managers.join(', ')}; default: found out`)
    .option('--remove', 'the reverse: the bridge away, and everything as it was')
    .option(...stateOption)
    .option(...jsonOption);

function addBridge(bridge: Command, context: Context): void {
  withWish(bridge.command('plan').description('say what would change, now and for the next boot, and what forbids it')).action(
    async (options: WishOptions) => {
      const door = await context.doors.prepare();
      const plan = options.remove === true ? await door.planRemoval(stateDirOf(options)) : await door.planBridge(wishOf(options));
      if (options.json) printJson(plan);
      else process.stdout.write(renderPlan(plan));
      if (plan.refusals.length > 0) context.setStatus(1);
    },
  );
  withWish(bridge.command('apply').description('change the running network; it goes back by itself unless you confirm'))
    .option('--timeout <seconds>', 'until it goes back', '60')
    .action(async (options: WishOptions & { timeout: string }) => {
      const door = await context.doors.prepare();
      const { plan, status } = await interruptible((signal) => {
        const how = {
          timeout: secondsOf(options.timeout),
          command: commandOf(context),
          onProgress: options.json ? () => undefined : say,
          signal,
        };
        return options.remove === true ? door.removeBridge(stateDirOf(options), how) : door.applyBridge(wishOf(options), how);
      });
      if (options.json) return printJson(status);
      for (const it of plan.warnings) say(`note: ${it.reason}`);
      process.stdout.write(renderStatus(status));
    });
  bridge
    .command('confirm')
    .description('keep it: write the boot configuration, and call the watchdog off')
    .option('--here', 'also over the SSH connection that was there before')
    .option(...stateOption)
    .option(...jsonOption)
    .action(async (options: WishOptions & { here?: true }) => {
      const door = await context.doors.prepare();
      show(options, await door.confirmBridge(stateDirOf(options), { here: options.here === true }));
    });
  bridge
    .command('rollback')
    .description('put everything back as it was, files too')
    .option(...stateOption)
    .option(...jsonOption)
    .action(async (options: WishOptions) => {
      const door = await context.doors.prepare();
      const onProgress = options.json ? () => undefined : say;
      const rollback = (signal: AbortSignal): Promise<BridgeStatus> =>
        door.rollbackBridge(stateDirOf(options), { timeout: 60, command: commandOf(context), onProgress, signal });
      show(options, await interruptible(rollback));
    });
  bridge
    .command('status')
    .description('say where it stands')
    .option(...stateOption)
    .option(...jsonOption)
    .action(async (options: WishOptions) => show(options, (await context.doors.prepare()).bridgeStatus(stateDirOf(options))));
}

const say = (line: string): void => void process.stderr.write(`${line}\n`);

const commandOf = ({ argv }: Context): string => ['landline', ...argv].join(' ');

const stateDirOf = ({ stateDir }: WishOptions): string => path.resolve(stateDir);

function wishOf(options: WishOptions): BridgeWish {
  if (options.interface === undefined) {
    throw new LandlineError('USAGE', {
      problem: 'no NIC is named',
      advice: 'name it with --interface; `ip -br link` lists them',
    });
  }
  for (const name of [options.interface, options.bridge]) refuseBadName(name);
  const manager = managers.find((it) => it === options.manager);
  if (options.manager !== undefined && manager === undefined) {
    throw new LandlineError('USAGE', {
      problem: `'${options.manager}' configures no network that is known here`,
      advice: `it is one of ${managers.join(', ')}`,
    });
  }
  return {
    stateDir: stateDirOf(options),
    interface: options.interface,
    bridge: options.bridge,
    ...(manager === undefined ? {} : { manager }),
  };
}

/** A name goes into files and a script: letters, digits, and little else. */
function refuseBadName(name: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,14}$/.test(name)) return;
  throw new LandlineError('USAGE', {
    problem: `'${name}' is no name for a link here`,
    advice: 'use letters, digits, `.`, `_` and `-`, 15 at most, a letter or digit first',
  });
}

function secondsOf(text: string): number {
  const seconds = Number(text);
  if (Number.isInteger(seconds) && seconds >= 1 && seconds <= 86_400) return seconds;
  throw new LandlineError('USAGE', {
    problem: `'${text}' is no time to wait`,
    advice: 'give --timeout as whole seconds, from 1 to 86400',
  });
}

/** Ctrl-C does not end the command: it has it put everything back first. */
async function interruptible<T>(body: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const stop = new AbortController();
  const abort = (): void => stop.abort();
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, abort);
  try {
    return await body(stop.signal);
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.off(signal, abort);
  }
}

function show(options: WishOptions, status: BridgeStatus): void {
  if (options.json) printJson(status);
  else process.stdout.write(renderStatus(status));
}

function renderPlan(plan: BridgePlan): string {
  const { interface: link, bridge, direction } = plan;
  const findings = (title: string, list: BridgePlan['refusals']): readonly string[] =>
    list.flatMap((it) => [`${title} ${it.code}: ${it.reason}`, `  → ${it.next}`]);
  const head = plan.done
    ? [`${link} is under ${bridge} already: nothing to do`]
    : [direction === 'apply' ? `${link} goes under ${bridge}` : `${link} leaves ${bridge}, which ends`];
  return [
    ...head,
    ...findings('refused', plan.refusals),
    ...findings('note', plan.warnings),
    ...(plan.now.length === 0 ? [] : ['', 'now:', ...plan.now.map((it) => `  ${it}`)]),
    ...(plan.files.length === 0
      ? []
      : [
          '',
          `for the next boot, with ${plan.manager ?? 'the copies'}, once it is confirmed:`,
          ...plan.files.map((it) => unifiedDiff(it.path, it.before, it.after)),
        ]),
    ...plan.notes.map((it) => `note: ${it}`),
    '',
  ].join('\n');
}

function renderStatus(it: BridgeStatus): string {
  const moved = it.direction === 'remove' ? `${it.interface} has left ${it.bridge}` : `${it.interface} is under ${it.bridge}`;
  const lines: Readonly<Record<BridgeStatus['state'], string>> = {
    plain: 'the host is as it was configured: nothing of `landline host bridge` is in force',
    pending: `${moved}; it goes back in ${it.secondsLeft ?? 0} s\n→ \`landline host bridge confirm\`, from a new connection, keeps it`,
    confirming: `${moved}; its confirmation is under way, or was cut off\n→ \`landline host bridge confirm\` ends it`,
    bridged: `${it.interface} is under ${it.bridge}, since ${it.since}; ${it.files?.length === 0 ? 'no boot configuration was written' : `at boot by ${it.manager}`}`,
    'going back': 'the way back is being taken',
    'rolled back': `${it.interface} was put back as it was; ${it.folder}/log tells why`,
    half: `not all of the network is back: ${it.folder}/log tells what is missing`,
  };
  return `${lines[it.state]}\n`;
}

interface DockerOptions {
  readonly network?: string;
  readonly fixedCidr?: string;
  readonly dns?: string;
  readonly iptables?: string;
  readonly liveRestore: boolean;
  readonly restart?: true;
  readonly config: string;
  readonly file: string;
  readonly stateDir: string;
  readonly json?: true;
}

const withPlaces = (command: Command): Command =>
  command
    .option('--file <file>', "Docker's configuration", '/etc/docker/daemon.json')
    .option('--config <file>', 'configuration', '/etc/landline/landline.yaml')
    .option('--state-dir <folder>', 'where the former file is kept', '/var/lib/landline')
    .option(...jsonOption);

const withDockerWish = (command: Command): Command =>
  command
    .option('--network <network>', 'the LAN network (default: the only one)')
    .option('--fixed-cidr <range>', 'the part of its subnet that Docker takes addresses from')
    .option('--dns <addresses>', 'DNS servers of containers, with commas between')
    .option('--iptables <on|off>', "Docker's firewall rules (default: as they are)")
    .option('--no-live-restore', 'do not have containers run on while Docker restarts');

function addDocker(docker: Command, { doors, setStatus }: Context): void {
  withPlaces(
    withDockerWish(docker.command('plan').description('say what daemon.json would become, what forbids it, and what it costs')),
  ).action(async (options: DockerOptions) => {
    const plan = await (await doors.prepare()).planDockerDefaultHere(dockerOptionsOf(options));
    if (options.json) printJson(plan);
    else process.stdout.write(renderDocker(plan));
    if (plan.refusals.length > 0) setStatus(1);
  });
  withPlaces(
    withDockerWish(docker.command('apply').description('write daemon.json, and keep the range in the ledger')).option(
      '--restart',
      'restart Docker, so that it has it',
    ),
  ).action(async (options: DockerOptions) => {
    const plan = await (await doors.prepare()).applyDockerDefault(dockerOptionsOf(options));
    if (options.json) return printJson(plan);
    for (const it of plan.costs) say(`note: ${it}`);
    process.stdout.write(
      `${plan.file} puts Docker's default network on ${plan.bridge}${plan.restarted ? '' : '\n→ restart Docker, so that it has it'}\n`,
    );
  });
  withPlaces(docker.command('rollback').description('put daemon.json back as it was'))
    .option('--restart', 'restart Docker, so that it has it')
    .action(async (options: DockerOptions) => {
      const plan = await (await doors.prepare()).rollbackDockerDefault(dockerOptionsOf(options));
      if (options.json) return printJson(plan);
      process.stdout.write(`${plan.file} is as it was${plan.restarted ? '' : '\n→ restart Docker, so that it has it'}\n`);
    });
}

function dockerOptionsOf(options: DockerOptions): DockerDefaultOptions {
  const { network, fixedCidr, dns, iptables } = options;
  if (iptables !== undefined && iptables !== 'on' && iptables !== 'off') {
    throw new LandlineError('USAGE', {
      problem: `'${iptables}' is neither on nor off`,
      advice: 'write `--iptables on` or `--iptables off`',
    });
  }
  return {
    stateDir: path.resolve(options.stateDir),
    config: path.resolve(options.config),
    socket: defaultSocket(),
    file: path.resolve(options.file),
    ...(network === undefined ? {} : { network }),
    ...(fixedCidr === undefined ? {} : { fixedCidr }),
    ...(dns === undefined ? {} : { dns: dns.split(',') }),
    ...(iptables === undefined ? {} : { iptables }),
    liveRestore: options.liveRestore ?? true,
    restart: options.restart === true,
  };
}

function renderDocker(plan: DockerDefaultPlan): string {
  return [
    ...plan.refusals.flatMap((it) => [`refused ${it.code}: ${it.reason}`, `  → ${it.next}`]),
    unifiedDiff(plan.file, plan.before, plan.after),
    'what it costs:',
    ...plan.costs.map((it) => `- ${it}`),
    '',
  ].join('\n');
}
