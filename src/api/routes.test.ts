import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError, LandlineError } from '../errors.ts';
import { type Script, scriptedDaemon } from './fixture.ts';
import { route, routes } from './routes.ts';

interface Asked {
  readonly status: number;
  readonly answer: unknown;
  readonly calls: readonly (readonly unknown[])[];
}

/** Asks `GET /v1/…`, as if a request had come. @throws what the route throws */
async function ask(line: string, { text = '', script = {} }: { text?: string; script?: Script } = {}): Promise<Asked> {
  const [method = '', path = ''] = line.split(' ');
  const { daemon, calls } = scriptedDaemon(script);
  const response = await route(daemon, method, new URL(path, 'http://landline'), text, new AbortController().signal);
  const body = await response.text();
  const isStream = !response.headers.get('content-type')?.startsWith('application/json');
  return { status: response.status, answer: isStream ? body : JSON.parse(body), calls };
}

async function* list(...values: readonly unknown[]): AsyncGenerator<unknown> {
  yield* values;
}

const view = { name: 'shop' };

/** Request → status, what the daemon was asked, what was answered. Each route of the table is here at least once. */
const cases: readonly (readonly [request: string, status: number, call: readonly unknown[], answer: unknown, text?: string])[] = [
  ['GET /v1/version', 200, ['version'], view],
  ['GET /v1/environments', 200, ['environments'], [view]],
  [
    'POST /v1/environments',
    201,
    ['up', { text: 'name: shop\n', file: 'body', directory: '/', overrides: {}, wait: true, timeoutMs: 60_000 }],
    view,
    'name: shop\n',
  ],
  [
    'POST /v1/environments?file=shop.yaml&directory=/srv&name=a&network=office&address=pool&hostname=b&wait=false&timeout=5',
    201,
    [
      'up',
      {
        text: '',
        file: 'shop.yaml',
        directory: '/srv',
        overrides: { name: 'a', network: 'office', address: 'pool', hostname: 'b' },
        wait: false,
        timeoutMs: 5000,
      },
    ],
    view,
  ],
  ['DELETE /v1/environments', 200, ['downAll', { keepAddress: false, volumes: false }], { ended: ['shop', 'crm'] }],
  ['GET /v1/environments/shop', 200, ['environment', 'shop'], view],
  ['GET /v1/environments/a%2Fb', 200, ['environment', 'a/b'], view],
  ['GET /v1/environments/caf%C3%A9%20', 200, ['environment', 'café '], view],
  ['DELETE /v1/environments/shop', 200, ['down', 'shop', { keepAddress: false, volumes: false }], { ended: ['shop'] }],
  [
    'DELETE /v1/environments/shop?keep-address&volumes=1',
    200,
    ['down', 'shop', { keepAddress: true, volumes: true }],
    { ended: ['shop'] },
  ],
  ['GET /v1/environments/shop/exec', 200, ['exec', 'shop', undefined], view],
  ['GET /v1/environments/shop/exec?service=web', 200, ['exec', 'shop', 'web'], view],
  [
    'GET /v1/environments/shop/logs',
    200,
    ['logs', { environment: 'shop', follow: false, timestamps: false }],
    '{"text":"a"}\n{"text":"b"}\n',
  ],
  [
    'GET /v1/environments/shop/logs?service=web&tail=0&follow&timestamps&since=2026-01-31T14:05:00Z',
    200,
    [
      'logs',
      { environment: 'shop', service: 'web', tail: 0, follow: true, timestamps: true, since: Date.UTC(2026, 0, 31, 14, 5) },
    ],
    '{"text":"a"}\n{"text":"b"}\n',
  ],
  ['POST /v1/environments/shop/start', 200, ['start', 'shop', undefined, { wait: true, timeoutMs: 60_000 }], view],
  [
    'POST /v1/environments/shop/start?service=web&wait=0',
    200,
    ['start', 'shop', 'web', { wait: false, timeoutMs: 60_000 }],
    view,
  ],
  ['POST /v1/environments/shop/stop?service=web', 200, ['stop', 'shop', 'web'], view],
  ['POST /v1/environments/shop/restart?timeout=1', 200, ['restart', 'shop', undefined, { wait: true, timeoutMs: 1000 }], view],
  ['GET /v1/environments/shop/sandbox', 200, ['sandbox', 'shop'], view],
  ['GET /v1/containers/Shop_1/netns', 200, ['containerNetns', 'Shop_1'], view],
  [
    'POST /v1/attachments?container=web&network=office&address=none&hostInterface=web1',
    201,
    [
      'attach',
      { target: { kind: 'container', container: 'web' }, network: 'office', routes: [], address: 'none', hostInterface: 'web1' },
    ],
    view,
  ],
  [
    'POST /v1/attachments?pid=4711&network=office',
    201,
    ['attach', { name: 'pid-4711', target: { kind: 'process', pid: 4711 }, network: 'office', routes: [] }],
    view,
  ],
  [
    'POST /v1/attachments?netns=/run/netns/Shop_1&network=office&address=192.168.11.101&interface=eth1&mac=02-4C-4C-00-00-01&gateway=none&route=10.50.0.7/24,192.168.11.9',
    201,
    [
      'attach',
      {
        name: 'shop-1',
        target: { kind: 'file', path: '/run/netns/Shop_1' },
        network: 'office',
        address: '192.168.11.101',
        interface: 'eth1',
        mac: '02:4c:4c:00:00:01',
        gateway: 'none',
        routes: [{ to: '10.50.0.0/24', via: '192.168.11.9' }],
      },
    ],
    view,
  ],
  ['DELETE /v1/attachments/pid-4711?network=office', 200, ['detach', 'pid-4711', 'office'], { detached: 'pid-4711' }],
  [
    'POST /v1/environments/shop/replace?service=web&image=shop/web:43&wait=false',
    200,
    ['replace', 'shop', 'web', 'shop/web:43', { wait: false, timeoutMs: 60_000 }],
    view,
  ],
  ['GET /v1/networks', 200, ['networks'], [view]],
  ['GET /v1/endpoints', 200, ['endpoints'], [view]],
  ['GET /v1/names', 200, ['names'], view],
  ['GET /v1/names/shop.test.office.example', 200, ['checkName', 'shop.test.office.example'], view],
  [
    'DELETE /v1/names/shop.test.office.example',
    200,
    ['forgetName', 'shop.test.office.example'],
    { forgotten: ['shop.test.office.example'] },
  ],
  ['GET /v1/addresses', 200, ['addresses'], [view]],
  ['GET /v1/leases', 200, ['leases'], [view]],
  ['POST /v1/leases/shop/renew', 200, ['renewLeases', 'shop', undefined], [view]],
  ['POST /v1/leases/shop/release?interface=eth1', 200, ['releaseLeases', 'shop', 'eth1'], [view]],
  ['GET /v1/metrics', 200, ['metrics'], '# HELP landline_environments Environments in the ledger.\n'],
  ['GET /v1/addresses/history', 200, ['history', {}], [view]],
  [
    'GET /v1/addresses/history?network=office&address=192.168.11.101&environment=shop&at=2026-01-31T14:05:00Z',
    200,
    ['history', { network: 'office', address: '192.168.11.101', environment: 'shop', at: Date.UTC(2026, 0, 31, 14, 5) }],
    [view],
  ],
  [
    'PUT /v1/addresses/192.168.11.101?for=shop&network=office&note=the%20boss%27s',
    201,
    ['reserve', { address: '192.168.11.101', environment: 'shop', note: "the boss's", network: 'office' }],
    view,
  ],
  ['DELETE /v1/addresses/192.168.11.101', 200, ['release', { address: '192.168.11.101' }], { released: '192.168.11.101' }],
  ['GET /v1/events', 200, ['events', undefined], '{"what":"a"}\n'],
  ['GET /v1/events?environment=shop', 200, ['events', 'shop'], '{"what":"a"}\n'],
];

