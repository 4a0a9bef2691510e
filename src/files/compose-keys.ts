/**
 * Every key of the Compose Specification (schema/compose-spec.json), at the top of a file and in a service, and what
 * this version makes of it. A capability that arrives changes lines here; the page for users is made of this table.
 */

export type Treatment =
  | {
      readonly kind: 'honoured';
      readonly how: string;
      /** What is made of it in a service that has no image, where that is something else. */
      readonly without?: Treatment;
    }
  /** Taken, said once to have no effect, and why. */
  | { readonly kind: 'noted'; readonly why: string; readonly without?: Treatment }
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

/** Of containers alone: what a service without an image is told. */
const container = (how: string, without: Treatment = refused("remove it, or give the service an 'image'")): Treatment => ({
  kind: 'honoured',
  how,
  without,
});

const hostFiles = "remove it: commands run with the host's files";
const oneNetwork = 'x-landline says how the environment is connected, all services together';

export const composeKeys: { readonly top: Keys; readonly service: Keys } = {
  top: {
    name: honoured("the environment's name; `--name` goes before it"),
    services: honoured('one container or process each, in one network namespace; all with `image`, or none'),
    version: noted('Compose itself ignores it'),
    networks: noted(oneNetwork),
    include: refused('write the services of the other file here'),
    models: refused(),
    volumes: honoured(
      'folders or Docker volumes that Landline keeps, over `down` too unless `--volumes` is given; `name`, `external`, `driver`, `driver_opts` and `labels` for containers',
    ),
    secrets: honoured('`file` or `environment`, for containers'),
    configs: honoured('`file`, `content` or `environment`, for containers'),
  },
  service: {
    command: honoured('a text is split into words as a shell would, a list is taken as it is; no shell runs'),
    entrypoint: honoured("put before `command`; instead of the image's"),
    environment: honoured('a mapping or a list; numbers become text; a name alone takes the value of the variable'),
    env_file: honoured('a text, or a list of texts and `{ path, required, format: raw }`; `environment` goes before it'),
    working_dir: honoured("a relative path starts from the environment file's directory, in a container from the image's"),
    user: honoured('`USER` or `USER:GROUP`, names or numbers of the host or the image'),
    group_add: honoured('names or numbers of the host or the image'),
    ulimits: honoured('a number, or `soft` and `hard`'),
    volumes: honoured('folders and files of the host, volumes of the file, folders without a name; short and long form'),
    tmpfs: honoured('with `size`, `mode`, `uid`, `gid`, `exec`'),
    depends_on: honoured('a list, or a mapping with `condition` and `required`; `restart` has no effect'),
    healthcheck: honoured(
      "runs in the namespaces of the service; `test` as a text, `CMD`, `CMD-SHELL` or `NONE`; left out: the image's",
    ),
    restart: honoured('`no` (the default), `always`, `on-failure`, `on-failure:3`, `unless-stopped`'),
    extends: honoured('a service of this file, or `{ service, file }`; merged as Compose does'),
    profiles: honoured('of `--profile` and COMPOSE_PROFILES'),
    scale: honoured('1 alone: two of one service do not fit into one network namespace'),
    stop_signal: honoured("the image's by default, else SIGTERM"),
    stop_grace_period: honoured('10s by default'),

    init: container(
      'Docker puts its own process 1 in front',
      noted('every service has a process 1 that passes signals on and reaps'),
    ),
    ports: honoured(
      'on the network bridge; elsewhere noted: the environment has an address of its own, and every port answers there as it is',
    ),
    networks: noted(oneNetwork),
    container_name: noted('the service is NAME/SERVICE in every command; inside the environment the name is 127.0.0.1'),
    links: noted("every service's name resolves inside the environment, and so do the names given here"),
    expose: noted('every port answers at the address of the environment'),
    logging: container('`driver` and `options`', noted('`landline logs` shows what a service writes')),
    deploy: noted(
      'it is for swarms; of a container `resources.limits` set `cpus`, `mem_limit` and `pids_limit`; `replicas` may be 1',
    ),
    labels: container("on the container, beside Landline's own", noted('there is no container to label')),
    hostname: noted('x-landline.hostname names the environment, all services together; inside of it the name is 127.0.0.1'),

    image: honoured("the service is a container on the engine `docker`; left out: `command` is run with the host's files"),
    build: {
      kind: 'noted',
      why: 'it runs what `image` names, and builds nothing',
      without: refused(
        "build the image and name it with 'image', or give 'command' without 'build'",
        'Landline builds no images',
      ),
    },
    annotations: refused(),
    attach: noted('`landline logs` shows what a service writes'),
    blkio_config: refused(),
    cap_add: container('as Docker has it'),
    cap_drop: container('as Docker has it'),
    cgroup: container('`host` or `private`'),
    cgroup_parent: container('as Docker has it'),
    configs: container('a name, or `source` and `target`; `uid`, `gid` and `mode` have no effect', refused(hostFiles)),
    cpu_count: refused(),
    cpu_percent: refused(),
    cpu_period: container('microseconds'),
    cpu_quota: container('microseconds'),
    cpu_rt_period: refused(),
    cpu_rt_runtime: refused(),
    cpu_shares: container('as Docker has it'),
    cpus: container('a number, or a text such as "0.5"'),
    cpuset: container('as Docker has it'),
    credential_spec: refused(),
    develop: noted('it is for `docker compose watch`'),
    device_cgroup_rules: container('as Docker has it'),
    devices: container('`HOST`, `HOST:CONTAINER`, `HOST:CONTAINER:rwm`, or a mapping', refused(hostFiles)),
    dns: container(
      'nameservers of this service alone',
      refused("remove it: 'resolvers' in landline.yaml says it for the network"),
    ),
    dns_opt: container('options of resolv.conf, of this service alone'),
    dns_search: container(
      'search domains of this service alone',
      refused("remove it: 'domain' in landline.yaml says it for the network"),
    ),
    domainname: refused("remove it: 'domain' in landline.yaml says it for the network"),
    external_links: refused('use the names and addresses of the other environments'),
    extra_hosts: container('`NAME:ADDRESS` or a mapping; `host-gateway` is the host'),
    gpus: refused(),
    ipc: container('`host`, `private`, `shareable`, `none`, `service:NAME`, which then starts first'),
    isolation: refused(),
    label_file: refused(),
    mac_address: refused("write it as 'mac' of x-landline"),
    mem_limit: container('bytes, or with a unit: `512m`'),
    mem_reservation: container('bytes, or with a unit: `512m`'),
    mem_swappiness: container('0 to 100'),
    memswap_limit: container('bytes, or with a unit; -1: no limit'),
    models: refused(),
    network_mode: refused("remove it: 'network' of x-landline says how the environment is connected"),
    oom_kill_disable: container('as Docker has it'),
    oom_score_adj: container('-1000 to 1000'),
    pid: container('`host` or `service:NAME`, which then starts first'),
    pids_limit: container('-1: no limit'),
    platform: container('for pulling: `linux/arm64`'),
    post_start: refused(),
    pre_stop: refused(),
    privileged: container('as Docker has it'),
    provider: refused(),
    pull_policy: container('`missing` (the default), `always`, `never`; `if_not_present` is `missing`'),
    pull_refresh_after: refused(),
    read_only: container('as Docker has it'),
    runtime: container('as Docker has it'),
    secrets: container(
      'a name, or `source` and `target`; `uid`, `gid` and `mode` have no effect',
      refused('hand them over in files of the host'),
    ),
    security_opt: container('as Docker has it'),
    shm_size: container('bytes, or with a unit: `64m`'),
    stdin_open: container('as Docker has it'),
    storage_opt: container('as Docker has it'),
    sysctls: container("a mapping, or a list of `NAME=VALUE`; those of the network are the whole environment's"),
    tty: container('as Docker has it'),
    use_api_socket: refused(),
    userns_mode: container('`host`'),
    uts: container('`host`'),
    volumes_from: refused(hostFiles),
  },
};

/** Where a key stands. */
export type ComposeLevel = keyof typeof composeKeys;

/**
 * What is made of a key; undefined when Compose does not know it.
 * @param withImage false: of a service that has none
 */
export function treatmentOf(level: ComposeLevel, key: string, withImage = true): Treatment | undefined {
  const treatment = Object.hasOwn(composeKeys[level], key) ? composeKeys[level][key] : undefined;
  return treatment === undefined || treatment.kind === 'refused' || withImage ? treatment : (treatment.without ?? treatment);
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
  if (treatment.kind !== 'refused') {
    const says = treatment.kind === 'honoured' ? treatment.how : treatment.why;
    return treatment.without === undefined ? says : `${says}; with \`image\` alone`;
  }
  return [treatment.why, treatment.next].filter((part) => part !== undefined).join(': ');
}
