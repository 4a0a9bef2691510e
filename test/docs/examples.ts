/**
 * The examples of a document, as steps. The convention, which GitHub renders as plain highlighted blocks:
 *
 *     ```yaml shop.yaml             a file, written into the folder that the commands run in (landline.yaml: the host's own)
 *     ```yaml shop.yaml refused     the same, and it is refused
 *     ```sh host                    runs on the machine `host` of the office, and ends with 0
 *     ```sh host exit 1             the same, and ends with 1
 *     ```sh host docker             the same, in an office whose host has a Docker; in a test of its own
 *     ```sh setup                   is for a developer's or an administrator's own machine, and is not run
 *     ```text output                what the block before it prints, stdout and stderr together
 *     ```json output                the same, one JSON document; its shape and its steady values count
 *
 * Lines that tell how far something is are left out: only what takes long tells them, and what does differs from run to run.
 */
import type { CodeBlock, Document } from './documents.ts';

export interface FileStep {
  readonly kind: 'file';
  readonly line: number;
  readonly name: string;
  readonly text: string;
}

export interface CommandStep {
  readonly kind: 'command';
  readonly line: number;
  readonly machine: string;
  /** Its host has a Docker, and the images that the documents name. */
  readonly needsDocker: boolean;
  readonly script: string;
  readonly status: number;
  readonly output?: { readonly kind: 'text' | 'json'; readonly text: string };
}

const machines = ['host', 'pc', 'branch-pc', 'router', 'server'];

/** The steps of a document in order. @throws Error where a block does not keep to the convention */
export function stepsOf(document: Document): readonly (FileStep | CommandStep)[] {
  const steps: (FileStep | CommandStep)[] = [];
  for (const block of document.blocks) {
    const bad = (says: string): Error => new Error(`${document.file}:${block.line}: ${says}`);
    if (block.language === 'yaml') steps.push(fileStep(block, bad));
    else if (block.language === 'sh' && block.words[0] !== 'setup') steps.push(commandStep(block, bad));
    else if (block.words[0] === 'output') {
      const before = steps.pop();
      if (before?.kind !== 'command' || before.output !== undefined) throw bad('this is the output of no command');
      steps.push({ ...before, output: { kind: block.language === 'json' ? 'json' : 'text', text: block.text } });
    }
  }
  return steps;
}

function fileStep(block: CodeBlock, bad: (says: string) => Error): FileStep {
  const [name, how, ...more] = block.words;
  if (name === undefined || more.length > 0 || (how !== undefined && how !== 'refused'))
    throw bad('write ```yaml NAME [refused]');
  return { kind: 'file', line: block.line, name, text: block.text };
}

function commandStep(block: CodeBlock, bad: (says: string) => Error): CommandStep {
  const [machine = '', ...words] = block.words;
  const needsDocker = words[0] === 'docker';
  const [word, status, ...more] = needsDocker ? words.slice(1) : words;
  const wellFormed = word === undefined || (word === 'exit' && /^\d+$/.test(status ?? '') && more.length === 0);
  if (!machines.includes(machine) || !wellFormed) throw bad('write ```sh MACHINE [docker] [exit N], or ```sh setup');
  return { kind: 'command', line: block.line, machine, needsDocker, script: block.text, status: Number(status ?? 0) };
}

/** The range of the lab's DHCP server, which chooses by who asks. */
const leased = /\b192\.168\.10\.1\d\d\b/g;

/** Text without what differs from run to run: times, derived MACs, leased addresses, pids, ports, widths of columns. */
export function steady(text: string): string {
  return text
    .replaceAll(/^landline: [a-z0-9-]+\/[a-z0-9-]+: .*\n/gm, '')
    .replaceAll(/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z/g, '<time>')
    .replaceAll(/\b(02|fe)(:[0-9a-f]{2}){5}\b/g, '<mac>')
    .replaceAll(leased, '<leased>')
    .replaceAll(/\b[0-9a-f]{32}\b/g, '<id>')
    .replaceAll(/\d+\.\d+ ms\b/g, '<ms>')
    .replaceAll(/Ms=[\d.]+/g, 'Ms=<ms>')
    .replaceAll(/pid=\d+/g, 'pid=<pid>')
    .replaceAll(/ running +\d+ +(\d+)$/gm, ' running <pid> $1')
    .replaceAll(/\]:\d+:/g, ']:<port>:')
    .replaceAll(/[ \t]+$/gm, '')
    .replaceAll(/ +/g, ' ')
    .trim();
}

/** Fields whose value differs from run to run; their type counts. */
const changing = new Set([
  'clientId',
  'renewAt',
  'rebindAt',
  'expiresAt',
  'inode',
  'pid',
  'PATH',
  'mac',
  'since',
  'from',
  'to',
  'installation',
  'attachMs',
  'probeMs',
  'node',
  'version',
  'time',
  'workingDir',
]);

/** A JSON value without what differs from run to run. */
export function steadyJson(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(steadyJson);
  if (typeof value === 'string') return value.replace(leased, '<leased>');
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      key,
      changing.has(key) ? `<${inner === null ? 'null' : typeof inner}>` : steadyJson(inner),
    ]),
  );
}
