/** `landline pipework`: pipework's own command line, for scripts that have it. */
import { createHash } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerNetnsView, NetworkView, SandboxView, UpView } from '../../api/contract.ts';
import { LandlineError } from '../../errors.ts';
import {
  linkNetworkName,
  type PipeworkAttach,
  type PipeworkGuest,
  type PipeworkLink,
  parsePipework,
  pipeworkSyntax,
} from '../../files/index.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import { type Mac, macFromDigest } from '../../net/mac.ts';
import { containsAddress, formatPrefix, type Prefix, parsePrefix } from '../../net/prefix.ts';
import { type AddCommand, client } from '../context.ts';
import { upText } from '../render/environment.ts';
import { printJson } from '../render/table.ts';
import { runAttached } from '../run-attached.ts';

export const addPipework: AddCommand = (root, { setStatus }) => {
  root
    .command('pipework')
    .description("pipework's own command line; what it plumbs is kept through restarts")
    .usage('[--json] WORDS…')
    .option('--json', 'print one JSON document')
    .argument('[words...]', "pipework's words, in its order")
    .allowUnknownOption()
    .passThroughOptions()
    .addHelpText('after', `\n${pipeworkSyntax}`)
    .action(async (words: string[], { json }: { json?: true }) => {
      const ask = parsePipework(words);
      if (ask.do === 'wait') return awaitCarrier(ask.interface);
      if (ask.do === 'run') return setStatus(await runInside(ask.guest, ask.command));
      const view = await attach(ask);
      if (json) printJson(view);
      else process.stdout.write(upText(view));
    });
};

async function attach(ask: PipeworkAttach): Promise<UpView> {
  const { address, mac, guest } = ask;
  const isWord = typeof address === 'string';
  const { name: network, kind } = await joinedBy(ask, isWord ? address : address.prefix);
  // pipework takes it for a NIC too, where there is no such end.
  const hostInterface = kind === 'bridge' ? ask.hostInterface : undefined;
  const query = {
    ...guestQuery(guest),
    network,
    interface: ask.interface,
    hostInterface,
    address: isWord ? address : formatIpv4(address.prefix.address),
    // Without a gateway of its own pipework leaves the container's routes as they are.
    gateway: isWord ? undefined : address.gateway === undefined ? 'none' : formatIpv4(address.gateway),
    mac: typeof mac === 'object' ? macOfSeed(mac.seed) : mac,
  };
  return client().call<UpView>('POST', '/v1/attachments', { query });
}

function guestQuery(guest: PipeworkGuest): Readonly<Record<string, string | undefined>> {
  if (guest.kind === 'container') return { container: guest.container };
  return guest.kind === 'process' ? { pid: String(guest.pid) } : { netns: path.resolve(guest.path) };
}

/** The same MAC as pipework's: 02 and the first five bytes of the MD5 of the word and a line's end. */
const macOfSeed = (seed: string): Mac => macFromDigest(createHash('md5').update(`${seed}\n`).digest(), 0x02);

interface Joined {
  readonly name: string;
  readonly kind: 'bridge' | 'macvlan' | 'phys';
}

/** Of a network that nobody configured, whose endpoints have no address of ours. */
const anySubnet: Prefix = { address: 0, length: 0 };

/** What is given away has a network of its own, even where one is on it: the daemon says why that cannot be. */
async function joinedBy({ link, direct }: PipeworkAttach, address: Prefix | 'dhcp' | 'none'): Promise<Joined> {
  if (direct !== true) return networkOn(link, address);
  const name = 'mac' in link ? nicWith(link.mac) : link.name;
  return { kind: 'phys', name: linkNetworkName('phys', name, typeof address === 'string' ? anySubnet : address) };
}

