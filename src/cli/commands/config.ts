/** `landline config check` */
import fs from 'node:fs';
import { LandlineError } from '../../errors.ts';
import type { AddCommand } from '../context.ts';
import { printJson } from '../render/table.ts';

export const addConfig: AddCommand = (root) => {
  const config = root.command('config').description('look at the configuration');
  config
    .command('check')
    .description('check landline.yaml, without a daemon')
    .argument('[file]', 'the file', '/etc/landline/landline.yaml')
    .option('--json', 'print one JSON document')
    .action(async (file: string, options: { json?: true }) => {
      const { parseConfiguration } = await import('../../files/index.ts');
      const { networks } = parseConfiguration(read(file), file);
      const names = networks.map((it) => it.name);
      if (options.json) printJson({ file, networks: names });
      else process.stdout.write(`${file} is right: ${names.length === 0 ? 'no networks' : `networks ${names.join(', ')}`}\n`);
    });
};

function read(file: string): Uint8Array {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw new LandlineError('FILE_UNREADABLE', { file, reason: (error as Error).message }, { cause: error });
  }
}
