/** `landline name ls | check` */
import type { NameCheckView, NamesView } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { printJson, table } from '../render/table.ts';

interface LsOptions {
  readonly environment?: string;
  readonly json?: true;
}

export const addName: AddCommand = (root, { setStatus }) => {
  const name = root.command('name').description('look at the names of environments in DNS');
  name
    .command('ls')
    .description('list names, where they are registered, and how they stand')
    .option('--environment <name>', 'only of this environment')
    .option('--json', 'print one JSON document')
    .action(async ({ environment, json }: LsOptions) => {
      const { names } = await client().call<NamesView>('GET', '/v1/names');
      const some = names.filter((it) => environment === undefined || it.environment === environment);
      if (json) printJson(some);
      else process.stdout.write(namesText(some));
    });
  name
    .command('check')
    .description('ask the DNS servers for a name, its address and its owner, and say what differs')
    .argument('<name>', 'a whole name, or its first label')
    .option('--json', 'print one JSON document')
    .action(async (it: string, { json }: { json?: true }) => {
      const view = await client().call<NameCheckView>('GET', `/v1/names/${encodeURIComponent(it)}`);
      if (json) printJson(view);
      else process.stdout.write(checkText(view));
      if (view.differences.length > 0) setStatus(1);
    });
};

function namesText(names: NamesView['names']): string {
  const rows = names.map((it) => [it.name, it.records.join(', '), it.environment, it.state, it.source]);
  const problems = names.flatMap(({ problem }) =>
    problem === null ? [] : [`${problem.code}: ${problem.message}\n→ ${problem.next}\n`],
  );
  return table(['NAME', 'RECORDS', 'ENVIRONMENT', 'STATE', 'SOURCE'], rows) + problems.join('');
}

function checkText({ name, answers, differences }: NameCheckView): string {
  const rows = answers.flatMap((it) => {
    if (it.error !== null) return [[it.server, it.name, it.error, '-']];
    if (it.records.length === 0) return [[it.server, it.name, 'no record', '-']];
    return it.records.map(({ record, ttl }) => [it.server, it.name, record, String(ttl)]);
  });
  const verdict = differences.length === 0 ? [`${name} is as it should be`] : differences;
  return `${table(['SERVER', 'NAME', 'RECORD', 'TTL'], rows)}${verdict.join('\n')}\n`;
}
