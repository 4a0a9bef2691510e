import assert from 'node:assert/strict';
import { test } from 'node:test';
import { z } from 'zod';
import type { Configuration } from '../core/model.ts';
import { isLandlineError } from '../errors.ts';
import { ipv4 } from '../net/ipv4.ts';
import { prefix } from '../net/prefix.ts';
import { parseRange, type Range } from '../net/range.ts';
import { configurationSchema, parseConfiguration } from './configuration.ts';

interface Malformed {
  readonly title: string;
  /** A first line break is left out. */
  readonly text: string;
  /** `FILE:LINE:COLUMN: what is wrong → what to write instead`. */
  readonly says: readonly string[];
}

const problemsOf = (text: string): readonly string[] => {
  try {
    parseConfiguration(text, 'landline.yaml');
  } catch (error) {
    if (!isLandlineError(error, 'FILE_INVALID')) throw error;
    const { file, problems } = error.details;
    return problems.map((it) => `${file}:${it.line}:${it.column}: ${it.message} → ${it.next}`);
  }
  return [];
};

const range = (text: string): Range => {
  const parsed = parseRange(text);
  assert.ok(parsed !== undefined, text);
  return parsed;
};

test('the office, whole', () => {
  const text = `
id: office-host-1
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1
    pool: [192.168.11.100-192.168.11.250, 192.168.10.5]
    exclude: [192.168.11.200]
    addressing: pool                # where an endpoint names no address
    resolvers: [192.168.11.2]
    domain: Test.Office.Example
    probe: rfc5227
engines:
  docker: { socket: unix:///run/docker.sock, anchorImage: registry.office.example/pause:3 }
dns:
  update:
    server: [192.168.11.2, 192.168.11.3:5353]
    zone: Test.Office.Example
    reverse: [11.168.192.in-addr.arpa]
    key: { name: landline, algorithm: hmac-sha512, secretFile: /etc/landline/tsig.key }
    ttl: 30
  serve: { listen: 192.168.11.20, zone: lab.office.example }
`;
  const expected: Configuration = {
    id: 'office-host-1',
    networks: [
      {
        name: 'office',
        bridge: 'br0',
        subnet: prefix('192.168.10.0/23'),
        gateway: ipv4('192.168.11.1'),
        pool: [range('192.168.11.100-192.168.11.250'), range('192.168.10.5')],
        exclude: [range('192.168.11.200')],
        resolvers: [ipv4('192.168.11.2')],
        domain: 'test.office.example',
        probe: 'rfc5227',
      },
    ],
    privateSubnet: prefix('10.88.0.0/16'),
    dns: {
      update: {
        servers: [
          { address: ipv4('192.168.11.2'), port: 53 },
          { address: ipv4('192.168.11.3'), port: 5353 },
        ],
        zone: 'test.office.example',
        reverse: ['11.168.192.in-addr.arpa'],
        key: { name: 'landline', algorithm: 'hmac-sha512', secretFile: '/etc/landline/tsig.key' },
        ttl: 30,
      },
      serve: { listen: { address: ipv4('192.168.11.20'), port: 53 }, zone: 'lab.office.example', ttl: 60 },
    },
    docker: { socket: '/run/docker.sock', anchorImage: 'registry.office.example/pause:3' },
  };
  assert.deepEqual(parseConfiguration(text, 'landline.yaml'), expected);
});

test('a network is on a NIC in place of a bridge', () => {
  const { networks } = parseConfiguration(
    `networks:
  office: { macvlan: ens33, subnet: 192.168.10.0/23 }
  lab: { ipvlan: ens34, subnet: 10.1.0.0/16 }
`,
    'landline.yaml',
  );
  assert.deepEqual(
    networks.map(({ bridge, parent }) => ({ bridge, parent })),
    [
      { bridge: undefined, parent: { kind: 'macvlan', link: 'ens33' } },
      { bridge: undefined, parent: { kind: 'ipvlan', link: 'ens34' } },
    ],
  );
});

test('a network needs a bridge and a subnet; all else has a default', () => {
  assert.deepEqual(parseConfiguration('networks: { lab: { bridge: br1, subnet: 10.1.0.0/30 } }', 'landline.yaml'), {
    networks: [
      { name: 'lab', bridge: 'br1', subnet: prefix('10.1.0.0/30'), pool: [], exclude: [], resolvers: [], probe: 'fast' },
    ],
    privateSubnet: prefix('10.88.0.0/16'),
    docker: {},
    dns: {},
  });
});

