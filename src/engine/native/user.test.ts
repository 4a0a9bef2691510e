import assert from 'node:assert/strict';
import { test } from 'node:test';
import { databaseOf, resolveUser } from './user.ts';

const database = databaseOf(
  'root:x:0:0:root:/root:/bin/sh\nshop:x:1000:1001::/home/shop:/bin/sh\nno-home:x:1002:1001:::\n',
  'root:x:0:\nshop:x:1001:\nadm:x:4:syslog,shop\nwww-data:x:33:\nbackup:x:34:shop\n',
);

const cases: Readonly<Record<string, string>> = {
  shop: '1000 1001 4,34 /home/shop',
  '1000': '1000 1001 4,34 /home/shop',
  'shop:www-data': '1000 33  /home/shop',
  'shop:33': '1000 33  /home/shop',
  'shop:7777': '1000 7777  /home/shop',
  '4711': '4711 0  /',
  '4711:adm': '4711 4  /',
  root: '0 0  /root',
  'no-home': '1002 1001  /',
  nobody: 'no user nobody',
  'shop:staff': 'no group staff',
};

for (const [written, wanted] of Object.entries(cases)) {
  test(`user: ${written} → ${wanted}`, () => {
    const it = resolveUser(written, [], database);
    assert.equal('kind' in it ? `no ${it.kind} ${it.name}` : `${it.uid} ${it.gid} ${it.groups.join(',')} ${it.home}`, wanted);
  });
}

test('further groups come on top, each once', () => {
  assert.deepEqual(resolveUser('shop', ['www-data', '34', '55'], database), {
    uid: 1000,
    gid: 1001,
    groups: [4, 34, 33, 55],
    home: '/home/shop',
  });
  assert.deepEqual(resolveUser('0', ['nobody'], database), { kind: 'group', name: 'nobody' });
});
