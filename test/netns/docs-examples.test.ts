/** Every example of the documents that can run without Docker, run as it is written, on the machines of one office. */
import { test } from 'node:test';
import { runExamples } from '../docs/run-examples.ts';
import { withLab } from '../lab.ts';

test('every command in the documents does what they say', { timeout: 150_000 }, async (t) => {
  await withLab(t, {}, (lab) => runExamples(t, lab, { needsDocker: false }));
});
