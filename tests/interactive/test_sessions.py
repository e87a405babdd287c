"""Two sessions at a time: the console, and another line with a shell of its own: a serial port, or a virtio console."""
import os
import queue
import socket
import sys
import tempfile
import threading
import time

import pexpect.fdpexpect

import console as console_module
from console import COLUMNS, CTRL_C, CTRL_Q, CTRL_S, PROMPT, ROWS, SECONDS, Console
from tap import run_tests, same, tests_in


class Relay:
    """Reads what the guest sends at once and keeps it until it is asked for: QEMU's virtio console throws away what its
    socket doesn't take."""

    def __init__(self, path):
        self.guest = socket.socket(socket.AF_UNIX)
        connect(self.guest, path)
        self.near, self.far = socket.socketpair()
        self.kept = queue.SimpleQueue()
        for work in (self.keep, self.hand_on, self.send):
            threading.Thread(target=work, daemon=True).start()

    def keep(self):
        while piece := receive(self.guest):
            self.kept.put(piece)
        self.kept.put(b"")

    def hand_on(self):
        while piece := self.kept.get():
            try:
                self.far.sendall(piece)
            except OSError:
                break
        self.far.close()

    def send(self):
        while piece := receive(self.far):
            self.guest.sendall(piece)

    def close(self):
        self.near.close()
        self.guest.close()


def receive(end):
    try:
        return end.recv(65536)
    except OSError:
        return b""


class Second(Console):
    """A person at the other end of a line."""

    def __init__(self, path, device):  # pylint: disable=super-init-not-called
        self.device = device
        self.relay = Relay(path)
        self.child = pexpect.fdpexpect.fdspawn(self.relay.near, timeout=SECONDS, encoding="utf-8", codec_errors="replace")
        self.child.delaybeforesend = None
        self.take_prompt()

    def take_prompt(self):
        """The shell may have greeted nobody: a line ended by us brings a prompt in any case."""
        self.type("\r")
        self.wait_for(r"# (\x1b\[6n)?")
        self.type("PS1='sluice''> '\r")
        self.wait_for("\n" + PROMPT)

    def close(self):
        self.relay.close()


def connect(end, path):
    until = time.monotonic() + SECONDS
    while True:
        try:
            return end.connect(path)
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)


def test_each_has_its_own_terminal_and_session(first, second):
    same(first.command("tty"), "/dev/console\n")
    same(second.command("tty"), f"{second.device}\n")
    sids = [side.command("cut -d' ' -f6 /proc/$$/stat") for side in (first, second)]
    assert sids[0] != sids[1], sids


def test_an_interrupt_ends_programs_of_its_session_only(first, second):
    first.start("exec sleep 1000")
    second.start("exec sleep 1000")
    second.type(CTRL_C)
    second.wait_for_prompt()
    same(second.status(), 130, "the second session's status")
    assert "sleep 1000" in second.command("ps")
    first.type(CTRL_C)
    first.wait_for_prompt()
    same(first.status(), 130, "the first session's status")


def test_stopped_output_of_one_does_not_hold_up_the_other(first, second):
    second.start("echo ready; read a; yes | head -20000; echo finished")
    second.wait_for("ready\r\n")
    second.type(CTRL_S + "\r")
    same(first.command("echo still here"), "still here\n")
    second.type(CTRL_Q)
    second.wait_for("finished\r\n")
    second.wait_for_prompt()


def test_a_lot_of_output_on_both_at_once(first, second):
    for side in (first, second):
        side.type("yes abcdefghi | head -5000; echo done''.\r")
    for side in (first, second):
        text = side.wait_for(r"done\.\r\n").partition("\n")[2]
        assert text == "abcdefghi\n" * 5000, (len(text), text[:80])
        side.wait_for_prompt()


def test_a_program_on_the_screen_hears_of_a_new_size(first, second):
    first.type("seq 500 | less\r")
    first.wait_for(rf"[^0-9]{ROWS - 1}\r\n\x1b\[{ROWS};")
    second.command(f"stty -F /dev/console rows 12 cols {COLUMNS}")
    # Redrawn in eleven lines, and a prompt in the last row.
    first.wait_for(r"[^0-9]11\r\n\x1b\[12;")
    second.command(f"stty -F /dev/console rows {ROWS} cols {COLUMNS}")
    first.wait_for(rf"[^0-9]{ROWS - 1}\r\n\x1b\[{ROWS};")
    first.type("q")
    first.wait_for_prompt()


def test_what_a_shell_leaves_behind_loses_the_terminal(first, second):
    second.command("(trap '' HUP; cat; echo over >/left) &")
    # It is stopped when it reads, and a shell that knows so wants to hear "exit" twice.
    second.command("until jobs >/jobs; grep -q Stopped /jobs; do sleep 0.1; done")
    second.type("exit\r")
    second.wait_for("stopped jobs")
    second.wait_for(PROMPT)
    second.type("exit\r")
    second.wait_for(r"# (\x1b\[6n)?$")
    second.take_prompt()
    same(first.command("while [ ! -e /left ]; do sleep 0.1; done; cat /left; rm /left"), "over\n")


def test_a_shell_that_ends_is_followed_by_another(first, second):
    old = second.command("echo $$")
    second.type("exit\r")
    second.wait_for(r"# (\x1b\[6n)?$")
    second.take_prompt()
    assert second.command("echo $$") != old
    same(first.command("echo still here"), "still here\n")


# scripts/run's option, and what the line is called in the guest.
LINES = {"--tty2": "/dev/ttyS2", "--hvc": "/dev/hvc0"}


class On:
    """A test with the second session on one of the lines."""

    def __init__(self, test, option):
        self.test, self.option = test, option
        self.__name__ = f"{test.__name__}_on_{os.path.basename(LINES[option])}"

    def __call__(self, first, second):
        self.test(first, second)


class Pairs:
    """Lends both sides of one machine to test after test, and a new machine after a test that failed or for the next
    line."""

    def __init__(self, place):
        self.path = os.path.join(place, "second")
        self.pair = self.option = None

    def lend(self, test):
        if self.pair and (test.option != self.option or not all(self.usable(side) for side in self.pair)):
            self.close()
        if not self.pair:
            self.option = test.option
            first = Console(self.option, f"unix:{self.path}")
            self.pair = (first, Second(self.path, LINES[self.option]))
        return self.pair

    @staticmethod
    def usable(side):
        try:
            return side.command("echo still $((6*7))") == "still 42\n"
        except (AssertionError, OSError, pexpect.ExceptionPexpect):
            return False

    def close(self):
        for side in self.pair or ():
            side.close()
        self.pair = None


if __name__ == "__main__":
    if console_module.ON_HOST:
        sys.exit("the host's shell has no second session")
    with tempfile.TemporaryDirectory(prefix="sluice-sessions-") as folder:
        pairs = Pairs(folder)
        try:
            found = tests_in(sys.modules[__name__])
            sys.exit(run_tests([On(test, option) for option in LINES for test in found], pairs.lend))
        finally:
            pairs.close()
