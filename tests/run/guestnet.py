"""A guest with a network, and the other ends on this machine, for the network's tests. SLUICE_SMP gives the number of the
guest's processors.

All is in a network of the test's own (tests/ownnet.py): importing this enters it.
"""
import os
import re
import socket
import subprocess
import sys
import threading
import time

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build"))
sys.path.insert(0, os.path.join(TOP, "tests"))
import ownnet  # noqa: E402  the path is set above

RUN = os.path.join(TOP, "scripts/run")
NETPEER = os.path.join(BUILD, "programs/netpeer")
LIGHTTPD = os.path.join(BUILD, "programs/lighttpd")
PEER_ADDED = ["--add", f"{NETPEER}:/bin/netpeer"]
SECONDS = 120
SMP = os.environ.get("SLUICE_SMP", "1")
ALONE = ownnet.own_network()


class Guest:
    """A shell script in a guest, and what it has said; it goes on while the test talks to it."""

    def __init__(self, script, *options, mem=256):
        command = [RUN, "--timeout", str(SECONDS), "--mem", str(mem), "--smp", SMP, *options, "--", "/bin/busybox", "sh",
                   "-c", script]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.output, self.log = b"", b""
        self.said = threading.Condition()
        self.readers = [threading.Thread(target=self.read, args=words, daemon=True)
                        for words in ((self.process.stdout, "output"), (self.process.stderr, "log"))]
        for reader in self.readers:
            reader.start()

    def read(self, pipe, name):
        while chunk := os.read(pipe.fileno(), 65536):
            with self.said:
                setattr(self, name, getattr(self, name) + chunk)
                self.said.notify_all()
        with self.said:
            self.said.notify_all()

    def wait_for(self, pattern, seconds=SECONDS):
        """Wait until what the script said, or the log, holds the pattern; return the match."""
        pattern, end = re.compile(pattern.encode()), time.monotonic() + seconds
        with self.said:
            while True:
                found = pattern.search(self.output) or pattern.search(self.log)
                if found:
                    return found
                left = end - time.monotonic()
                if left <= 0 or not any(reader.is_alive() for reader in self.readers):
                    raise AssertionError(f"waited for {pattern.pattern!r}; {self.words()}")
                self.said.wait(left)

    def port(self, number, protocol="tcp"):
        """This machine's port that is the guest's port of that number."""
        return int(self.wait_for(rf"run: {protocol} port (\d+) of 127.0.0.1 is the guest's {number}\n")[1])

    def type(self, text):
        self.process.stdin.write(text.encode())
        self.process.stdin.flush()

    def words(self):
        return (f"it said {self.output[-1500:].decode(errors='replace')!r}, its log ends:\n"
                + self.log[-1500:].decode(errors="replace"))

    def end(self, status=0):
        """End the script's input, wait for the machine's orderly end, and return what it said."""
        self.process.stdin.close()
        try:
            got = self.process.wait(SECONDS)
        finally:
            self.kill()
        for reader in self.readers:
            reader.join(10)
        assert got == status, f"status {got}, expected {status}; {self.words()}"
        return self.output.decode(errors="replace")

    def kill(self):
        if self.process.poll() is None:
            self.process.terminate()
            self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, _kind, fault, _trace):
        self.kill()
        if isinstance(fault, Exception) and "its log ends" not in str(fault):
            raise AssertionError(f"{fault}; of the guest: {self.words()}") from fault


def run(script, *options, status=0, **keywords):
    """Run the script to its end and return what it said."""
    with Guest(script, *options, **keywords) as guest:
        return guest.end(status)


def peer(*words):
    """netpeer on this machine; its line."""
    done = subprocess.run([NETPEER, *(str(word) for word in words)], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, timeout=SECONDS)
    assert done.returncode == 0, f"netpeer {words}: status {done.returncode}, {done.stdout} {done.stderr}"
    return done.stdout


class Serving:
    """netpeer's echo on this machine."""

    def __init__(self):
        self.port = free_port()

    def __enter__(self):
        self.process = subprocess.Popen([NETPEER, "serve", str(self.port)], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE)
        assert self.process.stdout.readline() == b"serving\n"
        return self

    def __exit__(self, *_exception):
        self.process.kill()
        self.process.communicate()


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def when_listening(port):
    """A piece of script that says "up" once somebody listens at the port. From here it can't be seen: QEMU takes a
    connection before it asks the guest."""
    return f"until netstat -tln | grep -q ':{port} '; do sleep 0.1; done; echo up"
