import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import path from 'node:path';
import { before, test } from 'node:test';
import { promisify } from 'node:util';
import { readDocument, root, sectionOf, spanIn, tableRows } from './documents.ts';

const page = readDocument('docs/commands.md');
const sections = new Map(page.headings.flatMap((it) => (it.level === 2 ? [[spanIn(it.text) ?? it.text, it] as const] : [])));

interface Help {
  readonly usage: string;
  /** `-f, --file <file>`, without `-h, --help`. */
  readonly options: readonly string[];
}

const help = new Map<string, Help>();

before(async () => {
  await collect([]);
});

/** What `--help` prints of a command; of one with commands of its own, what each of them prints. */
async function collect(words: readonly string[]): Promise<void> {
  const { stdout } = await promisify(execFile)(path.join(root, 'bin/landline'), [...words, '--help']);
  const children = termsUnder('Commands', stdout).map((it) => it.split(' ')[0] ?? '');
  const usage = /^Usage: (.*)$/m.exec(stdout)?.[1] ?? '';
  const options = termsUnder('Options', stdout).filter((it) => !it.endsWith('--help'));
  if (children.length === 0) help.set(`landline ${words.join(' ')}`, { usage, options });
  for (const child of children) if (child !== 'help') await collect([...words, child]);
}

/** The left column below a title: `  -f, --file <file>      environment file` gives the option. */
function termsUnder(title: string, text: string): readonly string[] {
  const part = new RegExp(String.raw`^${title}:\n((?: .*\n?)*)`, 'm').exec(text)?.[1] ?? '';
  return [...part.matchAll(/^ {2}(\S+(?: \S+)*)/gm)].map((match) => match[1] ?? '');
}

test('docs/commands.md has a section for every command, and for no other', () => {
  assert.deepEqual([...sections.keys()].sort(), [...help.keys()].sort());
});

test('the table at its top leads to every section', () => {
  const begin = page.headings.find((it) => it.level === 2)?.line ?? 0;
  const targets = page.links.filter((it) => it.line < begin && it.target.startsWith('#')).map((it) => it.target);
  assert.deepEqual(targets.sort(), [...sections.keys()].map((it) => `#${it.replaceAll(' ', '-')}`).sort());
});

test('each section has the usage line that --help prints', () => {
  for (const [command, { usage }] of help) {
    const block = page.blocks.find((it) => it.under === `\`${command}\`` && it.words[0] === 'usage');
    assert.equal(block?.text.trim(), usage, command);
  }
});

test('each section has the options that --help prints, and no other', () => {
  for (const [command, { options }] of help) {
    const heading = sections.get(command);
    assert.ok(heading);
    const listed = tableRows(sectionOf(page, heading)).map(([option]) => spanIn(option));
    assert.deepEqual(listed, options, command);
  }
});
