import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { routes } from '../../src/api/routes.ts';
import { readDocument, root, sectionOf, spanIn, tableRows } from './documents.ts';

const page = readDocument('docs/api.md');
const routeHeading = /^`(GET|PUT|POST|DELETE) (\/v1\/\S+)`$/;

test('docs/api.md has a section for every route, and for no other', () => {
  const documented = page.headings.flatMap((it) => routeHeading.exec(it.text)?.slice(1, 3).join(' ') ?? []);
  assert.deepEqual(documented.sort(), routes.map(([method, route]) => `${method} ${route}`).sort());
});

test('every section of a route shows how to ask it', () => {
  for (const heading of page.headings) {
    const route = routeHeading.exec(heading.text)?.[2];
    if (route === undefined) continue;
    const pattern = new RegExp(route.replaceAll(/:\w+/g, String.raw`[\w.-]+`));
    const asked = page.blocks.some((it) => it.under === heading.text && it.language === 'sh' && pattern.test(it.text));
    assert.ok(asked, `no example asks ${heading.text}`);
  }
});

test('every event that the daemon tells is in the table, with its fields, and no other', () => {
  const told = new Map(fs.globSync('src/{daemon,engine}/**/*.ts', { cwd: root }).flatMap(eventsIn));
  const heading = page.headings.find((it) => it.text === 'Events');
  assert.ok(heading);
  const listed = tableRows(sectionOf(page, heading)).map(([event, , fields = '']) => [spanIn(event), namesIn(fields)] as const);
  assert.deepEqual(new Map(listed), told);
});

const namesIn = (cell: string): readonly string[] => [...cell.matchAll(/`(\w+)`/g)].map((match) => match[1] ?? '').sort();

/** `events.tell('what', { fields })`, and the engine's `log` which comes to the same. */
function eventsIn(file: string): readonly [string, readonly string[]][] {
  if (/\.test\.ts$|contract|fake/.test(file)) return [];
  const text = fs.readFileSync(path.join(root, file), 'utf8');
  return [...text.matchAll(/\b(?:tell|log)\(\s*'([^']+)'(?:,\s*\{([^}]*)\})?\s*\)/g)].map(([, event = '', fields]) => [
    event,
    fields === undefined ? ['environment'] : fieldNames(fields),
  ]);
}

const fieldNames = (fields: string): readonly string[] =>
  fields
    .split(/,\s*(?![^(]*\))/)
    .map((it) => it.trim().split(':')[0] ?? '')
    .filter((it) => it !== '')
    .sort();
