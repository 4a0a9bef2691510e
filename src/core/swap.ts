/** Whether a second generation of an environment can be built beside the first, and take its place on the LAN. Pure. */
import type { EnvironmentSpec, MountSpec, Network, ServiceSpec } from './model.ts';

/** Why it cannot, and what to do instead. */
export interface SwapRefusal {
  readonly reason: string;
  readonly advice: string;
}

/**
 * @param before the wish of what runs now
 * @param wish the one of what is to take its place
 */
export function whyNoSwap(before: EnvironmentSpec, wish: EnvironmentSpec, networks: readonly Network[]): SwapRefusal | undefined {
  const { name, sandbox } = wish;
  const plainly = `\`landline up\` without --swap changes what differs`;
  if (sandbox?.kind === 'host')
    return { reason: "it has the host's own network, in which two generations would take each other's ports", advice: plainly };
  if (sandbox?.kind === 'environment')
    return { reason: `it shares the network of '${sandbox.name}'`, advice: `swap '${sandbox.name}'; or ${plainly}` };
  if (wish.engine !== 'docker')
    return {
      reason: 'its services are processes of this host, and have files and ports of the host',
      advice: `give its services images; or ${plainly}`,
    };
  const elsewhere = wish.endpoints.find((it) => networks.find((network) => network.name === it.network)?.bridge === undefined);
  if (elsewhere !== undefined) return whyNoPort(elsewhere.network, networks);
  const byDocker = wish.endpoints.find((it) => networks.find(({ name }) => name === it.network)?.backend !== undefined);
  if (byDocker !== undefined)
    return {
      reason: `on network '${byDocker.network}' Docker makes its link, and puts it on the bridge at once`,
      advice: "leave out --swap, or join a network without 'backend'",
    };
  if (before.sandbox !== undefined || JSON.stringify(before.endpoints) !== JSON.stringify(wish.endpoints))
    return {
      reason: 'its network, address or MAC is to be another, and a swap keeps them',
      advice: `${plainly}; swap '${name}' then`,
    };
  return undefined;
}

function whyNoPort(name: string, networks: readonly Network[]): SwapRefusal {
  const parent = networks.find((it) => it.name === name)?.parent;
  const reason =
    parent === undefined
      ? `on network '${name}' it is behind the host, with its published ports, and no port of a bridge that could be exchanged`
      : `on network '${name}' it is a ${parent.kind} of ${parent.link}, which has no two with one MAC`;
  return { reason, advice: '`landline up` without --swap, or `landline replace` for one service; or join a network on a bridge' };
}

/** A folder, file or volume that both generations would write to. */
export interface SharedMount {
  readonly service: string;
  /** `data at /var/lib/data` */
  readonly mount: string;
}

/** @param declared paths at which the image of a service wants a volume */
export function sharedMounts(wish: EnvironmentSpec, declared: (service: string) => readonly string[]): readonly SharedMount[] {
  return wish.services.flatMap((service) => [
    ...(service.mounts ?? []).flatMap((it) => writableMount(service, it)),
    ...declared(service.name).flatMap((target) => (isMounted(service, target) ? [] : [ofImage(service, target)])),
  ]);
}

function writableMount({ name: service }: ServiceSpec, it: MountSpec): readonly SharedMount[] {
  if (it.kind === 'bind') return it.readOnly ? [] : [{ service, mount: `${it.source} at ${it.target}` }];
  if (it.kind !== 'volume' || it.readOnly) return [];
  return [{ service, mount: it.volume === undefined ? it.target : `${it.volume} at ${it.target}` }];
}

const isMounted = ({ mounts = [] }: ServiceSpec, target: string): boolean => mounts.some((it) => it.target === target);

const ofImage = ({ name: service }: ServiceSpec, target: string): SharedMount => ({
  service,
  mount: `${target}, which its image makes a volume`,
});
