/** `landline ps` */
import type { EnvironmentView } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { endpointTable, psText, serviceTable } from '../render/environment.ts';
import { printJson } from '../render/table.ts';

export const addPs: AddCommand = (root) => {
  root
    .command('ps')
    .description('list environments; of one, its endpoints and services too')
    .argument('[name]', 'only this environment')
    .option('--json', 'print one JSON document')
    .action(async (name: string | undefined, options: { json?: true }) => {
      const list = await fetchList(name);
      if (options.json) return printJson(list);
      process.stdout.write(psText(list));
      const [one] = list;
      if (name === undefined || one === undefined) return;
      const rows = one.endpoints.map((endpoint) => ({ environment: one.name, ...endpoint }));
      process.stdout.write(`\n${rows.length === 0 ? '' : `${endpointTable(rows)}\n`}${serviceTable(one)}`);
    });
};

async function fetchList(name: string | undefined): Promise<readonly EnvironmentView[]> {
  if (name === undefined) return client().call<EnvironmentView[]>('GET', '/v1/environments');
  return [await client().call<EnvironmentView>('GET', `/v1/environments/${encodeURIComponent(name)}`)];
}
