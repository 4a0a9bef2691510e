/** `landline exec`: the command runs as a child of ours, with our terminal, in the namespaces of the service. */
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import type { ExecView, SandboxView } from '../../api/contract.ts';
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
    .option('--sandbox', 'run a program of the host in the network of the environment, whether or not services run')
    .passThroughOptions()
    .action(async (target: string, command: string[], options: { sandbox?: true }) => {
      const { environment, service } = parseTarget(target);
      const words = withoutDashes(command);
      if (words.length === 0)
        throw new LandlineError('USAGE', {
          problem: 'there is no command to run',
          advice: `write \`landline exec ${target} -- COMMAND\``,
        });
      if (options.sandbox === true) return setStatus(await runInSandbox(environment, service, words));
      const url = `/v1/environments/${encodeURIComponent(environment)}/exec`;
      const view = await client().call<ExecView>('GET', url, { query: { service } });
      if (view.container !== undefined) return setStatus(await runInContainer(view.container, words));
      if (process.getuid?.() !== 0) throw new LandlineError('NOT_ROOT', { command: `landline exec ${target}` });
      setStatus(await runAttached('nsenter', [...joining(view), ...view.become, ...words], environmentOf(view)));
    });
};

/** As its user, within its limits, and with its variables: Docker's own command knows how. */
function runInContainer({ id, address }: NonNullable<ExecView['container']>, words: readonly string[]): Promise<number> {
  const host = address.startsWith('/') ? `unix://${address}` : address;
  const terminal = process.stdin.isTTY && process.stdout.isTTY ? ['--tty'] : [];
  return runAttached(
    'docker',
    ['--host', host, 'exec', '--interactive', ...terminal, id, ...words],
    process.env,
    'to run commands in containers',
  );
}

/** With the hosts and resolv.conf of the environment in place of the host's, for this program alone. */
async function runInSandbox(environment: string, service: string | undefined, words: readonly string[]): Promise<number> {
  if (service !== undefined) {
    throw new LandlineError('USAGE', {
      problem: '--sandbox is of the whole environment',
      advice: `write \`landline exec --sandbox ${environment} -- COMMAND\``,
    });
  }
  const view = await client().call<SandboxView>('GET', `/v1/environments/${encodeURIComponent(environment)}/sandbox`);
  if (process.getuid?.() !== 0) throw new LandlineError('NOT_ROOT', { command: `landline exec --sandbox ${environment}` });
  const folder = fs.mkdtempSync(path.join(os.tmpdir(), 'landline-exec-'));
  try {
    fs.chmodSync(folder, 0o755);
    fs.writeFileSync(path.join(folder, 'hosts'), view.hosts);
    fs.writeFileSync(path.join(folder, 'resolv.conf'), view.resolvConf);
    const joining = [`--net=${view.netns}`, 'unshare', '--mount', 'sh', '-c', mountFiles, 'sh', folder];
    return await runAttached('nsenter', [...joining, ...words], process.env);
  } finally {
    fs.rmSync(folder, { recursive: true, force: true });
  }
}

/** A host without one of the files has nothing to mount on, and nothing that reads it. */
const mountFiles = `for file in hosts resolv.conf; do mount --bind "$1/$file" "/etc/$file" 2>/dev/null; done; shift; exec "$@"`;

function joining(view: ExecView): string[] {
  return [`--target=${view.pid}`, '--net', '--mount', '--uts', '--pid', `--wd=${view.workingDir}`, '--'];
}

/** What the service itself was given, and the terminal's kind; nothing else of the caller's. */
function environmentOf(view: ExecView): NodeJS.ProcessEnv {
  const { TERM } = process.env;
  return { ...(TERM === undefined ? {} : { TERM }), ...view.variables };
}
