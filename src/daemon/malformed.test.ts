/** Requests that are wrong: each is refused with a code, what is wrong and what to do, and nothing is changed. */
import assert from 'node:assert/strict';
import { test } from 'node:test';
import { route } from '../api/routes.ts';
import { asLandlineError } from '../errors.ts';
import { keepContainers } from './container-keeper.ts';
import { daemonOn } from './daemon.ts';
import { openEnvironments } from './environments.ts';
import { fakeWorld, specOf } from './fixture.ts';

const file = (more: object): string =>
  JSON.stringify({ name: 'crm', 'x-landline': { network: 'office' }, services: { web: { command: 'true' } }, ...more });
const on = (more: object): string => file({ 'x-landline': { network: 'office', ...more } });
const web = (more: object): string => file({ services: { web: { command: 'true', ...more } } });

/** Method and path, the body, and what is said of it. */
const table: readonly (readonly [request: string, body: string, code: string, says: RegExp])[] = [
  ['POST /v1/environments', '', 'FILE_INVALID', /^body:1:1: /],
  ['POST /v1/environments', '{', 'FILE_INVALID', /^body:1:/],
  ['POST /v1/environments', '[]', 'FILE_INVALID', /^body:1:1: /],
  ['POST /v1/environments', '"shop"', 'FILE_INVALID', /^body:1:1: /],
  ['POST /v1/environments', '{"name":"crm"}', 'FILE_INVALID', /services/],
  ['POST /v1/environments', 'a: &a [*a]', 'FILE_INVALID', /^body:1:/],
  ['POST /v1/environments', '\u0000', 'FILE_INVALID', /^body:1:/],
  ['POST /v1/environments', file({ name: 'CRM' }), 'FILE_INVALID', /^body:1:9: .*CRM/],
  ['POST /v1/environments', file({ name: '' }), 'FILE_INVALID', /^body:1:9: /],
  ['POST /v1/environments', file({ name: 'a'.repeat(64) }), 'FILE_INVALID', /^body:1:9: /],
  ['POST /v1/environments', file({ name: 7 }), 'FILE_INVALID', /^body:1:9: .*number 7/],
  ['POST /v1/environments', file({ servces: {} }), 'FILE_INVALID', /servces/],
  ['POST /v1/environments', file({ services: [] }), 'FILE_INVALID', /services/],
  ['POST /v1/environments', file({ services: { Web: { command: 'true' } } }), 'FILE_INVALID', /Web/],
  ['POST /v1/environments', web({ restart: 'sometimes' }), 'FILE_INVALID', /sometimes/],
  ['POST /v1/environments', web({ depends_on: ['db'] }), 'FILE_INVALID', /db/],
  ['POST /v1/environments', web({ depends_on: ['web'] }), 'FILE_INVALID', /web/],
  ['POST /v1/environments', web({ command: '' }), 'FILE_INVALID', /this text is empty/],
  ['POST /v1/environments', web({ command: 'sh -c "' }), 'FILE_INVALID', /quote|command/],
  ['POST /v1/environments', web({ environment: { 'A=B': '1' } }), 'FILE_INVALID', /names no variable/],
  ['POST /v1/environments', web({ stop_signal: 'SIGTREM' }), 'FILE_INVALID', /SIGTREM/],
  ['POST /v1/environments', web({ stop_grace_period: 'soon' }), 'FILE_INVALID', /soon/],
  ['POST /v1/environments', web({ healthcheck: {} }), 'FILE_INVALID', /healthcheck|test/],
  ['POST /v1/environments', web({ volumes: ['a:b:c:d'] }), 'FILE_INVALID', /a:b:c:d|volumes/],
  ['POST /v1/environments', web({ privileged: true }), 'FILE_INVALID', /privileged/],
  ['POST /v1/environments', on({ address: '192.168.11.256' }), 'FILE_INVALID', /192\.168\.11\.256/],
  ['POST /v1/environments', on({ mac: '01:00:5e:00:00:01' }), 'FILE_INVALID', /01:00:5e/],
  ['POST /v1/environments', on({ interface: 'a/b' }), 'FILE_INVALID', /a\/b/],
  ['POST /v1/environments', on({ interface: 'a-name-of-sixteen' }), 'FILE_INVALID', /sixteen/],
  ['POST /v1/environments', on({ hostname: '-x' }), 'FILE_INVALID', /-x/],
  ['POST /v1/environments', on({ gateway: 'router' }), 'FILE_INVALID', /router/],
  ['POST /v1/environments', on({ routes: [{ to: '10.0.0.0/8' }] }), 'FILE_INVALID', /via/],
  ['POST /v1/environments', on({ adress: '192.168.11.9' }), 'FILE_INVALID', /adress/],
  ['POST /v1/environments', on({ network: 'offise' }), 'NETWORK_UNKNOWN', /offise/],
  ['POST /v1/environments', on({ address: '10.0.0.1' }), 'ADDRESS_OUTSIDE', /10\.0\.0\.1/],
  ['POST /v1/environments', on({ gateway: '8.8.8.8' }), 'ROUTER_OUTSIDE', /8\.8\.8\.8/],
  ['POST /v1/environments', on({ routes: [{ to: '10.9.0.0/16', via: '1.1.1.1' }] }), 'ROUTER_OUTSIDE', /1\.1\.1\.1/],
  ['POST /v1/environments', on({ address: '192.168.11.1' }), 'ADDRESS_UNUSABLE', /gateway/],
  ['POST /v1/environments', on({ address: '192.168.11.101' }), 'ADDRESS_HELD', /shop/],
  ['POST /v1/environments?wait=perhaps', file({}), 'USAGE', /'perhaps' for wait/],
  ['POST /v1/environments?timeout=long', file({}), 'USAGE', /'long' for timeout/],
  ['POST /v1/environments?timeout=-1', file({}), 'USAGE', /'-1' for timeout/],
  ['POST /v1/environments?name=A_B', file({}), 'USAGE', /A_B/],
  ['POST /v1/environments?directory=not/absolute', file({}), 'USAGE', /not\/absolute/],
  ['POST /v1/environments?directory=/nowhere', file({}), 'USAGE', /\/nowhere/],
  ['DELETE /v1/environments?volumes=maybe', '', 'USAGE', /'maybe' for volumes/],
  ['DELETE /v1/environments/shp', '', 'ENVIRONMENT_UNKNOWN', /shp/],
  ['DELETE /v1/environments/%zz', '', 'USAGE', /percent/],
  ['GET /v1/environments/shp', '', 'ENVIRONMENT_UNKNOWN', /shp/],
  ['GET /v1/environments/shop/exec?service=wep', '', 'SERVICE_UNKNOWN', /wep/],
  ['GET /v1/environments/shop/logs?tail=all', '', 'USAGE', /all/],
  ['GET /v1/environments/shop/logs?tail=-5', '', 'USAGE', /-5/],
  ['GET /v1/environments/shop/logs?since=noon', '', 'USAGE', /noon/],
  ['GET /v1/environments/shop/logs?service=wep', '', 'SERVICE_UNKNOWN', /wep/],
  ['POST /v1/environments/shop/stop?service=wep', '', 'SERVICE_UNKNOWN', /wep/],
  ['POST /v1/environments/shop/start?wait=x', '', 'USAGE', /'x' for wait/],
  ['POST /v1/environments/shop/restart?timeout=1m', '', 'USAGE', /'1m' for timeout/],
  ['POST /v1/environments/shop/pause', '', 'ROUTE_UNKNOWN', /pause/],
  ['PUT /v1/environments/shop', '', 'METHOD_UNKNOWN', /PUT/],
  ['POST /v1/attachments?network=office', '', 'USAGE', /pid or a netns/],
  ['POST /v1/attachments?network=office&pid=1&netns=/a', '', 'USAGE', /pid or a netns/],
  ['POST /v1/attachments?network=office&pid=x', '', 'USAGE', /pid: 'x'/],
  ['POST /v1/attachments?network=office&netns=a', '', 'USAGE', /netns: 'a'/],
  ['POST /v1/attachments?pid=1', '', 'USAGE', /network/],
  ['POST /v1/attachments?network=office&pid=4711&mac=01:00:5e:00:00:01', '', 'USAGE', /mac/],
  ['POST /v1/attachments?network=office&pid=4711&interface=a/b', '', 'USAGE', /interface/],
  ['POST /v1/attachments?network=office&pid=4711&address=here', '', 'USAGE', /address/],
  ['POST /v1/attachments?network=office&pid=4711&gateway=x', '', 'USAGE', /gateway/],
  ['POST /v1/attachments?network=office&pid=4711&route=x', '', 'USAGE', /x/],
  ['POST /v1/attachments?network=office&pid=4711&name=A', '', 'USAGE', /name/],
  ['DELETE /v1/attachments/shop', '', 'NOT_ATTACHED', /shop/],
  ['PUT /v1/addresses/192.168.11.400?for=crm', '', 'USAGE', /192\.168\.11\.400/],
  ['PUT /v1/addresses/192.168.11.120', '', 'USAGE', /name of an environment/],
  ['PUT /v1/addresses/192.168.11.120?for=C_R', '', 'USAGE', /C_R/],
  ['PUT /v1/addresses/192.168.11.120?for=crm&note=a%0Ab', '', 'USAGE', /note/],
  [`PUT /v1/addresses/192.168.11.120?for=crm&note=${'a'.repeat(201)}`, '', 'USAGE', /note/],
  ['PUT /v1/addresses/10.0.0.1?for=crm', '', 'ADDRESS_OUTSIDE', /10\.0\.0\.1/],
  ['PUT /v1/addresses/192.168.11.120?for=crm&network=x', '', 'NETWORK_UNKNOWN', /'x'/],
  ['PUT /v1/addresses/192.168.11.101?for=crm', '', 'ADDRESS_HELD', /shop/],
  ['DELETE /v1/addresses/nothing', '', 'USAGE', /nothing/],
  ['DELETE /v1/addresses/192.168.11.120', '', 'ADDRESS_UNKNOWN', /192\.168\.11\.120/],
  ['GET /v1/addresses/history?at=noon', '', 'USAGE', /noon/],
  ['GET /v2/environments', '', 'ROUTE_UNKNOWN', /v2/],
];

test('every wrong request is refused by name, and changes nothing', async (t) => {
  const { world, look } = await fakeWorld(t);
  const environments = openEnvironments(world);
  t.after(() => environments.close());
  await environments.up(specOf('shop', '192.168.11.101'), { wait: false, timeoutMs: 0 });
  const daemon = daemonOn(world, environments, keepContainers(world, environments));
  const before = await look();
  for (const [request, body, code, says] of table) {
    await t.test(`${request} ${body.slice(0, 60)}`, async () => {
      const [method = '', path = ''] = request.split(' ');
      const url = new URL(path, 'http://landline');
      const error = await Promise.resolve()
        .then(() => route(daemon, method, url, body, new AbortController().signal))
        .then(
          () => undefined,
          (thrown: unknown) => asLandlineError(thrown),
        );
      assert.ok(error !== undefined, 'it was not refused');
      assert.equal(error.code, code, error.message);
      assert.match(error.message, says);
      assert.ok(error.status >= 400 && error.status < 500, String(error.status));
      assert.ok(error.next.length > 5, error.next);
      assert.deepEqual(await look(), before);
    });
  }
});
