/** `landline run` */
import { isLandlineError, LandlineError } from '../../errors.ts';
import type { AddCommand } from '../context.ts';
import { printUp, type UpOptions, up } from './up.ts';

interface RunOptions extends Pick<UpOptions, 'address' | 'address6' | 'hostname' | 'wait' | 'timeout' | 'json'> {
  readonly name: string;
  readonly network: string;
  readonly publish?: string[];
}

const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];

export const addRun: AddCommand = (root, { argv }) => {
  root
    .command('run')
    .usage('--name NAME --network NETWORK [options] (IMAGE [ARGUMENT...] | -- COMMAND [ARGUMENT...])')
    .description('bring up an environment of one service')
    .argument('[command...]')
    .passThroughOptions()
    .requiredOption('--name <name>', "the environment's name, and its service's")
    .requiredOption('--network <network>', 'the network to join')
    .option('--address <address>', "a fixed address, or 'pool', or 'dhcp'")
    .option('--address6 <address>', 'a fixed IPv6 address beside it')
    .option(
      '-p, --publish <host:container>',
      'on the network bridge: a port of the host that leads to one of its own; may be given again',
      collect,
    )
    .option('--hostname <hostname>', 'the hostname (default: the name)')
    .option('--wait', 'wait until the service runs (the default)')
    .option('--no-wait', 'do not wait until the service runs')
    .option('--timeout <seconds>', 'the longest wait', '60')
    .option('--json', 'print one JSON document')
    .action(async (command: string[], options: RunOptions) => {
      const text = JSON.stringify(environmentOf(serviceOf(argv, command), options));
      await checkWords(text);
      const { name } = options;
      printUp(await up(text, process.cwd(), 'run', { ...options, environment: name, services: [name] }), options.json);
    });
};

/** Behind two dashes stands a command of the host; an image stands alone, with the arguments of its program. */
function serviceOf(argv: readonly string[], words: readonly string[]): object {
  const dashed = argv.indexOf('--') !== -1 && argv.length - argv.indexOf('--') - 1 === words.length;
  const [image, ...rest] = words;
  if (image === undefined) {
    throw new LandlineError('USAGE', {
      problem: 'there is nothing to run',
      advice: 'name an image, or write a command behind two dashes: `landline run --name N --network NET -- COMMAND`',
    });
  }
  return dashed ? { command: words } : { image, ...(rest.length === 0 ? {} : { command: rest }) };
}

/** What is wrong with the words of the command line has no line and column. @throws LandlineError USAGE */
async function checkWords(text: string): Promise<void> {
  const { parseEnvironment } = await import('../../files/index.ts');
  try {
    const { notes } = parseEnvironment(text, { file: 'run', directory: process.cwd() });
    for (const { message } of notes) process.stderr.write(`landline: note: ${message}\n`);
  } catch (error) {
    const first = isLandlineError(error, 'FILE_INVALID') ? error.details.problems[0] : undefined;
    if (first === undefined) throw error;
    throw new LandlineError('USAGE', { problem: first.message, advice: first.next }, { cause: error });
  }
}

function environmentOf(service: object, options: RunOptions): object {
  const { name, network, address, address6, hostname } = options;
  return {
    name,
    // What was not given is not written.
    'x-landline': { network, address, address6, hostname },
    services: { [name]: { ...service, ...(options.publish === undefined ? {} : { ports: options.publish }) } },
  };
}
