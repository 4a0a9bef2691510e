/** `landline version` */
import type { VersionView } from '../../api/contract.ts';
import { isLandlineError } from '../../errors.ts';
import { version } from '../../version.ts';
import { type AddCommand, client } from '../context.ts';
import { printJson } from '../render/table.ts';

export const addVersion: AddCommand = (root) => {
  root
    .command('version')
    .description('print the versions of this command and of the daemon')
    .option('--json', 'print one JSON document')
    .action(async (options: { json?: true }) => {
      const daemon = await daemonVersion();
      if (options.json) return printJson({ version: version(), node: process.versions.node, daemon });
      process.stdout.write(`landline ${version()}, Node ${process.versions.node}\n`);
      process.stdout.write(
        daemon === null ? 'daemon: not reached\n' : `daemon ${daemon.version}, installation ${daemon.installation}\n`,
      );
    });
};

/** Null where no daemon answers: the command has its own version to tell. */
async function daemonVersion(): Promise<VersionView | null> {
  try {
    return await client().call<VersionView>('GET', '/v1/version');
  } catch (error) {
    if (isLandlineError(error, 'DAEMON_UNREACHABLE') || isLandlineError(error, 'DAEMON_FORBIDDEN')) return null;
    throw error;
  }
}
