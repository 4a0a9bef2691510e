import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setTimeout as sleep } from 'node:timers/promises';
import { type PrivateHost, withPrivateHost } from './private-host.ts';

/** How the host may treat bridged frames: nothing of all this depends on it. */
const filtering = ['0', '1'] as const;

async function filterBridged(it: PrivateHost, value: '0' | '1'): Promise<void> {
  await it.sh('host', `sysctl -q -w net.bridge.bridge-nf-call-iptables=${value}`);
}

/** A script that begins to count packets of a machine: `nft list table ip count` shows how many. */
const countPackets = (hook: string, packets: string): string =>
  `nft add table ip count; nft 'add chain ip count arrived { type filter hook ${hook} priority 0; }'
   nft add rule ip count arrived ${packets} counter`;

const refused = /^curl: \(7\)/;
const timedOut = /^curl: \(28\)/;

test('a published port answers at each address of the host, from everywhere, with bridged frames filtered or not', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.sh('host', 'ip address add 192.168.11.21/23 dev br0');
    await it.publish('8080:10.88.0.2:80', '5353:10.88.0.2:53 udp');
    await it.addShop('shop', '10.88.0.2');
    await it.addShop('crm', '10.88.0.3');
    const asked: readonly (readonly [from: string, to: string, sees: string])[] = [
      ['pc', '192.168.11.20', '192.168.10.20'],
      ['pc', '192.168.11.21', '192.168.10.20'],
      ['branch-pc', '192.168.11.20', '10.50.0.20'],
      ['host', '192.168.11.20', '192.168.11.20'],
      ['host', '192.168.11.21', '192.168.11.20'],
      ['host', '127.0.0.1', '10.88.0.1'],
      ['host', '10.88.0.1', '10.88.0.1'],
      ['host/shop', '192.168.11.20', '10.88.0.1'],
      ['host/shop', '10.88.0.1', '10.88.0.1'],
      ['host/crm', '192.168.11.20', '10.88.0.1'],
      ['host/crm', '192.168.11.21', '10.88.0.1'],
    ];
    for (const value of filtering) {
      await filterBridged(it, value);
      // As strict as it can be about where packets come from.
      await it.sh('host', `sysctl -q -w net.ipv4.conf.all.rp_filter=${value}`);
      for (const [from, to, sees] of asked) {
        assert.equal(await it.open(from, `http://${to}:8080/`), `shop sees ${sees}`, `${from} to ${to}/tcp, ${value}`);
        assert.equal(await it.send(from, `${to}:5353`), `shop sees ${sees}`, `${from} to ${to}/udp, ${value}`);
      }
      assert.equal(await it.open('host', 'http://localhost:8080/'), 'shop sees 10.88.0.1');
      assert.equal(await it.open('host', 'http://10.88.0.2/'), 'shop sees 10.88.0.1');
      assert.match(await it.open('pc', 'http://192.168.11.20:8081/'), refused);
    }
  });
});

test('one published on a single address of the host answers there alone', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.sh('host', 'ip address add 192.168.11.21/23 dev br0');
    await it.publish('192.168.11.21:8080:10.88.0.2:80', '192.168.11.20:8080:10.88.0.3:80', '127.0.0.1:8081:10.88.0.2:80');
    await it.addShop('shop', '10.88.0.2');
    await it.addShop('crm', '10.88.0.3');
    for (const from of ['pc', 'host', 'host/shop', 'host/crm']) {
      assert.match(await it.open(from, 'http://192.168.11.21:8080/'), /^shop sees/, from);
      assert.match(await it.open(from, 'http://192.168.11.20:8080/'), /^crm sees/, from);
    }
    assert.match(await it.open('host', 'http://127.0.0.1:8080/'), refused);
    assert.equal(await it.open('host', 'http://127.0.0.1:8081/'), 'shop sees 10.88.0.1');
    assert.match(await it.open('pc', 'http://192.168.11.20:8081/'), refused);
  });
});

test('environments do not reach each other’s private addresses, whatever they do to their own routes', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish('8080:10.88.0.2:80');
    await it.addShop('shop', '10.88.0.2');
    await it.addShop('crm', '10.88.0.3');
    const sendsToItDirectly = async (): Promise<void> => {
      assert.match(await it.open('host/crm', 'http://10.88.0.2/', 1), /^curl: \((7|28)\)/);
      assert.equal(await it.send('host/crm', '10.88.0.2:53'), 'no answer');
      assert.notEqual((await it.inside('crm', ['ping', '-c1', '-W0.3', '10.88.0.2'])).status, 0);
    };
    for (const value of filtering) {
      await filterBridged(it, value);
      await sendsToItDirectly();
    }
    const links = JSON.parse(await it.lab.read('host', ['ip', '-json', 'link'])) as readonly {
      ifname: string;
      address: string;
      ifalias?: string;
    }[];
    const hostEnd = links.find((link) => link.ifalias?.endsWith(':crm:eth0'));
    assert.ok(hostEnd !== undefined);
    await it.sh('host/crm', `ip neighbour replace 10.88.0.2 lladdr ${hostEnd.address} dev eth0 nud permanent`);
    await sendsToItDirectly();
    await it.sh('host/crm', 'ip route add 10.88.0.2 via 10.88.0.1');
    assert.match(await it.open('host/crm', 'http://10.88.0.2/'), refused);
  });
});

