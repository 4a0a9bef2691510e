/** From the YAML library's nodes to {@link TreeNode}s: aliases followed, merge keys merged, keys made text. */
import { isAlias, isMap, isScalar, isSeq, type Pair, type YAMLMap } from 'yaml';
import type { Report } from './report.ts';
import { lineOf } from './source.ts';
import type { Entry, ListNode, MapNode, ScalarNode, TreeNode } from './tree.ts';

/** Values that a file may come to once its aliases are followed. */
const MOST_VALUES = 20_000;
/** Levels of lists and mappings. */
const MOST_LEVELS = 64;

const tooDeep = ['the values are nested too deeply', 'check that it is the right file'] as const;

/** How large a node is with everything in it, aliases followed. */
interface Extent {
  readonly values: number;
  readonly levels: number;
}

interface Builder {
  readonly report: Report;
  /** An anchor's value; undefined while it is being built, so that a loop is noticed. */
  readonly anchors: Map<string, TreeNode | undefined>;
  readonly extents: WeakMap<TreeNode, Extent>;
  /** Values built so far, and those that aliases repeat. */
  values: number;
}

/**
 * Builds the tree. What is reported and not thrown: a key that stands twice.
 * @throws LandlineError FILE_INVALID when aliases lead nowhere, in a circle or to too much, or a key is not text.
 */
export function buildTree(contents: unknown, report: Report): TreeNode {
  const builder: Builder = { report, anchors: new Map(), extents: new WeakMap(), values: 0 };
  return build(contents, 0, builder, 0);
}

/** Reports what makes the rest of the file meaningless, and throws it. */
function giveUp(builder: Builder, at: number, message: string, next: string): never {
  builder.report.problem(at, message, next);
  builder.report.refuseIfWrong();
  throw new Error(`a report that holds a problem refuses: ${message}`);
}

function build(node: unknown, at: number, builder: Builder, level: number): TreeNode {
  const start = startOf(node) ?? at;
  if (level > MOST_LEVELS) giveUp(builder, start, ...tooDeep);
  if (isAlias(node)) return follow(node.source, start, builder, level);
  const anchor = isMap(node) || isSeq(node) || isScalar(node) ? node.anchor : undefined;
  if (anchor !== undefined) builder.anchors.set(anchor, undefined);
  count(builder, start, 1);
  const built = isMap(node)
    ? buildMap(node, start, builder, level)
    : isSeq(node)
      ? buildList(node.items, start, builder, level)
      : buildScalar(node, start, builder);
  builder.extents.set(built, measure(built, builder));
  if (anchor !== undefined) builder.anchors.set(anchor, built);
  return built;
}

const startOf = (node: unknown): number | undefined =>
  isAlias(node) || isMap(node) || isSeq(node) || isScalar(node) ? node.range?.[0] : undefined;

function count(builder: Builder, at: number, more: number): void {
  builder.values += more;
  if (builder.values <= MOST_VALUES) return;
  giveUp(
    builder,
    at,
    `the file comes to more than ${MOST_VALUES} values, those counted that aliases repeat`,
    'remove aliases of aliases, or check that it is the right file',
  );
}

function measure(node: TreeNode, builder: Builder): Extent {
  const children =
    node.kind === 'list' ? node.items : node.kind === 'map' ? [...node.entries.values()].map((entry) => entry.value) : [];
  let values = 1;
  let levels = 1;
  for (const child of children) {
    const extent = builder.extents.get(child);
    values += extent?.values ?? 1;
    levels = Math.max(levels, 1 + (extent?.levels ?? 1));
  }
  return { values, levels };
}

