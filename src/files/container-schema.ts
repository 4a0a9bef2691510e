/** The keys of a Compose service that only a container has, each with its shape; `ContainerSpec` has them under the same names. */
import { z } from 'zod';
import { parseIpv4 } from '../net/ipv4.ts';
import type { Mistake } from './not-yet.ts';
import { isMistake, meaning, suggest, text } from './shape.ts';
import { sizeSchema } from './size.ts';

/** Docker's reference to an image, `[HOST[:PORT]/]NAME[:TAG][@DIGEST]` (distribution/reference), not looked at too closely. */
const image =
  /^(?:[a-zA-Z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:[._/-]+[a-z0-9]+)*(?::[\w][\w.-]{0,127})?(?:@[a-z0-9+.]+:[0-9a-f]{32,})?$/;

/** The name of an image, as `docker run` takes it. */
export function parseImage(written: string): string | Mistake {
  if (written.length <= 512 && (image.test(written) || /^sha256:[0-9a-f]{64}$/.test(written))) return written;
  const lower = written.toLowerCase();
  return {
    mistake: `'${written}' cannot be the name of an image`,
    next: image.test(lower)
      ? `write '${lower}'`
      : "write NAME:TAG, as in 'nginx:1.27' or 'registry.office.example:5000/shop/web:42'",
  };
}

const pullPolicies = ['always', 'missing', 'never'] as const;

function parsePullPolicy(written: string): (typeof pullPolicies)[number] | Mistake {
  if (written === 'if_not_present') return 'missing';
  if (written === 'build') return { mistake: 'Landline builds no images', next: "build the image, and write 'missing'" };
  return (
    pullPolicies.find((it) => it === written) ?? {
      mistake: `'${written}' is no pull policy`,
      next: suggest(written, pullPolicies),
    }
  );
}

function parseCapability(written: string): string | Mistake {
  const name = written.toUpperCase().replace(/^CAP_/, '');
  return /^[A-Z][A-Z_]*$/.test(name)
    ? name
    : { mistake: `'${written}' is no capability`, next: 'write a name of capabilities(7), as in NET_ADMIN, or ALL' };
}

const plain = (description: string, example: string) =>
  text(description, example, (written): string | Mistake =>
    /[\0\n]/.test(written) ? { mistake: 'this text holds a character that it may not', next: 'remove it' } : written,
  );

const list = (description: string, example: string) => z.array(plain(description, example)).meta({ examples: [[example]] });

/** One text, or a list of them. */
const oneOrMore = (description: string, example: string) =>
  meaning(z.union([plain(description, example), z.array(plain(description, example))]), (it): readonly string[] =>
    typeof it === 'string' ? [it] : it,
  ).meta({ examples: [[example]] });

/** A mapping, or a list of `NAME=VALUE`; values become text. */
const pairs = (description: string, name: string, value: string) =>
  meaning(
    z.union([
      z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]).meta({ examples: [value] })),
      z.array(plain(description, `${name}=${value}`)),
    ]),
    (it): Readonly<Record<string, string>> | Mistake => {
      const entries = Array.isArray(it)
        ? it.map((pair) => [pair.split('=', 1)[0] ?? '', pair.includes('=') ? pair.slice(pair.indexOf('=') + 1) : ''] as const)
        : Object.entries(it).map(([key, one]) => [key, one === null ? '' : String(one)] as const);
      const wrong = entries.find(([key, one]) => key === '' || `${key}${one}`.includes('\0'));
      if (wrong !== undefined)
        return { mistake: 'a name is missing, or a character is one that cannot be', next: `write '${name}: ${value}'` };
      return Object.fromEntries(entries);
    },
  ).meta({ description, examples: [{ [name]: value }] });

const devicePermissions = /^[rwm]{1,3}$/;

/** `HOST[:CONTAINER[:rwm]]` → `HOST:CONTAINER:rwm` */
function parseDevice(written: string): string | Mistake {
  const [host = '', second, third] = written.split(':');
  const permissions = third ?? (second !== undefined && devicePermissions.test(second) ? second : 'rwm');
  const inside = second === undefined || devicePermissions.test(second) ? host : second;
  const isRight =
    host.startsWith('/') && inside.startsWith('/') && devicePermissions.test(permissions) && !/[\0\n]/.test(written);
  return isRight
    ? `${host}:${inside}:${permissions}`
    : { mistake: `'${written}' is no device`, next: "write '/dev/ttyUSB0', or '/dev/ttyUSB0:/dev/tty:rw'" };
}

const deviceSchema = z
  .strictObject({ source: z.string(), target: z.string().optional(), permissions: z.string().optional() })
  .meta({ title: 'a device', examples: [{ source: '/dev/ttyUSB0' }] });

/** `NAME:ADDRESS`, or `NAME=ADDRESS`; IPv6 addresses with or without brackets. */
function parseExtraHost(written: string): string | Mistake {
  const [, name = '', address = ''] = /^([^=:]+)[=:](.+)$/s.exec(written) ?? [];
  const bare = address.replace(/^\[(.*)\]$/, '$1');
  const isAddress = bare === 'host-gateway' || parseIpv4(bare) !== undefined || /^[0-9a-f:.]*:[0-9a-f:.]*$/i.test(bare);
  return isAddress && /^[\w][\w.-]*$/.test(name)
    ? `${name}:${bare}`
    : { mistake: `'${written}' is no name with an address`, next: "write 'NAME:ADDRESS', as in 'mail:192.168.11.9'" };
}

