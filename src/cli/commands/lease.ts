/** `landline lease ls | renew | release` */
import type { LeaseRow } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { printJson, table } from '../render/table.ts';

interface Options {
  readonly interface?: string;
  readonly json?: true;
}

export const addLease: AddCommand = (root) => {
  const lease = root.command('lease').description("look at addresses leased from the LAN's DHCP server, and mend them");
  lease
    .command('ls')
    .description('list who leases which address, from which server, until when')
    .option('--json', 'print one JSON document')
    .action(async ({ json }: Options) => show(await client().call<LeaseRow[]>('GET', '/v1/leases'), json));
  lease
    .command('renew')
    .description('ask the server now, and wait for its answer')
    .argument('<environment>')
    .option('--interface <interface>', 'only the lease of this link')
    .option('--json', 'print one JSON document')
    .action((name: string, options: Options) => ask(name, 'renew', options));
  lease
    .command('release')
    .description('give the address back; the environment has none until `lease renew`')
    .argument('<environment>')
    .option('--interface <interface>', 'only the lease of this link')
    .option('--json', 'print one JSON document')
    .action((name: string, options: Options) => ask(name, 'release', options));
};

async function ask(name: string, what: 'renew' | 'release', options: Options): Promise<void> {
  const path = `/v1/leases/${encodeURIComponent(name)}/${what}`;
  show(await client().call<LeaseRow[]>('POST', path, { query: { interface: options.interface } }), options.json);
}

function show(rows: readonly LeaseRow[], json: true | undefined): void {
  if (json) printJson(rows);
  else
    process.stdout.write(
      table(
        ['ENVIRONMENT', 'NETWORK', 'INTERFACE', 'ADDRESS', 'STATE', 'SERVER', 'RENEWS', 'ENDS'],
        rows.map((it) => [
          it.environment,
          it.network,
          it.interface,
          it.address ?? '-',
          it.state,
          it.server ?? '-',
          it.renewAt ?? '-',
          it.expiresAt ?? (it.address === null ? '-' : 'never'),
        ]),
      ),
    );
}
