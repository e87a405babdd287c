"""The bench's other ends on this machine: servers for the guest's rows, and a client of the guest's web server."""
import contextlib
import socket
import threading
import time

TAP = "tap0"
TAP_ADDRESS = "10.77.0.1"
# What a client asks the guest's web server for, and how.
HTTP_PATH, HTTP_BYTES = "/file", 1024
HTTP_WAYS = {"requests of lasting connections": True, "requests with a connection each": False}
HTTP_SECONDS = 4.0
# Each client has its own: of a port forwarded by QEMU this machine's kernel keeps two connections waiting, and drops the
# SYNs of more. The ports differ in the guest, too, or two clients with the same port of theirs would be one to it.
HTTP_PORTS = range(80, 84)
GONE_MILLISECONDS = 20000  # a guest that says nothing for so long was switched off


# ---- what the guest's rows talk to ----------------------------------------------------------------


# Guests come and go: an error that one leaves behind (a host that is unreachable now) must not end a server.


def udp_sink(server):
    while True:
        with contextlib.suppress(OSError):
            server.recv(65536)


def udp_echo(server):
    while True:
        with contextlib.suppress(OSError):
            data, sender = server.recvfrom(65536)
            server.sendto(data, sender)


def each_connection(server, talk):
    while True:
        with contextlib.suppress(OSError):
            connection, _ = server.accept()
            connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, GONE_MILLISECONDS)
            threading.Thread(target=until_the_end, args=(talk, connection), daemon=True).start()


def until_the_end(talk, connection):
    with connection, contextlib.suppress(OSError):
        talk(connection)


def tcp_sink(server):
    def talk(connection):
        space = bytearray(1 << 20)
        while connection.recv_into(space):
            pass
    each_connection(server, talk)


def tcp_source(server):
    def talk(connection):
        content = bytes(1 << 16)
        while True:
            connection.sendall(content)
    each_connection(server, talk)


def start_servers():
    """Return the servers' ports by name."""
    ports = {}
    for serve in (udp_sink, udp_echo, tcp_sink, tcp_source):
        server = socket.socket(type=socket.SOCK_DGRAM if serve.__name__.startswith("udp") else socket.SOCK_STREAM)
        server.bind(("0.0.0.0", 0))
        if server.type == socket.SOCK_STREAM:
            server.listen(64)
        threading.Thread(target=serve, args=(server,), daemon=True).start()
        ports[serve.__name__] = server.getsockname()[1]
    return ports


# ---- the client of the guest's web server ---------------------------------------------------------


class Client(threading.Thread):
    """Asks for the same file again and again, by one connection or by a new one each time."""

    def __init__(self, port, lasting, until):
        super().__init__(daemon=True)
        self.port, self.lasting, self.until = port, lasting, until
        how = "keep-alive" if lasting else "close"
        self.request = f"GET {HTTP_PATH} HTTP/1.1\r\nHost: guest\r\nConnection: {how}\r\n\r\n".encode()
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


def wait_for_server(seconds):
    """Wait until an answer comes. QEMU takes connections before the guest does, and ends them."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        probe = Client(HTTP_PORTS[0], False, 0)
        with contextlib.suppress(OSError):
            with socket.create_connection(("127.0.0.1", probe.port), 5) as connection:
                probe.ask(connection)
            return True
        time.sleep(0.05)
    return False


def requests_a_second(lasting):
    """Of several clients at once, and the first fault; the rate is None when there is one."""
    began = time.monotonic()
    clients = [Client(port, lasting, began + HTTP_SECONDS) for port in HTTP_PORTS]
    for client in clients:
        client.start()
    for client in clients:
        client.join()
    seconds = time.monotonic() - began
    fault = next((client.fault for client in clients if client.fault), None)
    return None if fault else sum(client.done for client in clients) / seconds, fault
