import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { afterEach, test } from 'node:test';
import type { Command } from '../../src/core/firewall/expressions.ts';
import { type ForeignWish, planForeign } from '../../src/core/firewall/foreign.ts';
import { hasElements, outlineOf, readListing } from '../../src/core/firewall/listing.ts';
import { replaceTables, transaction } from '../../src/core/firewall/transaction.ts';
import { fateOf, type Packet } from '../../src/core/firewall/walk.ts';
import type { PrivateWish } from '../../src/core/firewall/wish.ts';
import { openNft } from '../../src/host/nft.ts';
import { ipv4 } from '../../src/net/ipv4.ts';
import { prefix } from '../../src/net/prefix.ts';
import { needsRoot } from './private-namespaces.ts';

const nft = openNft();
const sh = (script: string): string => execFileSync('sh', ['-ec', script], { encoding: 'utf8' });
const group = 0x4d00_1122;
const wish: PrivateWish = {
  subnet: prefix('10.88.0.0/16'),
  group,
  guarded: ['br0'],
  ports: [
    { hostPort: 8080, protocol: 'tcp', address: ipv4('10.88.0.2'), containerPort: 80 },
    { hostAddress: ipv4('192.168.11.20'), hostPort: 53, protocol: 'udp', address: ipv4('10.88.0.3'), containerPort: 5353 },
  ],
};

afterEach(() => void sh('nft flush ruleset'));

/** How nft writes things differs between its versions. */
const asWritten = ((): { readonly skip?: string } => {
  const version = sh('nft -v').split(' ')[1] ?? '';
  return version.startsWith('v1.0.') ? needsRoot : { skip: `nft ${version} writes some things otherwise than 1.0` };
})();

test('the tables as nft shows them', asWritten, async () => {
  await nft.run('make them', replaceTables(wish));
  assert.equal(
    sh('nft list ruleset'),
    `table ip landline {
	map addresses {
		type inet_proto . inet_service : ipv4_addr
		elements = { tcp . 8080 : 10.88.0.2 }
	}

	map ports {
		type inet_proto . inet_service : inet_service
		elements = { tcp . 8080 : 80 }
	}

	map addresses_on {
		type ipv4_addr . inet_proto . inet_service : ipv4_addr
		elements = { 192.168.11.20 . udp . 53 : 10.88.0.3 }
	}

	map ports_on {
		type ipv4_addr . inet_proto . inet_service : inet_service
		elements = { 192.168.11.20 . udp . 53 : 5353 }
	}

	set guarded {
		type ifname
		elements = { "br0" }
	}

	chain raw {
		type filter hook prerouting priority raw; policy accept;
		iif != "lo" ip daddr 127.0.0.0/8 drop
		iif != "lo" ip saddr 127.0.0.0/8 drop
		iifgroup 1291850018 fib saddr . iif oif missing drop
	}

	chain prerouting {
		type nat hook prerouting priority dstnat; policy accept;
		fib daddr type local dnat to ip daddr . meta l4proto . th dport map @addresses_on:ip daddr . meta l4proto . th dport map @ports_on
		fib daddr type local dnat to meta l4proto . th dport map @addresses:meta l4proto . th dport map @ports
	}

	chain output {
		type nat hook output priority -100; policy accept;
		fib daddr type local dnat to ip daddr . meta l4proto . th dport map @addresses_on:ip daddr . meta l4proto . th dport map @ports_on
		fib daddr type local dnat to meta l4proto . th dport map @addresses:meta l4proto . th dport map @ports
	}

	chain postrouting {
		type nat hook postrouting priority srcnat; policy accept;
		ip saddr 10.88.0.0/16 ip saddr != 10.88.0.1 oifgroup != 1291850018 masquerade
		ip saddr 10.88.0.0/16 ip saddr != 10.88.0.1 ct status dnat masquerade
		ip saddr 127.0.0.0/8 oifgroup 1291850018 masquerade
	}

	chain forward {
		type filter hook forward priority raw; policy accept;
		oifgroup 1291850018 ct status dnat accept
		iifgroup 1291850018 oifgroup 1291850018 reject with icmp host-unreachable
		oifgroup 1291850018 ct state established,related ct direction reply accept
		oifgroup 1291850018 reject with icmp host-unreachable
		iifgroup 1291850018 ip daddr 10.88.0.0/16 reject with icmp host-unreachable
		meta mark & 0x08000000 == 0x08000000 meta mark set meta mark & 0xf7ffffff accept
		iifname @guarded ct state established,related ct direction reply accept
		iifname @guarded ct status dnat accept
		iifname @guarded drop
	}
}
table bridge landline {
	chain bridged {
		type filter hook forward priority filter; policy accept;
		meta mark set meta mark | 0x08000000
	}

	chain forget {
		type filter hook forward priority 10; policy accept;
		meta mark set meta mark & 0xf7ffffff
	}
}
`,
  );
});

