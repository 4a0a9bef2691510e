import assert from 'node:assert/strict';
import fs from 'node:fs';
import path from 'node:path';
import { test } from 'node:test';
import { withOffice } from '../office.ts';

test('config init writes what this host has, and the daemon serves it as it is', async (t) => {
  await withOffice(t, {}, async (office) => {
    const file = path.join(office.folder, 'landline.yaml');
    assert.equal((await office.landline('config', 'init', file)).status, 0);
    const text = fs.readFileSync(file, 'utf8');
    for (const line of [
      /^ +bridge: br0\b/m,
      /^ +subnet: 192\.168\.10\.0\/23\b/m,
      /^ +gateway: 192\.168\.11\.1\b/m,
      /^ +resolvers: \[192\.168\.11\.2\]/m,
    ])
      assert.match(text, line);
    assert.equal((await office.landline('config', 'check', file)).status, 0);
    await office.configure(text);
    const { endpoints } = await office.up({
      name: 'shop',
      'x-landline': { network: 'office' },
      services: { web: { command: 'sleep 600' } },
    });
    const address = endpoints[0]?.addresses[0]?.replace('/23', '') ?? '';
    assert.ok(await office.holderOf(address), `the pc finds ${address}`);
    assert.ok(!['192.168.11.1', '192.168.11.2', '192.168.11.20', '192.168.10.20'].includes(address));
    const again = await office.landline('config', 'init', file);
    assert.deepEqual([again.status, fs.readFileSync(file, 'utf8')], [2, text], 'what is there is not written over');
  });
});

test('config init on a host without a bridge names the one that is to be made', async (t) => {
  await withOffice(t, { plainNic: true }, async (office) => {
    const { status, stdout } = await office.landline('config', 'init', '-');
    assert.equal(status, 0);
    fs.writeFileSync(path.join(office.folder, 'landline.yaml'), stdout);
    assert.match(stdout, /br0/);
    assert.match(stdout, /ens33/);
    assert.match(stdout, /^# +subnet: 192\.168\.10\.0\/23\b/m);
    assert.equal((await office.landline('config', 'check', path.join(office.folder, 'landline.yaml'))).status, 0);
  });
});
