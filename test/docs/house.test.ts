import assert from 'node:assert/strict';
import fs from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { test } from 'node:test';
import { codeSpans, readDocument, root, sectionOf, spanIn, tableRows } from './documents.ts';

interface Rules {
  readonly forbidden: readonly { readonly name: string }[];
}

// The rules' names are made of the table in that file.
const { forbidden } = createRequire(import.meta.url)(path.join(root, '.dependency-cruiser.cjs')) as Rules;

const page = readDocument('docs/house.md');

test('the rooms and what they may import are those that the check holds the house to', () => {
  const heading = page.headings.find((it) => it.text === 'Rooms');
  assert.ok(heading);
  const told = tableRows(sectionOf(page, heading)).map(([room, , doors = '']) => `${spanIn(room)}: ${doors.replaceAll('`', '')}`);
  const held = forbidden.flatMap(({ name }) => /^(\S+) may import only: (.*)$/.exec(name)?.slice(1, 3).join(': ') ?? []);
  assert.deepEqual(told, held);
});

test('every function that the walks name is in the source', () => {
  const text = fs
    .globSync('src/**/*.ts', { cwd: root })
    .map((it) => fs.readFileSync(path.join(root, it), 'utf8'))
    .join('\n');
  const names = codeSpans(page).flatMap(({ text: span }) => /^(?:\w+\.)?([a-z]+(?:[A-Z]\w*)?)$/.exec(span)?.[1] ?? []);
  for (const name of names) assert.match(text, new RegExp(`\\b${name}\\b`), name);
});
