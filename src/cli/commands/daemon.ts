/** `landline daemon` */
import path from 'node:path';
import type { AddCommand } from '../context.ts';
import { defaultSocket } from '../context.ts';

const defaultConfig = '/etc/landline/landline.yaml';

export const addDaemon: AddCommand = (root, { doors }) => {
  root
    .command('daemon')
    .description('run the daemon in the foreground')
    .option('--config <file>', `configuration (default: ${defaultConfig})`)
    .option('--state-dir <folder>', 'where state is kept', '/var/lib/landline')
    .option('--socket <path>', 'where the API is served', defaultSocket())
    .action((options: { config?: string; stateDir: string; socket: string }) =>
      doors.daemon({
        config: path.resolve(options.config ?? defaultConfig),
        configRequired: options.config !== undefined,
        stateDir: path.resolve(options.stateDir),
        socket: path.resolve(options.socket),
      }),
    );
};
