/** DHCP as JSON in the field's notation, both ways: what stands beside a capture. */
import { formatIpv4, ipv4 } from '../../src/net/ipv4.ts';
import { formatPrefix, prefix } from '../../src/net/prefix.ts';
import type { DhcpMessage } from '../../src/wire/dhcp/dhcp.ts';
import type { DhcpOption, DhcpRoute } from '../../src/wire/dhcp/options.ts';

const addresses = ['subnetMask', 'broadcast', 'requestedAddress', 'server'];
const lists = ['routers', 'resolvers', 'ntpServers'];

export function dhcpToJson({ options, ...head }: DhcpMessage): unknown {
  const { ciaddr, yiaddr, siaddr, giaddr, ...rest } = head;
  const shown = Object.fromEntries(
    Object.entries({ ciaddr, yiaddr, siaddr, giaddr }).map(([name, it]) => [name, formatIpv4(it)]),
  );
  return { ...rest, xid: rest.xid.toString(16), ...shown, options: options.map(optionToJson) };
}

function optionToJson(it: DhcpOption): unknown {
  if (it.option === 'other') return { code: it.code, bytes: Buffer.from(it.value).toString('hex') };
  return { [it.option]: valueToJson(it) };
}

function valueToJson(it: DhcpOption): unknown {
  const { option, value } = it;
  if (addresses.includes(option)) return formatIpv4(value as number);
  if (lists.includes(option)) return (value as readonly number[]).map(formatIpv4);
  if (option === 'staticRoutes') return value.map(([to, via]) => `${formatIpv4(to)} via ${formatIpv4(via)}`);
  if (option === 'classlessRoutes') return value.map((route) => `${formatPrefix(route.to)} via ${formatIpv4(route.via)}`);
  return value;
}

export function dhcpFromJson(json: unknown): DhcpMessage {
  // Our own notation, as the function above wrote it and people have read it.
  const { xid, options, ...rest } = json as Record<string, unknown> & {
    readonly xid: string;
    readonly options: readonly Record<string, unknown>[];
  };
  const head = Object.entries(rest).map(([name, it]) => [name, /^[cysg]iaddr$/.test(name) ? ipv4(String(it)) : it]);
  return { ...Object.fromEntries(head), xid: Number.parseInt(xid, 16), options: options.map(optionFromJson) } as DhcpMessage;
}

function optionFromJson(it: Record<string, unknown>): DhcpOption {
  if ('code' in it)
    return { option: 'other', code: Number(it.code), value: new Uint8Array(Buffer.from(String(it.bytes), 'hex')) };
  const [option = '', value] = Object.entries(it)[0] ?? [];
  return { option, value: valueFromJson(option, value) } as DhcpOption;
}

function valueFromJson(option: string, value: unknown): unknown {
  const words = (text: string): string[] => text.split(' via ');
  if (addresses.includes(option)) return ipv4(String(value));
  if (lists.includes(option)) return (value as readonly string[]).map(ipv4);
  if (option === 'staticRoutes') return (value as readonly string[]).map((text) => words(text).map(ipv4));
  if (option === 'classlessRoutes')
    return (value as readonly string[]).map((text): DhcpRoute => {
      const [to = '', via = ''] = words(text);
      return { to: prefix(to), via: ipv4(via) };
    });
  return value;
}
