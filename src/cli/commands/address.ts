/** `landline address ls | reserve | release` */
import type { AddressView, HistoryView } from '../../api/contract.ts';
import { formatAddress, parseAddress } from '../../net/address.ts';
import { type AddCommand, client } from '../context.ts';
import { printJson, table } from '../render/table.ts';

interface LsOptions {
  readonly history?: true;
  readonly network?: string;
  readonly address?: string;
  readonly environment?: string;
  readonly at?: string;
  readonly json?: true;
}

interface ReserveOptions {
  readonly for: string;
  readonly network?: string;
  readonly note?: string;
  readonly json?: true;
}

export const addAddress: AddCommand = (root) => {
  const address = root.command('address').description('look at the ledger of addresses, and mend it');
  address
    .command('ls')
    .description('list who has which address, or who had it')
    .option('--history', 'who had which address, newest first, those that are held included')
    .option('--network <network>', 'only of this network')
    .option('--address <address>', 'only this address')
    .option('--environment <name>', 'only of this environment')
    .option('--at <time>', 'who had it then: 10m, 14:05, 2026-01-31T14:05')
    .option('--json', 'print one JSON document')
    .action(list);
  address
    .command('reserve')
    .description('keep an address for an environment, whether it exists or not')
    .argument('<address>')
    .requiredOption('--for <name>', 'name of the environment that may have it')
    .option('--network <network>', 'the network (default: the one whose subnet it lies in)')
    .option('--note <text>', 'why')
    .option('--json', 'print one JSON document')
    .action(async (it: string, { for: name, network, note, json }: ReserveOptions) => {
      const view = await client().call<AddressView>('PUT', `/v1/addresses/${encodeURIComponent(it)}`, {
        query: { for: name, network, note },
      });
      if (json) printJson(view);
      else process.stdout.write(`${view.address} is reserved for ${view.environment}\n`);
    });
  address
    .command('release')
    .description('give a reservation back')
    .argument('<address>')
    .option('--network <network>', 'the network')
    .option('--json', 'print one JSON document')
    .action(async (it: string, { network, json }: { network?: string; json?: true }) => {
      const answer = await client().call('DELETE', `/v1/addresses/${encodeURIComponent(it)}`, { query: { network } });
      if (json) printJson(answer);
      else process.stdout.write(`${it} is no longer reserved\n`);
    });
};

async function list(options: LsOptions): Promise<void> {
  const { network, environment, at } = options;
  const asked = parseAddress(options.address ?? '');
  // As the ledger spells it; what is no address fits none.
  const address = asked === undefined ? options.address : formatAddress(asked);
  if (options.history === true || at !== undefined) {
    const then = at === undefined ? undefined : (await import('../since.ts')).parseSince('--at', at, Date.now());
    const query = { network, address, environment, at: then };
    const history = await client().call<HistoryView[]>('GET', '/v1/addresses/history', { query });
    if (options.json) printJson(history);
    else process.stdout.write(historyTable(history));
    return;
  }
  const all = await client().call<AddressView[]>('GET', '/v1/addresses');
  const fits = (wanted: string | undefined, value: string): boolean => wanted === undefined || wanted === value;
  const some = all.filter((it) => fits(network, it.network) && fits(address, it.address) && fits(environment, it.environment));
  if (options.json) printJson(some);
  else process.stdout.write(addressTable(some));
}

function addressTable(rows: readonly AddressView[]): string {
  return table(
    ['NETWORK', 'ADDRESS', 'ENVIRONMENT', 'STATE', 'SOURCE', 'MAC', 'SINCE', 'NOTE'],
    rows.map((it) => [it.network, it.address, it.environment, stateOf(it), it.source ?? '-', it.mac ?? '-', it.since, it.note]),
  );
}

const stateOf = (it: AddressView): string => (it.state === 'bound' && it.reserved ? 'bound, reserved' : it.state);

function historyTable(rows: readonly HistoryView[]): string {
  return table(
    ['NETWORK', 'ADDRESS', 'ENVIRONMENT', 'SOURCE', 'MAC', 'FROM', 'TO'],
    rows.map((it) => [it.network, it.address, it.environment, it.source, it.mac, it.from, it.to ?? 'now']),
  );
}
