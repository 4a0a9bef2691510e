/** `healthcheck` of a service. */
import { z } from 'zod';
import type { Healthcheck } from '../core/model.ts';
import { parseDuration } from './duration.ts';
import type { Mistake } from './not-yet.ts';
import type { Report } from './report.ts';
import { meaning, text } from './shape.ts';
import { nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** What Docker takes where nothing is written. */
const defaults = { intervalMs: 30_000, timeoutMs: 30_000, retries: 3, startPeriodMs: 0, startIntervalMs: 5_000 };

/** Undefined: there is to be no check. */
type Test = { readonly command: readonly string[] | undefined };

const shell = (written: string): Test => ({ command: ['/bin/sh', '-c', written] });

function parseTest(words: readonly string[]): Test | Mistake {
  const [kind = '', ...rest] = words;
  if (words.some((word) => word.includes('\0')))
    return { mistake: 'no command can hold the character U+0000', next: 'remove it' };
  if (kind === 'NONE') return { command: undefined };
  if (kind !== 'CMD' && kind !== 'CMD-SHELL') {
    const next = `write [CMD, ${words.join(', ')}], or one text for the shell`;
    return { mistake: `the first word of a test is CMD, CMD-SHELL or NONE, not '${kind}'`, next };
  }
  const [first = ''] = rest;
  if (first === '') return { mistake: `there is nothing to run after ${kind}`, next: 'write the command behind it' };
  if (kind === 'CMD') return { command: rest };
  return rest.length === 1 ? shell(first) : { mistake: 'CMD-SHELL takes one text', next: 'put the whole command in one text' };
}

const duration = (description: string, example: string) => text(description, example, parseDuration).optional();

export const healthcheckSchema = z
  .strictObject({
    test: z
      .union([
        text('run by /bin/sh', 'curl -f http://localhost/', (written) => parseTest(['CMD-SHELL', written])),
        meaning(z.array(z.string()), parseTest),
      ])
      .meta({ examples: [['CMD', 'curl', '-f', 'http://localhost/']] })
      .optional(),
    interval: duration('from one check to the next', '10s'),
    timeout: duration('the longest that a check may take', '5s'),
    retries: z
      .int()
      .min(0)
      .meta({ description: 'failures in a row until it is unhealthy', examples: [3] })
      .optional(),
    start_period: duration('time after the start in which failures do not count', '30s'),
    start_interval: duration('from one check to the next in the start period', '1s'),
    disable: z.boolean().meta({ description: 'true: there is no check' }).optional(),
  })
  .meta({ title: 'healthcheck', examples: [{ test: ['CMD', 'curl', '-f', 'http://localhost/'] }] });

/** What the fields mean; undefined where there is to be no check. As in Docker, 0 stands for the default. */
export function readHealthcheck(
  root: TreeNode,
  path: Path,
  fields: z.output<typeof healthcheckSchema> | undefined,
  report: Report,
): Healthcheck | undefined {
  if (fields === undefined || fields.disable === true) return undefined;
  const withImage = nodeAt(root, [...path.slice(0, -1), 'image']) !== undefined;
  if (fields.test === undefined && withImage) return changeOfImages(fields);
  if (fields.test === undefined) {
    report.problem(
      offsetAt(root, path, 'key'),
      "'healthcheck' has no 'test'",
      "add 'test: [CMD, curl, -f, http://localhost/]', or 'disable: true'",
    );
    return undefined;
  }
  if (fields.test.command === undefined) return undefined;
  return {
    test: fields.test.command,
    intervalMs: fields.interval || defaults.intervalMs,
    timeoutMs: fields.timeout || defaults.timeoutMs,
    retries: fields.retries || defaults.retries,
    startPeriodMs: fields.start_period || defaults.startPeriodMs,
    startIntervalMs: fields.start_interval || defaults.startIntervalMs,
  };
}

/** The image's own check, run otherwise; undefined where nothing is said of it. As in Docker, 0 is what the image says. */
function changeOfImages(fields: z.output<typeof healthcheckSchema>): Healthcheck | undefined {
  const { interval = 0, timeout = 0, retries = 0, start_period = 0, start_interval = 0 } = fields;
  const isChanged = [interval, timeout, retries, start_period, start_interval].some((it) => it !== 0);
  const times = {
    intervalMs: interval,
    timeoutMs: timeout,
    retries,
    startPeriodMs: start_period,
    startIntervalMs: start_interval,
  };
  return isChanged ? { test: [], ...times } : undefined;
}

/** Whether there is to be a check, right or wrong; of a container, which may have its image's, whether there may be one. */
export function hasHealthcheck(service: TreeNode | undefined): boolean {
  if (service === undefined) return false;
  const isWritten = nodeAt(service, ['healthcheck']) !== undefined || nodeAt(service, ['image']) !== undefined;
  return isWritten && !hasDisabledHealthcheck(service);
}

/** Whether it is said that there is to be none. */
export function hasDisabledHealthcheck(service: TreeNode): boolean {
  const disabled = nodeAt(service, ['healthcheck', 'disable']);
  const kind = nodeAt(service, ['healthcheck', 'test', 0]);
  return (disabled?.kind === 'scalar' && disabled.value === true) || (kind?.kind === 'scalar' && kind.text === 'NONE');
}
