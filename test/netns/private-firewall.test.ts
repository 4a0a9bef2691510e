import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PrivateHost, withPrivateHost } from './private-host.ts';

const refused = /^curl: \(7\)/;
const timedOut = /^curl: \(28\)/;

/** As Docker 20 to 28 leaves it, besides its bridges. */
const dockerRules = `
  iptables -P FORWARD DROP
  iptables -N DOCKER-USER; iptables -A DOCKER-USER -j RETURN
  iptables -N DOCKER-ISOLATION-STAGE-1; iptables -A DOCKER-ISOLATION-STAGE-1 -j RETURN
  iptables -I FORWARD -j DOCKER-ISOLATION-STAGE-1
  iptables -I FORWARD -j DOCKER-USER
  iptables -A FORWARD -o docker0 -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT
  iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT
  ip6tables -P FORWARD DROP`;

async function filterBridged(it: PrivateHost, value: '0' | '1'): Promise<void> {
  await it.sh('host', `sysctl -q -w net.bridge.bridge-nf-call-iptables=${value} net.bridge.bridge-nf-call-ip6tables=${value}`);
}

/** Waits until `look` finds what it looks for: what heals, heals within this time. */
async function within(ms: number, look: () => Promise<boolean>): Promise<void> {
  const end = performance.now() + ms;
  while (!(await look())) {
    assert.ok(performance.now() < end, `not within ${ms} ms`);
    await sleep(10);
  }
}

const reaches = async (it: PrivateHost, from: string, address: string): Promise<boolean> => {
  const { machine, command } = { machine: from.split('/')[0] ?? '', command: ['ping', '-c1', '-W0.5', address] };
  const sandbox = from.split('/')[1];
  const outcome = sandbox === undefined ? it.lab.exec(machine, command) : it.inside(sandbox, command);
  return (await outcome).status === 0;
};

const shopAnswers = async (it: PrivateHost): Promise<boolean> =>
  (await it.open('pc', 'http://192.168.11.20:8080/', 1)) === 'shop sees 192.168.10.20';

async function setUpShop(it: PrivateHost): Promise<void> {
  await it.publish('8080:10.88.0.2:80');
  await it.addShop('shop', '10.88.0.2');
}

test('the host does not become a router by it, and what it bridges is bridged as before', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.addStation('lan');
    await it.sh('pc', 'ip route add 10.50.0.0/24 via 192.168.11.20');
    await setUpShop(it);
    for (const value of ['0', '1'] as const) {
      await filterBridged(it, value);
      assert.equal(await reaches(it, 'pc', '10.50.0.20'), false, 'pc through the host');
      assert.equal(await reaches(it, 'host/lan', '192.168.10.20'), true, 'lan to pc');
      assert.equal(await reaches(it, 'host/shop', '10.50.0.20'), true, 'shop through host and router');
      assert.equal(await it.open('pc', 'http://192.168.11.20:8080/'), 'shop sees 192.168.10.20');
      assert.equal(await it.open('host/lan', 'http://192.168.11.20:8080/'), 'shop sees 192.168.11.101');
    }
    assert.equal(await it.sh('host', 'sysctl -n net.ipv4.ip_forward'), '0\n');
  });
});

test('marks of bridged frames are as they were before and after', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.addStation('lan');
    await setUpShop(it);
    await filterBridged(it, '1');
    // Somebody's own marks, and a count of the station's frames that carry another on their way through iptables and out.
    await it.sh(
      'host',
      `nft -f - <<'END'
table bridge marks {
  chain before { type filter hook prerouting priority -300; meta mark set 0x5
  }
  chain after { type filter hook postrouting priority 300; ip saddr 192.168.11.101 meta mark == 0x5 counter comment "right"
    ip saddr 192.168.11.101 meta mark != 0x5 counter comment "wrong"
  }
}
table ip marks {
  chain forward { type filter hook forward priority -150; ip saddr 192.168.11.101 meta mark != 0x5 counter comment "wrong"
  }
}
END`,
    );
    assert.equal(await reaches(it, 'host/lan', '192.168.10.20'), true);
    const counted = await it.sh('host', 'nft list table bridge marks; nft list table ip marks');
    assert.match(counted, /meta mark 0x00000005 counter packets [1-9]\d* bytes \d+ comment "right"/);
    assert.equal(counted.match(/counter packets 0 bytes 0 comment "wrong"/g)?.length, 2, counted);
  });
});

