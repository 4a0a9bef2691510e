/**
 * Variables in values, as the Compose Specification has them (chapter "Interpolation"): $NAME, ${NAME},
 * ${NAME:-default}, ${NAME-default}, ${NAME:?error}, ${NAME?error}, ${NAME:+instead}, ${NAME+instead}, $$ for a dollar.
 */
import type { Report } from './report.ts';
import type { Entry, ScalarNode, TreeNode } from './tree.ts';

export type Variables = Readonly<Record<string, string>>;

/** A text that failed, at an offset into it. */
interface Trouble {
  readonly at: number;
  readonly message: string;
  readonly next: string;
}

/** What became of one text. */
export interface Interpolated {
  readonly text: string;
  readonly troubles: readonly Trouble[];
  /** Variables that were asked for and not set, each with its offset. */
  readonly unset: readonly { readonly name: string; readonly at: number }[];
}

interface Plain {
  readonly kind: 'text';
  readonly text: string;
}

interface Use {
  readonly kind: 'use';
  readonly name: string;
  readonly at: number;
  /** '' for a bare name. */
  readonly operator: '' | ':-' | '-' | ':?' | '?' | ':+' | '+';
  readonly word: readonly Part[];
}

type Part = Plain | Use;

interface Parsed {
  readonly parts: readonly Part[];
  /** Offset after the last part. */
  readonly end: number;
}

const nested = 64;

/** Puts variables into one text. */
export function interpolate(text: string, variables: Variables): Interpolated {
  const troubles: Trouble[] = [];
  const unset: { name: string; at: number }[] = [];
  const { parts } = parseParts(text, 0, 0, troubles);
  const value = troubles.length > 0 ? '' : parts.map((part) => evaluate(part, variables, troubles, unset)).join('');
  return { text: value, troubles, unset };
}

/** Parts up to the end of the text, or below level 0 to the first `}` that no `${` of its own has opened. */
function parseParts(text: string, from: number, level: number, troubles: Trouble[]): Parsed {
  const parts: Part[] = [];
  let at = from;
  while (at < text.length && !(level > 0 && text[at] === '}')) {
    const plain = level > 0 ? /[^$}]+/y : /[^$]+/y;
    plain.lastIndex = at;
    const run = plain.exec(text)?.[0];
    if (run !== undefined) {
      parts.push({ kind: 'text', text: run });
      at += run.length;
    } else if (text.startsWith('$$', at)) {
      parts.push({ kind: 'text', text: '$' });
      at += 2;
    } else {
      const use = parseUse(text, at, level, troubles);
      if (use === undefined) return { parts, end: text.length };
      parts.push(use.part);
      at = use.end;
    }
  }
  return { parts, end: at };
}

function parseUse(
  text: string,
  at: number,
  level: number,
  troubles: Trouble[],
): { readonly part: Part; readonly end: number } | undefined {
  const head = /\$(\{?)([a-z_][a-z0-9_]*)/iy;
  head.lastIndex = at;
  const [found, brace, name] = head.exec(text) ?? [];
  if (found === undefined || name === undefined)
    return fail(troubles, at, "'$' begins no variable here", "write '$$' for a dollar sign, or '${NAME}'");
  const after = at + found.length;
  if (brace === '') return { part: { kind: 'use', name, at, operator: '', word: [] }, end: after };
  const operator = operatorAt(text, after);
  if (level >= nested) return fail(troubles, at, 'the variables are nested too deeply', 'remove some');
  const word = operator === '' ? { parts: [], end: after } : parseParts(text, after + operator.length, level + 1, troubles);
  if (troubles.length > 0) return undefined;
  if (text[word.end] !== '}')
    return fail(
      troubles,
      at,
      `'\${${name}' is not closed`,
      `write '\${${name}}', '\${${name}:-default}', '\${${name}:?error}' or '\${${name}:+instead}'`,
    );
  return { part: { kind: 'use', name, at, operator, word: word.parts }, end: word.end + 1 };
}

function operatorAt(text: string, at: number): Use['operator'] {
  const length = text[at] === ':' ? 2 : 1;
  const operators: readonly Use['operator'][] = [':-', '-', ':?', '?', ':+', '+'];
  return operators.find((one) => one === text.slice(at, at + length)) ?? '';
}

function fail(troubles: Trouble[], at: number, message: string, next: string): undefined {
  troubles.push({ at, message, next });
}

/** Only the words that are needed are looked at: a default that is not taken asks for no variable. */
function evaluate(part: Part, variables: Variables, troubles: Trouble[], unset: { name: string; at: number }[]): string {
  if (part.kind === 'text') return part.text;
  const { name, at, operator } = part;
  const value = Object.hasOwn(variables, name) ? variables[name] : undefined;
  const word = (): string => part.word.map((inner) => evaluate(inner, variables, troubles, unset)).join('');
  const missing = value === undefined || (operator.startsWith(':') && value === '');
  if (operator.endsWith('-')) return missing ? word() : value;
  if (operator.endsWith('+')) return missing ? '' : word();
  if (operator.endsWith('?') && missing) {
    const reason = word();
    const how = value === undefined ? 'is not set' : 'is empty';
    troubles.push({
      at,
      message: `variable ${name} ${how}${reason === '' ? '' : `: ${reason}`}`,
      next: `set ${name} in the shell or in .env`,
    });
    return '';
  }
  if (value === undefined) unset.push({ name, at });
  return value ?? '';
}

/**
 * Puts variables into every text of a tree, and reports what is wrong with its place. A variable that is not set
 * becomes an empty text, and is noted once. Blocks that begin with `x-` are nobody's, x-landline excepted.
 */
export function interpolateTree(root: TreeNode, variables: Variables, report: Report): TreeNode {
  const noted = new Set<string>();
  // An alias's value is one node in several places: done once.
  const done = new Map<TreeNode, TreeNode>();
  const visit = (node: TreeNode): TreeNode => {
    const before = done.get(node);
    if (before !== undefined) return before;
    const after =
      node.kind === 'scalar'
        ? visitScalar(node)
        : node.kind === 'list'
          ? { ...node, items: node.items.map(visit) }
          : { ...node, entries: new Map([...node.entries].map(visitEntry)) };
    done.set(node, after);
    return after;
  };
  const visitEntry = ([key, entry]: readonly [string, Entry]): [string, Entry] =>
    key.startsWith('x-') && key !== 'x-landline' ? [key, entry] : [key, { ...entry, value: visit(entry.value) }];
  const visitScalar = (node: ScalarNode): ScalarNode => {
    if (typeof node.value !== 'string' || !node.text.includes('$')) return node;
    const { text, troubles, unset } = interpolate(node.text, variables);
    for (const it of troubles) report.problem(placeInside(node, it.at, report), it.message, it.next);
    if (troubles.length > 0) report.mute(node.at);
    for (const { name, at } of unset) {
      if (!noted.has(name))
        report.note(placeInside(node, at, report), `variable ${name} is not set: an empty text stands in its place`);
      noted.add(name);
    }
    return { ...node, value: text, text };
  };
  return visit(root);
}

/** The offset of a character of a scalar's text, where the text stands in the file as it is; else the scalar's own. */
function placeInside(node: ScalarNode, index: number, report: Report): number {
  return report.source.text.startsWith(node.text.slice(0, index + 1), node.textAt) ? node.textAt + index : node.at;
}
