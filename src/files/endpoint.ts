/** x-landline: which network an environment joins, and how. */
import type { EndpointSpec, SandboxSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { endpointSchema } from './environment-schema.ts';
import { joinPrefix } from './fields.ts';
import { refuseNotYet } from './not-yet.ts';
import type { Overrides } from './overrides.ts';
import type { Report } from './report.ts';
import { checkFields, type Fields, nearestWord } from './shape.ts';
import { type MapNode, offsetAt, type TreeNode } from './tree.ts';

/** What x-landline and the command line say together. */
export interface EndpointWish {
  /** `none` where there is no link of its own; undefined when something was wrong. */
  readonly endpoint: EndpointSpec | 'none' | undefined;
  /** Whose namespace is shared, on the networks `host` and `container:NAME`. */
  readonly sandbox?: SandboxSpec;
  readonly hostname?: string;
}

const BLOCK = 'x-landline';

/** Keys that mean nothing without a network. */
const ofEndpoint = ['address', 'mac', 'interface', 'gateway', 'routes'];

export function readEndpoint(root: MapNode, overrides: Overrides, report: Report): EndpointWish {
  const block = root.entries.get(BLOCK)?.value;
  const given = block?.kind === 'scalar' && block.value === null ? undefined : block;
  if (given?.kind === 'map') reportNotYet(given, report);
  const ignore = (key: string): boolean => Object.hasOwn(overrides, key) || refuseNotYet('endpoint', key) !== undefined;
  const fields = given === undefined ? {} : checkFields(endpointSchema, root, [BLOCK], report, ignore);
  const network = overrides.network ?? fields.network;
  const hostname = fields.hostname === undefined ? {} : { hostname: fields.hostname };
  if (network === undefined) {
    reportNoNetwork(root, report);
    return { endpoint: undefined, ...hostname };
  }
  const sandbox = sharedSandbox(network);
  if (network === 'none' || sandbox !== undefined) {
    refuseAlone(network, given?.kind === 'map' ? given : undefined, overrides, report);
    return { endpoint: 'none', ...hostname, ...(sandbox === undefined ? {} : { sandbox }) };
  }
  return { endpoint: complete(network, fields, overrides), ...hostname };
}

function reportNotYet(block: MapNode, report: Report): void {
  for (const [key, { keyAt }] of block.entries) {
    const mistake = refuseNotYet('endpoint', key);
    if (mistake !== undefined) report.problem(keyAt, mistake.mistake, mistake.next ?? 'remove it');
  }
}

function reportNoNetwork(root: MapNode, report: Report): void {
  const block = root.entries.get(BLOCK);
  if (block?.value.kind === 'map') {
    // Named, but wrongly, or by a key that was refused: said already.
    if (
      ['network', 'networks', nearestWord('network', [...block.value.entries.keys()]) ?? ''].some((key) => has(block.value, key))
    )
      return;
    report.problem(block.keyAt, 'x-landline names no network', "add 'network: office', or give --network");
    return;
  }
  if (block !== undefined && !(block.value.kind === 'scalar' && block.value.value === null)) return;
  const mistyped = nearestWord(
    BLOCK,
    [...root.entries.keys()].filter((key) => key.startsWith('x-') && key !== BLOCK),
  );
  if (mistyped !== undefined)
    report.problem(
      offsetAt(root, [mistyped], 'key'),
      `'${mistyped}' is ignored, and there is no x-landline`,
      'did you mean x-landline?',
    );
  else
    report.problem(
      block?.keyAt ?? root.at,
      'the file does not say which network the environment joins',
      "add 'x-landline: { network: office }', or give --network",
    );
}

const has = (node: TreeNode, key: string): boolean => node.kind === 'map' && node.entries.has(key);

/** `host`, and `container:NAME`, which joins the environment of that name. */
function sharedSandbox(network: string): SandboxSpec | undefined {
  if (network === 'host') return { kind: 'host' };
  return network.startsWith(joinPrefix) ? { kind: 'environment', name: network.slice(joinPrefix.length) } : undefined;
}

/** There is no link of its own that could have an address. */
function refuseAlone(network: string, block: MapNode | undefined, overrides: Overrides, report: Report): void {
  if (overrides.address !== undefined) {
    throw new LandlineError('USAGE', {
      problem: `--address means nothing on network '${network}'`,
      advice: 'leave out --address, or name another network',
    });
  }
  for (const key of ofEndpoint) {
    const entry = block?.entries.get(key);
    if (entry === undefined) continue;
    if (overrides.network === network) report.note(entry.keyAt, `'${key}' has no effect on network '${network}'`);
    else report.problem(entry.keyAt, `'${key}' means nothing on network '${network}'`, 'remove it, or name another network');
  }
}

function complete(network: string, fields: Fields<typeof endpointSchema>, overrides: Overrides): EndpointSpec {
  return {
    network,
    interface: fields.interface ?? 'eth0',
    address: overrides.address ?? fields.address ?? 'pool',
    ...(fields.mac === undefined ? {} : { mac: fields.mac }),
    ...(fields.gateway === undefined ? {} : { gateway: fields.gateway }),
    routes: fields.routes ?? [],
  };
}
