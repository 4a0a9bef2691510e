/** Attaching one sandbox: Landline beside the CNI plugin `bridge` and beside `ip`, all on one bridge. */
import fs from 'node:fs';
import { interleave } from '../measure.ts';
import { openShell, type Shell } from '../shell.ts';
import { addressOf, bridge, gateway, length, type Office } from './office.ts';

export interface AttachTimings {
  /** Milliseconds from the first kernel request to the announcement, as `attachMs` tells them. */
  readonly attach: readonly number[];
  /** The same from the call to its return: with the sockets closed again. */
  readonly landline: readonly number[];
  /** The CNI plugin `bridge`, told to do the same: IPAM `static`, nothing else. */
  readonly cni: readonly number[];
  /** The same plugin as its documentation configures it: a gateway of its own, masquerading, IPAM `host-local`. */
  readonly cniDocumented: readonly number[];
  /** One `ip` process for each step. */
  readonly ip: readonly number[];
  /** Two processes: the host's steps, and the sandbox's. */
  readonly ipBatch: readonly number[];
  /** With the probe: the attach, and the probe's own time. */
  readonly probed: readonly { readonly attachMs: number; readonly probeMs: number }[];
}

export async function measureAttach(office: Office, { rounds }: { readonly rounds: number }): Promise<AttachTimings> {
  const shell = openShell();
  const attach: number[] = [];
  const names = new Set<string>();
  let count = 0;

  /** A contender that attaches a sandbox of its own, which is there before the clock starts. */
  const contender = (name: string, run: (sandbox: string, number: number) => Promise<number>) => ({
    name,
    run: async () => {
      count += 1;
      const number = count;
      const sandbox = `${name}-${number}`;
      names.add(sandbox);
      await office.addSandbox(sandbox);
      return run(sandbox, number % 1000);
    },
  });
  const landline = async (sandbox: string, number: number): Promise<number> => {
    const begin = performance.now();
    attach.push((await office.attach(sandbox, number, 'off')).attachMs);
    return performance.now() - begin;
  };
  const endAll = async (): Promise<void> => {
    await office.endSandboxes([...names]);
    names.clear();
  };

  const took = await interleave(
    [
      contender('landline', landline),
      contender('cni', (sandbox, number) => attachWithCni(shell, sandbox, sameConfiguration(number))),
      contender('cniDocumented', (sandbox) => attachWithCni(shell, sandbox, documentedConfiguration)),
      contender('ip', (sandbox, number) => shell.time(ipSteps(sandbox, number).join(' && '))),
      contender('batch', (sandbox, number) => attachWithBatches(shell, sandbox, number)),
    ],
    rounds,
    endAll,
  );
  const probed = [];
  for (let number = 1; number <= 5; number += 1) {
    await office.addSandbox(`probed-${number}`);
    probed.push(await office.attach(`probed-${number}`, number, 'fast'));
  }
  const of = (name: string): readonly number[] => took.get(name) ?? [];
  return {
    attach,
    landline: of('landline'),
    cni: of('cni'),
    cniDocumented: of('cniDocumented'),
    ip: of('ip'),
    ipBatch: of('batch'),
    probed,
  };
}

const plugins = '/usr/lib/cni';

const sameConfiguration = (number: number): object => ({
  bridge,
  ipam: { type: 'static', addresses: [{ address: `${addressOf(number)}/${length}`, gateway }], routes: [{ dst: '0.0.0.0/0' }] },
});

const documentedConfiguration = {
  bridge: 'mynet0',
  isDefaultGateway: true,
  forceAddress: false,
  ipMasq: true,
  hairpinMode: true,
  ipam: { type: 'host-local', subnet: '10.10.0.0/16', dataDir: '/run/cni' },
};

/** CNI ADD. */
async function attachWithCni(shell: Shell, sandbox: string, configuration: object): Promise<number> {
  const file = `/run/${sandbox}.json`;
  fs.writeFileSync(file, JSON.stringify({ cniVersion: '0.4.0', name: 'office', type: 'bridge', ...configuration }));
  const variables = `CNI_COMMAND=ADD CNI_CONTAINERID=${sandbox} CNI_NETNS=/run/netns/${sandbox} CNI_IFNAME=eth0 CNI_PATH=${plugins}`;
  return shell.time(`${variables} ${plugins}/bridge <${file}`);
}

const onHost = (sandbox: string, number: number): readonly string[] => [
  `link add ve${number} type veth peer name eth0 netns ${sandbox}`,
  `link set ve${number} master ${bridge}`,
  `link set ve${number} up`,
];

const inSandbox = (number: number): readonly string[] => [
  `address add ${addressOf(number)}/${length} dev eth0`,
  'link set eth0 up',
  `route add default via ${gateway}`,
];

/** What a person would type, or a script runs: nothing is probed, and nobody is told. */
function ipSteps(sandbox: string, number: number): string[] {
  return [...onHost(sandbox, number).map((it) => `ip ${it}`), ...inSandbox(number).map((it) => `ip -n ${sandbox} ${it}`)];
}

async function attachWithBatches(shell: Shell, sandbox: string, number: number): Promise<number> {
  fs.writeFileSync(`/run/${sandbox}.host`, `${onHost(sandbox, number).join('\n')}\n`);
  fs.writeFileSync(`/run/${sandbox}.inside`, `${inSandbox(number).join('\n')}\n`);
  return shell.time(`ip -batch /run/${sandbox}.host && ip -n ${sandbox} -batch /run/${sandbox}.inside`);
}
