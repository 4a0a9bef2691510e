import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LandlineError } from '../../errors.ts';
import { beginOrReplace, isStuck, startError } from './start-error.ts';
import { currentOf, type EndNote, endedByItself, generationOf, type Holder, statusOf } from './status.ts';
import type { Container, ContainerState } from './types.ts';

const never = '0001-01-01T00:00:00Z';
const at = (time: string): string => `2026-11-24T${time}.000000000Z`;

function stateOf(it: Partial<ContainerState>): ContainerState {
  const idle = { Running: false, Paused: false, Restarting: false, OOMKilled: false, Pid: 0, ExitCode: 0, Error: '' };
  return { Status: it.Running === true ? 'running' : 'exited', ...idle, StartedAt: never, FinishedAt: never, ...it };
}

/** A container of the service web; only what `statusOf` reads of it. */
function container(state: Partial<ContainerState>, id = 'c0ffee'): Container {
  return {
    Id: id.padEnd(64, '0'),
    State: stateOf(state),
    Config: { Labels: { 'landline.service': 'web', 'landline.digest': 'd' } },
  } as unknown as Container;
}

const anchor = (state: Partial<ContainerState>): Holder => ({ kind: 'anchor', state: stateOf(state) });

/** How an end is told: its status, `with its sandbox`, `stopped` or `absent`. */
function endOf(it: Container, holder: Holder | undefined, note?: EndNote['end']): string | number {
  const status = statusOf(it, holder, note === undefined ? undefined : { generation: generationOf(it), end: note });
  if (status.state !== 'exited') return status.state;
  return status.stopped === true ? `stopped ${status.exitStatus}` : (status.exitStatus ?? 'with its sandbox');
}

test('an end of its own is told from one with its sandbox, by what the anchor did', () => {
  const ended = container({ StartedAt: at('10:00:05'), FinishedAt: at('11:00:00'), ExitCode: 0 });
  const cases: readonly [string, Holder | undefined, string | number][] = [
    ['the anchor has run ever since', anchor({ Running: true, StartedAt: at('10:00:00') }), 0],
    ['the anchor ended an hour later', anchor({ StartedAt: at('10:00:00'), FinishedAt: at('12:00:00') }), 0],
    ['the anchor ended a second later', anchor({ StartedAt: at('10:00:00'), FinishedAt: at('11:00:01') }), 'with its sandbox'],
    ['the anchor ended before', anchor({ StartedAt: at('10:00:00'), FinishedAt: at('10:59:00') }), 'with its sandbox'],
    [
      'the anchor ended with it and runs again',
      anchor({ Running: true, StartedAt: at('11:00:09'), FinishedAt: at('11:00:01') }),
      'with its sandbox',
    ],
    ['the anchor was restarted long after', anchor({ Running: true, StartedAt: at('12:00:09'), FinishedAt: at('12:00:01') }), 0],
    ['the anchor is gone', undefined, 'with its sandbox'],
    ["on the host's network, Docker has run since before", { kind: 'engine', since: Date.parse('2026-11-24T10:00:00Z') }, 0],
    ["on the host's network, Docker was away", { kind: 'engine', since: Date.parse('2026-11-24T11:30:00Z') }, 'with its sandbox'],
  ];
  for (const [what, holder, wanted] of cases) {
    assert.equal(endOf(ended, holder), wanted, what);
    assert.equal(endedByItself(ended.State, holder), wanted === 0, what);
  }
});

test('what was noted of an end goes before what it looks like, for that start alone', () => {
  const ended = container({ StartedAt: at('10:00:05'), FinishedAt: at('11:00:00'), ExitCode: 143 });
  assert.equal(endOf(ended, undefined, 'own'), 143);
  assert.equal(endOf(ended, undefined, 'stopped'), 'stopped 143');
  assert.equal(endOf(ended, undefined, 'forgotten'), 'absent');
  const other = { generation: 'c0ffee000000@2026', end: 'own' } as const;
  assert.equal(statusOf(ended, undefined, other).exitStatus, undefined);
  assert.equal(endOf(container({}), undefined), 'absent');
});

test('of the containers of a service the one that runs counts, else the one that was started last', () => {
  const [made, old, last] = [
    container({}, 'a'),
    container({ StartedAt: at('10:00:00') }, 'b'),
    container({ StartedAt: at('11:00:00') }, 'c'),
  ];
  const running = container({ StartedAt: at('09:00:00'), Running: true, Pid: 7 }, 'd');
  assert.equal(currentOf([made, old, last]), last);
  assert.equal(currentOf([made, running, last]), running);
  assert.equal(currentOf([made]), undefined);
});

const service = {
  name: 'web',
  command: ['serve'],
  environment: {},
  dependsOn: [],
  restart: 'no',
  stopGraceMs: 1,
  container: { image: 'a' },
} as const;

test("Docker's words for a program, a user or a group that is not there become errors of the catalogue", () => {
  const codeFor = (says: string): string => {
    const error = startError(new LandlineError('DOCKER_REFUSED', { doing: 'start', status: 400, says }), 'shop', service);
    return error instanceof LandlineError ? `${error.code} ${JSON.stringify(error.details)}` : String(error);
  };
  const begin = 'failed to create shim: OCI runtime create failed: container_linux.go:380: starting container process caused: ';
  assert.match(
    codeFor(`${begin}exec: "serve": executable file not found in $PATH: unknown`),
    /^COMMAND_MISSING .*"command":"serve"/,
  );
  assert.match(codeFor(`${begin}exec: "/srv": permission denied: unknown`), /^COMMAND_MISSING/);
  assert.match(
    codeFor('unable to find user nobodyx: no matching entries in passwd file'),
    /^USER_UNKNOWN .*"kind":"user","user":"nobodyx"/,
  );
  assert.match(codeFor('Unable to find group x: no matching entries in group file'), /^USER_UNKNOWN .*"kind":"group","user":"x"/);
  assert.match(codeFor('driver failed'), /^DOCKER_REFUSED/);
});

const refused = (says: string): LandlineError => new LandlineError('DOCKER_REFUSED', { doing: 'start', status: 500, says });

test('in the place of a container that never starts again another one is tried, and no third', async () => {
  const tries = async (...outcomes: readonly string[]): Promise<string> => {
    const begun: boolean[] = [];
    const outcome = await beginOrReplace(async (isSecond) => {
      const says = outcomes[begun.push(isSecond) - 1] ?? 'begun too often';
      // As the engine throws it.
      if (says !== 'runs') throw startError(refused(says), 'shop', service);
      return says;
    }).catch((error: unknown) => (error instanceof LandlineError ? error.code : String(error)));
    return `${begun.join()} ${outcome}`;
  };
  assert.equal(await tries('runs'), 'false runs');
  assert.equal(await tries('id already in use', 'runs'), 'false,true runs');
  assert.equal(await tries('id already in use', 'id already in use'), 'false,true DOCKER_REFUSED');
  assert.equal(await tries('driver failed'), 'false DOCKER_REFUSED');
});

test('a container whose task outlived a dockerd that ended in the middle of its start is never started again', () => {
  assert.ok(isStuck(refused('task b7ffa0375ae6: already exists')));
  assert.ok(isStuck(refused('id already in use')));
  assert.ok(!isStuck(refused('transport is closing: unavailable')));
});