test('no networks are a configuration too', () => {
  for (const text of ['', '# nothing yet\n', 'networks: {}\n', 'networks:\n', 'x-mine: { any: thing }\n']) {
    assert.deepEqual(parseConfiguration(text, 'landline.yaml').networks, [], JSON.stringify(text));
  }
});

test('the private network has a subnet of its own choice', () => {
  assert.deepEqual(
    parseConfiguration('bridge: { subnet: 172.20.0.0/20 }', 'landline.yaml').privateSubnet,
    prefix('172.20.0.0/20'),
  );
  assert.deepEqual(parseConfiguration('bridge: {}', 'landline.yaml').privateSubnet, prefix('10.88.0.0/16'));
  const wide = parseConfiguration('networks: { lab: { bridge: br1, subnet: 10.0.0.0/8 } }', 'landline.yaml');
  assert.deepEqual(wide.privateSubnet, prefix('172.29.0.0/16'));
});

test('networks share what they have in common by anchors, and stand in the order of the file', () => {
  const text = `
x-lan: &lan { resolvers: [192.168.11.2], probe: off }
networks:
  office: { <<: *lan, bridge: br0, subnet: 192.168.10.0/23 }
  lab: { <<: *lan, bridge: br1, subnet: 192.168.12.0/24, probe: fast }
`;
  const { networks } = parseConfiguration(text, 'landline.yaml');
  assert.deepEqual(
    networks.map(({ name, probe, resolvers }) => ({ name, probe, resolvers })),
    [
      { name: 'office', probe: 'off', resolvers: [ipv4('192.168.11.2')] },
      { name: 'lab', probe: 'fast', resolvers: [ipv4('192.168.11.2')] },
    ],
  );
});

test('a pool may hold the network and broadcast addresses, the gateway and resolvers: they are walked around', () => {
  const text =
    'networks: { office: { bridge: br0, subnet: 192.168.10.0/23, gateway: 192.168.11.1, pool: [192.168.10.0-192.168.11.255] } }';
  assert.deepEqual(parseConfiguration(text, 'landline.yaml').networks[0]?.pool, [range('192.168.10.0-192.168.11.255')]);
});

test('the shape is a JSON schema for editors', () => {
  const schema = z.toJSONSchema(configurationSchema, { io: 'input' });
  const network = Object(schema.properties?.networks).additionalProperties;
  assert.deepEqual(Object.keys(schema.properties ?? {}), ['id', 'networks', 'bridge', 'engines', 'dns']);
  assert.deepEqual(network.required, ['subnet']);
  assert.equal(network.additionalProperties, false);
  assert.equal(network.properties.subnet.description, 'subnet of the LAN');
  assert.deepEqual(network.properties.probe.enum, ['fast', 'rfc5227', 'off']);
});

