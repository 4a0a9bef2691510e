import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { parseDotenv } from './dotenv.ts';

interface Malformed {
  readonly title: string;
  /** A first line break is left out. */
  readonly text: string;
  /** `FILE:LINE:COLUMN: what is wrong → what to write instead`. */
  readonly says: readonly string[];
}

const problemsOf = (text: string): readonly string[] => {
  try {
    parseDotenv(text, '.env');
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    const { file, problems } = error.details;
    return problems.map((it) => `${file}:${it.line}:${it.column}: ${it.message} → ${it.next}`);
  }
  return [];
};

test('names, values, quotes and comments', () => {
  const text = String.raw`# comment
PLAIN=one
SPACED = two words  # a comment
YAML: three
export EXPORTED=four
EMPTY=
HASH=a#b
URL=http://shop/?a=1&b=2
SINGLE='$PLAIN and \n stay' # a comment
ESCAPED='it\'s'
DOUBLE="one\ttwo\n\"three\" \$PLAIN C:\\dir \d"
LINES="first
second"
  INDENTED=5
`;
  assert.deepEqual(parseDotenv(text, '.env'), {
    PLAIN: 'one',
    SPACED: 'two words',
    YAML: 'three',
    EXPORTED: 'four',
    EMPTY: '',
    HASH: 'a#b',
    URL: 'http://shop/?a=1&b=2',
    SINGLE: String.raw`$PLAIN and \n stay`,
    ESCAPED: "it's",
    DOUBLE: String.raw`one	two
"three" $PLAIN C:\dir \d`,
    LINES: 'first\nsecond',
    INDENTED: '5',
  });
});

test('values refer to lines before them and to the shell; a bare name hands on what the shell has', () => {
  const text = 'A=1\nB=$A${SHELL_VALUE}\nC="${MISSING:-none} $$5"\nSHELL_VALUE\nNOT_THERE\n';
  assert.deepEqual(parseDotenv(text, '.env', { SHELL_VALUE: 'x' }), { A: '1', B: '1x', C: 'none $5', SHELL_VALUE: 'x' });
});

test('Windows line ends, a byte order mark and a last line without end are taken', () => {
  assert.deepEqual(parseDotenv('\uFEFFA=1\r\n\r\nB="2"\r\nC=3', '.env'), { A: '1', B: '2', C: '3' });
  assert.deepEqual(parseDotenv('', '.env'), {});
});

const malformed: readonly Malformed[] = [
  {
    title: 'a line without value',
    text: `
A=1
!B=2
`,
    says: [".env:2:1: this line gives no variable a value → write NAME=value, the name of letters, digits and '_'"],
  },
  {
    title: 'a space in a name',
    text: 'MY NAME=1\n',
    says: [".env:1:1: this line gives no variable a value → write NAME=value, the name of letters, digits and '_'"],
  },
  {
    title: 'a quote without end',
    text: `
A="1
B=2
`,
    says: ['.env:1:3: a text that begins with " has no end → close it with "'],
  },
  {
    title: 'something after the quote',
    text: "A='1' 2\n",
    says: ['.env:1:6: something follows the closing quote → put the whole value in quotes'],
  },
  {
    title: 'a dollar that is none',
    text: 'A=50$\n',
    says: [
      ".env:1:3: '$' begins no variable here → write '$$' for a dollar sign, or '${NAME}', or put the value in single quotes",
    ],
  },
];

for (const { title, text, says } of malformed) {
  test(`refused: ${title}`, () => {
    assert.deepEqual(problemsOf(text.replace(/^\n/, '')), says);
  });
}
