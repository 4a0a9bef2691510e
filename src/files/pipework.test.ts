import assert from 'node:assert/strict';
import { test } from 'node:test';
import { isLandlineError } from '../errors.ts';
import { formatIpv4 } from '../net/ipv4.ts';
import { formatPrefix } from '../net/prefix.ts';
import { type PipeworkAsk, parsePipework } from './pipework.ts';

/** `br1 → shop eth1 192.168.1.1/24`, what was understood in one line. */
function told(ask: PipeworkAsk): string {
  const guest = (it: { kind: string; container?: string; pid?: number; path?: string }): string =>
    it.container ?? it.path ?? `pid ${it.pid}`;
  if (ask.do === 'wait') return `wait for ${ask.interface}`;
  if (ask.do === 'run') return `in ${guest(ask.guest)}: ${ask.command.join(' ')}`;
  const { address, mac, link, direct } = ask;
  const where = 'mac' in link ? `NIC ${link.mac}` : link.name;
  const what = typeof address === 'string' ? address : formatPrefix(address.prefix);
  const end = ask.hostInterface === undefined ? '' : ` and ${ask.hostInterface}`;
  const via = typeof address === 'string' || address.gateway === undefined ? '' : ` via ${formatIpv4(address.gateway)}`;
  const from = mac === undefined ? '' : typeof mac === 'string' ? ` ${mac}` : ` of '${mac.seed}'`;
  return `${direct ? 'itself ' : ''}${where} → ${guest(ask.guest)} ${ask.interface}${end} ${what}${via}${from}`;
}

const understood: readonly (readonly [line: string, told: string])[] = [
  ['br1 shop 192.168.1.1/24', 'br1 → shop eth1 192.168.1.1/24'],
  ['br1 -i eth2 shop 192.168.1.2/25', 'br1 → shop eth2 192.168.1.2/25'],
  ['br1 shop 192.168.4.25/20@192.168.4.1', 'br1 → shop eth1 192.168.4.25/20 via 192.168.4.1'],
  ['eth2 3c5d1a2b 50.19.169.157/24', 'eth2 → 3c5d1a2b eth1 50.19.169.157/24'],
  ['mac:00:50:B6:0C:00:01 shop 192.168.1.2/24', 'NIC 00:50:b6:0c:00:01 → shop eth1 192.168.1.2/24'],
  ['br1 -a inet shop 192.168.1.2/24', 'br1 → shop eth1 192.168.1.2/24'],
  ['br1 -i eth2 -l hostapp1 shop 192.168.1.2/24', 'br1 → shop eth2 and hostapp1 192.168.1.2/24'],
  ['br1 -l hostapp1 -i eth2 shop dhcp', 'br1 → shop eth2 and hostapp1 dhcp'],
  ['br1 shop 0/0', 'br1 → shop eth1 none'],
  ['eth0 shop 0/0 26:2e:71:98:60:8f', 'eth0 → shop eth1 none 26:2e:71:98:60:8f'],
  ['eth0 shop dhcp', 'eth0 → shop eth1 dhcp'],
  ['eth0 shop udhcpc-f', 'eth0 → shop eth1 dhcp'],
  ['br0 shop dhcp fa:de:b0:99:52:1c', 'br0 → shop eth1 dhcp fa:de:b0:99:52:1c'],
  ['eth0 shop 192.168.1.2/24 26:2e:71:98:60:8f', 'eth0 → shop eth1 192.168.1.2/24 26:2e:71:98:60:8f'],
  ['br0 shop dhcp U:shop', "br0 → shop eth1 dhcp of 'shop'"],
  ['br0 4711 192.168.11.101/23', 'br0 → pid 4711 eth1 192.168.11.101/23'],
  ['br0 /run/netns/blue 192.168.11.101/23', 'br0 → /run/netns/blue eth1 192.168.11.101/23'],
  ['--direct-phys eth1 shop 192.168.1.2/24', 'itself eth1 → shop eth1 192.168.1.2/24'],
  ['--direct-phys mac:00:50:b6:0c:00:01 -i eth0 shop dhcp', 'itself NIC 00:50:b6:0c:00:01 → shop eth0 dhcp'],
  ['--wait', 'wait for eth1'],
  ['--wait -i eth0', 'wait for eth0'],
  ['route shop add 10.0.5.6/24 via 192.168.2.1', 'in shop: ip route add 10.0.5.6/24 via 192.168.2.1'],
  ['rule shop add from 172.19.0.2/32 table 1', 'in shop: ip rule add from 172.19.0.2/32 table 1'],
  ['tc shop qdisc add dev eth1 root netem loss 30%', 'in shop: tc qdisc add dev eth1 root netem loss 30%'],
];