test('once somebody else turns forwarding on, the host routes as they want it', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.sh('pc', 'ip route add 10.50.0.0/24 via 192.168.11.20');
    await setUpShop(it);
    await it.sh('host', 'sysctl -q -w net.ipv4.ip_forward=1');
    await it.ask({ do: 'check' });
    assert.equal(await reaches(it, 'pc', '10.50.0.20'), true);
    assert.ok(await shopAnswers(it));
    // And off again: only what is needed forwards.
    await it.sh('host', 'sysctl -q -w net.ipv4.ip_forward=0');
    await it.ask({ do: 'check' });
    assert.equal(await it.ask({ do: 'inspect', name: 'shop' }), "the host's end does not forward");
    await it.ask({ do: 'mend', name: 'shop' });
    assert.equal(await reaches(it, 'pc', '10.50.0.20'), false);
    assert.ok(await shopAnswers(it));
    assert.equal(await reaches(it, 'host/shop', '10.50.0.20'), true);
  });
});

test('Docker that drops what it does not know lets ours pass: bridged, private and published', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.sh('host', `sysctl -q -w net.ipv4.ip_forward=1; ${dockerRules}`);
    await filterBridged(it, '1');
    await it.addStation('lan');
    await it.sh('pc', 'sysctl -q -w net.ipv6.conf.eth0.disable_ipv6=0; ip address add fd00::20/64 dev eth0 nodad');
    assert.equal(await reaches(it, 'host/lan', '192.168.10.20'), false, 'before');
    assert.equal(await reaches(it, 'host/lan', 'fd00::20'), false, 'before');
    const before = await it.sh('host', 'iptables-save; ip6tables-save');
    await setUpShop(it);
    await it.addShop('crm', '10.88.0.3');
    assert.equal(await reaches(it, 'host/lan', '192.168.10.20'), true);
    assert.equal(await reaches(it, 'host/lan', 'fd00::20'), true);
    assert.equal(await reaches(it, 'host/shop', '10.50.0.20'), true);
    assert.ok(await shopAnswers(it));
    assert.equal(await it.open('host/shop', 'http://192.168.11.20:8080/'), 'shop sees 10.88.0.1');
    assert.equal(await it.open('host/crm', 'http://192.168.11.20:8080/'), 'shop sees 10.88.0.1');
    assert.match(await it.open('host/crm', 'http://10.88.0.2/', 1), timedOut);
    assert.equal(
      await it.sh('host', 'iptables -S DOCKER-USER; iptables -S LANDLINE; ip6tables -S FORWARD; ip6tables -S LANDLINE'),
      `-N DOCKER-USER
-A DOCKER-USER -m comment --comment landline -j LANDLINE
-A DOCKER-USER -j RETURN
-N LANDLINE
-A LANDLINE -i br0 -o br0 -m comment --comment landline -j ACCEPT
-A LANDLINE -s 10.88.0.0/16 -i llp+ -m comment --comment landline -j ACCEPT
-A LANDLINE -d 10.88.0.0/16 -o llp+ -m comment --comment landline -j ACCEPT
-P FORWARD DROP
-A FORWARD -m comment --comment landline -j LANDLINE
-N LANDLINE
-A LANDLINE -i br0 -o br0 -m comment --comment landline -j ACCEPT
`,
    );
    assert.deepEqual(await it.ask({ do: 'problems' }), []);
    await it.ask({ do: 'apply', bridges: [] });
    const after = await it.sh('host', 'iptables-save; ip6tables-save');
    const rulesOf = (text: string): string[] =>
      text.split('\n').filter((line) => line.startsWith('-A') || /^:(DOCKER|FORWARD|LAND)/.test(line));
    assert.deepEqual(rulesOf(after).map(withoutCounts), rulesOf(before).map(withoutCounts));
  });
});

const withoutCounts = (line: string): string => line.replace(/\[\d+:\d+\]/, '');

