/** `landline logs` */
import type { LogView } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { parseTarget } from '../target.ts';

interface LogsOptions {
  readonly follow?: true;
  readonly tail?: string;
}

export const addLogs: AddCommand = (root) => {
  root
    .command('logs')
    .description('print what services wrote')
    .argument('<name[/service]>')
    .option('-f, --follow', 'go on with what is written from now on')
    .option('-n, --tail <lines>', 'only so many lines of each service, from the end')
    .action(async (target: string, options: LogsOptions) => {
      const { environment, service } = parseTarget(target);
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      const query = { service, follow: options.follow, tail: options.tail };
      const path = `/v1/environments/${encodeURIComponent(environment)}/logs`;
      for await (const line of client().stream<LogView>(path, { query, signal: stop.signal })) {
        process.stdout.write(service === undefined ? `${line.service} | ${line.text}\n` : `${line.text}\n`);
      }
    });
};
