import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type Code, catalogue, type Retry } from '../../src/errors.ts';
import { readDocument, sectionOf } from './documents.ts';

const page = readDocument('docs/errors.md');
const sections = page.headings.filter((it) => it.level === 3);
const again: Readonly<Record<Retry, string>> = { later: 'later', 'after-change': 'after a change', never: 'never' };

test('docs/errors.md explains every code of the catalogue, in its order, and no other', () => {
  assert.deepEqual(
    sections.map((it) => it.text),
    Object.keys(catalogue),
  );
});

for (const heading of sections) {
  test(`${heading.text} has the statuses that the page gives it, and a word about it`, () => {
    const { status, exit, retry } = catalogue[heading.text as Code];
    const [facts, ...text] = sectionOf(page, heading).trim().split('\n\n');
    assert.equal(facts, `HTTP ${status} · exit ${exit} · again: ${again[retry]}`);
    assert.ok(text.join('').length > 20);
  });
}
