import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { parseConfiguration } from './configuration.ts';
import { readYaml } from './read-yaml.ts';
import { type Path, valueOf } from './tree.ts';

interface Malformed {
  readonly title: string;
  /** A first line break is left out. */
  readonly text: string;
  /** `FILE:LINE:COLUMN: what is wrong → what to write instead`. */
  readonly says: readonly string[];
}

const problemsOf = (text: string): readonly string[] => {
  try {
    parseConfiguration(text, 'landline.yaml');
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    const { file, problems } = error.details;
    return problems.map((it) => `${file}:${it.line}:${it.column}: ${it.message} → ${it.next}`);
  }
  return [];
};

const malformed: readonly Malformed[] = [
  {
    title: 'a tab as indentation',
    text: 'networks:\n	office: {}\n',
    says: ['landline.yaml:2:1: there is a tab where YAML indents with spaces → replace it by spaces'],
  },
  {
    title: 'a bracket without end',
    text: `
networks:
  office: { bridge: br0, subnet: 192.168.10.0/23
`,
    says: ['landline.yaml:2:11: the { here has no end → close it with }'],
  },
  {
    title: 'a quote without end',
    text: `
networks:
  office:
    bridge: "br0
`,
    says: ['landline.yaml:3:13: the text that begins with " here has no end → close it with "'],
  },
  {
    title: 'a single quote without end',
    text: "id: 'office\n",
    says: ["landline.yaml:1:5: the text that begins with ' here has no end → close it with '"],
  },
  {
    title: 'two keys in one line',
    text: 'networks: office: { bridge: br0 }\n',
    says: [
      "landline.yaml:1:11: there is a second ': ' in this line → put the value in quotes, or give the second key a line of its own",
    ],
  },
  {
    title: 'a line without colon',
    text: `
networks:
  office:
    bridge: br0
    subnet
`,
    says: ["landline.yaml:4:5: this line has no ':' after its key → write 'key: value'"],
  },
  {
    title: 'keys that are not in one column',
    text: `
networks:
  office:
    bridge: br0
   subnet: 192.168.10.0/23
`,
    says: [
      'landline.yaml:4:1: this line is not indented as its neighbours are → indent the keys of one mapping, and the items of one list, by the same number of spaces',
    ],
  },
  {
    title: 'a value that begins with @',
    text: 'id: @home\n',
    says: ["landline.yaml:1:5: a value cannot begin with this character → put the value in quotes: '…'"],
  },
  {
    title: 'an escape that is none',
    text: 'id: "a\\qb"\n',
    says: [
      "landline.yaml:1:7: this is no escape of a text in double quotes → write '\\\\' for a backslash, or put the text in single quotes",
    ],
  },
  {
    title: 'a closing bracket too many',
    text: 'networks: { office: { bridge: br0, subnet: 192.168.10.0/23 } } }\n',
    says: ['landline.yaml:1:64: there is a closing bracket too many → remove it, or put the value in quotes'],
  },
  {
    title: 'a list where a mapping has begun',
    text: `
networks:
  office: {}
- x
`,
    says: ["landline.yaml:3:1: a list item stands where a key should → remove the '-', or put the list under a key of its own"],
  },
  {
    title: 'a second document',
    text: `
networks: {}
---
networks: {}
`,
    says: [
      "landline.yaml:2:1: a second document begins here → write one document: remove the '---' or '...' line and what follows it",
    ],
  },
  {
    title: 'a tag',
    text: 'networks: !reset {}\n',
    says: [
      "landline.yaml:1:11: tags are not part of this version → remove the word that begins with '!', or put the value in quotes",
    ],
  },
  {
    title: 'a directive that nobody knows',
    text: `
%FOO bar
---
networks: {}
`,
    says: ["landline.yaml:1:1: this directive is unknown → remove the line that begins with '%'"],
  },
  {
    title: 'a key twice',
    text: `
networks: {}
id: one
id: two
`,
    says: ["landline.yaml:3:1: 'id' stands here already, in line 2 → remove one of them"],
  },
  {
    title: 'a key twice, once as text and once as a number',
    text: `
networks:
  5: { bridge: br0, subnet: 10.1.0.0/16 }
  "5": { bridge: br1, subnet: 10.2.0.0/16 }
`,
    says: ["landline.yaml:3:3: '5' stands here already, in line 2 → remove one of them"],
  },
  {
    title: 'a key that is a list',
    text: `
? [a, b]
: 1
`,
    says: ["landline.yaml:1:3: a key is one word, not a list or a mapping → write 'key: value', the key in quotes if need be"],
  },
  {
    title: 'a value without a key',
    text: `
networks: {}
: 1
`,
    says: ["landline.yaml:2:1: there is a value without a key → write 'key: value'"],
  },
  {
    title: 'an alias to nothing',
    text: 'networks: *office\n',
    says: [
      "landline.yaml:1:11: '*office' refers to nothing before it → write '&office' at the value that is meant, further up, or put the text in quotes",
    ],
  },
  {
    title: 'an alias inside of its own anchor',
    text: 'networks: &all { office: *all }\n',
    says: ["landline.yaml:1:26: '*all' stands inside of '&all', which would never end → remove '*all'"],
  },
  {
    title: 'a merge key with a text',
    text: `
networks:
  office: { <<: br0 }
`,
    says: ["landline.yaml:2:13: '<<' merges mappings, and this is none → write '<<: *name', where '&name' stands at a mapping"],
  },
  {
    title: 'a merge key twice',
    text: `
x-a: &a { bridge: br0 }
x-b: &b { subnet: 10.0.0.0/8 }
networks:
  office:
    <<: *a
    <<: *b
`,
    says: ["landline.yaml:6:5: '<<' stands here already, in line 5 → write '<<: [*one, *two]'"],
  },
  {
    title: 'two anchors on one value',
    text: 'id: &a &b office\n',
    says: ["landline.yaml:1:8: this value has two anchors → remove one of the words that begin with '&'"],
  },
  {
    title: 'a control character',
    text: 'id: off\u0007ice\n',
    says: ['landline.yaml:1:8: there is a control character here, U+0007 → remove it'],
  },
  {
    title: 'a character that was not UTF-8',
    text: 'networks: {}\n# caf\uFFFD\n',
    says: ['landline.yaml:2:6: there is a byte here that is not UTF-8 → save the file as UTF-8'],
  },
  {
    title: 'a list at the top',
    text: '- networks\n',
    says: [
      'landline.yaml:1:1: the file is a list and should be a mapping → write { networks: { office: { bridge: br0, subnet: 192.168.10.0/23 } } }',
    ],
  },
  {
    title: 'a word at the top',
    text: 'networks\n',
    says: [
      'landline.yaml:1:1: the file is text and should be a mapping → write { networks: { office: { bridge: br0, subnet: 192.168.10.0/23 } } }',
    ],
  },
  {
    title: 'two brackets without end, in the next line a key',
    text: `
a: [1, [2
b: 1
`,
    says: ['landline.yaml:1:8: the [ here has no end → close it with ]'],
  },
  {
    title: 'a word after a text in quotes',
    text: 'id: "a" b\n',
    says: ['landline.yaml:1:9: something follows where a value has ended → put the whole value in quotes, or begin a new line'],
  },
  {
    title: 'a tab between key and value is none of these',
    text: 'id:	a/b\n',
    says: ["landline.yaml:1:5: 'a/b' cannot be an installation's id → write letters, digits, '-', '_' and '.', at most 63"],
  },
  {
    title: 'a byte order mark and Windows line ends do not count',
    text: '\uFEFFnetworks: {}\r\nid: a/b\r\n',
    says: ["landline.yaml:2:5: 'a/b' cannot be an installation's id → write letters, digits, '-', '_' and '.', at most 63"],
  },
  {
    title: 'a column is a character, not a byte',
    text: 'id: { "ä😀": 1, <<: 2 }\n',
    says: ["landline.yaml:1:16: '<<' merges mappings, and this is none → write '<<: *name', where '&name' stands at a mapping"],
  },
];

