/** Captures of NDP: what the kernel sends for `ping -6`, for its own duplicate address detection, and unsolicited, as tcpdump saw it pass a bridge. */
import { execFileSync, spawnSync } from 'node:child_process';
import fs from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { decodeNdp, type Ndp } from '../../src/wire/ndp/ndp.ts';
import { writeCapture } from '../support/captures.ts';
import { ndpToJson } from '../support/ndp-notation.ts';
import { prepare } from './prepare.ts';
import { framesWhile, type Shown } from './tcpdump.ts';
import { today, versions } from './versions.ts';

const folder = new URL('../../src/wire/ndp/captures/', import.meta.url);

/** Two machines on a bridge, of which pc sends. */
const preparation = `
ip netns add shop
ip netns add pc
ip link add br0 up type bridge
ip link add ll0 up master br0 type veth peer name eth0 address 02:4c:4c:00:00:01 netns shop
ip link add ll1 up master br0 type veth peer name eth0 address 02:4c:4c:00:00:02 netns pc
ip -n shop link set dev eth0 up
ip -n pc link set dev eth0 up
ip -n shop address add 2001:db8:10::101/64 dev eth0 nodad
ip -n pc address add 2001:db8:10::20/64 dev eth0 nodad
`;

/** What pc does; the first frame of each kind with this target is one capture. */
const cases: Readonly<
  Record<string, { readonly command: string; readonly target: string; readonly kinds: readonly Ndp['kind'][] }>
> = {
  ping: { command: 'ping -6 -c 1 -W 1 2001:db8:10::101', target: '2001:db8:10::101', kinds: ['solicitation', 'advertisement'] },
  'dad-taken': {
    command: 'ip address add 2001:db8:10::101/64 dev eth0; sleep 1.5; ip address delete 2001:db8:10::101/64 dev eth0',
    target: '2001:db8:10::101',
    kinds: ['solicitation', 'advertisement'],
  },
  'dad-free': {
    command: 'ip address add 2001:db8:10::102/64 dev eth0; sleep 1.5',
    target: '2001:db8:10::102',
    kinds: ['solicitation'],
  },
  notify: {
    command:
      'sh -c "echo 1 >/proc/sys/net/ipv6/conf/eth0/ndisc_notify; ip link set dev eth0 address 02:4c:4c:00:00:03"; sleep 0.5',
    target: '2001:db8:10::20',
    kinds: ['advertisement'],
  },
};

export async function captureNdp(): Promise<void> {
  fs.rmSync(folder, { recursive: true, force: true });
  prepare(preparation);
  await sleep(3000);
  for (const [name, it] of Object.entries(cases)) {
    const frames = await framesOf(it.command);
    for (const kind of it.kinds) {
      const frame = frames.find((one) => one.value.kind === kind && one.value.target === it.target);
      if (frame === undefined) throw new Error(`${name} caused no ${kind} of ${it.target}`);
      const ours = inWordsOfTcpdump(frame.value);
      if (!ours.every((words) => frame.reading.includes(words)))
        throw new Error(`${name}: we read ${ours.join(', ')}, tcpdump reads ${frame.reading}`);
      const origin = { command: it.command, recorder: versions('tcpdump', 'the kernel itself'), date: today() };
      writeCapture(folder, { ...origin, name: `${name}.${kind}`, bytes: frame.bytes, value: ndpToJson(frame.value) });
      console.log(`${name}.${kind}: ${ours.join(', ')}`);
    }
  }
}

interface Frame extends Shown {
  readonly value: Ndp;
}

async function framesOf(command: string): Promise<readonly Frame[]> {
  const wanted = 'icmp6 and (ip6[40] == 135 or ip6[40] == 136)';
  const frames = await framesWhile(['-i', 'br0', '-e', '-v', wanted], /^(?=[0-9a-f]{2}:)/m, () => {
    for (const machine of ['shop', 'pc']) execFileSync('ip', ['-n', machine, '-6', 'neighbour', 'flush', 'all']);
    spawnSync('nsenter', ['--net=/run/netns/pc', 'sh', '-c', command], { stdio: 'ignore' });
  });
  return frames.map((it) => ({ ...it, value: decodeNdp(it.bytes) }));
}

/** Pieces of what `tcpdump -e -v` prints. */
function inWordsOfTcpdump(it: Ndp): readonly string[] {
  const kind = it.kind === 'solicitation' ? 'neighbor solicitation' : 'neighbor advertisement';
  const names = [
    [0x8000_0000, 'router'],
    [0x4000_0000, 'solicited'],
    [0x2000_0000, 'override'],
  ] as const;
  const flags = names.flatMap(([bit, name]) => ((it.flags & bit) === 0 ? [] : [name]));
  return [
    `${it.source} > ${it.destination}, ethertype IPv6 (0x86dd)`,
    `${it.from} > ${it.to}:`,
    `${kind}`,
    it.kind === 'solicitation' ? `who has ${it.target}` : `tgt is ${it.target}`,
    ...(flags.length === 0 ? [] : [`[${flags.join(', ')}]`]),
  ];
}
