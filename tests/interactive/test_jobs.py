"""Signals from the keyboard and job control, as a person uses them in a shell."""
import re
import sys

import pexpect

from console import CTRL_BACKSLASH, CTRL_C, CTRL_D, CTRL_Z, PROMPT, main
from tap import same

JOB_STATES_TRIED = 200


def wait_for_job(console, state):
    """Ask the shell for its jobs until the one there is has the state."""
    for _ in range(JOB_STATES_TRIED):
        listed = console.command("jobs")
        if state in listed:
            return listed
    raise AssertionError(f"no job became {state}: {listed!r}")


def press_until_prompt(console, key):
    """The shell names a job before it hands the terminal over: a key pressed at once may still reach the shell."""
    for _ in range(20):
        console.type(key)
        if console.child.expect([re.escape(PROMPT), pexpect.TIMEOUT], timeout=3) == 0:
            return
    raise AssertionError(f"no prompt after {key!r}")


def end_jobs(console):
    console.command("kill -9 %1")
    for _ in range(JOB_STATES_TRIED):
        if console.command("jobs") == "":
            return
    raise AssertionError("a job outlives kill -9")


def test_interrupt_ends_a_program_and_the_prompt_returns(console):
    console.start("exec sleep 1000")
    console.type(CTRL_C)
    console.wait_for_prompt()
    same(console.status(), 130, "the status after an interrupt")


def test_interrupt_ends_a_program_that_computes(console):
    console.start("while :; do :; done")
    console.type(CTRL_C)
    console.wait_for_prompt()
    same(console.status(), 130, "the status after an interrupt")


def test_interrupt_ends_a_pipeline(console):
    console.start("yes | cat >/dev/null")
    console.type(CTRL_C)
    console.wait_for_prompt()
    same(console.status(), 130, "the status after an interrupt")


def test_interrupt_at_the_prompt_gives_a_new_one(console):
    console.type("not a command" + CTRL_C)
    console.wait_for_prompt()
    same(console.command("echo here"), "here\n")


def test_interrupt_discards_the_typed_line(console):
    console.start("trap : INT; echo ready; read a; read b; echo \"($b)\"")
    console.wait_for("ready\r\n")
    console.type("thrown away" + CTRL_C)
    console.wait_for(r"\^C")
    console.type("one\rtwo\r")
    console.wait_for(r"\((one|two)\)")
    console.wait_for_prompt()


def test_quit_ends_a_program(console):
    # Its answer says that it runs: before, there is the shell, which quit doesn't end.
    console.start("exec cat")
    console.type("running\r")
    console.wait_for("running\r\nrunning\r\n")
    console.type(CTRL_BACKSLASH)
    console.wait_for_prompt()
    same(console.status(), 131, "the status after quit")


def test_suspend_background_and_foreground(console):
    console.start("exec sleep 1000")
    console.type(CTRL_Z)
    console.wait_for("Stopped")
    console.wait_for_prompt()
    wait_for_job(console, "Stopped")
    console.command("bg")
    wait_for_job(console, "Running")
    console.type("fg\r")
    console.wait_for("sleep 1000")
    press_until_prompt(console, CTRL_C)
    same(console.command("jobs"), "", "jobs left")


def test_a_suspended_program_goes_on_where_it_was(console):
    console.start("cat")
    console.type("before\r")
    console.wait_for("before\r\nbefore\r\n")
    console.type(CTRL_Z)
    console.wait_for_prompt()
    console.type("fg\r")
    console.wait_for("cat")
    console.type("after\r")
    console.wait_for("after\r\nafter\r\n")
    console.type(CTRL_D)
    console.wait_for_prompt()


def test_a_background_program_that_reads_is_stopped(console):
    console.command("cat &")
    wait_for_job(console, "Stopped")
    end_jobs(console)


def test_a_background_program_may_write(console):
    console.type("sh -c 'echo from be''hind' &\r")
    console.wait_for("from behind")
    console.type("\r")
    console.wait_for_prompt()
    console.command("wait")


def test_tostop_stops_a_background_program_that_writes(console):
    console.command("stty tostop")
    console.command("echo hidden &")
    wait_for_job(console, "Stopped")
    console.command("stty -tostop")
    end_jobs(console)


def test_a_background_program_survives_the_interrupt_key(console):
    console.command("sleep 1000 &")
    console.start("exec sleep 1000")
    console.type(CTRL_C)
    console.wait_for_prompt()
    wait_for_job(console, "Running")
    end_jobs(console)


def test_the_shell_outlives_the_quit_and_suspend_keys(console):
    console.type(CTRL_BACKSLASH + CTRL_Z)
    console.type("\r")
    console.wait_for_prompt()
    same(console.command("echo alive"), "alive\n")


if __name__ == "__main__":
    sys.exit(main(__name__))
