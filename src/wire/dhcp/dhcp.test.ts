import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { readCaptures } from '../../../test/support/captures.ts';
import { roundsFor, withstandsDamage } from '../../../test/support/damage.ts';
import { dhcpFromJson, dhcpToJson } from '../../../test/support/dhcp-notation.ts';
import { ipv4 } from '../../net/ipv4.ts';
import { WireError } from '../bytes.ts';
import { type DhcpMessage, decodeDhcp, encodeDhcp, optionOf } from './dhcp.ts';
import { dhcpReplyFilter } from './filter.ts';
import { decodeUdpFrame, encodeUdpFrame } from './frame.ts';
import { decodeOption, encodeOption } from './options.ts';

const captures = readCaptures(new URL('captures/', import.meta.url));
const hex = (bytes: Uint8Array): string => Buffer.from(bytes).toString('hex');
const bytesOf = (digits: string): Uint8Array => new Uint8Array(Buffer.from(digits.replace(/[\s.:]/g, ''), 'hex'));

function message(name: string): DhcpMessage {
  const found = captures.find((it) => it.name === name);
  assert.ok(found !== undefined, name);
  return dhcpFromJson(found.value);
}

for (const { name, command, bytes, value } of captures) {
  test(`${name} of \`${command.slice(0, 60)}\` reads as its value, and its value writes the same bytes`, () => {
    const { payload } = decodeUdpFrame(bytes);
    const read = decodeDhcp(payload);
    assert.deepEqual(dhcpToJson(read), value);
    const written = encodeDhcp(dhcpFromJson(value), payload.length);
    // Names may be compressed, and we do not; then the bytes differ, and mean the same.
    if (optionOf(read, 'search') !== undefined) assert.deepEqual(decodeDhcp(written), read);
    else assert.equal(hex(written), hex(payload));
  });

  test(`${name}: a copy that is cut off or changed is read, or refused with an offset`, () => {
    const { payload } = decodeUdpFrame(bytes);
    withstandsDamage(bytes, roundsFor(captures.length), (copy) => decodeDhcp(decodeUdpFrame(copy).payload));
    withstandsDamage(payload, roundsFor(captures.length), (copy) => {
      const read = decodeDhcp(copy);
      assert.deepEqual(decodeDhcp(encodeDhcp(read)), read);
    });
  });
}

test('any bytes at all are read, or refused with an offset', () => {
  const option = fc.tuple(fc.nat({ max: 255 }), fc.uint8Array({ maxLength: 300 }));
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 600 }), option, (bytes, [code, value]) => {
      decodeOption(code, value);
      for (const read of [decodeDhcp, decodeUdpFrame]) {
        try {
          read(bytes);
        } catch (error) {
          assert.ok(error instanceof WireError && error.offset <= bytes.length, String(error));
        }
      }
    }),
    { numRuns: roundsFor(30) * 10 },
  );
});

test('what is longer than an option can be is written in pieces, and read as one', () => {
  const search = Array.from({ length: 20 }, (_, at) => `floor-${at}.test.office.example`);
  const long: DhcpMessage = { ...message('kea-dhclient.ack'), options: [{ option: 'search', value: search }] };
  const bytes = encodeDhcp(long);
  assert.ok(hex(bytes).includes('77ff'), 'a piece of 255 bytes');
  assert.deepEqual(optionOf(decodeDhcp(bytes), 'search'), search);
});

test('options that a server has put into file and sname are read as well', () => {
  const plain = encodeDhcp({ ...message('dnsmasq-udhcpc.ack'), options: [] }, 0);
  const overloaded = bytesOf(`${hex(plain.subarray(0, -1))} 340103 3a04 0000003c ff`);
  overloaded.set(bytesOf('06 08 c0a80b02 c0a80b03 ff'), 108);
  overloaded.set(bytesOf('3b04 0000005a ff'), 44);
  const read = decodeDhcp(overloaded);
  assert.deepEqual(optionOf(read, 'resolvers'), [ipv4('192.168.11.2'), ipv4('192.168.11.3')]);
  assert.equal(optionOf(read, 'rebindSeconds'), 90);
  assert.equal(optionOf(read, 'renewSeconds'), 60);
});

