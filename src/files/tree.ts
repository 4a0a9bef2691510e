/** The values of a YAML file, each with its place: what everything that reads a file works on. */

interface Somewhere {
  /** Offset of the value in the text of the file. */
  readonly at: number;
}

/** Text, a number, true or false, or nothing. */
export interface ScalarNode extends Somewhere {
  readonly kind: 'scalar';
  readonly value: string | number | boolean | null;
  /** Text as it is meant; anything else as it was written: `0x1F`, `1.50`. */
  readonly text: string;
  /** Offset where `text` begins, if it stands in the file as it is (no escapes, no folding) at least to its first line's end. */
  readonly textAt: number;
}

export interface ListNode extends Somewhere {
  readonly kind: 'list';
  readonly items: readonly TreeNode[];
}

export interface Entry {
  /** Offset of the key. */
  readonly keyAt: number;
  readonly value: TreeNode;
}

export interface MapNode extends Somewhere {
  readonly kind: 'map';
  readonly entries: ReadonlyMap<string, Entry>;
}

export type TreeNode = ScalarNode | ListNode | MapNode;

export type Path = readonly (string | number)[];

/** The plain value of a node. Mappings have no prototype, so that no key can be mistaken for something inherited. */
export function valueOf(node: TreeNode): unknown {
  if (node.kind === 'scalar') return node.value;
  if (node.kind === 'list') return node.items.map(valueOf);
  const value: Record<string, unknown> = Object.create(null);
  for (const [key, entry] of node.entries) value[key] = valueOf(entry.value);
  return value;
}

/** The node at a path; undefined when there is none. */
export function nodeAt(root: TreeNode, path: Path): TreeNode | undefined {
  return path.reduce<TreeNode | undefined>((node, step) => (node === undefined ? undefined : childOf(node, step)), root);
}

function childOf(node: TreeNode, step: string | number): TreeNode | undefined {
  if (node.kind === 'list') return node.items[Number(step)];
  return node.kind === 'map' ? node.entries.get(String(step))?.value : undefined;
}

/**
 * The offset of what is at a path: of its value, or of the key that it stands under. A value that is empty, and a
 * list's item, which has no key, stand for one another; what does not exist is where its parent is.
 */
export function offsetAt(root: TreeNode, path: Path, of: 'key' | 'value' = 'value'): number {
  const parent = nodeAt(root, path.slice(0, -1));
  const step = path.at(-1);
  if (parent === undefined) return offsetAt(root, path.slice(0, -1), 'key');
  if (step === undefined) return parent.at;
  const entry = parent.kind === 'map' ? parent.entries.get(String(step)) : undefined;
  if (entry !== undefined) return of === 'key' || isEmpty(entry.value) ? entry.keyAt : entry.value.at;
  return childOf(parent, step)?.at ?? offsetAt(root, path.slice(0, -1), 'key');
}

const isEmpty = (node: TreeNode): boolean => node.kind === 'scalar' && node.value === null && node.text === '';

/** What a value is, for people: `a number`. */
export function kindOf(node: TreeNode): string {
  if (node.kind === 'list') return 'a list';
  if (node.kind === 'map') return 'a mapping';
  if (node.value === null) return 'empty';
  if (typeof node.value === 'boolean') return node.text;
  return typeof node.value === 'number' ? `the number ${node.text}` : 'text';
}
