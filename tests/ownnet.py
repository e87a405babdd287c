"""A network that belongs to one test or bench alone: nothing of this machine's is in it, so that every port is free and
nothing outside can be reached, by mistake either."""
import ctypes
import fcntl
import os
import socket
import struct

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR, IFF_MULTI_QUEUE = 0x2, 0x1000, 0x4000, 0x100
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
IFF_UP_RUNNING = 0x41


def own_network():
    """Put this process into a network with nothing but a loopback. False when that is not allowed."""
    libc = ctypes.CDLL(None, use_errno=True)
    user, group = os.geteuid(), os.getegid()
    if libc.unshare(CLONE_NEWNET) != 0:
        if libc.unshare(CLONE_NEWUSER | CLONE_NEWNET) != 0:
            return False
        for name, text in (("setgroups", "deny"), ("uid_map", f"0 {user} 1"), ("gid_map", f"0 {group} 1")):
            with open(f"/proc/self/{name}", "w", encoding="ascii") as file:
                file.write(text)
    interface_up("lo")
    return True


def interface_request(request, name, content):
    with socket.socket(type=socket.SOCK_DGRAM) as control:
        fcntl.ioctl(control, request, struct.pack("16s", name.encode()) + content.ljust(24, b"\0"))


def interface_up(name, address=None):
    if address:
        for request, text in ((SIOCSIFADDR, address), (SIOCSIFNETMASK, "255.255.255.0")):
            interface_request(request, name, struct.pack("HH4s", socket.AF_INET, 0, socket.inet_aton(text)))
    interface_request(SIOCSIFFLAGS, name, struct.pack("H", IFF_UP_RUNNING))


def tap_persists(name, queues, persists):
    flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | (IFF_MULTI_QUEUE if queues > 1 else 0)
    with open("/dev/net/tun", "r+b", buffering=0) as tun:
        fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", name.encode(), flags))
        fcntl.ioctl(tun, TUNSETPERSIST, persists)


def add_tap(name, address, queues=1):
    """Make a tap with an address; it lives as long as this network. Raises OSError when this machine has none."""
    tap_persists(name, queues, 1)
    interface_up(name, address)


def make_tap(name, address, queues=1):
    """The same; False when this machine has none."""
    try:
        add_tap(name, address, queues)
    except OSError:
        return False
    return True


def remove_tap(name, queues=1):
    tap_persists(name, queues, 0)
