/**
 * Docker networks on a bridge of the host's LAN, one for each of Landline's networks that says `backend: docker-network`.
 * There while an anchor is on it, and no longer: as long as it is there Docker takes the bridge for one of its own.
 *
 * Docker leaves the bridge's address alone (`inhibit_ipv4`), takes the LAN's router for the gateway, and gives nobody an
 * address that was not asked for: the range that it would choose from is the router's address alone.
 */
import { limited } from '../../core/limited.ts';
import { isLandlineError, LandlineError } from '../../errors.ts';
import { formatIpv4 } from '../../net/ipv4.ts';
import { formatPrefix, subnetOf } from '../../net/prefix.ts';
import type { LanJoin, SandboxWish } from '../index.ts';
import type { DockerClient } from './client.ts';
import { filterOf, joinedLabel, labelsOf, madeLabel } from './labels.ts';
import type { ContainerCreate, DockerNetwork, DockerNetworkCreate } from './types.ts';

export interface LanNetworks {
  /**
   * Has `work` done while the network is there as it is to be: it is told its id.
   * @throws LandlineError DOCKER_NETWORK_REFUSED
   */
  joined<T>(join: LanJoin, work: (networkId: string) => Promise<T>): Promise<T>;
  /** Removes those that no anchor is on. */
  tidy(): Promise<void>;
}

const bridgeOption = 'com.docker.network.bridge.name';
const mtuOption = 'com.docker.network.driver.mtu';

/** `landline.office`; names of environments have no such dot alone, and those of containers are other names to Docker. */
export const dockerNetworkName = (network: string): string => `landline.${network}`;

/** What tells one anchor's wish from another's. */
export const joinText = ({ network, address, mac, ...lan }: NonNullable<SandboxWish['join']>): string =>
  `${madeOf({ network, ...lan })} ${formatIpv4(address)} ${mac}`;

/** What a network is made with. */
const madeOf = ({ network, bridge, subnet, gateway }: Pick<LanJoin, 'network' | 'bridge' | 'subnet' | 'gateway'>): string =>
  `1 ${network} ${bridge} ${formatPrefix(subnetOf(subnet))} ${formatIpv4(gateway)}`;

/** How a container joins. */
export function joiningCreate({
  network,
  address,
  mac,
}: LanJoin): Required<Pick<ContainerCreate, 'MacAddress' | 'NetworkingConfig'>> & { readonly networkMode: string } {
  const name = dockerNetworkName(network);
  const endpoint = { IPAMConfig: { IPv4Address: formatIpv4(address) } };
  return { networkMode: name, MacAddress: mac, NetworkingConfig: { EndpointsConfig: { [name]: endpoint } } };
}

export function openLanNetworks(docker: DockerClient, installation: string): LanNetworks {
  /** Nobody removes a network between its making and the making of who joins it. */
  const inTurn = limited(1);

  const require = async (join: LanJoin): Promise<string> => {
    const there = await docker.networks.inspect(dockerNetworkName(join.network));
    if (there !== undefined && fits(there, join)) return there.Id;
    if (there !== undefined) await replace(there);
    return docker.networks.create(wishFor(join)).catch((error: unknown) => {
      throw refusalOf(error, join);
    });
  };

  /** Whoever is on it is to be on another: each of them is made anew. */
  const replace = async (network: DockerNetwork): Promise<void> => {
    for (const id of Object.keys(network.Containers ?? {})) await docker.networks.disconnect(network.Id, id, true);
    await docker.networks.remove(network.Id);
  };

  const wishFor = (join: LanJoin): DockerNetworkCreate => ({
    Name: dockerNetworkName(join.network),
    CheckDuplicate: true,
    Driver: 'bridge',
    Options: {
      [bridgeOption]: join.bridge,
      [mtuOption]: String(join.mtu),
      'com.docker.network.bridge.inhibit_ipv4': 'true',
      'com.docker.network.bridge.enable_ip_masquerade': 'false',
    },
    Labels: { ...labelsOf({ installation }), [madeLabel]: madeOf(join) },
    IPAM: {
      Config: [
        {
          Subnet: formatPrefix(subnetOf(join.subnet)),
          Gateway: formatIpv4(join.gateway),
          IPRange: `${formatIpv4(join.gateway)}/32`,
        },
      ],
    },
  });

  const removeUnjoined = async (): Promise<void> => {
    const networks = await docker.networks.list(filterOf({ installation }));
    if (networks.length === 0) return;
    const anchors = await docker.containers.list(filterOf({ installation }));
    const joined = new Set(anchors.flatMap((it) => it.Labels[joinedLabel] ?? []));
    for (const it of networks) {
      if (joined.has(it.Name)) continue;
      // Somebody has put a container of his own on it: it stays until that is gone.
      await docker.networks.remove(it.Id).catch((error: unknown) => {
        if (!isLandlineError(error, 'DOCKER_REFUSED')) throw error;
      });
    }
  };

  return {
    joined: (join, work) => inTurn(async () => work(await require(join))),
    tidy: () => inTurn(removeUnjoined),
  };
}

/** One whose MTU is another stays while it is used. */
function fits(network: DockerNetwork, join: LanJoin): boolean {
  const isUsed = Object.keys(network.Containers ?? {}).length > 0;
  return network.Labels[madeLabel] === madeOf(join) && (isUsed || network.Options?.[mtuOption] === String(join.mtu));
}

function refusalOf(error: unknown, { network, bridge }: LanJoin): unknown {
  if (!isLandlineError(error, 'DOCKER_REFUSED')) return error;
  return new LandlineError('DOCKER_NETWORK_REFUSED', { network, bridge, says: error.details.says }, { cause: error });
}
