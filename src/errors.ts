/**
 * The one catalogue of what can go wrong, and the error that carries an entry of it.
 *
 * An entry says what is (`says`) and what to do next (`next`), and decides the HTTP status, the exit status and
 * whether the reconciler tries again. `docs/errors.md` lists every code; a test keeps the two in step.
 * A mistake of our own is not here: it is a plain `Error` with its stack.
 */

/** When the reconciler tries again: on its own after a while, only once something has changed, or never. */
export type Retry = 'later' | 'after-change' | 'never';

interface Entry<D> {
  /** HTTP status of the API's answer. */
  readonly status: number;
  /** Exit status of the command: 1 the operation failed, 2 usage or an invalid file, 3 no daemon. */
  readonly exit: 1 | 2 | 3;
  readonly retry: Retry;
  readonly says: (details: D) => string;
  readonly next: (details: D) => string;
}

const entry = <D>(it: Entry<D>): Entry<D> => it;

/** One mistake in a file that a person wrote. Line and column count from 1. */
export interface FileProblem {
  readonly line: number;
  readonly column: number;
  /** What is wrong. */
  readonly message: string;
  /** What to write instead. */
  readonly next: string;
}

/** One address of a full pool and who has it. */
export interface Holder {
  readonly address: string;
  readonly holder: string;
}

const list = (items: readonly string[], most = 8): string =>
  items.length <= most ? items.join(', ') : `${items.slice(0, most).join(', ')} and ${items.length - most} more`;

/** Where a program comes from whose package has another name. */
const debianPackage: Readonly<Record<string, string>> = {
  docker: 'docker.io',
  nft: 'nftables',
  nsenter: 'util-linux',
  unshare: 'util-linux',
};

const didYouMean = (suggestion: string | undefined): string => (suggestion === undefined ? '' : `did you mean '${suggestion}'? `);

