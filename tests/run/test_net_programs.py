"""Strangers' programs on the network: web servers, busybox's tools, iperf3, redis."""
import hashlib
import http.server
import json
import os
import random
import re
import socket
import subprocess
import sys
import tempfile
import threading
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from guestnet import LIGHTTPD, Guest, free_port, run, when_listening  # noqa: E402  the path is set above
from test_programs import beside  # noqa: E402
import tap  # noqa: E402
from tap import same  # noqa: E402

MIB = 1 << 20
# How long iperf3 sends in each test; make soak has it send for a minute.
IPERF_SECONDS = int(os.environ.get("SLUICE_IPERF_SECONDS", "1"))
LIGHTTPD_SETTINGS = """server.document-root = "/www"
server.port = 80
server.bind = "0.0.0.0"
"""


def holds(text, *patterns):
    for pattern in patterns:
        assert re.search(pattern, text, re.M), f"no {pattern!r} in {text!r}"


class File:
    """A file of that many bytes, nowhere alike, and its sum."""

    def __init__(self, size):
        self.place = tempfile.TemporaryDirectory()
        self.path = os.path.join(self.place.name, "file")
        content = random.Random(size).randbytes(size)
        self.sum = hashlib.sha256(content).hexdigest()
        with open(self.path, "wb") as file:
            file.write(content)


def fetched_sum(port, *options):
    """The sum of what curl fetches from the forwarded port."""
    curl = ["curl", "--silent", "--show-error", "--fail", "--max-time", "100", *options, f"http://127.0.0.1:{port}/file"]
    with subprocess.Popen(curl, stdout=subprocess.PIPE) as fetching:
        total = hashlib.sha256()
        while chunk := fetching.stdout.read(MIB):
            total.update(chunk)
    same(fetching.returncode, 0, "the status of curl")
    return total.hexdigest()


# ---- the web --------------------------------------------------------------------------------------


def test_curl_fetches_64_mib_from_lighttpd():
    file = File(64 * MIB)
    with tempfile.NamedTemporaryFile("w", suffix=".conf") as settings:
        settings.write(LIGHTTPD_SETTINGS)
        settings.flush()
        script = f"lighttpd -D -f /lighttpd.conf & {when_listening(80)}; read end; exit 0"
        with Guest(script, "--hostfwd", "tcp:0:80", "--add", f"{file.path}:/www/file",
                   "--add", f"{LIGHTTPD}:/bin/lighttpd", "--add", f"{settings.name}:/lighttpd.conf", mem=512) as guest:
            port = guest.port(80)
            guest.wait_for("up\n")
            began = time.monotonic()
            same(fetched_sum(port), file.sum, "the sum")
            print(f"# in {time.monotonic() - began:.2f} s")
            guest.end()


def test_curl_fetches_from_busybox_httpd():
    file = File(8 * MIB)
    script = f"httpd -f -h /www & {when_listening(80)}; read end; exit 0"
    with Guest(script, "--hostfwd", "tcp:0:80", "--add", f"{file.path}:/www/file") as guest:
        port = guest.port(80)
        guest.wait_for("up\n")
        same(fetched_sum(port), file.sum, "the sum")
        same(fetched_sum(port, "--limit-rate", "8M"), file.sum, "the sum, fetched slowly")
        guest.end()


def test_busybox_wget_fetches_from_here():
    file = File(16 * MIB)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *words):
            super().__init__(*words, directory=file.place.name)

        def log_message(self, *_words):
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        text = run(f"wget -q -O - http://10.0.2.2:{server.server_port}/file | sha256sum", "--net", "user")
        server.shutdown()
    assert text.startswith(file.sum), text


# ---- busybox's other tools ------------------------------------------------------------------------


def test_nc_both_ways():
    with socket.create_server(("127.0.0.1", 0)) as server:
        script = f"echo from the guest | nc -w 10 10.0.2.2 {server.getsockname()[1]}; ({when_listening(9)}) & nc -l -p 9"
        with Guest(script, "--hostfwd", "tcp:0:9") as guest:
            connection, _ = server.accept()
            with connection:
                same(connection.makefile().readline(), "from the guest\n", "what came")
                connection.sendall(b"from here\n")
            guest.wait_for("from here\n")
            guest.wait_for("up\n")
            with socket.create_connection(("127.0.0.1", guest.port(9)), 30) as connection:
                connection.sendall(b"to the guest\n")
                connection.shutdown(socket.SHUT_WR)
                guest.wait_for("to the guest\n")
            guest.end()


