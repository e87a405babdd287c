"""IPv6 from end to end: over QEMU's own network, whose router announces fec0::/64 and is fec0::2, and over a tap, where
this machine is the router."""
import os
import re
import socket
import struct
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guestnet import PEER_ADDED, Guest, Serving, peer, run  # noqa: E402  the path is set above
import ownnet  # noqa: E402  guestnet has set the path
import tap  # noqa: E402
from tap import same  # noqa: E402

BYTES = 2 << 20
# What the guest makes of the card's own address.
HOST_PART = "5054:ff:fe12:3456"
TAP, PREFIX = "tap0", "fd77::"
HERE, GUEST = PREFIX + "1", PREFIX + HOST_PART
SIOCGIFINDEX, SIOCSIFADDR = 0x8933, 0x8916


def holds(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M), f"no {pattern!r} in {text!r}"


def whole(count):
    return f"{count} of {count} bytes came back"


def when_usable(prefix):
    """A piece of script that waits for an address that is no longer tried (bit 0x40 of the last but one column)."""
    return f"for i in $(seq 100); do grep -q '^{prefix}.* [^4-7c-f][0-9a-f] *eth0' /proc/net/if_inet6 && break; sleep 0.1; done\n"


# ---- QEMU's own network ---------------------------------------------------------------------------


def test_a_router_gives_an_address():
    text = run(when_usable("fec0") + """ip -6 addr show dev eth0; ip -6 route; ip -6 route get fec0::2; ip -6 route get ::1
route -A inet6; ifconfig eth0; ping6 -c 2 -W 5 fec0::2; ping -6 -c 1 -W 5 fec0::2; ping6 -c 1 -W 5 -I eth0 fe80::2
ip -6 neigh""", "--net", "user")
    holds(text, rf"inet6 fe80::{HOST_PART}/64 scope link ", rf"inet6 fec0::{HOST_PART}/64 scope site dynamic",
          r"^default via fe80::2 dev eth0", r"^fec0::/64 dev eth0", rf"^fec0::2 dev eth0 .*src fec0::{HOST_PART}",
          r"^local ::1 dev lo", r"^::/0 +fe80::2 +UG ", rf"inet6 addr: fec0::{HOST_PART}/64 Scope:Site",
          r"bytes from fec0::2: seq=1 ttl=\d+ ", "2 packets received", "(?s)1 packets received.*1 packets received",
          "^fec0::2 dev eth0 lladdr ")
    assert "Segmentation fault" not in text, text


def test_addresses_and_routes_are_changed():
    text = run(when_usable("fec0") + """ip addr add fec0::77/64 dev eth0; """ + when_usable("fec0.*77") + """
ip -6 addr show dev eth0 | sed 's/^/with: /'; ping6 -c 1 -W 5 -I fec0::77 fec0::2
ip addr del fec0::77/64 dev eth0; ip -6 addr show dev eth0 | sed 's/^/without: /'
ip -6 route add fd00::/64 via fec0::2; ip -6 route | sed 's/^/with: /'; ip -6 route del fd00::/64
ip -6 route del default; ip -6 route | sed 's/^/without: /'; ping6 -c 1 -W 2 fd00::1 2>&1; exit 0""", "--net", "user")
    holds(text, "^with: +inet6 fec0::77/64 ", "1 packets received", "^with: fd00::/64 via fec0::2 ",
          "^without: fec0::/64 ", "sendto: Network is unreachable")
    assert not re.search("^without: .*(fec0::77|fd00|default)", text, re.M), text


def test_streams_and_datagrams():
    """Of the datagrams half are larger than a frame, and QEMU's network takes no fragments of IPv6."""
    with Serving() as here:
        text = run(when_usable("fec0") + f"""netpeer serve 7 & sleep 0.3; netstat -tuln
netpeer stream fec0::2 {here.port} {BYTES}; netpeer stream fec0::{HOST_PART} 7 {BYTES}
netpeer datagrams fec0::2 {here.port} 40
nc fec0::2 {here.port} </dev/null & sleep 0.3; netstat -tn; netpeer churn fec0::2 {here.port} 20""", "--net", "user",
                   *PEER_ADDED)
    holds(text, r"^tcp +0 +\d+ :::7 +:::\* +LISTEN", r"^udp +0 +0 :::7 +:::\*", f"(?s){whole(BYTES)}.*{whole(BYTES)}",
          r"^(1\d|20) of 40 datagrams", "20 connections")


