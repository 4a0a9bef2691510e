/**
 * The shapes of what people write, as zod schemas, and their mistakes with places. A schema carries its own words:
 * `title` says what an object is, `examples[0]` what to write; the JSON schemas for editors come from the same place.
 */
import { z } from 'zod';
import { nearest } from '../net/name.ts';
import type { Mistake } from './not-yet.ts';
import type { Report } from './report.ts';
import { kindOf, type MapNode, nodeAt, offsetAt, type Path, type TreeNode, valueOf } from './tree.ts';

type Issue = z.core.$ZodIssue;

/** A text with a meaning: `parse` gives the value, or the mistake in it. */
export function text<T>(description: string, example: string, parse: (text: string) => T | Mistake) {
  return meaning(z.string(), (written) => (written === '' ? { mistake: 'this text is empty' } : parse(written))).meta({
    description,
    examples: [example],
  });
}

/** A value that is more than its type: `parse` gives what it means, or the mistake in it. */
export function meaning<I, T>(schema: z.ZodType<I>, parse: (value: I) => T | Mistake) {
  return schema.transform((written, context): T => {
    const parsed = parse(written);
    if (!isMistake(parsed)) return parsed;
    context.issues.push({ code: 'custom', message: parsed.mistake, input: written, params: { next: parsed.next } });
    return z.NEVER;
  });
}

export const isMistake = (value: unknown): value is Mistake => typeof value === 'object' && value !== null && 'mistake' in value;

/** The fields of an object that are right; what is wrong has been reported. */
export type Fields<O extends z.ZodObject> = Readonly<Partial<z.output<O>>>;

/**
 * Checks one mapping field by field, so that a wrong field hides no other: unknown keys are reported at the key,
 * missing ones at the parent, the rest at the value.
 * @param path where the mapping stands below `root`
 * @param ignore keys that the caller looks at itself, or that do not count
 */
export function checkFields<O extends z.ZodObject>(
  schema: O,
  root: TreeNode,
  path: Path,
  report: Report,
  ignore: (key: string) => boolean = () => false,
): Fields<O> {
  const node = nodeAt(root, path);
  const fields: Record<string, unknown> = {};
  if (node?.kind === 'map') {
    const meant = reportUnknown(node, schema, report, ignore);
    for (const [key, field] of Object.entries(schema.shape)) {
      if (ignore(key) || (meant.includes(key) && !node.entries.has(key))) continue;
      const value = checkValue(field as z.ZodType, root, [...path, key], report);
      if (value !== undefined) fields[key] = value;
    }
  } else if (node !== undefined) reportKind(node, schema, root, path, 'a mapping', report);
  // Every value was put out by the schema of its own key.
  return fields as Fields<O>;
}

/** Checks what is at a path; undefined when there is nothing, or it is wrong, which has then been reported. */
export function checkValue<T>(schema: z.ZodType<T>, root: TreeNode, path: Path, report: Report): T | undefined {
  const node = nodeAt(root, path);
  if (node === undefined) {
    if (!schema.safeParse(undefined).success) reportMissing(schema, root, path, report);
    return undefined;
  }
  const result = schema.safeParse(valueOf(node));
  if (result.success) return result.data;
  for (const issue of result.error.issues) reportIssue(issue, schema, root, path, report);
  return undefined;
}

/** Returns the keys that were meant, as far as one can tell: who mistyped a key need not hear that it is missing. */
function reportUnknown(node: MapNode, schema: z.ZodType, report: Report, ignore: (key: string) => boolean): readonly string[] {
  const known = keysOf(schema);
  const unknown = [...node.entries].filter(([key]) => !known.includes(key) && !ignore(key));
  for (const [key, { keyAt }] of unknown) report.problem(keyAt, `'${key}' is no key of ${titleOf(schema)}`, suggest(key, known));
  return unknown.flatMap(([key]) => nearestWord(key, known) ?? []);
}

const keysOf = (schema: z.ZodType): readonly string[] => (schema instanceof z.ZodObject ? Object.keys(schema.shape) : []);

const titleOf = (schema: z.ZodType): string => schema.meta()?.title ?? 'this mapping';

/** `did you mean 'subnet'?`, or all that there is to choose from. */
export function suggest(word: string, known: readonly string[]): string {
  const near = nearestWord(word, known);
  return near === undefined ? `write one of ${known.join(', ')}, or remove it` : `did you mean '${near}'?`;
}

/** {@link nearest}, for words of a length that a person mistypes. */
export function nearestWord(word: string, known: readonly string[]): string | undefined {
  const most = 64;
  return word.length > most
    ? undefined
    : nearest(
        word,
        known.filter((one) => one.length <= most),
      );
}

function reportIssue(issue: Issue, schema: z.ZodType, root: TreeNode, base: Path, report: Report): void {
  const below = issue.path.map((step) => (typeof step === 'number' ? step : String(step)));
  const path = [...base, ...below];
  const part = partOf(schema, below);
  if (issue.code === 'invalid_union') return reportUnion(issue, part, root, path, report);
  const node = nodeAt(root, path);
  if (node === undefined) return reportMissing(part, root, path, report);
  if (issue.code === 'unrecognized_keys') {
    for (const key of issue.keys)
      report.problem(offsetAt(root, [...path, key], 'key'), `'${key}' is no key of ${titleOf(part)}`, suggest(key, keysOf(part)));
    return;
  }
  if (issue.code === 'custom') return reportMistake(issue, part, root, path, report);
  if (issue.code === 'invalid_value' && node.kind === 'scalar' && node.value !== null) {
    const words = issue.values.map(String);
    report.problem(offsetAt(root, path), `'${node.text}' is no ${nameOf(path)}`, suggest(node.text, words));
    return;
  }
  reportKind(node, part, root, path, wanted(part), report);
}

