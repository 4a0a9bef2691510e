/**
 * The test runner: the check if asked for, then the phases in order, and as the last line of its output how many
 * passed, failed and were skipped. Exit status 1 if any failed or none ran.
 */
import { spawnSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { matchesGlob, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { findFiles, type Phase, phases } from './phases.ts';
import { endAll, type FileResult, runFile, runProgram } from './run-file.ts';
import { forbidSkips, formatTally, type Outcome } from './tally.ts';

const usage = `Usage: test/run [options]

  --check          also run scripts/check; it counts as one test
  --only PATTERN   only files whose path contains PATTERN, or matches it as a glob; may be given again
  --soak           the long tests too (test/soak), longer limits, and LANDLINE_SOAK=1 for all
  --limit SECONDS  time limit of each file, instead of its phase's
  --root FOLDER    another checkout

LANDLINE_REQUIRE=netns,cli makes a skip in these phases a failure.
`;

const home = resolve(import.meta.dirname, '../..');

const { values: options } = parseArgs({
  options: {
    check: { type: 'boolean', default: false },
    help: { type: 'boolean', short: 'h', default: false },
    limit: { type: 'string' },
    only: { type: 'string', multiple: true },
    root: { type: 'string', default: home },
    soak: { type: 'boolean', default: false },
  },
});

const root = resolve(options.root);
const required = new Set((process.env.LANDLINE_REQUIRE ?? '').split(',').map((name) => name.trim()));

const environment: NodeJS.ProcessEnv = {
  NODE_COMPILE_CACHE: resolve(home, '.cache/node'),
  ...process.env,
  ...(options.soak ? { LANDLINE_SOAK: '1' } : {}),
};
// Set where the runner itself runs below `node --test`: the files would report to that one, and not to us.
delete environment.NODE_TEST_CONTEXT;

const say = (line: string): void => {
  process.stdout.write(`${line}\n`);
};

const indent = (text: string, by: number): string =>
  text
    .trimEnd()
    .split('\n')
    .map((line) => (line === '' ? line : ' '.repeat(by) + line))
    .join('\n');

const isExecutable = (file: string): boolean => {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
};

/** What an earlier run, or a file that was killed, has left behind on this machine. */
function cleanWorld(): void {
  const hook = resolve(root, 'test/clean');
  if (!isExecutable(hook)) return;
  const ended = spawnSync(hook, { cwd: root, encoding: 'utf8', env: environment });
  if (ended.status !== 0)
    say(`test/clean: ${ended.error?.message ?? `exit status ${ended.status}`}\n${indent(ended.stderr ?? '', 2)}`);
}

function sayResult(file: string, it: FileResult): void {
  const { outcome } = it;
  say(`  ${outcome.failures.length === 0 ? 'ok  ' : 'FAIL'}  ${file}  ${formatTally([outcome])}  ${it.seconds.toFixed(1)} s`);
  for (const { title, reason } of outcome.skips) say(`        skipped: ${title}: ${reason}`);
  for (const { title, error } of outcome.failures) say(`\n      ✖ ${title}\n${indent(error, 8)}\n`);
  if (outcome.failures.length > 0 && it.output.trim() !== '') say(`      its output:\n${indent(it.output, 8)}\n`);
}

/** Hands each item to `work`, `atOnce` at a time. */
async function forEach<T>(items: readonly T[], atOnce: number, work: (item: T) => Promise<void>): Promise<void> {
  const rest = [...items];
  const worker = async (): Promise<void> => {
    for (let item = rest.shift(); item !== undefined; item = rest.shift()) await work(item);
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

const limitOf = (phase: Phase): number => {
  if (options.limit !== undefined) return Number(options.limit);
  return options.soak ? phase.soakLimit : phase.limit;
};

interface Finished {
  readonly file: string;
  readonly outcome: Outcome;
}

async function runPhase(phase: Phase, files: readonly string[]): Promise<readonly Finished[]> {
  const permit = (it: Outcome): Outcome => (required.has(phase.name) ? forbidSkips(it) : it);
  const lack = phase.lacks?.();
  const finished: Finished[] = [];
  const finish = (file: string, result: FileResult): void => {
    const outcome = permit(result.outcome);
    sayResult(file, { ...result, outcome });
    finished.push({ file, outcome });
  };
  await forEach(files, phase.atOnce, async (file) => {
    if (lack !== undefined) {
      const skipped = { passed: 0, failures: [], skips: [{ title: 'the whole file', reason: lack }] };
      finish(file, { outcome: skipped, ending: { kind: 'exit', status: 0 }, output: '', seconds: 0 });
      return;
    }
    const result = await runFile(root, file, limitOf(phase), environment);
    if (result.ending.kind !== 'exit' && phase.atOnce === 1) cleanWorld();
    finish(file, result);
  });
  return finished;
}

async function runCheck(): Promise<Finished> {
  say('check');
  const ending = await runProgram({
    command: resolve(root, 'scripts/check'),
    args: [],
    cwd: root,
    environment,
    limit: 600,
    output: 1,
  });
  const good = ending.kind === 'exit' && ending.status === 0;
  const failures = good ? [] : [{ title: 'check', error: 'its findings stand above' }];
  return { file: 'scripts/check', outcome: { passed: good ? 1 : 0, failures, skips: [] } };
}

const isWanted = (file: string): boolean =>
  options.only === undefined || options.only.some((it) => file.includes(it) || matchesGlob(file, it));

async function runAll(): Promise<readonly Finished[]> {
  const finished: Finished[] = options.check ? [await runCheck()] : [];
  const files = findFiles(root);
  cleanWorld();
  for (const phase of phases) {
    const wanted = phase.soakOnly && !options.soak ? [] : files.of(phase).filter(isWanted);
    if (wanted.length === 0) continue;
    say(phase.name);
    finished.push(...(await runPhase(phase, wanted)));
  }
  cleanWorld();
  const lost = files.lost.map((file) => ({
    title: 'no phase',
    error: `${file} belongs to no phase of test/runner/phases.ts, and never runs`,
  }));
  for (const { error } of lost) say(`  FAIL  ${error}`);
  return lost.length === 0
    ? finished
    : [...finished, { file: 'test/runner/phases.ts', outcome: { passed: 0, failures: lost, skips: [] } }];
}

/** Each failure's title once more, next to the tally: the whole text may be a thousand lines up. */
function saySummary(finished: readonly Finished[]): void {
  const failed = finished.flatMap(({ file, outcome }) => outcome.failures.map(({ title }) => `  ✖ ${file}: ${title}`));
  if (failed.length > 0) say(`\nfailed:\n${failed.join('\n')}`);
}

async function main(): Promise<number> {
  if (options.help) {
    process.stdout.write(usage);
    return 0;
  }
  const finished = await runAll();
  saySummary(finished);
  const outcomes = finished.map((it) => it.outcome);
  if (outcomes.length === 0) say('no test file matches');
  say('');
  say(formatTally(outcomes));
  const ran = outcomes.some((it) => it.passed + it.failures.length > 0);
  return ran && outcomes.every((it) => it.failures.length === 0) ? 0 : 1;
}

for (const [signal, status] of [
  ['SIGINT', 130],
  ['SIGTERM', 143],
] as const) {
  process.once(signal, () => {
    endAll();
    cleanWorld();
    process.exit(status);
  });
}

process.exitCode = await main();