test('a known option that is not as its RFC says keeps its bytes, and says nothing', () => {
  for (const [code, digits] of [
    [1, 'ffffff'],
    [3, 'c0a80b01c0'],
    [3, ''],
    [51, '0000000000'],
    [53, '09'],
    [61, '01'],
    [119, 'c000'],
    [119, '0474657374'],
    [121, '21c0a80b01c0a80b01'],
    [121, '18c0a80b'],
  ] as const) {
    assert.deepEqual(decodeOption(code, bytesOf(digits)), { option: 'other', code, value: bytesOf(digits) });
  }
});

test('a full name is written in canonical form, and read in both forms', () => {
  const name = { flags: 5, rcode1: 0, rcode2: 0, name: 'shop.test.example' };
  const digits = '05 00 00 04 73686f70 04 74657374 07 6578616d706c65 00';
  assert.deepEqual(encodeOption({ option: 'fqdn', value: name }), { code: 81, bytes: bytesOf(digits) });
  assert.deepEqual(decodeOption(81, bytesOf(digits)).value, name);
  const text = bytesOf(`01ffff ${hex(Buffer.from('shop.test.example'))}`);
  assert.deepEqual(decodeOption(81, text).value, { ...name, flags: 1, rcode1: 255, rcode2: 255 });
});

test('options that nobody here knows are kept as they came', () => {
  const unknown = message('dnsmasq-udhcpc.ack').options.filter((it) => it.option === 'other' && it.code >= 224);
  assert.deepEqual(unknown, [
    { option: 'other', code: 225, value: bytesOf('010203') },
    { option: 'other', code: 224, value: bytesOf(hex(Buffer.from('first'))) },
  ]);
});

test('a name may point back to another, and in no circle', () => {
  const names = (digits: string): unknown => decodeOption(119, bytesOf(digits)).value;
  assert.deepEqual(names('036c616206 6f6666696365 07 6578616d706c65 00 0474657374 c004'), [
    'lab.office.example',
    'test.office.example',
  ]);
  assert.ok(names('036c6162c000') instanceof Uint8Array);
  assert.ok(names('c002c000') instanceof Uint8Array);
});

const frame = {
  destination: 'ff:ff:ff:ff:ff:ff',
  source: '02:4c:4c:00:00:02',
  from: ipv4('0.0.0.0'),
  fromPort: 68,
  to: ipv4('255.255.255.255'),
  toPort: 67,
};

test('a frame reads as what was written, whatever its length', () => {
  for (const length of [0, 1, 300, 301]) {
    const it = { ...frame, payload: new Uint8Array(length).fill(0xa5) };
    assert.deepEqual(decodeUdpFrame(encodeUdpFrame(it)), it);
  }
});

test('a checksum that was left to the NIC is right, any other wrong one is refused', () => {
  const bytes = encodeUdpFrame({ ...frame, payload: Uint8Array.of(1, 2, 3) });
  const withChecksum = (digits: string): Uint8Array => bytesOf(hex(bytes).replace(hex(bytes.subarray(40, 42)), digits));
  // dnsmasq over a veth: pseudo header alone, of 0.0.0.0, 255.255.255.255, protocol 17, length 11.
  assert.equal(decodeUdpFrame(withChecksum('001c')).payload.length, 3);
  assert.equal(decodeUdpFrame(withChecksum('0000')).payload.length, 3, 'none was made');
  assert.throws(() => decodeUdpFrame(withChecksum('001d')), /a wrong UDP checksum/);
  const partial = captures.find((it) => it.name === 'dnsmasq-nak.nak');
  assert.ok(partial !== undefined && decodeUdpFrame(partial.bytes).toPort === 68);
});

