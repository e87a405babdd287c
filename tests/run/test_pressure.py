"""Programs that take all memory or all processors: who has to go, what is given back, and that a person gets through."""
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build"))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402

RUN = os.path.join(TOP, "scripts/run")
PRESSURE = os.path.join(BUILD, "programs/pressure")
SECONDS = 240
MIB = 1 << 20


def shell(script, *options, typed=""):
    """Return (status, output, log) of a shell script in the guest, at whose console TYPED is typed."""
    done = subprocess.run([RUN, "--timeout", str(SECONDS), "--add", f"{PRESSURE}:/bin/pressure", *options, "--",
                           "/bin/busybox", "sh", "-c", script],
                          input=typed.encode(), capture_output=True, timeout=SECONDS + 60)
    return done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace")


def test_who_has_only_page_tables_is_the_one_that_goes():
    status, output, log = shell("""
pressure hold 8 /tmp/sign & bystander=$!
while ! test -e /tmp/sign; do sleep 0.1; done
pressure tables; echo "tables: $?"
kill $bystander && echo "the bystander lives"
""", "--mem", "64")
    same(status, 0, f"status; log: {log[-800:]}")
    assert "tables: 137\n" in output and "the bystander lives\n" in output, (output, log[-800:])
    assert "(pressure)" in log, log[-800:]


def test_who_is_protected_stays():
    status, output, log = shell("""
pressure hold 32 /tmp/sign & bystander=$!
while ! test -e /tmp/sign; do sleep 0.1; done
echo -1000 > /proc/$bystander/oom_score_adj
( pressure hold 40 /tmp/large; echo "large: $?" )
kill $bystander && echo "the bystander lives"
""", "--mem", "64")
    same(status, 0, f"status; log: {log[-800:]}")
    assert "large: 137\n" in output and "the bystander lives\n" in output, (output, log[-800:])


def test_caches_make_room_for_shared_memory():
    with tempfile.NamedTemporaryFile() as disk:
        disk.truncate(128 * MIB)
        status, output, log = shell("""
pressure shared 24 /dev/vda && echo "shared: $?"
pressure segment 24 /dev/vda && echo "segment: $?"
""", "--mem", "64", "--disk", disk.name)
    same(output.replace("\r", ""), "shared: 0\nsegment: 0\n", f"log: {log[-800:]}")
    same(status, 0, "status")


def hogs(smp):
    status, output, log = shell("""
pressure hogs /tmp/sign & hogs=$!
while ! test -e /tmp/sign; do sleep 0.1; done
read line; echo "got $line"
ls / > /dev/null && echo "still here"
pkill -9 pressure
""", "--smp", str(smp), typed="a line\n")
    assert "got a line" in output and "still here" in output, (status, output, log[-800:])


def test_the_console_answers_beside_hogs_of_the_highest_priority():
    hogs(1)
    hogs(4)


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
