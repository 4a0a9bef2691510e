import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readCaptures } from '../../../test/support/captures.ts';
import { withstandsDamage } from '../../../test/support/damage.ts';
import { ipv4 } from '../../net/ipv4.ts';
import { ednsOf, ednsRecord } from '../../wire/dns/edns.ts';
import { decodeMessage, encodeMessage, IN, type Message, type ResourceRecord, rcodeName } from '../../wire/dns/message.ts';
import { typeNumber } from '../../wire/dns/records/index.ts';
import { respond } from './answer.ts';
import type { DesiredName } from './desired.ts';
import { formatData } from './format.ts';
import { buildZones, type Zone } from './zone.ts';

const desired = (zone: string, name: string, data: DesiredName['data']): DesiredName => ({
  zone,
  name,
  environment: name.split('.')[0] ?? '',
  data,
});

const zones: readonly Zone[] = buildZones({
  origins: ['lab.office.example', '168.192.in-addr.arpa'],
  address: ipv4('192.168.11.20'),
  ttl: 60,
  serial: 7,
  installation: 'host1',
  names: [
    desired('lab.office.example', 'shop.lab.office.example', [
      { kind: 'A', address: ipv4('192.168.11.101') },
      { kind: 'AAAA', address: '2001:db8::101' },
    ]),
    desired(
      'lab.office.example',
      'many.lab.office.example',
      Array.from({ length: 200 }, (_, at) => ({ kind: 'A', address: ipv4('192.168.10.1') + at })),
    ),
    desired('168.192.in-addr.arpa', '101.11.168.192.in-addr.arpa', [{ kind: 'PTR', target: 'shop.lab.office.example' }]),
  ],
});

const types: Readonly<Record<string, number>> = { ...typeNumber, ANY: 255, AXFR: 252, TYPE65: 65 };

function query(name: string, type: string, changes: Partial<Message> = {}): Message {
  return {
    id: 0x4c4c,
    response: false,
    opcode: 0,
    authoritative: false,
    truncated: false,
    recursionDesired: true,
    recursionAvailable: false,
    reserved: 0,
    rcode: 0,
    questions: [{ name, type: types[type] ?? 0, class: IN }],
    answers: [],
    authorities: [],
    additionals: [],
    ...changes,
  };
}

function ask(it: Message, transport: 'udp' | 'tcp' = 'udp'): Message {
  const answer = respond(zones, encodeMessage(it), transport) ?? assert.fail('no answer');
  return decodeMessage(answer);
}

const line = ({ name, ttl, data }: ResourceRecord): string => `${name} ${ttl} ${formatData(data)}`;

/** `NOERROR aa` and the records, sections apart. */
function said(it: Message): readonly string[] {
  const flags = [it.authoritative ? 'aa' : '', it.truncated ? 'tc' : '', it.recursionAvailable ? 'ra' : ''].filter(
    (flag) => flag !== '',
  );
  const sections = [it.answers, it.authorities, it.additionals.filter((one) => one.data.kind !== 'OPT')];
  return [
    [rcodeName(it.rcode), ...flags].join(' '),
    ...sections.flatMap((section, at) => section.map((one) => `${['', 'authority ', 'additional '][at]}${line(one)}`)),
  ];
}

const soa = (origin: string): string => `authority ${origin} 60 SOA ns.lab.office.example hostmaster.lab.office.example 7`;

for (const [name, type, ...wanted] of [
  ['shop.lab.office.example', 'A', 'NOERROR aa', 'shop.lab.office.example 60 A 192.168.11.101'],
  ['shop.lab.office.example', 'AAAA', 'NOERROR aa', 'shop.lab.office.example 60 AAAA 2001:db8::101'],
  ['shop.lab.office.example', 'TXT', 'NOERROR aa', 'shop.lab.office.example 60 TXT "landline:host1:shop"'],
  ['101.11.168.192.in-addr.arpa', 'PTR', 'NOERROR aa', '101.11.168.192.in-addr.arpa 60 PTR shop.lab.office.example'],
  ['lab.office.example', 'SOA', 'NOERROR aa', soa('lab.office.example').replace('authority ', '')],
  [
    'lab.office.example',
    'NS',
    'NOERROR aa',
    'lab.office.example 60 NS ns.lab.office.example',
    'additional ns.lab.office.example 60 A 192.168.11.20',
  ],
  // In its own case, as resolvers ask to tell a true answer from a guessed one.
  ['sHoP.LaB.ofFICE.example', 'A', 'NOERROR aa', 'sHoP.LaB.ofFICE.example 60 A 192.168.11.101'],
  // There, but not of this type.
  ['shop.lab.office.example', 'TYPE65', 'NOERROR aa', soa('lab.office.example')],
  // Nothing there, but something below.
  ['11.168.192.in-addr.arpa', 'PTR', 'NOERROR aa', soa('168.192.in-addr.arpa')],
  ['nobody.lab.office.example', 'A', 'NXDOMAIN aa', soa('lab.office.example')],
  ['below.shop.lab.office.example', 'A', 'NXDOMAIN aa', soa('lab.office.example')],
  ['www.example.com', 'A', 'REFUSED'],
  ['office.example', 'SOA', 'REFUSED'],
  ['.', 'NS', 'REFUSED'],
  ['lab.office.example', 'AXFR', 'REFUSED'],
] as const) {
  test(`${name} ${type}: ${wanted[0]}`, () => assert.deepEqual(said(ask(query(name, type))), wanted));
}

