/** Trouble that stands without anybody having asked for anything: a bridge that is missing, down or nearly full. */
import type { LanNetwork, Network } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { maxBridgePorts } from './refusals.ts';
import type { World } from './world.ts';

/** From so many ports on the user is warned. */
const nearlyFullPorts = 900;

/** What is wrong with a network now. */
export async function networkProblems(world: World, network: Network): Promise<LandlineError[]> {
  // What a foreign firewall drops, it drops for all of them.
  const { problems: firewall } = world.firewall;
  return network.bridge === undefined
    ? [...firewall]
    : [...(await bridgeProblems(world, { ...network, bridge: network.bridge })), ...firewall, ...world.names.standing];
}

async function bridgeProblems(world: World, network: LanNetwork): Promise<LandlineError[]> {
  const bridge = await world.host.kernel.getLink(network.bridge);
  const names = { network: network.name, bridge: network.bridge };
  if (bridge?.kind !== 'bridge') return [new LandlineError('BRIDGE_MISSING', names)];
  const problems: LandlineError[] = bridge.up ? [] : [new LandlineError('BRIDGE_DOWN', names)];
  const ports = (await world.host.kernel.listLinks()).filter((it) => it.controller === bridge.index).length;
  if (ports >= maxBridgePorts) problems.push(new LandlineError('BRIDGE_FULL', { bridge: network.bridge, ports }));
  else if (ports >= nearlyFullPorts) problems.push(new LandlineError('BRIDGE_NEARLY_FULL', { bridge: network.bridge, ports }));
  return problems;
}