/** The network on that link, and else one of its own, whose subnet is the address's. */
async function networkOn(link: PipeworkLink, address: Prefix | 'dhcp' | 'none'): Promise<Joined> {
  const name = 'mac' in link ? nicWith(link.mac) : link.name;
  const kind = kindOf(name);
  const networks = await client().call<NetworkView[]>('GET', '/v1/networks');
  const found = networks.find((it) => !it.name.includes(':') && (it.bridge ?? it.parent?.link) === name);
  if (found === undefined) {
    if (address !== 'dhcp') return { kind, name: linkNetworkName(kind, name, address === 'none' ? anySubnet : address) };
    throw usage(
      `no network of landline.yaml is on ${name}`,
      'name one there, with its subnet: an address is leased for a network',
    );
  }
  const subnet = parsePrefix(found.subnet ?? '');
  const fits = typeof address === 'string' || (subnet?.length === address.length && containsAddress(subnet, address.address));
  if (fits) return { kind, name: found.name };
  throw usage(
    `${formatPrefix(address)} does not fit the network '${found.name}' on ${name}, which is ${found.subnet}`,
    'write an address of it, with its length',
  );
}

const usage = (problem: string, advice: string): LandlineError => new LandlineError('USAGE', { problem, advice });

/** As pipework decides: what is no bridge is a NIC, and one that is not there is made, where its name begins as a bridge's. */
function kindOf(name: string): 'bridge' | 'macvlan' {
  if (fs.existsSync(`/sys/class/net/${name}/bridge`)) return 'bridge';
  if (fs.existsSync(`/sys/class/net/${name}`)) return 'macvlan';
  if (/^br/.test(name)) return 'bridge';
  throw usage(
    `this host has no link ${name}`,
    '`ip link` lists them; a bridge that is to be made has a name that begins with br',
  );
}

function nicWith(mac: Mac): string {
  const links = fs.readdirSync('/sys/class/net');
  const found = links.filter((it) => {
    const file = `/sys/class/net/${it}/address`;
    const isHardware = !fs.existsSync(`/sys/class/net/${it}/bridge`) && !it.startsWith('ll');
    return isHardware && fs.existsSync(file) && fs.readFileSync(file, 'utf8').trim() === mac;
  });
  const [only] = found;
  if (only !== undefined && found.length === 1) return only;
  const what = only === undefined ? 'no NIC' : `more than one NIC (${found.join(', ')})`;
  throw usage(`this host has ${what} with the MAC ${mac}`, 'name the NIC itself');
}

/** `ip` or `tc` of the host in the guest's network, whatever plumbed that. */
async function runInside(guest: PipeworkGuest, command: readonly string[]): Promise<number> {
  if (process.getuid?.() !== 0) throw new LandlineError('NOT_ROOT', { command: `landline pipework ${command.join(' ')}` });
  return runAttached('nsenter', [`--net=${await netnsOf(guest)}`, ...command], process.env);
}

async function netnsOf(guest: PipeworkGuest): Promise<string> {
  if (guest.kind === 'process') return `/proc/${guest.pid}/ns/net`;
  if (guest.kind === 'file') return guest.path;
  const known = (name: string): Promise<string> =>
    client()
      .call<SandboxView>('GET', `/v1/environments/${encodeURIComponent(name)}/sandbox`)
      .then((it) => it.netns);
  try {
    return await known(guest.container.toLowerCase());
  } catch (error) {
    // One that Landline has not plumbed is known to Docker alone.
    const it = await client()
      .call<ContainerNetnsView>('GET', `/v1/containers/${encodeURIComponent(guest.container)}/netns`)
      .catch(() => undefined);
    if (it === undefined) throw error;
    return it.netns;
  }
}

/** Inside a container: until its link is there, and has a carrier. */
async function awaitCarrier(name: string): Promise<void> {
  const file = `/sys/class/net/${name}/carrier`;
  const hasCarrier = (): boolean => {
    try {
      return fs.readFileSync(file, 'utf8').trim() === '1';
    } catch {
      // Not there yet, or down.
      return false;
    }
  };
  while (!hasCarrier()) await sleep(100);
}