const script: Script = {
  ...Object.fromEntries(
    [
      'version',
      'environment',
      'up',
      'exec',
      'start',
      'stop',
      'restart',
      'replace',
      'sandbox',
      'containerNetns',
      'attach',
      'reserve',
    ].map((it) => [it, view]),
  ),
  names: view,
  checkName: view,
  forgetName: ['shop.test.office.example'],
  ...Object.fromEntries(['environments', 'networks', 'endpoints', 'addresses', 'history'].map((it) => [it, [view]])),
  downAll: ['shop', 'crm'],
  logs: () => list({ text: 'a' }, { text: 'b' }),
  leases: [view],
  renewLeases: [view],
  releaseLeases: [view],
  metrics: '# HELP landline_environments Environments in the ledger.\n',
  events: () => list({ what: 'a' }),
};

for (const [request, status, call, answer, text] of cases) {
  test(request, async () => {
    assert.deepEqual(await ask(request, { script, text: text ?? '' }), { status, answer, calls: [call] });
  });
}

test('each route of the table has a case above', () => {
  const asked = cases.map(([request]) => {
    const [method = '', path = ''] = request.split(' ');
    return { method, parts: new URL(path, 'http://landline').pathname.split('/') };
  });
  const without = routes.filter(([verb, pattern]) => {
    const wanted = pattern.split('/');
    const fits = (parts: readonly string[]): boolean =>
      parts.length === wanted.length && parts.every((part, at) => wanted[at]?.startsWith(':') || wanted[at] === part);
    return !asked.some(({ method, parts }) => method === verb && fits(parts));
  });
  assert.deepEqual(
    without.map(([verb, pattern]) => `${verb} ${pattern}`),
    [],
  );
});

