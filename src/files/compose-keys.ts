/**
 * Every key of the Compose Specification (schema/compose-spec.json), at the top of a file and in a service, and what
 * this version makes of it. A capability that arrives changes lines here; the page for users is made of this table.
 */

export type Treatment =
  | { readonly kind: 'honoured'; readonly how: string }
  /** Taken, said once to have no effect, and why. */
  | { readonly kind: 'noted'; readonly why: string }
  /** Refused by name: what is wrong with it here, what to write instead. */
  | { readonly kind: 'refused'; readonly why?: string; readonly next?: string };

type Keys = Readonly<Record<string, Treatment>>;

const honoured = (how: string): Treatment => ({ kind: 'honoured', how });
const noted = (why: string): Treatment => ({ kind: 'noted', why });
const refused = (next?: string, why?: string): Treatment => ({
  kind: 'refused',
  ...(why === undefined ? {} : { why }),
  ...(next === undefined ? {} : { next }),
});

const commandsNotImages = 'this version runs commands, not images';
const hostFiles = "remove it: commands run with the host's files";
const oneNetwork = 'x-landline says how the environment is connected, all services together';

export const composeKeys: { readonly top: Keys; readonly service: Keys } = {
  top: {
    name: honoured("the environment's name; `--name` goes before it"),
    services: honoured('one process each, in one network namespace'),
    version: noted('Compose itself ignores it'),
    networks: noted(oneNetwork),
    include: refused('write the services of the other file here'),
    models: refused(),
    volumes: honoured(
      'folders that Landline keeps, over `down` too unless `--volumes` is given; no drivers, none from elsewhere',
    ),
    secrets: refused('hand them over in files of the host'),
    configs: refused(hostFiles),
  },
  service: {
    command: honoured('a text is split into words as a shell would, a list is taken as it is; no shell runs'),
    entrypoint: honoured('put before `command`'),
    environment: honoured('a mapping or a list; numbers become text; a name alone takes the value of the variable'),
    env_file: honoured('a text, or a list of texts and `{ path, required, format: raw }`; `environment` goes before it'),
    working_dir: honoured("a relative path starts from the environment file's directory"),
    user: honoured('`USER` or `USER:GROUP`, names or numbers of the host'),
    group_add: honoured('names or numbers of the host'),
    ulimits: honoured('a number, or `soft` and `hard`'),
    volumes: honoured('folders and files of the host, volumes of the file, folders without a name; short and long form'),
    tmpfs: honoured('with `size`, `mode`, `uid`, `gid`, `exec`'),
    depends_on: honoured('a list, or a mapping with `condition` and `required`; `restart` has no effect'),
    healthcheck: honoured('runs in the namespaces of the service; `test` as a text, `CMD`, `CMD-SHELL` or `NONE`'),
    restart: honoured('`no` (the default), `always`, `on-failure`, `on-failure:3`, `unless-stopped`'),
    extends: honoured('a service of this file, or `{ service, file }`; merged as Compose does'),
    profiles: honoured('of `--profile` and COMPOSE_PROFILES'),
    scale: honoured('1 alone: two of one service do not fit into one network namespace'),
    stop_signal: honoured('SIGTERM by default'),
    stop_grace_period: honoured('10s by default'),

    init: noted('every service has a process 1 that passes signals on and reaps'),
    ports: honoured(
      'on the network bridge; elsewhere noted: the environment has an address of its own, and every port answers there as it is',
    ),
    networks: noted(oneNetwork),
    container_name: noted('the service is NAME/SERVICE in every command'),
    links: noted("every service's name resolves inside the environment"),
    expose: noted('every port answers at the address of the environment'),
    logging: noted('`landline logs` shows what a service writes'),
    deploy: noted('it is for swarms, and sets no limits here; `replicas` may be 1'),
    labels: noted('there is no container to label'),
    hostname: noted('x-landline.hostname names the environment, all services together'),

    image: refused("give 'command' without 'image'", commandsNotImages),
    build: refused("give 'command' without 'build'", commandsNotImages),
    annotations: refused(),
    attach: refused(),
    blkio_config: refused(),
    cap_add: refused(),
    cap_drop: refused(),
    cgroup: refused(),
    cgroup_parent: refused(),
    configs: refused(hostFiles),
    cpu_count: refused(),
    cpu_percent: refused(),
    cpu_period: refused(),
    cpu_quota: refused(),
    cpu_rt_period: refused(),
    cpu_rt_runtime: refused(),
    cpu_shares: refused(),
    cpus: refused(),
    cpuset: refused(),
    credential_spec: refused(),
    develop: refused(),
    device_cgroup_rules: refused(),
    devices: refused(hostFiles),
    dns: refused("remove it: 'resolvers' in landline.yaml says it for the network"),
    dns_opt: refused(),
    dns_search: refused("remove it: 'domain' in landline.yaml says it for the network"),
    domainname: refused("remove it: 'domain' in landline.yaml says it for the network"),
    external_links: refused('use the names and addresses of the other environments'),
    extra_hosts: refused(),
    gpus: refused(),
    ipc: refused(),
    isolation: refused(),
    label_file: refused(),
    mac_address: refused("write it as 'mac' of x-landline"),
    mem_limit: refused(),
    mem_reservation: refused(),
    mem_swappiness: refused(),
    memswap_limit: refused(),
    models: refused(),
    network_mode: refused("remove it: 'network' of x-landline says how the environment is connected"),
    oom_kill_disable: refused(),
    oom_score_adj: refused(),
    pid: refused(),
    pids_limit: refused(),
    platform: refused(),
    post_start: refused(),
    pre_stop: refused(),
    privileged: refused(),
    provider: refused(),
    pull_policy: refused(),
    pull_refresh_after: refused(),
    read_only: refused(),
    runtime: refused(),
    secrets: refused('hand them over in files of the host'),
    security_opt: refused(),
    shm_size: refused(),
    stdin_open: refused(),
    storage_opt: refused(),
    sysctls: refused(),
    tty: refused(),
    use_api_socket: refused(),
    userns_mode: refused(),
    uts: refused(),
    volumes_from: refused(hostFiles),
  },
};

/** Where a key stands. */
export type ComposeLevel = keyof typeof composeKeys;

/** What is made of a key; undefined when Compose does not know it. */
export function treatmentOf(level: ComposeLevel, key: string): Treatment | undefined {
  return Object.hasOwn(composeKeys[level], key) ? composeKeys[level][key] : undefined;
}

/** The table for docs, in Markdown. */
export function composeKeysTable(): string {
  return `### At the top of the file\n\n${tableOf('top')}\n\n### In a service\n\n${tableOf('service')}\n`;
}

function tableOf(level: ComposeLevel): string {
  const rows = Object.entries(composeKeys[level]).map(
    ([key, treatment]) =>
      `| \`${key}\` | ${treatment.kind === 'noted' ? 'no effect' : treatment.kind} | ${remarkOf(treatment)} |`,
  );
  const own = level === 'top' ? ['| `x-landline` | honoured | how the environment is connected |'] : [];
  return ['| key | | |', '|---|---|---|', ...own, ...rows, '| `x-…` | ignored | |'].join('\n');
}

function remarkOf(treatment: Treatment): string {
  if (treatment.kind === 'honoured') return treatment.how;
  if (treatment.kind === 'noted') return treatment.why;
  return [treatment.why, treatment.next].filter((part) => part !== undefined).join(': ');
}
