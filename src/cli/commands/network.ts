/** `landline network ls` */
import type { NetworkView } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { printJson, table } from '../render/table.ts';

export const addNetwork: AddCommand = (root) => {
  const network = root.command('network').description('look at networks');
  network
    .command('ls')
    .description('list networks, and how full their pools are')
    .option('--json', 'print one JSON document')
    .action(async (options: { json?: true }) => {
      const list = await client().call<NetworkView[]>('GET', '/v1/networks');
      if (options.json) printJson(list);
      else process.stdout.write(networkText(list));
    });
};

function networkText(list: readonly NetworkView[]): string {
  const rows = list.map((it) => [
    it.name,
    it.backend === 'docker-network'
      ? `${it.bridge ?? ''} (by Docker)`
      : (it.bridge ?? (it.parent === null ? '-' : `${it.parent.link} (${it.parent.kind})`)),
    it.subnet ?? '-',
    it.gateway ?? '-',
    it.pool === null ? '-' : `${it.pool.used}/${it.pool.size}`,
    String(it.endpoints),
  ]);
  const problems = list.flatMap((it) =>
    it.problems.map((problem) => `${it.name}: ${problem.code}: ${problem.message}\n→ ${problem.next}\n`),
  );
  return table(['NETWORK', 'BRIDGE', 'SUBNET', 'GATEWAY', 'POOL', 'ENDPOINTS'], rows) + problems.join('');
}
