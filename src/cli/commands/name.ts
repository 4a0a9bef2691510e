/** `landline name ls | check | forget` */
import type { NameCheckView, NamesForgottenView, NamesView } from '../../api/contract.ts';
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
  name
    .command('forget')
    .description('give up a name that is still to be taken back from a DNS server that is gone for good')
    .argument('<name>', 'the whole name, as `landline name ls` has it')
    .option('--json', 'print one JSON document')
    .action(async (it: string, { json }: { json?: true }) => {
      const view = await client().call<NamesForgottenView>('DELETE', `/v1/names/${encodeURIComponent(it)}`);
      if (json) printJson(view);
      else process.stdout.write(view.forgotten.map((one) => `${one} is forgotten\n`).join(''));
    });
};

function namesText(names: NamesView['names']): string {
  const rows = names.map((it) => [it.name, it.records.join(', '), it.environment, it.state, it.source]);
  return table(['NAME', 'RECORDS', 'ENVIRONMENT', 'STATE', 'SOURCE'], rows) + problemsText(names);
}

/** What stands in the way of many names is said once, of the first. */
function problemsText(names: NamesView['names']): string {
  const causes = Map.groupBy(
    names.filter((it) => it.problem !== null),
    ({ name, problem }) => `${problem?.code} ${problem?.message.replaceAll(name, '')}`,
  );
  const texts = [...causes.values()].map((those) => {
    const { code, message, next } = those[0]?.problem ?? { code: '', message: '', next: '' };
    const more = those.length - 1;
    return `${code}: ${message}${more === 0 ? '' : ` (and ${more} more ${more === 1 ? 'name' : 'names'})`}\n→ ${next}\n`;
  });
  const isStuck = names.some((it) => it.state === 'leaving' && it.problem !== null);
  return `${texts.join('')}${isStuck ? '→ `landline name forget NAME` gives up a name that is leaving, for a server that is gone for good\n' : ''}`;
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
