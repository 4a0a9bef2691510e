/** What Compose's `ports` are answered with on a network where every environment has its own address. */
import { privateNetworkName } from '../core/firewall/wish.ts';
import type { EndpointSpec } from '../core/model.ts';
import type { Report } from './report.ts';
import { nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** How an environment can be reached: at a fixed address, at one that is found when it starts, or not at all. */
export type Reach =
  | { readonly kind: 'fixed'; readonly address: string }
  | { readonly kind: 'later' }
  | { readonly kind: 'none' }
  /** Through ports of the host. */
  | { readonly kind: 'published' };

export function reachOf(endpoints: readonly EndpointSpec[] | undefined): Reach {
  const [first] = endpoints ?? [];
  if (endpoints !== undefined && first === undefined) return { kind: 'none' };
  if (endpoints?.some((it) => it.network === privateNetworkName) === true) return { kind: 'published' };
  return first === undefined || /^[a-z]+$/.test(first.address) ? { kind: 'later' } : { kind: 'fixed', address: first.address };
}

/** Notes each mapping of ports, and where to go instead. */
export function notePorts(root: TreeNode, path: Path, reach: Reach, report: Report): void {
  const node = nodeAt(root, path);
  if (node?.kind !== 'list') {
    report.note(offsetAt(root, path, 'key'), "'ports' has no effect: the environment has an address of its own");
    return;
  }
  for (const item of node.items) {
    const mapping = item.kind === 'scalar' ? item.text : longForm(item);
    const target = item.kind === 'scalar' ? targetOf(item.text) : nodeText(item, 'target');
    const says =
      reach.kind === 'none'
        ? 'has no effect: there is no link of its own that it could lead to'
        : `is not needed: ${whereTo(reach, target)}`;
    report.note(item.at, `'${mapping}' ${says}`);
  }
}

/** `127.0.0.1:8080:80/tcp` → `80`. */
const targetOf = (mapping: string): string => mapping.replace(/\/\w+$/, '').replace(/^.*:/s, '');

const nodeText = (node: TreeNode, key: string): string => {
  const inner = nodeAt(node, [key]);
  return inner?.kind === 'scalar' ? inner.text : '';
};

const longForm = (node: TreeNode): string =>
  [nodeText(node, 'published'), nodeText(node, 'target')].filter((part) => part !== '').join(':');

function whereTo(reach: Reach, target: string): string {
  const address = reach.kind === 'fixed' ? reach.address : "the environment's own address";
  if (target === '80' && reach.kind === 'fixed') return `open http://${address}/`;
  if (target === '443' && reach.kind === 'fixed') return `open https://${address}/`;
  if (target === '80' || target === '443' || target === '') return `open ${address}`;
  return reach.kind === 'fixed' ? `connect to ${address}:${target}` : `connect to port ${target} of ${address}`;
}
