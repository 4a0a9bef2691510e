/** `secrets` and `configs`: files, or texts, that a service finds at a path of its own and may not write. */
import { z } from 'zod';
import type { MountSpec } from '../core/model.ts';
import type { Variables } from './interpolate.ts';
import { resolvePath } from './paths.ts';
import type { Report } from './report.ts';
import { checkFields, suggest } from './shape.ts';
import { type MapNode, nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** The two kinds of Compose's. */
export const attachedKinds = ['secrets', 'configs'] as const;
export type AttachedKind = (typeof attachedKinds)[number];

/** Where one comes from. */
type Origin = { readonly kind: 'file'; readonly file: string } | { readonly kind: 'text'; readonly text: string };

/** What the top of the file declares; undefined: something was wrong with it, and has been said. */
export type Attachables = Readonly<Record<AttachedKind, ReadonlyMap<string, Origin | undefined>>>;

interface Context {
  readonly directory: string;
  readonly variables: Variables | undefined;
}

const declared = z
  .object({
    file: z
      .string()
      .meta({ examples: ['./db_password.txt'] })
      .optional(),
    environment: z
      .string()
      .meta({ examples: ['DB_PASSWORD'] })
      .optional(),
    content: z
      .string()
      .meta({ examples: ['text'] })
      .optional(),
    name: z.string().optional(),
    labels: z.unknown().optional(),
    external: z.unknown().optional(),
  })
  .meta({ title: 'a secret or config', examples: [{ file: './db_password.txt' }] });

/** What the file declares at its top. */
export function readAttachables(root: MapNode, context: Context, report: Report): Attachables {
  const read = (kind: AttachedKind): ReadonlyMap<string, Origin | undefined> => {
    const node = nodeAt(root, [kind]);
    if (node?.kind !== 'map') {
      if (node !== undefined && !(node.kind === 'scalar' && node.value === null)) checkFields(z.object({}), root, [kind], report);
      return new Map();
    }
    return new Map([...node.entries.keys()].map((name) => [name, originOf(kind, name, root, context, report)]));
  };
  return { secrets: read('secrets'), configs: read('configs') };
}

function originOf(kind: AttachedKind, name: string, root: MapNode, context: Context, report: Report): Origin | undefined {
  const path = [kind, name];
  const at = offsetAt(root, path, 'key');
  const { file, environment, content, external } = checkFields(declared, root, path, report, (key) => key.startsWith('x-'));
  if (external !== undefined && external !== false) {
    report.problem(at, `'${name}' is external, and there is no swarm that would have it`, "write 'file: PATH'");
    return undefined;
  }
  if (file !== undefined) return { kind: 'file', file: resolvePath(context.directory, file) };
  if (content !== undefined && kind === 'configs') return { kind: 'text', text: content };
  if (environment === undefined) {
    report.problem(at, `'${name}' names no file`, "write 'file: PATH', or 'environment: VARIABLE'");
    return undefined;
  }
  const value =
    context.variables !== undefined && Object.hasOwn(context.variables, environment) ? context.variables[environment] : undefined;
  if (value === undefined)
    report.problem(at, `variable ${environment} is not set`, 'set it where `landline up` runs, or in .env');
  return value === undefined ? undefined : { kind: 'text', text: value };
}

const used = z.array(
  z.union([
    z.string(),
    z
      .strictObject({
        source: z.string(),
        target: z.string().optional(),
        uid: z.union([z.string(), z.number()]).optional(),
        gid: z.union([z.string(), z.number()]).optional(),
        mode: z.union([z.string(), z.number()]).optional(),
      })
      .meta({ title: 'a secret or config', examples: [{ source: 'db_password' }] }),
  ]),
);

/** Those that a service takes. */
export function readAttached(root: TreeNode, path: Path, attachables: Attachables, report: Report): readonly MountSpec[] {
  return attachedKinds.flatMap((kind) => {
    const fields = checkFields(z.object({ [kind]: used.optional() }), root, path, report, (key) => key !== kind);
    return (fields[kind] ?? []).flatMap((entry, index): MountSpec[] => {
      const { source, target, ...owner } = typeof entry === 'string' ? { source: entry, target: undefined } : entry;
      const at = nodeAt(root, [...path, kind, index])?.at ?? offsetAt(root, [...path, kind], 'key');
      if (!attachables[kind].has(source)) {
        const known = [...attachables[kind].keys()];
        const next = known.length === 0 ? `declare it under '${kind}' at the top of the file` : suggest(source, known);
        report.problem(at, `there is nothing named '${source}' under '${kind}' at the top of the file`, next);
      }
      if (Object.keys(owner).length > 0)
        report.note(at, "'uid', 'gid' and 'mode' have no effect: the file stays as it is on the host");
      const origin = attachables[kind].get(source);
      return origin === undefined ? [] : [mountOf(origin, placeOf(kind, target ?? source))];
    });
  });
}

const placeOf = (kind: AttachedKind, target: string): string => resolvePath(kind === 'secrets' ? '/run/secrets' : '/', target);

function mountOf(origin: Origin, target: string): MountSpec {
  return origin.kind === 'text'
    ? { kind: 'text', target, text: origin.text }
    : { kind: 'bind', source: origin.file, target, readOnly: true, create: false };
}
