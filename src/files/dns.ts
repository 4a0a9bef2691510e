/** `dns` of landline.yaml: where names are registered, and which zone this host answers for. */
import { z } from 'zod';
import { tsigAlgorithms } from '../core/dns/algorithms.ts';
import type { DnsConfiguration, DnsServerAddress, DnsServeSpec, DnsUpdateSpec } from '../core/model.ts';
import { parseIpv4 } from '../net/ipv4.ts';
import { parseDomain } from './fields.ts';
import type { Mistake } from './not-yet.ts';
import { text } from './shape.ts';

const dnsPort = 53;
const usualTtl = 60;

/** `192.168.11.2`, or `192.168.11.2:5353`. */
function parseServer(written: string): DnsServerAddress | Mistake {
  const [head = '', tail, ...rest] = written.split(':');
  const address = parseIpv4(head);
  const port = tail === undefined ? dnsPort : /^\d{1,5}$/.test(tail) ? Number(tail) : 0;
  if (address !== undefined && rest.length === 0 && port > 0 && port < 65_536) return { address, port };
  return {
    mistake: `'${written}' is no address of a DNS server`,
    next: 'write an IPv4 address, or ADDRESS:PORT, as in 192.168.11.2:53',
  };
}

function parseFile(written: string): string | Mistake {
  if (written.startsWith('/') && !written.includes('\0')) return written;
  return { mistake: `'${written}' is no whole path`, next: 'write it from the root, as in /etc/landline/tsig.key' };
}

const server = text('DNS server that takes updates', '192.168.11.2', parseServer);
const reverse = z
  .array(text('reverse zone', '11.168.192.in-addr.arpa', parseDomain))
  .meta({ description: 'zones for the names of addresses', examples: [['10.168.192.in-addr.arpa', '11.168.192.in-addr.arpa']] });
const ttl = z
  .int()
  .min(0)
  .max(86_400)
  .meta({ description: 'how long others may keep an answer, in seconds', examples: [usualTtl] });

const keySchema = z
  .strictObject({
    name: text('name of the key, as the DNS server knows it', 'landline', parseDomain),
    algorithm: z.enum(tsigAlgorithms).meta({ description: 'algorithm of the key' }).optional(),
    secretFile: text('file with the secret in base64, and nothing else; mode 0600', '/etc/landline/tsig.key', parseFile),
  })
  .meta({ title: 'dns.update.key', examples: [{ name: 'landline', secretFile: '/etc/landline/tsig.key' }] });

const updateSchema = z
  .strictObject({
    server: z
      .union([server, z.array(server)])
      .meta({ description: "DNS servers that take updates; left out: the zone's primary", examples: ['192.168.11.2'] })
      .optional(),
    zone: text('zone that names are registered in', 'test.office.example', parseDomain),
    reverse: reverse.optional(),
    key: keySchema.optional(),
    ttl: ttl.optional(),
  })
  .meta({ title: 'dns.update', examples: [{ server: '192.168.11.2', zone: 'test.office.example' }] });

const serveSchema = z
  .strictObject({
    listen: text('address and port to answer on', '192.168.11.20:53', parseServer),
    zone: text('zone that this host answers for', 'lab.office.example', parseDomain),
    reverse: reverse.optional(),
    ttl: ttl.optional(),
  })
  .meta({ title: 'dns.serve', examples: [{ listen: '192.168.11.20:53', zone: 'lab.office.example' }] });

export const dnsSchema = z
  .strictObject({ update: updateSchema.optional(), serve: serveSchema.optional() })
  .meta({ title: 'dns', examples: [{ serve: { listen: '192.168.11.20:53', zone: 'lab.office.example' } }] });

/** Called when nothing was wrong. */
export function dnsOf(fields: z.output<typeof dnsSchema> | undefined): DnsConfiguration {
  const { update, serve } = fields ?? {};
  return {
    ...(update === undefined ? {} : { update: updateOf(update) }),
    ...(serve === undefined ? {} : { serve: serveOf(serve) }),
  };
}

function updateOf({ server: written, zone, reverse: zones, key, ttl: seconds }: z.output<typeof updateSchema>): DnsUpdateSpec {
  return {
    servers: written === undefined ? [] : Array.isArray(written) ? written : [written],
    zone,
    reverse: zones ?? [],
    ...(key === undefined ? {} : { key: { ...key, algorithm: key.algorithm ?? 'hmac-sha256' } }),
    ttl: seconds ?? usualTtl,
  };
}

function serveOf({ listen, zone, reverse: zones, ttl: seconds }: z.output<typeof serveSchema>): DnsServeSpec {
  return { listen, zone, ...(zones === undefined ? {} : { reverse: zones }), ttl: seconds ?? usualTtl };
}