test('a fragment, another protocol and a cut datagram are refused', () => {
  const bytes = encodeUdpFrame({ ...frame, payload: new Uint8Array(20) });
  const changed = (offset: number, byte: number): Uint8Array => Uint8Array.from(bytes).fill(byte, offset, offset + 1);
  assert.throws(() => decodeUdpFrame(changed(12, 0x86)), /not IPv4/);
  assert.throws(() => decodeUdpFrame(changed(20, 0x20)), /a fragment/);
  assert.throws(() => decodeUdpFrame(changed(23, 6)), /not UDP/);
  assert.throws(() => decodeUdpFrame(bytes.subarray(0, 50)), /a total length of 48/);
  assert.throws(() => decodeUdpFrame(changed(39, 200)), /a UDP length of 200/);
});

/** What the kernel would do with the filter (linux/filter.h): how many bytes of a frame it lets through. */
function filtered(program: Uint8Array, bytes: Uint8Array): number {
  const instructions = new DataView(program.buffer, program.byteOffset, program.length);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  let [a, x, at] = [0, 0, 0];
  for (;;) {
    const code = instructions.getUint16(at * 8, true);
    const [yes, no] = [instructions.getUint8(at * 8 + 2), instructions.getUint8(at * 8 + 3)];
    const k = instructions.getUint32(at * 8 + 4, true);
    at += 1;
    try {
      if (code === 0x06) return k;
      else if (code === 0x20) a = view.getUint32(k);
      else if (code === 0x28) a = view.getUint16(k);
      else if (code === 0x30) a = view.getUint8(k);
      else if (code === 0xb1) x = (view.getUint8(k) & 15) * 4;
      else if (code === 0x48) a = view.getUint16(x + k);
      else if (code === 0x40) a = view.getUint32(x + k);
      else if (code === 0x50) a = view.getUint8(x + k);
      else if (code === 0x15) at += a === k ? yes : no;
      else if (code === 0x45) at += (a & k) === 0 ? no : yes;
      else assert.fail(`code ${code}`);
    } catch (error) {
      if (error instanceof RangeError) return 0;
      throw error;
    }
  }
}

test('the filter lets replies to its client through, and nothing else', () => {
  const filter = dhcpReplyFilter('02:4c:4c:00:00:02');
  const reply = captures.find((it) => it.name === 'dnsmasq-udhcpc.offer')?.bytes ?? new Uint8Array();
  const request = captures.find((it) => it.name === 'dnsmasq-udhcpc.request')?.bytes ?? new Uint8Array();
  assert.ok(filtered(filter, reply) >= reply.length);
  assert.equal(filtered(filter, request), 0);
  const other = dhcpReplyFilter('02:4c:4c:00:00:03');
  assert.equal(filtered(other, reply), 0);
  const sentTo = (...mac: readonly number[]): Uint8Array => Uint8Array.from([...mac, ...reply.subarray(6)]);
  assert.equal(filtered(other, sentTo(0x02, 0x4c, 0x4c, 0, 0, 3)), 0xffff, "another's, sent to this client alone");
  assert.equal(filtered(other, sentTo(0x02, 0x4c, 0x4c, 0, 0, 4)), 0);
  assert.equal(filtered(other, sentTo(0x02, 0x4c, 0x4d, 0, 0, 3)), 0);
  assert.equal(filtered(other, sentTo(255, 255, 255, 255, 255, 255)), 0, "another's broadcast wakes nobody");
  assert.equal(filtered(filter, Uint8Array.from(reply).fill(1, 20, 22)), 0, 'a fragment');
  assert.equal(filtered(filter, reply.subarray(0, 60)), 0xffff, 'a short one, sent to this client alone');
  assert.equal(filtered(other, reply.subarray(0, 60)), 0, 'a short one');
});
