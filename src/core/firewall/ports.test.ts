import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ipv4 } from '../../net/ipv4.ts';
import { findClash, findTaken, type Listener } from './ports.ts';
import { formatHostPort, type HostPort } from './wish.ts';

/** `8080/tcp`, `192.168.11.20:53/udp` */
function port(text: string): HostPort {
  const [, address, number, protocol] = /^(?:([\d.]+):)?(\d+)\/(tcp|udp)$/.exec(text) ?? [];
  assert.ok(number !== undefined, text);
  return {
    ...(address === undefined ? {} : { hostAddress: ipv4(address) }),
    hostPort: Number(number),
    protocol: protocol === 'udp' ? 'udp' : 'tcp',
  };
}

const ports = (text: string): HostPort[] => text.split(' ').filter(Boolean).map(port);

test('a port clashes with the same one on an address that both have, whoever publishes it', () => {
  const cases: readonly (readonly [wanted: string, others: string, clash: string | undefined])[] = [
    ['8080/tcp', '', undefined],
    ['8080/tcp', '8081/tcp', undefined],
    ['8080/tcp', '8080/udp', undefined],
    ['8080/tcp', '8080/tcp', '8080/tcp with 8080/tcp'],
    ['8080/tcp 8080/tcp', '', '8080/tcp with 8080/tcp'],
    ['192.168.11.20:80/tcp', '192.168.11.21:80/tcp', undefined],
    ['192.168.11.20:80/tcp', '192.168.11.20:80/tcp', '192.168.11.20:80/tcp with 192.168.11.20:80/tcp'],
    ['192.168.11.20:80/tcp', '80/tcp', '192.168.11.20:80/tcp with 80/tcp'],
    ['80/tcp', '192.168.11.20:80/tcp', '80/tcp with 192.168.11.20:80/tcp'],
    ['192.168.11.20:80/tcp 192.168.11.21:80/tcp 80/tcp', '', '80/tcp with 192.168.11.20:80/tcp'],
    ['443/tcp 53/udp', '80/tcp 53/udp', '53/udp with 53/udp'],
  ];
  for (const [wanted, others, clash] of cases) {
    const found = findClash(ports(wanted), ports(others));
    const says = found === undefined ? undefined : `${formatHostPort(found.port)} with ${formatHostPort(found.with)}`;
    assert.equal(says, clash, `${wanted} | ${others}`);
  }
});

test('whose the clash is can be told from what was given', () => {
  const found = findClash([{ ...port('80/tcp'), environment: 'shop' }], [{ ...port('80/tcp'), environment: 'crm' }]);
  assert.deepEqual([found?.port.environment, found?.with.environment], ['shop', 'crm']);
});

test('a port is taken by a program that waits there on an address that both have', () => {
  const listener = (text: string, socket: number): Listener => {
    const { hostAddress, hostPort, protocol } = port(text);
    return { protocol, port: hostPort, socket, ...(hostAddress === undefined ? {} : { address: hostAddress }) };
  };
  const listeners = [listener('22/tcp', 1), listener('127.0.0.1:5432/tcp', 2), listener('192.168.11.20:53/udp', 3)];
  const cases: readonly (readonly [wanted: string, socket: number | undefined])[] = [
    ['80/tcp', undefined],
    ['22/udp', undefined],
    ['80/tcp 22/tcp', 1],
    ['192.168.11.20:22/tcp', 1],
    ['5432/tcp', 2],
    ['192.168.11.20:5432/tcp', undefined],
    ['53/udp', 3],
    ['192.168.11.21:53/udp', undefined],
  ];
  for (const [wanted, socket] of cases) assert.equal(findTaken(ports(wanted), listeners)?.listener.socket, socket, wanted);
});
