import assert from 'node:assert/strict';
import { test } from 'node:test';
import { asLandlineError, type Code, catalogue, type Details, isLandlineError, LandlineError } from './errors.ts';

const service = { environment: 'shop', service: 'web' };
const leased = { environment: 'shop', network: 'office', interface: 'eth0', address: '192.168.10.100', server: '192.168.11.2' };
const holder = { name: 'nginx', pid: 812 };

/** For each code the details that it may carry; those that may be left out once with and once without. */
const samples: { readonly [C in Code]: readonly Details<C>[] } = {
  USAGE: [{ problem: "there is no option '--foo'", advice: '`landline help up` lists them' }],
  FILE_UNREADABLE: [{ file: 'shop.yaml', reason: 'there is no such file' }],
  FILE_UNWRITABLE: [{ file: 'shop.yaml', reason: 'it is a folder' }],
  FILE_INVALID: [
    { file: 'shop.yaml', problems: [{ line: 2, column: 3, message: "unknown key 'adress'", next: "did you mean 'address'?" }] },
  ],
  DAEMON_UNREACHABLE: [{ socket: '/run/landline/landline.sock', reason: 'there is no such socket' }],
  DAEMON_FORBIDDEN: [{ socket: '/run/landline/landline.sock' }],
  DAEMON_RUNNING: [{ what: '/var/lib/landline/landline.db' }, { what: '/run/landline/landline.sock', pid: 4711 }],
  ROUTE_UNKNOWN: [{ method: 'GET', path: '/v1/x' }],
  METHOD_UNKNOWN: [{ method: 'PATCH', path: '/v1/version', allowed: ['GET'] }],
  REQUEST_FOREIGN: [{ header: 'origin', value: 'https://example.org' }],
  BODY_TOO_LARGE: [{ limit: 1_048_576 }],
  ENVIRONMENT_UNKNOWN: [{ name: 'shp' }, { name: 'shp', suggestion: 'shop' }],
  SERVICE_UNKNOWN: [
    { ...service, services: ['db'] },
    { ...service, services: [] },
  ],
  SERVICE_UNCLEAR: [{ environment: 'shop', services: ['db', 'web'] }],
  SERVICE_STOPPED: [service],
  NETWORK_UNKNOWN: [
    { name: 'ofice', networks: ['office'], suggestion: 'office' },
    { name: 'office', networks: [] },
  ],
  SANDBOX_AWAY: [{ environment: 'shop', joined: 'crm' }],
  TARGET_IS_HOST: [{ target: 'process 1' }],
  NAME_TAKEN: [{ name: 'shop' }],
  NOT_ATTACHED: [{ name: 'shop' }, { name: 'shop', network: 'office' }],
  TARGET_GONE: [{ target: 'process 4711' }],
  DHCP_UNAVAILABLE: [{ network: 'bridge' }],
  BACKEND_REFUSED: [{ network: 'office', because: 'it knows no addresses from DHCP', instead: 'write an address, or pool' }],
  DOCKER_NETWORK_REFUSED: [{ network: 'office', bridge: 'br0', says: 'networks have same bridge name' }],
  LEASE_AWAITED: [
    { environment: 'shop', network: 'office', interface: 'eth0', because: "no DHCP server has answered on network 'office'" },
  ],
  LEASE_UNANSWERED: [{ ...leased, until: '2026-03-02T14:06:00.000Z' }],
  LEASE_EXPIRED: [{ ...leased, since: '2026-03-02T14:06:00.000Z' }],
  LEASE_RELEASED: [{ environment: 'shop', network: 'office', interface: 'eth0' }],
  LEASE_UNKNOWN: [{ environment: 'shop' }, { environment: 'shop', interface: 'eth1' }],
  ROUTER_OUTSIDE: [{ router: '8.8.8.8', network: 'office', subnet: '192.168.10.0/23' }],
  ADDRESS_OUTSIDE: [{ address: '10.0.0.1', network: 'office', subnet: '192.168.10.0/23' }],
  ADDRESS_UNUSABLE: [{ address: '192.168.11.1', network: 'office', reason: 'the gateway' }],
  ADDRESS_HELD: [{ address: '192.168.11.101', network: 'office', environment: 'crm' }],
  ADDRESS_RESERVED: [{ address: '192.168.11.101', network: 'office', holder: 'crm' }],
  ADDRESS_QUARANTINED: [{ address: '192.168.11.101', network: 'office', environment: 'crm', until: '2026-03-02T14:06:00Z' }],
  ADDRESS_TAKEN: [{ address: '192.168.11.101', network: 'office', holder: '52:54:00:00:00:10' }],
  ADDRESS_UNKNOWN: [{ address: '192.168.11.101' }],
  POOL_FULL: [
    { network: 'office', size: 1, holders: [{ address: '192.168.11.101', holder: 'crm' }] },
    { network: 'office', size: 500, holders: [{ address: '192.168.11.101', holder: 'crm' }] },
  ],
  POOL_MISSING: [{ network: 'office' }],
  BRIDGE_MISSING: [{ network: 'office', bridge: 'br0' }],
  BRIDGE_FULL: [{ bridge: 'br0', ports: 1023 }],
  BRIDGE_NEARLY_FULL: [{ bridge: 'br0', ports: 950 }],
  BRIDGE_DOWN: [{ network: 'office', bridge: 'br0' }],
  PARENT_MISSING: [{ network: 'office', parent: 'ens33' }],
  PARENT_DOWN: [{ network: 'office', parent: 'ens33' }],
  PARENT_IS_PORT: [{ network: 'office', parent: 'ens33', bridge: 'br0' }],
  PARENT_BUSY: [{ network: 'office', parent: 'ens33', kind: 'macvlan' }],
  PARENT_WIRELESS: [{ network: 'office', parent: 'wlan0' }],
  KIND_MISSING: [{ network: 'office', kind: 'ipvlan' }],
  MAC_TAKEN: [{ mac: '02:4c:4c:00:00:01', parent: 'ens33' }],
  MAC_OF_PARENT: [{ network: 'office', parent: 'ens33' }],
  NIC_MISSING: [{ nic: 'ens34' }],
  NIC_MOVED: [{ nic: 'ens34', environment: 'shop', interface: 'eth1' }],
  NIC_IN_USE: [
    { nic: 'ens33', use: "the host's default route leads over it", instead: 'name a NIC that the host can do without' },
  ],
  NIC_IMMOVABLE: [{ nic: 'lo', because: 'it is the loopback', instead: 'name a NIC' }],
  INTERFACE_TAKEN: [{ interface: 'eth0', target: "environment 'shop'" }],
  KERNEL_REFUSED: [
    { doing: 'ip link add ll0 type veth', errno: 'EPERM' },
    { doing: 'ip link set dev 7 mtu 99999', errno: 'EINVAL', kernelSays: 'mtu greater than device maximum' },
  ],
  PORT_TAKEN: [{ port: '8080/tcp' }, { port: '8080/tcp', holder }],
  PORT_PUBLISHED_TWICE: [{ port: '8080/tcp', environment: 'shop', holder: 'crm' }],
  FIREWALL_REFUSED: [{ doing: 'write the table landline', says: 'Operation not supported' }],
  FORWARD_DROPPED: [{ chain: 'ip filter FORWARD', what: 'packets to published ports', rules: ['iptables -I FORWARD -j ACCEPT'] }],
  PROGRAM_MISSING: [
    { program: 'nsenter', purpose: 'to start native services' },
    { program: 'nft', purpose: 'for published ports' },
  ],
  NOT_ROOT: [{ command: 'landline daemon' }],
  INSTALLATION_IN_USE: [{ kept: 'a1b2', given: 'c3d4', environments: 3 }],
  STATE_BROKEN: [{ file: '/var/lib/landline/landline.db', reason: 'it is damaged' }],
  STATE_UNWRITABLE: [{ file: '/var/lib/landline/landline.db', reason: 'the disk is full' }],
  DNS_NAME_HELD: [{ name: 'shop.test.office.example', holder: "environment 'stall' of this host" }],
  DNS_UNREACHABLE: [
    { name: 'shop.test.office.example', server: '192.168.11.2:5353', reason: 'no answer within 4 s' },
    { name: 'shop.test.office.example', server: '192.168.11.2:5353', reason: 'no answer within 4 s', leaving: true },
  ],
  DNS_KEY_REFUSED: [{ name: 'shop.test.office.example', server: '192.168.11.2', key: 'landline', reason: 'BADKEY' }],
  DNS_CLOCK_SKEWED: [{ name: 'shop.test.office.example', server: '192.168.11.2', seconds: 3600 }],
  DNS_REFUSED: [{ name: 'shop.test.office.example', zone: 'test.office.example', server: '192.168.11.2', rcode: 'NOTAUTH' }],
  DNS_SECRET_UNUSABLE: [{ name: 'shop.test.office.example', file: '/etc/key', reason: 'it is empty', advice: 'fill it' }],
  DNS_PRIMARY_UNKNOWN: [
    { name: 'shop.test.office.example', zone: 'test.office.example', asked: ['192.168.11.2'] },
    { name: 'shop.test.office.example', zone: 'test.office.example', asked: [] },
  ],
  DNS_PORT_TAKEN: [{ zone: 'lab.office.example', listen: '192.168.11.20:53', reason: 'EADDRINUSE' }],
  DNS_UPDATE_MISSING: [{ name: 'shop.test.office.example', zone: 'test.office.example' }],
  NAME_WANTED: [{ name: 'shop.test.office.example', environment: 'shop' }],
  NAME_TOO_LONG: [
    { name: `shop.${'office.'.repeat(40)}example`, length: 292, environment: 'shop', domain: `${'office.'.repeat(40)}example` },
    { name: 'shop.office.example', length: 292, environment: 'shop', domain: 'office.example', at: 'shop.yaml:1:7' },
  ],
  NAME_UNKNOWN: [{ name: 'shp' }, { name: 'shp', suggestion: 'shop.test.office.example' }],
  SERVICE_FAILED: [
    { ...service, ended: 'ended with status 1', log: [] },
    { ...service, ended: 'was ended by signal 9', log: ['one', 'two'] },
  ],
  SERVICE_UNHEALTHY: [
    { ...service, log: [] },
    { ...service, log: ['connection refused'] },
  ],
  DEPENDENCY_FAILED: [{ ...service, dependency: 'db', ended: 'ended with status 1', log: ['no'] }],
  COMMAND_MISSING: [{ ...service, command: 'ngnix' }],
  USER_UNKNOWN: [
    { ...service, kind: 'user', user: 'www' },
    { ...service, kind: 'group', user: 'www' },
  ],
  WAIT_EXPIRED: [{ environment: 'shop', seconds: 60, waitsFor: "service 'web'" }],
  SUPERSEDED: [{ environment: 'shop', by: '`landline down`' }],
  DOCKER_UNREACHABLE: [{ socket: '/var/run/docker.sock', reason: 'there is no such socket' }],
  DOCKER_TOO_OLD: [{ socket: '/var/run/docker.sock', has: '1.40', needs: '1.41' }],
  DOCKER_REFUSED: [{ doing: "start container 'web'", status: 409, says: 'container is paused' }],
  CONTAINER_UNKNOWN: [{ container: 'web' }],
  CONTAINER_STOPPED: [{ container: 'web' }],
  CONTAINER_FOREIGN: [
    { name: 'wiki', container: 'wiki', verb: 'stop' },
    { name: 'wiki', container: 'wiki', verb: 'rm' },
  ],
  LABEL_WRONG: [
    {
      container: 'web',
      label: 'landline.mac',
      value: 'x',
      problem: 'it is no MAC',
      advice: 'write one such as 02:4c:4c:00:00:01',
    },
  ],
  LABELLED: [{ container: 'Web', name: 'web' }],
  IMAGE_MISSING: [{ image: 'shop/web:42' }],
  IMAGE_REFUSED: [{ image: 'shop/web:42', says: 'manifest unknown' }],
  VOLUME_MISSING: [{ volume: 'shared' }],
  HEALTHCHECK_MISSING: [{ ...service, dependency: 'db' }],
  SANDBOX_NOT_DOCKER: [{ environment: 'shop', joined: 'tools' }],
  SWAP_REFUSED: [{ environment: 'shop', reason: "it shares the network of 'tools'", advice: "swap 'tools'" }],
  SWAP_SHARED: [{ environment: 'shop', mounts: [{ service: 'db', mount: 'data at /var/lib/data' }] }],
  SWAP_GIVEN_UP: [
    { environment: 'shop', code: 'SERVICE_UNHEALTHY', because: "service 'web' of environment 'shop' is unhealthy" },
  ],
  ENGINE_OTHER: [{ name: 'shop', is: 'native', wanted: 'docker' }],
  CREDENTIALS_UNREADABLE: [{ registry: 'registry.office.example', from: '/root/.docker/config.json', reason: 'it is no JSON' }],
  LAB_UNKNOWN: [
    { name: 'a', labs: [] },
    { name: 'a', labs: ['b'] },
  ],
  LAB_HOST_UNKNOWN: [{ host: 'pd', hosts: ['pc'] }],
  LAB_FAILED: [{ doing: 'start landline in host', reason: 'it ended' }],
  LINK_UNKNOWN: [{ link: 'ens34', links: ['lo', 'ens33'] }],
  BRIDGE_REFUSED: [
    { link: 'wlan0', bridge: 'br0', refusals: [{ code: 'WIRELESS', reason: 'wlan0 is wireless', next: 'use a wired NIC' }] },
  ],
  BRIDGE_BUSY: [{}],
  BRIDGE_UNDER_WAY: [{ link: 'ens33', bridge: 'br0' }],
  BRIDGE_FAILED: [
    { reason: 'nobody answers', back: true, folder: '/var/lib/landline/host-bridge/current' },
    { reason: 'nobody answers', back: false, folder: '/var/lib/landline/host-bridge/current' },
  ],
  BRIDGE_NOTHING: [{ what: 'confirm', state: 'ens33 was put back' }],
  CONFIRM_SAME_CONNECTION: [{ from: '192.168.11.10', secondsLeft: 48 }],
  DOCKER_DEFAULT_REFUSED: [
    { bridge: 'br0', refusals: [{ code: 'POOL', reason: 'it overlaps the pool', next: 'choose another' }] },
  ],
  DOCKER_DEFAULT_NOTHING: [{}],
  DOCKER_NOT_RESTARTED: [{ reason: 'no systemd runs here' }],
  BOOT_FILE_CHANGED: [{ file: '/etc/network/interfaces' }],
  INTERNAL: [{ message: 'x is not a function' }],
};