const malformed: readonly Malformed[] = [
  {
    title: 'an unknown key at the top',
    text: 'network: {}\n',
    says: ["landline.yaml:1:1: 'network' is no key of landline.yaml → did you mean 'networks'?"],
  },
  {
    title: 'an unknown key far from any known',
    text: 'zebra: {}\n',
    says: [
      "landline.yaml:1:1: 'zebra' is no key of landline.yaml → write one of id, bridge, engines, dns, networks, or remove it",
    ],
  },
  {
    title: 'a zone to answer for that is not named',
    text: `
dns: { serve: {} }
`,
    says: [
      "landline.yaml:1:8: 'serve' has no 'listen' → add 'listen: 192.168.11.20:53'",
      "landline.yaml:1:8: 'serve' has no 'zone' → add 'zone: lab.office.example'",
    ],
  },
  {
    title: 'an engine that is elsewhere, or none',
    text: `
engines:
  docker: { socket: "tcp://192.168.11.20:2375", anchorImage: Pause }
  podman: {}
`,
    says: [
      "landline.yaml:2:21: 'tcp://192.168.11.20:2375' is no path of a unix socket → write its whole path, as in /var/run/docker.sock",
      "landline.yaml:2:62: 'Pause' cannot be the name of an image → write 'pause'",
      "landline.yaml:3:3: 'podman' is no key of engines → write one of docker, or remove it",
    ],
  },
  {
    title: 'a private network that overlaps a LAN',
    text: `
networks: { lab: { bridge: br1, subnet: 10.0.0.0/8 } }
bridge: { subnet: 10.99.0.0/16 }
`,
    says: [
      'landline.yaml:2:19: the private network 10.99.0.0/16 overlaps 10.0.0.0/8, the subnet of a LAN → choose another, or leave it out',
    ],
  },
  {
    title: 'an id that is a number',
    text: 'id: 42\n',
    says: ["landline.yaml:1:5: 'id' is the number 42 and should be text → put it in quotes: '42'"],
  },
  {
    title: 'an id that is a path',
    text: 'id: a/b\n',
    says: ["landline.yaml:1:5: 'a/b' cannot be an installation's id → write letters, digits, '-', '_' and '.', at most 63"],
  },
  {
    title: 'an id that is empty',
    text: 'id:\n',
    says: ["landline.yaml:1:1: 'id' is empty → write 'id: office-host-1'"],
  },
  {
    title: 'networks as a list',
    text: 'networks: [office]\n',
    says: [
      "landline.yaml:1:11: 'networks' is a list and should be a mapping → write 'networks: { office: { bridge: br0, subnet: 192.168.10.0/23 } }'",
    ],
  },
  {
    title: 'a network without anything',
    text: `
networks:
  office:
`,
    says: ["landline.yaml:2:3: 'office' is empty → write 'office: { bridge: br0, subnet: 192.168.10.0/23 }'"],
  },
  {
    title: 'a network that is a word',
    text: `
networks:
  office: br0
`,
    says: [
      "landline.yaml:2:11: 'office' is text and should be a mapping → write 'office: { bridge: br0, subnet: 192.168.10.0/23 }'",
    ],
  },
  {
    title: 'a network without bridge and subnet',
    text: `
networks:
  office:
    domain: test.office.example
`,
    says: [
      "landline.yaml:2:3: 'office' has no 'bridge' → add 'bridge: br0', or a NIC: 'macvlan: ens33'",
      "landline.yaml:2:3: 'office' has no 'subnet' → add 'subnet: 192.168.10.0/23'",
    ],
  },
  {
    title: 'a network that is named as a built-in one',
    text: `
networks:
  host: { bridge: br0, subnet: 192.168.10.0/23 }
`,
    says: ["landline.yaml:2:3: 'host' is the name of a built-in network → choose another name, as in 'office'"],
  },
  {
    title: 'a network that is named as a container',
    text: `
networks:
  "container:x": { bridge: br0, subnet: 192.168.10.0/23 }
`,
    says: ["landline.yaml:2:3: 'container:x' is the name of a built-in network → choose another name, as in 'office'"],
  },
  {
    title: 'a network with a space in its name',
    text: `
networks:
  my office: { bridge: br0, subnet: 192.168.10.0/23 }
`,
    says: [
      "landline.yaml:2:3: 'my office' cannot be the name of a network → write letters, digits, '-', '_' and '.', at most 63, beginning with a letter or digit",
    ],
  },
  {
    title: 'a network on two things, and two networks on one NIC',
    text: `
networks:
  office: { bridge: br0, macvlan: ens33, subnet: 192.168.10.0/23 }
  lab: { ipvlan: ens34, subnet: 10.1.0.0/16 }
  depot: { macvlan: ens34, subnet: 10.2.0.0/16 }
`,
    says: [
      "landline.yaml:2:26: 'office' is on both 'bridge' and 'macvlan' → remove one of them",
      "landline.yaml:4:21: networks 'lab' and 'depot' are both on the NIC ens34 → give each network a NIC of its own",
    ],
  },
  {
    title: 'what Docker cannot do where it makes the links',
    text: `
networks:
  office:
    macvlan: ens33
    backend: docker-network
    subnet: 192.168.10.0/23
    subnet6: 2001:db8:10::/64
    addressing: dhcp
    dhcp: { expired: drop }
  lab: { bridge: br1, backend: docker, subnet: 10.1.0.0/16 }
`,
    says: [
      "landline.yaml:3:5: 'macvlan' does not go with 'backend: docker-network': Docker makes ports of a bridge → name a bridge, or remove 'backend'",
      "landline.yaml:4:5: 'backend: docker-network' needs a 'gateway': Docker would take the first address of the subnet for one → write the LAN's router, as in 'gateway: 192.168.11.1', or remove 'backend'",
      "landline.yaml:6:5: 'subnet6' does not go with 'backend: docker-network': it is for IPv4 alone → remove it, or remove 'backend'",
      "landline.yaml:7:5: 'addressing' does not go with 'backend: docker-network': Docker leases no addresses → write 'addressing: pool', or remove 'backend'",
      "landline.yaml:8:5: 'dhcp' does not go with 'backend: docker-network': Docker leases no addresses → remove it, or remove 'backend'",
      "landline.yaml:9:32: 'docker' is no backend → write one of veth, docker-network, or remove it",
    ],
  },
  {
    title: 'a mistyped key of a network',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gatewy: 192.168.11.1
`,
    says: ["landline.yaml:5:5: 'gatewy' is no key of a network → did you mean 'gateway'?"],
  },
  {
    title: 'a bridge with a name that Linux does not take',
    text: `
networks:
  office: { bridge: bridge-of-the-office, subnet: 192.168.10.0/23 }
`,
    says: [
      "landline.yaml:2:21: 'bridge-of-the-office' cannot be the name of a link → choose one of at most 15 bytes, without space, '/' or ':', and not '.', '..' or 'lo'",
    ],
  },
  {
    title: 'a bridge that is a number',
    text: `
networks:
  office: { bridge: 0, subnet: 192.168.10.0/23 }
`,
    says: ["landline.yaml:2:21: 'bridge' is the number 0 and should be text → put it in quotes: '0'"],
  },
  {
    title: 'a subnet with host bits',
    text: `
networks:
  office: { bridge: br0, subnet: 192.168.11.20/23 }
`,
    says: ["landline.yaml:2:34: '192.168.11.20/23' has host bits → write 192.168.10.0/23"],
  },
  {
    title: 'a subnet without length',
    text: `
networks:
  office: { bridge: br0, subnet: 192.168.10.0 }
`,
    says: ["landline.yaml:2:34: '192.168.10.0' is no subnet → add its prefix length, as in 192.168.10.0/24"],
  },
  {
    title: 'a subnet with a mask',
    text: `
networks:
  office: { bridge: br0, subnet: 192.168.10.0/255.255.254.0 }
`,
    says: ["landline.yaml:2:34: '192.168.10.0/255.255.254.0' is no subnet → write 192.168.10.0/23"],
  },
  {
    title: 'a subnet that is none',
    text: `
networks:
  office: { bridge: br0, subnet: office }
`,
    says: ["landline.yaml:2:34: 'office' is no subnet → write 'subnet: 192.168.10.0/23'"],
  },
  {
    title: 'a subnet too small',
    text: `
networks:
  office: { bridge: br0, subnet: 192.168.10.0/31 }
`,
    says: ["landline.yaml:2:34: '192.168.10.0/31' has no room for a host and its gateway → write a prefix length of 30 or less"],
  },
  {
    title: 'a subnet too large',
    text: `
networks:
  office: { bridge: br0, subnet: 0.0.0.0/0 }
`,
    says: ["landline.yaml:2:34: '0.0.0.0/0' is larger than any LAN → write a prefix length of 8 or more"],
  },
  {
    title: 'a subnet of multicast addresses',
    text: `
networks:
  office: { bridge: br0, subnet: 224.0.0.0/24 }
`,
    says: ["landline.yaml:2:34: no host of a LAN can have an address of '224.0.0.0/24' → write the LAN's own subnet"],
  },
  {
    title: 'a gateway outside of the subnet',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.12.1
`,
    says: [
      'landline.yaml:5:14: gateway 192.168.12.1 is not in 192.168.10.0/23 → write the address that the router has in this subnet',
    ],
  },
  {
    title: 'a gateway that is the network address',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.10.0
`,
    says: [
      'landline.yaml:5:14: gateway 192.168.10.0 is the network address of 192.168.10.0/23 → write the address that the router has in this subnet',
    ],
  },
  {
    title: 'a gateway that is the broadcast address',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.255
`,
    says: [
      'landline.yaml:5:14: gateway 192.168.11.255 is the broadcast address of 192.168.10.0/23 → write the address that the router has in this subnet',
    ],
  },
  {
    title: 'a gateway with its prefix',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.11.1/23
`,
    says: ["landline.yaml:5:14: '192.168.11.1/23' is no IPv4 address → leave out the prefix length: 192.168.11.1"],
  },
  {
    title: 'a gateway with leading zeros',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: 192.168.011.001
`,
    says: [
      "landline.yaml:5:14: '192.168.011.001' is no IPv4 address → write four numbers of 0 to 255, without leading zeros, as in 192.168.11.101",
    ],
  },
  {
    title: 'a gateway of IPv6',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    gateway: fe80::1
`,
    says: [
      "landline.yaml:5:14: 'fe80::1' is no IPv4 address → write an IPv4 address; an IPv6 one has keys of its own: 'address6', 'subnet6', 'gateway6'",
    ],
  },
  {
    title: 'a pool that is a text',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    pool: 192.168.11.100-192.168.11.250
`,
    says: ["landline.yaml:5:11: 'pool' is text and should be a list → write 'pool: [192.168.11.100-192.168.11.250]'"],
  },
  {
    title: 'a pool that ends before it begins',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    pool: [192.168.11.250-192.168.11.100]
`,
    says: [
      "landline.yaml:5:12: the range '192.168.11.250-192.168.11.100' ends before it begins → write 192.168.11.100-192.168.11.250",
    ],
  },
  {
    title: 'a pool with a short end',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    pool: [192.168.11.100-250]
`,
    says: [
      "landline.yaml:5:12: '192.168.11.100-250' is no range of addresses → write the last address whole: 192.168.11.100-192.168.11.250",
    ],
  },
  {
    title: 'a pool that is a subnet',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    pool: [192.168.11.0/24]
`,
    says: [
      "landline.yaml:5:12: '192.168.11.0/24' is no range of addresses → write FIRST-LAST, as in 192.168.11.100-192.168.11.250, or one address",
    ],
  },
  {
    title: 'a pool outside of the subnet',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    pool:
      - 192.168.11.100-192.168.11.120
      - 192.168.12.100-192.168.12.250
`,
    says: [
      "landline.yaml:7:9: 192.168.12.100-192.168.12.250 is not in 192.168.10.0/23, the subnet of network 'office' → write addresses from 192.168.10.0 to 192.168.11.255",
    ],
  },
  {
    title: 'two ranges that overlap',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    pool:
      - 192.168.11.100-192.168.11.120
      - 192.168.11.120
`,
    says: [
      'landline.yaml:7:9: 192.168.11.120 overlaps 192.168.11.100-192.168.11.120 → let each address be in one range of the pool',
    ],
  },
  {
    title: 'one range wrong and another outside',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    pool: [x, 192.168.9.1]
`,
    says: [
      "landline.yaml:5:12: 'x' is no range of addresses → write FIRST-LAST, as in 192.168.11.100-192.168.11.250, or one address",
      "landline.yaml:5:15: 192.168.9.1 is not in 192.168.10.0/23, the subnet of network 'office' → write addresses from 192.168.10.0 to 192.168.11.255",
    ],
  },
  {
    title: 'an exclude outside of the subnet',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    exclude: [10.0.0.1]
`,
    says: [
      "landline.yaml:5:15: 10.0.0.1 is not in 192.168.10.0/23, the subnet of network 'office' → write addresses from 192.168.10.0 to 192.168.11.255",
    ],
  },
  {
    title: 'a rate of DHCP messages that is none',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    dhcp: { rate: 0, expires: keep }
`,
    says: [
      'landline.yaml:5:19: 0 messages in a second are no rate → write a number from 1 to 10000',
      "landline.yaml:5:22: 'expires' is no key of leases from DHCP → did you mean 'expired'?",
    ],
  },
  {
    title: 'full names for the DHCP server where there is no domain',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    dhcp: { name: fqdn }
`,
    says: [
      "landline.yaml:5:19: network 'office' has no domain, and no full names → add its 'domain: test.office.example', or write 'name: hostname'",
    ],
  },
  {
    title: 'addressing by something else',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    addressing: random
`,
    says: ["landline.yaml:5:17: 'random' is no addressing → write 'addressing: pool'"],
  },
  {
    title: 'a resolver that is a name',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    resolvers: [dns.office.example]
`,
    says: [
      "landline.yaml:5:17: 'dns.office.example' is no IPv4 address → write four numbers of 0 to 255, without leading zeros, as in 192.168.11.101",
    ],
  },
  {
    title: 'resolvers that are one address',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    resolvers: 192.168.11.2
`,
    says: ["landline.yaml:5:16: 'resolvers' is text and should be a list → write 'resolvers: [192.168.11.2]'"],
  },
  {
    title: 'a domain with a dot at its end',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    domain: test.office.example.
`,
    says: [
      "landline.yaml:5:13: 'test.office.example.' is no domain name → write 'test.office.example', without the dot at its end",
    ],
  },
  {
    title: 'a domain with an underscore',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    domain: my_office
`,
    says: [
      "landline.yaml:5:13: 'my_office' is no domain name → write labels of letters, digits and '-', as in test.office.example",
    ],
  },
  {
    title: 'a probe that does not exist',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    probe: fats
`,
    says: ["landline.yaml:5:12: 'fats' is no probe → did you mean 'fast'?"],
  },
  {
    title: 'a probe that is false',
    text: `
networks:
  office:
    bridge: br0
    subnet: 192.168.10.0/23
    probe: false
`,
    says: ["landline.yaml:5:12: 'false' is no probe → write one of fast, rfc5227, off, or remove it"],
  },
  {
    title: 'two networks on one bridge, in overlapping subnets',
    text: `
networks:
  office: { bridge: br0, subnet: 192.168.10.0/23 }
  lab: { bridge: br0, subnet: 192.168.11.0/24 }
`,
    says: [
      "landline.yaml:3:18: networks 'office' and 'lab' are both on bridge br0 → give each network a bridge of its own",
      "landline.yaml:3:31: 192.168.11.0/24 overlaps 192.168.10.0/23, the subnet of network 'office' → give each network a subnet of its own",
    ],
  },
  {
    title: 'many mistakes at once, in the order of the file',
    text: `
networks:
  office:
    gateway: 192.168.12.1
    subnet: 192.168.10.0/23
    probe: 5
  lab: { bridge: a b, subnett: 10.0.0.0/8 }
dnss: {}
`,
    says: [
      "landline.yaml:2:3: 'office' has no 'bridge' → add 'bridge: br0', or a NIC: 'macvlan: ens33'",
      'landline.yaml:3:14: gateway 192.168.12.1 is not in 192.168.10.0/23 → write the address that the router has in this subnet',
      "landline.yaml:5:12: '5' is no probe → write one of fast, rfc5227, off, or remove it",
      "landline.yaml:6:18: 'a b' cannot be the name of a link → choose one of at most 15 bytes, without space, '/' or ':', and not '.', '..' or 'lo'",
      "landline.yaml:6:23: 'subnett' is no key of a network → did you mean 'subnet'?",
      "landline.yaml:7:1: 'dnss' is no key of landline.yaml → did you mean 'dns'?",
    ],
  },
  {
    title: 'a mistake in an anchor is where the anchor is',
    text: `
x-lan: &lan { bridge: br0, gateway: 1.2.3 }
networks:
  office: { <<: *lan, subnet: 192.168.10.0/23 }
`,
    says: [
      "landline.yaml:1:37: '1.2.3' is no IPv4 address → write four numbers of 0 to 255, without leading zeros, as in 192.168.11.101",
    ],
  },
];

for (const { title, text, says } of malformed) {
  test(`refused: ${title}`, () => {
    assert.deepEqual(problemsOf(text.replace(/^\n/, '')), says);
  });
}

test('a network leases its addresses by DHCP where it says so, by a policy of its own or the usual one', () => {
  const office = (more: string): unknown => {
    const [network] = parseConfiguration(
      `networks: { office: { bridge: br0, subnet: 192.168.10.0/23${more} } }`,
      'landline.yaml',
    ).networks;
    return { addressing: network?.addressing, dhcp: network?.dhcp };
  };
  assert.deepEqual(office(''), { addressing: undefined, dhcp: undefined });
  assert.deepEqual(office(', addressing: dhcp'), { addressing: 'dhcp', dhcp: undefined });
  assert.deepEqual(office(', dhcp: { expired: drop }'), {
    addressing: undefined,
    dhcp: { expired: 'drop', rate: 100, name: 'hostname' },
  });
  assert.deepEqual(office(', dhcp: { rate: 15 }'), {
    addressing: undefined,
    dhcp: { expired: 'keep', rate: 15, name: 'hostname' },
  });
});
