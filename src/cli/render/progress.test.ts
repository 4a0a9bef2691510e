import assert from 'node:assert/strict';
import { test } from 'node:test';
import { advance, beginProgress, frame, openLines, type Progress, progressLine, redraw, type Terminal } from './progress.ts';

const terminal: Terminal = { columns: 80, rows: 24, colour: false, unicode: true };

type Fields = Readonly<Record<string, string | number>>;
type Story = readonly (readonly [at: number, what: string, fields: Fields])[];

const story: Story = [
  [10, 'endpoint attaching', { network: 'office', interface: 'eth0', address: '192.168.11.101/23' }],
  [320, 'address bound', { network: 'office', interface: 'eth0', address: '192.168.11.101/23', mac: '02:00:00:00:00:01' }],
  [330, 'service waiting', { service: 'api', on: 'db to be healthy' }],
  [331, 'service starting', { service: 'db' }],
  [350, 'service started', { service: 'db' }],
  [360, 'service health', { service: 'db', health: 'starting' }],
  [1400, 'service health', { service: 'db', health: 'healthy' }],
  [1410, 'service starting', { service: 'api' }],
  [1430, 'service started', { service: 'api' }],
  [1600, 'service ended', { service: 'api', status: 3 }],
];

const event = (what: string, fields: Fields): Parameters<typeof advance>[1] => ({
  time: '',
  what,
  fields: { environment: 'shop', ...fields },
});

/** How it stands at a time. */
const at = (time: number, told: Story = story, services: readonly string[] = ['db', 'api']): Progress =>
  told
    .filter(([when]) => when <= time)
    .reduce((it, [when, what, fields]) => advance(it, event(what, fields), when), beginProgress('shop', services, 0));

const picture = (time: number, more: Partial<Terminal> = {}): string =>
  frame(at(time), time, { ...terminal, ...more }).join('\n');

test('a start is shown row by row: probing, waiting, healthy, ended', () => {
  assert.equal(
    picture(100),
    ['shop  0 of 3  0.1 s', ' ⠙ office  attaching 192.168.11.101/23  0.1 s', ' · db', ' · api'].join('\n'),
  );
  assert.equal(
    picture(700),
    [
      'shop  1 of 3  0.7 s',
      ' ✔ office  192.168.11.101/23           0.3 s',
      ' ⠧ db      running, not healthy yet    0.4 s',
      ' · api     waits for db to be healthy  0.4 s',
    ].join('\n'),
  );
  assert.equal(
    picture(2000),
    [
      'shop  2 of 3  2.0 s',
      ' ✔ office  192.168.11.101/23    0.3 s',
      ' ✔ db      healthy              1.1 s',
      ' ✘ api     ended with status 3  1.3 s',
    ].join('\n'),
  );
});

test('a terminal without colours gets none, one with colours has the marks in them, one of ASCII gets ASCII', () => {
  assert.ok(!picture(2000).includes('\x1b'));
  const coloured = picture(2000, { colour: true });
  assert.ok(coloured.includes('\x1b[32m✔\x1b[0m db'));
  assert.ok(coloured.includes('\x1b[31m✘\x1b[0m api'));
  assert.match(picture(700, { unicode: false }), /^[\x20-\x7e\n]*$/);
});

test('no line is as wide as the terminal, whatever its width', () => {
  for (let columns = 1; columns <= 60; columns += 1) {
    for (const line of frame(at(700), 700, { ...terminal, columns }))
      assert.ok(line.length < Math.max(columns, 2), `${columns}: '${line}'`);
  }
  assert.equal(
    picture(2000, { columns: 24 }),
    ['shop  2 of 3  2.0 s', ' ✔ office  192.168.11.…', ' ✔ db      healthy    …', ' ✘ api     ended with …'].join('\n'),
  );
});

test('on a low terminal what is done gives way to what is not', () => {
  const services = Array.from({ length: 12 }, (_, n) => `s${n}`);
  const told: Story = services
    .slice(0, 11)
    .map((service, n) => [n, n === 3 ? 'service starting' : 'service started', { service }]);
  const lines = frame(at(20, told, services), 20, { ...terminal, rows: 6 });
  assert.deepEqual(lines, [
    'shop  10 of 12  0.0 s',
    ' ✔ s0   running   0.0 s',
    ' ⠋ s3   starting  0.0 s',
    ' · s11',
    '   and 9 more',
  ]);
});

test('what stands in the way is told below, and no longer once something moves', () => {
  const stuck: Story = [
    [5, 'environment in trouble', { code: 'BRIDGE_MISSING', problem: "network 'office' needs\nthe bridge br0" }],
  ];
  assert.equal(frame(at(9, stuck), 9, terminal).at(-1), " ✘ network 'office' needs the bridge br0");
  const moved: Story = [...stuck, [6, 'service starting', { service: 'db' }]];
  assert.equal(frame(at(9, moved), 9, terminal).at(-1), ' · api');
});

test('an event of another environment, or of no row, changes nothing', () => {
  const before = at(700);
  assert.equal(
    advance(before, { time: '', what: 'service started', fields: { environment: 'crm', service: 'db' } }, 800),
    before,
  );
  assert.equal(advance(before, event('environment up', {}), 800), before);
});

test('elsewhere than on a terminal each move is a line', () => {
  const lines = story.flatMap(([when]) => progressLine(at(when - 1), at(when)) ?? []);
  assert.deepEqual(lines, [
    'landline: shop/office: attaching 192.168.11.101/23',
    'landline: shop/office: 192.168.11.101/23',
    'landline: shop/api: waits for db to be healthy',
    'landline: shop/db: starting',
    'landline: shop/db: running',
    'landline: shop/db: running, not healthy yet',
    'landline: shop/db: healthy',
    'landline: shop/api: starting',
    'landline: shop/api: running',
    'landline: shop/api: ended with status 3',
  ]);
  assert.deepEqual(openLines(at(700)), [
    'landline: shop/db: running, not healthy yet',
    'landline: shop/api: waits for db to be healthy',
  ]);
});

test('a picture is drawn over the former one, also where the terminal has become narrower meanwhile', () => {
  assert.equal(redraw([], ['a', 'b'], 80), 'a\x1b[K\nb\x1b[K\n\x1b[J');
  assert.equal(redraw(['a', 'b'], ['c'], 80), '\x1b[2A\rc\x1b[K\n\x1b[J');
  assert.equal(redraw(['12345678901', 'b'], ['c'], 10), '\x1b[3A\rc\x1b[K\n\x1b[J');
});
