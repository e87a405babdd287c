"""A person at Sluice's console: types keys, waits for what must appear.

Nothing here waits for time to pass: each step waits for the text that proves that the one before took effect.
SLUICE_SMP gives the number of processors. SLUICE_CONSOLE=host puts the host's busybox shell in the guest's place, to
tell a fault of a test from one of Sluice.
"""
import os
import re
import sys

import pexpect

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above

ON_HOST = os.environ.get("SLUICE_CONSOLE") == "host"
PROMPT = "sluice> "
ROWS, COLUMNS = 30, 100
SECONDS = float(os.environ.get("SLUICE_SECONDS", "60"))
ESCAPES = re.compile(r"\x1b(\[[0-9;?]*[A-Za-z]|[()][A-Z0-9]|[=>])")

CTRL_A, CTRL_C, CTRL_D, CTRL_Q, CTRL_S, CTRL_U, CTRL_V, CTRL_W, CTRL_Z, CTRL_BACKSLASH, ERASE, ESCAPE = (
    "\x01\x03\x04\x11\x13\x15\x16\x17\x1a\x1c\x7f\x1b")


class Console:
    """One machine with a shell at its prompt."""

    def __init__(self, *run_options):
        if ON_HOST:
            command, words = "/bin/busybox", ["sh"]
        else:
            command = os.path.join(TOP, "scripts/run")
            log = os.path.join(os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build")), "test",
                               f"console.{os.getpid()}.log")
            os.makedirs(os.path.dirname(log), exist_ok=True)
            words = ["--smp", os.environ.get("SLUICE_SMP", "1"), "--timeout", "600", "--log", log, *run_options]
        environment = {**os.environ, "TERM": "vt100", "PS1": "# ", "HISTFILE": "/dev/null"}
        self.child = pexpect.spawn(command, words, env=environment, dimensions=(ROWS, COLUMNS), timeout=SECONDS,
                                   encoding="utf-8", codec_errors="replace")
        # Keys go at once: what must have appeared before them has been waited for.
        self.child.delaybeforesend = None
        self.wait_for(r"[#$] (\x1b\[6n)?$")
        # The quotes keep the echo of this line from looking like the prompt.
        self.type("PS1='sluice''> '\r")
        self.wait_for("\n" + PROMPT)

    def type(self, keys):
        self.child.send(keys)

    def wait_for(self, pattern):
        """Wait for the pattern; return what came before it, without escape sequences and carriage returns."""
        try:
            self.child.expect(pattern)
        except (pexpect.TIMEOUT, pexpect.EOF) as fault:
            how = "the end" if isinstance(fault, pexpect.EOF) else f"{SECONDS} s"
            raise AssertionError(f"waited for {pattern!r} until {how}; came {self.child.before!r}") from None
        return ESCAPES.sub("", self.child.before).replace("\r", "")

    def wait_for_prompt(self):
        return self.wait_for(re.escape(PROMPT))

    def command(self, line):
        """Type a line of at most one row, wait for the next prompt; return what the command printed."""
        self.type(line + "\r")
        return self.wait_for_prompt().partition("\n")[2]

    def start(self, command):
        """Start a command of the shell (without single quotes) in the foreground and wait until it runs."""
        self.type(f"sh -c 'echo started; {command}'\r")
        self.wait_for("\r\nstarted\r\n")

    def status(self):
        return int(self.command("echo $?"))

    def ended(self):
        """Wait for the machine's end and return the exit status."""
        self.child.expect(pexpect.EOF)
        self.child.wait()
        return self.child.exitstatus

    def close(self):
        self.child.close(force=True)


class Consoles:
    """Lends one console to test after test, and a new one after a test that failed or ended it."""

    GIVE_UP_AFTER = 2

    def __init__(self, *run_options):
        self.run_options = run_options
        self.console = None
        self.failed_boots = 0

    def lend(self, _test):
        if self.failed_boots >= self.GIVE_UP_AFTER:
            raise AssertionError(f"not tried: {self.failed_boots} machines in a row reached no prompt")
        if self.console is not None:
            try:
                tap.same(self.console.command("echo still $((6*7))"), "still 42\n", "the console after the last test")
            except (AssertionError, OSError, pexpect.ExceptionPexpect):
                self.close()
        if self.console is None:
            self.failed_boots += 1
            self.console = Console(*self.run_options)
            self.failed_boots = 0
        return (self.console,)

    def close(self):
        if self.console is not None:
            self.console.close()
        self.console = None


def main(module_name, *run_options):
    consoles = Consoles(*run_options)
    try:
        return tap.run_tests(tap.tests_in(sys.modules[module_name]), consoles.lend)
    finally:
        consoles.close()
