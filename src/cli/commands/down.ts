/** `landline down` */
import { LandlineError } from '../../errors.ts';
import { type AddCommand, client } from '../context.ts';
import { printJson } from '../render/table.ts';

interface DownOptions {
  readonly all?: true;
  readonly keepAddress?: true;
  readonly volumes?: true;
  readonly json?: true;
}

export const addDown: AddCommand = (root) => {
  root
    .command('down')
    .description('end an environment; its address goes back to where it came from')
    .argument('[name...]', 'the environments to end')
    .option('--all', 'end every environment')
    .option('--keep-address', 'reserve the address for the next environment of this name')
    .option('--volumes', 'remove what its volumes hold, too')
    .option('--json', 'print one JSON document')
    .action(async (names: string[], options: DownOptions) => {
      const told = (name: string): void => {
        if (options.json === undefined) process.stdout.write(`${name} is gone\n`);
      };
      const ended = await end(names, options, told);
      if (options.json) printJson({ ended });
    });
};

/** @param told of each as soon as it is gone, also when one of the next is refused */
async function end(names: readonly string[], options: DownOptions, told: (name: string) => void): Promise<readonly string[]> {
  const query = { 'keep-address': options.keepAddress, volumes: options.volumes };
  if (options.all === true && names.length === 0) {
    const { ended } = await client().call<{ ended: string[] }>('DELETE', '/v1/environments', { query });
    ended.forEach(told);
    return ended;
  }
  if (options.all === true || names.length === 0) {
    const problem = options.all === true ? 'either names or --all, not both' : 'no environment is named';
    throw new LandlineError('USAGE', { problem, advice: 'write `landline down NAME`, or `landline down --all`' });
  }
  for (const name of names) {
    await client().call('DELETE', `/v1/environments/${encodeURIComponent(name)}`, { query });
    told(name);
  }
  return names;
}