// A cast, since Object.entries forgets which details belong to which code.
const all = Object.entries(samples).flatMap(([code, list]) =>
  list.map((details) => new LandlineError(code as Code, details as never)),
);

test('there are samples of every code, and no others', () => {
  assert.deepEqual(Object.keys(samples).sort(), Object.keys(catalogue).sort());
});

test('every error says what is and what to do, in whole words, and nothing of ours shines through', () => {
  for (const error of all) {
    const { code, message, next } = error;
    const about = `${code}: ${message} → ${next}`;
    assert.ok(message.length >= 8, about);
    assert.ok(next.length >= 7, about);
    assert.doesNotMatch(`${message}${next}`, /undefined|\[object|NaN|null|=>/, about);
    assert.doesNotMatch(next, /\n/, about);
    assert.doesNotMatch(message, /[.:;,\s]$/, about);
    assert.doesNotMatch(next, /[.;,\s]$/, about);
    assert.doesNotMatch(`${message} ${next}`, / {2}| ,|\(\)|''/, about);
    assert.match(next, /^[a-z`'"$]/, about);
  }
});

test('every detail is said, so that one need not ask for --json', () => {
  /** Of these the number or the reason alone is of use to programs. */
  const unsaid: Partial<Record<Code, readonly string[]>> = {
    ROUTE_UNKNOWN: ['method'],
    POOL_FULL: ['size'],
    PORT_PUBLISHED_TWICE: ['environment'],
    FORWARD_DROPPED: ['rules'],
    SWAP_GIVEN_UP: ['code'],
    // All reasons are said, and the advice of the first.
    BRIDGE_REFUSED: ['refusals'],
    DOCKER_DEFAULT_REFUSED: ['refusals'],
  };
  const words = (value: unknown): string[] => {
    if (typeof value === 'string' || typeof value === 'number') return [String(value)];
    return typeof value === 'object' && value !== null ? Object.values(value).flatMap(words) : [];
  };
  for (const error of all) {
    const text = `${error.message} ${error.next}`;
    for (const [name, value] of Object.entries(error.details)) {
      if (unsaid[error.code]?.includes(name)) continue;
      for (const word of words(value)) assert.ok(text.includes(word), `${error.code} does not say ${name} ${word}: ${text}`);
    }
  }
});

test('the exit status, the HTTP status and the retry rule fit one another', () => {
  for (const [code, { status, exit, retry }] of Object.entries(catalogue)) {
    // A standing problem is told and no refusal: its request succeeds.
    const standing = ['BRIDGE_NEARLY_FULL', 'FORWARD_DROPPED'].includes(code);
    assert.ok(standing || (status >= 400 && status < 600), `${code}: HTTP ${status}`);
    assert.ok([1, 2, 3].includes(exit), code);
    if (exit === 2)
      assert.ok(status < 500 && retry === 'never', `${code}: what was typed wrongly is the user's, and stays wrong`);
    assert.equal(exit === 3, ['DAEMON_UNREACHABLE', 'DAEMON_FORBIDDEN'].includes(code), code);
  }
});

test('an error keeps code, details and cause, and shows itself to programs without its stack', () => {
  const cause = new Error('EEXIST');
  const error = new LandlineError('ADDRESS_UNKNOWN', { address: '192.168.11.101' }, { cause });
  assert.equal(error.cause, cause);
  assert.deepEqual(JSON.parse(JSON.stringify({ error })), {
    error: {
      code: 'ADDRESS_UNKNOWN',
      message: '192.168.11.101 is not reserved',
      next: '`landline address ls` lists who has what',
      details: { address: '192.168.11.101' },
    },
  });
  assert.deepEqual([error.status, error.exit, error.retry], [404, 1, 'never']);
});

test('an error is known by its code; anything else that is thrown is ours', () => {
  const error = new LandlineError('ADDRESS_UNKNOWN', { address: '192.168.11.101' });
  assert.equal(isLandlineError(error), true);
  assert.equal(isLandlineError(error, 'ADDRESS_UNKNOWN'), true);
  assert.equal(isLandlineError(error, 'ADDRESS_HELD'), false);
  assert.equal(asLandlineError(error), error);
  for (const thrown of [new Error('x is not a function'), 'a text', undefined, null, { code: 'ADDRESS_UNKNOWN' }]) {
    assert.equal(isLandlineError(thrown), false);
    const internal = asLandlineError(thrown);
    assert.equal(internal.code, 'INTERNAL');
    assert.equal(internal.cause, thrown);
  }
  assert.match(asLandlineError(new Error('x is not a function')).message, /x is not a function/);
});

test('long lists are cut short', () => {
  const services = Array.from({ length: 20 }, (_, at) => `service-${at}`);
  assert.match(new LandlineError('SERVICE_UNKNOWN', { ...service, services }).next, /service-7 and 12 more$/);
});