export const catalogue = {
  // What the user typed or wrote.
  USAGE: entry<{ problem: string; advice: string }>({
    status: 400,
    exit: 2,
    retry: 'never',
    says: (d) => d.problem,
    next: (d) => d.advice,
  }),
  FILE_UNREADABLE: entry<{ file: string; reason: string }>({
    status: 400,
    exit: 2,
    retry: 'never',
    says: (d) => `${d.file} cannot be read: ${d.reason}`,
    next: () => 'check the path and its permissions',
  }),
  FILE_UNWRITABLE: entry<{ file: string; reason: string }>({
    status: 500,
    exit: 1,
    retry: 'never',
    says: (d) => `${d.file} cannot be written: ${d.reason}`,
    next: () => 'check the path, its permissions and the space on the disk',
  }),
  FILE_INVALID: entry<{ file: string; problems: readonly FileProblem[] }>({
    status: 400,
    exit: 2,
    retry: 'never',
    says: (d) => d.problems.map((p) => `${d.file}:${p.line}:${p.column}: ${p.message}`).join('\n'),
    next: (d) => d.problems[0]?.next ?? 'mend the file',
  }),

  // The way to the daemon.
  DAEMON_UNREACHABLE: entry<{ socket: string; reason: string }>({
    status: 503,
    exit: 3,
    retry: 'later',
    says: (d) => `no daemon answers at ${d.socket}: ${d.reason}`,
    next: () => 'start it with `landline daemon`, or name its socket in LANDLINE_SOCKET',
  }),
  DAEMON_FORBIDDEN: entry<{ socket: string }>({
    status: 403,
    exit: 3,
    retry: 'never',
    says: (d) => `this user may not open ${d.socket}`,
    next: () => 'use `sudo`, or join the group `landline` and log in again',
  }),
  DAEMON_RUNNING: entry<{ what: string; pid?: number }>({
    status: 409,
    exit: 1,
    retry: 'never',
    says: (d) => `another daemon${d.pid === undefined ? '' : ` (pid ${d.pid})`} already uses ${d.what}`,
    next: () => 'stop that one first, or give this one its own --socket and --state-dir',
  }),
  ROUTE_UNKNOWN: entry<{ method: string; path: string }>({
    status: 404,
    exit: 1,
    retry: 'never',
    says: (d) => `the API has no ${d.path}`,
    next: () => 'docs/api.md lists the routes; a newer command may need a newer daemon (`landline version`)',
  }),
  METHOD_UNKNOWN: entry<{ method: string; path: string; allowed: readonly string[] }>({
    status: 405,
    exit: 1,
    retry: 'never',
    says: (d) => `${d.path} does not take ${d.method}`,
    next: (d) => `use ${d.allowed.join(' or ')}`,
  }),
  REQUEST_FOREIGN: entry<{ header: string; value: string }>({
    status: 403,
    exit: 1,
    retry: 'never',
    says: (d) => `a request with ${d.header} ${d.value} comes from a web page elsewhere`,
    next: () => 'call the API from a program, without Origin or Referer and with Host: landline',
  }),
  BODY_TOO_LARGE: entry<{ limit: number }>({
    status: 413,
    exit: 1,
    retry: 'never',
    says: (d) => `the request's body is larger than ${d.limit} bytes`,
    next: () => 'send less: an environment file is a few kilobytes',
  }),

  // What is asked for does not exist.
  ENVIRONMENT_UNKNOWN: entry<{ name: string; suggestion?: string }>({
    status: 404,
    exit: 1,
    retry: 'never',
    says: (d) => `there is no environment '${d.name}'`,
    next: (d) => `${didYouMean(d.suggestion)}\`landline ps\` lists them`,
  }),
  SERVICE_UNKNOWN: entry<{ environment: string; service: string; services: readonly string[]; suggestion?: string }>({
    status: 404,
    exit: 1,
    retry: 'never',
    says: (d) => `environment '${d.environment}' has no service '${d.service}'`,
    next: (d) => (d.services.length === 0 ? 'it has no services' : `${didYouMean(d.suggestion)}it has ${list(d.services)}`),
  }),
  SERVICE_UNCLEAR: entry<{ environment: string; services: readonly string[] }>({
    status: 400,
    exit: 2,
    retry: 'never',
    says: (d) => `environment '${d.environment}' has ${d.services.length} services`,
    next: (d) =>
      d.services.length === 0
        ? `\`landline exec --sandbox ${d.environment} -- COMMAND\` runs a program of the host in its network`
        : `name one: ${list(d.services.map((s) => `${d.environment}/${s}`))}`,
  }),
  SERVICE_STOPPED: entry<{ environment: string; service: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `service '${d.service}' of environment '${d.environment}' is not running`,
    next: (d) => `\`landline logs ${d.environment}/${d.service}\` shows what it said`,
  }),
  NETWORK_UNKNOWN: entry<{ name: string; networks: readonly string[]; suggestion?: string }>({
    status: 404,
    exit: 1,
    retry: 'after-change',
    says: (d) => `there is no network '${d.name}'`,
    next: (d) =>
      `${didYouMean(d.suggestion)}${d.networks.length === 0 ? 'configure one in landline.yaml' : `there are ${list(d.networks)}`}`,
  }),
  SANDBOX_AWAY: entry<{ environment: string; joined: string; suggestion?: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `environment '${d.environment}' shares the network of '${d.joined}', which is not there`,
    next: (d) => `${didYouMean(d.suggestion)}bring \`${d.joined}\` up, or end this one with \`landline down ${d.environment}\``,
  }),
  TARGET_IS_HOST: entry<{ target: string }>({
    status: 409,
    exit: 1,
    retry: 'never',
    says: (d) => `${d.target} is in the host's own network namespace`,
    next: () => 'only a namespace of its own can be attached: start the process with one (`unshare --net`)',
  }),
  NAME_TAKEN: entry<{ name: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `'${d.name}' is already the name of another environment`,
    next: () => 'choose another with --name',
  }),
  NOT_ATTACHED: entry<{ name: string; network?: string }>({
    status: 409,
    exit: 1,
    retry: 'never',
    says: (d) =>
      d.network === undefined
        ? `'${d.name}' was not made by \`landline attach\``
        : `'${d.name}' is not attached to network '${d.network}'`,
    next: (d) =>
      d.network === undefined ? `\`landline down ${d.name}\` ends it` : `\`landline ps ${d.name}\` shows its networks`,
  }),
  TARGET_GONE: entry<{ target: string }>({
    status: 404,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.target} is not there, or is no network namespace`,
    next: () => 'give the pid of a running process, or the path of a namespace; `landline detach` forgets one that is gone',
  }),

  // Addresses.
  ADDRESS_OUTSIDE: entry<{ address: string; network: string; subnet: string }>({
    status: 400,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.address} is not in ${d.subnet}, the subnet of network '${d.network}'`,
    next: (d) => `choose an address in ${d.subnet}, or leave it out and get one from the pool`,
  }),
  ROUTER_OUTSIDE: entry<{ router: string; network: string; subnet: string }>({
    status: 400,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.router} cannot be a router here: it is not in ${d.subnet}, the subnet of network '${d.network}'`,
    next: (d) => `name a router in ${d.subnet}, or leave it out`,
  }),
  ADDRESS_UNUSABLE: entry<{ address: string; network: string; reason: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.address} is ${d.reason} of network '${d.network}', and never handed out`,
    next: () => 'choose another address, or leave it out and get one from the pool',
  }),
  ADDRESS_HELD: entry<{ address: string; network: string; environment: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.address} on network '${d.network}' belongs to environment '${d.environment}'`,
    next: (d) => `choose another, or end that one with \`landline down ${d.environment}\``,
  }),
  ADDRESS_RESERVED: entry<{ address: string; network: string; holder: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.address} on network '${d.network}' is reserved for '${d.holder}'`,
    next: (d) => `choose another, or give it back with \`landline address release ${d.address}\``,
  }),
  ADDRESS_QUARANTINED: entry<{ address: string; network: string; environment: string; until: string }>({
    status: 409,
    exit: 1,
    retry: 'later',
    says: (d) =>
      `${d.address} on network '${d.network}' was ${d.environment}'s a moment ago and rests until ${d.until}, so that neighbours forget it`,
    next: () => 'wait until then, or choose another address',
  }),
  ADDRESS_TAKEN: entry<{ address: string; network: string; holder: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `${d.address} already answers ${d.address.includes(':') ? 'NDP' : 'ARP'} from ${d.holder} on network '${d.network}'`,
    next: () => 'choose another with --address, or free it on that machine',
  }),
  ADDRESS_UNKNOWN: entry<{ address: string }>({
    status: 404,
    exit: 1,
    retry: 'never',
    says: (d) => `${d.address} is not reserved`,
    next: () => '`landline address ls` lists who has what',
  }),
  /** `holders` may be the first of `size` only. */
  POOL_FULL: entry<{ network: string; size: number; holders: readonly Holder[] }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => {
      const more = d.size > d.holders.length ? ` and ${d.size - d.holders.length} more` : '';
      return `the pool of network '${d.network}' is full: ${d.holders.map((h) => `${h.address} ${h.holder}`).join(', ')}${more}`;
    },
    next: () => 'end an environment with `landline down`, or widen `pool` in landline.yaml and send the daemon SIGHUP',
  }),
  POOL_MISSING: entry<{ network: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `network '${d.network}' has no pool to take an address from`,
    next: () => 'give the environment an address, or configure `pool` in landline.yaml',
  }),

  // The host and its kernel.
  BRIDGE_MISSING: entry<{ network: string; bridge: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `network '${d.network}' needs the bridge ${d.bridge}, and this host has no such bridge`,
    next: (d) => `make it (\`ip link add ${d.bridge} type bridge\`, the NIC as its port), or name another in landline.yaml`,
  }),
  BRIDGE_FULL: entry<{ bridge: string; ports: number }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `bridge ${d.bridge} has ${d.ports} ports, and Linux allows no more than 1023`,
    next: () => 'end an environment, or put the next ones on a second bridge',
  }),
  BRIDGE_NEARLY_FULL: entry<{ bridge: string; ports: number }>({
    status: 200,
    exit: 1,
    retry: 'after-change',
    says: (d) => `bridge ${d.bridge} has ${d.ports} of the 1023 ports that Linux allows`,
    next: () => 'put further environments on a second bridge before it is full',
  }),
  BRIDGE_DOWN: entry<{ network: string; bridge: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `bridge ${d.bridge} of network '${d.network}' is down`,
    next: (d) => `\`ip link set ${d.bridge} up\``,
  }),
  PARENT_MISSING: entry<{ network: string; parent: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `network '${d.network}' is on the NIC ${d.parent}, and this host has no such link`,
    next: () => '`ip link` lists the links of this host: name one of them in landline.yaml',
  }),
  PARENT_DOWN: entry<{ network: string; parent: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `the NIC ${d.parent} of network '${d.network}' is down`,
    next: (d) => `\`ip link set ${d.parent} up\``,
  }),
  PARENT_IS_PORT: entry<{ network: string; parent: string; bridge: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `${d.parent} of network '${d.network}' is a port of ${d.bridge}, and a port of a bridge has no macvlan or ipvlan`,
    next: (d) => `write \`bridge: ${d.bridge}\` for '${d.network}' in landline.yaml, or take ${d.parent} out of ${d.bridge}`,
  }),
  PARENT_BUSY: entry<{ network: string; parent: string; kind: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.parent} of network '${d.network}' takes no ${d.kind}: something else has taken its traffic already`,
    next: (d) =>
      `\`ip -d link\` shows what is on ${d.parent}: a NIC has macvlans or ipvlans, not both, and no bridge, bond or team`,
  }),
  PARENT_WIRELESS: entry<{ network: string; parent: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.parent} of network '${d.network}' is a wireless link, and an access point takes no second MAC from it`,
    next: (d) => `write \`ipvlan: ${d.parent}\`, or use a NIC with a cable`,
  }),
  KIND_MISSING: entry<{ network: string; kind: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `network '${d.network}' needs links of kind ${d.kind}, and this host's kernel has none`,
    next: (d) => `\`modprobe ${d.kind}\`, or put the network on a bridge`,
  }),
  MAC_TAKEN: entry<{ mac: string; parent: string }>({
    status: 409,
    exit: 1,
    retry: 'later',
    says: (d) => `another macvlan of ${d.parent}, or ${d.parent} itself, has the MAC ${d.mac}`,
    next: () => 'choose another MAC, or end what has it',
  }),
  MAC_OF_PARENT: entry<{ network: string; parent: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `endpoints of network '${d.network}' are ipvlans of ${d.parent}, and all have its MAC`,
    next: (d) => `leave the MAC out, or write \`macvlan: ${d.parent}\` in landline.yaml`,
  }),
  NIC_MISSING: entry<{ nic: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `this host has no NIC ${d.nic}`,
    next: () => '`ip link` lists the links of this host; one that another program has moved away is not among them',
  }),
  NIC_MOVED: entry<{ nic: string; environment: string; interface: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.nic} is in the sandbox of '${d.environment}', as ${d.interface}`,
    next: (d) => `\`landline detach ${d.environment}\` moves it back, or give away another NIC`,
  }),
  NIC_IN_USE: entry<{ nic: string; use: string; instead: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.nic} cannot be given away: ${d.use}`,
    next: (d) => d.instead,
  }),
  NIC_IMMOVABLE: entry<{ nic: string; because: string; instead: string }>({
    status: 409,
    exit: 1,
    retry: 'never',
    says: (d) => `${d.nic} cannot leave this host's own network namespace: ${d.because}`,
    next: (d) => d.instead,
  }),
  INTERFACE_TAKEN: entry<{ interface: string; target: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.target} already has a link named ${d.interface}`,
    next: () => 'choose another name with --interface',
  }),
  KERNEL_REFUSED: entry<{ doing: string; errno: string; kernelSays?: string }>({
    status: 500,
    exit: 1,
    retry: 'later',
    says: (d) => `the kernel refused to ${d.doing}: ${d.errno}${d.kernelSays === undefined ? '' : ` (${d.kernelSays})`}`,
    next: (d) =>
      d.errno === 'EPERM' || d.errno === 'EACCES'
        ? 'run it as root, with CAP_NET_ADMIN and CAP_SYS_ADMIN'
        : '`LANDLINE_DEBUG=netlink landline daemon` shows the whole exchange',
  }),
  /** `port` is `80/tcp`, with an address before it where it is published on that one alone. */
  PORT_TAKEN: entry<{ port: string; holder?: { name: string; pid: number } }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `port ${d.port} of the host is taken by ${d.holder === undefined ? 'another program' : `${d.holder.name} (pid ${d.holder.pid})`}`,
    next: () => 'publish another port of the host, or stop that program',
  }),
  PORT_PUBLISHED_TWICE: entry<{ port: string; environment: string; holder: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      d.holder === d.environment
        ? `environment '${d.environment}' publishes port ${d.port} of the host twice`
        : `port ${d.port} of the host is published by environment '${d.holder}'`,
    next: (d) =>
      d.holder === d.environment
        ? 'give each its own port of the host'
        : `publish another port of the host, or end that one with \`landline down ${d.holder}\``,
  }),
  FIREWALL_REFUSED: entry<{ doing: string; says: string }>({
    status: 500,
    exit: 1,
    retry: 'later',
    says: (d) => `the host's firewall refused to ${d.doing}: ${d.says}`,
    next: () => 'private networks need nf_tables with NAT in the kernel; `nft list ruleset` shows what is there',
  }),
  FORWARD_DROPPED: entry<{ chain: string; what: string; rules: readonly string[] }>({
    status: 200,
    exit: 1,
    retry: 'after-change',
    says: (d) => `the chain '${d.chain}' of this host's firewall drops ${d.what}`,
    next: (d) => `let it pass there: ${d.rules.map((rule) => `\`${rule}\``).join(' and ')}`,
  }),
  PROGRAM_MISSING: entry<{ program: string; purpose: string }>({
    status: 500,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.program} is needed ${d.purpose}, and is not in the PATH`,
    next: (d) => `install it (Debian: \`apt-get install ${debianPackage[d.program] ?? d.program}\`)`,
  }),
  NOT_ROOT: entry<{ command: string }>({
    status: 403,
    exit: 1,
    retry: 'never',
    says: (d) => `\`${d.command}\` needs root`,
    next: (d) => `use \`sudo ${d.command}\``,
  }),
  INSTALLATION_IN_USE: entry<{ kept: string; given: string; environments: number }>({
    status: 409,
    exit: 1,
    retry: 'never',
    says: (d) =>
      `landline.yaml gives the id '${d.given}', and ${d.environments === 1 ? 'an environment' : `${d.environments} environments`} here ${d.environments === 1 ? 'was' : 'were'} made as '${d.kept}'`,
    next: (d) => `set \`id: ${d.kept}\`, or end them with \`landline down --all\` before the id changes`,
  }),
  STATE_BROKEN: entry<{ file: string; reason: string }>({
    status: 500,
    exit: 1,
    retry: 'never',
    says: (d) => `the state in ${d.file} cannot be used: ${d.reason}`,
    next: () => 'start the version of Landline that wrote it, or move the file away and begin anew',
  }),
  STATE_UNWRITABLE: entry<{ file: string; reason: string }>({
    status: 500,
    exit: 1,
    retry: 'later',
    says: (d) => `the state in ${d.file} cannot be written: ${d.reason}`,
    next: () => 'see that its disk has room and its folder may be written to, and ask again: nothing was changed',
  }),

  // The host made ready.
  LINK_UNKNOWN: entry<{ link: string; links: readonly string[] }>({
    status: 404,
    exit: 1,
    retry: 'after-change',
    says: (d) => `this host has no link '${d.link}'`,
    next: (d) => `it has ${list(d.links)}`,
  }),
  BRIDGE_REFUSED: entry<{ link: string; bridge: string; refusals: readonly { code: string; reason: string; next: string }[] }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.link} is not put under ${d.bridge}: ${d.refusals.map((it) => it.reason).join('; ')}`,
    next: (d) => d.refusals[0]?.next ?? 'mend it and plan again',
  }),
  BRIDGE_BUSY: entry<Record<string, never>>({
    status: 409,
    exit: 1,
    retry: 'later',
    says: () => "another command is changing this host's network",
    next: () => '`landline host bridge status` tells where it stands; try again when it has ended',
  }),
  BRIDGE_UNDER_WAY: entry<{ link: string; bridge: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.link} under ${d.bridge} waits for a confirmation`,
    next: () => '`landline host bridge confirm` keeps it, `landline host bridge rollback` ends it',
  }),
  BRIDGE_FAILED: entry<{ reason: string; back: boolean; folder: string }>({
    status: 500,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      d.back ? `the network was changed and put back: ${d.reason}` : `${d.reason}, and not all of the network could be put back`,
    next: (d) => `read ${d.folder}/log${d.back ? '' : `; \`sh ${d.folder}/way-back.sh\` may be run again`}`,
  }),
  BRIDGE_NOTHING: entry<{ what: 'confirm' | 'roll back' | 'remove'; state: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `there is nothing to ${d.what}: ${d.state}`,
    next: () => '`landline host bridge status` tells where it stands',
  }),
  CONFIRM_SAME_CONNECTION: entry<{ from: string; secondsLeft: number }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `this is the SSH connection from ${d.from} that was there before the change: it does not show that a new one can be made`,
    next: (d) => `log in anew and confirm there, within ${d.secondsLeft} s; or say \`--here\`, if you know better`,
  }),
  DOCKER_DEFAULT_REFUSED: entry<{ bridge: string; refusals: readonly { code: string; reason: string; next: string }[] }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `Docker's default network is not put on ${d.bridge}: ${d.refusals.map((it) => it.reason).join('; ')}`,
    next: (d) => d.refusals[0]?.next ?? 'mend it and plan again',
  }),
  DOCKER_DEFAULT_NOTHING: entry<Record<string, never>>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: () => '`landline host docker apply` is not in force: there is nothing to roll back',
    next: () => '`landline host docker plan` shows what it would do',
  }),
  DOCKER_NOT_RESTARTED: entry<{ reason: string }>({
    status: 500,
    exit: 1,
    retry: 'after-change',
    says: (d) => `daemon.json is written, and Docker was not restarted: ${d.reason}`,
    next: () => 'restart it yourself, and look at its log; `landline host docker rollback` restores the file',
  }),
  BOOT_FILE_CHANGED: entry<{ file: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.file} has been changed since the plan was made`,
    next: () => '`landline host bridge rollback`, then apply again',
  }),

  // Names.
  DNS_NAME_HELD: entry<{ name: string; holder: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.name} is not ours to take: it is held by ${d.holder}`,
    next: () => 'choose another with --hostname, or have its records removed; then it is taken by itself',
  }),
  DNS_UNREACHABLE: entry<{ name: string; server: string; reason: string; leaving?: true }>({
    status: 503,
    exit: 1,
    retry: 'later',
    says: (d) => `${d.name} waits ${d.leaving ? 'to be taken back at' : 'for'} the DNS server ${d.server}: ${d.reason}`,
    next: (d) =>
      d.leaving
        ? `the daemon goes on trying; where that server is gone for good, \`landline name forget ${d.name}\` gives it up`
        : `\`dig @${d.server.replace(':', ' -p ')} ${d.name}\` asks it; the daemon goes on trying`,
  }),
  DNS_KEY_REFUSED: entry<{ name: string; server: string; key: string; reason: string }>({
    status: 403,
    exit: 1,
    retry: 'later',
    says: (d) =>
      `${d.name} cannot be registered: with the key '${d.key}' the DNS server ${d.server} and this host do not agree: ${d.reason}`,
    next: () => 'let name, algorithm and secret of `dns.update.key` be those that the server has',
  }),
  DNS_CLOCK_SKEWED: entry<{ name: string; server: string; seconds: number }>({
    status: 403,
    exit: 1,
    retry: 'later',
    says: (d) =>
      `${d.name} cannot be registered: the clock of the DNS server ${d.server} is ${Math.abs(d.seconds)} s ${d.seconds > 0 ? 'ahead of' : 'behind'} this host's`,
    next: () => 'set both clocks (`timedatectl set-ntp true`): signatures are good for five minutes',
  }),
  DNS_REFUSED: entry<{ name: string; zone: string; server: string; rcode: string }>({
    status: 403,
    exit: 1,
    retry: 'later',
    says: (d) => `${d.name} cannot be registered: the DNS server ${d.server} answers an update of zone ${d.zone} with ${d.rcode}`,
    next: (d) =>
      `let the server be primary for ${d.zone} and allow updates with this key, or mend \`dns.update\` in landline.yaml`,
  }),
  DNS_SECRET_UNUSABLE: entry<{ name: string; file: string; reason: string; advice: string }>({
    status: 500,
    exit: 1,
    retry: 'later',
    says: (d) => `${d.name} cannot be registered: the secret in ${d.file} is not used: ${d.reason}`,
    next: (d) => d.advice,
  }),
  DNS_PRIMARY_UNKNOWN: entry<{ name: string; zone: string; asked: readonly string[] }>({
    status: 503,
    exit: 1,
    retry: 'later',
    says: (d) =>
      `${d.name} cannot be registered: ${d.asked.length === 0 ? 'no resolver is known to ask' : `${list(d.asked)} did not tell`} for the primary server of zone ${d.zone}`,
    next: () => 'name it as `dns.update.server` in landline.yaml',
  }),
  DNS_PORT_TAKEN: entry<{ zone: string; listen: string; reason: string }>({
    status: 409,
    exit: 1,
    retry: 'later',
    says: (d) => `zone ${d.zone} is not served: ${d.listen} cannot be listened on: ${d.reason}`,
    next: () => 'give `dns.serve.listen` an address that this host has, and a port that no other program uses',
  }),
  DNS_UPDATE_MISSING: entry<{ name: string; zone: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.name} still stands in DNS, and landline.yaml no longer says how zone ${d.zone} is written to`,
    next: (d) =>
      `put \`dns.update\` for ${d.zone} back until it is taken back, or remove its records there and \`landline name forget ${d.name}\``,
  }),
  NAME_WANTED: entry<{ name: string; environment: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `${d.name} is not forgotten: environment '${d.environment}' wants it`,
    next: (d) => `end that one with \`landline down ${d.environment}\`: its names are then taken back`,
  }),
  NAME_TOO_LONG: entry<{ name: string; length: number; environment: string; domain: string; at?: string }>({
    status: 400,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `${d.at === undefined ? '' : `${d.at}: `}${d.name} has ${d.length} characters, and no name in DNS has more than 253: environment '${d.environment}' cannot have it`,
    next: (d) =>
      `choose a shorter hostname (\`--hostname\`, or \`hostname\` in x-landline), or a shorter domain than ${d.domain} in landline.yaml`,
  }),
  NAME_UNKNOWN: entry<{ name: string; suggestion?: string }>({
    status: 404,
    exit: 1,
    retry: 'never',
    says: (d) => `no environment has the name ${d.name}`,
    next: (d) => `${didYouMean(d.suggestion)}\`landline name ls\` lists them`,
  }),

  // Running things.
  SERVICE_FAILED: entry<{ environment: string; service: string; ended: string; log: readonly string[] }>({
    status: 500,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `service '${d.service}' of environment '${d.environment}' ${d.ended}${d.log.length === 0 ? '' : `; it said: ${d.log.join(' | ')}`}`,
    next: (d) => `\`landline logs ${d.environment}/${d.service}\` shows all of it; mend it and run \`landline up\` again`,
  }),
  SERVICE_UNHEALTHY: entry<{ environment: string; service: string; log: readonly string[] }>({
    status: 500,
    exit: 1,
    retry: 'later',
    says: (d) =>
      `service '${d.service}' of environment '${d.environment}' is unhealthy; its check ${d.log.length === 0 ? 'said nothing' : `said: ${d.log.join(' | ')}`}`,
    next: (d) => `\`landline logs ${d.environment}/${d.service}\` shows what the service says; the check is its 'healthcheck'`,
  }),
  DEPENDENCY_FAILED: entry<{ environment: string; service: string; dependency: string; ended: string; log: readonly string[] }>({
    status: 500,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `service '${d.service}' of environment '${d.environment}' cannot start: it needs '${d.dependency}', which ${d.ended}${d.log.length === 0 ? '' : `; it said: ${d.log.join(' | ')}`}`,
    next: (d) => `\`landline logs ${d.environment}/${d.dependency}\` shows all of it; mend it and run \`landline up\` again`,
  }),
  COMMAND_MISSING: entry<{ environment: string; service: string; command: string }>({
    status: 400,
    exit: 1,
    retry: 'after-change',
    says: (d) => `service '${d.service}' of environment '${d.environment}' cannot start: there is no program ${d.command}`,
    next: () => "give its path, or install it; services without an image run with the host's files and the daemon's PATH",
  }),
  USER_UNKNOWN: entry<{ environment: string; service: string; kind: 'user' | 'group'; user: string }>({
    status: 400,
    exit: 1,
    retry: 'after-change',
    says: (d) => `service '${d.service}' of environment '${d.environment}' cannot start: this host has no ${d.kind} '${d.user}'`,
    next: (d) => `make it (\`${d.kind}add --system ${d.user}\`), or write a number`,
  }),
  DHCP_UNAVAILABLE: entry<{ network: string }>({
    status: 400,
    exit: 2,
    retry: 'never',
    says: (d) => `network '${d.network}' has no DHCP server to lease an address from`,
    next: () => "write 'address: pool', or name a network of landline.yaml",
  }),
  BACKEND_REFUSED: entry<{ network: string; because: string; instead: string }>({
    status: 400,
    exit: 2,
    retry: 'never',
    says: (d) => `on network '${d.network}' Docker makes the links (backend: docker-network): ${d.because}`,
    next: (d) => d.instead,
  }),
  DOCKER_NETWORK_REFUSED: entry<{ network: string; bridge: string; says: string }>({
    status: 409,
    exit: 1,
    retry: 'later',
    says: (d) => `Docker makes no network on ${d.bridge} for network '${d.network}': ${d.says}`,
    next: (d) =>
      `\`docker network ls\` lists its networks: remove the one that has ${d.bridge} or these addresses, or remove 'backend' from network '${d.network}'`,
  }),
  LEASE_AWAITED: entry<{ environment: string; network: string; interface: string; because: string }>({
    status: 504,
    exit: 1,
    retry: 'later',
    says: (d) => `${d.interface} of environment '${d.environment}' has no address yet: ${d.because}`,
    next: (d) => `see that a DHCP server answers on network '${d.network}'; it is asked again and again`,
  }),
  LEASE_UNANSWERED: entry<{
    environment: string;
    network: string;
    interface: string;
    address: string;
    server: string;
    until: string;
  }>({
    status: 504,
    exit: 1,
    retry: 'later',
    says: (d) =>
      `no DHCP server renews ${d.address} of ${d.interface} in environment '${d.environment}': its lease from ${d.server} ends at ${d.until}`,
    next: (d) => `see that ${d.server} is there; every server of network '${d.network}' is asked again and again`,
  }),
  LEASE_EXPIRED: entry<{
    environment: string;
    network: string;
    interface: string;
    address: string;
    server: string;
    since: string;
  }>({
    status: 504,
    exit: 1,
    retry: 'later',
    says: (d) =>
      `the lease of ${d.address} from ${d.server} ended at ${d.since}, and ${d.interface} of environment '${d.environment}' keeps the address without one`,
    next: (d) =>
      `see that a DHCP server answers on network '${d.network}'; with 'dhcp: { expired: drop }' the address would have been given up`,
  }),
  LEASE_RELEASED: entry<{ environment: string; network: string; interface: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `${d.interface} of environment '${d.environment}' has no address: its lease on network '${d.network}' was given back by hand`,
    next: (d) => `\`landline lease renew ${d.environment}\` asks for one`,
  }),
  LEASE_UNKNOWN: entry<{ environment: string; interface?: string }>({
    status: 404,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `${d.interface === undefined ? '' : `${d.interface} of `}environment '${d.environment}' leases no address from DHCP`,
    next: () => '`landline lease ls` shows which do',
  }),
  WAIT_EXPIRED: entry<{ environment: string; seconds: number; waitsFor: string }>({
    status: 504,
    exit: 1,
    retry: 'later',
    says: (d) => `environment '${d.environment}' is not ready after ${d.seconds} s: it waits for ${d.waitsFor}`,
    next: (d) => `\`landline ps ${d.environment}\` shows where it stands; the daemon goes on trying`,
  }),
  SUPERSEDED: entry<{ environment: string; by: string }>({
    status: 409,
    exit: 1,
    retry: 'never',
    says: (d) => `the request for environment '${d.environment}' was overtaken by ${d.by}`,
    next: () => 'look with `landline ps` and ask again if it is still wanted',
  }),

  // Docker.
  DOCKER_UNREACHABLE: entry<{ socket: string; reason: string }>({
    status: 503,
    exit: 1,
    retry: 'later',
    says: (d) => `no Docker answers at ${d.socket}: ${d.reason}`,
    next: () => 'start it (`systemctl start docker`), or name its socket in landline.yaml: `engines: { docker: { socket: … } }`',
  }),
  DOCKER_TOO_OLD: entry<{ socket: string; has: string; needs: string }>({
    status: 503,
    exit: 1,
    retry: 'after-change',
    says: (d) => `the Docker at ${d.socket} speaks API ${d.has}, and ${d.needs} is needed`,
    next: () => 'update it: Docker 20.10 is enough',
  }),
  DOCKER_REFUSED: entry<{ doing: string; status: number; says: string }>({
    status: 502,
    exit: 1,
    retry: 'later',
    says: (d) => `Docker refused to ${d.doing}: ${d.says} (status ${d.status})`,
    next: () => "mend what it names, and ask again; `docker events` and Docker's own log say more",
  }),
  CONTAINER_UNKNOWN: entry<{ container: string }>({
    status: 404,
    exit: 1,
    retry: 'after-change',
    says: (d) => `Docker has no container '${d.container}'`,
    next: () => '`docker ps -a` lists them',
  }),
  CONTAINER_STOPPED: entry<{ container: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `container '${d.container}' does not run`,
    next: (d) => `start it with \`docker start ${d.container}\``,
  }),
  CONTAINER_FOREIGN: entry<{ name: string; container: string; verb: string }>({
    status: 409,
    exit: 1,
    retry: 'never',
    says: (d) => `'${d.name}' is the container '${d.container}', which Landline plumbs and did not start`,
    next: (d) =>
      d.verb === 'rm'
        ? `\`docker rm -f ${d.container}\` it, and run another with the same labels`
        : `use \`docker ${d.verb} ${d.container}\``,
  }),
  LABEL_WRONG: entry<{ container: string; label: string; value: string; problem: string; advice: string }>({
    status: 400,
    exit: 1,
    retry: 'after-change',
    says: (d) => `label ${d.label}=${d.value} of container '${d.container}': ${d.problem}`,
    next: (d) => `${d.advice}; a container's labels are set when it is made`,
  }),
  LABELLED: entry<{ container: string; name: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `'${d.name}' is there because the labels of container '${d.container}' ask for it`,
    next: (d) => `stop the container with \`docker stop ${d.container}\`, or make it anew without the label`,
  }),
  IMAGE_MISSING: entry<{ image: string }>({
    status: 404,
    exit: 1,
    retry: 'after-change',
    says: (d) => `Docker has no image '${d.image}'`,
    next: (d) => `get it with \`docker pull ${d.image}\`, or build it`,
  }),
  IMAGE_REFUSED: entry<{ image: string; says: string }>({
    status: 502,
    exit: 1,
    retry: 'later',
    says: (d) => `the image '${d.image}' cannot be pulled: ${d.says}`,
    next: () => 'check its name and tag; for a registry with a password, `docker login` as the user that runs the daemon',
  }),
  VOLUME_MISSING: entry<{ volume: string }>({
    status: 404,
    exit: 1,
    retry: 'after-change',
    says: (d) => `Docker has no volume '${d.volume}', and the file says that it is external`,
    next: (d) => `make it (\`docker volume create ${d.volume}\`), or take 'external' out of the file`,
  }),
  HEALTHCHECK_MISSING: entry<{ environment: string; service: string; dependency: string }>({
    status: 400,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `service '${d.service}' of environment '${d.environment}' waits for '${d.dependency}' to become healthy, and neither its file nor its image has a healthcheck`,
    next: (d) => `give '${d.dependency}' a 'healthcheck', or write service_started`,
  }),
  SANDBOX_NOT_DOCKER: entry<{ environment: string; joined: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `the containers of environment '${d.environment}' cannot share the network of '${d.joined}', which no container holds`,
    next: (d) => `run both with images, or neither; or give '${d.environment}' a network of its own`,
  }),
  SWAP_REFUSED: entry<{ environment: string; reason: string; advice: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `environment '${d.environment}' cannot be swapped: ${d.reason}`,
    next: (d) => d.advice,
  }),
  SWAP_SHARED: entry<{ environment: string; mounts: readonly { readonly service: string; readonly mount: string }[] }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) =>
      `environment '${d.environment}' cannot be swapped: for a while two generations would write to ${list(d.mounts.map((it) => `${it.mount} (service '${it.service}')`))}`,
    next: () =>
      'add --swap-shared where both may write there at once; mount it read-only; or leave out --swap, and what differs is stopped before it is started',
  }),
  SWAP_GIVEN_UP: entry<{ environment: string; code: string; because: string }>({
    status: 500,
    exit: 1,
    retry: 'never',
    says: (d) =>
      `the second generation of environment '${d.environment}' was removed, and the first runs on untouched: ${d.because}`,
    next: () =>
      'until it has the address it is off the LAN, reaches nothing but itself, and its checks may not need more; mend it, or leave out --swap',
  }),
  ENGINE_OTHER: entry<{ name: string; is: string; wanted: string }>({
    status: 409,
    exit: 1,
    retry: 'after-change',
    says: (d) => `environment '${d.name}' runs on the engine '${d.is}', and is now to run on '${d.wanted}'`,
    next: (d) => `end it first: \`landline down ${d.name} --keep-address\``,
  }),
  CREDENTIALS_UNREADABLE: entry<{ registry: string; from: string; reason: string }>({
    status: 500,
    exit: 1,
    retry: 'after-change',
    says: (d) => `the password for the registry ${d.registry} cannot be read from ${d.from}: ${d.reason}`,
    next: (d) => `mend it, or write it anew with \`docker login ${d.registry}\``,
  }),

  // The lab.
  LAB_UNKNOWN: entry<{ name: string; labs: readonly string[] }>({
    status: 404,
    exit: 1,
    retry: 'never',
    says: (d) => `there is no lab '${d.name}'`,
    next: (d) => (d.labs.length === 0 ? 'make it with `landline lab up`' : `there are ${list(d.labs)}; name one with --name`),
  }),
  LAB_HOST_UNKNOWN: entry<{ host: string; hosts: readonly string[] }>({
    status: 404,
    exit: 2,
    retry: 'never',
    says: (d) => `the office has no machine '${d.host}'`,
    next: (d) => `it has ${list(d.hosts)}`,
  }),
  LAB_FAILED: entry<{ doing: string; reason: string }>({
    status: 500,
    exit: 1,
    retry: 'never',
    says: (d) => `the lab could not ${d.doing}: ${d.reason}`,
    next: () => '`landline lab down` clears away what was made; then try again',
  }),

  // Ours.
  INTERNAL: entry<{ message: string }>({
    status: 500,
    exit: 1,
    retry: 'later',
    says: (d) => `something in Landline itself went wrong: ${d.message}`,
    next: () => "the daemon's log has the stack; please report it",
  }),
} as const;

