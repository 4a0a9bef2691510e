/** `volumes` and `tmpfs` of a service, and the `volumes` of a file that they may name. */
import { z } from 'zod';
import type { MountSpec, VolumeSpec } from '../core/model.ts';
import type { Mistake } from './not-yet.ts';
import { resolvePath } from './paths.ts';
import type { Report } from './report.ts';
import { checkFields, isMistake, meaning, suggest, text } from './shape.ts';
import { type MapNode, nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** What may be hidden from nobody: processes would not find themselves, and Landline its own mounts. */
const untouchable = ['/', '/proc', '/sys', '/dev', '/etc', '/etc/hosts', '/etc/resolv.conf'];

/** A path in the service, in its one spelling. */
function parseTarget(written: string): string | Mistake {
  if (!written.startsWith('/'))
    return { mistake: `'${written}' is no absolute path`, next: "write the path in the service, beginning with '/'" };
  if (/[\0\n]/.test(written)) return { mistake: 'no path can hold this character', next: 'remove it' };
  if (written.split('/').includes('..'))
    return { mistake: `'${written}' goes back with '..'`, next: `write ${resolvePath('/', written)}` };
  return resolvePath('/', written);
}

/** Whether something may be mounted there; a container has kernel's files of its own. */
function isTouchable(target: string, docker: boolean): boolean {
  if (docker) return !['/', '/etc/hosts', '/etc/resolv.conf'].includes(target);
  return !/^\/(proc|sys)(\/|$)/.test(target) && !untouchable.includes(target);
}

/** As named volumes are written: Compose's names. */
const isVolumeName = (written: string): boolean => /^[a-zA-Z0-9][a-zA-Z0-9_.-]{0,127}$/.test(written);
const volumeNameRule = "write letters, digits, '_', '.' and '-'";

const tmpfsOptions =
  /^(size=\d+[kmg%]?|mode=[0-7]{1,4}|uid=\d+|gid=\d+|nr_inodes=\d+[kmg]?|nr_blocks=\d+[kmg]?|(no)?(exec|suid|dev)|r[ow])$/i;

/** `/run:size=64m,mode=1777` */
function parseTmpfs(written: string): Extract<MountSpec, { kind: 'tmpfs' }> | Mistake {
  const [path = '', ...rest] = written.split(':');
  const target = parseTarget(path);
  if (isMistake(target)) return target;
  const options = rest
    .join(':')
    .split(',')
    .filter((option) => option !== '');
  const wrong = options.find((option) => !tmpfsOptions.test(option));
  if (wrong !== undefined)
    return { mistake: `'${wrong}' is no option of a tmpfs`, next: 'write size=64m, mode=1777, uid=0, gid=0, exec or noexec' };
  return { kind: 'tmpfs', target, options: options.join(',') };
}

export const tmpfsSchema = z
  .union([
    text('a path, with options', '/run:size=64m', parseTmpfs),
    z.array(text('a path, with options', '/run:size=64m', parseTmpfs)),
  ])
  .meta({ examples: [['/run:size=64m']] });

const modes = ['ro', 'rw'];
/** Of SELinux, of Docker's own file sharing, of copying from images: nothing that matters here. */
const idle = ['z', 'Z', 'nocopy', 'cached', 'delegated', 'consistent', 'private', 'rprivate', 'rslave', 'slave'];

/** A mount whose source is as written: a path from the file's folder, or the name of a volume. */
type WrittenMount =
  | {
      readonly kind: 'bind';
      readonly source: string;
      readonly target: string;
      readonly readOnly: boolean;
      readonly create: boolean;
    }
  | Exclude<MountSpec, { kind: 'bind' | 'text' }>;

/** `[SOURCE:]TARGET[:ro]` */
function parseShort(written: string): WrittenMount | Mistake {
  const parts = written.split(':');
  if (parts.length > 3) return { mistake: `'${written}' has too many colons`, next: 'write SOURCE:TARGET, or SOURCE:TARGET:ro' };
  const [first = '', second, options = ''] = parts;
  const target = parseTarget(second ?? first);
  if (isMistake(target)) return target;
  const words = options.split(',').filter((word) => word !== '');
  const wrong = words.find((word) => ![...modes, ...idle].includes(word));
  if (wrong !== undefined) return { mistake: `'${wrong}' is no option of a volume`, next: 'write ro, or nothing' };
  const readOnly = words.includes('ro');
  if (second === undefined) return { kind: 'volume', target, readOnly };
  if (/^[./~]/.test(first)) return parseSource(first, { target, readOnly, create: true });
  if (isVolumeName(first)) return { kind: 'volume', volume: first, target, readOnly };
  return { mistake: `'${first}' is neither a path nor the name of a volume`, next: `write ./${first} for a path` };
}

function parseSource(source: string, rest: { target: string; readOnly: boolean; create: boolean }): WrittenMount | Mistake {
  if (source.startsWith('~'))
    return {
      mistake: `no shell reads '${source}', so '~' is nobody's home`,
      next: "write the whole path, or one that begins with './'",
    };
  if (/[\0\n]/.test(source)) return { mistake: 'no path can hold this character', next: 'remove it' };
  return { kind: 'bind', source, ...rest };
}

const longSchema = z
  .strictObject({
    type: z.enum(['bind', 'volume', 'tmpfs']).meta({ examples: ['bind'] }),
    source: z.string().optional(),
    target: text('the path in the service', '/data', parseTarget),
    read_only: z.boolean().optional(),
    bind: z
      .strictObject({
        create_host_path: z.boolean().optional(),
        propagation: z.string().optional(),
        selinux: z.string().optional(),
      })
      .meta({ title: 'bind' })
      .optional(),
    volume: z.strictObject({ nocopy: z.boolean().optional() }).meta({ title: 'volume' }).optional(),
    tmpfs: z
      .strictObject({ size: z.union([z.int().min(0), z.string()]).optional(), mode: z.int().min(0).max(0o7777).optional() })
      .meta({ title: 'tmpfs' })
      .optional(),
    consistency: z.string().optional(),
  })
  .meta({ title: 'a volume', examples: [{ type: 'bind', source: './data', target: '/data' }] });

function fromLong(it: z.output<typeof longSchema>): WrittenMount | Mistake {
  const { target, source = '' } = it;
  const readOnly = it.read_only ?? false;
  if (it.type === 'tmpfs') {
    const { size, mode } = it.tmpfs ?? {};
    const options = [
      ...(size === undefined ? [] : [`size=${size}`]),
      ...(mode === undefined ? [] : [`mode=${mode.toString(8)}`]),
      ...(readOnly ? ['ro'] : []),
    ];
    return parseTmpfs(`${target}:${options.join(',')}`);
  }
  if (it.type === 'volume') {
    if (source === '') return { kind: 'volume', target, readOnly };
    if (isVolumeName(source)) return { kind: 'volume', volume: source, target, readOnly };
    return { mistake: `'${source}' is not the name of a volume`, next: "write 'type: bind' for a path" };
  }
  if (source === '') return { mistake: "a bind mount needs a 'source'", next: "add 'source: ./data'" };
  return parseSource(source, { target, readOnly, create: it.bind?.create_host_path ?? true });
}

export const volumesSchema = z
  .array(z.union([text('SOURCE:TARGET', './data:/data', parseShort), meaning(longSchema, fromLong)]))
  .meta({ examples: [['./data:/data:ro', 'data:/var/lib/data']] });

/** All mounts of a service, sorted: what lies below another comes after it. */
export function readMounts(
  root: TreeNode,
  path: Path,
  fields: {
    readonly volumes?: z.output<typeof volumesSchema> | undefined;
    readonly tmpfs?: z.output<typeof tmpfsSchema> | undefined;
  },
  context: {
    readonly directory: string;
    readonly volumes: ReadonlySet<string>;
    readonly attached: readonly MountSpec[];
    readonly docker: boolean;
  },
  report: Report,
): readonly MountSpec[] {
  const mounts: MountSpec[] = [...context.attached];
  const add = (it: WrittenMount, at: number, targetAt = at): void => {
    if (!isTouchable(it.target, context.docker))
      report.problem(targetAt, `nothing can be mounted on '${it.target}'`, 'choose another path');
    if (mounts.some(({ target }) => target === it.target))
      report.problem(at, `something is mounted on '${it.target}' already`, 'remove one of the two');
    if (it.kind === 'volume' && it.volume !== undefined && !context.volumes.has(it.volume))
      reportVolume(it.volume, at, context.volumes, report);
    mounts.push(it.kind === 'bind' ? { ...it, source: resolvePath(context.directory, it.source) } : it);
  };
  for (const [index, it] of (fields.volumes ?? []).entries()) {
    const target = nodeAt(root, [...path, 'volumes', index, 'target'])?.at;
    add(it, offsetAt(root, [...path, 'volumes', index]), target);
  }
  const inMemory = fields.tmpfs === undefined ? [] : [fields.tmpfs].flat();
  const inMemoryAt = (index: number): number => nodeAt(root, [...path, 'tmpfs', index])?.at ?? offsetAt(root, [...path, 'tmpfs']);
  for (const [index, it] of inMemory.entries()) add(it, inMemoryAt(index));
  return mounts.sort((a, b) => (a.target < b.target ? -1 : 1));
}

function reportVolume(name: string, at: number, known: ReadonlySet<string>, report: Report): void {
  const next =
    known.size === 0
      ? `add 'volumes: { ${name}: {} }' at the top of the file, or write ./${name} for a path`
      : suggest(name, [...known]);
  report.problem(at, `there is no volume '${name}' in the file`, next);
}

const scalarText = z.union([z.string(), z.number(), z.boolean()]).meta({ examples: ['value'] });

/** What one may say of a volume. */
const volumeSchema = z
  .strictObject({
    driver: z
      .string()
      .meta({ examples: ['local'] })
      .optional(),
    driver_opts: z.record(z.string(), scalarText).optional(),
    external: z
      .union([z.boolean(), z.strictObject({ name: z.string().optional() })])
      .meta({ examples: [true] })
      .optional(),
    name: z
      .string()
      .meta({ examples: ['shop_data'] })
      .optional(),
    labels: z.union([z.record(z.string(), scalarText), z.array(z.string())]).optional(),
  })
  .meta({ title: 'a volume', examples: [{}] });

/** Without containers volumes are folders of the host, and these keys mean nothing, or something that cannot be. */
const ofFolders: Readonly<Record<string, 'refused' | 'noted'>> = {
  driver: 'refused',
  driver_opts: 'refused',
  external: 'refused',
  name: 'noted',
  labels: 'noted',
};

/** The volumes that the file declares; `docker`: whether they are Docker's. */
export function readVolumeSpecs(root: MapNode, docker: boolean, report: Report): readonly VolumeSpec[] {
  const names = readVolumeNames(root, docker, report);
  return docker ? [...names].flatMap((name) => volumeSpec(name, root, report)) : [];
}

/** What is said of a volume beyond its name; nothing of one of which no more is said. */
function volumeSpec(volume: string, root: MapNode, report: Report): VolumeSpec[] {
  const node = nodeAt(root, ['volumes', volume]);
  if (node?.kind !== 'map') return [];
  const fields = checkFields(volumeSchema, root, ['volumes', volume], report, (key) => key.startsWith('x-'));
  const external = fields.external !== undefined && fields.external !== false;
  const name =
    fields.name ?? (typeof fields.external === 'object' ? fields.external.name : undefined) ?? (external ? volume : undefined);
  if (name !== undefined && !isVolumeName(name))
    report.problem(offsetAt(root, ['volumes', volume, 'name']), `'${name}' cannot be the name of a volume`, volumeNameRule);
  const driver = fields.driver === 'local' ? undefined : fields.driver;
  const driverOpts = texts(fields.driver_opts);
  const labels = Array.isArray(fields.labels)
    ? Object.fromEntries(fields.labels.map((it) => [it.split('=', 1)[0] ?? '', it.split('=').slice(1).join('=')]))
    : texts(fields.labels);
  const spec: VolumeSpec = {
    volume,
    ...(name === undefined ? {} : { name }),
    ...(external ? { external } : {}),
    ...(driver === undefined ? {} : { driver }),
    ...(driverOpts === undefined ? {} : { driverOpts }),
    ...(labels === undefined ? {} : { labels }),
  };
  return Object.keys(spec).length > 1 ? [spec] : [];
}

const texts = (
  it: Readonly<Record<string, string | number | boolean>> | undefined,
): Readonly<Record<string, string>> | undefined =>
  it === undefined ? undefined : Object.fromEntries(Object.entries(it).map(([key, value]) => [key, String(value)]));

/** As an environment file has it. */
export function formatVolumeSpec({ driver, driverOpts, labels, name, external }: VolumeSpec): object {
  return { name, external, driver, driver_opts: driverOpts, labels };
}

/** The names of the volumes that the file declares. */
export function readVolumeNames(root: MapNode, docker: boolean, report: Report): ReadonlySet<string> {
  const node = nodeAt(root, ['volumes']);
  if (node?.kind !== 'map') {
    if (node !== undefined && !(node.kind === 'scalar' && node.value === null))
      checkFields(volumeSchema, root, ['volumes'], report);
    return new Set();
  }
  for (const [name, { keyAt, value }] of node.entries) {
    if (!isVolumeName(name)) report.problem(keyAt, `'${name}' cannot be the name of a volume`, volumeNameRule);
    if (docker || (value.kind === 'scalar' && value.value === null)) continue;
    checkFields(
      z.strictObject({}).meta({ title: 'a volume', examples: [{}] }),
      root,
      ['volumes', name],
      report,
      (key) => Object.hasOwn(ofFolders, key) || key.startsWith('x-'),
    );
    if (value.kind !== 'map') continue;
    for (const [key, { keyAt: at }] of value.entries) {
      if (!Object.hasOwn(ofFolders, key)) continue;
      if (ofFolders[key] === 'noted') report.note(at, `'${key}' of a volume has no effect: it is a folder of this environment`);
      else
        report.problem(
          at,
          `'${key}' of a volume is not part of this version`,
          'remove it: a volume is a folder of the host, kept until `landline down --volumes`',
        );
    }
  }
  return new Set(node.entries.keys());
}
