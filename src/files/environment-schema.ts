/** The shapes of an environment file: of x-landline, and of what is honoured of a Compose service. */
import { z } from 'zod';
import { conditions } from '../core/model.ts';
import { formatIpv4, type Ipv4 } from '../net/ipv4.ts';
import { parseDuration } from './duration.ts';
import { envFileSchema } from './env-file.ts';
import {
  parseAddress,
  parseAddress6,
  parseHostname,
  parseJoined,
  parseLinkName,
  parseNetworkName,
  parseOwnMac,
  parseRouteTarget,
} from './fields.ts';
import { healthcheckSchema } from './healthcheck.ts';
import { groupsSchema, ulimitsSchema, userSchema } from './limits.ts';
import { type Mistake, refuseNotYet } from './not-yet.ts';
import { isMistake, meaning, suggest, text } from './shape.ts';
import { splitWords } from './shell-words.ts';
import { parseSignal } from './signals.ts';
import { tmpfsSchema, volumesSchema } from './volumes.ts';

/** A network of landline.yaml, or `none`, `host`, `container:NAME`. */
export const parseEndpointNetwork = (written: string): string | Mistake =>
  refuseNotYet('endpointNetwork', written) ?? parseJoined(written) ?? parseNetworkName(written);

const spelled = (address: Ipv4 | Mistake): string | Mistake => (isMistake(address) ? address : formatIpv4(address));

/** An address in its one spelling, or `pool`, or `dhcp`. */
export function parseEndpointAddress(written: string): string | Mistake {
  if (written === 'pool' || written === 'dhcp') return written;
  const notYet = refuseNotYet('endpointAddress', written);
  if (notYet !== undefined) return notYet;
  return /^[a-z]+$/i.test(written)
    ? { mistake: `'${written}' is no IPv4 address`, next: "write an address, or 'pool', or 'dhcp'" }
    : spelled(parseAddress(written));
}

const routeSchema = z
  .strictObject({
    to: text('prefix that the route leads to', '10.50.0.0/24', parseRouteTarget),
    via: text("router in the environment's subnet", '192.168.11.1', (written) => spelled(parseAddress(written))),
  })
  .meta({ title: 'a route' });

/** A network of its own among several: sharing somebody else's namespace, or none, leaves no room for another. */
const parseListedNetwork = (written: string): string | Mistake => {
  const network = parseEndpointNetwork(written);
  const alone = network === 'none' || network === 'host' || parseJoined(written) !== undefined;
  return alone && !isMistake(network)
    ? { mistake: `network '${network}' stands alone`, next: `write 'network: ${network}' instead of 'networks'` }
    : network;
};

export const listedNetwork = text('a network of landline.yaml, or bridge', 'office', parseListedNetwork);

/** One endpoint of several. */
export const itemSchema = z
  .strictObject({
    network: listedNetwork,
    address: text('a fixed address, or pool, or dhcp', '192.168.11.101', parseEndpointAddress).optional(),
    address6: text('a fixed IPv6 address beside it', '2001:db8:10::101', parseAddress6).optional(),
    hostname: text("left out: the environment's name", 'shop', parseHostname).optional(),
    mac: text('left out: derived from installation, network and environment', '02:4c:4c:00:00:01', parseOwnMac).optional(),
    interface: text(
      'name of the link in the sandbox; left out: the first free of eth0, eth1, …',
      'eth0',
      parseLinkName,
    ).optional(),
    gateway: text("an address, or none; left out: the network's", '192.168.11.1', (written) =>
      written === 'none' ? written : spelled(parseAddress(written)),
    ).optional(),
    routes: z
      .array(routeSchema)
      .meta({ examples: [[{ to: '10.50.0.0/24', via: '192.168.11.1' }]] })
      .optional(),
  })
  .meta({ title: 'an endpoint', examples: [{ network: 'office' }] });

/** One of several that stands under its network's name. */
export const namedSchema = itemSchema
  .omit({ network: true })
  .meta({ title: 'an endpoint', examples: [{ address: '192.168.11.101' }] });

export const listSchema = z
  .union([z.array(z.union([listedNetwork, itemSchema])), z.record(z.string(), namedSchema.nullable())])
  .meta({ description: 'several endpoints; the first carries the default route', examples: [['office', 'lab']] });

