/** LANDLINE_DEBUG=netlink,arp prints decoded traffic to stderr. */

const wanted = new Set((process.env.LANDLINE_DEBUG ?? '').split(','));

/** Prints what `says` returns when the topic is wanted; otherwise costs a look into a set. */
export function debuglog(topic: 'netlink' | 'arp', says: () => string): void {
  if (wanted.has(topic)) process.stderr.write(`${topic}: ${says()}\n`);
}