test('our place in other people’s iptables is kept through a restore and a flush, and is never twice', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.sh('host', `sysctl -q -w net.ipv4.ip_forward=1; ${dockerRules}`);
    await setUpShop(it);
    const jumps = async (): Promise<number> => (await it.sh('host', 'iptables-save')).match(/-j LANDLINE/g)?.length ?? 0;
    await it.sh('host', 'iptables-save >/tmp/rules; iptables-restore </tmp/rules');
    await it.ask({ do: 'check' });
    await it.sh('host', 'rm /tmp/rules');
    assert.equal(await jumps(), 1);
    assert.ok(await shopAnswers(it));
    for (const change of ['iptables -F DOCKER-USER', 'iptables -F LANDLINE', 'iptables -I DOCKER-USER -s 10.88.0.0/16 -j DROP']) {
      await it.sh('host', change);
      await within(15_000, async () => (await shopAnswers(it)) && (await reaches(it, 'host/shop', '192.168.10.20')));
      assert.equal(await jumps(), 1, change);
    }
    // Docker goes, and its chain with it.
    await it.sh('host', 'iptables -D FORWARD -j DOCKER-USER; iptables -F DOCKER-USER; iptables -X DOCKER-USER');
    await within(15_000, () => shopAnswers(it));
    assert.match(await it.sh('host', 'iptables -S FORWARD'), /^-P FORWARD DROP\n-A FORWARD .*-j LANDLINE\n/);
  });
});

test('Docker that starts later finds forwarding off, takes it over, and both go on', async (t) => {
  await withPrivateHost(t, async (it) => {
    await setUpShop(it);
    assert.equal(await it.sh('host', 'sysctl -n net.ipv4.ip_forward'), '0\n');
    await it.ask({ do: 'sandbox', name: 'container' });
    const netns = '/run/landline/netns/container';
    await it.sh(
      'host',
      `ip link add docker0 type bridge; ip address add 172.17.0.1/16 dev docker0; ip link set docker0 up
       nsenter --net=${netns} ip link add eth0 type veth peer name veth1 netns $$; ip link set veth1 master docker0 up
       sysctl -q -w net.ipv4.ip_forward=1; ${dockerRules}
       iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o docker0 -j MASQUERADE`,
    );
    await it.sh(
      'host/container',
      'ip address add 172.17.0.2/16 dev eth0; ip link set eth0 up; ip route add default via 172.17.0.1',
    );
    await filterBridged(it, '1');
    await within(15_000, () => shopAnswers(it));
    assert.equal(await reaches(it, 'host/container', '10.50.0.20'), true);
    assert.equal(await it.open('host/container', 'http://192.168.11.20:8080/'), 'shop sees 10.88.0.1');
    await it.sh('pc', 'ip route add 172.17.0.0/16 via 192.168.11.20');
    assert.equal(await reaches(it, 'pc', '172.17.0.2'), false, 'kept by Docker’s own drop');
  });
});

test('a link that somebody else lets forward, and what is published there, is not cut off', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.ask({ do: 'sandbox', name: 'container' });
    await it.sh(
      'host',
      `nsenter --net=/run/landline/netns/container ip link add eth0 type veth peer name vm0 netns $$
       ip address add 172.17.0.1/16 dev vm0; ip link set vm0 up; sysctl -q -w net.ipv4.conf.vm0.forwarding=1
       iptables -t nat -A POSTROUTING -s 172.17.0.0/16 ! -o vm0 -j MASQUERADE
       iptables -t nat -A PREROUTING -d 192.168.11.20 -p tcp --dport 9090 -j DNAT --to 172.17.0.2:80`,
    );
    await it.sh(
      'host/container',
      'ip address add 172.17.0.2/16 dev eth0; ip link set eth0 up; ip route add default via 172.17.0.1',
    );
    await it.serve('host/container', 'container');
    await setUpShop(it);
    assert.equal(await reaches(it, 'host/container', '10.50.0.20'), true);
    assert.equal(await it.open('pc', 'http://192.168.11.20:9090/'), 'container sees 192.168.10.20');
    await it.sh('pc', 'ip route add 172.17.0.0/16 via 192.168.11.20');
    assert.equal(await reaches(it, 'pc', '172.17.0.2'), false);
  });
});

