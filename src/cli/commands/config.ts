/** `landline config check` */
import fs from 'node:fs';
import path from 'node:path';
import { LandlineError, unreadable } from '../../errors.ts';
import type { AddCommand } from '../context.ts';
import { printJson } from '../render/table.ts';

export const addConfig: AddCommand = (root, { doors }) => {
  const config = root.command('config').description('check the configuration, or begin one');
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
  config
    .command('init')
    .description('write a first landline.yaml from what this host has')
    .argument('[file]', "the file, '-' for standard output", '/etc/landline/landline.yaml')
    .option('--force', 'write over a file that is there')
    .action(async (file: string, options: { force?: true }) => {
      const { draftConfiguration } = await import('../../files/index.ts');
      const text = draftConfiguration(await doors.inspectHost());
      if (file === '-') return void process.stdout.write(text);
      write(file, text, options.force === true);
      process.stdout.write(`${file} is written: read it, and check it with \`landline config check ${file}\`\n`);
    });
};

/** Never over a file that is there, unless that is wished. */
function write(file: string, text: string, force: boolean): void {
  const unwritable = (error: unknown): LandlineError =>
    new LandlineError('FILE_UNWRITABLE', { file, reason: (error as Error).message }, { cause: error });
  try {
    fs.mkdirSync(path.dirname(file), { recursive: true });
  } catch (error) {
    throw unwritable(error);
  }
  try {
    fs.writeFileSync(file, text, { flag: force ? 'w' : 'wx' });
  } catch (error) {
    // Node's errors of file calls carry `code`.
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw unwritable(error);
    throw new LandlineError('USAGE', {
      problem: `${file} is there already`,
      advice: 'give another name, or --force to write over it',
    });
  }
}

function read(file: string): Uint8Array {
  try {
    return fs.readFileSync(file);
  } catch (error) {
    throw unreadable(file, error);
  }
}
