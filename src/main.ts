/** The front door: the command line, and the three rooms that it only opens when they are asked for. */
import { runCli } from './cli/run.ts';

process.exitCode = await runCli(process.argv.slice(2), {
  daemon: async (options) => (await import('./daemon/main.ts')).runDaemon(options),
  lab: () => import('./lab/index.ts'),
  prepare: () => import('./prepare/index.ts'),
  inspectHost: async () => (await import('./daemon/inspect-host.ts')).inspectHost(),
});
