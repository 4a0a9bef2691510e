/** Whether a link may go under a bridge: what forbids it, and what a person should know before. */

/** What was seen of the machine and the link. */
export interface Sight {
  readonly link: string;
  readonly bridge: string;
  /** IFLA_INFO_KIND; undefined for hardware. */
  readonly kind?: string;
  /** ARPHRD_* of linux/if_arp.h; 1 is Ethernet. */
  readonly hardwareType: number;
  readonly wireless: boolean;
  readonly up: boolean;
  readonly carrier: boolean;
  readonly mtu: number;
  /** The bridge, bond or team whose port it is. */
  readonly controller?: { readonly name: string; readonly kind: string };
  /** Links on top of it. */
  readonly uppers: readonly { readonly name: string; readonly kind: string }[];
  /** A link has the bridge's name already. */
  readonly bridgeExists: boolean;
  /** Whether a supplicant (802.1X) runs on the link. */
  readonly supplicant: boolean;
  /** `VMware, Inc. VMware Virtual Platform …`, from DMI. */
  readonly machine: string;
  /** Routes, rules and addresses for which `ip` has no words, as far as they can be told. */
  readonly unsayable: readonly string[];
  readonly addresses: number;
  /** Which DHCP client has the link's address, and what it is known by at the server. */
  readonly dhcp?: { readonly client: string; readonly identity: 'mac' | 'pinned' | 'unknown' };
  readonly temporaryAddresses: number;
  /** IPv6 addresses of a router's prefix that are not made of the MAC. */
  readonly hiddenAddresses: readonly string[];
  /** A zone of firewalld other than the default one. */
  readonly zone?: string;
  /** Rules of the firewall that name the link. */
  readonly rulesNamingLink: number;
  /** Chains that drop what is bridged (net.bridge.bridge-nf-call-iptables with a FORWARD policy of DROP). */
  readonly dropsBridged: readonly string[];
  /** Who configures the link at boot. */
  readonly manager?: string;
}

export interface Finding {
  readonly code: string;
  /** What is, and why that matters. */
  readonly reason: string;
  readonly next: string;
}

export interface Preflight {
  readonly refusals: readonly Finding[];
  readonly warnings: readonly Finding[];
}

type Check = (it: Sight) => Finding | undefined;

const when = (condition: boolean, code: string, reason: string, next: string): Finding | undefined =>
  condition ? { code, reason, next } : undefined;

const refusals: readonly Check[] = [
  (it) =>
    when(
      it.wireless,
      'WIRELESS',
      `${it.link} is wireless: an access point drops frames of MACs that did not sign on to it`,
      'use a wired NIC, or a routed network',
    ),
  (it) =>
    when(
      !it.wireless && it.hardwareType !== 1,
      'NOT_ETHERNET',
      `${it.link} is no Ethernet link (type ${it.hardwareType})`,
      'name an Ethernet NIC',
    ),
  (it) => when(it.kind === 'bridge', 'IS_BRIDGE', `${it.link} is a bridge itself`, `set \`bridge: ${it.link}\` in landline.yaml`),
  (it) =>
    it.controller &&
    when(
      true,
      'IS_PORT',
      `${it.link} is already a port of the ${it.controller.kind} ${it.controller.name}`,
      it.controller.kind === 'bridge'
        ? `it is done: set \`bridge: ${it.controller.name}\` in landline.yaml`
        : `make a bridge over ${it.controller.name} in the boot configuration by hand, and name it in landline.yaml`,
    ),
  (it) => {
    const [upper] = it.uppers.filter((upper) => ['macvlan', 'macvtap', 'ipvlan', 'ipvtap', 'macsec'].includes(upper.kind));
    return (
      upper &&
      when(
        true,
        'IS_PARENT',
        `${upper.name} is a ${upper.kind} on ${it.link}, and Linux lets a NIC be its parent or a bridge's port, not both`,
        `remove ${upper.name} first, or put it on the bridge afterwards`,
      )
    );
  },
  (it) =>
    when(
      it.kind !== undefined && !['veth', 'bridge', 'dummy', 'macvlan', 'macvtap', 'ipvlan', 'ipvtap'].includes(it.kind),
      it.kind === 'vlan' ? 'IS_VLAN' : it.kind === 'bond' || it.kind === 'team' ? 'IS_BOND' : 'KIND',
      `${it.link} is a ${it.kind}, whose boot configuration this command does not rewrite`,
      'make the bridge over it in the boot configuration by hand, and name the bridge in landline.yaml',
    ),
  (it) =>
    when(
      ['macvlan', 'macvtap', 'ipvlan', 'ipvtap'].includes(it.kind ?? ''),
      'IS_CHILD',
      `${it.link} is a ${it.kind}: its parent drops frames of other MACs`,
      'name the parent',
    ),
  (it) => when(it.bridgeExists, 'NAME_TAKEN', `there is a link ${it.bridge} already`, 'choose another name with --bridge'),
  (it) =>
    when(
      it.supplicant,
      'SUPPLICANT',
      `a supplicant (802.1X) signs ${it.link} on to the switch, which then passes frames of its MAC alone`,
      'use a NIC without it',
    ),
  (it) => when(!it.up, 'DOWN', `${it.link} is down`, `\`ip link set dev ${it.link} up\`, and see that it has its address`),
  (it) =>
    when(
      it.unsayable.length > 0,
      'NO_WAY_BACK',
      `there would be no way back for ${it.unsayable.join(', ')}`,
      'remove it, or make the bridge by hand',
    ),
];

