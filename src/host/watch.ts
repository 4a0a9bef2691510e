/** Multicast groups of rtnetlink(7): what changed, here and in the namespaces that veths lead to. */
import { decodeAddress, RTM_DELADDR, RTM_NEWADDR } from '../wire/netlink/address.ts';
import { decodeLink, encodeLink, RTM_DELLINK, RTM_GETLINK, RTM_NEWLINK } from '../wire/netlink/link.ts';
import { decodeMessages, encodeMessage, NLM_F_REQUEST, type NetlinkMessage } from '../wire/netlink/message.ts';
import { RTM_DELROUTE, RTM_NEWROUTE } from '../wire/netlink/route.ts';
import { attributes } from '../wire/netlink/attribute.ts';
import { ByteReader } from '../wire/bytes.ts';
import {
  AF_INET,
  AF_NETLINK,
  bindSocket,
  closeFd,
  NETLINK_LISTEN_ALL_NSID,
  NETLINK_ROUTE,
  openSocket,
  SO_RCVBUFFORCE,
  SOCK_RAW,
  SOL_NETLINK,
  SOL_SOCKET,
  sendNow,
  setOption,
} from './ffi.ts';
import type { KernelEvent, Watch } from './index.ts';
import { toLink, toLinkAddress } from './meanings.ts';
import { receiveFrom } from './receive.ts';
import { netlinkAddress } from './rtnetlink-socket.ts';

/** RTMGRP_LINK, RTMGRP_IPV4_IFADDR, RTMGRP_IPV4_ROUTE */
const groups = 0x1 | 0x10 | 0x40;

const selfTestMs = 2000;

/**
 * Begins to watch, after a look at lo has come back through the event loop: a socket that stays silent would make the
 * daemon blind. @throws Error when it stays silent.
 */
export async function watchKernel(onEvent: (event: KernelEvent) => void): Promise<Watch> {
  const answered = Promise.withResolvers<void>();
  const receiver = receiveFrom(
    openWatchFd(),
    (datagram) => {
      for (const message of decodeMessages(datagram)) {
        if (message.sequence === selfTestSequence) answered.resolve();
        else for (const event of toEvents(message)) onEvent(event);
      }
    },
    () => onEvent({ kind: 'overrun' }),
  );
  const timer = setTimeout(() => answered.reject(new Error('the netlink socket is silent in the event loop')), selfTestMs);
  try {
    sendNow(receiver.fd, selfTest());
    await answered.promise;
  } catch (error) {
    receiver.close();
    throw error;
  } finally {
    clearTimeout(timer);
  }
  return { close: receiver.close };
}

const selfTestSequence = 0x4c4c;

function selfTest(): Uint8Array {
  const payload = encodeLink({ family: 0, hardwareType: 0, index: 1, flags: 0, change: 0, attributes: attributes({}) });
  return encodeMessage({ type: RTM_GETLINK, flags: NLM_F_REQUEST, sequence: selfTestSequence, port: 0, payload });
}

function openWatchFd(): number {
  const fd = openSocket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE);
  try {
    setOption(fd, SOL_SOCKET, SO_RCVBUFFORCE, 8 * 1024 * 1024);
    setOption(fd, SOL_NETLINK, NETLINK_LISTEN_ALL_NSID, 1);
    bindSocket(fd, netlinkAddress(groups));
    return fd;
  } catch (error) {
    closeFd(fd);
    throw error;
  }
}

function toEvents(message: NetlinkMessage): readonly KernelEvent[] {
  const change = (deleted: number): 'new' | 'deleted' => (message.type === deleted ? 'deleted' : 'new');
  switch (message.type) {
    case RTM_NEWLINK:
    case RTM_DELLINK:
      return linkEvents(message, change(RTM_DELLINK));
    case RTM_NEWADDR:
    case RTM_DELADDR: {
      const address = toLinkAddress(decodeAddress(message.payload));
      return address === undefined ? [] : [{ kind: 'address', change: change(RTM_DELADDR), address }];
    }
    case RTM_NEWROUTE:
    case RTM_DELROUTE:
      return new ByteReader(message.payload).u8() === AF_INET ? [{ kind: 'route', change: change(RTM_DELROUTE) }] : [];
    default:
      return [];
  }
}

/** A bridge tells of a port that leaves it with RTM_DELLINK too, of family AF_BRIDGE: the link itself lives on. */
function linkEvents(message: NetlinkMessage, change: 'new' | 'deleted'): readonly KernelEvent[] {
  const link = decodeLink(message.payload);
  return [{ kind: 'link', change: link.family === 0 ? change : 'new', link: toLink(link) }];
}
