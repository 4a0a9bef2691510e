/**
 * The part of a daemon that has to do with private networks, for a test to command from outside of the namespace that
 * it runs in: a line of JSON on stdin for each request, a line for each answer.
 */
import { createInterface } from 'node:readline';
import { privateGateway } from '../../src/core/firewall/wish.ts';
import { privateLinkGroup } from '../../src/core/mark.ts';
import { whyMendPrivateEnd } from '../../src/core/plan/private-end.ts';
import { detach } from '../../src/daemon/attach.ts';
import { type FirewallWish, openFirewall } from '../../src/daemon/firewall.ts';
import {
  attachPrivate,
  mendPrivate,
  mtuOutwards,
  observePrivateEnd,
  type PrivateEndpoint,
  type PrivateWish,
} from '../../src/daemon/private-endpoint.ts';
import { isLandlineError } from '../../src/errors.ts';
import { openHost } from '../../src/host/index.ts';
import { listListeners, ownerOfSocket } from '../../src/host/listeners.ts';
import { openNft } from '../../src/host/nft.ts';
import { ipv4 } from '../../src/net/ipv4.ts';
import { prefix } from '../../src/net/prefix.ts';
import type { PrivateAnswer, PrivateRequest } from './private-host.ts';

const installation = 'a1b2c3';
const subnet = prefix('10.88.0.0/16');
const group = privateLinkGroup(installation);
const host = openHost();
const told: string[] = [];
const nft = openNft();
const firewall = openFirewall(host, nft, (line) => void told.push(line));
const known = new Map<string, PrivateWish>();

const netnsOf = (name: string): string => `/run/landline/netns/${name}`;

function wishOf({ bridges, ports }: Extract<PrivateRequest, { do: 'apply' }>): FirewallWish {
  if (ports === undefined) return { bridges };
  const published = ports.map((it) => {
    const [where, what] = it.split(' ');
    const [, hostAddress, hostPort, address, containerPort] = /^(?:([\d.]+):)?(\d+):([\d.]+):(\d+)$/.exec(where ?? '') ?? [];
    return {
      ...(hostAddress === undefined ? {} : { hostAddress: ipv4(hostAddress) }),
      hostPort: Number(hostPort),
      protocol: what === 'udp' ? ('udp' as const) : ('tcp' as const),
      address: ipv4(address ?? ''),
      containerPort: Number(containerPort),
    };
  });
  return { bridges, private: { subnet, group, ports: published } };
}

async function attachOne({ name, address }: Extract<PrivateRequest, { do: 'attach' }>): Promise<unknown> {
  if (host.netnsInode(netnsOf(name)) === undefined) await host.addNetns(netnsOf(name));
  const gateway = privateGateway(subnet);
  const endpoint: PrivateEndpoint = {
    network: 'bridge',
    interface: 'eth0',
    mac: `02:00:${[...Buffer.from(address.split('.').slice(0, 4).map(Number))].map((it) => it.toString(16).padStart(2, '0')).join(':')}`,
    address: { address: ipv4(address), length: subnet.length },
    routes: [{ to: prefix('0.0.0.0/0'), via: gateway }],
    gateway,
    mtu: await mtuOutwards(host),
  };
  const mark = { installation, environment: name, interface: 'eth0' };
  const wish = { endpoint, mark, group, netns: netnsOf(name), target: `environment '${name}'` };
  known.set(name, wish);
  return attachPrivate(host, wish);
}

/** What is wrong with the host's end. */
async function inspect(name: string): Promise<unknown> {
  const wish = known.get(name);
  const end = (await host.kernel.listLinks()).find((it) => it.alias === `landline:${installation}:${name}:eth0`);
  if (wish === undefined || end === undefined) return 'not attached';
  const { address, gateway, mtu } = wish.endpoint;
  return whyMendPrivateEnd({ address: address.address, gateway, mtu }, await observePrivateEnd(host, end)) ?? 'well';
}

async function answer(request: PrivateRequest): Promise<unknown> {
  switch (request.do) {
    case 'apply': {
      const begin = performance.now();
      await firewall.apply(wishOf(request));
      return performance.now() - begin;
    }
    case 'check':
      return firewall.check();
    case 'problems':
      return firewall.problems.map((it) => `${it.code}: ${it.message} → ${it.next}`);
    case 'told':
      return told.splice(0);
    case 'sandbox':
      return host.addNetns(netnsOf(request.name));
    case 'attach':
      return attachOne(request);
    case 'detach':
      return detach(host, netnsOf(request.name), 'eth0');
    case 'inspect':
      return inspect(request.name);
    case 'mend': {
      const wish = known.get(request.name);
      return wish && mendPrivate(host, wish);
    }
    case 'generation':
      return nft.generation();
    case 'listeners':
      return Promise.all((await listListeners()).map(async (it) => ({ ...it, owner: await ownerOfSocket(it.socket) })));
  }
}

for await (const line of createInterface({ input: process.stdin })) {
  // The test writes nothing else.
  const request = JSON.parse(line) as PrivateRequest;
  const result: PrivateAnswer = await answer(request).then(
    (value) => ({ value }),
    (error: unknown) => ({ error: isLandlineError(error) ? `${error.code}: ${error.message}` : String(error) }),
  );
  process.stdout.write(`${JSON.stringify(result)}\n`);
}
firewall.close();
host.close();