const ourTables = (): Promise<unknown[]> =>
  Promise.all([nft.list('table', 'ip', 'landline'), nft.list('table', 'bridge', 'landline')]);

test('our tables are known again, and every change of them by others is noticed', needsRoot, async () => {
  await nft.run('make them', replaceTables(wish));
  const outline = outlineOf(await ourTables());
  const isAsMade = async (): Promise<boolean> => {
    const tables = (await ourTables()).filter((it) => it !== undefined);
    return outlineOf(tables) === outline && hasElements(tables, wish);
  };
  assert.ok(await isAsMade());
  // Made again they have other handles.
  await nft.run('make them', replaceTables(wish));
  assert.ok(await isAsMade());
  const more = {
    ...wish,
    ports: [...wish.ports, { hostPort: 81, protocol: 'tcp', address: ipv4('10.88.0.2'), containerPort: 80 } as const],
  };
  await nft.run('change them', transaction(wish, more));
  assert.equal(outlineOf(await ourTables()), outline);
  assert.ok(hasElements(await ourTables(), more));
  const changes = [
    'delete table bridge landline',
    'delete table ip landline',
    'flush chain ip landline raw',
    'insert rule ip landline forward drop',
    'add rule ip landline forward counter',
    'add chain ip landline more',
    'delete element ip landline ports { tcp . 8080 }',
    'add element ip landline ports { tcp . 8081 : 81 }',
    'add element ip landline guarded { ens34 }',
    'flush map ip landline addresses',
    'flush ruleset',
  ];
  for (const change of changes) {
    await nft.run('make them', replaceTables(wish));
    sh(`nft '${change}'`);
    assert.equal(await isAsMade(), false, change);
  }
});

const bridged: Packet = { family: 'ip', from: 'br0', to: 'br0', fromGroup: 0, toGroup: 0, state: 'new', published: false };
const outwards: Packet = { ...bridged, from: 'llp0', fromGroup: group, to: 'ens33', source: ipv4('10.88.0.2') };
const inwards: Packet = { ...bridged, from: 'ens33', to: 'llp0', toGroup: group, target: ipv4('10.88.0.2'), published: true };

test('the way of a packet through somebody’s chain, as nft lists it', needsRoot, async () => {
  const packets = { bridged, outwards, inwards, answer: { ...inwards, state: 'established' } } as const;
  const cases: readonly (readonly [policy: string, rules: string, accepted: string])[] = [
    ['accept', '', 'bridged outwards inwards answer'],
    ['drop', '', ''],
    ['drop', 'ct state established,related accept', 'answer'],
    ['drop', 'ct state { established, related } accept', 'answer'],
    ['drop', 'ct state vmap { established : accept, related : accept, invalid : drop }', 'answer'],
    ['drop', 'ct state != new accept', 'answer'],
    ['drop', 'ct status dnat accept', 'inwards answer'],
    ['drop', 'iifname "br0" oifname "br0" accept', 'bridged'],
    ['drop', 'iifname { "br0", "ens33" } accept', 'bridged inwards answer'],
    ['drop', 'iifname != "br0" accept', 'outwards inwards answer'],
    ['drop', 'iifname "llp*" accept; oifname "llp*" accept', 'outwards inwards answer'],
    ['drop', `iifgroup ${group} accept`, 'outwards'],
    ['drop', 'ip saddr 10.88.0.0/16 accept', 'outwards'],
    ['drop', 'ip daddr { 10.88.0.0/24, 192.0.2.1 } accept', 'inwards answer'],
    ['drop', 'ip daddr 10.88.0.2 accept', 'inwards answer'],
    ['drop', 'ip daddr 10.88.0.1-10.88.0.9 accept', 'inwards answer'],
    ['drop', 'ip daddr != 10.88.0.2 accept', ''],
    ['drop', 'meta mark 0x1 accept', ''],
    ['drop', 'meta nfproto ipv4 accept', 'bridged outwards inwards answer'],
    ['drop', 'meta nfproto ipv6 accept', ''],
    ['drop', 'counter log accept', 'bridged outwards inwards answer'],
    ['drop', 'jump yes', 'bridged outwards inwards answer'],
    ['drop', 'iifname "br0" goto no; accept', 'outwards inwards answer'],
    ['drop', 'jump back; iifname "llp*" accept', 'outwards'],
    ['accept', 'iifname "br0" return; drop', 'bridged'],
    ['accept', 'reject with icmpx admin-prohibited', ''],
    ['accept', 'limit rate 1/second drop', 'bridged outwards inwards answer'],
  ];
  for (const [policy, rules, accepted] of cases) {
    sh(`nft -f - <<'END'
flush ruleset
table inet filter {
  chain yes { accept
  }
  chain no { drop
  }
  chain back { return
  }
  chain forward { type filter hook forward priority 0; policy ${policy}
    ${rules.split('; ').join('\n    ')}
  }
}
END`);
    const listing = readListing(await nft.list('ruleset'));
    const base = listing.chains.find((it) => it.hook === 'forward');
    assert.ok(base !== undefined);
    const found = Object.entries(packets).filter(([, packet]) => fateOf(listing, base, packet, () => false) === 'accept');
    assert.deepEqual(found.map(([name]) => name).join(' '), accepted, `policy ${policy}; ${rules}`);
  }
});

