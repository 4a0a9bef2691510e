/**
 * `extends` of services: another service of this file, or of another one, is taken as the base; what the service says
 * itself is merged over it, as Compose does (Compose Specification, 05-services, "extends").
 */
import { isLandlineError } from '../errors.ts';
import type { ReadFile } from './env-file.ts';
import { interpolateTree, type Variables } from './interpolate.ts';
import { resolvePath } from './paths.ts';
import { readYaml } from './read-yaml.ts';
import type { Report } from './report.ts';
import { suggest } from './shape.ts';
import { type Entry, type MapNode, nodeAt, type ScalarNode, type TreeNode } from './tree.ts';

export interface ExtendsContext {
  readonly directory: string;
  readonly variables?: Variables | undefined;
  readonly readFile?: ReadFile | undefined;
}

/** A file of services: this one, or one that was named. */
interface Place {
  /** Empty for the environment file itself. */
  readonly file: string;
  readonly directory: string;
  readonly services: MapNode;
}

interface Target {
  readonly service: string;
  readonly file: string | undefined;
}

/** The file with every `extends` put in place; mistakes are reported where it stands. */
export function resolveExtends(root: MapNode, context: ExtendsContext, report: Report): MapNode {
  const services = nodeAt(root, ['services']);
  if (services?.kind !== 'map') return root;
  const here: Place = { file: '', directory: context.directory, services };
  const entries = [...services.entries].map(([name, entry]) => {
    return [name, { ...entry, value: extended(here, name, entry.value, [], context, report) }] as const;
  });
  const resolved: MapNode = { ...services, entries: new Map(entries) };
  const old = root.entries.get('services');
  return old === undefined ? root : { ...root, entries: new Map([...root.entries, ['services', { ...old, value: resolved }]]) };
}

/** @param above what this one is the base of, as `FILE SERVICE`, to find circles */
function extended(
  place: Place,
  name: string,
  node: TreeNode,
  above: readonly string[],
  context: ExtendsContext,
  report: Report,
): TreeNode {
  const entry = node.kind === 'map' ? node.entries.get('extends') : undefined;
  if (node.kind !== 'map' || entry === undefined) return node;
  const own = without(node, 'extends');
  const { keyAt: at } = entry;
  const target = targetOf(entry.value, at, report);
  if (target === undefined) return own;
  const key = `${place.file} ${name}`;
  const from = target.file === undefined ? place : openPlace(target.file, place, at, context, report);
  if (from === undefined) return own;
  const chain = [...above, key];
  if (chain.includes(`${from.file} ${target.service}`)) {
    const names = [...chain.map((it) => it.split(' ').slice(1).join(' ')), target.service];
    report.problem(at, `service '${target.service}' extends itself: ${names.join(' → ')}`, "remove one 'extends'");
    return own;
  }
  const found = from.services.entries.get(target.service)?.value;
  if (found === undefined) {
    const where = from.file === '' ? '' : ` in ${from.file}`;
    report.problem(
      at,
      `there is no service '${target.service}'${where}`,
      suggest(target.service, [...from.services.entries.keys()]),
    );
    return own;
  }
  const base = extended(from, target.service, found, chain, context, report);
  const moved = from.file === place.file ? base : rebase(base, from.directory, at);
  return moved.kind === 'map' ? mergeService(moved, own) : own;
}

function targetOf(node: TreeNode, at: number, report: Report): Target | undefined {
  const service = node.kind === 'map' ? nodeAt(node, ['service']) : node;
  const file = node.kind === 'map' ? nodeAt(node, ['file']) : undefined;
  const unknown = node.kind === 'map' ? [...node.entries.keys()].find((key) => key !== 'service' && key !== 'file') : undefined;
  const isRight = service?.kind === 'scalar' && service.text !== '' && unknown === undefined;
  if (isRight && file?.kind === 'scalar') return { service: service.text, file: file.text };
  if (isRight && file === undefined) return { service: service.text, file: undefined };
  report.problem(at, "'extends' names a service, and a file if need be", "write 'extends: { service: base, file: base.yaml }'");
  return undefined;
}

