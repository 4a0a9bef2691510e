/**
 * The API's one table: method and path → what the daemon does. A route takes a `Request` and gives a `Response`, so
 * that it is tested without a socket. A new call is one line here and one method of {@link Daemon}.
 */
import { LandlineError } from '../errors.ts';
import { formatAddress, parseAddress } from '../net/address.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import { isMulticast, parseMac, zeroMac } from '../net/mac.ts';
import { environmentNameRule, isEnvironmentName, isLinkName, linkNameRule } from '../net/name.ts';
import { formatPrefix, parsePrefix, subnetOf } from '../net/prefix.ts';
import { spellIpv6 } from '../net/prefix6.ts';
import type { AttachAsk, Daemon, DownAsk, HistoryAsk, UpAsk } from './daemon.ts';

/** A request taken apart: `path` are the segments that stand for `:name` in the route's path. */
export interface Call {
  readonly path: Readonly<Record<string, string>>;
  readonly query: URLSearchParams;
  readonly text: string;
  readonly signal: AbortSignal;
}

type Handle = (daemon: Daemon, call: Call) => Promise<Response> | Response;

export const routes: readonly (readonly [method: string, path: string, handle: Handle])[] = [
  ['GET', '/v1/version', (daemon) => json(daemon.version())],
  ['GET', '/v1/environments', async (daemon) => json(await daemon.environments())],
  ['POST', '/v1/environments', async (daemon, call) => json(await daemon.up(upAsk(call)), 201)],
  ['DELETE', '/v1/environments', async (daemon, call) => json({ ended: await daemon.downAll(downOptions(call)) })],
  ['GET', '/v1/environments/:name', async (daemon, { path }) => json(await daemon.environment(path['name'] ?? ''))],
  ['DELETE', '/v1/environments/:name', down],
  [
    'GET',
    '/v1/environments/:name/exec',
    async (daemon, call) => json(await daemon.exec(call.path['name'] ?? '', word(call, 'service'))),
  ],
  ['GET', '/v1/environments/:name/logs', logs],
  ['POST', '/v1/environments/:name/start', async (daemon, call) => json(await daemon.start(...startAsk(call)))],
  ['POST', '/v1/environments/:name/stop', async (daemon, call) => json(await daemon.stop(nameIn(call), word(call, 'service')))],
  ['POST', '/v1/environments/:name/restart', async (daemon, call) => json(await daemon.restart(...startAsk(call)))],
  ['POST', '/v1/environments/:name/replace', replace],
  ['GET', '/v1/environments/:name/sandbox', (daemon, call) => json(daemon.sandbox(nameIn(call)))],
  [
    'GET',
    '/v1/containers/:container/netns',
    async (daemon, call) => json(await daemon.containerNetns(call.path['container'] ?? '')),
  ],
  ['POST', '/v1/attachments', async (daemon, call) => json(await daemon.attach(attachAsk(call)), 201)],
  ['DELETE', '/v1/attachments/:name', detach],
  ['GET', '/v1/networks', async (daemon) => json(await daemon.networks())],
  ['GET', '/v1/endpoints', async (daemon) => json(await daemon.endpoints())],
  ['GET', '/v1/names', (daemon) => json(daemon.names())],
  ['GET', '/v1/names/:name', async (daemon, call) => json(await daemon.checkName(nameIn(call)))],
  ['DELETE', '/v1/names/:name', async (daemon, call) => json({ forgotten: await daemon.forgetName(nameIn(call)) })],
  ['GET', '/v1/addresses', (daemon) => json(daemon.addresses())],
  ['GET', '/v1/addresses/history', (daemon, call) => json(daemon.history(historyAsk(call)))],
  ['PUT', '/v1/addresses/:address', reserve],
  ['DELETE', '/v1/addresses/:address', release],
  ['GET', '/v1/leases', (daemon) => json(daemon.leases())],
  ['POST', '/v1/leases/:environment/renew', async (daemon, call) => json(await daemon.renewLeases(...leaseAsk(call)))],
  ['POST', '/v1/leases/:environment/release', async (daemon, call) => json(await daemon.releaseLeases(...leaseAsk(call)))],
  ['GET', '/v1/metrics', (daemon) => new Response(daemon.metrics(), { headers: { 'content-type': metricsType } })],
  ['GET', '/v1/events', (daemon, call) => lines(daemon.events(word(call, 'environment'), call.signal), call.signal)],
];

