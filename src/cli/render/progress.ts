/**
 * How far an `up` is, from the events of its environment: a value that grows with each event, as a frame for a terminal
 * and as lines for everything else. Pure: times come in, in milliseconds of any one clock.
 */
import { stripVTControlCharacters } from 'node:util';
import type { EnvironmentView, EventView } from '../../api/contract.ts';
import { stateText } from './environment.ts';

type Phase = 'waiting' | 'working' | 'done' | 'failed';

interface Row {
  readonly name: string;
  readonly phase: Phase;
  readonly says: string;
  /** When it was first heard of; undefined for what has not moved yet. */
  readonly since?: number;
  /** When it was done or had failed. */
  readonly until?: number;
}

export interface Progress {
  readonly environment: string;
  readonly begin: number;
  /** Endpoints, by interface, in the order in which they came. */
  readonly endpoints: ReadonlyMap<string, Row>;
  readonly services: ReadonlyMap<string, Row>;
  /** What stands in the way at the moment. */
  readonly trouble?: string;
}

export interface Terminal {
  readonly columns: number;
  readonly rows: number;
  readonly colour: boolean;
  /** Whether it shows more than ASCII. */
  readonly unicode: boolean;
}

/** Nothing has happened yet. `services` in the order in which they are to be shown. */
export function beginProgress(environment: string, services: readonly string[], now: number): Progress {
  const rows = services.map((name): [string, Row] => [name, { name, phase: 'waiting', says: '' }]);
  return { environment, begin: now, endpoints: new Map(), services: new Map(rows) };
}

/** With what an environment that is there looks like already. */
export function seen(progress: Progress, view: EnvironmentView): Progress {
  const rows = view.services.map((it): [string, Row] => [it.name, { ...progress.services.get(it.name), ...rowOf(it) }]);
  const endpoints = view.endpoints.map((it): [string, Row] => [
    it.interface,
    { ...progress.endpoints.get(it.interface), name: it.network, phase: 'done', says: it.addresses.join(', ') },
  ]);
  return {
    ...progress,
    services: new Map([...progress.services, ...rows]),
    endpoints: new Map([...progress.endpoints, ...endpoints]),
  };
}

function rowOf(it: EnvironmentView['services'][number]): Row {
  const { name, state, health } = it;
  if (state === 'running') {
    const phase = health === 'unhealthy' ? 'failed' : health === 'starting' ? 'working' : 'done';
    return { name, phase, says: health === 'healthy' ? 'healthy' : stateText(it) };
  }
  if (state === 'exited') return { name, ...endRow(it.exitStatus ?? 'unknown') };
  return { name, phase: state === 'stopped' ? 'done' : 'waiting', says: state === 'starting' ? '' : stateText(it) };
}

type Turn = Pick<Row, 'phase' | 'says'>;

const endRow = (status: string | number): Turn =>
  status === 0 ? { phase: 'done', says: 'completed' } : { phase: 'failed', says: `ended with status ${status}` };

const healthTurns: Readonly<Record<string, Turn>> = {
  starting: { phase: 'working', says: 'running, not healthy yet' },
  healthy: { phase: 'done', says: 'healthy' },
  unhealthy: { phase: 'failed', says: 'unhealthy' },
};

/** What an event says of the row that it names; undefined for events that say nothing of one. */
function turnOf({ what, fields }: EventView): Turn | undefined {
  switch (what) {
    case 'endpoint attaching':
      return { phase: 'working', says: `attaching ${fields['address']}` };
    case 'endpoint made aside':
      return { phase: 'working', says: `${fields['address']}, off the LAN until the swap` };
    case 'address bound':
      return { phase: 'done', says: String(fields['address']) };
    case 'image pulling':
      return {
        phase: 'working',
        says: `pulling ${fields['image']}${fields['percent'] === undefined ? '' : `, ${fields['percent']} %`}`,
      };
    case 'image pulled':
      return { phase: 'waiting', says: `has pulled ${fields['image']}` };
    case 'service waiting':
      return { phase: 'waiting', says: `waits for ${fields['on']}` };
    case 'service starting':
      return { phase: 'working', says: 'starting' };
    case 'service started':
      return { phase: 'done', says: 'running' };
    case 'service stopping':
      return { phase: 'working', says: `stopping: ${fields['why']}` };
    case 'service ended':
      return endRow(fields['status'] ?? 'unknown');
    case 'service health':
      return healthTurns[String(fields['health'])];
    default:
      return undefined;
  }
}

/** With an event taken in; the same value where it tells nothing new. */
export function advance(progress: Progress, event: EventView, now: number): Progress {
  if (event.fields['environment'] !== progress.environment) return progress;
  if (event.what === 'environment in trouble') return { ...progress, trouble: String(event.fields['problem']) };
  const turn = turnOf(event);
  if (turn === undefined) return progress;
  const { trouble: _over, ...rest } = progress;
  const { service, interface: link, network } = event.fields;
  const [kind, key, name] =
    service === undefined
      ? (['endpoints', String(link), String(network)] as const)
      : (['services', String(service), String(service)] as const);
  const former = progress[kind].get(key);
  const row: Row = {
    name,
    ...turn,
    since: former?.since ?? now,
    ...(turn.phase === 'done' || turn.phase === 'failed' ? { until: now } : {}),
  };
  return { ...rest, [kind]: new Map([...progress[kind], [key, row]]) };
}

