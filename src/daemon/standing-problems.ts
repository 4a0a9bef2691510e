/** Trouble that stands without anybody having asked for anything: a bridge that is missing, down or nearly full. */
import type { Network } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { findParent } from './child.ts';
import { maxBridgePorts } from './refusals.ts';
import type { World } from './world.ts';

/** From so many ports on the user is warned. */
const nearlyFullPorts = 900;

/** What is wrong with a network now. */
export async function networkProblems(world: World, network: Network): Promise<LandlineError[]> {
  // What a foreign firewall drops, it drops for all of them.
  const { problems: firewall } = world.firewall;
  const { name, bridge, parent } = network;
  if (bridge === undefined && parent === undefined) return [...firewall];
  const ground = bridge === undefined ? await parentProblems(world, network) : await bridgeProblems(world, name, bridge);
  return [...ground, ...firewall, ...world.names.standing];
}

/** Where the NIC is not fit, the host's own way to its children cannot be either. */
async function parentProblems(world: World, { name, parent }: Network): Promise<readonly LandlineError[]> {
  // Of a NIC that was given away nothing is expected here; who has it tells what is wrong with it.
  if (parent === undefined || parent.kind === 'phys') return [];
  try {
    await findParent(world.host, name, parent);
    return world.shims.problemsOf(name);
  } catch (error) {
    if (error instanceof LandlineError) return [error];
    throw error;
  }
}

async function bridgeProblems(world: World, network: string, name: string): Promise<LandlineError[]> {
  const bridge = await world.host.kernel.getLink(name);
  const names = { network, bridge: name };
  if (bridge?.kind !== 'bridge') return [new LandlineError('BRIDGE_MISSING', names)];
  const problems: LandlineError[] = bridge.up ? [] : [new LandlineError('BRIDGE_DOWN', names)];
  const ports = (await world.host.kernel.listLinks()).filter((it) => it.controller === bridge.index).length;
  if (ports >= maxBridgePorts) problems.push(new LandlineError('BRIDGE_FULL', { bridge: name, ports }));
  else if (ports >= nearlyFullPorts) problems.push(new LandlineError('BRIDGE_NEARLY_FULL', { bridge: name, ports }));
  return problems;
}
