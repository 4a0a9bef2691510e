import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { test } from 'node:test';
import { openFirewall } from '../../src/daemon/firewall.ts';
import { openHost } from '../../src/host/index.ts';
import { openNft } from '../../src/host/nft.ts';
import { prefix } from '../../src/net/prefix.ts';
import { needsRoot } from './private-namespaces.ts';

const bridges = ['br0'];
const wish = { bridges, private: { subnet: prefix('10.88.0.0/16'), group: 0x4d00_1122, ports: [] } };
const sysctl = (name: string, value: string): void => void execFileSync('sysctl', ['-q', '-w', `${name}=${value}`]);

test('a host without nft serves LAN networks, and says what a private network needs', needsRoot, async () => {
  const sysctlProgram = execFileSync('sh', ['-c', 'command -v sysctl'], { encoding: 'utf8' }).trim();
  // In namespaces of this file's own; sysctl lives in the same folder.
  execFileSync('sh', ['-ec', `cp ${sysctlProgram} /run/sysctl; mount -t tmpfs none /usr/sbin; mv /run/sysctl /usr/sbin`]);
  const host = openHost();
  const firewall = openFirewall(host, openNft(), () => undefined);
  const codes = (): string[] => firewall.problems.map((it) => it.code);
  try {
    sysctl('net.bridge.bridge-nf-call-iptables', '0');
    await firewall.apply({ bridges });
    assert.deepEqual(codes(), []);
    // Then a chain of somebody's may drop what is bridged, and nobody can tell.
    sysctl('net.bridge.bridge-nf-call-iptables', '1');
    await firewall.apply({ bridges });
    assert.deepEqual(codes(), ['PROGRAM_MISSING']);
    await assert.rejects(firewall.apply(wish), {
      code: 'PROGRAM_MISSING',
      message: 'nft is needed for networks of kind `bridge` and for published ports, and is not in the PATH',
      next: 'install it (Debian: `apt-get install nftables`)',
    });
    assert.deepEqual(codes(), ['PROGRAM_MISSING']);
  } finally {
    firewall.close();
    host.close();
  }
});