class Telnet:
    """The least of a telnet client: it refuses every option."""

    def __init__(self, port):
        self.connection = socket.create_connection(("127.0.0.1", port), 60)
        self.text = b""

    def receive(self):
        data = self.connection.recv(4096)
        assert data, f"the session ended after {self.text!r}"
        at = 0
        while at < len(data):
            if data[at] == 255 and at + 2 < len(data):
                refusal = {253: 252, 251: 254}.get(data[at + 1])
                if refusal:
                    self.connection.sendall(bytes((255, refusal, data[at + 2])))
                at += 3
            else:
                self.text += data[at:at + 1]
                at += 1

    def wait_for(self, text):
        while text not in self.text:
            self.receive()
        self.text = self.text.partition(text)[2]

    def type(self, text):
        self.connection.sendall(text)


def test_telnet_gives_a_terminal():
    # A job of a shell without jobs would pass on that interrupts are ignored.
    with Guest(f"telnetd -l /bin/sh; {when_listening(23)}; read end; exit 0", "--hostfwd", "tcp:0:23") as guest:
        guest.wait_for("up\n")
        telnet = Telnet(guest.port(23))
        telnet.type(b"PS1='>''> '; tty; echo $((6*7))\r\n")
        telnet.wait_for(b"/dev/pts/")
        telnet.wait_for(b"42\r\n>> ")
        telnet.type(b"sh -c 'echo started; cat'\r\n")
        telnet.wait_for(b"\nstarted\r\n")
        telnet.type(b"wrong\x15right\r\n")
        telnet.wait_for(b"\nright\r\n")
        telnet.type(b"\x03")
        telnet.wait_for(b">> ")
        telnet.type(b"exit\r\n")
        while telnet.connection.recv(4096):
            pass
        guest.end()


# ---- measurers ------------------------------------------------------------------------------------


def iperf(port, *options):
    """Run iperf3 here; return the bits a second that were received."""
    done = subprocess.run(["iperf3", "-c", "127.0.0.1", "-p", str(port), "--json", "--connect-timeout", "10000", "-t",
                           str(IPERF_SECONDS), *options], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                          timeout=IPERF_SECONDS + 100)
    same(done.returncode, 0, f"iperf3's status; {done.stdout[-500:]}")
    told = json.loads(done.stdout)
    assert "error" not in told, told["error"]
    rate = told["end"].get("sum_received", told["end"].get("sum"))["bits_per_second"]
    print(f"# {IPERF_SECONDS} s {' '.join(options)}: {rate / 1e6:.1f} Mbit/s")
    return rate


def iperf_guest(*options):
    """A guest with iperf3's server, which lives as long as the tests need."""
    return Guest("iperf3 -s & read end; exit 0", *options, "--timeout", str(4 * IPERF_SECONDS + 120),
                 *beside("/usr/bin/iperf3", "/bin/iperf3"))


def test_iperf3_both_ways():
    with iperf_guest("--hostfwd", "tcp:0:5201") as guest:
        port = guest.port(5201)
        for number, options in enumerate(([], ["-R"], ["-P", "4"], ["-P", "4", "-R"]), 1):
            guest.wait_for(f"Server listening .*test #{number}")
            assert iperf(port, *options) > 1e6, f"slower than a megabit a second with {options}"
        guest.end()


def test_iperf3_with_datagrams():
    port = free_port()
    with iperf_guest("--hostfwd", f"tcp:{port}:5201", "--hostfwd", f"udp:{port}:5201") as guest:
        for number, options in enumerate(([], ["-R"]), 1):
            guest.wait_for(f"Server listening .*test #{number}")
            assert iperf(port, "-u", "-b", "4M", "-l", "1200", *options) > 1e6, f"few arrive with {options}"
        guest.end()


def test_redis_answers_its_benchmark():
    # One program by several names, of which Debian's package of tools has this one.
    server = beside(os.path.realpath("/usr/bin/redis-check-rdb"), "/bin/redis-server")
    with Guest("redis-server --save '' --protected-mode no --bind 0.0.0.0 & read end; exit 0", "--hostfwd",
               "tcp:0:6379", *server, mem=512) as guest:
        guest.wait_for("[Rr]eady to accept connections")
        # Two connections: of more at once this machine's kernel drops some SYNs, which go again seconds later.
        done = subprocess.run(["redis-benchmark", "-p", str(guest.port(6379)), "-n", "2000", "-c", "2", "--csv", "-t",
                               "ping,set,get,lpush,lrange_100"], stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              timeout=200)
        same(done.returncode, 0, f"the benchmark's status; {done.stdout} {done.stderr}")
        rates = {words[0]: float(words[1]) for line in done.stdout.splitlines()[1:]
                 if len(words := line.replace('"', "").split(",")) > 2}
        assert {"SET", "GET", "LPUSH"} <= set(rates) and min(rates.values()) > 10, done.stdout
        guest.end()


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