export const endpointSchema = itemSchema
  .extend({
    network: text('a network of landline.yaml, or bridge, none, host, container:NAME', 'office', parseEndpointNetwork).optional(),
    networks: listSchema.optional(),
  })
  .meta({ title: 'x-landline', examples: [{ network: 'office' }] });

const words = (example: readonly string[]) =>
  z
    .union([text('split into words as a shell would', example.join(' '), splitWords), z.array(z.string())])
    .meta({ examples: [example] });

function parseWorkingDir(written: string): string | Mistake {
  if (written.includes('\0')) return { mistake: 'no path can hold the character U+0000', next: 'remove it' };
  if (!written.startsWith('~')) return written;
  return { mistake: `no shell reads '${written}', so '~' is nobody's home`, next: "write the whole path, beginning with '/'" };
}

const restarts = ['no', 'always', 'on-failure', 'unless-stopped'] as const;

interface Restart {
  readonly restart: (typeof restarts)[number];
  readonly restartLimit?: number;
}

/** As in Docker, a count of 0 is none. */
const parseRestart = (written: string): Restart | Mistake => {
  const [, policy = written, count] = /^(on-failure):(\d{1,6})$/.exec(written) ?? [];
  const restart = restarts.find((one) => one === policy);
  if (restart !== undefined) return { restart, ...(Number(count ?? 0) === 0 ? {} : { restartLimit: Number(count) }) };
  return { mistake: `'${written}' is no restart policy`, next: suggest(written, restarts) };
};

const parseProfile = (written: string): string | Mistake =>
  /^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(written)
    ? written
    : { mistake: `'${written}' cannot be the name of a profile`, next: "write letters, digits, '_', '.' and '-'" };

/** An environment's services share one network, where two of one kind would want the same port. */
export const requireOne = (count: number): number | Mistake =>
  count === 1
    ? count
    : {
        mistake: `${count} of one service do not fit into one network namespace`,
        next: 'write 1, or the service again under another name',
      };

const parseCondition = (written: string): (typeof conditions)[number] | Mistake =>
  conditions.find((one) => one === written) ?? { mistake: `'${written}' is no condition`, next: suggest(written, conditions) };

export const dependencySchema = z
  .strictObject({
    condition: text('what to wait for', 'service_started', parseCondition),
    restart: z.boolean().optional(),
    required: z.boolean().optional(),
  })
  .meta({ title: 'depends_on' });

export const serviceSchema = z
  .object({
    command: words(['python3', '-m', 'http.server', '80']).nullable().optional(),
    entrypoint: words(['python3']).nullable().optional(),
    environment: z
      .union([
        z.record(z.string(), z.union([z.string(), z.number(), z.boolean(), z.null()]).meta({ examples: ['value'] })),
        z.array(z.string()),
      ])
      .meta({ examples: [{ KEY: 'value' }] })
      .optional(),
    working_dir: text('where the command runs', '/srv/shop', parseWorkingDir).optional(),
    depends_on: z
      .union([z.array(z.string()), z.record(z.string(), dependencySchema)])
      .meta({ examples: [['db']] })
      .optional(),
    env_file: envFileSchema.optional(),
    user: userSchema.optional(),
    group_add: groupsSchema.optional(),
    ulimits: ulimitsSchema.optional(),
    volumes: volumesSchema.optional(),
    tmpfs: tmpfsSchema.optional(),
    healthcheck: healthcheckSchema.optional(),
    profiles: z
      .array(text('a name of a profile', 'debug', parseProfile))
      .meta({ examples: [['debug']] })
      .optional(),
    scale: meaning(z.int().min(0), (count) => requireOne(count))
      .meta({ examples: [1] })
      .optional(),
    restart: text('what happens when the service ends', 'unless-stopped', parseRestart).optional(),
    stop_signal: z
      .union([text('its name', 'SIGTERM', parseSignal), meaning(z.int(), (number) => parseSignal(String(number)))])
      .meta({ examples: ['SIGTERM'] })
      .optional(),
    stop_grace_period: text('time from the stop signal to SIGKILL', '1m30s', parseDuration).optional(),
  })
  .meta({ title: 'a service', examples: [{ command: 'python3 -m http.server 80' }] });
