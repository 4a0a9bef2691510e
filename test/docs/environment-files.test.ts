import assert from 'node:assert/strict';
import { test } from 'node:test';
import { composeKeysTable } from '../../src/files/compose-keys.ts';
import { endpointSchema } from '../../src/files/environment-schema.ts';
import { readDocument, sectionOf, spanIn, tableRows } from './documents.ts';

const page = readDocument('docs/environment-files.md');

test('the table of x-landline has every key of it', () => {
  const heading = page.headings.find((it) => it.text === '`x-landline`');
  assert.ok(heading);
  const listed = tableRows(sectionOf(page, heading)).map(([key]) => spanIn(key));
  assert.deepEqual(listed, Object.keys(endpointSchema.shape));
});

test("the table of Compose's keys is the one that the reader of the file goes by", () => {
  const heading = page.headings.find((it) => it.text === "Compose's keys");
  assert.ok(heading);
  assert.ok(sectionOf(page, heading).trim().endsWith(composeKeysTable().trim()), 'print composeKeysTable() into the page');
});
