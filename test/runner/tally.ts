/**
 * What a test file's reports come to. Pure: reports and the way its process ended go in, passed, failed and skipped
 * come out.
 *
 * Promises: only leaves are counted, each once; a file that crashed, hung, left early or has no tests has failed,
 * whatever its tests said.
 */

/** One line of the reporter. */
export type Report =
  /** In the order of the report, a parent before its children. */
  | { readonly kind: 'start'; readonly name: string; readonly nesting: number }
  /** At the very moment: what runs when the process hangs. */
  | { readonly kind: 'began' | 'ended'; readonly name: string; readonly place: string }
  | {
      readonly kind: 'pass' | 'fail';
      readonly name: string;
      readonly nesting: number;
      readonly suite: boolean;
      /** Its reason; empty where none was given. */
      readonly skip?: string;
      readonly todo?: string;
      /** node:test's failureType. */
      readonly failure?: string;
      readonly error?: string;
    }
  | { readonly kind: 'note'; readonly text: string }
  | { readonly kind: 'end' };

export interface Failure {
  readonly title: string;
  readonly error: string;
}

export interface Skip {
  readonly title: string;
  readonly reason: string;
}

export interface Outcome {
  readonly passed: number;
  readonly failures: readonly Failure[];
  readonly skips: readonly Skip[];
}

/** How the process of a file ended. */
export type Ending =
  | { readonly kind: 'exit'; readonly status: number }
  | { readonly kind: 'signal'; readonly signal: string }
  | { readonly kind: 'overrun'; readonly seconds: number };

type Verdict = Extract<Report, { readonly kind: 'pass' | 'fail' }>;

/** node:test's own totals arrive as notes; the runner has better ones. */
const isTotal = (note: string): boolean => /^(tests|suites|pass|fail|cancelled|skipped|todo|duration_ms) [\d.]+$/.test(note);

/** Full titles: `parent > child`. */
function* verdictsOf(
  reports: readonly Report[],
): Generator<{ readonly title: string; readonly it: Verdict; readonly isParent: boolean }> {
  const names: string[] = [];
  let nestingBefore = 0;
  for (const it of reports) {
    if (it.kind === 'start') names.splice(it.nesting, Number.POSITIVE_INFINITY, it.name);
    if (it.kind !== 'pass' && it.kind !== 'fail') continue;
    const title = [...names.slice(0, it.nesting), it.name].join(' > ');
    yield { title, it, isParent: nestingBefore > it.nesting };
    nestingBefore = it.nesting;
  }
}

function countVerdicts(reports: readonly Report[]): Outcome {
  let passed = 0;
  const failures: Failure[] = [];
  const skips: Skip[] = [];
  for (const { title, it, isParent } of verdictsOf(reports)) {
    if (it.skip !== undefined) skips.push({ title, reason: it.skip || 'no reason given' });
    else if (it.todo !== undefined) skips.push({ title, reason: it.todo ? `to do: ${it.todo}` : 'to do' });
    else if (it.kind === 'fail' && it.failure !== 'subtestsFailed') failures.push({ title, error: it.error ?? 'no error given' });
    else if (it.kind === 'pass' && !it.suite && !isParent) passed += 1;
  }
  return { passed, failures, skips };
}

function describeRunning(reports: readonly Report[]): string {
  const running = new Map<string, string>();
  for (const it of reports) {
    if (it.kind === 'began') running.set(it.place, it.name);
    if (it.kind === 'ended') running.delete(it.place);
  }
  return running.size === 0 ? 'no test was running' : `running: ${[...running.values()].join(' > ')}`;
}

/** What is wrong with the file as a whole; undefined where its tests have the last word. */
function faultOf(reports: readonly Report[], counted: Outcome, ending: Ending): string | undefined {
  const notes = reports.flatMap((it) => (it.kind === 'note' && !isTotal(it.text) ? [it.text] : []));
  const says = (what: string): string => [what, ...notes].join('\n');
  const complete = reports.some((it) => it.kind === 'end');
  switch (ending.kind) {
    case 'overrun':
      return says(`killed: it had not ended after ${ending.seconds} s (${describeRunning(reports)})`);
    case 'signal':
      return says(`killed by ${ending.signal} (${describeRunning(reports)})`);
    case 'exit':
      if (ending.status !== 0 && (!complete || counted.failures.length === 0)) return says(`exit status ${ending.status}`);
      if (reports.length === 0) return says('no test ran to its end: it has none, or left the process');
      if (!complete) return says(`it left before its tests had ended (${describeRunning(reports)})`);
      return undefined;
  }
}

/** @param text The reporter's lines; the last may be cut off. */
export function readReports(text: string): readonly Report[] {
  // The reporter is ours and writes whole lines: JSON of the type it declares.
  return text
    .split('\n')
    .slice(0, -1)
    .map((line) => JSON.parse(line) as Report);
}

export function judge(reports: readonly Report[], ending: Ending): Outcome {
  const counted = countVerdicts(reports);
  const fault = faultOf(reports, counted, ending);
  return fault === undefined
    ? counted
    : { ...counted, failures: [...counted.failures, { title: 'the file itself', error: fault }] };
}

/** What no set-up can change: a feature that the kernel was built without. */
const cannotBeHad = /^this kernel has no /;

/** Where a skip is not allowed, it is a failure; one for want of the kernel's own feature stays a skip. */
export function forbidSkips(it: Outcome): Outcome {
  const failed = it.skips
    .filter(({ reason }) => !cannotBeHad.test(reason))
    .map(({ title, reason }) => ({ title, error: `skipped, and LANDLINE_REQUIRE forbids that: ${reason}` }));
  return {
    passed: it.passed,
    failures: [...it.failures, ...failed],
    skips: it.skips.filter(({ reason }) => cannotBeHad.test(reason)),
  };
}

/** The one line that a run ends with. */
export function formatTally(all: readonly Outcome[]): string {
  const sum = (count: (it: Outcome) => number): number => all.reduce((total, it) => total + count(it), 0);
  const skipped = sum((it) => it.skips.length);
  return `${sum((it) => it.passed)} passed, ${sum((it) => it.failures.length)} failed${skipped === 0 ? '' : `, ${skipped} skipped`}`;
}
