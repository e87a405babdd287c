"""script(1): a session in a pseudo-terminal in the session, and a record of what was seen."""
import os
import sys

import console as console_module
from console import COLUMNS, CTRL_C, CTRL_D, CTRL_Z, ROWS, main
from tap import same

sys.path.insert(0, os.path.join(console_module.TOP, "tests/run"))
from test_programs import beside  # noqa: E402  the path is set above

SCRIPT = "/usr/bin/script"
INNER = "inner> "
RECORD = "/tmp/typescript"


def begin(console, options=""):
    console.type(f"PS1='{INNER}' script -q -e {options} -c 'busybox sh' {RECORD}\r")
    # The greeting, and the prompt behind it: the line just typed has one, too.
    console.wait_for("built-in commands")
    console.wait_for("\n" + INNER)


def inner_command(console, line):
    console.type(line + "\r")
    return console.wait_for("\n" + INNER).partition("\n")[2]


def leave(console, status):
    console.type(f"exit {status}\r")
    console.wait_for_prompt()
    same(console.status(), status, "the status of the session")


def record(console):
    """What was recorded, without the first line and the last, which are script's own, and without line edits."""
    text = console.command(f"tr -d '\\r' <{RECORD} | sed -e 1d -e '$d' -e 's/.\\[6n//'")
    return text.strip("\n").split("\n")


def test_the_record_has_what_was_seen(console):
    begin(console)
    same(inner_command(console, "echo $((6*7))"), "42", "what the command printed")
    leave(console, 0)
    lines = record(console)
    same(lines[-3:], [f"{INNER}echo $((6*7))", "42", f"{INNER}exit 0"], "the end of the record")


def test_the_inner_session_has_its_own_terminal(console):
    begin(console)
    terminal = inner_command(console, "tty")
    assert terminal.startswith("/dev/pts/"), terminal
    same(inner_command(console, "stty size"), f"{ROWS} {COLUMNS}", "the size of the inner terminal")
    same(inner_command(console, "stty -echo; stty | grep -c -e '-echo'; stty echo"), "1", "settings of the inner terminal")
    leave(console, 5)
    same(console.command("tty"), "/dev/console\n" if not console_module.ON_HOST else console.command("tty"))
    same(console.command("stty | grep -c -e -echo"), "0\n", "settings of the outer terminal")


def test_keys_for_programs_go_through(console):
    begin(console)
    console.type("sh -c 'echo started; exec sleep 1000'\r")
    console.wait_for("\r\nstarted\r\n")
    console.type(CTRL_C)
    console.wait_for(INNER)
    same(inner_command(console, "echo $?"), "130", "the status after the interrupt key")
    console.type("sh -c 'echo started; exec sleep 1000'\r")
    console.wait_for("\r\nstarted\r\n")
    console.type(CTRL_Z)
    console.wait_for("Stopped")
    console.wait_for(INNER)
    # A shell doesn't wait for a job that it takes to be stopped, and doesn't leave while it has one.
    inner_command(console, "kill -9 %1; fg %1")
    console.type(CTRL_D)
    console.wait_for_prompt()


def test_much_output_is_recorded_whole(console):
    begin(console)
    console.type("seq 20000\r")
    console.wait_for("\r\n19999\r\n20000\r\n" + INNER)
    leave(console, 0)
    same(console.command(f"tr -d '\\r' <{RECORD} | grep -c '^[0-9][0-9]*$'"), "20000\n", "numbers in the record")


def test_a_record_can_be_added_to(console):
    console.command(f"echo first >{RECORD}")
    begin(console, "-a")
    same(inner_command(console, "echo sec''ond"), "second", "what the command printed")
    leave(console, 0)
    same(console.command(f"grep -c -x -e first -e 'second.*' {RECORD}"), "2\n", "lines of both")


if __name__ == "__main__":
    sys.exit(main(__name__, *beside(SCRIPT, SCRIPT)))
