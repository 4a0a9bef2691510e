/**
 * netplan (netplan-yaml(5)): the keys of the link's definition move to a bridge over it, comments and all. netplan's own
 * default for bridges is `stp: true`, which costs 30 s on each new port: it is said that it is off.
 */
import { type Document, isMap, isScalar, type Pair, parseDocument, Scalar, YAMLMap } from 'yaml';
import type { BootChange, BootFiles, BootPlan, BootWish } from '../../core/bridge/boot.ts';
import { absent, baseName, changeOf, matchesGlob, refused } from './changes.ts';

const folder = '/etc/netplan';
/** Keys that are the hardware's own; `mtu` is for both. */
const staysOnPort =
  /^(match|set-name|wakeonlan|macaddress|emit-lldp|.*-offload|infiniband-mode|virtual-function-count|embedded-switch-mode|delay-virtual-functions-rebind|openvswitch|mtu|regulatory-domain)$/;
const cloudConfig = '/etc/cloud/cloud.cfg.d/99-landline-network.cfg';

type Section = YAMLMap<Scalar, unknown>;

export function netplanFiles(files: BootFiles, wish: BootWish): BootPlan {
  const documents: { readonly path: string; readonly document: Document }[] = [];
  for (const [path, text] of [...files].sort(([a], [b]) => (baseName(a) < baseName(b) ? -1 : 1))) {
    if (!path.endsWith('.yaml')) continue;
    const document = parseDocument(text);
    if (document.errors[0] !== undefined)
      return refused(path, document.errors[0].message.split('\n')[0] ?? '', 'mend the file; `netplan generate` tells more');
    documents.push({ path, document });
  }
  const id = documents.map((it) => idOf(it.document, wish)).find((it) => it !== undefined);
  const wrong = documents.map((it) => refusalOf(it.path, it.document, id, wish)).find((it) => it !== undefined);
  if (wrong !== undefined) return wrong;
  if (id === undefined) return absent(folder, `no file there has ${wish.link} among its ethernets`);
  const changes: BootChange[] = [];
  const places = documents.filter((it) => definitionOf(it.document, id) !== undefined);
  for (const [index, { path, document }] of places.entries()) {
    move(document, id, wish, index === places.length - 1);
    changes.push(
      ...changeOf(
        files,
        path,
        document.toString({ ...styleOf(files.get(path) ?? ''), lineWidth: 0, flowCollectionPadding: false }),
        0o600,
      ),
    );
  }
  return { kind: 'files', changes: [...changes, ...cloudInit(files, changes), ...identity(files, wish, id)], notes: [] };
}

