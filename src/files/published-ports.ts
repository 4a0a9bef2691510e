/** Compose's `ports` on the private network: ports of the host that lead to those of the environment. */
import type { PortSpec } from '../core/model.ts';
import { formatIpv4, parseIpv4 } from '../net/ipv4.ts';
import type { Mistake } from './not-yet.ts';
import type { Report } from './report.ts';
import { isMistake } from './shape.ts';
import { nodeAt, offsetAt, type Path, type TreeNode } from './tree.ts';

/** A range of ports in one line is at most so long. */
const longestRange = 1000;

const advice = "write 'HOST:CONTAINER', as in '8080:80', '192.168.11.20:8080:80' or '53:53/udp'";

/** All mappings below `path`; reports what is wrong with each. */
export function readPorts(root: TreeNode, path: Path, report: Report): readonly PortSpec[] {
  const node = nodeAt(root, path);
  if (node?.kind !== 'list') {
    report.problem(offsetAt(root, path), "'ports' should be a list", `${advice}, each in a line of its own`);
    return [];
  }
  return node.items.flatMap((item) => {
    const ports = item.kind === 'scalar' ? parsePorts(item.text) : longForm(item);
    if (!isMistake(ports)) return ports;
    report.problem(item.at, ports.mistake, ports.next ?? advice);
    return [];
  });
}

/** `8080:80`, `127.0.0.1:8080:80`, `53:53/udp`, `8000-8010:9000-9010`, as Docker's `-p` takes them. */
export function parsePorts(text: string): readonly PortSpec[] | Mistake {
  const [, address, hosts, containers, protocol = 'tcp'] = /^(?:([^/]*):)?([\d-]+):([\d-]+)(?:\/(\w+))?$/.exec(text) ?? [];
  if (hosts === undefined || containers === undefined) {
    const alone = /^[\d-]+(\/\w+)?$/.test(text);
    return alone
      ? {
          mistake: `'${text}' names no port of the host`,
          next: `write '${text.replace(/\/.*/, '')}:${text}', or another port of the host`,
        }
      : { mistake: `'${text}' is no mapping of ports`, next: advice };
  }
  const host = address === undefined ? undefined : hostAddress(address);
  if (isMistake(host)) return host;
  if (protocol !== 'tcp' && protocol !== 'udp') return { mistake: `'${protocol}' is neither tcp nor udp`, next: advice };
  return pair(text, { ...(host === undefined ? {} : { hostAddress: host }), protocol }, hosts, containers);
}

function hostAddress(text: string): string | Mistake | undefined {
  if (text === '0.0.0.0') return undefined;
  const address = parseIpv4(text);
  return address === undefined ? { mistake: `'${text}' is no IPv4 address of the host`, next: advice } : formatIpv4(address);
}

function pair(
  text: string,
  common: Pick<PortSpec, 'hostAddress' | 'protocol'>,
  hosts: string,
  containers: string,
): readonly PortSpec[] | Mistake {
  const [from, to] = [parseRange(hosts), parseRange(containers)];
  if (from === undefined || to === undefined)
    return { mistake: `'${text}': ports are 1 to 65535, and a range goes upwards`, next: advice };
  if (from.length !== to.length)
    return { mistake: `'${text}': ${from.length} ports of the host cannot lead to ${to.length}`, next: advice };
  return from.map((hostPort, index) => ({ ...common, hostPort, containerPort: to[index] ?? hostPort }));
}

function parseRange(text: string): readonly number[] | undefined {
  const [, head, tail] = /^(\d{1,5})(?:-(\d{1,5}))?$/.exec(text) ?? [];
  const first = Number(head);
  const last = tail === undefined ? first : Number(tail);
  if (head === undefined || first < 1 || last > 65_535 || last < first || last - first >= longestRange) return undefined;
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

/** `{ target: 80, published: "8080", protocol: tcp, host_ip: 127.0.0.1 }` */
function longForm(item: TreeNode): readonly PortSpec[] | Mistake {
  if (item.kind !== 'map')
    return { mistake: 'a mapping of ports is a text, or a mapping with target and published', next: advice };
  const known = ['target', 'published', 'protocol', 'host_ip', 'mode', 'name', 'app_protocol'];
  const unknown = [...item.entries.keys()].find((key) => !known.includes(key));
  if (unknown !== undefined) return { mistake: `'${unknown}' is no key of a port`, next: `one of ${known.join(', ')}` };
  const text = (key: string): string | undefined => {
    const node = nodeAt(item, [key]);
    return node?.kind === 'scalar' && node.text !== '' ? node.text : undefined;
  };
  const target = text('target');
  const published = text('published');
  if (target === undefined || published === undefined) {
    return {
      mistake: `the port has no '${target === undefined ? 'target' : 'published'}'`,
      next: "write '{ target: 80, published: 8080 }'",
    };
  }
  const address = text('host_ip');
  return parsePorts(`${address === undefined ? '' : `${address}:`}${published}:${target}/${text('protocol') ?? 'tcp'}`);
}
