import assert from 'node:assert/strict';
import os from 'node:os';
import { test } from 'node:test';
import { parseSignal } from './signals.ts';

test('signals by name, with and without SIG, in any case, and by number', () => {
  for (const text of ['SIGTERM', 'TERM', 'sigterm', 'Term', '15']) assert.equal(parseSignal(text), 'SIGTERM', text);
});

test("numbers and names are the kernel's", () => {
  // Two names of Node are other names of the same signals.
  const others = ['SIGIOT', 'SIGPOLL', 'SIGUNUSED'];
  for (const [name, number] of Object.entries(os.constants.signals)) {
    if (others.includes(name)) continue;
    assert.equal(parseSignal(String(number)), name);
    assert.equal(parseSignal(name), name);
  }
});

test('what is no signal is a mistake, with the nearest name', () => {
  assert.deepEqual(parseSignal('SIGTREM'), { mistake: "'SIGTREM' is no signal", next: "did you mean 'SIGTERM'?" });
  for (const text of ['0', '32', '99', 'SIG', '', 'SIGRTMIN', '1.5']) assert.equal(typeof parseSignal(text), 'object', text);
});
