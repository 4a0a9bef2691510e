/**
 * Which attributes stand where (linux/if_link.h, if_addr.h, rtnetlink.h, neighbour.h, veth.h, netlink.h). Numbers are
 * the kernel's; an attribute that is not listed is kept as bytes. A link kind is one line in `linkKinds`.
 */
import {
  type AttributeList,
  bytes,
  headed,
  ipv4,
  mac,
  nested,
  noAttributes,
  type Schema,
  s32,
  schema,
  string,
  u8,
  u16,
  u16be,
  u32,
} from './attribute.ts';

export const extendedAckAttributes = schema({
  NLMSGERR_ATTR_MSG: [1, string],
  NLMSGERR_ATTR_OFFS: [2, u32],
  NLMSGERR_ATTR_COOKIE: [3, bytes],
});

/** IFLA_INFO_DATA of a veth: the other end, whole. */
const vethData = schema({ VETH_INFO_PEER: [1, headed(16, () => linkAttributes)] });

/** IFLA_INFO_DATA of a bridge. */
const bridgeData = schema({
  IFLA_BR_FORWARD_DELAY: [1, u32],
  IFLA_BR_HELLO_TIME: [2, u32],
  IFLA_BR_MAX_AGE: [3, u32],
  IFLA_BR_AGEING_TIME: [4, u32],
  IFLA_BR_STP_STATE: [5, u32],
  IFLA_BR_PRIORITY: [6, u16],
  IFLA_BR_VLAN_FILTERING: [7, u8],
  IFLA_BR_VLAN_PROTOCOL: [8, u16be],
  IFLA_BR_GROUP_FWD_MASK: [9, u16],
  IFLA_BR_MCAST_SNOOPING: [23, u8],
  IFLA_BR_NF_CALL_IPTABLES: [36, u8],
  IFLA_BR_NF_CALL_IP6TABLES: [37, u8],
  IFLA_BR_NF_CALL_ARPTABLES: [38, u8],
});

/** IFLA_INFO_DATA of a macvlan. */
const macvlanData = schema({
  IFLA_MACVLAN_MODE: [1, u32],
  IFLA_MACVLAN_FLAGS: [2, u16],
  IFLA_MACVLAN_MACADDR_COUNT: [5, u32],
  IFLA_MACVLAN_BC_QUEUE_LEN: [7, u32],
  IFLA_MACVLAN_BC_QUEUE_LEN_USED: [8, u32],
});

/** IFLA_INFO_DATA of an ipvlan. */
const ipvlanData = schema({ IFLA_IPVLAN_MODE: [1, u16], IFLA_IPVLAN_FLAGS: [2, u16] });

/** IFLA_INFO_SLAVE_DATA of a bridge port, and IFLA_PROTINFO of family AF_BRIDGE. */
const bridgePortAttributes = schema({
  IFLA_BRPORT_STATE: [1, u8],
  IFLA_BRPORT_PRIORITY: [2, u16],
  IFLA_BRPORT_COST: [3, u32],
  IFLA_BRPORT_MODE: [4, u8],
  IFLA_BRPORT_GUARD: [5, u8],
  IFLA_BRPORT_PROTECT: [6, u8],
  IFLA_BRPORT_FAST_LEAVE: [7, u8],
  IFLA_BRPORT_LEARNING: [8, u8],
  IFLA_BRPORT_UNICAST_FLOOD: [9, u8],
  IFLA_BRPORT_ISOLATED: [33, u8],
});

/** A kind of link and the schema of its IFLA_INFO_DATA. */
const linkKinds: Readonly<Record<string, Schema>> = {
  veth: vethData,
  bridge: bridgeData,
  macvlan: macvlanData,
  ipvlan: ipvlanData,
};
const portKinds: Readonly<Record<string, Schema>> = { bridge: bridgePortAttributes };

const byKind =
  (kinds: Readonly<Record<string, Schema>>, name: string) =>
  (among: AttributeList): Schema =>
    kinds[among.text(name) ?? ''] ?? noAttributes;

const linkInfo = schema({
  IFLA_INFO_KIND: [1, string],
  IFLA_INFO_DATA: [2, nested(byKind(linkKinds, 'IFLA_INFO_KIND'))],
  IFLA_INFO_XSTATS: [3, bytes],
  IFLA_INFO_SLAVE_KIND: [4, string],
  IFLA_INFO_SLAVE_DATA: [5, nested(byKind(portKinds, 'IFLA_INFO_SLAVE_KIND'))],
});