for (const [line, what] of understood)
  test(`understood: pipework ${line}`, () => assert.equal(told(parsePipework(line.split(' '))), what));

const refused: readonly (readonly [line: string, says: string])[] = [
  ['', 'pipework is told nothing → landline pipework LINK [-i IF] [-l HOST-IF] GUEST ADDRESS/LEN[@GATEWAY] [MAC | U:SEED]'],
  ['br1', 'br1: no container is named → landline pipework LINK [-i IF] [-l HOST-IF] GUEST ADDRESS/LEN[@GATEWAY] [MAC | U:SEED]'],
  ['br1 shop', 'shop: no address is named → write ADDRESS/LEN, as in 192.168.11.101/23, or dhcp, or 0/0'],
  ['br1 shop 192.168.1.1', "'192.168.1.1' has no prefix length → write 192.168.1.1/24, or whatever the LAN's is"],
  [
    'br1 shop 192.168.1.300/24',
    "'192.168.1.300/24' is no address with a prefix length → write ADDRESS/LEN[@GATEWAY], as in 192.168.11.101/23@192.168.11.1",
  ],
  [
    'br1 shop 192.168.1.3/24@router',
    "'router' is no gateway → write ADDRESS/LEN[@GATEWAY], as in 192.168.11.101/23@192.168.11.1",
  ],
  [
    'eth0 shop dhcp fa:de:b0:99:52:1c@171',
    '@171: Landline makes no VLANs → make the link of the VLAN yourself (`ip link add link ens33 name ens33.7 type vlan id 7`) and name that one',
  ],
  [
    'ovsbr0 shop dhcp @171',
    'ovsbr0: Open vSwitch is not spoken here → put the NIC under a bridge of Linux: `landline host bridge plan`',
  ],
  ['--direct-phys', '--direct-phys names no NIC → as in: pipework --direct-phys ens34 shop 192.168.11.101/23'],
  [
    '--direct-phys eth1 shop 192.168.1.2/24 @171',
    '@171: Landline makes no VLANs → make the link of the VLAN yourself (`ip link add link ens33 name ens33.7 type vlan id 7`) and name that one',
  ],
  ['br1 -l llp0 shop 192.168.1.2/24', "-l llp0: names that begin with ll are Landline's own → choose another"],
  [
    'br1 -l a-name-of-many-letters shop 192.168.1.2/24',
    '-l a-name-of-many-letters: that cannot be the name of a link → write at most 15 bytes, without space, / or :',
  ],
  ['br1 -l', '-l is told nothing → write a word behind -l'],
  ['br1 -x y shop 192.168.1.2/24', "'-x' is no option of pipework → write -i IF or -l HOST-IF, or leave it out"],
  [
    'br1 -a inet6 shop 2001:db8::1/64',
    '-a inet6: only IPv4 here → leave it out; for IPv6 write `subnet6` for the network in landline.yaml',
  ],
  ['br1 shop 192.168.1.1/24 01:00:5e:00:00:01', '01:00:5e:00:00:01 is the MAC of a group → let the second digit be 2, 6, a or e'],
  ['mac:nonsense shop dhcp', "'mac:nonsense' has no MAC → write mac: and the MAC of the NIC, as in mac:00:0c:29:5e:10:20"],
  ['route shop', 'pipework route needs a container and a command → as in: pipework route shop show'],
];

for (const [line, says] of refused)
  test(`refused: pipework ${line}`, () => {
    assert.throws(
      () => parsePipework(line.split(' ').filter((word) => word !== '')),
      (error: unknown) => {
        assert.ok(isLandlineError(error, 'USAGE'));
        assert.equal(`${error.message} → ${error.next}`, says);
        return true;
      },
    );
  });
