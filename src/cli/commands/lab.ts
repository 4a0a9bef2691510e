/** `landline lab` */

import { LandlineError } from '../../errors.ts';
import type { AddCommand } from '../context.ts';
import { printJson, table } from '../render/table.ts';
import { withoutDashes } from '../target.ts';

const nameOption = ['--name <name>', 'name of the lab', 'office'] as const;

interface LabUpOptions {
  readonly name: string;
  readonly plainNic?: true;
  readonly docker: boolean;
  readonly dns: boolean;
  readonly secondLan?: true;
  readonly json?: true;
}

export const addLab: AddCommand = (root, { doors, setStatus }) => {
  const lab = root
    .command('lab')
    .description('a whole office LAN of namespaces on this machine, to try things in')
    .enablePositionalOptions();
  lab
    .command('up')
    .description('build the office: switch, router, server, pc, branch-pc, and host with a daemon')
    .option(...nameOption)
    .option('--plain-nic', "leave the host's NIC without a bridge")
    .option('--no-docker', "no Docker of the host's own, though Docker is installed on this machine")
    .option('--no-dns', 'no BIND on the server, though BIND is installed on this machine')
    .option('--second-lan', 'a second LAN, with a bridge of its own on the host')
    .option('--json', 'print one JSON document')
    .action(async (options: LabUpOptions) => {
      const { labUp, isBindInstalled, isDockerInstalled } = await doors.lab();
      const onProgress = options.json ? {} : { onProgress: (line: string) => void process.stderr.write(`${line}\n`) };
      const docker = options.docker && isDockerInstalled();
      const dns = options.dns && isBindInstalled();
      const { name, plainNic = false, secondLan = false } = options;
      const status = await labUp({ name, plainNic, docker, dns, secondLan, ...onProgress });
      if (options.json) printJson(status);
      else process.stdout.write(`lab ${status.name} is up: ${status.machines.map((it) => it.name).join(', ')}\n`);
    });
  lab
    .command('down')
    .description('take it down, with everything that runs in it')
    .option(...nameOption)
    .option('--json', 'print one JSON document')
    .action(async (options: { name: string; json?: true }) => {
      const { labDown } = await doors.lab();
      await labDown({ name: options.name });
      if (options.json) printJson({ ended: options.name });
      else process.stdout.write(`lab ${options.name} is gone\n`);
    });
  lab
    .command('status')
    .description('list labs and their machines')
    .option('--name <name>', 'only this one')
    .option('--json', 'print one JSON document')
    .action(async (options: { name?: string; json?: true }) => {
      const { labStatus } = await doors.lab();
      const list = await labStatus(options.name === undefined ? {} : { name: options.name });
      if (options.json) return printJson(list);
      const rows = list.flatMap((it) =>
        it.machines.map((machine) => [it.name, it.state, machine.name, machine.addresses.join(', ') || '-', String(machine.pid)]),
      );
      process.stdout.write(table(['LAB', 'STATE', 'MACHINE', 'ADDRESS', 'PID'], rows));
    });
  lab
    .command('exec')
    .usage('[options] HOST -- COMMAND [ARGUMENT...]')
    .description('run a command on a machine of the office')
    .argument('<host>')
    .argument('[command...]')
    .option(...nameOption)
    .passThroughOptions()
    .action(async (host: string, given: string[], options: { name: string }) => {
      const command = withoutDashes(given);
      if (command.length === 0)
        throw new LandlineError('USAGE', {
          problem: 'there is no command to run',
          advice: `write \`landline lab exec ${host} -- COMMAND\``,
        });
      const { labExec } = await doors.lab();
      setStatus(await labExec({ name: options.name, host, command }));
    });
};
