/** The front door: the command line, and the three rooms that it only opens when they are asked for. */
import { runCli } from './cli/run.ts';

// Whoever reads may go first, as `head` does: then a command ends as by SIGPIPE, and a daemon goes on without its log.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (process.argv[2] === 'daemon') return;
    if (error.code === 'EPIPE') process.exit(141);
    throw error;
  });
}

const status = await runCli(process.argv.slice(2), {
  daemon: async (options) => (await import('./daemon/main.ts')).runDaemon(options),
  lab: () => import('./lab/index.ts'),
  prepare: () => import('./prepare/index.ts'),
  inspectHost: async () => (await import('./daemon/inspect-host.ts')).inspectHost(),
});

// Node's tidying up of its memory is the kernel's work, once all is said. A daemon ends by itself.
process.exitCode = status;
if (process.argv[2] !== 'daemon' && process.stdout.writableLength + process.stderr.writableLength === 0) process.exit();
