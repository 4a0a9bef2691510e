/** `environment` of a service: a mapping or a list, as text. */
import type { Variables } from './interpolate.ts';
import type { Report } from './report.ts';
import { nodeAt, offsetAt, type Path, type ScalarNode, type TreeNode } from './tree.ts';

/** A variable as it is written; without a value it takes the one of the shell. */
interface WrittenVariable {
  readonly name: string;
  readonly value: string | undefined;
  readonly at: number;
}

/** @param valid whether the shape was found right; a wrong one has been reported, and gives nothing */
export function readVariables(
  root: TreeNode,
  path: Path,
  valid: boolean,
  variables: Variables | undefined,
  report: Report,
): Readonly<Record<string, string>> {
  const found: Record<string, string> = Object.create(null);
  for (const { name, value, at } of valid ? written(root, path) : []) {
    const taken = value ?? (variables !== undefined && Object.hasOwn(variables, name) ? variables[name] : undefined);
    if (name === '' || name.includes('=')) report.problem(at, 'this names no variable', "write 'NAME: value' or 'NAME=value'");
    else if (`${name}${taken ?? ''}`.includes('\0')) report.problem(at, 'no variable can hold the character U+0000', 'remove it');
    else if (taken === undefined) report.note(at, `variable ${name} is not set, and left out`);
    else found[name] = taken;
  }
  return { ...found };
}

function written(root: TreeNode, path: Path): readonly WrittenVariable[] {
  const node = nodeAt(root, path);
  if (node?.kind === 'list') return node.items.flatMap((item) => (item.kind === 'scalar' ? [fromItem(item)] : []));
  if (node?.kind !== 'map') return [];
  return [...node.entries].flatMap(([name, { value, keyAt }]) =>
    value.kind === 'scalar'
      ? [
          {
            name,
            value: value.value === null ? undefined : textOf(value),
            at: value.value === null ? keyAt : offsetAt(root, [...path, name]),
          },
        ]
      : [],
  );
}

function fromItem(item: ScalarNode): WrittenVariable {
  const [name = ''] = item.text.split('=', 1);
  return { name, value: name.length === item.text.length ? undefined : item.text.slice(name.length + 1), at: item.at };
}

/** A value as Compose hands it on: numbers as Go's fmt.Sprint shows what its YAML parser made of them. */
function textOf(node: ScalarNode): string {
  if (typeof node.value === 'boolean') return String(node.value);
  return typeof node.value === 'number' ? numberText(node.text, node.value) : node.text;
}

/** `0x1F` → `31`, `007` → `7`, `1.50` → `1.5`, `1e6` → `1e+06`: integers whole, other numbers with Go's %v. */
function numberText(text: string, value: number): string {
  const integer = /^([-+]?)(0x[0-9a-f]+|0o?[0-7]+|\d+)$/i.exec(text);
  if (integer === null) return floatText(value);
  const [, sign = '', digits = ''] = integer;
  const whole = BigInt(/^0[0-7]+$/.test(digits) ? `0o${digits.slice(1)}` : digits);
  return String(sign === '-' ? -whole : whole);
}

/** strconv.FormatFloat(value, 'g', -1, 64): an exponent from -5 down and from 6 up is written as one. */
function floatText(value: number): string {
  const [digits = '0', power = '0'] = value.toExponential().split('e');
  const exponent = Number(power);
  if (exponent >= -4 && exponent < 6) return String(value);
  return `${digits}e${exponent < 0 ? '-' : '+'}${String(Math.abs(exponent)).padStart(2, '0')}`;
}