def test_nothing_listens():
    with socket.socket(socket.AF_INET6) as probe:
        probe.bind(("::1", 0))
        text = run(when_usable("fec0") + f"nc -w 5 fec0::2 {probe.getsockname()[1]} </dev/null 2>&1; echo status $?\n"
                   f"nc -w 5 fec0::{HOST_PART} 9 </dev/null 2>&1; echo status $?", "--net", "user")
    holds(text, "(?s)refused.*status 1.*refused.*status 1")


# ---- A tap: this machine is the router ------------------------------------------------------------


def address_here():
    """Give this machine's end its address; it is tried, too, once QEMU is at the other."""
    index = socket.if_nametoindex(TAP)
    with socket.socket(socket.AF_INET6, socket.SOCK_DGRAM) as control:
        ownnet.fcntl.ioctl(control, SIOCSIFADDR, socket.inet_pton(socket.AF_INET6, HERE) + struct.pack("Ii", 64, index))


def usable_here():
    """Whether the addresses of this end are tried no longer."""
    with open("/proc/net/if_inet6", encoding="ascii") as file:
        lines = [line.split() for line in file]
    flags = [int(line[4], 16) for line in lines if line[5] == TAP]
    return len(flags) >= 2 and not any(flag & 0x40 for flag in flags)


def advertise():
    """Say once that this is a router of PREFIX, to others alone: we have an address."""
    prefix = struct.pack(">BBBBIII16s", 3, 4, 64, 0xC0, 86400, 86400, 0, socket.inet_pton(socket.AF_INET6, PREFIX))
    with socket.socket(socket.AF_INET6, socket.SOCK_RAW, socket.IPPROTO_ICMPV6) as raw:
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_HOPS, 255)
        raw.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_MULTICAST_LOOP, 0)
        raw.sendto(struct.pack(">BBHBBHII", 134, 0, 0, 64, 0, 1800, 0, 0) + prefix,
                   ("ff02::1", 0, 0, socket.if_nametoindex(TAP)))


def until(what, seconds=30):
    end = time.monotonic() + seconds
    while not what():
        assert time.monotonic() < end, f"waited for {what.__name__}"
        time.sleep(0.1)


def over_a_tap(options, queues=1):
    try:
        ownnet.add_tap(TAP, "10.77.0.1", queues)
        address_here()
    except OSError as error:
        raise tap.Skipped(f"this machine has no taps with IPv6 ({error})")
    script = ("netpeer serve 7 & read go\n" + when_usable("fd77") +
              f"""ip -6 addr show dev eth0; ip -6 route; ping6 -c 1 -W 5 {HERE}; ping6 -c 1 -W 5 -s 4000 {HERE}; echo up
read go; netpeer stream {HERE} $go {4 * BYTES}; netpeer datagrams {HERE} $go 40; ip -6 neigh""")
    try:
        with Serving() as here, Guest(script, "--net", f"tap={TAP}{options}", "--append", "ip=10.77.0.2/24",
                                      *PEER_ADDED) as guest:
            guest.wait_for("serving\n")
            until(usable_here)
            advertise()
            guest.type("\n")
            guest.wait_for("up\n")
            same(peer("stream", GUEST, 7, 4 * BYTES), whole(4 * BYTES) + "\n", "the guest's echo")
            holds(peer("datagrams", GUEST, 7, 40), "40 of 40 datagrams")
            holds(peer("churn", GUEST, 7, 40), "40 connections")
            guest.type(f"{here.port}\n")
            holds(guest.end(), f"inet6 {GUEST}/64 ", "^default via fe80::", "(?s)1 packets received.*1 packets received",
                  whole(4 * BYTES), "40 of 40 datagrams", f"^{HERE} dev eth0 lladdr ")
    finally:
        ownnet.remove_tap(TAP, queues)


def test_a_tap_with_offloads():
    over_a_tap("")


def test_a_tap_without_offloads():
    over_a_tap(",plain")


def test_a_tap_with_two_pairs_of_queues():
    over_a_tap(",queues=2", 2)


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
