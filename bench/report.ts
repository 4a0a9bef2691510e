/** What was measured, as a table of Markdown. */
import type { Spread } from './measure.ts';

/** One line of the table. */
export interface Row {
  readonly what: string;
  readonly landline: string;
  /** What it stands beside, and what that took. */
  readonly beside: string;
  readonly ratio: string;
  /** What DESIGN asks for; empty for what is told beside it. */
  readonly bar: string;
  /** Undefined where there is no bar. */
  readonly met: boolean | undefined;
}

const digits = (value: number): string => (value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2));

/** `1.42 (1.20–3.91) ms` */
export function spreadText({ median, least, most }: Spread, unit: string): string {
  return `${digits(median)} (${digits(least)}–${digits(most)}) ${unit}`;
}

/** `23.1 ×` */
export const ratioText = (ratio: number): string => `${digits(ratio)} ×`;

export function tableOf(rows: readonly Row[]): string {
  const cells = rows.map((it) => [it.what, it.landline, it.beside, it.ratio, it.bar, verdict(it.met)]);
  const head = ['what', 'Landline', 'beside it', 'ratio', 'bar', ''];
  return [head, head.map(() => '---'), ...cells].map((row) => `| ${row.join(' | ')} |`).join('\n');
}

const verdict = (met: boolean | undefined): string => (met === undefined ? '' : met ? 'met' : '**missed**');
