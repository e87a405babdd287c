"""What scripts/bench makes of rows and boots that fail: no figure is lost, and each fault is told."""
import contextlib
import importlib.machinery
import importlib.util
import io
import os
import sys

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402

sys.dont_write_bytecode = True
LOADER = importlib.machinery.SourceFileLoader("bench", os.path.join(TOP, "scripts/bench"))
bench = importlib.util.module_from_spec(importlib.util.spec_from_loader("bench", LOADER))
LOADER.exec_module(bench)

ABOUT = {"qemu": "0", "processor": "any", "ours": "abc", "linux": "6", "linux_words": "quiet"}
PLAIN, QUICK = (f"bench: row getppid ok 10 1 {ticks}0 {ticks}0 0 0 getppid\r\n" for ticks in (5, 1))
WAITS, LOSSY = (f"bench: row net_udp_trip ok 10 1 50 50 0 {lost} card: UDP round trip\r\n" for lost in (0, 3))
FAILED = "bench: row net_udp_trip failed 11 card: UDP round trip\r\n"
BROKEN_OFF = ""
GOOD = (PLAIN, WAITS)


def boot_of(*rows):
    """A boot that told these rows; an empty one behind them breaks it off."""
    text = "\nbench: up 1000\r\n" + "".join(rows)
    text += f"bench: end {len(rows)}\r\n" if all(rows) else ""
    return bench.Boot(text, [(0, 0.0), (len(text), 2.0)], "last words")


class Machines:
    """Boots without machines: what each kernel tells in wall time, boot by boot, both models alike."""

    def __init__(self, **told):
        self.told = {(kernel, model): iter(boots) for kernel, boots in told.items() for model in bench.MODELS}

    def count_plain(self, _kernel, _model):
        return boot_of(PLAIN)

    def count_waiting(self, _kernel, _model):
        boot = boot_of(WAITS)
        boot.count("row\nbatch 100 1\nbatch 90 1\nbatch 0 0\n")
        return boot

    def time(self, kernel, model):
        boot = boot_of(*next(self.told[kernel, model]))
        boot.duration = 1.0
        if not boot.whole:
            boot.faults.append("it did not come to the end")
        return boot


def outcome(ours, linux):
    """(the page, what was said, the exit status) of as many runs as there are boots of each."""
    work = bench.Bench(Machines(Sluice=ours, Linux=linux), len(ours))
    said = io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
        work.run(lambda: None)
        work.tell_time()
        page = bench.page.document(work.figures, ABOUT, work.clock_note())
        status = bench.judge(work)
    return page, said.getvalue(), status


def line(page, *words):
    """The one line of the table of wall times that holds the words."""
    found = [text for text in page.partition("## Wall time")[2].splitlines() if all(word in text for word in words)]
    same(len(found), 1, f"lines with {words} in\n{page}")
    return found[0]


def test_all_good():
    page, said, status = outcome([GOOD] * 3, [GOOD] * 3)
    same(status, 0, f"the status; {said}")
    assert "| 1.00 | 0.70 | **not met** |" in line(page, "UDP round trip"), page
    assert "median of 3 boots" in page and "failed" not in page, page


def test_a_row_that_fails_once_has_its_figure_from_the_other_boots():
    page, said, status = outcome([GOOD, (PLAIN, FAILED), GOOD], [GOOD] * 3)
    assert "| 5.0 (failed 1 of 3) | 5.0 | 1.00 |" in line(page, "UDP round trip"), page
    assert "failed" not in line(page, "getppid"), page
    same(status, 1, "the status after a failure of ours")
    assert "error 11; the kernel's last words: last words" in said, said


def test_a_failure_of_linux_is_told_and_counts_only_without_a_figure():
    page, said, status = outcome([GOOD] * 2, [(PLAIN, FAILED), GOOD])
    same(status, 0, f"the status; {said}")
    assert "(failed 1 of 2)" in line(page, "UDP round trip") and "Linux at -cpu max: card" in said, said
    page, said, status = outcome([GOOD] * 2, [(PLAIN, FAILED)] * 2)
    same(status, 1, f"the status; {said}")
    assert "| failed 2 of 2 | - |" in line(page, "UDP round trip") and "no figure" in page, page


def test_one_failure_among_the_rounds_of_a_boot_is_a_failure_of_the_boot():
    page, _, status = outcome([GOOD, (PLAIN, WAITS, PLAIN, FAILED, PLAIN, WAITS)], [GOOD] * 2)
    assert "(failed 1 of 2)" in line(page, "UDP round trip"), page
    same(status, 1, "the status")


def test_a_boot_that_breaks_off_keeps_what_it_told():
    page, said, status = outcome([GOOD, (QUICK, BROKEN_OFF)], [GOOD] * 2)
    assert "| 3.0 | 5.0 |" in line(page, "getppid"), page
    assert "(failed 1 of 2)" in line(page, "UDP round trip"), page
    assert "did not come to the end" in said, said
    same(status, 1, "the status")


def test_losses_are_told():
    page, said, status = outcome([(PLAIN, LOSSY), GOOD], [GOOD] * 2)
    same(status, 0, f"the status; {said}")
    assert "lost and sent again, in all boots: 6 on Sluice, 0 on Linux" in page, page


def test_clocks_that_disagree_are_told():
    other = "bench: row getppid ok 10 1 50 100 0 0 getppid\n"
    page, said, status = outcome([GOOD], [(other, WAITS)])
    same(status, 1, f"the status; {said}")
    assert "not to be compared" in page, page


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
