import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { ServiceSpec } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { parseEnvironment } from './environment.ts';

function read(says: string): Partial<ServiceSpec> | string {
  const text = `name: shop\nx-landline: { network: office }\nservices:\n  web:\n    command: x\n    ${says}\n`;
  try {
    const { user, groups, ulimits } = parseEnvironment(text, { file: 'shop.yaml', directory: '/' }).spec.services[0] ?? {};
    return {
      ...(user === undefined ? {} : { user }),
      ...(groups === undefined ? {} : { groups }),
      ...(ulimits === undefined ? {} : { ulimits }),
    };
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    return error.details.problems.map((it) => `${it.line}:${it.column}: ${it.message} → ${it.next}`).join('\n');
  }
}

test('a user is a name or a number, with a group if need be', () => {
  for (const user of ['shop', '"1000"', '"1000:50"', 'shop:adm', 'www-data:www-data'])
    assert.deepEqual(read(`user: ${user}`), { user: user.replaceAll('"', '') });
  assert.deepEqual(read('group_add: [adm, 33]'), { groups: ['adm', '33'] });
  assert.equal(read('user: 1000'), "6:11: 'user' is the number 1000 and should be text → put it in quotes: '1000'");
  assert.equal(read('user: "a:b:c"'), "6:11: 'a:b:c' is no user → write USER or USER:GROUP, each a name or a number");
  assert.equal(read('user: "--reuid=0"'), "6:11: '--reuid=0' is no user → write USER or USER:GROUP, each a name or a number");
});

test('a limit is a number, or a soft and a hard one', () => {
  assert.deepEqual(read('ulimits: { nofile: { soft: 1024, hard: 4096 }, core: 0, memlock: -1 }'), {
    ulimits: [
      { name: 'core', soft: 0, hard: 0 },
      { name: 'memlock', soft: -1, hard: -1 },
      { name: 'nofile', soft: 1024, hard: 4096 },
    ],
  });
  assert.equal(read('ulimits: { nofiles: 5 }'), "6:14: there is no limit 'nofiles' → did you mean 'nofile'?");
  assert.equal(
    read('ulimits: { nofile: { soft: 5, hard: 4 } }'),
    "6:14: the soft limit of 'nofile' is above its hard one → write a soft limit that is no larger",
  );
});
