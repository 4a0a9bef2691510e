/** `landline events` */
import type { EventView } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';

export const addEvents: AddCommand = (root) => {
  root
    .command('events')
    .description('print what happens from now on')
    .option('--json', 'print a JSON document for each')
    .action(async (options: { json?: true }) => {
      const stop = new AbortController();
      process.once('SIGINT', () => stop.abort());
      for await (const event of client().stream<EventView>('/v1/events', { signal: stop.signal })) {
        process.stdout.write(`${options.json ? JSON.stringify(event) : eventText(event)}\n`);
      }
    });
};

function eventText(event: EventView): string {
  return [event.time, event.what, ...Object.entries(event.fields).map(([name, value]) => `${name}=${value}`)].join(' ');
}
