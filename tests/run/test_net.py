"""The network from end to end: guest and host, over QEMU's own network and over a tap."""
import os
import re
import socket
import struct
import sys
import tempfile
import threading

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guestnet import ALONE, PEER_ADDED, Guest, Serving, peer, run  # noqa: E402  the path is set above
import ownnet  # noqa: E402  guestnet has set the path
import tap  # noqa: E402
from tap import same  # noqa: E402

MIB = 1 << 20
BYTES = 2 * MIB
TAP, TAP_HERE, TAP_GUEST = "tap0", "10.77.0.1", "10.77.0.2"


def holds(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M), f"no {pattern!r} in {text!r}"


def whole(count):
    return f"{count} of {count} bytes came back"


# ---- addresses ------------------------------------------------------------------------------------


def test_the_kernel_gets_its_address_by_dhcp():
    text = run("ifconfig eth0; route -n; cat /etc/resolv.conf; stat -L -c 'size %s' /etc/resolv.conf; "
               "ping -c 3 -W 5 10.0.2.2", "--net", "user")
    holds(text, r"inet addr:10\.0\.2\.15 .*Mask:255\.255\.255\.0", r"^0\.0\.0\.0 +10\.0\.2\.2 ", r"nameserver 10\.0\.2\.3",
          r"^size 33$", r"3 packets received, 0% packet loss")


def test_the_address_may_be_given():
    text = run("ifconfig eth0; route -n; ping -c 1 -W 5 10.0.2.2", "--net", "user", "--append",
               "ip=10.0.2.99/24,10.0.2.2")
    holds(text, r"inet addr:10\.0\.2\.99 ", r"^0\.0\.0\.0 +10\.0\.2\.2 ", r"1 packets received")


def test_udhcpc_gets_an_address():
    script = """printf '#!/bin/sh\\n[ "$1" = bound ] || exit 0\\nifconfig $interface $ip netmask $subnet
route add default gw $router\\necho bound to $ip, $dns\\n' >/tmp/script; chmod +x /tmp/script
ifconfig eth0 | grep -q 'inet addr' && echo has one already
ifconfig eth0 up; udhcpc -i eth0 -n -q -t 5 -s /tmp/script 2>/dev/null && ping -c 1 -W 5 10.0.2.2"""
    text = run(script, "--net", "user", "--append", "ip=none")
    holds(text, r"bound to 10\.0\.2\.15, 10\.0\.2\.3", r"1 packets received")
    assert "already" not in text, text


def test_there_is_a_loopback_without_a_card():
    text = run("ifconfig lo; ping -c 2 -W 5 127.0.0.1; netpeer serve 7 & sleep 0.3; netpeer stream 127.0.0.1 7 1000000; "
               "netpeer stream ::1 7 1000000; netpeer datagrams 127.0.0.1 7 20", *PEER_ADDED)
    holds(text, "127.0.0.1", "2 packets received", f"(?s){whole(1000000)}.*{whole(1000000)}", "20 of 20 datagrams")


# ---- streams and datagrams ------------------------------------------------------------------------


def test_tcp_and_udp_both_ways():
    """The guest's echo asked from here and this machine's asked by the guest."""
    script = "netpeer serve 7 & read go; netpeer stream 10.0.2.2 $go %d; netpeer datagrams 10.0.2.2 $go 40" % BYTES
    with Serving() as here, Guest(script, "--hostfwd", "tcp:0:7", "--hostfwd", "udp:0:7", *PEER_ADDED) as guest:
        guest.wait_for("serving\n")
        same(peer("stream", "127.0.0.1", guest.port(7), BYTES), whole(BYTES) + "\n", "the guest's echo")
        holds(peer("datagrams", "127.0.0.1", guest.port(7, "udp"), 40), "40 of 40 datagrams")
        holds(peer("churn", "127.0.0.1", guest.port(7), 40), "40 connections")
        guest.type(f"{here.port}\n")
        holds(guest.end(), whole(BYTES), "40 of 40 datagrams")


def test_ipv6():
    with Serving() as here:
        # The last but one column has a bit for an address that is still being tried.
        script = f"""for i in $(seq 50); do grep -q "^fec0.* [^4][0-9a-f] *eth0" /proc/net/if_inet6 && break; sleep 0.1; done
ifconfig eth0 | grep fec0; ping6 -c 1 -W 5 fec0::2; netpeer stream fec0::2 {here.port} 300000"""
        text = run(script, "--net", "user", *PEER_ADDED)
    holds(text, "fec0::5054:ff:fe12:3456", "1 packets received", whole(300000))