/** The code and the text of what is refused; the daemon must not have been asked. */
async function refused(request: string): Promise<string> {
  let asked = '';
  const note = (it: string): void => {
    asked = it;
  };
  const noting: Script = Object.fromEntries(
    Object.keys({ ...script, down: 1, detach: 1, release: 1 }).map((it) => [it, () => note(it)]),
  );
  try {
    await ask(request, { script: noting });
  } catch (error) {
    assert.equal(asked, '', `${request} was asked for all the same`);
    if (isLandlineError(error)) return `${error.status} ${error.code}: ${error.message}`;
    throw error;
  }
  return `${request} is not refused`;
}

test('what there is not is told with what there is', async () => {
  const cases: readonly (readonly [string, string])[] = [
    ['GET /', '404 ROUTE_UNKNOWN: the API has no /'],
    ['GET /v1', '404 ROUTE_UNKNOWN: the API has no /v1'],
    ['GET /v1/', '404 ROUTE_UNKNOWN: the API has no /v1/'],
    ['GET /v2/environments', '404 ROUTE_UNKNOWN: the API has no /v2/environments'],
    ['GET /v1/environments/shop/exec/now', '404 ROUTE_UNKNOWN: the API has no /v1/environments/shop/exec/now'],
    ['GET /V1/environments', '404 ROUTE_UNKNOWN: the API has no /V1/environments'],
    ['GET /v1/environments/..', '404 ROUTE_UNKNOWN: the API has no /v1/'],
    ['PATCH /v1/environments', '405 METHOD_UNKNOWN: /v1/environments does not take PATCH'],
    ['get /v1/environments', '405 METHOD_UNKNOWN: /v1/environments does not take get'],
    ['POST /v1/version', '405 METHOD_UNKNOWN: /v1/version does not take POST'],
  ];
  for (const [request, wanted] of cases) assert.equal(await refused(request), wanted);
  await assert.rejects(ask('PUT /v1/environments/shop'), { next: 'use GET or DELETE' });
});

