/**
 * Every error of the catalogue is provoked, and its whole text is compared with errors.golden. A code that has no
 * section there is named. `LANDLINE_GOLDEN=write` writes what is printed now; read it before you commit it.
 */
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { errorText } from '../../src/cli/render/error.ts';
import { type Code, catalogue, type Details, LandlineError } from '../../src/errors.ts';
import { steady } from '../docs/examples.ts';
import { withoutTestRunner } from '../lab.ts';
import { type Office, withOffice } from '../office.ts';

const golden = path.join(import.meta.dirname, 'errors.golden');
const command = path.join(import.meta.dirname, '../../bin/landline');

interface Step {
  readonly script: string;
  /** Runs on the lab's host, or beside the lab; or nothing runs, and the catalogue is asked for the text. */
  readonly sign: '$' | '%' | '=';
  readonly prints: string;
}

interface Section {
  readonly code: string;
  readonly steps: readonly Step[];
}

function sectionsOf(text: string): readonly Section[] {
  return text
    .split(/^# /m)
    .slice(1)
    .map((section) => {
      const [code = '', ...lines] = section.trimEnd().split('\n');
      const steps: Step[] = [];
      for (const line of lines.filter((it) => it !== '')) {
        const last = steps.at(-1);
        if (/^[$%=] /.test(line)) steps.push({ script: line.slice(2), sign: line.charAt(0) as Step['sign'], prints: '' });
        else if (last !== undefined) steps.splice(-1, 1, { ...last, prints: `${last.prints}${line}\n` });
      }
      return { code, steps };
    });
}

const textOf = ({ code, steps }: Section): string =>
  `# ${code}\n${steps.map((it) => `${it.sign} ${it.script}\n${it.prints}`).join('')}`;

/** Networks that lack something, one that is small, one whose links Docker makes, and one with a long domain. */
const networks = `  gone: { bridge: br9, subnet: 10.9.0.0/24, pool: [10.9.0.10-10.9.0.20] }
  small: { bridge: br1, subnet: 10.8.0.0/24, pool: [10.8.0.10-10.8.0.10] }
  poolless: { bridge: br2, subnet: 10.7.0.0/24 }
  shown: { bridge: br3, backend: docker-network, subnet: 10.6.0.0/24, gateway: 10.6.0.1 }
  wordy: { bridge: br4, subnet: 10.5.0.0/24, pool: [10.5.0.10], domain: ${Array(4).fill('x'.repeat(60)).join('.')} }
`;

async function run(office: Office, code: string, { script, sign }: Step): Promise<string> {
  // Both casts: the test before has compared the codes, and the details are written for this one.
  if (sign === '=') return errorText(new LandlineError(code as Code, JSON.parse(script) as Details<Code>).toJSON(), false);
  const words = ['sh', '-c', `cd ${office.folder}\nexec 2>&1\n${script}`];
  if (sign === '$') return (await office.exec('host', words)).stdout;
  const env = { ...withoutTestRunner(), LAB: office.name, PATH: `${path.dirname(command)}:${process.env['PATH']}` };
  return new Promise((resolve) => execFile('sh', words.slice(1), { env }, (_status, stdout) => resolve(stdout)));
}

/** Without what differs from run to run. */
const withoutChance = (text: string, office: Office): string =>
  steady(
    text
      .replaceAll(office.folder, '/work')
      .replaceAll(office.name, 'office')
      .replaceAll(/\(pid \d+\)/g, '(pid <pid>)')
      .replaceAll(/^ +at .*\n/gm, '')
      // Whoever runs tests at the same time has labs too.
      .replaceAll(/there are .*; name one with --name/g, 'there are <labs>; name one with --name')
      .replaceAll(/\n\n+/g, '\n'),
  );

test('every error of the catalogue says what is and what to do', { timeout: 175_000 }, async (t) => {
  const text = fs.readFileSync(golden, 'utf8');
  const sections = sectionsOf(text);
  await t.test('none is missing in errors.golden, and none is there that does not exist', () => {
    assert.deepEqual(sections.map((it) => it.code).sort(), Object.keys(catalogue).sort());
  });
  await withOffice(t, {}, async (office) => {
    await office.read('host', ['sh', '-c', 'for it in br1 br2; do ip link add $it type bridge; ip link set $it up; done']);
    await office.configure((await office.read('host', ['cat', '/etc/landline/landline.yaml'])) + networks);
    const seen: Section[] = [];
    for (const { code, steps } of sections) {
      // Its time is over, and the lab is gone.
      if (t.signal.aborted) break;
      await t.test(code, async () => {
        const now: Step[] = [];
        for (const step of steps) {
          const prints = withoutChance(await run(office, code, step), office);
          now.push({ ...step, prints: prints === '' ? '' : `${prints}\n` });
        }
        seen.push({ code, steps: now });
        assert.ok(
          now.some((it) => it.prints.includes(code)),
          `nothing says ${code}: ${textOf({ code, steps: now })}`,
        );
        if (process.env['LANDLINE_GOLDEN'] !== 'write') assert.equal(textOf({ code, steps: now }), textOf({ code, steps }));
      });
    }
    if (process.env['LANDLINE_GOLDEN'] === 'write')
      fs.writeFileSync(golden, [text.split(/^# /m)[0], seen.map(textOf).join('\n')].join(''));
  });
});
