import assert from 'node:assert/strict';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { readDocument, root, sectionOf, spanIn, tableRows } from './documents.ts';

interface Rules {
  readonly forbidden: readonly { readonly name: string }[];
}

// The rules' names are made of the table in that file.
const { forbidden } = createRequire(import.meta.url)(path.join(root, '.dependency-cruiser.cjs')) as Rules;

test('the rooms and what they may import are those that the check holds the house to', () => {
  const page = readDocument('docs/house.md');
  const heading = page.headings.find((it) => it.text === 'Rooms');
  assert.ok(heading);
  const told = tableRows(sectionOf(page, heading)).map(([room, , doors = '']) => `${spanIn(room)}: ${doors.replaceAll('`', '')}`);
  const held = forbidden.flatMap(({ name }) => /^(\S+) may import only: (.*)$/.exec(name)?.slice(1, 3).join(': ') ?? []);
  assert.deepEqual(told, held);
});