/** An alternative that takes a value of this kind tells what is wrong inside of it; when none does, the kind is wrong. */
function reportUnion(issue: z.core.$ZodIssueInvalidUnion, part: z.ZodType, root: TreeNode, path: Path, report: Report): void {
  const options = part instanceof z.ZodUnion ? part.options : [];
  const index = issue.errors.findIndex(
    (errors) => !errors.some((error) => error.code === 'invalid_type' && error.path.length === 0),
  );
  const option = options[index];
  const node = nodeAt(root, path);
  if (option instanceof z.ZodType) for (const inner of issue.errors[index] ?? []) reportIssue(inner, option, root, path, report);
  else if (node !== undefined) reportKind(node, part, root, path, wanted(part), report);
}

function reportMistake(issue: z.core.$ZodIssueCustom, part: z.ZodType, root: TreeNode, path: Path, report: Report): void {
  const next: unknown = issue.params?.next;
  report.problem(offsetAt(root, path), issue.message, typeof next === 'string' ? next : `write ${spell(part, path)}`);
}

function reportMissing(part: z.ZodType, root: TreeNode, path: Path, report: Report): void {
  const parent = path.at(-2);
  const where = typeof parent === 'string' ? `'${parent}'` : 'this item';
  report.problem(offsetAt(root, path), `${where} has no '${nameOf(path)}'`, `add ${spell(part, path)}`);
}

function reportKind(node: TreeNode, part: z.ZodType, root: TreeNode, path: Path, expected: string, report: Report): void {
  const name = path.length === 0 ? 'the file' : typeof path.at(-1) === 'string' ? `'${nameOf(path)}'` : 'this item';
  const empty = node.kind === 'scalar' && node.value === null;
  const says = empty ? `${name} is empty` : `${name} is ${kindOf(node)} and should be ${expected}`;
  const quoted = node.kind === 'scalar' && !empty && part.safeParse(node.text).success;
  report.problem(offsetAt(root, path), says, quoted ? `put it in quotes: '${node.text}'` : `write ${spell(part, path)}`);
}

const nameOf = (path: Path): string => String(path.findLast((step) => typeof step === 'string') ?? 'file');

/** The schema of what is at a path inside of a schema. */
function partOf(schema: z.ZodType, path: Path): z.ZodType {
  const bare = unwrap(schema);
  const [step, ...rest] = path;
  if (step === undefined) return bare;
  const inner =
    bare instanceof z.ZodObject
      ? bare.shape[step]
      : bare instanceof z.ZodArray
        ? bare.element
        : bare instanceof z.ZodRecord
          ? bare.valueType
          : undefined;
  return inner instanceof z.ZodType ? partOf(inner, rest) : bare;
}

const unwrap = (schema: z.ZodType): z.ZodType => {
  const inner = schema instanceof z.ZodOptional || schema instanceof z.ZodNullable ? schema.unwrap() : undefined;
  return inner instanceof z.ZodType ? unwrap(inner) : schema;
};

/** What kind of value a schema takes, for people. */
function wanted(schema: z.ZodType): string {
  const bare = unwrap(schema);
  if (bare instanceof z.ZodArray) return 'a list';
  if (bare instanceof z.ZodObject || bare instanceof z.ZodRecord) return 'a mapping';
  if (bare instanceof z.ZodNumber) return 'a number';
  if (bare instanceof z.ZodBoolean) return 'true or false';
  if (!(bare instanceof z.ZodUnion)) return 'text';
  const kinds = bare.options.flatMap((option) =>
    option instanceof z.ZodType && !(option instanceof z.ZodNull) ? [wanted(option)] : [],
  );
  return kinds.length < 2 ? kinds.join('') : `${kinds.slice(0, -1).join(', ')} or ${kinds.at(-1)}`;
}

/** `'subnet: 192.168.10.0/23'`: a key as it should be written, or a value where there is no key. */
function spell(schema: z.ZodType, path: Path): string {
  const example = exampleOf(schema);
  return typeof path.at(-1) === 'string' ? `'${nameOf(path)}: ${example}'` : example;
}

function exampleOf(schema: z.ZodType): string {
  const bare = unwrap(schema);
  const own = schema.meta()?.examples ?? bare.meta()?.examples;
  if (Array.isArray(own)) return yamlOf(own[0]);
  if (bare instanceof z.ZodArray && bare.element instanceof z.ZodType) return `[${exampleOf(bare.element)}]`;
  if (bare instanceof z.ZodEnum) return String(bare.options[0]);
  if (bare instanceof z.ZodObject) {
    return `{ ${Object.entries(bare.shape)
      .filter(([, field]) => field instanceof z.ZodType && !field.safeParse(undefined).success)
      .map(([key, field]) => `${key}: ${exampleOf(field as z.ZodType)}`)
      .join(', ')} }`;
  }
  return '…';
}

function yamlOf(value: unknown): string {
  if (Array.isArray(value)) return `[${value.map(yamlOf).join(', ')}]`;
  if (typeof value !== 'object' || value === null) return String(value);
  return `{ ${Object.entries(value)
    .map(([key, inner]) => `${key}: ${yamlOf(inner)}`)
    .join(', ')} }`;
}
