/** Swaps again and again, some with the daemon or dockerd killed in the middle: each time one generation is left, and one holder of the address. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isDockerInstalled } from '../../src/lab/index.ts';
import { withDockerOffice } from '../docker/office.ts';
import { killedIn, outside, phases, says, settled, shop } from '../docker/swapping.ts';

const rounds = Number(process.env['LANDLINE_ROUNDS'] ?? 5);

const skip = isDockerInstalled() ? {} : { skip: 'dockerd is not installed (`scripts/packages` installs it)' };

test('swaps one after the other, and the daemon or dockerd killed in each phase of them', skip, async (t) => {
  await withDockerOffice(t, {}, async (office) => {
    await office.loadImage('test/box:1');
    await office.up(shop('0'));
    for (let round = 1; round <= rounds; round += 1) {
      for (const victim of ['daemon', 'dockerd'] as const) for (const phase of phases) await killedIn(t, office, phase, victim);
      await t.test(`round ${round}`, async (s) => {
        const heard = await outside(office, () => office.up(shop(String(round)), { swap: true }));
        s.diagnostic(JSON.stringify(heard));
        assert.ok(heard.lost <= 20 && heard.refused <= 2, JSON.stringify(heard));
        await settled(office, `round ${round}`);
        assert.equal(await says(office), String(round));
      });
    }
  });
});