/** Prometheus' text format. */
const metricsType = 'text/plain; version=0.0.4; charset=utf-8';

/** The answer to any request. @throws LandlineError ROUTE_UNKNOWN, METHOD_UNKNOWN, and what the route throws */
export async function route(daemon: Daemon, method: string, url: URL, text: string, signal: AbortSignal): Promise<Response> {
  const matching = routes.flatMap(([verb, pattern, handle]) => {
    const path = match(pattern, url.pathname);
    return path === undefined ? [] : [{ verb, path, handle }];
  });
  const found = matching.find((it) => it.verb === method);
  if (found !== undefined) return found.handle(daemon, { path: found.path, query: url.searchParams, text, signal });
  if (matching.length === 0) throw new LandlineError('ROUTE_UNKNOWN', { method, path: url.pathname });
  throw new LandlineError('METHOD_UNKNOWN', { method, path: url.pathname, allowed: matching.map((it) => it.verb) });
}

function match(pattern: string, pathname: string): Record<string, string> | undefined {
  const wanted = pattern.split('/');
  const given = pathname.split('/');
  if (wanted.length !== given.length) return undefined;
  const path: Record<string, string> = {};
  for (const [index, part] of wanted.entries()) {
    const text = given[index] ?? '';
    if (part.startsWith(':')) path[part.slice(1)] = decode(text);
    else if (part !== text) return undefined;
  }
  return path;
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    throw usage(`'${text}' is not a path segment: bad percent-encoding`);
  }
}

function usage(problem: string, advice = 'docs/api.md says what each route takes'): LandlineError {
  return new LandlineError('USAGE', { problem, advice });
}

function json(value: unknown, status = 200): Response {
  return Response.json(value, { status });
}

/** Lines of JSON for as long as there are any, or the client listens. */
function lines(source: AsyncIterable<unknown>, signal: AbortSignal): Response {
  const encoder = new TextEncoder();
  const iterator = source[Symbol.asyncIterator]();
  const body = new ReadableStream<Uint8Array>({
    pull: async (controller) => {
      const next = await iterator.next();
      // What has been asked for and comes too late still ends its source.
      if (next.done !== true && signal.aborted) await iterator.return?.();
      if (next.done === true || signal.aborted) controller.close();
      else controller.enqueue(encoder.encode(`${JSON.stringify(next.value)}\n`));
    },
    cancel: async () => {
      await iterator.return?.();
    },
  });
  return new Response(body, { headers: { 'content-type': 'application/x-ndjson' } });
}

const word = (call: Call, name: string): string | undefined => call.query.get(name) ?? undefined;

/** `?name`, `?name=true`, `?name=1` are true; `?name=false` and `?name=0` are false. */
function flag(call: Call, name: string, otherwise: boolean): boolean {
  const text = word(call, name);
  if (text === undefined) return otherwise;
  if (['', 'true', '1', 'yes'].includes(text)) return true;
  if (['false', '0', 'no'].includes(text)) return false;
  throw usage(`'${text}' for ${name} is neither true nor false`, `write ${name}=true or ${name}=false`);
}

function number(call: Call, name: string): number | undefined {
  const text = word(call, name);
  if (text === undefined) return undefined;
  if (!/^\d{1,9}$/.test(text)) throw usage(`'${text}' for ${name} is not a whole number`, `write ${name}=100`);
  return Number(text);
}

function upAsk(call: Call): UpAsk {
  const overrides = Object.fromEntries(
    ['name', 'network', 'address', 'address6', 'hostname'].flatMap((name) => {
      const text = word(call, name);
      return text === undefined ? [] : [[name, text]];
    }),
  );
  return {
    text: call.text,
    file: word(call, 'file') ?? 'body',
    directory: word(call, 'directory') ?? '/',
    overrides,
    wait: flag(call, 'wait', true),
    timeoutMs: (number(call, 'timeout') ?? 60) * 1000,
    ...swapAsk(call),
  };
}

function swapAsk(call: Call): Pick<UpAsk, 'swap'> {
  const shared = flag(call, 'swap-shared', false);
  if (!flag(call, 'swap', shared)) return {};
  if (!flag(call, 'wait', true)) throw usage('a swap waits until the new generation is healthy', 'leave out wait=false, or swap');
  return { swap: shared ? 'shared' : 'alone' };
}

