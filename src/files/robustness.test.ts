import assert from 'node:assert/strict';
import { test } from 'node:test';
import fc from 'fast-check';
import type { MountSpec } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { isEnvironmentName, isHostname, isLinkName } from '../net/name.ts';
import { parsePrefix } from '../net/prefix.ts';
import { formatEnvironment } from './format.ts';
import { parseConfiguration, parseDotenv, parseEnvironment } from './index.ts';

const configuration = `
id: office-host-1
x-lan: &lan { resolvers: [192.168.11.2], probe: fast }
networks:
  office:
    <<: *lan
    bridge: br0                     # a comment
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    pool:
      - 192.168.11.100-192.168.11.250
      - "192.168.10.7"
    exclude: [192.168.11.200]
    domain: test.office.example
`;

const environment = `
name: shop
x-common: &common { restart: always, environment: { A: 1, B: "\${HOME:-\${X}}" } }
x-landline:
  networks:
    - network: office
      address: 192.168.11.101
      mac: 02:4c:4c:00:00:01
      routes: [{ to: 10.50.0.0/24, via: 192.168.11.1 }]
    - { network: lab, interface: lab0, gateway: none, hostname: shop-lab }
    - bridge
services:
  web:
    <<: *common
    command: sh -c "exec python3 -m http.server \${PORT}"
    ports: ["8080:80"]
    depends_on: { db: { condition: service_started } }
    stop_signal: TERM
    stop_grace_period: 1m30s
  db: { command: ['sleep', '60'], environment: [C=1, HOME], labels: {} }
`;

const dotenv = 'A=1\nexport B="two $A"\nC=\'three\' # four\nD: ${A:-x}\n';

const variables = { HOME: '/root' };

const readers: Readonly<Record<string, { readonly good: string; readonly read: (input: string | Uint8Array) => unknown }>> = {
  'landline.yaml': { good: configuration, read: (input) => parseConfiguration(input, 'landline.yaml') },
  'shop.yaml': {
    good: environment,
    read: readEnvironment,
  },
  '.env': { good: dotenv, read: (input) => parseDotenv(input, '.env', variables) },
};

/** What is taken is fit to be run: nothing is half there. */
function readEnvironment(input: string | Uint8Array): void {
  const { spec } = parseEnvironment(input, { file: 'shop.yaml', directory: '/srv', variables });
  assert.ok(isEnvironmentName(spec.name) && isHostname(spec.hostname), `${spec.name}, ${spec.hostname}`);
  assert.ok(spec.services.length > 0);
  const before = new Set<string>();
  for (const { name, command, dependsOn, stopGraceMs, workingDir } of spec.services) {
    assert.ok(isEnvironmentName(name) && (command[0] ?? '') !== '' && command.every((word) => !word.includes('\0')), name);
    assert.ok(
      dependsOn.every(({ service }) => before.has(service)),
      `${name} starts before what it depends on`,
    );
    assert.ok(Number.isInteger(stopGraceMs) && stopGraceMs >= 0 && (workingDir ?? '/').startsWith('/'));
    before.add(name);
  }
  assert.equal(new Set(spec.endpoints.map((it) => it.interface)).size, spec.endpoints.length);
  for (const { address, interface: link, routes } of spec.endpoints) {
    assert.ok(
      isLinkName(link) && (['pool', 'dhcp', 'default'].includes(address) || parseIpv4(address) !== undefined),
      `${link} ${address}`,
    );
    assert.ok(routes.every(({ to, via }) => parsePrefix(to) !== undefined && parseIpv4(via) !== undefined));
  }
}

/** A value, or a FILE_INVALID whose every place is in the file; anything else fails. */
function readsOrRefuses(input: string | Uint8Array, file: string, read: (input: string | Uint8Array) => unknown): void {
  try {
    read(input);
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    const lines = (typeof input === 'string' ? input : new TextDecoder().decode(input)).split('\n');
    assert.equal(error.details.file, file);
    assert.ok(error.details.problems.length > 0);
    for (const { line, column, message, next } of error.details.problems) {
      assert.ok(line >= 1 && line <= lines.length, `line ${line} of ${lines.length}`);
      assert.ok(column >= 1 && column <= Array.from(lines[line - 1] ?? '').length + 1, `column ${column} of line ${line}`);
      assert.ok(message.length > 0 && next.length > 0);
    }
  }
}

/** Texts that look like YAML more often than chance would have it. */
const pieces =
  'name|services|networks|x-landline|network|command|depends_on|environment|office|web|: |:|- |\n|\n  |\n    |{|}|[|]|,|"|\'|#|&a|*a|<<: *a|!t|$|${|$$|:-|?|192.168.11.1|/23|0|-|true|null|~|\t|\r|\0|---|...|%|@|`|>|é|😀|\uFEFF|\uFFFD|\u2028|__proto__|constructor'.split(
    '|',
  );
const yamlish = fc.array(fc.constantFrom(...pieces, '|'), { maxLength: 60 }).map((some) => some.join(''));

