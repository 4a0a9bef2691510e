import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LandlineError } from '../../src/errors.ts';
import { parseConfiguration, parseEnvironment } from '../../src/files/index.ts';
import { type CodeBlock, listDocuments } from './documents.ts';
import { steady, steadyJson, stepsOf } from './examples.ts';

const documents = listDocuments();

const blocksOf = (language: string): readonly (readonly [where: string, block: CodeBlock])[] =>
  documents.flatMap(({ file, blocks }) =>
    blocks.filter((it) => it.language === language).map((it) => [`${file}:${it.line}`, it] as const),
  );

test('every block of commands says where it runs, and every block of output follows one', () => {
  for (const document of documents) stepsOf(document);
});

test('every block says its language', () => {
  for (const { file, blocks } of documents) {
    for (const it of blocks) {
      assert.ok(['sh', 'yaml', 'json', 'text', 'ts', 'ini'].includes(it.language), `${file}:${it.line}: '${it.language}'`);
    }
  }
});

for (const [where, block] of blocksOf('yaml')) {
  const [name = '', refused] = block.words;
  const isPlainCompose = name === 'compose.yaml';
  const isConfiguration = name.startsWith('landline');
  test(`${where}: ${name} is ${refused === undefined ? 'right' : 'refused, as the page says'}`, () => {
    const parse = (): void => {
      if (isConfiguration) parseConfiguration(block.text, name);
      else
        parseEnvironment(block.text, {
          file: name,
          directory: '/',
          variables: {},
          overrides: isPlainCompose ? { network: 'office' } : {},
        });
    };
    if (refused === undefined) parse();
    else assert.throws(parse, (error) => error instanceof LandlineError && error.code === 'FILE_INVALID');
  });
}

test('every block of JSON is JSON', () => {
  for (const [where, { text }] of blocksOf('json')) assert.doesNotThrow(() => JSON.parse(text), where);
});

test('what differs from run to run does not count, and all else does', () => {
  const row = (pid: number, state = 'running'): string => `web  ${state}  ${pid}   0`;
  assert.equal(steady(row(59)), steady(row(1234)));
  assert.notEqual(steady(row(59)), steady(row(59, 'exited 1')));
  assert.equal(
    steady('shop is running at 192.168.11.101 (attached in 4.2 ms)'),
    'shop is running at 192.168.11.101 (attached in <ms>)',
  );
  assert.deepEqual(steadyJson({ pid: 1, name: 'web' }), { pid: '<number>', name: 'web' });
  assert.notDeepEqual(steadyJson([{ pid: null }]), steadyJson([{ pid: 1 }]));
});