/** Another file of services, every place in it that of the `extends` which names it. */
function openPlace(written: string, from: Place, at: number, context: ExtendsContext, report: Report): Place | undefined {
  const file = resolvePath(from.directory, written);
  const refuse = (message: string, next: string): undefined => void report.problem(at, message, next);
  if (context.readFile === undefined)
    return refuse('another file is read where the environment file is, not here', 'write the service whole');
  try {
    const text = context.readFile(file);
    if (text === undefined) return refuse(`there is no file ${file}`, 'check the path');
    const { root, report: its } = readYaml(text, file);
    its.refuseIfWrong();
    const tree = root === undefined || context.variables === undefined ? root : interpolateTree(root, context.variables, its);
    its.refuseIfWrong();
    const services = tree === undefined ? undefined : nodeAt(tree, ['services']);
    if (services?.kind !== 'map') return refuse(`${file} has no services`, 'check that it is the right file');
    // From here on its nodes are told of at the place that names them.
    return { file, directory: resolvePath(file, '..'), services: placeAll(services, at) as MapNode };
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID'))
      return refuse(`${file} cannot be read: ${error instanceof Error ? error.message : String(error)}`, 'check its permissions');
    for (const it of error.details.problems) report.problem(at, `${file}:${it.line}:${it.column}: ${it.message}`, it.next);
    return undefined;
  }
}

function placeAll(node: TreeNode, at: number): TreeNode {
  if (node.kind === 'scalar') return { ...node, at, textAt: at };
  if (node.kind === 'list') return { ...node, at, items: node.items.map((it) => placeAll(it, at)) };
  const entries = [...node.entries].map(([key, { value }]) => [key, { keyAt: at, value: placeAll(value, at) }] as const);
  return { ...node, at, entries: new Map(entries) };
}

/** Paths of the host that are relative to the other file's folder, made absolute. */
function rebase(service: TreeNode, directory: string, at: number): TreeNode {
  if (service.kind !== 'map') return service;
  const absolute = (node: ScalarNode, text: string): ScalarNode => ({ ...node, at, value: text, text });
  const path = (node: TreeNode): TreeNode => (node.kind === 'scalar' ? absolute(node, resolvePath(directory, node.text)) : node);
  const within = (node: TreeNode, key: string, change: (it: TreeNode) => TreeNode): TreeNode => {
    const entry = node.kind === 'map' ? node.entries.get(key) : undefined;
    if (node.kind !== 'map' || entry === undefined) return node;
    return { ...node, entries: new Map([...node.entries, [key, { ...entry, value: change(entry.value) }]]) };
  };
  const each = (node: TreeNode, change: (it: TreeNode) => TreeNode): TreeNode =>
    node.kind === 'list' ? { ...node, items: node.items.map(change) } : change(node);
  const volume = (node: TreeNode): TreeNode => {
    if (node.kind === 'map') return isText(nodeAt(node, ['type']), 'bind') ? within(node, 'source', path) : node;
    if (node.kind !== 'scalar' || !/^\.\.?(\/|:)/.test(node.text)) return node;
    const [source = '', ...rest] = node.text.split(':');
    return absolute(node, [resolvePath(directory, source), ...rest].join(':'));
  };
  const envFile = (node: TreeNode): TreeNode => (node.kind === 'map' ? within(node, 'path', path) : path(node));
  return within(
    within(service, 'volumes', (it) => each(it, volume)),
    'env_file',
    (it) => each(it, envFile),
  );
}

const isText = (node: TreeNode | undefined, text: string): boolean => node?.kind === 'scalar' && node.text === text;

function without(node: MapNode, key: string): MapNode {
  return { ...node, entries: new Map([...node.entries].filter(([it]) => it !== key)) };
}

type Merge = (base: TreeNode, own: TreeNode) => TreeNode;

