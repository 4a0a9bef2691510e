/**
 * Runs inside each test file's process: writes what node:test reports as one JSON line per event, for the runner to
 * read. It alone sees the errors themselves, so it turns them into text.
 */
import { AssertionError } from 'node:assert';
import type { EventData } from 'node:test';
import type { TestEvent } from 'node:test/reporters';
import { inspect } from 'node:util';
import type { Report } from './tally.ts';

/** Without the frames of Node itself: none of them is where the mistake is. */
function describeError(error: unknown): string {
  const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
  return formatError(cause)
    .split('\n')
    .filter((line) => !/^\s+at .*\(?node:/.test(line))
    .join('\n');
}

function formatError(error: unknown): string {
  if (typeof error === 'string') return error;
  // Its message shows both values already.
  if (error instanceof AssertionError) return error.stack ?? error.message;
  return inspect(error, { depth: 4 });
}

const reasonOf = (given: string | boolean | undefined): string | undefined =>
  given === undefined || given === false ? undefined : given === true ? '' : given;

function toVerdict(kind: 'pass' | 'fail', it: EventData.TestPass | EventData.TestFail): Report {
  const skip = reasonOf(it.skip);
  const todo = reasonOf(it.todo);
  const error = 'error' in it.details ? it.details.error : undefined;
  return {
    kind,
    name: it.name,
    nesting: it.nesting,
    suite: it.details.type === 'suite',
    ...(skip === undefined ? {} : { skip }),
    ...(todo === undefined ? {} : { todo }),
    ...(error === undefined ? {} : { failure: failureTypeOf(error), error: describeError(error) }),
  };
}

const failureTypeOf = (error: Error): string => ('failureType' in error ? String(error.failureType) : 'unknown');

const placeOf = (it: EventData.TestDequeue | EventData.TestComplete): string => `${it.file}:${it.line}:${it.column} ${it.name}`;

function toReport(event: TestEvent): Report | undefined {
  switch (event.type) {
    case 'test:start':
      return { kind: 'start', name: event.data.name, nesting: event.data.nesting };
    case 'test:dequeue':
      return { kind: 'began', name: event.data.name, place: placeOf(event.data) };
    case 'test:complete':
      return { kind: 'ended', name: event.data.name, place: placeOf(event.data) };
    case 'test:pass':
      return toVerdict('pass', event.data);
    case 'test:fail':
      return toVerdict('fail', event.data);
    case 'test:diagnostic':
      return { kind: 'note', text: event.data.message };
    case 'test:summary':
      return { kind: 'end' };
    default:
      return undefined;
  }
}

// biome-ignore lint/style/noDefaultExport: node:test takes a reporter as the default export of a module, and in no other way.
export default async function* report(events: AsyncIterable<TestEvent>): AsyncGenerator<string> {
  for await (const event of events) {
    const it = toReport(event);
    if (it !== undefined) yield `${JSON.stringify(it)}\n`;
  }
}
