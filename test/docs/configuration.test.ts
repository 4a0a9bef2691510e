import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { z } from 'zod';
import { configurationSchema } from '../../src/files/configuration.ts';
import { notYet } from '../../src/files/not-yet.ts';
import { readDocument, root, sectionOf, spanIn, tableRows } from './documents.ts';

const page = readDocument('docs/configuration.md');

const rowsUnder = (title: string): readonly (readonly string[])[] => {
  const heading = page.headings.find((it) => it.text === title);
  assert.ok(heading, title);
  return tableRows(sectionOf(page, heading));
};

interface Schema {
  readonly properties: Readonly<Record<string, Schema>>;
  readonly additionalProperties: Schema;
  readonly required?: readonly string[];
}

// The JSON schema for editors is made of the same zod schema; its shape is that of the mappings in it.
const schema = z.toJSONSchema(configurationSchema, { io: 'input' }) as unknown as Schema;

test('the table of the top has every key of landline.yaml', () => {
  const listed = rowsUnder('At the top of the file').map(([key]) => spanIn(key));
  assert.deepEqual(listed.sort(), [...Object.keys(schema.properties), 'x-…'].sort());
});

test('the table of a network has every key of one, and says which must be given', () => {
  const network = schema.properties.networks?.additionalProperties;
  assert.ok(network);
  const rows = rowsUnder('A network');
  assert.deepEqual(
    rows.map(([key]) => spanIn(key)),
    Object.keys(network.properties),
  );
  const needed = rows.filter(([, , leftOut]) => leftOut === 'must be given').map(([key]) => spanIn(key));
  assert.deepEqual(needed, network.required);
});

test('what this version does not do is what the reader of the file refuses by name', () => {
  const listed = rowsUnder('Mistakes').map(([, keys = '']) => keys.replaceAll('`', '').split(', '));
  const refused = [notYet.configuration, notYet.network].map((it) => Object.keys(it)).filter((keys) => keys.length > 0);
  assert.deepEqual(listed, refused);
});

test('the table of environment variables has those that the sources read', () => {
  const files = fs.globSync(['src/**/*.ts', 'bin/landline'], { cwd: root }).filter((it) => !it.endsWith('.test.ts'));
  const text = files.map((it) => fs.readFileSync(path.join(root, it), 'utf8')).join('\n');
  const read = new Set(
    [...text.matchAll(/env(?:\.|\[')(LANDLINE_\w+)\b|\bexport (NODE_\w+)/g)].map((match) => match[1] ?? match[2]),
  );
  assert.deepEqual(
    rowsUnder('Environment variables')
      .map(([name]) => spanIn(name))
      .sort(),
    [...read].sort(),
  );
});
