import assert from 'node:assert/strict';
import fs from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { composeKeys } from './compose-keys.ts';
import { configurationJsonSchema, environmentJsonSchema } from './json-schema.ts';

const checkedIn = (name: string): unknown =>
  JSON.parse(fs.readFileSync(fileURLToPath(new URL(`../../schemas/${name}`, import.meta.url)), 'utf8'));

test('the schemas that are checked in are those that the checks give', () => {
  const plain = (it: unknown): unknown => JSON.parse(JSON.stringify(it));
  assert.deepEqual(
    checkedIn('landline.schema.json'),
    plain(configurationJsonSchema()),
    'run `landline schema config >schemas/landline.schema.json`',
  );
  assert.deepEqual(
    checkedIn('environment.schema.json'),
    plain(environmentJsonSchema()),
    'run `landline schema environment >schemas/environment.schema.json`',
  );
});

test('the schema of a service has the keys that are honoured or have no effect, and no other', () => {
  // A cast, since a schema may have any shape.
  const { properties } = environmentJsonSchema() as {
    properties: { services: { additionalProperties: { properties: object } } };
  };
  const keys = Object.keys(properties.services.additionalProperties.properties);
  const taken = Object.entries(composeKeys.service).flatMap(([key, { kind }]) => (kind === 'refused' ? [] : [key]));
  assert.deepEqual(keys.sort(), taken.sort());
});
