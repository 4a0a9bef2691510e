/** Every command, in the order in which `landline help` lists them. A new one is a file here and a line below. */
import type { AddCommand } from '../context.ts';
import { addAddress } from './address.ts';
import { addConfig } from './config.ts';
import { addDaemon } from './daemon.ts';
import { addDown } from './down.ts';
import { addEndpoint } from './endpoint.ts';
import { addEvents } from './events.ts';
import { addExec } from './exec.ts';
import { addLab } from './lab.ts';
import { addLogs } from './logs.ts';
import { addNetwork } from './network.ts';
import { addPs } from './ps.ts';
import { addRun } from './run.ts';
import { addUp } from './up.ts';
import { addVersion } from './version.ts';

export const commands: readonly AddCommand[] = [
  addUp,
  addDown,
  addPs,
  addRun,
  addExec,
  addLogs,
  addNetwork,
  addEndpoint,
  addAddress,
  addEvents,
  addConfig,
  addDaemon,
  addLab,
  addVersion,
];
