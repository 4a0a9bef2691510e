import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../net/ipv4.ts';
import { IN, NONE, type ResourceRecord, rcodes } from '../../wire/dns/message.ts';
import { type RecordData, typeName, typeOf } from '../../wire/dns/records/index.ts';
import { afterLook, afterUpdate, type Claim, type ClaimStep, firstStep } from './claim.ts';
import { formatData } from './format.ts';
import { ownerRecord } from './owner.ts';

const a = (address: string): RecordData => ({ kind: 'A', address: ipv4(address) });
const txt = (text: string): RecordData => ({ kind: 'TXT', texts: [text] });
const mark = ownerRecord({ installation: 'host1', environment: 'shop' });

const claim: Claim = {
  zone: 'test.office.example',
  name: 'shop.test.office.example',
  owner: { installation: 'host1', environment: 'shop' },
  ttl: 60,
  wanted: [a('192.168.11.101')],
  former: undefined,
};

/** A step as nsupdate's lines, its name left out. */
function words(step: ClaimStep): readonly string[] {
  if (step.do === 'look') return ['look'];
  if (step.do === 'yield') return [`held by ${step.holder}`];
  if (step.do !== 'update') return [step.do];
  const { prerequisites, changes } = step.update;
  for (const record of [...prerequisites, ...changes]) assert.equal(record.name, claim.name);
  return [...prerequisites.map(prerequisiteText), ...changes.map(changeText)];
}

function prerequisiteText({ class: klass, ttl, data }: ResourceRecord): string {
  assert.equal(ttl, 0);
  if (data.kind !== 'empty') return `prereq ${klass === IN ? 'yxrrset' : '?'} ${formatData(data)}`;
  assert.equal(klass, NONE);
  return data.type === 255 ? 'prereq nxdomain' : `prereq nxrrset ${typeName(data.type)}`;
}

function changeText({ class: klass, ttl, data }: ResourceRecord): string {
  assert.notEqual(data.kind, 'empty');
  assert.ok(typeOf(data) !== 255);
  return klass === NONE ? `delete ${formatData(data)}` : `add ${ttl} ${formatData(data)}`;
}

test('a name that is remembered nowhere is taken only if it has no record at all', () => {
  assert.deepEqual(words(firstStep(claim)), ['prereq nxdomain', 'add 60 TXT "landline:host1:shop"', 'add 60 A 192.168.11.101']);
  assert.deepEqual(words(afterUpdate(rcodes.NOERROR)), ['done']);
  assert.deepEqual(words(afterUpdate(rcodes.YXDOMAIN)), ['look']);
});

test('a name with our mark is kept: what we put there goes, what we want comes, in one update', () => {
  assert.deepEqual(words(firstStep({ ...claim, former: [a('192.168.11.100'), a('192.168.11.101')] })), [
    'prereq yxrrset TXT "landline:host1:shop"',
    'delete A 192.168.11.100',
    'add 60 TXT "landline:host1:shop"',
    'add 60 A 192.168.11.101',
  ]);
});

test('a mark of ours that nothing is remembered of is that of an earlier ledger: its addresses are replaced', () => {
  assert.deepEqual(words(afterLook(claim, [mark, a('192.168.11.150')])), [
    'prereq yxrrset TXT "landline:host1:shop"',
    'delete A 192.168.11.150',
    'add 60 TXT "landline:host1:shop"',
    'add 60 A 192.168.11.101',
  ]);
});

test('what somebody put beside our mark stays, and is a part of what must still be so', () => {
  const seen = [mark, txt('v=spf1 -all'), a('192.168.11.100'), a('192.168.10.77')];
  assert.deepEqual(words(afterLook({ ...claim, former: [a('192.168.11.100')] }, seen)), [
    'prereq yxrrset TXT "landline:host1:shop"',
    'prereq yxrrset TXT "v=spf1 -all"',
    'delete A 192.168.11.100',
    'add 60 TXT "landline:host1:shop"',
    'add 60 A 192.168.11.101',
  ]);
});

test('a name whose records somebody deleted is taken anew', () => {
  assert.deepEqual(words(afterLook({ ...claim, former: claim.wanted }, [])), words(firstStep(claim)));
});

test('a name whose mark alone somebody deleted is ours again when it has our addresses, and no other', () => {
  const known = { ...claim, former: claim.wanted };
  assert.deepEqual(words(afterLook(known, [a('192.168.11.101')])), [
    'prereq nxrrset TXT',
    'prereq yxrrset A 192.168.11.101',
    'add 60 TXT "landline:host1:shop"',
    'add 60 A 192.168.11.101',
  ]);
  assert.deepEqual(words(afterLook(known, [a('192.168.11.101'), a('192.168.10.77')])), [
    'held by records that Landline did not make: A 192.168.11.101, A 192.168.10.77',
  ]);
});

test("a human's record is left alone, and told", () => {
  assert.deepEqual(words(afterLook(claim, [a('192.168.11.101')])), [
    'held by records that Landline did not make: A 192.168.11.101',
  ]);
  assert.deepEqual(words(afterLook({ ...claim, former: claim.wanted }, [{ kind: 'CNAME', target: 'www.office.example' }])), [
    'held by records that Landline did not make: CNAME www.office.example',
  ]);
});

test('a name of another installation, or of another environment of this one, is left alone, and its holder told', () => {
  const of = (installation: string, environment: string): RecordData => ownerRecord({ installation, environment });
  assert.deepEqual(words(afterLook(claim, [of('host2', 'shop'), a('192.168.11.101')])), [
    "held by environment 'shop' of another Landline host (installation host2)",
  ]);
  assert.deepEqual(words(afterLook(claim, [of('host1', 'stall')])), ["held by environment 'stall' of this host"]);
});

test('giving back removes what we put there, record by record, and only beside our mark', () => {
  const leaving = { ...claim, wanted: [], former: [a('192.168.11.101')] };
  assert.deepEqual(words(firstStep(leaving)), [
    'prereq yxrrset TXT "landline:host1:shop"',
    'delete A 192.168.11.101',
    'delete TXT "landline:host1:shop"',
  ]);
  assert.deepEqual(words(afterLook(leaving, [])), ['done']);
  assert.deepEqual(words(afterLook(leaving, [a('192.168.10.77')])), ['done']);
  assert.deepEqual(words(afterLook(leaving, [mark, txt('a note'), a('192.168.11.101')])), [
    'prereq yxrrset TXT "landline:host1:shop"',
    'prereq yxrrset TXT "a note"',
    'delete A 192.168.11.101',
    'delete TXT "landline:host1:shop"',
  ]);
});

test('a server that does not make the update is told as it says', () => {
  assert.deepEqual(afterUpdate(rcodes.REFUSED), { do: 'fail', rcode: 'REFUSED' });
  assert.deepEqual(afterUpdate(rcodes.NOTAUTH), { do: 'fail', rcode: 'NOTAUTH' });
});
