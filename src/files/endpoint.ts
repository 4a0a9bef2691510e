/** x-landline: which networks an environment joins, and how. */
import type { EndpointSpec, SandboxSpec } from '../core/model.ts';
import { LandlineError } from '../errors.ts';
import { completeEndpoint, type EndpointFields, readEndpointList, reportTargetsTwice } from './endpoint-list.ts';
import { endpointSchema } from './environment-schema.ts';
import { joinPrefix } from './fields.ts';
import { refuseNotYet } from './not-yet.ts';
import type { Overrides } from './overrides.ts';
import type { Report } from './report.ts';
import { checkFields, nearestWord } from './shape.ts';
import { type MapNode, offsetAt, type TreeNode } from './tree.ts';

/** What x-landline and the command line say together. */
export interface EndpointsWish {
  /** Empty where there is no link of its own; undefined when something was wrong. */
  readonly endpoints: readonly EndpointSpec[] | undefined;
  /** Whose namespace is shared, on the networks `host` and `container:NAME`. */
  readonly sandbox?: SandboxSpec;
  readonly hostname?: string;
}

const BLOCK = 'x-landline';

/** Keys that mean nothing without a network. */
const ofEndpoint = ['address', 'address6', 'mac', 'interface', 'gateway', 'routes'];

export function readEndpoints(root: MapNode, overrides: Overrides, report: Report): EndpointsWish {
  const block = root.entries.get(BLOCK)?.value;
  const given = block?.kind === 'scalar' && block.value === null ? undefined : block;
  const map = given?.kind === 'map' ? given : undefined;
  const isList = map?.entries.has('networks') === true;
  if (map !== undefined) reportNotYet(map, report);
  const sandbox = overrides.network === undefined ? undefined : sharedSandbox(overrides.network);
  const beside = isList ? ['network', ...ofEndpoint] : [];
  const ignore = (key: string): boolean =>
    key === 'networks' || beside.includes(key) || Object.hasOwn(overrides, key) || refuseNotYet('endpoint', key) !== undefined;
  const fields = given === undefined ? {} : checkFields(endpointSchema, root, [BLOCK], report, ignore);
  const hostname = fields.hostname === undefined ? {} : { hostname: fields.hostname };
  if (map !== undefined && isList && overrides.network !== 'none' && sandbox === undefined) {
    reportBeside(map, beside, report);
    return { endpoints: readEndpointList(root, [BLOCK, 'networks'], pickFirst(overrides), report), ...hostname };
  }
  // The environment's hostname is not the endpoint's own.
  const { network: named, networks: _list, hostname: _its, ...written } = fields;
  return { ...readOne(overrides.network ?? named, written, { root, map, overrides, report }), ...hostname };
}

interface Reading {
  readonly root: MapNode;
  readonly map: MapNode | undefined;
  readonly overrides: Overrides;
  readonly report: Report;
}

function readOne(network: string | undefined, fields: EndpointFields, { root, map, overrides, report }: Reading): EndpointsWish {
  if (network === undefined) {
    reportNoNetwork(root, report);
    return { endpoints: undefined };
  }
  const sandbox = sharedSandbox(network);
  if (network === 'none' || sandbox !== undefined) {
    refuseAlone(network, map, overrides, report);
    return { endpoints: [], ...(sandbox === undefined ? {} : { sandbox }) };
  }
  reportTargetsTwice(fields, root, [BLOCK], report);
  const endpoint = completeEndpoint({ ...fields, ...pickFirst(overrides), network });
  return { endpoints: endpoint === undefined ? undefined : [endpoint] };
}

/** What the command line says of the first endpoint. */
function pickFirst({ network, address, address6 }: Overrides): Pick<Overrides, 'network' | 'address' | 'address6'> {
  return {
    ...(network === undefined ? {} : { network }),
    ...(address === undefined ? {} : { address }),
    ...(address6 === undefined ? {} : { address6 }),
  };
}

function reportBeside(map: MapNode, keys: readonly string[], report: Report): void {
  for (const key of keys) {
    const entry = map.entries.get(key);
    if (entry !== undefined) report.problem(entry.keyAt, `'${key}' stands beside 'networks'`, 'move it into one of the networks');
  }
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
  const given = (['address', 'address6'] as const).find((it) => overrides[it] !== undefined);
  if (given !== undefined) {
    throw new LandlineError('USAGE', {
      problem: `--${given} means nothing on network '${network}'`,
      advice: `leave out --${given}, or name another network`,
    });
  }
  for (const key of ['networks', ...ofEndpoint]) {
    const entry = block?.entries.get(key);
    if (entry === undefined) continue;
    if (overrides.network === network) report.note(entry.keyAt, `'${key}' has no effect on network '${network}'`);
    else report.problem(entry.keyAt, `'${key}' means nothing on network '${network}'`, 'remove it, or name another network');
  }
}
