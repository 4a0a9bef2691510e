import assert from 'node:assert/strict';
import { test } from 'node:test';
import { type PrivateHost, withPrivateHost } from './private-host.ts';

interface LinkLine {
  readonly ifname: string;
  readonly group?: string;
  readonly ifalias?: string;
}

const links = async (it: PrivateHost, from = 'host'): Promise<readonly LinkLine[]> =>
  // A cast, since this is what `ip` prints.
  JSON.parse(await it.sh(from, 'ip -json link')) as readonly LinkLine[];

const hostEnd = async (it: PrivateHost, name: string): Promise<string> => {
  const found = (await links(it)).find((link) => link.ifalias === `landline:a1b2c3:${name}:eth0`);
  assert.ok(found !== undefined, `no link of ${name}`);
  return found.ifname;
};

const inspect = (it: PrivateHost, name: string): Promise<unknown> => it.ask({ do: 'inspect', name });

test('an attached sandbox has its address and the default route, and the host’s end what belongs to it', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish();
    await it.ask({ do: 'attach', name: 'shop', address: '10.88.0.2' });
    const link = await hostEnd(it, 'shop');
    assert.match(link, /^llp[0-9a-f]{10}$/);
    assert.equal(
      await it.sh('host', `ip -brief -4 address show dev ${link}; ip route show dev ${link}`),
      `${link}@if2 UP             10.88.0.1/32 \n10.88.0.2 proto static scope link \n`,
    );
    assert.equal(
      await it.sh('host/shop', 'ip -brief address show dev eth0 | tr -s " " | cut -d" " -f2-; ip route'),
      `UP 10.88.0.2/16 \ndefault via 10.88.0.1 dev eth0 proto static \n10.88.0.0/16 dev eth0 proto kernel scope link src 10.88.0.2 \n`,
    );
    assert.equal(await inspect(it, 'shop'), 'well');
  });
});

test('whatever is taken from the host’s end is named, and comes back', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish('8080:10.88.0.2:80');
    await it.addShop('shop', '10.88.0.2');
    const link = await hostEnd(it, 'shop');
    const cases: readonly (readonly [damage: string, says: string])[] = [
      [`ip address delete 10.88.0.1/32 dev ${link}`, "without 10.88.0.1 at the host's end"],
      ['ip route delete 10.88.0.2', "without the host's route to 10.88.0.2"],
      [`ip route add 10.88.0.7 dev ${link} proto static`, 'with a route of the host to 10.88.0.7/32 too'],
      [`ip link set ${link} mtu 1400`, "MTU 1400 at the host's end, and 1500 is right"],
      [`sysctl -q -w net.ipv4.conf.${link}.forwarding=0`, "the host's end does not forward"],
      [`sysctl -q -w net.ipv4.conf.${link}.route_localnet=0`, "the host's end does not take packets of 127.0.0.1"],
      [`ip link set ${link} down`, "down at the host's end"],
    ];
    for (const [damage, says] of cases) {
      await it.sh('host', damage);
      assert.equal(await inspect(it, 'shop'), says);
      await it.ask({ do: 'mend', name: 'shop' });
      assert.equal(await inspect(it, 'shop'), 'well', damage);
      assert.equal(await it.open('host', 'http://127.0.0.1:8080/'), 'shop sees 10.88.0.1', damage);
    }
    for (const damage of ['ip address delete 10.88.0.2/16 dev eth0', 'ip route delete default', 'ip link set eth0 down']) {
      await it.sh('host/shop', damage);
      await it.ask({ do: 'mend', name: 'shop' });
      assert.equal(await it.open('pc', 'http://192.168.11.20:8080/'), 'shop sees 192.168.10.20', damage);
    }
  });
});