test('ANY is all that a name has', () => {
  assert.equal(ask(query('shop.lab.office.example', 'ANY')).answers.length, 3);
});

test('the question comes back as it was, with its id, and with the wish for recursion', () => {
  const asked = query('sHoP.lab.office.example', 'A', { id: 7 });
  const { id, questions, recursionDesired, response } = ask(asked);
  assert.deepEqual(
    { id, questions, recursionDesired, response },
    { id: 7, questions: asked.questions, recursionDesired: true, response: true },
  );
});

test('an answer that is too long for UDP is cut, and says so; TCP has all of it', () => {
  const asked = query('many.lab.office.example', 'A');
  const short = respond(zones, encodeMessage(asked), 'udp') ?? assert.fail();
  assert.ok(short.length <= 512);
  assert.deepEqual(said(decodeMessage(short)), ['NOERROR aa tc']);
  assert.equal(ask(asked, 'tcp').answers.length, 200);
});

test('with EDNS an answer over UDP may have 1232 bytes, and no more whatever the asker takes', () => {
  const shorter = query('many.lab.office.example', 'A', {
    additionals: [ednsRecord({ udpSize: 65_535, version: 0, upperRcode: 0, dnssec: true })],
  });
  const answer = ask(shorter);
  assert.equal(answer.truncated, true);
  assert.deepEqual(ednsOf(answer), { udpSize: 1232, version: 0, upperRcode: 0, dnssec: true });
});

test('another version of EDNS is refused with ours', () => {
  const answer = ask(
    query('shop.lab.office.example', 'A', {
      additionals: [ednsRecord({ udpSize: 1232, version: 1, upperRcode: 0, dnssec: false })],
    }),
  );
  assert.deepEqual([answer.rcode, ednsOf(answer)], [0, { udpSize: 1232, version: 0, upperRcode: 1, dnssec: false }]);
});

test('no question, two questions, two OPT records, an update, a notification: refused as what they are', () => {
  const edns = ednsRecord({ udpSize: 1232, version: 0, upperRcode: 0, dnssec: false });
  const one = query('shop.lab.office.example', 'A');
  assert.deepEqual(said(ask({ ...one, questions: [] })), ['FORMERR']);
  assert.deepEqual(said(ask({ ...one, questions: [...one.questions, ...one.questions] })), ['FORMERR']);
  assert.deepEqual(said(ask({ ...one, additionals: [edns, edns] })), ['FORMERR']);
  assert.deepEqual(said(ask({ ...one, opcode: 5 })), ['NOTIMP']);
  assert.deepEqual(said(ask({ ...one, opcode: 4 })), ['NOTIMP']);
  assert.deepEqual(said(ask({ ...one, questions: [{ name: 'shop.lab.office.example', type: 1, class: 3 }] })), ['REFUSED']);
});

test('what cannot be read is answered with FORMERR, an answer and a scrap with nothing', () => {
  const bytes = encodeMessage(query('shop.lab.office.example', 'A'));
  assert.equal(decodeMessage(respond(zones, bytes.subarray(0, -1), 'udp') ?? assert.fail()).rcode, 1);
  assert.equal(respond(zones, bytes.subarray(0, 11), 'udp'), undefined);
  assert.equal(respond(zones, encodeMessage(query('shop.lab.office.example', 'A', { response: true })), 'udp'), undefined);
});

/** Questions of six bytes, each of which points into the first one's labels, where another name of 255 bytes begins. */
function manyPointers(count: number): Uint8Array {
  const label = (length: number): number[] => [length, ...Array.from({ length }, () => 1)];
  const first = [...[63, 63, 63, 61].flatMap(label), 0, 0, 1, 0, 1];
  const header = [0x4c, 0x4c, 0, 0, (count + 1) >> 8, (count + 1) & 255, 0, 0, 0, 0, 0, 0];
  const pointers = Array.from({ length: count }, () => [0xc0, 13, 0, 1, 0, 1]).flat();
  return Uint8Array.from([...header, ...first, ...pointers]);
}

test('many questions are answered with none, and what is longer than any query is not read', () => {
  const few = manyPointers(600);
  assert.equal(decodeMessage(few).questions[600]?.name.length, 625);
  for (const bytes of [few, manyPointers(10_000)]) {
    const started = process.cpuUsage();
    const answer = respond(zones, bytes, 'tcp') ?? assert.fail();
    assert.deepEqual([answer.length, decodeMessage(answer).rcode], [12, 1]);
    // Of our own time, in microseconds: whatever else the machine does. Read name by name, it takes seconds.
    assert.ok(process.cpuUsage(started).user < 200_000);
  }
});

const requests = readCaptures(new URL('../../wire/dns/captures/', import.meta.url)).filter((it) => it.name.endsWith('.request'));

for (const { name, bytes } of requests) {
  test(`${name}, whole or damaged, has an answer that can be read, with its id, or none`, () => {
    withstandsDamage(bytes, 100, (copy) => {
      const answer = respond(zones, copy, 'udp');
      if (answer === undefined) return;
      assert.ok(answer.length <= 1232);
      assert.deepEqual(answer.subarray(0, 2), copy.subarray(0, 2));
      assert.equal(decodeMessage(answer).response, true);
    });
  });
}
