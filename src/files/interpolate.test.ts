import assert from 'node:assert/strict';
import { test } from 'node:test';
import { interpolate } from './interpolate.ts';

const variables = { FOO: 'first', EMPTY: '', x_1: 'low' };

test('variables as the Compose Specification has them', () => {
  const cases = [
    ['foo', 'foo'],
    ['$FOO', 'first'],
    ['${FOO}', 'first'],
    ['a $FOO-bar ${FOO}s $x_1', 'a first-bar firsts low'],
    ['$$FOO $${FOO} $$$FOO', '$FOO ${FOO} $first'],
    ['${MISSING:-def}', 'def'],
    ['${MISSING-def}', 'def'],
    ['${EMPTY:-def}', 'def'],
    ['${EMPTY-def}', ''],
    ['${FOO:-def}', 'first'],
    ['${FOO:+instead}', 'instead'],
    ['${EMPTY:+instead}', ''],
    ['${EMPTY+instead}', 'instead'],
    ['${MISSING+instead}', ''],
    ['${FOO:?err}', 'first'],
    ['${EMPTY?err}', ''],
    ['${MISSING:-/non:-alphanumeric}', '/non:-alphanumeric'],
    ['${MISSING-myerror?msg}', 'myerror?msg'],
    ['${MISSING:-$FOO}', 'first'],
    ['${MISSING:-${FOO} ${FOO}}', 'first first'],
    ['${MISSING:-${EMPTY:-${FOO:+deep}}}!', 'deep!'],
    ['${MISSING:-a$$b}', 'a$b'],
    ['${MISSING:-{}}', '{}'],
    ['${MISSING:-}', ''],
    ['}{', '}{'],
  ] as const;
  for (const [text, expected] of cases)
    assert.deepEqual(interpolate(text, variables), { text: expected, troubles: [], unset: [] }, text);
});

test('a variable that is not set is an empty text, and its name comes back; a default that is not taken asks for none', () => {
  assert.deepEqual(interpolate('a${X}b$Y', variables), {
    text: 'ab',
    troubles: [],
    unset: [
      { name: 'X', at: 1 },
      { name: 'Y', at: 6 },
    ],
  });
  assert.deepEqual(interpolate('${FOO:-$X}${EMPTY:+$Y}', variables).unset, []);
  assert.deepEqual(interpolate('${MISSING:-$X}', variables).unset, [{ name: 'X', at: 11 }]);
});

test('names of the object prototype are not set', () => {
  assert.deepEqual(
    interpolate('$constructor$__proto__', variables).unset.map((it) => it.name),
    ['constructor', '__proto__'],
  );
});

test('a variable that has to be set says why', () => {
  const cases = [
    ['${MISSING?}', 'variable MISSING is not set'],
    ['${MISSING:?say ${FOO}}', 'variable MISSING is not set: say first'],
    ['${EMPTY:?say it}', 'variable EMPTY is empty: say it'],
    ['${MISSING?bar-baz}', 'variable MISSING is not set: bar-baz'],
  ] as const;
  for (const [text, message] of cases)
    assert.deepEqual(
      interpolate(text, variables).troubles.map((it) => it.message),
      [message],
      text,
    );
});

test('what is no variable is refused where it begins', () => {
  const cases = [
    ['a ${', 2],
    ['$}', 0],
    ['${}', 0],
    ['${ FOO}', 0],
    ['${FOO }', 0],
    ['${FOO!}', 0],
    ['${FOO:x}', 0],
    ['$5', 0],
    ['100$', 3],
    ['${FOO:-${BAR}', 0],
    ['${FOO:-$(date)}', 7],
    ['$FOO $ $FOO', 5],
  ] as const;
  for (const [text, at] of cases) {
    const { text: value, troubles } = interpolate(text, variables);
    assert.deepEqual([value, troubles.map((it) => it.at)], ['', [at]], text);
  }
});