test('a bad query is refused with what to write instead, before anything is done', async () => {
  const cases: readonly (readonly [string, RegExp])[] = [
    ['POST /v1/environments?wait=maybe', /'maybe' for wait is neither true nor false/],
    ['POST /v1/environments?timeout=soon', /'soon' for timeout is not a whole number/],
    ['POST /v1/environments?timeout=-1', /'-1' for timeout/],
    ['POST /v1/environments?timeout=1.5', /'1.5' for timeout/],
    ['POST /v1/environments?timeout=99999999999', /for timeout/],
    ['DELETE /v1/environments?keep-address=2', /'2' for keep-address/],
    ['DELETE /v1/environments/shop?volumes=all', /'all' for volumes/],
    ['GET /v1/environments/%zz', /'%zz' is not a path segment: bad percent-encoding/],
    ['GET /v1/environments/shop%', /bad percent-encoding/],
    ['GET /v1/environments/shop/logs?tail=all', /'all' for tail/],
    ['GET /v1/environments/shop/logs?since=yesterday', /'yesterday' is no time/],
    ['GET /v1/environments/shop/logs?follow=of', /'of' for follow/],
    ['POST /v1/environments/shop/start?wait=x', /'x' for wait/],
    ['POST /v1/attachments?network=office', /either a container, a pid or a netns/],
    ['POST /v1/attachments?pid=1&netns=/run/netns/a&network=office', /either a container, a pid or a netns/],
    ['POST /v1/attachments?container=-rm&network=office', /'-rm' is no container's id or name/],
    ['POST /v1/attachments?pid=0&network=office', /pid: '0' is not a process id/],
    ['POST /v1/attachments?pid=4711', /no network is named/],
    ['POST /v1/attachments?netns=shop&network=office', /netns: 'shop' is not a whole path/],
    ['POST /v1/attachments?pid=4711&network=office&address=192.168.11', /address: '192.168.11' is not/],
    ['POST /v1/attachments?pid=4711&network=office&mac=01:00:5e:00:00:01', /mac: '01:00:5e:00:00:01' is not a unicast MAC/],
    ['POST /v1/attachments?pid=4711&network=office&interface=lo', /interface: 'lo' is not/],
    ['POST /v1/attachments?pid=4711&network=office&gateway=router', /gateway: 'router' is not/],
    ['POST /v1/attachments?pid=4711&network=office&route=10.50.0.0/24', /'10.50.0.0\/24' is no route/],
    ['POST /v1/attachments?pid=4711&network=office&name=Shop', /name: 'Shop' is not/],
    ['GET /v1/addresses/history?at=yesterday', /'yesterday' is no time/],
    ['GET /v1/addresses/history?address=shop', /'shop' is not an address/],
    ['PUT /v1/addresses/192.168.11.101', /a reservation needs the name of an environment/],
    ['PUT /v1/addresses/192.168.11.101?for=Shop', /'Shop' is no environment's name/],
    ['PUT /v1/addresses/192.168.11.999?for=shop', /'192.168.11.999' is not an address/],
    ['DELETE /v1/addresses/shop', /'shop' is not an address/],
  ];
  for (const [request, wanted] of cases) {
    const said = await refused(request);
    assert.match(said, /^400 USAGE: /, request);
    assert.match(said, wanted, request);
  }
});

test("the daemon's own refusals come through as they are, from streams too", async () => {
  const unknown = (): never => {
    throw new LandlineError('ENVIRONMENT_UNKNOWN', { name: 'shop' });
  };
  await assert.rejects(ask('GET /v1/environments/shop', { script: { environment: unknown } }), { code: 'ENVIRONMENT_UNKNOWN' });
  await assert.rejects(ask('GET /v1/environments/shop/logs', { script: { logs: unknown } }), { code: 'ENVIRONMENT_UNKNOWN' });
});

test('a stream reads no further than its reader, and ends its source when the reader goes', async () => {
  let read = 0;
  let ended = false;
  async function* endless(): AsyncGenerator<number> {
    try {
      for (;;) yield ++read;
    } finally {
      ended = true;
    }
  }
  const { daemon } = scriptedDaemon({ events: endless });
  const url = new URL('http://landline/v1/events');
  const response = await route(daemon, 'GET', url, '', new AbortController().signal);
  const reader = response.body?.getReader();
  assert.equal(new TextDecoder().decode((await reader?.read())?.value), '1\n');
  assert.ok(read <= 3, `read ${read} ahead`);
  await reader?.cancel();
  assert.ok(ended);
});

test('a stream that is over because its client has gone ends its source too', async () => {
  const gone = new AbortController();
  let ended = false;
  async function* waiting(): AsyncGenerator<string> {
    try {
      yield 'first';
      await new Promise((resolve) => gone.signal.addEventListener('abort', resolve));
      yield 'too late';
      yield 'never';
    } finally {
      ended = true;
    }
  }
  const { daemon } = scriptedDaemon({ events: waiting });
  const response = await route(daemon, 'GET', new URL('http://landline/v1/events'), '', gone.signal);
  const text = response.text();
  setImmediate(() => gone.abort());
  assert.equal(await text, '"first"\n');
  assert.ok(ended);
});
