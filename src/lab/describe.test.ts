import assert from 'node:assert/strict';
import { test } from 'node:test';
import { containsAddress, type Prefix, prefix, subnetOf } from '../net/prefix.ts';
import { describeOffice, type Machine, type Office } from './describe.ts';
import { dhcpProgram } from './dhcp.ts';

const office = describeOffice({ plainNic: false, daemon: true, docker: true, dns: true });
const twoLans = describeOffice({ plainNic: false, daemon: true, docker: false, secondLan: true });
const rehearsal = describeOffice({ plainNic: true, daemon: false, docker: false });

const addressesOf = (machine: Machine): readonly string[] => machine.links.flatMap((it) => it.address ?? []);

function table(it: Office): readonly string[] {
  return it.machines.map((machine) => [machine.name, ...addressesOf(machine), machine.gateway ?? '-'].join(' '));
}

test('the office has a switch, a router to the branch, a server, two PCs and the host', () => {
  assert.deepEqual(table(office), [
    'switch -',
    'router 192.168.11.1/23 10.50.0.1/24 -',
    'server 192.168.11.2/23 192.168.11.1',
    'pc 192.168.10.20/23 192.168.11.1',
    'host 192.168.11.20/23 192.168.11.1',
    'branch-pc 10.50.0.20/24 10.50.0.1',
  ]);
});

test('a second LAN has a switch and a PC of its own, the router, and a bridge of the host', () => {
  assert.deepEqual(table(twoLans), [
    'switch -',
    'router 192.168.11.1/23 10.50.0.1/24 10.60.0.1/24 -',
    'server 192.168.11.2/23 192.168.11.1',
    'pc 192.168.10.20/23 192.168.11.1',
    'host 192.168.11.20/23 192.168.11.1',
    'branch-pc 10.50.0.20/24 10.50.0.1',
    'depot-switch -',
    'depot-pc 10.60.0.20/24 10.60.0.1',
  ]);
});

test('the address of the host is on br0 over ens33, with the MAC of the NIC; before a bridge conversion it is on ens33', () => {
  const linksOf = (it: Office): Machine['links'] => it.machines.find((machine) => machine.name === 'host')?.links ?? [];
  assert.deepEqual(linksOf(office), [
    { kind: 'nic', name: 'ens33', mac: '52:54:00:00:00:20' },
    { kind: 'bridge', name: 'br0', mac: '52:54:00:00:00:20', address: '192.168.11.20/23', ports: ['ens33'] },
  ]);
  assert.deepEqual(linksOf(rehearsal), [{ kind: 'nic', name: 'ens33', mac: '52:54:00:00:00:20', address: '192.168.11.20/23' }]);
});

for (const it of [office, twoLans, rehearsal]) {
  const linkOf = (machine: string, link: string): Machine['links'][number] | undefined =>
    it.machines.find((one) => one.name === machine)?.links.find((one) => one.name === link);

  test('every NIC has one cable, and every cable two NICs', () => {
    const ends = it.cables.flatMap((cable) => [cable.from.join('/'), cable.to.join('/')]).sort();
    const nics = it.machines.flatMap((machine) =>
      machine.links.filter((l) => l.kind === 'nic').map((l) => `${machine.name}/${l.name}`),
    );
    assert.deepEqual(ends, nics.sort());
  });

  test('no two NICs have the same MAC, and no two links the same address', () => {
    const nics = it.machines.flatMap((machine) => machine.links.filter((l) => l.kind === 'nic').map((l) => l.mac));
    assert.equal(new Set(nics).size, nics.length);
    const addresses = it.machines.flatMap(addressesOf);
    assert.equal(new Set(addresses).size, addresses.length);
  });

  test('every bridge is over NICs of its own machine', () => {
    for (const machine of it.machines) {
      for (const bridge of machine.links.filter((l) => l.kind === 'bridge')) {
        for (const port of bridge.ports) assert.equal(linkOf(machine.name, port)?.kind, 'nic', `${machine.name}/${port}`);
      }
    }
  });

  test('every gateway is in the subnet of its machine, and is an address of the router', () => {
    const router = it.machines.find((machine) => machine.name === 'router');
    const ofRouter = (router === undefined ? [] : addressesOf(router)).map(prefix);
    for (const machine of it.machines.filter((one) => one.gateway !== undefined)) {
      const gateway = prefix(`${machine.gateway}/32`).address;
      assert.ok(ofRouter.some((one) => one.address === gateway));
      assert.ok(
        addressesOf(machine)
          .map(prefix)
          .some((own: Prefix) => containsAddress(subnetOf(own), gateway)),
        machine.name,
      );
    }
  });
}

test('BIND runs on the server, Docker and the daemon in the host, and nowhere when they are not wanted', () => {
  const programs = (of: Office): readonly string[] =>
    of.machines.flatMap((it) => it.programs.map((one) => `${it.name}: ${one.command.join(' ')}`));
  assert.deepEqual(
    programs(office).filter((it) => !it.startsWith('server: ')),
    [`host: sh ${import.meta.dirname}/dockerd.sh`, 'host: landline daemon'],
  );
  const dnsmasq = `server: ${dhcpProgram.command.join(' ')}`;
  assert.equal(programs(office)[0], dnsmasq);
  assert.match(programs(office)[1] ?? '', /^server: .* exec named /);
  assert.deepEqual(programs(rehearsal), [dnsmasq]);
});
