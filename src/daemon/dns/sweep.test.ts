import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../net/ipv4.ts';
import { encodeMessage, type ResourceRecord, rcodes } from '../../wire/dns/message.ts';
import { exactly, updateMessage } from '../../wire/dns/update.ts';
import { type Expected, findDifferent } from './sweep.ts';

const zone = 'test.office.example';
const nameOf = (index: number): string => `host${index}.${zone}`;
const names = (count: number): readonly Expected[] =>
  Array.from({ length: count }, (_, index) => ({
    name: nameOf(index),
    prerequisites: [
      exactly(nameOf(index), { kind: 'A', address: ipv4('192.168.10.0') + index }),
      exactly(nameOf(index), { kind: 'TXT', texts: [`landline:0123456789abcdef0123456789abcdef:host${index}`] }),
    ],
  }));

/** A server at which some names are not as expected. */
function server(...wrong: readonly string[]) {
  const messages: number[] = [];
  const ask = async (prerequisites: readonly ResourceRecord[]): Promise<number> => {
    messages.push(encodeMessage({ ...updateMessage(1, { zone, prerequisites, changes: [] }) }).length);
    return prerequisites.some((it) => wrong.includes(it.name)) ? rcodes.NXRRSET : rcodes.NOERROR;
  };
  return { ask, messages };
}

test('five hundred names that stand as they should take a few messages', async () => {
  const { ask, messages } = server();
  assert.deepEqual(await findDifferent(names(500), ask), []);
  assert.ok(messages.length <= 6, `${messages.length} messages`);
  assert.ok(messages.every((bytes) => bytes < 0xffff));
});

test('one that differs is found by halves', async () => {
  const { ask, messages } = server(nameOf(321));
  assert.deepEqual(await findDifferent(names(500), ask), [nameOf(321)]);
  assert.ok(messages.length <= 24, `${messages.length} messages`);
});

test('when everything is gone, few messages say so', async () => {
  const all = names(500);
  const { ask, messages } = server(...all.map((it) => it.name));
  assert.deepEqual(
    await findDifferent(all, ask),
    all.map((it) => it.name),
  );
  assert.ok(messages.length < 130, `${messages.length} messages`);
});

test('a server that does not take such a question leaves all open', async () => {
  assert.deepEqual(await findDifferent(names(3), async () => rcodes.REFUSED), [0, 1, 2].map(nameOf));
});

test('no name, no message; names as long as they get still fit', async () => {
  const { ask, messages } = server();
  await findDifferent([], ask);
  assert.equal(messages.length, 0);
  const long = Array.from(
    { length: 400 },
    (_, index) => `${index}${'x'.repeat(59)}.${Array(3).fill('y'.repeat(60)).join(`${index}.`)}`,
  );
  const texts = ['z'.repeat(255)];
  await findDifferent(
    long.map((name) => ({ name, prerequisites: [exactly(name, { kind: 'TXT', texts })] })),
    ask,
  );
  assert.ok(messages.every((bytes) => bytes < 0xffff));
});
