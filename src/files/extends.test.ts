import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EnvironmentSpec } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { parseEnvironment } from './environment.ts';

function read(
  services: string,
  files: Readonly<Record<string, string>> = {},
  profiles: readonly string[] = [],
): EnvironmentSpec | string {
  const text = `name: shop\nx-landline: { network: office }\nservices:\n${services}`;
  const readFile = (file: string): Uint8Array | undefined =>
    files[file] === undefined ? undefined : new TextEncoder().encode(files[file]);
  try {
    return parseEnvironment(text, { file: 'shop.yaml', directory: '/srv/shop', variables: { TAG: '42' }, readFile, profiles })
      .spec;
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    return error.details.problems.map((it) => `${it.line}:${it.column}: ${it.message} → ${it.next}`).join('\n');
  }
}

/** What a service came to be. */
function service(name: string, ...it: Parameters<typeof read>): Partial<EnvironmentSpec['services'][number]> {
  const spec = read(...it);
  if (typeof spec === 'string') throw new Error(spec);
  return spec.services.find((one) => one.name === name) ?? {};
}

const base = `
  base:
    command: ./web --port 80
    environment: [ONE=base, TWO=base, BARE]
    restart: always
    depends_on: [db]
    volumes: [./html:/html, ./conf:/conf]
    tmpfs: /run/a
    ulimits: { nofile: 10, core: 0 }
    healthcheck: { test: [CMD, x], interval: 5s }
  db: { command: db }
`;

test('what a service says itself is merged over its base: mappings by key, volumes by path, lists one behind the other', () => {
  const own = `
  web:
    extends: base
    environment: { TWO: own, THREE: own }
    depends_on: { cache: { condition: service_started } }
    volumes: [./other:/html:ro]
    tmpfs: [/run/b]
    ulimits: { nofile: 20 }
    healthcheck: { interval: 1s }
    restart: "no"
  cache: { command: cache }
`;
  const web = service('web', `${own.slice(1)}${base.slice(1)}`);
  assert.deepEqual(web.command, ['./web', '--port', '80']);
  assert.deepEqual(web.environment, { ONE: 'base', TWO: 'own', THREE: 'own' });
  assert.deepEqual(
    web.dependsOn?.map((it) => it.service),
    ['db', 'cache'],
  );
  assert.deepEqual(
    web.mounts?.map((it) => `${it.target} ${it.kind === 'bind' ? it.source : it.kind}`),
    ['/conf /srv/shop/conf', '/html /srv/shop/other', '/run/a tmpfs', '/run/b tmpfs'],
  );
  assert.deepEqual(
    web.ulimits?.map((it) => `${it.name} ${it.hard}`),
    ['core 0', 'nofile 20'],
  );
  assert.deepEqual([web.healthcheck?.test, web.healthcheck?.intervalMs, web.restart], [['x'], 1000, 'no']);
});

test('a service of another file brings its paths along, and its own base', () => {
  const files = {
    '/srv/base/base.yaml': `
services:
  root: { command: "./run \${TAG}", env_file: shared.env }
  web:
    extends: { service: root }
    volumes: [./html:/html, data:/data, { type: bind, source: ../conf, target: /conf }]
`,
    '/srv/base/shared.env': 'FROM=base',
  };
  const text = '  web: { extends: { file: ../base/base.yaml, service: web } }\nvolumes: { data: }\n';
  const web = service('web', text, files);
  assert.deepEqual(web.command, ['./run', '42']);
  assert.deepEqual(web.environment, { FROM: 'base' });
  assert.deepEqual(
    web.mounts?.map((it) => `${it.target} ${it.kind === 'bind' ? it.source : it.kind}`),
    ['/conf /srv/conf', '/data volume', '/html /srv/base/html'],
  );
});