/** Lists one behind the other; a text is a list of one. */
const append: Merge = (base, own) => {
  const items = (node: TreeNode): readonly TreeNode[] => (node.kind === 'list' ? node.items : [node]);
  return { kind: 'list', at: own.at, items: [...items(base), ...items(own)] };
};

/** Key by key; one of a different shape stands for itself. */
const mergeMaps: Merge = (base, own) => {
  if (base.kind !== 'map' || own.kind !== 'map') return own;
  return { ...own, entries: new Map([...base.entries, ...own.entries]) };
};

/** `NAME=VALUE` and `NAME` in lists are mappings, too. */
const mergeVariables: Merge = (base, own) => mergeMaps(variables(base), variables(own));

function variables(node: TreeNode): TreeNode {
  if (node.kind !== 'list') return node;
  const entries = node.items.flatMap((item): (readonly [string, Entry])[] => {
    if (item.kind !== 'scalar') return [];
    const [name = ''] = item.text.split('=', 1);
    const isBare = name.length === item.text.length;
    const text = isBare ? '' : item.text.slice(name.length + 1);
    return [
      [name, { keyAt: item.at, value: { kind: 'scalar', value: isBare ? null : text, text, at: item.at, textAt: item.at } }],
    ];
  });
  return { kind: 'map', at: node.at, entries: new Map(entries) };
}

/** A list of names waits for each to be started. */
const mergeDependencies: Merge = (base, own) => mergeMaps(dependencies(base), dependencies(own));

function dependencies(node: TreeNode): TreeNode {
  if (node.kind !== 'list') return node;
  const started = (at: number): TreeNode => {
    const text = 'service_started';
    return {
      kind: 'map',
      at,
      entries: new Map([['condition', { keyAt: at, value: { kind: 'scalar', value: text, text, at, textAt: at } }]]),
    };
  };
  const entries = node.items.flatMap((item) =>
    item.kind === 'scalar' ? [[item.text, { keyAt: item.at, value: started(item.at) }] as const] : [],
  );
  return { kind: 'map', at: node.at, entries: new Map(entries) };
}

/** By the path in the service: its own goes before. */
const mergeVolumes: Merge = (base, own) => {
  if (base.kind !== 'list' || own.kind !== 'list') return own;
  const taken = new Set(own.items.map(targetOfVolume));
  return { ...own, items: [...base.items.filter((it) => !taken.has(targetOfVolume(it))), ...own.items] };
};

function targetOfVolume(node: TreeNode): string {
  const target = node.kind === 'map' ? nodeAt(node, ['target']) : undefined;
  if (target?.kind === 'scalar') return target.text;
  const [first = '', second = first] = node.kind === 'scalar' ? node.text.split(':') : [];
  return second;
}

const merges: Readonly<Record<string, Merge>> = {
  environment: mergeVariables,
  labels: mergeVariables,
  depends_on: mergeDependencies,
  volumes: mergeVolumes,
  healthcheck: mergeMaps,
  ulimits: mergeMaps,
  deploy: mergeMaps,
  logging: mergeMaps,
  env_file: append,
  tmpfs: append,
  ports: append,
  expose: append,
  group_add: append,
  cap_add: append,
  cap_drop: append,
  configs: append,
  devices: append,
  dns: append,
  dns_opt: append,
  dns_search: append,
  extra_hosts: mergeVariables,
  secrets: append,
  security_opt: append,
  storage_opt: mergeMaps,
  sysctls: mergeVariables,
};

function mergeService(base: MapNode, own: MapNode): MapNode {
  const entries = new Map(base.entries);
  for (const [key, entry] of own.entries) {
    const merge = Object.hasOwn(merges, key) ? merges[key] : undefined;
    const former = base.entries.get(key);
    entries.set(key, merge === undefined || former === undefined ? entry : { ...entry, value: merge(former.value, entry.value) });
  }
  return { ...own, entries };
}
