/** How much goes through from the pc to an environment, beside a veth made by hand on the same bridge. */
import { type BenchLab, run } from './lab.ts';
import { interleave } from './measure.ts';

export interface ThroughputTimings {
  /** Gbit/s, TCP, one stream. */
  readonly environment: readonly number[];
  readonly byHand: readonly number[];
}

const server = ['iperf3', '--server'];

export async function measureThroughput(lab: BenchLab, rounds: number): Promise<ThroughputTimings> {
  const { address } = await run(lab, 'throughput', server);
  await lab.read('host', ['sh', '-ec', byHand]);
  const contender = (name: string, to: string) => ({ name, run: () => stream(lab, to) });
  const took = await interleave([contender('environment', address), contender('byHand', addressByHand)], rounds);
  await lab.daemon.call('DELETE', '/v1/environments/throughput');
  await lab.read('host', ['sh', '-ec', 'ip netns pids hand | xargs kill; ip netns delete hand']);
  return { environment: took.get('environment') ?? [], byHand: took.get('byHand') ?? [] };
}

/** The last of the pool, which nobody has yet. */
const addressByHand = '192.168.11.254';

const byHand = `
ip netns add hand
ip link add hand0 type veth peer name eth0 netns hand
ip link set hand0 master br0
ip link set hand0 up
ip -n hand link set lo up
ip -n hand address add ${addressByHand}/23 dev eth0
ip -n hand link set eth0 up
ip netns exec hand ${server.join(' ')} --daemon`;

/** One second, after a tenth to warm up. @returns Gbit/s as the receiver counted them */
async function stream(lab: BenchLab, address: string): Promise<number> {
  const text = await lab.read('pc', ['iperf3', '--client', address, '--time', '1', '--omit', '0.1', '--json']);
  // iperf3's own document.
  const report = JSON.parse(text) as { readonly end: { readonly sum_received: { readonly bits_per_second: number } } };
  return report.end.sum_received.bits_per_second / 1e9;
}
