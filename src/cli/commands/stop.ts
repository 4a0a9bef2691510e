/** `landline stop`, `start` and `restart`: services end and begin, the environment keeps its address. */
import type { Command } from 'commander';
import type { EnvironmentView } from '../../api/contract.ts';
import { LandlineError } from '../../errors.ts';
import { type AddCommand, client } from '../context.ts';
import { withProgress } from '../progress.ts';
import { stateText } from '../render/environment.ts';
import { printJson } from '../render/table.ts';
import { parseTarget } from '../target.ts';

interface StartOptions {
  readonly wait?: boolean;
  readonly timeout?: string;
  readonly json?: true;
}

export const addStop: AddCommand = (root) => {
  add(root, 'stop', 'stop services until somebody starts them; the environment keeps its address');
};

export const addStart: AddCommand = (root) => {
  withWaiting(add(root, 'start', 'start services that do not run'));
};

export const addRestart: AddCommand = (root) => {
  withWaiting(add(root, 'restart', 'stop services and start them again, in the order of their dependencies'));
};

function add(root: Command, verb: 'start' | 'stop' | 'restart', description: string): Command {
  return root
    .command(verb)
    .description(description)
    .argument('<name[/service]...>', 'environments, or services of them')
    .option('--json', 'print one JSON document')
    .action(async (targets: string[], options: StartOptions) => {
      const views: EnvironmentView[] = [];
      for (const target of targets.map(parseTarget)) {
        const view = await ask(verb, target, options);
        views.push(view);
        if (options.json === undefined) process.stdout.write(told(view, target.service));
      }
      if (options.json) printJson(views);
    });
}

const withWaiting = (command: Command): Command =>
  command.option('--no-wait', 'do not wait until the services run').option('--timeout <seconds>', 'the longest wait', '60');

function ask(verb: string, target: ReturnType<typeof parseTarget>, options: StartOptions): Promise<EnvironmentView> {
  const { environment, service } = target;
  const { wait, timeout } = options;
  if (timeout !== undefined && !/^\d{1,6}$/.test(timeout)) {
    throw new LandlineError('USAGE', {
      problem: `--timeout: '${timeout}' is not a number of seconds`,
      advice: 'write --timeout 60',
    });
  }
  return withProgress({ environment, services: [], json: options.json }, () =>
    client().call('POST', `/v1/environments/${encodeURIComponent(environment)}/${verb}`, { query: { service, wait, timeout } }),
  );
}

function told(view: EnvironmentView, service: string | undefined): string {
  if (service === undefined) return `${view.name} is ${view.state}\n`;
  const it = view.services.find(({ name }) => name === service);
  return `${view.name}/${service} is ${it === undefined ? 'gone' : stateText(it)}\n`;
}
