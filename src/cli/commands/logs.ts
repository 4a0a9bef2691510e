/** `landline logs` */
import type { LogView } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { parseTarget } from '../target.ts';

interface LogsOptions {
  readonly follow?: true;
  readonly tail?: string;
  readonly since?: string;
  readonly timestamps?: true;
  readonly json?: true;
}

export const addLogs: AddCommand = (root) => {
  root
    .command('logs')
    .description('print what services wrote')
    .argument('<name[/service]>')
    .option('-f, --follow', 'go on with what is written from now on')
    .option('-n, --tail <lines>', 'only so many lines of each service, from the end')
    .option('--since <time>', 'only what was written since: 10m, 14:05, 2026-01-31T14:05')
    .option('-t, --timestamps', 'begin each line with its time, to about a second')
    .option('--json', 'print a JSON document for each line')
    .action(async (target: string, options: LogsOptions) => {
      const { environment, service } = parseTarget(target);
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      const { since: written } = options;
      const since = written === undefined ? undefined : (await import('../since.ts')).parseSince('--since', written, Date.now());
      const query = {
        service,
        follow: options.follow,
        tail: options.tail,
        since,
        timestamps: options.timestamps ?? options.json,
      };
      const path = `/v1/environments/${encodeURIComponent(environment)}/logs`;
      for await (const line of client().stream<LogView>(path, { query, signal: stop.signal })) {
        if (options.json) process.stdout.write(`${JSON.stringify(line)}\n`);
        if (options.json) continue;
        const time = line.time === undefined ? '' : `${line.time} `;
        process.stdout.write(service === undefined ? `${line.service} | ${time}${line.text}\n` : `${time}${line.text}\n`);
      }
    });
};
