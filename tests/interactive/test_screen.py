"""Programs that take the whole terminal, and what a program may ask of it."""
import sys

from console import COLUMNS, CTRL_C, CTRL_D, ESCAPE, ON_HOST, ROWS, main
from tap import same


def test_the_window_has_the_size_of_the_persons(console):
    same(console.command("stty size"), f"{ROWS} {COLUMNS}\n")


def test_a_program_hears_of_a_new_size(console):
    console.command("stty rows 50 cols 120")
    same(console.command("stty size"), "50 120\n")
    console.command(f"stty rows {ROWS} cols {COLUMNS}")


def test_resize_takes_the_size_that_the_terminal_tells(console):
    if ON_HOST:
        return
    console.type("resize\r")
    console.wait_for(r"\x1b\[6n\x1b8")
    console.type("\x1b[40;110R")
    console.wait_for("40 rows, 110 columns")
    console.wait_for_prompt()
    same(console.command("stty size"), "40 110\n")
    console.command(f"stty rows {ROWS} cols {COLUMNS}")


def test_echo_off_hides_what_is_typed(console):
    console.start("stty -echo; echo ready; read a; stty echo; echo \"($a)\"")
    console.wait_for("ready\r\n")
    console.type("secret\r")
    seen = console.wait_for(r"\(secret\)")
    same(seen, "", "what was seen while echo was off")
    console.wait_for_prompt()


def test_raw_mode_gives_each_key_at_once(console):
    console.start("stty raw -echo; echo ready; dd bs=1 count=2 2>&- | od -c; stty sane")
    console.wait_for("ready")
    console.type("x" + CTRL_C)
    console.wait_for("x 003")
    console.wait_for_prompt()


def test_settings_are_kept_and_read_back(console):
    console.command("a=$(stty -g); stty -icrnl -onlcr erase ^H; b=$(stty -g); stty $a")
    same(console.command("[ $a = $(stty -g) ] && [ $a != $b ] && echo kept"), "kept\n")


def test_sane_restores_a_spoilt_terminal(console):
    console.type("stty raw -echo; stty sane; echo restored\r")
    console.wait_for("\nrestored\r\n")
    console.wait_for_prompt()
    same(console.command("echo visible"), "visible\n")


def test_vi_edits_and_saves_a_file(console):
    console.command("printf 'one\\ntwo\\n' >/tmp/note")
    console.type("vi /tmp/note\r")
    console.wait_for(r"one.*two.*/tmp/note")
    console.type("jccTWO lines")
    # Typed keys may be drawn one by one: the place of the cursor after the last one counts, and the file.
    console.wait_for(r"\x1b\[2;10H")
    # A colon right behind it would look like a longer key: vi must have taken the Escape key.
    console.type(ESCAPE)
    console.wait_for(r"\x1b\[2;9H")
    console.type(":wq\r")
    console.wait_for_prompt()
    same(console.command("cat /tmp/note"), "one\nTWO lines\n")


def test_vi_writes_a_new_file(console):
    console.type("vi /tmp/new\r")
    # The name below the empty lines: the echo of the command has it too.
    console.wait_for("~.*/tmp/new")
    console.type("ifirst\rsecond")
    console.wait_for(r"\x1b\[2;7H")
    console.type(ESCAPE)
    console.wait_for(r"\x1b\[2;6H")
    console.type(":x\r")
    console.wait_for_prompt()
    same(console.command("cat /tmp/new; rm /tmp/new"), "first\nsecond\n")


def test_top_shows_processes_and_quits(console):
    console.type("top\r")
    console.wait_for("PID")
    console.wait_for("top")
    console.type("q")
    console.wait_for_prompt()


def test_less_shows_a_page_and_quits(console):
    console.type("seq 500 | less\r")
    console.wait_for(str(ROWS - 1))
    console.type("q")
    console.wait_for_prompt()


def wait_for_page(console, last):
    """A page of less that ends with the line LAST, drawn down to the row for less's own words."""
    console.wait_for(rf"[^0-9]{last}\r\n\x1b\[{ROWS};0H\x1b\[K")


def test_less_moves_by_pages_and_lines(console):
    page = ROWS - 1
    console.type("seq 500 | less\r")
    wait_for_page(console, page)
    console.type(" ")
    wait_for_page(console, 2 * page)
    console.type("b")
    wait_for_page(console, page)
    console.type("j")
    wait_for_page(console, page + 1)
    console.type("G")
    console.wait_for(r"[^0-9]500\r\n.*\(END\)")
    console.type("g")
    wait_for_page(console, page)
    console.type("q")
    console.wait_for_prompt()


def test_less_searches(console):
    page = ROWS - 1
    console.command("seq 500 >/tmp/numbers")
    console.type("less /tmp/numbers\r")
    wait_for_page(console, page)
    console.type("/^33.$\r")
    wait_for_page(console, 330 + page - 1)
    console.type("n")
    wait_for_page(console, 331 + page - 1)
    console.type("?^1.9$\r")
    wait_for_page(console, 199 + page - 1)
    console.type("q")
    console.wait_for_prompt()


def test_end_of_file_ends_the_shell(console):
    """The last test of its machine: with the shell the machine goes off, orderly."""
    console.type(CTRL_D)
    same(console.ended(), 0, "the status of scripts/run")


def test_exit_gives_its_status(console):
    console.type("exit 7\r")
    same(console.ended(), 7, "the status of scripts/run")


def test_poweroff_ends_the_machine(console):
    if ON_HOST:
        return
    console.type("poweroff\r")
    same(console.ended(), 0, "the status of scripts/run")


def test_reboot_starts_the_machine_anew(console):
    if ON_HOST:
        return
    console.type("reboot\r")
    console.wait_for("the machine starts anew")
    console.wait_for("Leave with")
    console.wait_for(r"[#$] (\x1b\[6n)?$")
    console.type("exit 9\r")
    same(console.ended(), 9, "the status of scripts/run")


def test_control_a_x_ends_the_machine(console):
    if ON_HOST:
        return
    console.type("\x01x")
    same(console.ended(), 0, "the status of scripts/run")


if __name__ == "__main__":
    sys.exit(main(__name__))
