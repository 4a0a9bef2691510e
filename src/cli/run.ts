/** The command line: words in, one command run, an exit status out. Errors end here, and are printed in report.ts. */
import { Command } from 'commander';
import { version } from '../version.ts';
import { loadCommands } from './commands/index.ts';
import type { AddCommand, Context, Doors } from './context.ts';

/** Runs one command. @returns the exit status: 0 done, 1 the operation failed, 2 usage or an invalid file, 3 no daemon */
export async function runCli(argv: readonly string[], doors: Doors): Promise<number> {
  const wantsJson = argv.slice(0, dashes(argv)).includes('--json');
  let status = 0;
  const loadAll = async (): Promise<Command> => program(context, await loadCommands(undefined));
  const context: Context = { doors, argv, setStatus: (it) => (status = it), loadAll };
  try {
    if (argv[0] === 'help') (await import('./report.ts')).refuseUnknownHelp(argv);
    const words = spelledOut(argv);
    await program(context, await loadCommands(words[0] === '--version' ? 'version' : words[0])).parseAsync(words, {
      from: 'user',
    });
    return status;
  } catch (error) {
    return (await import('./report.ts')).report(error, argv, wantsJson);
  }
}

/** `help address ls` asks for what `address ls --help` prints: commander's own `help` looks at one word alone. */
function spelledOut(argv: readonly string[]): string[] {
  const [first, ...topic] = argv;
  return first === 'help' && topic.length > 1 ? [...topic, '--help'] : [...argv];
}

/** Where the words of a command to run begin: what comes after is not ours to read. */
function dashes(argv: readonly string[]): number {
  const at = argv.indexOf('--');
  return at === -1 ? argv.length : at;
}

function program(context: Context, commands: readonly AddCommand[]): Command {
  const root = new Command('landline')
    .description('A fixed address and a name on your LAN for every test environment.')
    .version(`landline ${version()}`, '--version', 'print the version')
    .helpCommand('help [command]', 'explain a command')
    .helpOption('-h, --help', 'explain')
    .enablePositionalOptions()
    .showSuggestionAfterError()
    .configureHelp({ showGlobalOptions: false });
  for (const add of commands) add(root, context);
  quiet(root);
  return root;
}

/** Errors are thrown, not printed: `report` prints them in the house's form. */
function quiet(command: Command): void {
  command.exitOverride().configureOutput({ writeErr: () => undefined });
  for (const child of command.commands) quiet(child);
}
