import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import { isDomainName, isEnvironmentName, isHostname, isLinkName, nearest } from './name.ts';

/** Each text is accepted, or refused. */
function check(is: (text: string) => boolean, good: readonly string[], bad: readonly string[]): void {
  for (const text of good) assert.equal(is(text), true, JSON.stringify(text));
  for (const text of bad) assert.equal(is(text), false, JSON.stringify(text));
}

test("an environment's name: lower-case letters, digits and hyphens, no hyphen first, at most 63", () => {
  const bad = ['', '-a', 'A', 'Shop', 'shop_1', 'shop.1', 'shop/web', 'ä', ' shop', 'shop\n', '..', 'a'.repeat(64)];
  check(isEnvironmentName, ['a', '7', 'shop', 'shop-feature-12', 'shop-', 'a--b', 'a'.repeat(63)], bad);
});

test('a hostname is one label of RFC 1123', () => {
  const bad = ['', '-', 'shop-', '-shop', 'a.b', 'shop_1', 'a'.repeat(64), 'shop\n', 'ä'];
  check(isHostname, ['a', '7', 'shop', 'Shop', 'a-b', 'a--b', 'a'.repeat(63)], bad);
});

test('a domain name is such labels with dots between, without a final dot, at most 253 characters', () => {
  const long = Array.from({ length: 4 }, () => 'a'.repeat(63)).join('.');
  check(
    isDomainName,
    ['example', 'test.office.example', '11.168.192.in-addr.arpa', long.slice(2)],
    ['', '.', 'a..b', 'a.b.', '.a', long],
  );
});

test("a link's name has at most 15 bytes and nothing that the kernel or sysctl reads otherwise", () => {
  const bad = ['', '.', '..', 'lo', 'all', 'default', 'a'.repeat(16), 'eth 0', 'eth/0', 'eth:0', 'eth%d', 'eth\n', 'ethä'];
  check(isLinkName, ['eth0', 'eth0.12', 'br-lan', 'a'.repeat(15), '0'], bad);
});

test('the nearest name is suggested if it is near enough', () => {
  const known = ['shop', 'shop-feature-12', 'crm'];
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['shp', 'shop'],
    ['hsop', 'shop'],
    ['shop1', 'shop'],
    ['shop-feature-21', 'shop-feature-12'],
    ['cmr', 'crm'],
    ['office', undefined],
    ['', undefined],
  ];
  for (const [name, wanted] of cases) assert.equal(nearest(name, known), wanted, name);
  assert.equal(nearest('shop', []), undefined);
});

test('a name that is known is its own nearest; what is suggested is always known', () => {
  const name = fc.string({ minLength: 1, maxLength: 12 });
  fc.assert(
    fc.property(fc.array(name, { minLength: 1, maxLength: 6 }), name, (known, other) => {
      for (const one of known) assert.equal(nearest(one, known), one);
      const found = nearest(other, known);
      assert.ok(found === undefined || known.includes(found));
    }),
  );
});
