/** The office's DHCP server: dnsmasq, on a range of its own outside of the pool of landline.yaml. */
import type { Program } from './describe.ts';

/** Where it writes who has which lease, inside the machine `server`. */
const leaseFile = '/var/lib/misc/dnsmasq.leases';

/** Its DNS is off (--port=0). It does not ping an address before it offers it: whoever takes it asks the LAN. */
export const dhcpProgram: Program = {
  name: 'dnsmasq',
  command: [
    'dnsmasq',
    '--keep-in-foreground',
    '--conf-file=/dev/null',
    '--user=root',
    '--port=0',
    '--interface=eth0',
    '--bind-interfaces',
    '--dhcp-authoritative',
    '--no-ping',
    '--log-dhcp',
    '--log-facility=-',
    `--dhcp-leasefile=${leaseFile}`,
    '--dhcp-range=192.168.10.100,192.168.10.199,255.255.254.0,1h',
    '--dhcp-option=option:router,192.168.11.1',
    '--dhcp-option=option:dns-server,192.168.11.2',
    '--domain=test.office.example',
    '--dhcp-option=option:domain-search,test.office.example',
  ],
  log: '/var/log/dnsmasq.log',
  optional: true,
};