/** What stands between a machine and the frames of others: by vendor and product of DMI. */
const hypervisors: readonly (readonly [pattern: RegExp, name: string, next: string])[] = [
  [/vmware/i, 'VMware', 'allow promiscuous mode, forged transmits and MAC changes on the port group'],
  // Azure tells itself from Hyper-V by the tag of its chassis.
  [/7783-7084-3265-9085-8269-3286-77/, 'Azure', 'it drops frames of MACs that it does not know: use a routed network'],
  [/microsoft.*virtual/i, 'Hyper-V', 'turn on MAC address spoofing for the virtual NIC'],
  [/virtualbox|innotek/i, 'VirtualBox', "set the adapter's promiscuous mode to `Allow All`"],
  [/amazon|ec2/i, 'Amazon EC2', 'it drops frames of MACs that it does not know: use a routed network'],
  [/alibaba/i, 'Alibaba Cloud', 'it drops frames of MACs that it does not know: use a routed network'],
  [/tencent/i, 'Tencent Cloud', 'it drops frames of MACs that it does not know: use a routed network'],
  [/google/i, 'Google Cloud', 'it drops frames of MACs that it does not know: use a routed network'],
  [
    /digitalocean|hetzner|linode|vultr|scaleway|openstack|oraclecloud/i,
    'a cloud',
    'most clouds drop frames of MACs that they do not know: ask the provider',
  ],
  [/parallels/i, 'Parallels', 'use its bridged mode'],
  [
    /qemu|kvm|proxmox|ovirt|rhev/i,
    'KVM',
    "see that its NIC is no macvtap there, and that no MAC filter is on (Proxmox, libvirt's clean-traffic)",
  ],
  [/\bxen\b/i, 'Xen', 'see that its switch does not lock the port to one MAC'],
];

const warnings: readonly Check[] = [
  (it) => {
    const found = hypervisors.find(([pattern]) => pattern.test(it.machine));
    return (
      found &&
      when(true, 'HYPERVISOR', `this machine runs on ${found[1]}, which may drop frames of the environments' MACs`, found[2])
    );
  },
  (it) =>
    when(
      !it.carrier && it.up,
      'NO_CARRIER',
      `${it.link} has no carrier: nothing can be verified over it`,
      'plug the cable in first',
    ),
  (it) =>
    when(
      it.addresses === 0,
      'NO_ADDRESS',
      `${it.link} has no address: the bridge will have none`,
      'that is well if the host is reached over another link',
    ),
  (it) => {
    const vlans = it.uppers.filter((upper) => upper.kind === 'vlan').map((upper) => upper.name);
    return when(
      vlans.length > 0,
      'VLANS',
      `${vlans.join(', ')} stay on ${it.link}: frames of these VLANs do not reach ${it.bridge}`,
      'nothing, unless environments are to be in these VLANs',
    );
  },
  (it) =>
    when(
      it.mtu !== 1500,
      'MTU',
      `${it.link} has an MTU of ${it.mtu}: ${it.bridge} gets it too, and each of its ports must have it`,
      'nothing; Landline makes its links with the MTU of the bridge',
    ),
  (it) => {
    if (it.dhcp === undefined) return undefined;
    const { client, identity } = it.dhcp;
    return when(
      identity === 'unknown',
      'DHCP_IDENTITY',
      `the address comes from DHCP by ${client}, whose identity may be another on ${it.bridge}: the server could then give the host another address`,
      `reserve the address for the MAC, or pin the client's identity`,
    );
  },
  (it) =>
    when(
      it.temporaryAddresses > 0,
      'TEMPORARY',
      `${it.temporaryAddresses} temporary IPv6 addresses end with their lifetime; the kernel makes new ones`,
      'nothing',
    ),
  (it) =>
    when(
      it.hiddenAddresses.length > 0,
      'IPV6_IDENTITY',
      `${it.hiddenAddresses.join(', ')} is made of the link's name or profile, not of its MAC: with the boot configuration ${it.bridge} gets another`,
      'give the host a fixed IPv6 address, where somebody relies on it',
    ),
  (it) =>
    when(
      it.zone !== undefined,
      'ZONE',
      `firewalld has ${it.link} in the zone '${it.zone}'`,
      `\`firewall-cmd --zone=${it.zone} --change-interface=${it.bridge}\`, and --permanent with it`,
    ),
  (it) =>
    when(
      it.rulesNamingLink > 0,
      'FIREWALL_RULES',
      `${it.rulesNamingLink} rules of the firewall name ${it.link}; what is for the host itself will come in by ${it.bridge}`,
      `write them for ${it.bridge} too`,
    ),
  (it) =>
    when(
      it.dropsBridged.length > 0,
      'FORWARD_DROP',
      `what is bridged passes ${it.dropsBridged.join(', ')}, which drops it: environments would answer ARP and nothing else`,
      'let bridged packets pass: `iptables -I DOCKER-USER -m physdev --physdev-is-bridged -j ACCEPT`, or net.bridge.bridge-nf-call-iptables=0',
    ),
  (it) =>
    when(
      it.manager === undefined,
      'NO_MANAGER',
      `no program was found that configures ${it.link} at boot: nothing is written, and a reboot ends the bridge`,
      'name one with --manager',
    ),
];

export function preflight(sight: Sight): Preflight {
  const found = (checks: readonly Check[]): readonly Finding[] => checks.flatMap((check) => check(sight) ?? []);
  return { refusals: found(refusals), warnings: found(warnings) };
}
