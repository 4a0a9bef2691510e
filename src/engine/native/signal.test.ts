import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { signalNumber } from './signal.ts';

test('every name that kill(1) of this machine lists has its number', () => {
  // Lines such as ` 1) SIGHUP	 2) SIGINT`, real-time signals too.
  const said = execFileSync('bash', ['-c', 'kill -l'], { encoding: 'utf8' });
  const listed = [...said.matchAll(/(\d+)\) (SIG\S+)/g)].map(([, number, name]) => [name ?? '', Number(number)] as const);
  assert.equal(listed.length, 62);
  for (const [name, number] of listed) assert.equal(signalNumber(name), number, name);
});

test('what is no signal is refused', () => {
  for (const name of ['TERM', 'SIGNOTHING', 'SIGRTMIN+31', 'SIGRTMAX+1', 'SIGRTMIN-1', '']) {
    assert.throws(() => signalNumber(name), /there is no signal/, name);
  }
});
