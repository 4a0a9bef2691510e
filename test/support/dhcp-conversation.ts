/**
 * Conversations between a client and its servers, with times in seconds. What the client does is told in words:
 *
 *     discover · discover 192.168.10.100 · request 192.168.10.100 of 192.168.11.2 · reboot 192.168.10.100
 *     renew 192.168.10.100 at 192.168.11.2 (unicast) · rebind 192.168.10.100 (broadcast)
 *     bind 192.168.10.100 · lose 192.168.10.100: expired · decline … · release … · ignore: another server
 */
import assert from 'node:assert/strict';
import { newLease, step, wakeAt } from '../../src/core/dhcp/machine.ts';
import type { DhcpClient, DhcpEffect, DhcpEvent, DhcpLease } from '../../src/core/dhcp/model.ts';
import { formatIpv4, type Ipv4, ipv4 } from '../../src/net/ipv4.ts';
import { type DhcpMessage, decodeDhcp, encodeDhcp, optionOf } from '../../src/wire/dhcp/dhcp.ts';
import type { DhcpOption, OptionValues } from '../../src/wire/dhcp/options.ts';

export const client: DhcpClient = { mac: '02:4c:4c:00:00:01', clientId: 'ff:00:00:00:01:00:04', hostname: 'shop' };

export const server = '192.168.11.2';

/** Options of a reply, addresses as text where one is enough. */
export type Told = Partial<Omit<OptionValues, 'server' | 'messageType'>> & {
  readonly server?: string;
  readonly mac?: string;
  /** Another transaction's. */
  readonly xid?: number;
};

export interface Talk {
  /** Goes on to a time, and sends every tick that is due until then. */
  at(seconds: number): Talk;
  hears(type: 'offer' | 'ack' | 'nak' | 'inform', address: string, told?: Told): Talk;
  told(kind: 'conflict' | 'renew' | 'reattached' | 'release'): Talk;
  /** What it has done since the last time it was asked. */
  does(...words: readonly string[]): Talk;
  wakesAt(seconds: number | undefined): Talk;
  readonly lease: DhcpLease;
  /** What it has sent, the last first. */
  readonly sent: readonly DhcpMessage[];
}

/** @param jitter of all dice; a half: none at all */
export function conversation(start: DhcpLease = newLease(client, 0), jitter = 0.5): Talk {
  let lease = start;
  let now = 0;
  let xid = 100;
  let done: string[] = [];
  const sent: DhcpMessage[] = [];

  const happens = (event: Omit<DhcpEvent, 'dice'>): void => {
    xid += 1;
    // The kind tells the rest of the event.
    const next = step(lease, { ...event, dice: { xid, jitter } } as DhcpEvent, now);
    lease = next.lease;
    for (const effect of next.effects) {
      if (effect.do === 'send') sent.unshift(decodeDhcp(encodeDhcp(effect.message)));
      done.push(inWords(effect));
    }
  };

  const talk: Talk = {
    at: (seconds) => {
      for (let rounds = 0; ; rounds += 1) {
        assert.ok(rounds < 1000, 'it never rests');
        const due = wakeAt(lease);
        if (due === undefined || due > seconds * 1000) break;
        now = Math.max(now, due);
        happens({ kind: 'tick' });
      }
      now = seconds * 1000;
      return talk;
    },
    hears: (type, address, told = {}) => {
      happens({ kind: 'heard', message: reply(lease, type, ipv4(address), told) } as Omit<DhcpEvent, 'dice'>);
      return talk;
    },
    told: (kind) => {
      happens({ kind });
      return talk;
    },
    does: (...words) => {
      assert.deepEqual(done, words);
      done = [];
      return talk;
    },
    wakesAt: (seconds) => {
      assert.equal(wakeAt(lease), seconds === undefined ? undefined : seconds * 1000);
      return talk;
    },
    get lease() {
      return lease;
    },
    sent,
  };
  return talk;
}

function reply(lease: DhcpLease, type: OptionValues['messageType'], yiaddr: Ipv4, told: Told): DhcpMessage {
  const { server: from = server, mac = client.mac, xid, ...values } = told;
  const { phase } = lease;
  const options: DhcpOption[] = [{ option: 'messageType', value: type }];
  if (from !== '') options.push({ option: 'server', value: ipv4(from) });
  for (const [option, value] of Object.entries(values)) options.push({ option, value } as DhcpOption);
  return {
    op: 'reply',
    hops: 0,
    xid: xid ?? ('exchange' in phase ? phase.exchange.xid : 0),
    secs: 0,
    broadcast: false,
    ciaddr: 0,
    yiaddr,
    siaddr: 0,
    giaddr: 0,
    chaddr: mac,
    options,
  };
}

function inWords(it: DhcpEffect): string {
  switch (it.do) {
    case 'bind':
      return `bind ${formatIpv4(it.grant.address)}`;
    case 'lose':
      return `lose ${formatIpv4(it.grant.address)}: ${it.why}`;
    case 'ignore':
      return `ignore: ${it.why}`;
    case 'send':
      return sentInWords(it);
  }
}

function sentInWords({ message, to, from }: Extract<DhcpEffect, { do: 'send' }>): string {
  const address = (value: Ipv4 | undefined): string => (value === undefined || value === 0 ? '' : ` ${formatIpv4(value)}`);
  const [type, wanted, of] = [
    optionOf(message, 'messageType'),
    optionOf(message, 'requestedAddress'),
    optionOf(message, 'server'),
  ];
  assert.equal(from, message.ciaddr, 'whoever says that it has an address sends from it');
  if (type === 'request') {
    if (to !== undefined) return `renew${address(message.ciaddr)} at${address(to)}`;
    if (message.ciaddr !== 0) return `rebind${address(message.ciaddr)}`;
    return of === undefined ? `reboot${address(wanted)}` : `request${address(wanted)} of${address(of)}`;
  }
  if (type === 'release') return `release${address(message.ciaddr)} at${address(to)}`;
  if (type === 'decline') return `decline${address(wanted)} of${address(of)}`;
  return `${type}${address(wanted)}`;
}