/** A code of the catalogue. */
export type Code = keyof typeof catalogue;

/** The details that a code needs. */
export type Details<C extends Code> = (typeof catalogue)[C] extends Entry<infer D> ? D : never;

/** What the API, the CLI's --json and standing problems show of an error. */
export interface ErrorBody {
  readonly code: string;
  readonly message: string;
  readonly next: string;
  readonly details: unknown;
}

/** An error of the catalogue: what is, what to do next, and the values that both were made of. */
export class LandlineError<C extends Code = Code> extends Error {
  override readonly name = 'LandlineError';
  readonly code: C;
  readonly details: Details<C>;
  readonly next: string;

  constructor(code: C, details: Details<C>, options?: ErrorOptions) {
    const it = catalogue[code] as unknown as Entry<Details<C>>;
    super(it.says(details), options);
    this.code = code;
    this.details = details;
    this.next = it.next(details);
  }

  get status(): number {
    return catalogue[this.code].status;
  }

  get exit(): number {
    return catalogue[this.code].exit;
  }

  get retry(): Retry {
    return catalogue[this.code].retry;
  }

  toJSON(): ErrorBody {
    return { code: this.code, message: this.message, next: this.next, details: this.details };
  }
}

/** Whether `error` is of the catalogue, and of this code where one is given. */
export function isLandlineError<C extends Code>(error: unknown, code?: C): error is LandlineError<C> {
  return error instanceof LandlineError && (code === undefined || error.code === code);
}

/** Any thrown value as an error of the catalogue; what is not one is ours, and becomes INTERNAL with its cause kept. */
export function asLandlineError(error: unknown): LandlineError {
  if (error instanceof LandlineError) return error;
  const message = error instanceof Error ? error.message : String(error);
  return new LandlineError('INTERNAL', { message }, { cause: error });
}

const fileReasons: Readonly<Record<string, string>> = {
  ENOENT: 'there is no such file',
  EISDIR: 'it is a folder',
  EACCES: 'this user may not read it',
};

/** What Node said of a file that it could not read, in plain words. */
export function unreadable(file: string, error: unknown): LandlineError<'FILE_UNREADABLE'> {
  // Node's errors of file calls carry `code`.
  const { code = '', message } = error as Error & { readonly code?: string };
  return new LandlineError('FILE_UNREADABLE', { file, reason: fileReasons[code] ?? message }, { cause: error });
}
