"""The bench's other ends on this machine: servers for the guest's rows, a tap, and a client of the guest's web server.

All is in a network of its own, so that nothing of this machine's is touched and no port is taken.
"""
import ctypes
import fcntl
import os
import socket
import struct
import threading
import time

CLONE_NEWUSER, CLONE_NEWNET = 0x10000000, 0x40000000
TUNSETIFF, TUNSETPERSIST = 0x400454CA, 0x400454CB
IFF_TAP, IFF_NO_PI, IFF_VNET_HDR = 0x2, 0x1000, 0x4000
SIOCSIFADDR, SIOCSIFNETMASK, SIOCSIFFLAGS = 0x8916, 0x891C, 0x8914
IFF_UP_RUNNING = 0x41

TAP = "tap0"
TAP_ADDRESS = "10.77.0.1"
HTTP_SECONDS = 4.0
HTTP_CLIENTS = 4


def own_network():
    """Put this process into a network of its own, with nothing but a loopback. False when that is not allowed."""
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


def make_tap():
    """Make a tap with an address; it lives as long as this network. False when this machine has none."""
    try:
        with open("/dev/net/tun", "r+b", buffering=0) as tun:
            fcntl.ioctl(tun, TUNSETIFF, struct.pack("16sH14x", TAP.encode(), IFF_TAP | IFF_NO_PI | IFF_VNET_HDR))
            fcntl.ioctl(tun, TUNSETPERSIST, 1)
        interface_up(TAP, TAP_ADDRESS)
    except OSError:
        return False
    return True


# ---- what the guest's rows talk to ----------------------------------------------------------------


def udp_sink(server):
    while True:
        server.recv(65536)


def udp_echo(server):
    while True:
        data, sender = server.recvfrom(65536)
        server.sendto(data, sender)


def each_connection(server, talk):
    while True:
        connection, _ = server.accept()
        threading.Thread(target=until_the_end, args=(talk, connection), daemon=True).start()


def until_the_end(talk, connection):
    with connection:
        try:
            talk(connection)
        except OSError:
            pass


def tcp_sink(server):
    def talk(connection):
        space = bytearray(1 << 20)
        while connection.recv_into(space):
            pass
    each_connection(server, talk)


def tcp_source(server):
    def talk(connection):
        while True:
            connection.sendall(bytes(1 << 16))
    each_connection(server, talk)


def start_servers():
    """Return the servers' ports by name."""
    ports = {}
    for serve in (udp_sink, udp_echo, tcp_sink, tcp_source):
        server = socket.socket(type=socket.SOCK_DGRAM if serve.__name__.startswith("udp") else socket.SOCK_STREAM)
        server.bind(("0.0.0.0", 0))
        if server.type == socket.SOCK_STREAM:
            server.listen(8)
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        ports[serve.__name__] = server.getsockname()[1]
    return ports


# ---- the client of the guest's web server ---------------------------------------------------------


class Client(threading.Thread):
    """Asks for the same file again and again, by one connection or by a new one each time."""

    def __init__(self, port, path, lasting, until):
        super().__init__(daemon=True)
        self.port, self.lasting, self.until = port, lasting, until
        how = "keep-alive" if lasting else "close"
        self.request = f"GET {path} HTTP/1.1\r\nHost: guest\r\nConnection: {how}\r\n\r\n".encode()
        self.done = 0
        self.fault = None

    def run(self):
        try:
            while time.monotonic() < self.until:
                with socket.create_connection(("127.0.0.1", self.port), 10) as connection:
                    self.ask(connection)
                    while self.lasting and time.monotonic() < self.until:
                        self.ask(connection)
        except OSError as fault:
            self.fault = fault

    def ask(self, connection):
        connection.sendall(self.request)
        head, end, body = receive(connection, b""), b"\r\n\r\n", b""
        while end not in head:
            head = receive(connection, head)
        head, _, body = head.partition(end)
        if not head.startswith(b"HTTP/1.1 200 "):
            raise OSError(head.splitlines()[0])
        length = int(head.lower().partition(b"content-length:")[2].split()[0])
        while len(body) < length:
            body = receive(connection, body)
        self.done += 1


def receive(connection, before):
    chunk = connection.recv(65536)
    if not chunk:
        raise OSError("the connection ended early")
    return before + chunk


def wait_for_server(port, path, seconds):
    """Wait until an answer comes."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        probe = Client(port, path, False, 0)
        try:
            with socket.create_connection(("127.0.0.1", port), 5) as connection:
                probe.ask(connection)
            return True
        except OSError:
            time.sleep(0.05)
    return False


def requests_a_second(port, path, lasting):
    """Of several clients at once; None when one of them failed."""
    began = time.monotonic()
    clients = [Client(port, path, lasting, began + HTTP_SECONDS) for _ in range(HTTP_CLIENTS)]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    if any(client.fault for client in clients):
        return None
    return sum(client.done for client in clients) / (time.monotonic() - began)