test('circles, over files too, and what is not there are refused where `extends` stands', () => {
  assert.equal(
    String(read('  a: { command: x, extends: b }\n  b: { command: x, extends: a }\n')).split('\n')[0],
    "4:20: service 'b' extends itself: b → a → b → remove one 'extends'",
  );
  const round = { '/srv/shop/other.yaml': 'services: { b: { extends: { service: c } }, c: { extends: b } }' };
  assert.equal(
    String(read('  a: { command: x, extends: { service: b, file: other.yaml } }\n', round)).split('\n')[0],
    "4:20: service 'b' extends itself: a → b → c → b → remove one 'extends'",
  );
  assert.equal(
    read('  web: { command: x, extends: bas }\n  base: { command: x }\n'),
    "4:22: there is no service 'bas' → did you mean 'base'?",
  );
  assert.equal(
    read('  web: { command: x, extends: { service: a, file: no.yaml } }\n'),
    '4:22: there is no file /srv/shop/no.yaml → check the path',
  );
  assert.equal(
    read('  web: { command: x, extends: [a] }\n'),
    "4:22: 'extends' names a service, and a file if need be → write 'extends: { service: base, file: base.yaml }'",
  );
  assert.match(
    String(read('  web: { command: x, extends: { service: a, file: bad.yaml } }\n', { '/srv/shop/bad.yaml': 'services: { a: ' })),
    /^4:22: \/srv\/shop\/bad.yaml:1:\d+: /,
  );
});

test('a mistake in what another file says is told where that file is named', () => {
  const files = { '/srv/shop/base.yaml': 'services: { a: { command: x, restart: sometimes } }' };
  assert.match(
    String(read('  web: { extends: { service: a, file: base.yaml } }\n', files)),
    /^4:10: 'sometimes' is no restart policy/,
  );
});

const profiled = `
  web: { command: web }
  debug: { command: debug, profiles: [debug, all], depends_on: [web] }
`.slice(1);

test('a service with profiles is there when one of them is asked for', () => {
  const names = (profiles: readonly string[]): readonly string[] => {
    const spec = read(profiled, {}, profiles);
    return typeof spec === 'string' ? [spec] : spec.services.map((it) => it.name);
  };
  assert.deepEqual(names([]), ['web']);
  assert.deepEqual(names(['other']), ['web']);
  assert.deepEqual(names(['other', 'debug']), ['web', 'debug']);
  assert.deepEqual(names(['*']), ['web', 'debug']);
});

test('what is needed must be of a profile that is asked for', () => {
  const text = '  web: { command: web, depends_on: [db] }\n  db: { command: db, profiles: [data] }\n';
  assert.equal(
    read(text),
    "4:37: service 'db' is of a profile that was not asked for: data → give --profile data, or write 'required: false'",
  );
  const optional = text.replace('[db]', '{ db: { condition: service_started, required: false } }');
  assert.deepEqual(service('web', optional).dependsOn, []);
  assert.equal(
    read('  db: { command: db, profiles: [data] }\n'),
    '3:1: every service is of a profile that was not asked for → give --profile data',
  );
});

test('a service runs once', () => {
  assert.equal(
    read('  web: { command: x, scale: 2 }\n'),
    '4:29: 2 of one service do not fit into one network namespace → write 1, or the service again under another name',
  );
  assert.match(String(read('  web: { command: x, deploy: { replicas: 3 } }\n')), /^4:42: 3 of one service/);
  assert.equal(typeof read('  web: { command: x, scale: 1, deploy: { replicas: 1 } }\n'), 'object');
});

test('on-failure may have a count', () => {
  const restart = (written: string): unknown => {
    const { restart: policy, restartLimit } = service('web', `  web: { command: x, restart: "${written}" }\n`);
    return [policy, restartLimit];
  };
  assert.deepEqual(restart('on-failure:3'), ['on-failure', 3]);
  assert.deepEqual(restart('on-failure:0'), ['on-failure', undefined]);
  assert.match(String(read('  web: { command: x, restart: "always:3" }\n')), /'always:3' is no restart policy/);
});
