import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { parseEnvironment } from './environment.ts';
import { formatEnvironment } from './format.ts';
import { parsePorts } from './published-ports.ts';

const options = { file: 'shop.yaml', directory: '/srv' };
const file = (ports: string): string =>
  `name: shop\nx-landline: { network: bridge }\nservices: { web: { command: sleep 60, ports: ${ports} } }\n`;

test('ports on the network bridge lead from the host into the environment', () => {
  const { spec } = parseEnvironment(
    file('["8080:80", "127.0.0.1:5353:53/udp", {target: 443, published: 8443, host_ip: 192.168.11.20}]'),
    options,
  );
  assert.deepEqual(spec.ports, [
    { hostPort: 8080, containerPort: 80, protocol: 'tcp' },
    { hostAddress: '127.0.0.1', hostPort: 5353, containerPort: 53, protocol: 'udp' },
    { hostAddress: '192.168.11.20', hostPort: 8443, containerPort: 443, protocol: 'tcp' },
  ]);
  assert.deepEqual(parseEnvironment(formatEnvironment(spec), options).spec, spec);
});

test('a range is as many ports, and 0.0.0.0 is every address', () => {
  assert.deepEqual(parsePorts('0.0.0.0:8000-8001:9000-9001'), [
    { hostPort: 8000, containerPort: 9000, protocol: 'tcp' },
    { hostPort: 8001, containerPort: 9001, protocol: 'tcp' },
  ]);
});

const wrong: readonly (readonly [ports: string, says: string])[] = [
  ['["80"]', "3:47: '80' names no port of the host → write '80:80', or another port of the host"],
  ['["80:http"]', "3:47: '80:http' is no mapping of ports → write 'HOST:CONTAINER'"],
  ['["0:80"]', "3:47: '0:80': ports are 1 to 65535, and a range goes upwards"],
  ['["8080:70000"]', "3:47: '8080:70000': ports are 1 to 65535"],
  ['["8000-8002:80"]', "3:47: '8000-8002:80': 3 ports of the host cannot lead to 1"],
  ['["80:80/sctp"]', "3:47: 'sctp' is neither tcp nor udp"],
  ['["10.0.0:80:80"]', "3:47: '10.0.0' is no IPv4 address of the host"],
  ['[{target: 80}]', "3:47: the port has no 'published'"],
  ['[{target: 80, publish: 80}]', "3:47: 'publish' is no key of a port"],
];

for (const [ports, says] of wrong) {
  test(`refused: ports: ${ports}`, () => {
    assert.throws(
      () => parseEnvironment(file(ports), options),
      (error) => {
        if (!isLandlineError(error, 'FILE_INVALID')) return false;
        const told = error.details.problems.map((it) => `${it.line}:${it.column}: ${it.message} → ${it.next}`).join('\n');
        assert.ok(told.startsWith(says), told);
        return true;
      },
    );
  });
}

test('ports that are no list are refused with their place', () => {
  assert.throws(() => parseEnvironment(file('"8080:80"'), options), /shop\.yaml:3:46: 'ports' should be a list/);
});
