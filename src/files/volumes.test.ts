import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { MountSpec } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { parseEnvironment } from './environment.ts';

/** The mounts of a service that says this, beside a file that declares `data`; or its mistakes. */
function read(says: string, top = 'volumes: { data: {} }'): readonly MountSpec[] | string {
  const text = `name: shop\nx-landline: { network: office }\n${top}\nservices:\n  web:\n    command: x\n    ${says}\n`;
  try {
    return parseEnvironment(text, { file: 'shop.yaml', directory: '/srv/shop' }).spec.services[0]?.mounts ?? [];
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    return error.details.problems.map((it) => `${it.line}:${it.column}: ${it.message} → ${it.next}`).join('\n');
  }
}

const bind = (source: string, target: string, more: { readOnly?: boolean; create?: boolean } = {}): MountSpec => {
  return { kind: 'bind', source, target, readOnly: false, create: true, ...more };
};

test('the short form: a path is from the folder of the file, a name is a volume, a target alone is the own of the service', () => {
  assert.deepEqual(
    read('volumes: [./html:/srv/html, ../conf:/conf:ro, /opt/x:/opt/y:rw, data:/data, /cache, "data:/more:ro,z"]'),
    [
      { kind: 'volume', target: '/cache', readOnly: false },
      bind('/srv/conf', '/conf', { readOnly: true }),
      { kind: 'volume', volume: 'data', target: '/data', readOnly: false },
      { kind: 'volume', volume: 'data', target: '/more', readOnly: true },
      bind('/opt/x', '/opt/y'),
      bind('/srv/shop/html', '/srv/html'),
    ],
  );
});

test('the long form', () => {
  assert.deepEqual(read('volumes: [{ type: bind, source: ., target: /a, read_only: true, bind: { create_host_path: false } }]'), [
    bind('/srv/shop', '/a', { readOnly: true, create: false }),
  ]);
  assert.deepEqual(read('volumes: [{ type: volume, source: data, target: /b }, { type: volume, target: /c }]'), [
    { kind: 'volume', volume: 'data', target: '/b', readOnly: false },
    { kind: 'volume', target: '/c', readOnly: false },
  ]);
  assert.deepEqual(read('volumes: [{ type: tmpfs, target: /d, tmpfs: { size: 1048576, mode: 0o700 } }]'), [
    { kind: 'tmpfs', target: '/d', options: 'size=1048576,mode=700' },
  ]);
});

test('tmpfs is a text or a list, with options of mount(8)', () => {
  assert.deepEqual(read('tmpfs: /run/x'), [{ kind: 'tmpfs', target: '/run/x', options: '' }]);
  assert.deepEqual(read('tmpfs: ["/a:size=64m,exec", /b]'), [
    { kind: 'tmpfs', target: '/a', options: 'size=64m,exec' },
    { kind: 'tmpfs', target: '/b', options: '' },
  ]);
});

test('what lies below another is mounted after it', () => {
  const targets = (it: readonly MountSpec[] | string): readonly string[] =>
    typeof it === 'string' ? [it] : it.map(({ target }) => target);
  assert.deepEqual(targets(read('volumes: [/a/b/c, /a, "/a-b", /a/b]\n    tmpfs: /a/b/d')), [
    '/a',
    '/a-b',
    '/a/b',
    '/a/b/c',
    '/a/b/d',
  ]);
});

test('hostile targets are refused', () => {
  for (const [target, says] of Object.entries({
    data: "'data' is no absolute path → write the path in the service, beginning with '/'",
    '/srv/../proc': "'/srv/../proc' goes back with '..' → write /proc",
    '/proc': "nothing can be mounted on '/proc' → choose another path",
    '/proc/sys': "nothing can be mounted on '/proc/sys' → choose another path",
    '//sys//kernel': "nothing can be mounted on '/sys/kernel' → choose another path",
    '/./': "nothing can be mounted on '/' → choose another path",
    '/dev': "nothing can be mounted on '/dev' → choose another path",
    '/etc/resolv.conf': "nothing can be mounted on '/etc/resolv.conf' → choose another path",
  })) {
    assert.equal(read(`volumes: ["./x:${target}"]`), `7:15: ${says}`);
    assert.equal(read(`volumes: [{ type: bind, source: ./x, target: ${target} }]`), `7:${46 + 4}: ${says}`);
    assert.equal(read(`tmpfs: ["${target}"]`), `7:13: ${says}`);
  }
});

test('mistakes say what to write instead', () => {
  for (const [says, wanted] of Object.entries({
    'volumes: [dta:/data]': "7:15: there is no volume 'dta' in the file → did you mean 'data'?",
    'volumes: ["~/x:/data"]':
      "7:15: no shell reads '~/x', so '~' is nobody's home → write the whole path, or one that begins with './'",
    'volumes: ["da/ta:/data"]': "7:15: 'da/ta' is neither a path nor the name of a volume → write ./da/ta for a path",
    'volumes: ["./x:/data:rx"]': "7:15: 'rx' is no option of a volume → write ro, or nothing",
    'volumes: ["./x:/data", "/data"]': "7:28: something is mounted on '/data' already → remove one of the two",
    'volumes: [{ type: bind, target: /data }]': "7:15: a bind mount needs a 'source' → add 'source: ./data'",
    'volumes: [{ type: volume, source: ./x, target: /data }]':
      "7:15: './x' is not the name of a volume → write 'type: bind' for a path",
    'tmpfs: "/run:sise=1m"': "7:12: 'sise=1m' is no option of a tmpfs → write size=64m, mode=1777, uid=0, gid=0, exec or noexec",
  }))
    assert.equal(read(says), wanted);
});

test('a declared volume has no driver and comes from nowhere else', () => {
  assert.equal(
    read('volumes: [data:/data]', 'volumes: { data: { driver: local } }'),
    "3:20: 'driver' of a volume is not part of this version → remove it: a volume is a folder of the host, kept until `landline down --volumes`",
  );
  assert.match(String(read('volumes: [data:/data]', 'volumes: { data: { external: true } }')), /^3:20: 'external' of a volume/);
  assert.equal(
    read('restart: always', 'volumes: { "../data": }'),
    "3:12: '../data' cannot be the name of a volume → write letters, digits, '_', '.' and '-'",
  );
  assert.deepEqual(read('restart: always', 'volumes:'), []);
});