for (const { title, text, says } of malformed) {
  test(`refused: ${title}`, () => {
    assert.deepEqual(problemsOf(text.replace(/^\n/, '')), says);
  });
}

/** The plain value, as JSON does not tell a mapping without prototype from another. */
const plain = (text: string): unknown => {
  const { root } = readYaml(text, 'shop.yaml');
  return root === undefined ? undefined : JSON.parse(JSON.stringify(valueOf(root)));
};

test('a file of comments alone holds nothing', () => {
  for (const text of ['', '\n', '# nothing yet\n', '---\n', '---\n# nothing\n...\n'])
    assert.equal(plain(text) ?? undefined, undefined, JSON.stringify(text));
});

test('merge keys: a key of its own goes first, then the first of the merged', () => {
  const text = `
x-one: &one { a: 1, b: 1, c: 1 }
x-two: &two { b: 2, c: 2, d: 2 }
both: { <<: [*one, *two], c: 3 }
nested: { <<: { a: { <<: *one } } }
before: { c: 3, <<: *one }
`;
  assert.deepEqual(plain(text), {
    'x-one': { a: 1, b: 1, c: 1 },
    'x-two': { b: 2, c: 2, d: 2 },
    both: { c: 3, a: 1, b: 1, d: 2 },
    nested: { a: { a: 1, b: 1, c: 1 } },
    before: { c: 3, a: 1, b: 1 },
  });
});

test('an anchor that is set again means the last one before the alias', () => {
  assert.deepEqual(plain('a: &x 1\nb: *x\nc: &x 2\nd: *x\n'), { a: 1, b: 1, c: 2, d: 2 });
});

test('words are the core schema of YAML 1.2: no, on and 22:22 are texts, whatever a directive says', () => {
  assert.deepEqual(plain('%YAML 1.1\n---\na: no\nb: on\nc: 22:22\nd: true\ne: 0x1F\nf: ~\ng: 2026-01-01\n'), {
    a: 'no',
    b: 'on',
    c: '22:22',
    d: true,
    e: 31,
    f: null,
    g: '2026-01-01',
  });
});