/** What moved, as a line for a log; undefined where nothing did. */
export function progressLine(before: Progress, after: Progress): string | undefined {
  if (after.trouble !== undefined && after.trouble !== before.trouble) return lineOf(after.environment, after.trouble);
  const changed = rowsOf(after).find((it) => !rowsOf(before).some((row) => row.name === it.name && row.says === it.says));
  return changed === undefined ? undefined : lineOf(`${after.environment}/${changed.name}`, changed.says);
}

const lineOf = (who: string, says: string): string => `landline: ${who}: ${oneLine(says)}`;

/** What is not done yet, as lines: for whoever has heard nothing so far. */
export const openLines = (progress: Progress): readonly string[] =>
  rowsOf(progress)
    .filter((it) => it.phase !== 'done' && it.says !== '')
    .map((it) => lineOf(`${progress.environment}/${it.name}`, it.says));

const rowsOf = (progress: Progress): readonly Row[] => [...progress.endpoints.values(), ...progress.services.values()];

/** What a service wrote, or an error of many lines, must not break the picture. */
const oneLine = (text: string): string =>
  stripVTControlCharacters(text)
    .replaceAll(/[\s\p{Cc}]+/gu, ' ')
    .trim();

const marks = {
  unicode: { waiting: '·', working: '⠋⠙⠹⠸⠼⠴⠦⠧⠇⠏', done: '✔', failed: '✘', more: '…' },
  ascii: { waiting: '.', working: '|/-\\', done: '+', failed: 'x', more: '~' },
} as const;

const colours: Readonly<Record<Phase, string>> = { waiting: '2', working: '36', done: '32', failed: '31' };

/** From picture to picture of what turns, in milliseconds. */
export const turnMs = 100;

/**
 * The picture as lines, each narrower than the terminal and all together lower. Over it, what is done and how long it has
 * taken; below, endpoints and services.
 */
export function frame(progress: Progress, now: number, terminal: Terminal): readonly string[] {
  const sign = terminal.unicode ? marks.unicode : marks.ascii;
  const rows = rowsOf(progress);
  const done = rows.filter((it) => it.phase === 'done').length;
  const width = Math.max(0, ...rows.map((it) => it.name.length));
  const says = Math.max(0, ...rows.map((it) => oneLine(it.says).length));
  const cut = (text: string): string =>
    text.length < terminal.columns ? text : text.slice(0, Math.max(0, terminal.columns - 2)) + sign.more;
  const line = (it: Row): string => {
    const mark = it.phase === 'working' ? (sign.working[Math.floor(now / turnMs) % sign.working.length] ?? '') : sign[it.phase];
    const time = it.since === undefined ? '' : seconds((it.until ?? now) - it.since);
    const text = cut(` ${mark} ${it.name.padEnd(width)}  ${oneLine(it.says).padEnd(says)}  ${time}`.trimEnd());
    return terminal.colour ? text.replace(mark, `\x1b[${colours[it.phase]}m${mark}\x1b[0m`) : text;
  };
  const trouble = progress.trouble === undefined ? [] : [cut(` ${sign.failed} ${oneLine(progress.trouble)}`)];
  const shown = mostUrgent(rows, terminal.rows - 3 - trouble.length);
  const hidden = rows.length - shown.length;
  return [
    cut(`${progress.environment}  ${done} of ${rows.length}  ${seconds(now - progress.begin)}`),
    ...shown.map(line),
    ...(hidden === 0 ? [] : [cut(`   and ${hidden} more`)]),
    ...trouble,
  ];
}

/** In their order; where they do not all fit, what is done is left out first. */
function mostUrgent(rows: readonly Row[], room: number): readonly Row[] {
  if (rows.length <= room) return rows;
  const order: readonly Phase[] = ['failed', 'working', 'waiting', 'done'];
  const kept = new Set([...rows].sort((a, b) => order.indexOf(a.phase) - order.indexOf(b.phase)).slice(0, Math.max(1, room)));
  return rows.filter((it) => kept.has(it));
}

const seconds = (ms: number): string => `${(ms / 1000).toFixed(1)} s`;

/**
 * What draws `lines` over `former`, the lines that were drawn last and still stand right above the cursor. The cursor
 * ends at the beginning of the line below, and is never hidden: whatever ends us, the terminal is as it should be.
 */
export function redraw(former: readonly string[], lines: readonly string[], columns: number): string {
  // A terminal that became narrower has broken the former lines.
  const height = former.reduce((sum, it) => sum + Math.max(1, Math.ceil(stripVTControlCharacters(it).length / columns)), 0);
  const up = height === 0 ? '' : `\x1b[${height}A\r`;
  return `${up}${lines.map((it) => `${it}\x1b[K\n`).join('')}\x1b[J`;
}