def test_each_form_of_the_card():
    for form in ("plain", "packed", "legacy", "noirq"):
        with Serving() as here:
            text = run(f"netpeer stream 10.0.2.2 {here.port} 300000", "--net", f"user,{form}", *PEER_ADDED)
        assert whole(300000) in text, f"{form}: {text}"


def over_a_tap(options, queues=1):
    try:
        ownnet.add_tap(TAP, TAP_HERE, queues)
    except OSError as error:
        raise tap.Skipped(f"this machine has no taps ({error})")
    script = f"netpeer serve 7 & read go; netpeer stream {TAP_HERE} $go {4 * BYTES}; ping -c 1 -W 5 {TAP_HERE}"
    try:
        with Serving() as here, Guest(script, "--net", f"tap={TAP}{options}", "--append", f"ip={TAP_GUEST}/24",
                                      *PEER_ADDED) as guest:
            guest.wait_for("serving\n")
            same(peer("stream", TAP_GUEST, 7, 4 * BYTES), whole(4 * BYTES) + "\n", "the guest's echo")
            guest.type(f"{here.port}\n")
            holds(guest.end(), whole(4 * BYTES), "1 packets received")
    finally:
        ownnet.remove_tap(TAP, queues)


def test_a_tap_with_offloads():
    over_a_tap("")


def test_a_tap_without_offloads():
    over_a_tap(",plain")


def test_a_tap_with_two_pairs_of_queues():
    over_a_tap(",queues=2", 2)


def test_two_guests_on_one_wire():
    with tempfile.TemporaryDirectory() as place:
        wire = f"socket=unix:{place}/wire"
        with Guest("netpeer serve 7 & read end; exit 0", "--net", f"{wire},listen,mac=52:54:00:00:00:01", "--append",
                   "ip=10.9.0.1/24", *PEER_ADDED) as one:
            one.wait_for("serving\n")
            text = run(f"ping -c 1 -W 5 10.9.0.1; netpeer stream 10.9.0.1 7 {BYTES}; netpeer datagrams 10.9.0.1 7 20",
                       "--net", f"{wire},mac=52:54:00:00:00:02", "--append", "ip=10.9.0.2/24", *PEER_ADDED)
            one.end()
    holds(text, "1 packets received", whole(BYTES), "20 of 20 datagrams")


def test_the_capture_has_what_went_through():
    with tempfile.TemporaryDirectory() as place:
        run("ping -c 2 -W 5 10.0.2.2", "--net", "user", "--pcap", f"{place}/pcap")
        with open(f"{place}/pcap", "rb") as file:
            data = file.read()
    magic, _, _, _, _, _, kind = struct.unpack_from("<IHHIIII", data)
    same((magic, kind), (0xA1B2C3D4, 1), "the head of the capture")
    at, echoes = 24, 0
    while at < len(data):
        length = struct.unpack_from("<I", data, at + 8)[0]
        frame = data[at + 16:at + 16 + length]
        at += 16 + length
        echoes += frame[12:14] == b"\x08\x00" and frame[23] == 1
    same(echoes, 4, "echo requests and replies")


# ---- names ----------------------------------------------------------------------------------------


class NameServer(threading.Thread):
    """Knows one name, whose address is this machine's, as the guest sees it."""

    def __init__(self):
        super().__init__(daemon=True)
        self.server = socket.socket(type=socket.SOCK_DGRAM)
        self.server.bind(("127.0.0.1", 53))

    def run(self):
        while True:
            query, sender = self.server.recvfrom(512)
            end = query.index(0, 12) + 5
            name, kind = query[12:end - 4], struct.unpack_from(">H", query, end - 4)[0]
            known = name.lower() == b"\6sluice\4test\0"
            answers = known and kind == 1
            head = query[:2] + struct.pack(">HHHHH", 0x8580 | (0 if known else 3), 1, int(answers), 0, 0)
            address = b"\xc0\x0c" + struct.pack(">HHIH", 1, 1, 60, 4) + bytes((10, 0, 2, 2))
            self.server.sendto(head + query[12:end] + (address if answers else b""), sender)


def test_names_are_looked_up():
    assert ALONE, "only a network of its own has port 53 free"
    NameServer().start()
    with Serving() as here:
        script = f"""nslookup sluice.test 10.0.2.2; nslookup nowhere.test 10.0.2.2 && echo found nowhere
rm /etc/resolv.conf; echo nameserver 10.0.2.2 >/etc/resolv.conf; ping -c 1 -W 5 sluice.test
echo well | nc -w 5 sluice.test {here.port}"""
        text = run(script, "--net", "user")
    holds(text, r"Name:\s+sluice\.test\s+Address(?: 1)?:\s+10\.0\.2\.2", r"PING sluice\.test \(10\.0\.2\.2\)",
          "1 packets received", "^well$")
    assert "found nowhere" not in text, text


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