/** Indentation as the file has it. */
function styleOf(text: string): { readonly indent: number; readonly indentSeq: boolean } {
  const indent = /^( +)\S/m.exec(text)?.[1]?.length ?? 2;
  const list = /^( *)[^\s#-][^#\n]*:\s*\n( *)- /m.exec(text);
  return { indent, indentSeq: list === null || list[2] !== list[1] };
}

function sectionOf(document: Document, ...path: readonly string[]): Section | undefined {
  const found = document.getIn(['network', ...path]);
  // A mapping of netplan has texts as its keys.
  return isMap(found) ? (found as Section) : undefined;
}

const definitionOf = (document: Document, id: string): Section | undefined => sectionOf(document, 'ethernets', id);

const nameOf = (pair: Pair<Scalar, unknown>): string => String(isScalar(pair.key) ? pair.key.value : pair.key);

/** The definition that means the link: by its name, by `set-name`, or by `match`. */
function idOf(document: Document, wish: BootWish): string | undefined {
  const ethernets = sectionOf(document, 'ethernets');
  const ids = ethernets?.items.map(nameOf) ?? [];
  const textIn = (id: string, ...path: readonly string[]): string | undefined => {
    const value = document.getIn(['network', 'ethernets', id, ...path]);
    return value === undefined || value === null ? undefined : String(value);
  };
  return (
    ids.find((id) => textIn(id, 'set-name') === wish.link) ??
    ids.find((id) => id === wish.link && sectionOf(document, 'ethernets', id, 'match') === undefined) ??
    ids.find((id) => textIn(id, 'match', 'macaddress')?.toLowerCase() === wish.mac) ??
    ids.find((id) => matchesGlob(textIn(id, 'match', 'name') ?? '', wish.link))
  );
}

function refusalOf(path: string, document: Document, id: string | undefined, wish: BootWish): BootPlan | undefined {
  for (const kind of ['bonds', 'bridges']) {
    const user = sectionOf(document, kind)?.items.find(
      (it) => isMap(it.value) && listIn(document, kind, nameOf(it)).includes(id ?? wish.link),
    );
    if (user !== undefined)
      return refused(path, `${wish.link} is already a port of ${nameOf(user)} there`, `take ${nameOf(user)} instead`);
  }
  if (sectionOf(document, 'bridges', wish.bridge) !== undefined) {
    return refused(path, `it has a bridge ${wish.bridge} already, over other links`, 'choose another name with --bridge');
  }
  if (id === undefined) return undefined;
  if (definitionOf(document, id)?.has('auth') === true) {
    return refused(path, 'it signs on to the switch with 802.1X, which bridged environments cannot', 'take another NIC');
  }
  const match = sectionOf(document, 'ethernets', id, 'match');
  const pattern = String(match?.get('name') ?? '');
  if (/[*?[]/.test(pattern) && match?.has('macaddress') !== true) {
    return refused(path, `'${id}' means every link that is called ${pattern}`, `give ${wish.link} a definition of its own`);
  }
  return undefined;
}

function listIn(document: Document, kind: string, name: string): readonly string[] {
  const list: unknown = document.getIn(['network', kind, name, 'interfaces']);
  const items = typeof list === 'object' && list !== null && 'toJSON' in list ? (list as { toJSON(): unknown }).toJSON() : [];
  return Array.isArray(items) ? items.map(String) : [];
}

/** YAML 1.1 takes digits between colons for a number in base 60. */
function quoted(text: string): Scalar {
  const scalar = new Scalar(text);
  scalar.type = 'QUOTE_DOUBLE';
  return scalar;
}

/** Pairs are moved whole, so that their comments come along. */
function move(document: Document, id: string, wish: BootWish, complete: boolean): void {
  const definition = definitionOf(document, id);
  if (definition === undefined) return;
  const moved = definition.items.filter((it) => !staysOnPort.test(nameOf(it)));
  const mtu = definition.items.find((it) => nameOf(it) === 'mtu');
  definition.items = definition.items.filter((it) => staysOnPort.test(nameOf(it)));
  if (definition.items.length === 0) definition.flow = true;
  const own = complete
    ? {
        interfaces: [id],
        macaddress: quoted(wish.mac),
        parameters: { stp: false, 'forward-delay': 0 },
        ...(mtu === undefined ? {} : { mtu: Number(mtu.value) }),
      }
    : {};
  const bridge = document.createNode(own) as unknown as Section;
  const interfaces = bridge.get('interfaces', true) as unknown as { flow?: boolean } | undefined;
  if (interfaces !== undefined) interfaces.flow = true;
  bridge.items.push(...moved);
  const bridges = sectionOf(document, 'bridges');
  if (bridges === undefined) insertAfter(document, 'ethernets', document.createPair('bridges', { [wish.bridge]: bridge }));
  else bridges.add(document.createPair(wish.bridge, bridge) as unknown as Pair<Scalar, unknown>);
}

function insertAfter(document: Document, key: string, pair: unknown): void {
  const network = document.get('network');
  if (!(network instanceof YAMLMap)) return;
  const at = network.items.findIndex((it) => isScalar(it.key) && it.key.value === key);
  network.items.splice(at + 1, 0, pair as never);
}

/** cloud-init would write its file anew for a new instance; the file itself says that this is the way. */
function cloudInit(files: BootFiles, changes: readonly BootChange[]): readonly BootChange[] {
  if (!changes.some((it) => it.path.includes('cloud-init'))) return [];
  const isOff = [...files].some(
    ([path, text]) => path.startsWith('/etc/cloud/cloud.cfg.d/') && /^network:\s*\{\s*config:\s*disabled\s*\}/m.test(text),
  );
  return isOff ? [] : changeOf(files, cloudConfig, 'network: {config: disabled}\n');
}

/** netplan has no key for the IAID: a drop-in for the file that it generates. */
function identity(files: BootFiles, wish: BootWish, id: string): readonly BootChange[] {
  if (wish.iaid === undefined || id === '') return [];
  const path = `/etc/systemd/network/10-netplan-${wish.bridge}.network.d/landline.conf`;
  return changeOf(files, path, `[DHCPv4]\nIAID=${wish.iaid}\n\n[DHCPv6]\nIAID=${wish.iaid}\n`);
}
