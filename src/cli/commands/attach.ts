/** `landline attach` and `landline detach` */
import path from 'node:path';
import type { UpView } from '../../api/contract.ts';
import { type AddCommand, client } from '../context.ts';
import { upText } from '../render/environment.ts';
import { printJson } from '../render/table.ts';

interface AttachOptions {
  readonly pid?: string;
  readonly netns?: string;
  readonly network: string;
  readonly name?: string;
  readonly address?: string;
  readonly address6?: string;
  readonly interface?: string;
  readonly mac?: string;
  readonly gateway?: string;
  readonly route?: string[];
  readonly json?: true;
}

const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value];

export const addAttach: AddCommand = (root) => {
  root
    .command('attach')
    .description('plumb a container, the network namespace of a process, or one that is bound to a file, and keep it so')
    .argument('[container]', 'a container of Docker, by id or name; kept through its restarts, forgotten after its removal')
    .option('--pid <pid>', 'the process whose namespace it is; forgotten when it ends')
    .option('--netns <file>', 'the file, as `ip netns add` makes it')
    .requiredOption('--network <network>', 'the network to join')
    .option('--name <name>', "what to call it (default: the container's name, the file's, or pid-PID)")
    .option('--address <address>', "a fixed address, or 'pool', 'dhcp' or 'none' (default: as the network says)")
    .option('--address6 <address>', 'a fixed IPv6 address beside it')
    .option('--interface <link>', 'name of the link in there (default: the first free of eth0, eth1, …)')
    .option('--mac <mac>', 'a chosen MAC (default: derived, always the same)')
    .option('--gateway <gateway>', "an address, or none (default: the network's)")
    .option('--route <to,via>', 'a further route; may be given again', collect)
    .option('--json', 'print one JSON document')
    .action(async (container: string | undefined, { json, netns, ...rest }: AttachOptions) => {
      const query = { ...rest, container, netns: netns === undefined ? undefined : path.resolve(netns) };
      const view = await client().call<UpView>('POST', '/v1/attachments', { query });
      if (json) printJson(view);
      else process.stdout.write(upText(view));
    });
};

export const addDetach: AddCommand = (root) => {
  root
    .command('detach')
    .description('take away what attach made')
    .argument('<name>')
    .option('--network <network>', 'only from this network (default: from all)')
    .option('--json', 'print one JSON document')
    .action(async (name: string, { network, json }: { network?: string; json?: true }) => {
      const answer = await client().call('DELETE', `/v1/attachments/${encodeURIComponent(name)}`, { query: { network } });
      if (json) printJson(answer);
      else process.stdout.write(`${name} is detached\n`);
    });
};
