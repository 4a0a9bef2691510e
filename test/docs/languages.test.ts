import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Document, readDocument, sectionOf, tableRows } from './documents.ts';

const english = readDocument('README.md');
const chinese = readDocument('README.zh-CN.md');

test('both READMEs have the same headings by level', () => {
  const levels = (it: Document): readonly number[] => it.headings.map((heading) => heading.level);
  assert.deepEqual(levels(chinese), levels(english));
});

test('both READMEs have the same blocks of code, up to the words in the drawing', () => {
  const blocks = (it: Document): readonly unknown[] =>
    it.blocks.map(({ language, words, text }) =>
      language === 'text' && words.length === 0 ? language : { language, words, text },
    );
  assert.deepEqual(blocks(chinese), blocks(english));
});

test('both READMEs have the same tables, row for row, and link to the same pages', () => {
  for (const [index, heading] of english.headings.entries()) {
    const other = chinese.headings[index];
    assert.ok(other);
    const rows = (it: Document, of: typeof heading): readonly number[] => tableRows(sectionOf(it, of)).map((row) => row.length);
    assert.deepEqual(rows(chinese, other), rows(english, heading), heading.text);
  }
  const targets = (it: Document): readonly string[] =>
    [...new Set(it.links.map((link) => link.target))].filter((it) => !it.startsWith('README')).sort();
  assert.deepEqual(targets(chinese), targets(english));
});
