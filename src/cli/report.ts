/** What a command that failed says, and what a mistyped one meant. Loaded only then: a command that goes well starts sooner. */
import { CommanderError } from 'commander';
import { RemoteError } from '../api/client.ts';
import { asLandlineError, type Code, catalogue, LandlineError } from '../errors.ts';
import { nearest } from '../net/name.ts';
import { commandNames } from './commands/index.ts';
import { errorText } from './render/error.ts';

/** commander explains everything when it is asked for what it does not know. @throws LandlineError USAGE */
export function refuseUnknownHelp([first, topic]: readonly string[]): void {
  if (first !== 'help' || topic === undefined || [...commandNames, 'help'].includes(topic) || topic.startsWith('-')) return;
  const suggestion = nearest(topic, commandNames);
  const advice = suggestion === undefined ? '`landline help` lists them' : `did you mean ${suggestion}?`;
  throw new LandlineError('USAGE', { problem: `unknown command '${topic}'`, advice });
}

/** Prints an error in the house's form. @returns the exit status */
export function report(error: unknown, argv: readonly string[], json: boolean): number {
  if (error instanceof CommanderError && error.exitCode === 0) return 0;
  const it = error instanceof CommanderError ? usageOf(error, argv) : error;
  if (it instanceof RemoteError) {
    process.stderr.write(errorText(it.body, json));
    return exitOf(it.body.code);
  }
  const known = asLandlineError(it);
  process.stderr.write(errorText(known.toJSON(), json));
  if (known.code === 'INTERNAL' && it instanceof Error) process.stderr.write(`${it.stack}\n`);
  return known.exit;
}

/** A newer daemon may know codes that we do not. */
function exitOf(code: string): number {
  return code in catalogue ? catalogue[code as Code].exit : 1;
}

/** What people call a command who know it from elsewhere. */
const synonyms: Readonly<Record<string, string>> = {
  ...{ ls: 'ps', list: 'ps', status: 'ps', show: 'ps', inspect: 'ps' },
  ...{ rm: 'down', remove: 'down', delete: 'down', destroy: 'down' },
  ...{ create: 'up', apply: 'up', log: 'logs', sh: 'exec', ssh: 'exec', shell: 'exec', enter: 'exec', connect: 'attach' },
};

/** commander's `error: unknown option '--jsn'\n(Did you mean --json?)` in our two lines. */
function usageOf(error: CommanderError, argv: readonly string[]): LandlineError {
  const [command = '', word] = argv;
  const known = commandNames.includes(command);
  const help = known ? `\`landline help ${command}\`` : '`landline help`';
  if (error.code === 'commander.help') {
    return new LandlineError('USAGE', { problem: 'a command is missing', advice: `${help} lists them` });
  }
  const [first = '', hint] = error.message.split('\n');
  const problem = first.replace(/^error: /, '');
  const advice = (it: string): LandlineError => new LandlineError('USAGE', { problem, advice: it });
  const synonym = error.code === 'commander.unknownCommand' && !known ? synonyms[command] : undefined;
  if (synonym !== undefined) return advice(`did you mean ${synonym}?`);
  const suggestion = /\(Did you mean (?:one of )?(.*)\?\)/.exec(hint ?? '')?.[1];
  if (suggestion !== undefined) return advice(`did you mean ${suggestion}?`);
  // As one would write it who thinks of `docker stack` or `kubectl`.
  if (command === 'up' && error.code === 'commander.excessArguments' && word?.startsWith('-') === false)
    return advice(`name the file with -f: \`landline up -f ${word}\``);
  return advice(known ? `${help} shows what it takes` : `${help} lists the commands`);
}
