/** Many environments at once, each with its own address and a web server that a colleague opens. */
import { type Colleague, openColleague } from './colleague.ts';
import { type BenchLab, run } from './lab.ts';

export interface ManyTimings {
  readonly count: number;
  /** Milliseconds from the first request until every one has been opened from the pc. */
  readonly openedMs: number;
  /** `down --all` */
  readonly downMs: number;
}

const page = '/run/page';
const server = ['busybox', 'httpd', '-f', '-p', '80', '-h', page];

/** Asks for all of them at once, and opens each as soon as its request is answered. */
export async function measureMany(lab: BenchLab, count: number): Promise<ManyTimings> {
  return withPage(lab, async (pc) => {
    const begin = performance.now();
    await Promise.all(
      Array.from({ length: count }, async (_, number) => pc.open((await run(lab, `many-${number}`, server)).address)),
    );
    const openedMs = performance.now() - begin;
    const downMs = await timed(() => lab.daemon.call('DELETE', '/v1/environments'));
    return { count, openedMs, downMs };
  });
}

/** The same from a script as one writes it: nothing is probed, remembered or healed, and addresses are counted upwards. */
export async function measureManyByHand(lab: BenchLab, count: number): Promise<ManyTimings> {
  return withPage(lab, async (pc) => {
    // The script tells nobody whose an address is now, so the pc must not remember whose it was.
    await lab.read('pc', ['ip', 'neighbour', 'flush', 'all']);
    const addresses = Array.from({ length: count }, (_, number) => `192.168.10.${30 + number}`);
    const begin = performance.now();
    await lab.read('host', ['sh', '-ec', makeByHand, 'sh', ...addresses]);
    await Promise.all(addresses.map((address) => pc.open(address)));
    const openedMs = performance.now() - begin;
    const downMs = await timed(() => lab.read('host', ['sh', '-ec', endByHand, 'sh', ...addresses]));
    return { count, openedMs, downMs };
  });
}

const makeByHand = `
for address; do
  name=hand-\${address##*.}
  ip netns add $name
  ip link add ve\${address##*.} type veth peer name eth0 netns $name
  ip link set ve\${address##*.} master br0
  ip link set ve\${address##*.} up
  ip -n $name link set lo up
  ip -n $name address add $address/23 dev eth0
  ip -n $name link set eth0 up
  ip -n $name route add default via 192.168.11.1
  ip netns exec $name busybox httpd -p 80 -h ${page}
done`;

const endByHand = `
for address; do
  ip netns pids hand-\${address##*.} | xargs kill
  ip netns delete hand-\${address##*.}
done
# The addresses answer until the kernel has ended the namespaces.
while ip -o link | grep -q ' ve[0-9]'; do sleep 0.01; done`;

async function withPage<T>(lab: BenchLab, body: (pc: Colleague) => Promise<T>): Promise<T> {
  await lab.read('host', ['sh', '-c', `mkdir -p ${page}; echo hello >${page}/index.html`]);
  const pc = await openColleague(lab.name);
  try {
    return await body(pc);
  } finally {
    pc.close();
  }
}

async function timed(work: () => Promise<unknown>): Promise<number> {
  const begin = performance.now();
  await work();
  return performance.now() - begin;
}