const linkTable = {
  IFLA_ADDRESS: [1, mac],
  IFLA_BROADCAST: [2, mac],
  IFLA_IFNAME: [3, string],
  IFLA_MTU: [4, u32],
  IFLA_LINK: [5, u32],
  IFLA_QDISC: [6, string],
  IFLA_STATS: [7, bytes],
  IFLA_MASTER: [10, u32],
  IFLA_TXQLEN: [13, u32],
  IFLA_MAP: [14, bytes],
  IFLA_OPERSTATE: [16, u8],
  IFLA_LINKMODE: [17, u8],
  IFLA_LINKINFO: [18, nested(linkInfo)],
  IFLA_NET_NS_PID: [19, u32],
  IFLA_IFALIAS: [20, string],
  IFLA_STATS64: [23, bytes],
  IFLA_AF_SPEC: [26, bytes],
  IFLA_GROUP: [27, u32],
  IFLA_NET_NS_FD: [28, u32],
  IFLA_EXT_MASK: [29, u32],
  IFLA_PROMISCUITY: [30, u32],
  IFLA_NUM_TX_QUEUES: [31, u32],
  IFLA_NUM_RX_QUEUES: [32, u32],
  IFLA_CARRIER: [33, u8],
  IFLA_CARRIER_CHANGES: [35, u32],
  IFLA_LINK_NETNSID: [37, s32],
  IFLA_PROTO_DOWN: [39, u8],
  IFLA_GSO_MAX_SEGS: [40, u32],
  IFLA_GSO_MAX_SIZE: [41, u32],
  IFLA_XDP: [43, bytes],
  IFLA_CARRIER_UP_COUNT: [47, u32],
  IFLA_CARRIER_DOWN_COUNT: [48, u32],
  IFLA_MIN_MTU: [50, u32],
  IFLA_MAX_MTU: [51, u32],
  IFLA_PERM_ADDRESS: [54, mac],
} as const;

/** Attributes of RTM_NEWLINK and its kin. */
export const linkAttributes: Schema = schema(linkTable);

/** The same in family AF_BRIDGE: what a bridge says of a port. Other families have their own things in IFLA_PROTINFO. */
export const bridgePortLinkAttributes = schema({ ...linkTable, IFLA_PROTINFO: [12, nested(bridgePortAttributes)] });

/** Attributes of RTM_NEWADDR and its kin, of family AF_INET. */
export const addressAttributes = schema({
  IFA_ADDRESS: [1, ipv4],
  IFA_LOCAL: [2, ipv4],
  IFA_LABEL: [3, string],
  IFA_BROADCAST: [4, ipv4],
  IFA_CACHEINFO: [6, bytes],
  IFA_FLAGS: [8, u32],
  IFA_RT_PRIORITY: [9, u32],
  IFA_PROTO: [11, u8],
});

/** Attributes of RTM_NEWROUTE and its kin, of family AF_INET. */
export const routeAttributes = schema({
  RTA_DST: [1, ipv4],
  RTA_SRC: [2, ipv4],
  RTA_OIF: [4, u32],
  RTA_GATEWAY: [5, ipv4],
  RTA_PRIORITY: [6, u32],
  RTA_PREFSRC: [7, ipv4],
  RTA_TABLE: [15, u32],
});

/** Attributes of RTM_NEWRULE and its kin (linux/fib_rules.h). */
export const ruleAttributes = schema({
  FRA_DST: [1, ipv4],
  FRA_SRC: [2, ipv4],
  FRA_IIFNAME: [3, string],
  FRA_GOTO: [4, u32],
  FRA_PRIORITY: [6, u32],
  FRA_FWMARK: [10, u32],
  FRA_SUPPRESS_IFGROUP: [13, u32],
  FRA_SUPPRESS_PREFIXLEN: [14, u32],
  FRA_TABLE: [15, u32],
  FRA_FWMASK: [16, u32],
  FRA_OIFNAME: [17, string],
  FRA_PROTOCOL: [21, u8],
  FRA_IP_PROTO: [22, u8],
});

/** Attributes of RTM_NEWNSID and its kin (linux/net_namespace.h). */
export const namespaceAttributes = schema({
  NETNSA_NSID: [1, s32],
  NETNSA_PID: [2, u32],
  NETNSA_FD: [3, u32],
  NETNSA_TARGET_NSID: [4, s32],
  NETNSA_CURRENT_NSID: [5, s32],
});

/** Attributes of RTM_NEWNEIGH and its kin: ARP entries (AF_INET) and forwarding entries (AF_BRIDGE). */
export const neighbourAttributes = schema({
  NDA_DST: [1, ipv4],
  NDA_LLADDR: [2, mac],
  NDA_CACHEINFO: [3, bytes],
  NDA_PROBES: [4, u32],
  NDA_VLAN: [5, u16],
  NDA_MASTER: [9, u32],
});
