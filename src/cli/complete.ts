/** What may come next on the command line: from the commands themselves, so that it is never out of step. */
import type { Argument, Command, Option } from 'commander';

/** Names that only the daemon, or the lab, knows. */
export interface Names {
  environments(): Promise<readonly string[]>;
  services(): Promise<readonly string[]>;
  networks(): Promise<readonly string[]>;
}

/** The answer: words, or `files` where the shell itself knows best. */
export type Completion = { readonly kind: 'words'; readonly words: readonly string[] } | { readonly kind: 'files' };

const none: Completion = { kind: 'words', words: [] };

/** @param words those typed so far after `landline`, the last one unfinished (it may be empty) */
export async function complete(root: Command, words: readonly string[], names: Names): Promise<Completion> {
  const unfinished = words.at(-1) ?? '';
  const before = words.slice(0, -1);
  if (before.includes('--')) return { kind: 'files' };
  const { command, rest } = descend(root, before);
  const option = findOption(command, before.at(-1));
  const found =
    option?.required === true ? await valuesOf(option.attributeName(), names) : await nextWords(command, rest, unfinished, names);
  if (found.kind === 'files') return found;
  return { kind: 'words', words: found.words.filter((word) => word.startsWith(unfinished)) };
}

/** The command that the words lead to, and those of its own. */
function descend(root: Command, words: readonly string[]): { readonly command: Command; readonly rest: readonly string[] } {
  const [first, ...rest] = words;
  const child = root.commands.find((it) => it.name() === first);
  return child === undefined ? { command: root, rest: words } : descend(child, rest);
}

const findOption = (command: Command, word: string | undefined): Option | undefined =>
  command.options.find((it) => it.long === word || it.short === word);

async function nextWords(command: Command, rest: readonly string[], unfinished: string, names: Names): Promise<Completion> {
  if (unfinished.startsWith('-')) {
    const options = command.options.flatMap((it) => (it.long == null ? [] : [it.long]));
    return { kind: 'words', words: [...options, '--help'] };
  }
  if (command.commands.length > 0) {
    const visible = command.createHelp().visibleCommands(command);
    return { kind: 'words', words: visible.map((it) => it.name()) };
  }
  const operands = rest.filter((word, index) => !word.startsWith('-') && findOption(command, rest[index - 1])?.required !== true);
  const argument: Argument | undefined = command.registeredArguments[operands.length] ?? lastIfVariadic(command);
  return argument === undefined ? none : valuesOf(argument.name(), names);
}

function lastIfVariadic(command: Command): Argument | undefined {
  const last = command.registeredArguments.at(-1);
  return last?.variadic === true ? last : undefined;
}

/** By the name of the option or argument. */
async function valuesOf(name: string, names: Names): Promise<Completion> {
  switch (name) {
    case 'name':
    case 'environment':
    case 'for':
      return { kind: 'words', words: await names.environments() };
    case 'name[/service]':
      return { kind: 'words', words: [...(await names.environments()), ...(await names.services())] };
    case 'network':
      return { kind: 'words', words: await names.networks() };
    case 'host':
      return { kind: 'words', words: ['switch', 'router', 'server', 'pc', 'host', 'branch-pc'] };
    case 'shell':
      return { kind: 'words', words: ['bash', 'zsh', 'fish'] };
    case 'file':
    case 'config':
    case 'stateDir':
    case 'socket':
      return { kind: 'files' };
    default:
      return none;
  }
}
