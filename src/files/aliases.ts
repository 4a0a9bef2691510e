/** Names that a service has inside of its environment besides its own: wherever Compose would let others find it by one. */
import { isHostname } from '../net/name.ts';
import { nodeAt, type TreeNode } from './tree.ts';

/** Names of `links` are of the service that is linked, which shares the address anyway. */
export function aliasesOf(name: string, service: TreeNode | undefined): readonly string[] {
  if (service === undefined) return [];
  const names = [
    textAt(service, 'container_name'),
    textAt(service, 'hostname'),
    ...textsAt(service, 'links').map((link) => link.split(':')[1] ?? ''),
    ...networkAliases(nodeAt(service, ['networks'])),
  ];
  const isAlias = (it: string): boolean => it !== name && it.split('.').every((label) => isHostname(label.replaceAll('_', '-')));
  return [...new Set(names.filter(isAlias))].sort();
}

function textAt(node: TreeNode, key: string): string {
  const found = nodeAt(node, [key]);
  return found?.kind === 'scalar' ? found.text : '';
}

function textsAt(node: TreeNode, key: string): string[] {
  const found = nodeAt(node, [key]);
  return found?.kind === 'list' ? found.items.flatMap((it) => (it.kind === 'scalar' ? [it.text] : [])) : [];
}

function networkAliases(networks: TreeNode | undefined): string[] {
  return networks?.kind === 'map' ? [...networks.entries.values()].flatMap(({ value }) => textsAt(value, 'aliases')) : [];
}