for (const [file, { good, read }] of Object.entries(readers)) {
  test(`${file}: any text gives a value or a FILE_INVALID`, () => {
    fc.assert(
      fc.property(fc.oneof(fc.string({ unit: 'binary', maxLength: 200 }), yamlish, fc.json()), (text) =>
        readsOrRefuses(text, file, read),
      ),
      { numRuns: 1500 },
    );
  });

  test(`${file}: any bytes give a value or a FILE_INVALID`, () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => readsOrRefuses(bytes, file, read)),
      { numRuns: 300 },
    );
  });

  test(`${file}: a good file that is cut off anywhere gives a value or a FILE_INVALID`, () => {
    for (let end = 0; end <= good.length; end += 1) readsOrRefuses(good.slice(0, end), file, read);
  });

  test(`${file}: a good file with a character changed, left out or put in gives a value or a FILE_INVALID`, () => {
    const change = fc.record({
      at: fc.nat({ max: good.length - 1 }),
      remove: fc.nat({ max: 3 }),
      put: fc.constantFrom('', ...pieces, '|'),
    });
    fc.assert(
      fc.property(fc.array(change, { minLength: 1, maxLength: 3 }), (changes) => {
        const text = changes.reduce((so, { at, remove, put }) => so.slice(0, at) + put + so.slice(at + remove), good);
        readsOrRefuses(text, file, read);
      }),
      { numRuns: 1000 },
    );
  });

  test(`${file}: a line of a good file that stands twice, or is missing, gives a value or a FILE_INVALID`, () => {
    const lines = good.split('\n');
    for (let index = 0; index < lines.length; index += 1) {
      readsOrRefuses(lines.toSpliced(index, 1).join('\n'), file, read);
      readsOrRefuses(lines.toSpliced(index, 0, lines[index] ?? '').join('\n'), file, read);
    }
  });
}

test('any value at any place of an environment file gives a value or a FILE_INVALID', () => {
  const places = [
    'name',
    'x-landline',
    'network',
    'address',
    'mac',
    'gateway',
    'routes',
    'services',
    'command',
    'entrypoint',
    'environment',
    'working_dir',
    'depends_on',
    'restart',
    'stop_signal',
    'stop_grace_period',
    'ports',
  ];
  fc.assert(
    fc.property(fc.constantFrom(...places), fc.jsonValue(), (place, value) => {
      const service: Record<string, unknown> = { command: 'sleep 60' };
      const block: Record<string, unknown> = { network: 'office' };
      const top: Record<string, unknown> = { name: 'shop', 'x-landline': block, services: { web: service } };
      const target = place in top ? top : ['network', 'address', 'mac', 'gateway', 'routes'].includes(place) ? block : service;
      target[place] = value;
      readsOrRefuses(JSON.stringify(top), 'shop.yaml', readEnvironment);
    }),
    { numRuns: 1500 },
  );
});

test('an environment written as JSON is read back the same', () => {
  const name = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,20}[a-z0-9]$/);
  const word = fc
    .string({ unit: 'binary', minLength: 1, maxLength: 30 })
    .filter((text) => !text.includes('\0') && text.isWellFormed());
  const service = fc.record({
    command: fc.array(word, { minLength: 1, maxLength: 4 }),
    environment: fc.dictionary(
      word.filter((text) => !text.includes('=') && text !== '__proto__'),
      word,
      { maxKeys: 4, noNullPrototype: true },
    ),
    restart: fc.constantFrom('no', 'always', 'on-failure', 'unless-stopped'),
    stopGraceMs: fc.nat({ max: 86_400_000 }),
    healthcheck: fc.record(
      {
        test: fc.array(word, { minLength: 1, maxLength: 3 }),
        intervalMs: fc.integer({ min: 1, max: 86_400_000 }),
        timeoutMs: fc.integer({ min: 1, max: 86_400_000 }),
        retries: fc.integer({ min: 1, max: 99 }),
        startPeriodMs: fc.nat({ max: 86_400_000 }),
        startIntervalMs: fc.integer({ min: 1, max: 86_400_000 }),
      },
      { noNullPrototype: true },
    ),
    user: fc.constantFrom('shop', '1000:50'),
    groups: fc.constantFrom(['adm'], ['33', 'shop']),
    ulimits: fc.constantFrom([{ name: 'nofile', soft: 1, hard: -1 }], []),
    mounts: fc.constantFrom<MountSpec[][]>(
      [{ kind: 'bind', source: '/srv/a b:c', target: '/a', readOnly: true, create: false }],
      [{ kind: 'tmpfs', target: '/a', options: 'size=64m,exec' }],
      [
        { kind: 'volume', target: '/a', readOnly: false },
        { kind: 'volume', volume: 'data', target: '/b', readOnly: true },
      ],
    ),
    dependsOn: fc.record({
      condition: fc.constantFrom('service_started', 'service_completed_successfully'),
      required: fc.boolean(),
    }),
  });
  fc.assert(
    fc.property(name, fc.array(service, { minLength: 1, maxLength: 4 }), fc.boolean(), (environmentName, services, alone) => {
      const spec = {
        name: environmentName,
        hostname: environmentName,
        directory: '/srv/shop',
        endpoints: alone
          ? []
          : [
              {
                network: 'office',
                interface: 'eth0',
                address: '192.168.11.101',
                gateway: 'none',
                routes: [{ to: '10.50.0.0/24', via: '192.168.11.1' }],
              },
            ],
        services: services.map((it, index) => ({
          ...it,
          name: `s${index}`,
          workingDir: '/srv',
          dependsOn: index === 0 ? [] : [{ ...it.dependsOn, service: `s${index - 1}` }],
          stopSignal: 'SIGTERM',
        })),
      } as const;
      const read = parseEnvironment(formatEnvironment(spec), { file: 'request', directory: '/srv/shop' });
      assert.deepEqual(read.spec, spec);
    }),
    { numRuns: 500 },
  );
});
