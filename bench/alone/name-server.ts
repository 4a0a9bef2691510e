/** `dns.serve` in a process of its own, as dnsmasq is: PORT, and how many names. */
import { buildZones } from '../../src/core/dns/zone.ts';
import { serveDns } from '../../src/daemon/dns/serve.ts';
import { ipv4 } from '../../src/net/ipv4.ts';

const [port = '0', count = '0'] = process.argv.slice(2);
const zone = 'lab.office.example';
const names = Array.from({ length: Number(count) }, (_, index) => ({
  zone,
  name: `host${index}.${zone}`,
  environment: `host${index}`,
  data: [{ kind: 'A' as const, address: ipv4('192.168.11.1') + index }],
}));
const zones = buildZones({ origins: [zone], address: undefined, ttl: 60, serial: 1, installation: 'benchmark', names });
serveDns({ listen: { address: ipv4('127.0.0.1'), port: Number(port) }, zone, ttl: 60 }, zones);
