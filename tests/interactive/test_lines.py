"""Typing a line: the terminal's own editing (canonical mode), seen through a program that only reads."""
import sys

from console import CTRL_C, CTRL_D, CTRL_U, CTRL_V, CTRL_W, ERASE, main
from tap import same


def typed_to_cat(console, keys, expected):
    """Type keys and Return to cat; what it repeats is the line that the terminal handed it."""
    console.start("cat")
    console.type(keys + "\r")
    console.wait_for(f"\n{expected}\r\n")
    console.type(CTRL_D)
    console.wait_for_prompt()


def test_a_command_prints_its_result(console):
    same(console.command("echo $((6*7))"), "42\n")


def test_erase_takes_back_one_character(console):
    typed_to_cat(console, f"abx{ERASE}cd{ERASE}{ERASE}CD", "abCD")


def test_erase_is_seen_on_the_screen(console):
    console.start("cat")
    console.type(f"ab{ERASE}")
    console.wait_for("ab\b \b")
    console.type(CTRL_C)
    console.wait_for_prompt()


def test_erase_stops_at_the_start_of_the_line(console):
    typed_to_cat(console, f"a{ERASE}{ERASE}{ERASE}b", "b")


def test_erase_takes_a_tab_as_one_character(console):
    typed_to_cat(console, f"a\t{ERASE}b", "ab")


def test_kill_takes_back_the_line(console):
    typed_to_cat(console, f"one two{CTRL_U}three", "three")


def test_word_erase_takes_back_a_word(console):
    typed_to_cat(console, f"one two  {CTRL_W}2", "one 2")


def test_literal_next_takes_the_meaning_from_a_key(console):
    console.start("od -c")
    console.type(f"a{CTRL_V}{CTRL_C}b\r")
    console.wait_for(r"\^C")
    console.type(CTRL_D)
    console.wait_for(r"a 003   b  \\n")
    console.wait_for_prompt()


def test_control_characters_are_echoed_with_a_hat(console):
    console.start("cat")
    console.type("\x02x\r")
    console.wait_for(r"\^Bx\r\n\x02x\r\n")
    console.type(CTRL_D)
    console.wait_for_prompt()


def test_end_of_file_ends_a_program_that_reads(console):
    console.start("cat")
    console.type(CTRL_D)
    console.wait_for_prompt()
    same(console.status(), 0, "cat's status")


def test_end_of_file_in_a_line_hands_over_what_is_there(console):
    console.start("cat")
    console.type("abc" + CTRL_D)
    console.wait_for("abcabc")
    console.type(CTRL_D)
    console.wait_for_prompt()


def test_a_line_waits_for_its_end(console):
    """What is typed ahead is there for the next program."""
    console.start("read a; read b; echo \"($a)($b)\"")
    console.type("first\rsecond\r")
    console.wait_for(r"\(first\)\(second\)")
    console.wait_for_prompt()


def test_the_shell_edits_its_own_line(console):
    console.type("echo helo\x1b[Dl\x1b[C!")
    console.type("\r")
    console.wait_for("\nhello!\r\n")
    console.wait_for_prompt()


def test_the_shell_recalls_the_last_line(console):
    console.command("echo remember")
    console.type("\x1b[A")
    console.wait_for("echo remember")
    console.type("\r")
    console.wait_for("\nremember\r\n")
    console.wait_for_prompt()


def test_a_long_output_arrives_whole_and_in_order(console):
    same(console.command("seq 3000"), "".join(f"{n}\n" for n in range(1, 3001)))


def test_a_long_paste_arrives_whole(console):
    console.start("cat >/tmp/paste")
    lines = "".join(f"line {n} of a text that somebody pastes\r" for n in range(100))
    # Half of it at once; the echo of each half says that the terminal has taken it.
    for half in (lines[:len(lines) // 2], lines[len(lines) // 2:]):
        console.type(half)
    console.wait_for("line 99 of a text that somebody pastes\r\n")
    console.type(CTRL_D)
    console.wait_for_prompt()
    same(console.command("cat /tmp/paste; rm /tmp/paste"), lines.replace("\r", "\n"))


if __name__ == "__main__":
    sys.exit(main(__name__))
