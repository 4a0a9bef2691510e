import { test } from 'node:test';

test('passes', () => {});
test('asks for more', { skip: 'needs two bridges' }, () => {});
test('asks for too much', { skip: 'this kernel has no ipvlan' }, () => {});
test('is still to be written', { todo: 'with IPv6' }, () => {
  throw new Error('not yet');
});