test('an attach that fails leaves nothing behind, at whichever step', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish();
    const before = await it.sh('host', 'ip -oneline link; ip -oneline address; ip route');
    await it.ask({ do: 'sandbox', name: 'taken' });
    await it.sh('host/taken', 'ip link add eth0 type veth peer name other');
    await assert.rejects(it.ask({ do: 'attach', name: 'taken', address: '10.88.0.2' }), {
      message: "INTERFACE_TAKEN: environment 'taken' already has a link named eth0",
    });
    // The host's end cannot have an alias so long; the sandbox's end no route by a gateway that it does not see.
    const long = 'shop'.repeat(62);
    await assert.rejects(it.ask({ do: 'attach', name: long, address: '10.88.0.2' }), { message: /^KERNEL_REFUSED: .*alias/ });
    await assert.rejects(it.ask({ do: 'attach', name: 'crm', address: '10.99.0.2' }), { message: /^KERNEL_REFUSED: .*ip route/ });
    assert.equal(await it.sh('host', 'ip -oneline link; ip -oneline address; ip route'), before);
    for (const name of [long, 'crm'])
      assert.deepEqual(
        (await links(it, `host/${name}`)).map((link) => link.ifname),
        ['lo'],
      );
  });
});

test('detaching takes the link, the address and the route, and detaching again is no mistake', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.publish();
    const before = await it.sh('host', 'ip -oneline link; ip -oneline address; ip route');
    await it.ask({ do: 'attach', name: 'shop', address: '10.88.0.2' });
    await it.ask({ do: 'detach', name: 'shop' });
    await it.ask({ do: 'detach', name: 'shop' });
    assert.equal(await it.sh('host', 'ip -oneline link; ip -oneline address; ip route'), before);
  });
});

test('a port that moves to another environment leads there at once, also for who has been sending all along', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.serve('host', 'host');
    assert.equal(await it.send('pc', '192.168.11.20:53'), 'host sees 192.168.10.20');
    await it.publish('9999:10.88.0.2:53 udp');
    await it.addShop('shop', '10.88.0.2');
    await it.addShop('crm', '10.88.0.3');
    const answers: string[] = [];
    for (const address of ['10.88.0.2', '10.88.0.3', '10.88.0.2']) {
      await it.publish(`53:${address}:53 udp`, `8080:${address}:80`);
      answers.push(await it.send('pc', '192.168.11.20:53'), await it.open('pc', 'http://192.168.11.20:8080/'));
    }
    const wanted = ['shop', 'crm', 'shop'].flatMap((name) => [`${name} sees 192.168.10.20`, `${name} sees 192.168.10.20`]);
    assert.deepEqual(answers, wanted);
    await it.publish();
    assert.equal(await it.send('pc', '192.168.11.20:53'), 'host sees 192.168.10.20');
  });
});

test('programs of the host that wait at a port are found, with their names', async (t) => {
  await withPrivateHost(t, async (it) => {
    await it.serve('host', 'host');
    it.start('host', ['busybox', 'httpd', '-f', '-p', '127.0.0.1:9000']);
    await it.sh('host', 'until curl --silent http://127.0.0.1:9000/ >/dev/null; do sleep 0.05; done');
    const found = (await it.ask({ do: 'listeners' })) as readonly {
      protocol: string;
      address?: number;
      port: number;
      owner: { name: string };
    }[];
    const lines = found.map((one) => `${one.protocol} ${one.address ?? 'any'} ${one.port} ${one.owner.name}`);
    const node = found.find((one) => one.port === 80)?.owner.name;
    // How Node names its main thread is its own business.
    assert.match(String(node), /^(node|MainThread)/);
    assert.deepEqual(lines.sort(), ['tcp 2130706433 9000 busybox', `tcp any 80 ${node}`, `udp any 53 ${node}`]);
  });
});

test('a port more or less is one small transaction, however many there are', async (t) => {
  await withPrivateHost(t, async (it) => {
    const port = (at: number): string => `${10_000 + at}:10.88.${at >> 8}.${at & 255 || 1}:80`;
    for (const count of [10, 100, 1000]) {
      const ports = Array.from({ length: count }, (_, at) => port(at));
      const whole = await it.publish(...ports);
      const times: number[] = [];
      for (let turn = 0; turn < 5; turn += 1) {
        const before = await generation(it);
        times.push(await it.publish(...ports, port(5000 + turn)));
        assert.equal((await generation(it)) - before, 1);
        times.push(await it.publish(...ports));
      }
      const median = times.sort((a, b) => a - b)[times.length >> 1] ?? 0;
      t.diagnostic(`${count} ports: all at once ${whole.toFixed(1)} ms, one more or less ${median.toFixed(1)} ms`);
      assert.ok(median < 150, `${median} ms at ${count} ports`);
    }
  });
});

/** How many transactions there have been. */
async function generation(it: PrivateHost): Promise<number> {
  return Number(await it.ask({ do: 'generation' }));
}
