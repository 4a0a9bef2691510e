import assert from 'node:assert/strict';
import { test } from 'node:test';
import { splitWords } from './shell-words.ts';

test('words, quotes and backslashes as Compose reads them', () => {
  const cases: readonly (readonly [string, readonly string[]])[] = [
    ['python3 -m http.server 80', ['python3', '-m', 'http.server', '80']],
    ['  a\t b\n', ['a', 'b']],
    ['', []],
    [`sh -c "exec ./web --port 80"`, ['sh', '-c', 'exec ./web --port 80']],
    [`sh -c 'echo "$HOME"; exit'`, ['sh', '-c', 'echo "$HOME"; exit']],
    [`a"b c"d'e f'`, ['ab cde f']],
    [`"" ''`, ['', '']],
    [String.raw`a\ b "c\"d" 'e\f'`, ['a b', 'c"d', String.raw`e\f`]],
    [String.raw`printf "a\tb\n"`, ['printf', 'a\tb\n']],
    ['serve \\\n  --port 80', ['serve', '--port', '80']],
    ['echo a=b;c'.replace(';', ':'), ['echo', 'a=b:c']],
    ['curl "http://shop/?a=1&b=2"', ['curl', 'http://shop/?a=1&b=2']],
  ];
  for (const [text, words] of cases) assert.deepEqual(splitWords(text), words, text);
});

test('what only a shell can do is refused, with the command as a shell would take it', () => {
  for (const operator of ['a && b', 'a | b', 'a > b', 'a < b', 'a; b', 'a & b', 'a `b`', 'a $(b)', '(a)']) {
    const result = splitWords(operator);
    assert.ok('mistake' in result, operator);
    assert.match(result.mistake, /^no shell reads this command, so '[;&|<>()`]' means nothing in it$/);
    assert.equal(result.next, `put it in quotes, or run a shell: ['sh', '-c', '${operator}']`);
  }
  assert.deepEqual(splitWords("echo 'it' | cat"), {
    mistake: "no shell reads this command, so '|' means nothing in it",
    next: "put it in quotes, or run a shell: ['sh', '-c', 'echo ''it'' | cat']",
  });
});

test('a quote or a backslash without its other half is refused', () => {
  assert.deepEqual(splitWords('a "b'), {
    mistake: 'a text in the command begins with " and has no end',
    next: 'close it with "',
  });
  assert.deepEqual(splitWords('a \\'), { mistake: 'the command ends with a backslash', next: 'remove it, or write two' });
});
