/** Multicast groups of rtnetlink(7): what changed, here and in the namespaces that veths lead to. */
import { randomInt } from 'node:crypto';
import { WireError } from '../wire/bytes.ts';
import { decodeAddress, RTM_DELADDR, RTM_NEWADDR } from '../wire/netlink/address.ts';
import { attributes } from '../wire/netlink/attribute.ts';
import { AF_INET6 } from '../wire/netlink/family6.ts';
import { AF_UNSPEC, decodeLink, encodeLink, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK } from '../wire/netlink/link.ts';
import { decodeMessages, encodeMessage, type NetlinkMessage, NLM_F_REQUEST } from '../wire/netlink/message.ts';
import { AF_INET, decodeRoute, RT_TABLE_LOCAL, RTM_DELROUTE, RTM_NEWROUTE, RTPROT_KERNEL } from '../wire/netlink/route.ts';
import { RTM_DELRULE, RTM_NEWRULE } from '../wire/netlink/rule.ts';
import { NETLINK_LISTEN_ALL_NSID, SO_RCVBUFFORCE, SOL_NETLINK, SOL_SOCKET, sendNow, setOption } from './ffi.ts';
import type { KernelEvent, Watch, WatchOptions } from './index.ts';
import { toLink, toLinkAddress } from './meanings.ts';
import { type Receiver, receiveFrom } from './receive.ts';
import { openRouteSocket } from './rtnetlink-socket.ts';

/**
 * RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE, RTMGRP_IPV4_RULE, RTMGRP_IPV6_IFADDR, RTMGRP_IPV6_ROUTE, and the bit of
 * RTNLGRP_IPV6_RULE, which has no such name
 */
const groups = 0x1 | 0x10 | 0x40 | 0x80 | 0x100 | 0x400 | 0x4_0000;

const selfTestMs = 2000;
const defaultBufferBytes = 8 * 1024 * 1024;

/**
 * Begins to watch, after a look at lo has come back through the event loop: a socket that stays silent would make the
 * daemon blind. @throws Error when it stays silent.
 */
export async function watchKernel(onEvent: (event: KernelEvent) => void, options: WatchOptions = {}): Promise<Watch> {
  const fd = openRouteSocket(groups, (opened) => {
    setOption(opened, SOL_SOCKET, SO_RCVBUFFORCE, options.bufferBytes ?? defaultBufferBytes);
    setOption(opened, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1);
  });
  // Beyond what our own requests are numbered with: a notification carries the number of the request that caused it.
  const sequence = randomInt(0x8000_0000, 0xffff_ffff);
  const answered = Promise.withResolvers<void>();
  let open = true;
  const hear = afterwards((datagram: Uint8Array): void => {
    if (open) for (const event of eventsIn(datagram, sequence, answered.resolve)) onEvent(event);
  });
  const receiver = receiveFrom(fd, hear, () => onEvent({ kind: 'overrun' }));
  const close = (): void => {
    open = false;
    receiver.close();
  };
  try {
    await selfTest(receiver, sequence, answered.promise);
  } catch (error) {
    close();
    throw error;
  }
  return { close };
}

/**
 * Takes what arrives when the loop has handed out everything else: whoever made the change that is told waits for the
 * kernel's answer to it, which came in the same turn.
 */
function afterwards(take: (datagram: Uint8Array) => void): (datagram: Uint8Array) => void {
  let waiting: Uint8Array[] = [];
  const takeAll = (): void => {
    const all = waiting;
    waiting = [];
    for (const it of all) take(it);
  };
  return (datagram) => {
    if (waiting.push(datagram) === 1) setImmediate(takeAll);
  };
}

async function selfTest(receiver: Receiver, sequence: number, answered: Promise<void>): Promise<void> {
  const payload = encodeLink({ family: AF_UNSPEC, hardwareType: 0, index: 1, flags: 0, change: 0, attributes: attributes({}) });
  const silence = Promise.withResolvers<void>();
  const timer = setTimeout(() => silence.reject(new Error('the netlink socket is silent in the event loop')), selfTestMs);
  try {
    sendNow(receiver.fd, encodeMessage({ type: RTM_GETLINK, flags: NLM_F_REQUEST, sequence, port: 0, payload }));
    await Promise.race([answered, silence.promise]);
  } finally {
    clearTimeout(timer);
  }
}

/** What cannot be read may have been anything: the same as events that were lost. */
function eventsIn(datagram: Uint8Array, testSequence: number, onTest: () => void): readonly KernelEvent[] {
  try {
    return decodeMessages(datagram).flatMap((message) => {
      if (message.sequence !== testSequence) return toEvents(message);
      onTest();
      return [];
    });
  } catch (error) {
    if (error instanceof WireError) return [{ kind: 'overrun' }];
    throw error;
  }
}

function toEvents(message: NetlinkMessage): readonly KernelEvent[] {
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return linkEvents(message);
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const decoded = decodeAddress(message.payload);
      const change = message.type === RTM_DELADDR ? 'deleted' : 'new';
      if (decoded.family === AF_INET6) return [{ kind: 'address6', change }];
      const address = toLinkAddress(decoded);
      return address === undefined
        ? []
        : [{ kind: 'address', change: message.type === RTM_DELADDR ? 'deleted' : 'new', address }];
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE: {
      const route = decodeRoute(message.payload);
      const isKernels = route.family === AF_INET6 && route.protocol === RTPROT_KERNEL;
      if (![AF_INET, AF_INET6].includes(route.family) || route.table === RT_TABLE_LOCAL || isKernels) return [];
      const source = route.family === AF_INET ? route.attributes.number('RTA_PREFSRC') : undefined;
      const change = message.type === RTM_DELROUTE ? 'deleted' : 'new';
      return [{ kind: 'route', change, ...(source === undefined ? {} : { source }) }];
    }
    case RTM_NEWRULE:
    case RTM_DELRULE:
      return [{ kind: 'rule', change: message.type === RTM_DELRULE ? 'deleted' : 'new' }];
    default:
      return [];
  }
}

/** A bridge tells of a port that leaves it with RTM_DELLINK too, of family AF_BRIDGE: the link itself lives on. */
function linkEvents(message: NetlinkMessage): readonly KernelEvent[] {
  const link = decodeLink(message.payload);
  const deleted = message.type === RTM_DELLINK && link.family === AF_UNSPEC;
  return [{ kind: 'link', change: deleted ? 'deleted' : 'new', link: toLink(link) }];
}
