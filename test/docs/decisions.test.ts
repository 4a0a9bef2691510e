import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { listDocuments, readDocument, root, spanIn, tableRows } from './documents.ts';

const pages = listDocuments().filter((it) => /^docs\/decisions\/\d/.test(it.file));
const index = readDocument('docs/decisions/README.md');

test('the index lists every decision, by number, with its title', () => {
  const titles = pages.map((it) => [path.basename(it.file), it.headings[0]?.text]);
  const listed = tableRows(index.text).map(([link = '', title]) => {
    const [, number, file] = /^\[(\d{3})\]\((.*)\)$/.exec(link) ?? [];
    return [file, `${number}: ${title}`];
  });
  assert.deepEqual(listed, titles);
  assert.deepEqual(
    pages.map((it) => Number.parseInt(path.basename(it.file), 10)),
    pages.map((_, at) => at + 1),
  );
});

test('every decision has its question, its answer, and what would change it', () => {
  for (const { file, text } of pages) {
    for (const part of ['Question', 'Answer', 'Would change it'])
      assert.match(text, new RegExp(`^\\*\\*${part}\\.\\*\\* \\S`, 'm'), `${file}: ${part}`);
  }
});

test('every dependency of package.json has its line of argument, and no other', () => {
  const argued = tableRows(readDocument('docs/decisions/015-dependencies.md').text).flatMap(([names = '']) =>
    names.split(', ').map((name) => spanIn(name)),
  );
  // npm itself reads this file, and insists on its shape.
  const { dependencies, optionalDependencies, devDependencies } = JSON.parse(
    fs.readFileSync(path.join(root, 'package.json'), 'utf8'),
  ) as Record<string, Record<string, string>>;
  assert.deepEqual(argued.sort(), Object.keys({ ...dependencies, ...optionalDependencies, ...devDependencies }).sort());
});