const foreign: ForeignWish = {
  bridges: ['br0'],
  bridgedIsFiltered: { ip: true, ip6: true },
  private: { subnet: prefix('10.88.0.0/16'), group, uplinks: ['ens33'] },
};
const listAll = async (): Promise<ReturnType<typeof readListing>> => readListing(await nft.list('ruleset'));
const run = async (commands: readonly Command[]): Promise<void> => {
  if (commands.length > 0) await nft.run('place our rules', commands);
};

test('in iptables our rules are placed once, and only where something of ours is dropped', needsRoot, async () => {
  const cases: readonly (readonly [made: string, placed: string])[] = [
    ['iptables -A FORWARD -s 192.0.2.1 -j DROP', ''],
    ['iptables -P FORWARD DROP', 'FORWARD'],
    ['iptables -P FORWARD DROP; iptables -N DOCKER-USER', 'FORWARD'],
    ['iptables -P FORWARD DROP; iptables -N DOCKER-USER; iptables -A FORWARD -j DOCKER-USER', 'DOCKER-USER'],
    ['iptables -A FORWARD -j REJECT', 'FORWARD'],
    ['iptables -P FORWARD DROP; iptables -A FORWARD -j ACCEPT', ''],
    ['iptables -P FORWARD DROP; iptables -A FORWARD -m conntrack --ctstate NEW -j ACCEPT', 'FORWARD'],
    ['ip6tables -P FORWARD DROP', 'ip6 FORWARD'],
  ];
  for (const [made, placed] of cases) {
    sh(`nft flush ruleset; ${made}`);
    const before = sh('iptables-save; ip6tables-save').replace(/^#.*\n|\[\d+:\d+\]/gm, '');
    for (let round = 0; round < 2; round += 1) await run(planForeign(await listAll(), foreign).commands);
    const jumps = (await listAll()).rules.filter((it) => JSON.stringify(it.expr).includes('"LANDLINE"'));
    assert.equal(jumps.map((it) => `${it.family === 'ip6' ? 'ip6 ' : ''}${it.chain}`).join(' '), placed, made);
    assert.deepEqual(planForeign(await listAll(), foreign).commands, [], made);
    // iptables can show what is there, and take it away and put it back.
    sh('iptables -S; ip6tables -S; iptables-save | iptables-restore; ip6tables-save | ip6tables-restore');
    assert.deepEqual(planForeign(await listAll(), foreign).commands, [], made);
    await run(planForeign(await listAll(), { bridges: [], bridgedIsFiltered: { ip: true, ip6: true } }).commands);
    const after = sh('iptables-save; ip6tables-save').replace(/^#.*\n|\[\d+:\d+\]/gm, '');
    assert.equal(withoutEmpty(after), withoutEmpty(before), made);
  }
});

/** Listing a table makes iptables make its chains. */
const withoutEmpty = (text: string): string =>
  text
    .split('\n')
    .filter((line) => line.startsWith('-A') || /^:(FORWARD|DOCKER|LANDLINE)/.test(line))
    .filter((line) => !/^:FORWARD ACCEPT/.test(line))
    .join('\n');

test('what is ours alone is placed: without a private network bridged traffic, with other bridges these', needsRoot, async () => {
  sh('iptables -P FORWARD DROP');
  const rules = async (it: ForeignWish): Promise<string[]> => {
    await run(planForeign(await listAll(), it).commands);
    return sh('iptables -S LANDLINE')
      .split('\n')
      .flatMap((line) => line.match(/^-A LANDLINE (.*) -m comment/)?.[1] ?? []);
  };
  assert.deepEqual(await rules({ bridges: ['br0'], bridgedIsFiltered: { ip: false, ip6: false } }), ['-i br0 -o br0']);
  assert.deepEqual(await rules({ ...foreign, bridges: ['br0', 'br1'] }), [
    '-i br0 -o br0',
    '-i br1 -o br1',
    '-s 10.88.0.0/16 -i llp+',
    '-d 10.88.0.0/16 -o llp+',
  ]);
  assert.deepEqual(await rules({ ...foreign, bridges: [] }), ['-s 10.88.0.0/16 -i llp+', '-d 10.88.0.0/16 -o llp+']);
});

test(
  "with a network of Docker's on the LAN's bridge its other ones reach the LAN, and the LAN no more of them",
  needsRoot,
  async () => {
    const isolate = (...bridges: readonly string[]): string =>
      bridges
        .map(
          (it) =>
            `iptables -A DOCKER-ISOLATION-STAGE-1 -i ${it} ! -o ${it} -j DOCKER-ISOLATION-STAGE-2; iptables -A DOCKER-ISOLATION-STAGE-2 -o ${it} -j DROP`,
        )
        .join('; ');
    const wish: ForeignWish = { bridges: ['br0'], dockerBridges: ['br0'], bridgedIsFiltered: { ip: false, ip6: false } };
    sh(`nft flush ruleset; iptables -P FORWARD DROP
    for it in DOCKER-USER DOCKER-ISOLATION-STAGE-1 DOCKER-ISOLATION-STAGE-2; do iptables -N $it; done
    iptables -A FORWARD -j DOCKER-USER; iptables -A FORWARD -j DOCKER-ISOLATION-STAGE-1; iptables -A FORWARD -i br0 -j ACCEPT
    iptables -A FORWARD -i docker0 ! -o docker0 -j ACCEPT`);
    const placed = async (it: ForeignWish): Promise<string> => {
      await run(planForeign(await listAll(), it).commands);
      assert.deepEqual(planForeign(await listAll(), it).commands, []);
      return sh(
        'iptables -S | grep "^-A LANDLINE" | cut -d" " -f3-6; nft list table ip landline_docker 2>&1 | grep -o "iifname.*drop" || true',
      );
    };
    sh(isolate('docker0'));
    assert.equal(await placed(wish), '', 'there is none yet');
    sh(isolate('br0', 'br-1a2b'));
    assert.equal(
      await placed(wish),
      `-i br0 -o br0
-i br-1a2b -o br0
-i br0 -o br-1a2b
-i docker0 -o br0
-i br0 -o docker0
iifname "br0" oifname "br-1a2b" drop
iifname "br0" oifname "docker0" drop
`,
    );
    sh('nft flush chain ip landline_docker forward');
    assert.match(await placed(wish), /drop/, 'somebody took it away');
    assert.equal(await placed({ ...wish, bridges: [], dockerBridges: [] }), '');
    assert.match(sh('nft list tables'), /^table ip filter\n$/);
  },
);

test('bridged traffic that nobody filters is not said to be dropped', needsRoot, async () => {
  sh(`nft -f - <<'END'
table inet filter { chain forward { type filter hook forward priority 0; policy drop
  } 
}
END`);
  const dropped = async (filtered: boolean): Promise<string[]> => {
    const plan = planForeign(await listAll(), { bridges: ['br0'], bridgedIsFiltered: { ip: filtered, ip6: false } });
    assert.deepEqual(plan.commands, []);
    return plan.dropped.map((it) => `${it.chain}: ${it.what}`);
  };
  assert.deepEqual(await dropped(true), ['inet filter forward: traffic of the LAN through br0']);
  assert.deepEqual(await dropped(false), []);
});

test('nft’s own words come with a refusal, and nothing of the transaction is done', needsRoot, async () => {
  const table = { table: { family: 'ip', name: 'landline' } };
  const chain = { chain: { family: 'ip', table: 'elsewhere', name: 'raw' } };
  await assert.rejects(nft.run('make them', [{ add: table }, { add: chain }]), {
    code: 'FIREWALL_REFUSED',
    message: /^the host's firewall refused to make them: .*No such file or directory/,
  });
  assert.equal(sh('nft list tables'), '');
  assert.equal(await nft.list('table', 'ip', 'landline'), undefined);
});

test('each transaction raises the generation by one, and is told of once', needsRoot, async () => {
  let told = 0;
  const watch = nft.watch(() => {
    told += 1;
  });
  const before = nft.generation();
  await nft.run('make them', replaceTables(wish));
  assert.equal(nft.generation(), before + 1);
  sh('nft add table ip other');
  assert.equal(nft.generation(), before + 2);
  await new Promise((resolve) => setTimeout(resolve, 100));
  watch.close();
  assert.equal(told, 2);
});
