/** `landline endpoint ls` */
import type { EndpointRow } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { endpointTable } from '../render/environment.ts';
import { printJson } from '../render/table.ts';

export const addEndpoint: AddCommand = (root) => {
  const endpoint = root.command('endpoint').description('look at endpoints');
  endpoint
    .command('ls')
    .description('list the links that join environments to networks')
    .option('--json', 'print one JSON document')
    .action(async (options: { json?: true }) => {
      const list = await client().call<EndpointRow[]>('GET', '/v1/endpoints');
      if (options.json) printJson(list);
      else process.stdout.write(endpointTable(list));
    });
};
