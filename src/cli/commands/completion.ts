/** `landline completion`: scripts for shells, which ask `landline complete` what may come next. */
import type { EnvironmentView, NetworkView } from '../../api/contract.ts';
import { LandlineError } from '../../errors.ts';
import { nearest } from '../../net/name.ts';
import { complete, type Names } from '../complete.ts';
import { type AddCommand, client } from '../context.ts';

/** An answer of `landline complete` that is no list of words. */
const filesWord = ':files';

const scripts: Readonly<Record<string, string>> = {
  bash: `# source <(landline completion bash)
_landline() {
  local words
  words=$(landline complete -- "\${COMP_WORDS[@]:1:COMP_CWORD}" 2>/dev/null)
  if [ "$words" = ${filesWord} ]; then compopt -o default; COMPREPLY=(); else mapfile -t COMPREPLY <<<"$words"; fi
}
complete -F _landline landline
`,
  zsh: `#compdef landline
# source <(landline completion zsh)
_landline() {
  local -a found
  found=("\${(@f)$(landline complete -- "\${words[@]:1:CURRENT-1}" 2>/dev/null)}")
  if [[ $found[1] == ${filesWord} ]]; then _files; else compadd -- $found; fi
}
compdef _landline landline
`,
  fish: `# landline completion fish | source
function __landline
  set -l words (commandline -opc) (commandline -ct)
  set -l found (landline complete -- $words[2..-1] 2>/dev/null)
  if test "$found[1]" = ${filesWord}
    __fish_complete_path (commandline -ct)
  else
    printf '%s\\n' $found
  end
end
complete -c landline -f -a '(__landline)'
`,
};

export const addCompletion: AddCommand = (root) => {
  root
    .command('completion')
    .description('print a script that completes words in bash, zsh or fish')
    .argument('<shell>', 'bash, zsh or fish')
    .action((shell: string) => {
      const script = scripts[shell];
      if (script !== undefined) return void process.stdout.write(script);
      const suggestion = nearest(shell, Object.keys(scripts));
      const advice = `write ${suggestion === undefined ? 'bash, zsh or fish' : `'${suggestion}'`}`;
      throw new LandlineError('USAGE', { problem: `there is no completion for '${shell}'`, advice });
    });
};

export const addComplete: AddCommand = (root, { loadAll }) => {
  root
    .command('complete', { hidden: true })
    .description('print what may come next, a word a line')
    .argument('[words...]')
    .action(async (words: string[]) => {
      const found = await complete(await loadAll(), words, daemonNames);
      process.stdout.write(found.kind === 'files' ? `${filesWord}\n` : found.words.map((word) => `${word}\n`).join(''));
    });
};

/** Without a daemon there are no names to offer. */
const daemonNames: Names = {
  environments: async () => (await environments()).map((it) => it.name),
  services: async () => (await environments()).flatMap((it) => it.services.map((service) => `${it.name}/${service.name}`)),
  networks: async () =>
    (
      await client()
        .call<NetworkView[]>('GET', '/v1/networks')
        .catch(() => [])
    ).map((it) => it.name),
};

async function environments(): Promise<readonly EnvironmentView[]> {
  return client()
    .call<EnvironmentView[]>('GET', '/v1/environments')
    .catch(() => []);
}
