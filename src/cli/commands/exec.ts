/** `landline exec`: the command runs as a child of ours, with our terminal, in the namespaces of the service. */
import type { ExecView } from '../../api/contract.ts';
import { LandlineError } from '../../errors.ts';
import { type AddCommand, client } from '../context.ts';
import { runAttached } from '../run-attached.ts';
import { parseTarget, withoutDashes } from '../target.ts';

export const addExec: AddCommand = (root, { setStatus }) => {
  root
    .command('exec')
    .usage('[options] NAME[/SERVICE] -- COMMAND [ARGUMENT...]')
    .description('run a command in a running service; its exit status is passed on')
    .argument('<name[/service]>')
    .argument('[command...]')
    .passThroughOptions()
    .action(async (target: string, command: string[]) => {
      const { environment, service } = parseTarget(target);
      const words = withoutDashes(command);
      if (words.length === 0) throw new LandlineError('USAGE', { problem: 'there is no command to run', advice: `write \`landline exec ${target} -- COMMAND\`` });
      const path = `/v1/environments/${encodeURIComponent(environment)}/exec`;
      const view = await client().call<ExecView>('GET', path, { query: { service } });
      if (process.getuid?.() !== 0) throw new LandlineError('NOT_ROOT', { command: `landline exec ${target}` });
      setStatus(await runAttached('nsenter', [...joining(view), ...words], environmentOf(view)));
    });
};

function joining(view: ExecView): string[] {
  return [`--target=${view.pid}`, '--net', '--mount', '--uts', '--pid', `--wd=${view.workingDir}`, '--'];
}

/** What the service itself was given, and the terminal's kind; nothing else of the caller's. */
function environmentOf(view: ExecView): NodeJS.ProcessEnv {
  const { TERM } = process.env;
  return { ...(TERM === undefined ? {} : { TERM }), ...view.variables };
}