test('a default drop in a table of somebody’s own is named with the rules that mend it, and is not touched', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.sh(
      'host',
      `nft -f - <<'END'
table inet filter {
  chain forward {
    type filter hook forward priority filter; policy drop;
    ct state established,related accept
  }
}
END`,
    );
    await filterBridged(it, '1');
    await it.addStation('lan');
    const before = await it.sh('host', 'nft list table inet filter');
    await setUpShop(it);
    assert.equal(await it.sh('host', 'nft list table inet filter'), before);
    const chain = "the chain 'inet filter forward' of this host's firewall drops";
    const rule = (text: string): string => `\`nft insert rule inet filter forward ${text} accept\``;
    assert.deepEqual(await it.ask({ do: 'problems' }), [
      `FORWARD_DROPPED: ${chain} traffic of the LAN through br0 → let it pass there: ${rule('iifname "br0" oifname "br0"')}`,
      `FORWARD_DROPPED: ${chain} traffic of the private network 10.88.0.0/16 → let it pass there: ${rule('iifname "llp*" ip saddr 10.88.0.0/16')} and ${rule('oifname "llp*" ip daddr 10.88.0.0/16')}`,
    ]);
    assert.match(await it.open('pc', 'http://192.168.11.20:8080/', 1), timedOut);
    const problems = (await it.ask({ do: 'problems' })) as readonly string[];
    for (const command of problems.flatMap((it) => it.match(/nft insert [^`]*/g) ?? [])) {
      await it.sh('host', command.replaceAll('"', '\\"'));
    }
    await within(15_000, async () => ((await it.ask({ do: 'problems' })) as readonly string[]).length === 0);
    assert.ok(await shopAnswers(it));
    assert.equal(await reaches(it, 'host/lan', '192.168.10.20'), true);
    assert.equal(await reaches(it, 'host/shop', '10.50.0.20'), true);
  });
});

test('what others do to our tables is undone within a moment, and connections live on through it', async (t) => {
  await withPrivateHost(t, async (it) => {
    await setUpShop(it);
    const stream = it.start('pc', ['curl', '--silent', '--no-buffer', 'http://192.168.11.20:8080/stream']);
    let heard = 0;
    stream.stdout.on('data', (bytes: Buffer) => {
      heard += bytes.length;
    });
    const stillHears = async (): Promise<void> => {
      const before = heard;
      await within(15_000, async () => heard > before);
    };
    await stillHears();
    for (const ports of [['9090:10.88.0.2:80'], ['53:10.88.0.2:53 udp'], []]) {
      await it.publish('8080:10.88.0.2:80', ...ports);
      await stillHears();
    }
    const changes = [
      'nft flush ruleset',
      'nft delete table ip landline',
      'nft flush chain ip landline forward',
      'nft delete element ip landline ports "{ tcp . 8080 }"',
      'nft add rule ip landline forward ip daddr 10.88.0.2 drop',
      // As firewalld and nftables.service reload.
      'nft -f - <<END\nflush ruleset\ntable inet firewalld { chain input { type filter hook input priority 10; policy accept; }\n}\nEND',
    ];
    const tables = (): Promise<string> => it.sh('host', 'nft list table ip landline; nft list table bridge landline');
    const before = await tables();
    for (const change of changes) {
      await it.sh('host', change);
      await within(15_000, async () => (await tables().catch(String)) === before);
      assert.ok(await shopAnswers(it), change);
      await stillHears();
    }
    const told = (await it.ask({ do: 'told' })) as readonly string[];
    assert.equal(told.filter((line) => line.includes('made anew')).length, changes.length);
  });
});

test('without private networks nothing of it is left, and nothing else is touched', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.sh('host', 'nft add table inet mine; sysctl -q -w net.ipv4.conf.ens33.forwarding=1');
    const before = await it.sh('host', 'nft list ruleset; sysctl -a 2>/dev/null | grep -F .forwarding');
    await setUpShop(it);
    assert.notEqual(await it.sh('host', 'nft list ruleset; sysctl -a 2>/dev/null | grep -F .forwarding'), before);
    await it.ask({ do: 'detach', name: 'shop' });
    await it.ask({ do: 'apply', bridges: ['br0'] });
    assert.equal(await it.sh('host', 'nft list ruleset; sysctl -a 2>/dev/null | grep -F .forwarding'), before);
    assert.match(await it.open('pc', 'http://192.168.11.20:8080/', 1), refused);
  });
});