test('numbers are keys as they are written', () => {
  assert.deepEqual(plain('{ 8080: a, 0x10: b, true: c, ~: d }'), { 8080: 'a', '0x10': 'b', true: 'c', '~': 'd' });
});

test('a key named __proto__ is a key like any other', () => {
  const { root } = readYaml('__proto__: { polluted: true }\n', 'shop.yaml');
  assert.ok(root?.kind === 'map');
  assert.deepEqual([...root.entries.keys()], ['__proto__']);
  assert.deepEqual(Object.keys(Object(valueOf(root))), ['__proto__']);
  assert.equal(Object.hasOwn(Object.prototype, 'polluted'), false);
});

test('JSON is YAML, tabs and escapes and all', () => {
  const value = { name: 'shop', list: [1, 2.5, true, null, 'a\tb\n"c"\u0001\u2028/'], 'a key': {} };
  assert.deepEqual(plain(JSON.stringify(value, null, '\t')), value);
});

test('places are those of keys and of values; what is not there is where its parent is', () => {
  const text = `networks:
  office:
    bridge: br0
    pool: [ 10.0.0.1, 10.0.0.2 ]
    domain:
`;
  const { report, place } = readYaml(text, 'landline.yaml');
  const at = (path: Path, of?: 'key' | 'value'): string => {
    const before = report.source.text.slice(0, place(path, of)).split('\n');
    return `${before.length}:${(before.at(-1) ?? '').length + 1}`;
  };
  assert.equal(at(['networks', 'office', 'bridge']), '3:13');
  assert.equal(at(['networks', 'office', 'bridge'], 'key'), '3:5');
  assert.equal(at(['networks', 'office', 'pool', 1]), '4:23');
  assert.equal(at(['networks', 'office', 'domain']), '5:5', 'an empty value is where its key is');
  assert.equal(at(['networks', 'office', 'subnet']), '2:3', 'a missing key is where its parent is');
  assert.equal(at(['networks', 'office', 'subnet', 'x']), '2:3');
  assert.equal(at([]), '1:1');
});

test('aliases that multiply one another are refused, and quickly', () => {
  const levels = 'bcdefghijklmnop'
    .split('')
    .map((name, index) => `${name}: &${name} [${`*${'abcdefghijklmnop'[index]}, `.repeat(9)}]`);
  const begin = performance.now();
  const [problem] = problemsOf(`a: &a [x, x, x, x, x, x, x, x, x]\n${levels.join('\n')}\n`);
  assert.match(
    problem ?? '',
    /^landline\.yaml:5:\d+: the file comes to more than 20000 values, those counted that aliases repeat → /,
  );
  assert.ok(performance.now() - begin < 1000);
});

test('values are nested 64 levels at most, aliases counted too', () => {
  const nest = (levels: number, inner: string): string => '['.repeat(levels) + inner + ']'.repeat(levels);
  const tooDeep = /the values are nested too deeply → check that it is the right file$/;
  assert.deepEqual(problemsOf(`x-a: ${nest(60, '1')}\n`), []);
  assert.match(problemsOf(`x-a: ${nest(70, '1')}\n`)[0] ?? '', tooDeep);
  assert.match(problemsOf(`x-a: ${nest(5000, '1')}\n`)[0] ?? '', tooDeep);
  assert.match(problemsOf('['.repeat(200_000))[0] ?? '', tooDeep);
  assert.match(problemsOf(`x-a: &a ${nest(40, '1')}\nx-b: ${nest(40, '*a')}\n`)[0] ?? '', tooDeep);
});

test('bytes are read as UTF-8, and where they are not it is said', () => {
  const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
  assert.equal(parseConfiguration(bytes('\uFEFFid: office\n'), 'landline.yaml').id, 'office');
  const latin1 = Uint8Array.from([...bytes('id: office\n# caf'), 0xe9, 0x0a]);
  const utf16 = Uint8Array.from([0xff, 0xfe, 0x69, 0x00]);
  assert.throws(() => parseConfiguration(latin1, 'landline.yaml'), {
    code: 'FILE_INVALID',
    message: 'landline.yaml:2:6: there is a byte here that is not UTF-8',
    next: 'save the file as UTF-8',
  });
  assert.throws(() => parseConfiguration(utf16, 'landline.yaml'), {
    message: 'landline.yaml:1:1: the file is UTF-16 (little-endian), not UTF-8',
  });
});

test('a file of more than 262144 characters is the wrong file', () => {
  assert.deepEqual(problemsOf(`# ${'x'.repeat(262_144 - 2)}`), []);
  assert.deepEqual(problemsOf(`# ${'x'.repeat(262_144 - 1)}`), [
    'landline.yaml:1:1: the file has more than 262144 characters → check that it is the right file',
  ]);
});

test('of very many mistakes the first hundred found are told', () => {
  const keys = Array.from({ length: 300 }, (_, index) => `key${index}: 1`).join('\n');
  assert.equal(problemsOf(keys).length, 100);
});