test('an environment speaks from its own address alone', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish();
    await it.addShop('crm', '10.88.0.3');
    await it.sh('host/crm', 'ip address add 192.168.11.77/32 dev eth0; ip address add 10.88.0.9/16 dev eth0');
    await it.sh('pc', countPackets('prerouting', 'ip saddr 192.168.11.77 icmp type echo-request'));
    for (const own of ['192.168.11.77', '10.88.0.9']) {
      assert.notEqual((await it.inside('crm', ['ping', '-c1', '-W0.3', '-I', own, '192.168.10.20'])).status, 0, own);
    }
    assert.match(await it.sh('pc', 'nft list table ip count'), /counter packets 0 /);
    assert.equal((await it.inside('crm', ['ping', '-c1', '-W1', '-I', '10.88.0.3', '192.168.10.20'])).status, 0);
  });
});

test('what was open before the firewall stood is closed by it', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.addShop('shop', '10.88.0.2');
    await it.addShop('crm', '10.88.0.3');
    // Connections are tracked where some rule asks for it.
    await it.sh('host', `sysctl -q -w net.ipv4.conf.br0.forwarding=1; ${countPackets('forward', 'ct state established')}`);
    await it.sh('pc', 'ip route add 10.88.0.2 via 192.168.11.20');
    await it.sh('host/crm', 'ip route add 10.88.0.2 via 10.88.0.1');
    await it.sh('host/shop', 'ip route add 10.88.0.3 via 10.88.0.1');
    const streams = ['pc', 'host/crm'].map((from) =>
      it.start(from, ['curl', '--silent', '--no-buffer', 'http://10.88.0.2/stream']),
    );
    let heard = 0;
    await Promise.all(
      streams.map(
        (stream) =>
          new Promise((resolve) =>
            stream.stdout.on('data', (bytes: Buffer) => {
              heard += bytes.length;
              resolve(undefined);
            }),
          ),
      ),
    );
    await it.publish();
    // What the server has sent already is on its way.
    await sleep(300);
    const before = heard;
    await sleep(300);
    assert.equal(heard, before);
  });
});

test('an environment goes out as the host: to the LAN, behind the router, and not to addresses that nobody has', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish();
    await it.addShop('shop', '10.88.0.2');
    await it.serve('pc', 'pc');
    assert.equal(await it.open('host/shop', 'http://192.168.10.20/'), 'pc sees 192.168.11.20');
    assert.equal(await it.send('host/shop', '192.168.10.20:53'), 'pc sees 192.168.11.20');
    assert.equal((await it.inside('shop', ['ping', '-c1', '-W1', '10.50.0.20'])).status, 0);
    await it.sh('host/shop', 'ip route add 10.88.7.7 via 10.88.0.1');
    await it.sh('router', countPackets('prerouting', 'ip daddr 10.88.0.0/16'));
    assert.match(await it.open('host/shop', 'http://10.88.7.7/'), refused);
    assert.match(await it.sh('router', 'nft list table ip count'), /counter packets 0 /);
  });
});

test('a LAN machine does not reach private addresses past the published ports', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish('8080:10.88.0.2:80');
    await it.addShop('shop', '10.88.0.2');
    await it.sh('pc', 'ip route add 10.88.0.0/16 via 192.168.11.20');
    assert.match(await it.open('pc', 'http://10.88.0.2/'), refused);
    assert.notEqual((await it.lab.exec('pc', ['ping', '-c1', '-W0.3', '10.88.0.2'])).status, 0);
  });
});

test('127.0.0.0/8 stays the host’s own, although links of the host take packets to it', async (t) => {
  await withPrivateHost(t, async (it) => {
    it.start('host', ['busybox', 'httpd', '-f', '-p', '127.0.0.1:9000']);
    await it.sh('host', 'until curl --silent http://127.0.0.1:9000/ >/dev/null; do sleep 0.05; done');
    await it.sh('host', 'sysctl -q -w net.ipv4.conf.br0.route_localnet=1');
    const leadThere = (via: string): string =>
      `ip address delete 127.0.0.1/8 dev lo; sysctl -q -w net.ipv4.conf.all.route_localnet=1; ip route add 127.0.0.1 via ${via}`;
    await it.sh('pc', leadThere('192.168.11.20'));
    assert.match(await it.open('pc', 'http://127.0.0.1:9000/'), /404/);
    await it.sh('host', countPackets('input', 'iifname br0 ip saddr 127.0.0.5'));
    const speakAsLoopback = async (): Promise<string> => {
      await it.lab.exec('pc', ['ping', '-c1', '-W0.3', '-I', '127.0.0.5', '192.168.11.20']);
      return it.sh('host', 'nft list table ip count');
    };
    await it.sh('pc', 'ip address add 127.0.0.5/32 dev lo');
    assert.match(await speakAsLoopback(), /counter packets 1 /);
    await it.publish('8080:10.88.0.2:80');
    assert.match(await speakAsLoopback(), /counter packets 1 /);
    await it.addShop('shop', '10.88.0.2');
    await it.sh('host/shop', leadThere('10.88.0.1'));
    for (const from of ['pc', 'host/shop']) assert.match(await it.open(from, 'http://127.0.0.1:9000/', 1), timedOut, from);
    assert.match(await it.open('host', 'http://127.0.0.1:9000/'), /404/);
    assert.equal(await it.open('host', 'http://127.0.0.1:8080/'), 'shop sees 10.88.0.1');
  });
});
