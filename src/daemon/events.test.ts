import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatEvent, type LandlineEvent, openEvents } from './events.ts';

test('what happens is told to everybody who listens, with the time, until they stop', () => {
  const events = openEvents();
  const heard: [string, string][] = [];
  const hear = (who: string) => (event: LandlineEvent) => void heard.push([who, event.what]);
  events.tell('nobody hears this', {});
  const stop = events.listen(hear('log'));
  events.listen(hear('client'));
  events.tell('address bound', { environment: 'shop' });
  stop();
  events.tell('environment gone', { environment: 'shop' });
  assert.deepEqual(heard, [
    ['log', 'address bound'],
    ['client', 'address bound'],
    ['client', 'environment gone'],
  ]);
});

test('an event carries the moment at which it was told', () => {
  const events = openEvents();
  const before = Date.now();
  const times: string[] = [];
  events.listen((event) => times.push(event.time));
  events.tell('address bound', {});
  const time = Date.parse(times[0] ?? '');
  assert.ok(time >= before && time <= Date.now());
  assert.equal(new Date(time).toISOString(), times[0]);
});

test('an event is one line: the time, what, and its nouns; what is no plain word is quoted', () => {
  const time = '2026-01-31T14:05:00.000Z';
  const cases: readonly (readonly [LandlineEvent['fields'], string])[] = [
    [{}, ''],
    [{ environment: 'web', address: '192.0.2.30' }, ' environment=web address=192.0.2.30'],
    [{ attachMs: 1.25, status: 0 }, ' attachMs=1.25 status=0'],
    [{ problem: 'no such bridge' }, ' problem="no such bridge"'],
    [{ problem: 'it said "no"' }, ' problem="it said \\"no\\""'],
    [{ problem: 'a\nb' }, ' problem="a\\nb"'],
    [{ problem: '' }, ' problem=""'],
    [{ problem: 'a=b' }, ' problem="a=b"'],
  ];
  for (const [fields, wanted] of cases)
    assert.equal(formatEvent({ time, what: 'address bound', fields }), `${time} address bound${wanted}`);
});