const leaseAsk = (call: Call): [environment: string, link: string | undefined] => [
  call.path['environment'] ?? '',
  word(call, 'interface'),
];

const nameIn = (call: Call): string => call.path['name'] ?? '';

const startAsk = (call: Call): Parameters<Daemon['start']> => [
  nameIn(call),
  word(call, 'service'),
  { wait: flag(call, 'wait', true), timeoutMs: (number(call, 'timeout') ?? 60) * 1000 },
];

const downOptions = (call: Call): DownAsk => ({
  keepAddress: flag(call, 'keep-address', false),
  volumes: flag(call, 'volumes', false),
});

async function replace(daemon: Daemon, call: Call): Promise<Response> {
  const [name, service, options] = startAsk(call);
  if (service === undefined) throw usage('no service is named', 'add service=NAME');
  return json(await daemon.replace(name, service, word(call, 'image'), options));
}

async function down(daemon: Daemon, call: Call): Promise<Response> {
  const name = call.path['name'] ?? '';
  await daemon.down(name, downOptions(call));
  return json({ ended: [name] });
}

/** What `attach` is asked: the target, the network, and how the endpoint is to be. @throws LandlineError USAGE */
function attachAsk(call: Call): AttachAsk {
  const target = attachTarget(call);
  const network = word(call, 'network');
  if (network === undefined) throw usage('no network is named', 'add network=NAME');
  const checked = <T>(name: string, parse: (text: string) => T | undefined, shape: string): T | undefined => {
    const text = word(call, name);
    const value = text === undefined ? undefined : parse(text);
    if (text !== undefined && value === undefined) throw usage(`${name}: '${text}' is not ${shape}`, `give ${shape}`);
    return value;
  };
  const address = checked(
    'address',
    (text) => (isAddressWord(text) ? text : spelled(parseIpv4(text))),
    'an IPv4 address, or pool, or dhcp, or none',
  );
  const name =
    checked('name', (text) => (isEnvironmentName(text) ? text : undefined), environmentNameRule) ?? defaultName(target);
  return {
    ...present('name', name),
    target,
    network,
    routes: call.query.getAll('route').map(parseRoute),
    ...present('address', address),
    ...present('address6', checked('address6', spellIpv6, 'an IPv6 address, such as 2001:db8:10::101')),
    ...present(
      'interface',
      checked('interface', (text) => (isLinkName(text) ? text : undefined), linkNameRule),
    ),
    ...present(
      'hostInterface',
      checked('hostInterface', (text) => (isHostEndName(text) ? text : undefined), `${linkNameRule}, and does not begin with ll`),
    ),
    ...present('mac', checked('mac', parseUnicast, 'a unicast MAC such as 02:4c:4c:00:00:01')),
    ...present(
      'gateway',
      checked('gateway', (text) => (text === 'none' ? text : spelled(parseIpv4(text))), 'an IPv4 address, or none'),
    ),
  };
}

/** Names that begin with ll are Landline's own, and some say what a link is for. */
const isHostEndName = (text: string): boolean => isLinkName(text) && !text.startsWith('ll');

const isAddressWord = (text: string): boolean => ['pool', 'dhcp', 'none'].includes(text);

const spelled = (address: number | undefined): string | undefined => (address === undefined ? undefined : formatIpv4(address));

function present<K extends string>(key: K, value: string | undefined): { readonly [P in K]?: string } {
  // A computed key makes TypeScript forget which it is.
  return (value === undefined ? {} : { [key]: value }) as { readonly [P in K]?: string };
}

function parseUnicast(text: string): string | undefined {
  const mac = parseMac(text);
  return mac === undefined || mac === zeroMac || isMulticast(mac) ? undefined : mac;
}

function attachTarget(call: Call): AttachAsk['target'] {
  const [container, pid, path] = [word(call, 'container'), word(call, 'pid'), word(call, 'netns')];
  if ([container, pid, path].filter((it) => it !== undefined).length !== 1)
    throw usage('the target is either a container, a pid or a netns', 'add container=web, pid=4711, or netns=/run/netns/shop');
  if (container !== undefined) {
    if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*$/.test(container)) return { kind: 'container', container };
    throw usage(`container: '${container}' is no container's id or name`, 'give what `docker ps` shows');
  }
  if (path !== undefined) {
    if (path.startsWith('/')) return { kind: 'file', path };
    throw usage(`netns: '${path}' is not a whole path`, "give the path from '/' on");
  }
  const number = /^[1-9]\d{0,8}$/.test(pid ?? '') ? Number(pid) : undefined;
  if (number === undefined) throw usage(`pid: '${pid}' is not a process id`, 'give its number');
  return { kind: 'process', pid: number };
}