const extraHosts = meaning(
  z.union([
    z.array(text('a name and its address', 'mail:192.168.11.9', parseExtraHost)),
    z.record(z.string(), z.union([z.string(), z.array(z.string())]).meta({ examples: ['192.168.11.9'] })),
  ]),
  (it): readonly string[] | Mistake => {
    if (Array.isArray(it)) return it;
    const all = Object.entries(it).flatMap(([name, found]) =>
      [found].flat().map((address) => parseExtraHost(`${name}=${address}`)),
    );
    return all.find(isMistake) ?? all.flatMap((one) => (isMistake(one) ? [] : [one]));
  },
).meta({ examples: [['mail:192.168.11.9']] });

const nameserver = text('address of a nameserver', '192.168.11.2', (written): string | Mistake =>
  parseIpv4(written) !== undefined || /^[0-9a-f:]+$/i.test(written)
    ? written
    : { mistake: `'${written}' is no address of a nameserver`, next: 'write an address, as in 192.168.11.2' },
);

const oneOf = <const W extends readonly string[]>(words: W) =>
  text(words.join(', '), words[0] ?? '', (written): W[number] | Mistake => {
    const found = words.find((it): it is W[number] => it === written);
    return found ?? { mistake: `'${written}' is none of ${words.join(', ')}`, next: suggest(written, words) };
  });

/** A namespace: one of these words, or another service's. */
const namespace = (...words: readonly string[]) =>
  text([...words, 'service:NAME'].join(', '), words[0] ?? '', (written): string | Mistake =>
    words.includes(written) || /^service:[a-z0-9][a-z0-9-]{0,62}$/.test(written)
      ? written
      : { mistake: `'${written}' is no namespace that it can have`, next: `write ${words.join(', ')} or service:NAME` },
  );

/** A number, also as text. */
const number = (description: string, least: number, most: number) => {
  const check = (it: number): number | Mistake =>
    it >= least && it <= most
      ? it
      : { mistake: `${it} is not between ${least} and ${most}`, next: `write a number from ${least} on` };
  return z
    .union([
      meaning(z.number(), check),
      text(description, String(Math.max(least, 1)), (written): number | Mistake =>
        /^-?\d+(\.\d+)?$/.test(written) ? check(Number(written)) : { mistake: `'${written}' is no number` },
      ),
    ])
    .meta({ description, examples: [Math.max(least, 1)] });
};

const whole = (description: string, least: number, most = Number.MAX_SAFE_INTEGER) =>
  meaning(number(description, least, most), (it): number | Mistake =>
    Number.isInteger(it) ? it : { mistake: `${it} is no whole number`, next: 'write a whole number' },
  ).meta({ description, examples: [Math.max(least, 1)] });

const shape = {
  image: text('the image', 'nginx:1.27', parseImage),
  pull_policy: text('when the image is pulled', 'missing', parsePullPolicy),
  platform: plain('system and processor', 'linux/arm64'),
  cap_add: z.array(text('a capability', 'NET_ADMIN', parseCapability)).meta({ examples: [['NET_ADMIN']] }),
  cap_drop: z.array(text('a capability', 'ALL', parseCapability)).meta({ examples: [['ALL']] }),
  cgroup: oneOf(['host', 'private']),
  cgroup_parent: plain('a cgroup', 'shop.slice'),
  cpu_period: whole('microseconds', 0),
  cpu_quota: whole('microseconds', -1),
  cpu_shares: whole('weight', 0),
  cpus: number('processors', 0, 4096),
  cpuset: plain('processors', '0-1'),
  device_cgroup_rules: list('a rule', 'c 1:3 mr'),
  devices: z
    .array(
      z.union([
        text('a device', '/dev/ttyUSB0', parseDevice),
        meaning(deviceSchema, ({ source, target = source, permissions = 'rwm' }) =>
          parseDevice(`${source}:${target}:${permissions}`),
        ),
      ]),
    )
    .meta({ examples: [['/dev/ttyUSB0']] }),
  dns: meaning(z.union([nameserver, z.array(nameserver)]), (it): readonly string[] => [it].flat()).meta({
    examples: [['192.168.11.2']],
  }),
  dns_opt: list('an option of resolv.conf', 'ndots:1'),
  dns_search: oneOrMore('a search domain', 'office.example'),
  extra_hosts: extraHosts,
  init: z.boolean().meta({ examples: [true] }),
  ipc: namespace('host', 'private', 'shareable', 'none'),
  labels: pairs('labels of the container', 'com.example.owner', 'team'),
  logging: z
    .strictObject({
      driver: plain('a log driver', 'json-file').optional(),
      options: z.record(z.string(), z.union([z.string(), z.number(), z.null()])).optional(),
    })
    .meta({ title: 'logging', examples: [{ driver: 'json-file' }] }),
  mem_limit: sizeSchema('bytes of memory'),
  mem_reservation: sizeSchema('bytes of memory'),
  mem_swappiness: whole('0 to 100', 0, 100),
  memswap_limit: sizeSchema('bytes of memory and swap', { endless: true }),
  oom_kill_disable: z.boolean().meta({ examples: [true] }),
  oom_score_adj: whole('-1000 to 1000', -1000, 1000),
  pid: namespace('host'),
  pids_limit: whole('processes', -1),
  privileged: z.boolean().meta({ examples: [true] }),
  read_only: z.boolean().meta({ examples: [true] }),
  runtime: plain('a runtime of the engine', 'runc'),
  security_opt: list('an option', 'no-new-privileges:true'),
  shm_size: sizeSchema('bytes of /dev/shm'),
  stdin_open: z.boolean().meta({ examples: [true] }),
  storage_opt: pairs('options of the storage driver', 'size', '10G'),
  sysctls: pairs('kernel settings', 'net.core.somaxconn', '1024'),
  tty: z.boolean().meta({ examples: [true] }),
  userns_mode: oneOf(['host']),
  uts: oneOf(['host']),
} as const;

/** All of them, each of which may be left out. */
export const containerSchema = z.object(shape).partial();
