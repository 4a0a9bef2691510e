import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { formatMark, linkGroup, parseMark, parseShimMark } from './mark.ts';

const mark = { installation: 'a1b2c3', environment: 'shop-feature-12', interface: 'eth0' };

test('a mark names installation, environment and link', () => {
  assert.equal(formatMark(mark), 'landline:a1b2c3:shop-feature-12:eth0');
  assert.deepEqual(parseMark('landline:a1b2c3:shop-feature-12:eth0'), mark);
});

test('the link of a generation that is built beside another says so, and is nothing else of ours', () => {
  const alias = 'landline-aside:a1b2c3:shop-feature-12:eth0';
  assert.equal(formatMark({ ...mark, aside: true }), alias);
  assert.deepEqual(parseMark(alias), { ...mark, aside: true });
  assert.equal(parseShimMark('a1b2c3', alias), undefined);
});

test("other people's aliases are no mark", () => {
  const others = [
    ...[undefined, '', 'uplink', 'landline', 'landline:', 'landline:a1b2c3', 'landline:a1b2c3:shop', 'landline:a1b2c3:shop:'],
    ...[
      'landline::shop:eth0',
      'landline:a1b2c3::eth0',
      'landline:a1b2c3:shop:eth0:x',
      'Landline:a1b2c3:shop:eth0',
      ' landline:a1b2c3:shop:eth0',
    ],
  ];
  for (const alias of others) assert.equal(parseMark(alias), undefined, String(alias));
});

test('what is written is read again, for every name that may be in it', () => {
  const environment = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,62}$/);
  const link = fc.stringMatching(/^[!-$&-.0-9;-~]{1,15}$/);
  const installation = fc.stringMatching(/^[A-Za-z0-9._-]{1,64}$/);
  fc.assert(
    fc.property(installation, environment, link, (id, name, eth) => {
      const it = { installation: id, environment: name, interface: eth };
      assert.deepEqual(parseMark(formatMark(it)), it);
      // IFALIASZ, linux/if.h: 256 with the final NUL.
      assert.ok(formatMark(it).length < 256);
    }),
  );
});

test('the link group of an installation stays the same, is no default group, and fits 31 bits', () => {
  assert.equal(linkGroup('a1b2c3'), linkGroup('a1b2c3'));
  fc.assert(
    fc.property(fc.string(), (installation) => {
      const group = linkGroup(installation);
      assert.ok(Number.isInteger(group) && group >= 0x4c00_0000 && group <= 0x4cff_ffff, String(group));
    }),
  );
  const groups = Array.from({ length: 300 }, (_, at) => linkGroup(`installation-${at}`));
  assert.equal(new Set(groups).size, groups.length);
});