/** The namespace's own name, or that of the process. */
function defaultName(target: AttachAsk['target']): string | undefined {
  if (target.kind === 'container') return undefined;
  if (target.kind === 'process') return `pid-${target.pid}`;
  const base =
    target.path
      .split('/')
      .at(-1)
      ?.toLowerCase()
      .replaceAll(/[^a-z0-9-]/g, '-') ?? '';
  if (isEnvironmentName(base)) return base;
  throw usage(`no name can be made of ${target.path}`, 'add name=NAME');
}

/** `10.50.0.0/24,192.168.11.1` */
function parseRoute(text: string): { to: string; via: string } {
  const [to = '', via = '', ...rest] = text.split(',');
  const [prefix, router] = [parsePrefix(to), parseIpv4(via)];
  if (prefix === undefined || router === undefined || rest.length > 0) {
    throw usage(`route: '${text}' is no route`, 'write TO,VIA: 10.50.0.0/24,192.168.11.1');
  }
  return { to: formatPrefix(subnetOf(prefix)), via: formatIpv4(router) };
}

async function detach(daemon: Daemon, call: Call): Promise<Response> {
  const name = call.path['name'] ?? '';
  await daemon.detach(name, word(call, 'network'));
  return json({ detached: name });
}

function logs(daemon: Daemon, call: Call): Response {
  const service = word(call, 'service');
  const tail = number(call, 'tail');
  const since = time(call, 'since');
  const ask = {
    environment: call.path['name'] ?? '',
    follow: flag(call, 'follow', false),
    timestamps: flag(call, 'timestamps', false),
    ...(service === undefined ? {} : { service }),
    ...(tail === undefined ? {} : { tail }),
    ...(since === undefined ? {} : { since }),
  };
  return lines(daemon.logs(ask, call.signal), call.signal);
}

/** Milliseconds since 1970. */
function time(call: Call, name: string): number | undefined {
  const text = word(call, name);
  const found = text === undefined ? undefined : Date.parse(text);
  if (Number.isNaN(found)) throw usage(`'${text}' is no time`, 'write it as 2026-01-31T14:05 or 2026-01-31T14:05:00Z');
  return found;
}

function historyAsk(call: Call): HistoryAsk {
  const at = time(call, 'at');
  const [network, address, environment] = ['network', 'address', 'environment'].map((name) => word(call, name));
  return {
    ...(network === undefined ? {} : { network }),
    ...(address === undefined ? {} : { address: checkedAddress(address) }),
    ...(environment === undefined ? {} : { environment }),
    ...(at === undefined ? {} : { at }),
  };
}

function checkedAddress(text: string): string {
  const address = parseAddress(text);
  if (address === undefined) throw usage(`'${text}' is not an address`, 'write it as 192.168.11.101, or as 2001:db8:10::101');
  return formatAddress(address);
}

async function reserve(daemon: Daemon, call: Call): Promise<Response> {
  const address = checkedAddress(call.path['address'] ?? '');
  const environment = word(call, 'for');
  if (environment === undefined) throw usage('a reservation needs the name of an environment', 'add ?for=NAME');
  if (!isEnvironmentName(environment))
    throw usage(`'${environment}' is no environment's name`, `a name has ${environmentNameRule}`);
  const network = word(call, 'network');
  const note = word(call, 'note') ?? '';
  if (!isNote(note)) throw usage('a note is one line, of at most 200 characters', 'write less');
  const ask = { address, environment, note, ...(network === undefined ? {} : { network }) };
  return json(await daemon.reserve(ask), 201);
}

/** What fits into a line of a table. */
const isNote = (text: string): boolean => text.length <= 200 && !/\p{Cc}/u.test(text);

function release(daemon: Daemon, call: Call): Response {
  const address = checkedAddress(call.path['address'] ?? '');
  const network = word(call, 'network');
  daemon.release({ address, ...(network === undefined ? {} : { network }) });
  return json({ released: address });
}
