"""A terminal session over the network: Debian's ssh client here, dropbear in the guest."""
import os
import subprocess
import sys
import tempfile
import time

import pexpect

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "run"))
from guestnet import Guest  # noqa: E402  the path is set above
from test_programs import beside  # noqa: E402
import tap  # noqa: E402
from tap import same  # noqa: E402

ROWS, COLUMNS = 31, 97
SECONDS = 30
PROMPT = "there> "
DROPBEAR = "dropbear -F -E -R -s -r /etc/dropbear/key & read end; exit 0"


class Machine:
    """A guest with an ssh server, and the key that opens it."""

    def __init__(self):
        self.place = tempfile.TemporaryDirectory()
        self.key, host_key = (os.path.join(self.place.name, name) for name in ("key", "host"))
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.key], check=True)
        subprocess.run(["dropbearkey", "-t", "ed25519", "-f", host_key], check=True, capture_output=True)
        os.chmod(self.key + ".pub", 0o600)
        self.guest = Guest(DROPBEAR, "--smp", os.environ.get("SLUICE_SMP", "1"), "--hostfwd", "tcp:0:22",
                           *beside("/usr/sbin/dropbear", "/sbin/dropbear"), "--add", f"{host_key}:/etc/dropbear/key",
                           "--add", f"{self.key}.pub:/root/.ssh/authorized_keys")
        self.guest.wait_for("Not backgrounding")

    def ssh(self, *words):
        return ["ssh", "-F", "none", "-i", self.key, "-p", str(self.guest.port(22)), "-o", "StrictHostKeyChecking=no",
                "-o", "UserKnownHostsFile=/dev/null", "-o", "LogLevel=ERROR", "-o", "BatchMode=yes", *words]

    def run(self, command, **keywords):
        return subprocess.run(self.ssh("root@127.0.0.1", command), capture_output=True, timeout=SECONDS, **keywords)


def session(machine):
    """A shell over ssh on a terminal, at its prompt."""
    words = machine.ssh("-tt", "root@127.0.0.1")
    child = pexpect.spawn(words[0], words[1:], env={**os.environ, "TERM": "vt100"}, dimensions=(ROWS, COLUMNS),
                          timeout=SECONDS, encoding="utf-8", codec_errors="replace")
    child.delaybeforesend = None
    child.expect(r"[#$] (\x1b\[6n)?$")
    child.send("PS1='there''> '\r")
    child.expect("\n" + PROMPT)
    return child


def command(child, line):
    child.send(line + "\r")
    child.expect(PROMPT)
    return child.before.partition("\n")[2].replace("\r", "")


def start(child, line):
    """Start a command in the foreground and wait until it runs: keys before that are the shell's."""
    child.send(f"sh -c 'echo started; exec {line}'\r")
    child.expect("\r\nstarted\r\n")


def test_a_command_its_output_and_its_status(machine):
    done = machine.run("echo $((6*7)); echo wrong >&2; exit 3")
    same((done.returncode, done.stdout, done.stderr), (3, b"42\n", b"wrong\n"), "status, output and errors")


def test_input_and_output_pass_whole(machine):
    data = os.urandom(1 << 20)
    same(machine.run("cat", input=data).stdout == data, True, "a mebibyte there and back is the same")


def end_stopped_job(child):
    """The shell names the job before it hands the terminal over: a Ctrl-C sent at once may still reach the shell, which
    then either stays where it is or comes back to its prompt with the job as it was."""
    for _ in range(20):
        child.send("fg\r")
        child.expect("sleep")
        child.send("\x03")
        while child.expect([PROMPT, pexpect.TIMEOUT], timeout=3) != 0:
            child.send("\x03")
        if command(child, "jobs") == "":
            return
    raise AssertionError("the job outlives each Ctrl-C")


def test_a_terminal_with_its_size_and_its_keys(machine):
    child = session(machine)
    same(command(child, "stty size"), f"{ROWS} {COLUMNS}\n", "the size")
    assert command(child, "tty").startswith("/dev/pts/"), "no pseudo-terminal"
    start(child, "cat")
    child.send("wrong\x15right\r")
    child.expect("\nright\r\n")
    child.send("\x03")
    child.expect(PROMPT)
    same(command(child, "echo $?"), "130\n", "the status after Ctrl-C")
    start(child, "sleep 1000")
    child.send("\x1a")
    child.expect("Stopped")
    child.expect(PROMPT)
    end_stopped_job(child)
    child.send("exit 5\r")
    child.expect(pexpect.EOF)
    child.wait()
    same(child.exitstatus, 5, "the session's status")


def test_a_new_size_of_the_window(machine):
    child = session(machine)
    child.send("sh -c 'trap \"stty size\" WINCH; echo started; while :; do sleep 0.05; done'\r")
    child.expect("\r\nstarted\r\n")
    child.setwinsize(40, 120)
    child.expect("40 120\r\n")
    child.send("\x03")
    child.expect(PROMPT)
    same(command(child, "stty size"), "40 120\n", "the size")
    child.close(force=True)


def test_vi_draws_over_ssh(machine):
    child = session(machine)
    child.send("vi /tmp/text\r")
    child.expect(r"text.* 1/1 100%")
    child.send("ihello")
    child.expect(r"\x1b\[1;6H")
    # A colon right behind it would look like a longer key.
    child.send("\x1b")
    child.expect(r"\x1b\[1;5H")
    child.send(":wq\r")
    child.expect(PROMPT)
    same(command(child, "cat /tmp/text"), "hello\n", "what was written")
    child.close(force=True)


def test_sessions_side_by_side_and_a_dropped_one(machine):
    one, two = session(machine), session(machine)
    assert command(one, "tty") != command(two, "tty"), "two sessions have one terminal"
    start(one, "sleep 777")
    one.close(force=True)
    # What ran in the dropped session is hung up.
    end = time.monotonic() + SECONDS
    while command(two, "ps | grep -c '[s]leep 777'") != "0\n":
        assert time.monotonic() < end, "the dropped session's command runs on"
    two.close(force=True)


if __name__ == "__main__":
    lent = Machine()
    status = tap.run_tests(tap.tests_in(sys.modules[__name__]), lambda test: (lent,))
    lent.guest.end()
    sys.exit(status)