function follow(name: string, at: number, builder: Builder, level: number): TreeNode {
  const target = builder.anchors.get(name);
  if (target !== undefined) {
    const extent = builder.extents.get(target);
    count(builder, at, extent?.values ?? 1);
    if (level + (extent?.levels ?? 1) > MOST_LEVELS) giveUp(builder, at, ...tooDeep);
    return target;
  }
  if (builder.anchors.has(name))
    return giveUp(builder, at, `'*${name}' stands inside of '&${name}', which would never end`, `remove '*${name}'`);
  return giveUp(
    builder,
    at,
    `'*${name}' refers to nothing before it`,
    `write '&${name}' at the value that is meant, further up, or put the text in quotes`,
  );
}

function buildScalar(node: unknown, at: number, builder: Builder): ScalarNode {
  if (!isScalar(node)) return { kind: 'scalar', at, value: null, text: '', textAt: at };
  const value = node.value;
  const quoted = node.type === 'QUOTE_DOUBLE' || node.type === 'QUOTE_SINGLE';
  const textAt = quoted ? at + 1 : at;
  if (typeof value === 'string') return { kind: 'scalar', at, value, text: value, textAt };
  const plain = typeof value === 'number' || typeof value === 'boolean' || value === null ? value : undefined;
  if (plain === undefined) return giveUp(builder, at, 'this is no text, number, true or false', "put it in quotes: '…'");
  return { kind: 'scalar', at, value: plain, text: node.source ?? '', textAt };
}

function buildList(items: readonly unknown[], at: number, builder: Builder, level: number): ListNode {
  return { kind: 'list', at, items: items.map((item) => build(item, at, builder, level + 1)) };
}

function buildMap(map: YAMLMap, at: number, builder: Builder, level: number): MapNode {
  const entries = new Map<string, Entry>();
  const merged: MapNode[] = [];
  let mergedAt: number | undefined;
  for (const pair of map.items as readonly Pair[]) {
    const keyAt = startOf(pair.key) ?? at;
    if (isMergeKey(pair.key)) {
      if (mergedAt !== undefined) reportTwice('<<', keyAt, mergedAt, "write '<<: [*one, *two]'", builder);
      mergedAt = keyAt;
      merged.push(...mergeSources(build(pair.value, keyAt, builder, level + 1), keyAt, builder));
      continue;
    }
    const key = keyText(pair.key, keyAt, builder, level);
    const value = build(pair.value, keyAt, builder, level + 1);
    const before = entries.get(key);
    if (before === undefined) entries.set(key, { keyAt, value });
    else reportTwice(key, keyAt, before.keyAt, 'remove one of them', builder);
  }
  // A key of its own goes before a merged one, and the first of several merged mappings before the next (yaml.org/type/merge.html).
  for (const source of merged) for (const [key, entry] of source.entries) if (!entries.has(key)) entries.set(key, entry);
  return { kind: 'map', at, entries };
}

const isMergeKey = (key: unknown): boolean => isScalar(key) && key.value === '<<' && key.type === 'PLAIN';

function mergeSources(node: TreeNode, at: number, builder: Builder): readonly MapNode[] {
  const sources = node.kind === 'list' ? node.items : [node];
  return sources.map((source) => {
    if (source.kind === 'map') return source;
    return giveUp(builder, at, "'<<' merges mappings, and this is none", "write '<<: *name', where '&name' stands at a mapping");
  });
}

function reportTwice(key: string, at: number, before: number, next: string, builder: Builder): void {
  const line = lineOf(builder.report.source, before);
  builder.report.problem(at, `'${key}' stands here already, in line ${line}`, next);
}

/** Numbers and words such as `true` are keys as they are written; lists and mappings are none. */
function keyText(key: unknown, at: number, builder: Builder, level: number): string {
  const node = isAlias(key) || isScalar(key) ? build(key, at, builder, level + 1) : undefined;
  if (node?.kind !== 'scalar')
    return giveUp(builder, at, 'a key is one word, not a list or a mapping', "write 'key: value', the key in quotes if need be");
  if (node.value === null && node.text === '') return giveUp(builder, at, 'there is a value without a key', "write 'key: value'");
  return node.text;
}
