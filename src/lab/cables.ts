/** The office's links, addresses and routes, by rtnetlink alone: veth pairs go from machine to machine, past the machine that runs the lab. */
import type { Host, Inside, Route } from '../host/index.ts';
import { ipv4 } from '../net/ipv4.ts';
import { prefix } from '../net/prefix.ts';
import type { Cable, Machine, MachineLink, Office } from './describe.ts';
import { type MachineRecord, netnsOf } from './record.ts';

/** @throws KernelError */
export async function wireOffice(host: Host, office: Office, records: readonly MachineRecord[]): Promise<void> {
  const netns = new Map(records.map((it) => [it.name, netnsOf(it)]));
  const inMachine = async (name: string, body: (inside: Inside) => Promise<void>): Promise<void> =>
    host.within(known(netns.get(name), name), body);

  // IPv6 is off on every NIC before it is up: the office is quiet, while `::1` and links that are made later keep theirs.
  for (const cable of office.cables) await inMachine(cable.from[0], (inside) => layCable(inside, cable, office, netns));
  for (const machine of office.machines) await inMachine(machine.name, (inside) => configureMachine(inside, machine));
}

function known<T>(value: T | undefined, name: string): T {
  if (value === undefined) throw new Error(`the description of the office names ${name}, and has no such thing`);
  return value;
}

async function layCable(inside: Inside, cable: Cable, office: Office, netns: ReadonlyMap<string, string>): Promise<void> {
  const macOf = ([machine, link]: Cable['from']): string =>
    known(
      office.machines.find((it) => it.name === machine)?.links.find((it) => it.name === link),
      `${machine}/${link}`,
    ).mac;
  const peerNetns = known(netns.get(cable.to[0]), cable.to[0]);
  const peer = { name: cable.to[1], mac: macOf(cable.to), netns: peerNetns };
  await inside.kernel.addLink({ kind: 'veth', name: cable.from[1], mac: macOf(cable.from), peer });
}

async function configureMachine(inside: Inside, machine: Machine): Promise<void> {
  inside.sysctl('ipv4/ip_forward', machine.forwards ? '1' : '0');
  for (const link of machine.links.filter((it) => it.kind === 'bridge')) await addBridge(inside, link);
  for (const link of machine.links) await configureLink(inside, machine, link);
}

async function addBridge(inside: Inside, bridge: Extract<MachineLink, { kind: 'bridge' }>): Promise<void> {
  await inside.kernel.addLink({ kind: 'bridge', name: bridge.name, mac: bridge.mac, stp: false });
  const controller = await indexOf(inside, bridge.name);
  for (const port of bridge.ports) await inside.kernel.setLink(await indexOf(inside, port), { controller });
}

async function configureLink(inside: Inside, machine: Machine, link: MachineLink): Promise<void> {
  const carriesDefault = machine.gateway !== undefined && link.address !== undefined;
  const index = await indexOf(inside, link.name);
  const routes: readonly Route[] = carriesDefault ? [{ to: prefix('0.0.0.0/0'), via: ipv4(machine.gateway), link: index }] : [];
  inside.sysctl(`ipv6/conf/${link.name}/disable_ipv6`, '1', { optional: true });
  await inside.kernel.configure(index, {
    up: true,
    routes,
    ...(link.address === undefined ? {} : { address: prefix(link.address) }),
  });
}

const indexOf = async (inside: Inside, name: string): Promise<number> => known(await inside.kernel.getLink(name), name).index;
