/** `landline replace` */
import type { EnvironmentView } from '../../api/contract.ts';
import { LandlineError } from '../../errors.ts';
import { type AddCommand, client } from '../context.ts';
import { withProgress } from '../progress.ts';
import { stateText } from '../render/environment.ts';
import { printJson } from '../render/table.ts';

interface ReplaceOptions {
  readonly image?: string;
  readonly timeout: string;
  readonly json?: true;
}

export const addReplace: AddCommand = (root) => {
  root
    .command('replace')
    .description('one service anew; the address and the other services stay')
    .argument('<name>', 'the environment')
    .argument('<service>', 'its service')
    .option('--image <image>', 'another image than before')
    .option('--timeout <seconds>', 'the longest wait, until the former one is put back', '60')
    .option('--json', 'print one JSON document')
    .action(async (environment: string, service: string, { image, timeout, json }: ReplaceOptions) => {
      if (!/^\d{1,6}$/.test(timeout)) {
        const problem = `--timeout: '${timeout}' is not a number of seconds`;
        throw new LandlineError('USAGE', { problem, advice: 'write --timeout 60' });
      }
      const path = `/v1/environments/${encodeURIComponent(environment)}/replace`;
      const view = await withProgress({ environment, services: [service], json }, () =>
        client().call<EnvironmentView>('POST', path, { query: { service, image, timeout } }),
      );
      const it = view.services.find(({ name }) => name === service);
      if (json) printJson(view);
      else process.stdout.write(`${environment}/${service} is ${it === undefined ? 'gone' : stateText(it)}\n`);
    });
};
