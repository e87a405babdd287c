"""scripts/test and scripts/layers: that what is wrong is found."""
import importlib.machinery
import importlib.util
import os
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402


def script(name):
    """A script as a module; it has no ending that import would know."""
    loader = importlib.machinery.SourceFileLoader(f"script_{name}", os.path.join(TOP, "scripts", name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(loader.name, loader))
    loader.exec_module(module)
    return module


sys.dont_write_bytecode = True
harness, layers = script("test"), script("layers")


def judged(output, status=0):
    """Run a shell that prints output and ends so; return (passed, skipped, failed)."""
    with tempfile.TemporaryDirectory() as place:
        job = harness.Job("job", ["/bin/sh", "-c", f"cat <<'END'\n{output}\nEND\nexit {status}"], 10)
        ended, _ = harness.execute(job, f"{place}/job")
        result = harness.judge(job, f"{place}/job", ended)
        harness.diagnosis(f"{place}/job", result)
        return result.passed, result.skipped, len(result.faults)


def test_results_are_counted():
    same(judged("TAP version 13\n1..3\nok 1 - a\nok 2 b\nok 3"), (3, 0, 0))


def test_a_failed_result_counts():
    same(judged("1..2\nok 1 - a\nnot ok 2 - b", 1), (1, 0, 1))


def test_a_skipped_result_is_neither():
    same(judged("1..2\nok 1 - a # SKIP no such device\nok 2 - b"), (1, 1, 0))


def test_a_bad_status_without_a_failed_result_is_a_failure():
    same(judged("1..1\nok 1 - a", 1), (1, 0, 1))


def test_a_missing_result_is_a_failure():
    same(judged("1..2\nok 1 - a"), (1, 0, 1))


def test_no_result_at_all_is_a_failure():
    same(judged("hello"), (0, 0, 1))
    same(judged("1..0"), (0, 0, 1))


def test_text_that_only_looks_like_a_result_is_none():
    same(judged("okay 1\n  ok 1 - inner\nok 1 - real\nnot okay"), (1, 0, 0))


def test_a_job_that_hangs_is_a_failure():
    with tempfile.TemporaryDirectory() as place:
        job = harness.Job("job", ["/bin/sh", "-c", "echo ok 1; sleep 1000"], 0.5)
        status, _ = harness.execute(job, f"{place}/job")
        same(status, None, "status")
        same(len(harness.judge(job, f"{place}/job", status).faults), 1, "faults")


def layer_faults(path, name, target):
    return list(layers.layer_faults({path: [(name, target)]}))


def test_forbidden_includes_are_found():
    for path, target in (("io/tty/x.c", "kernel/log.h"), ("io/x.c", "drivers/uart/uart.h"),
                         ("drivers/uart/x.c", "kernel/cpu/port.h"), ("drivers/uart/x.c", "io/tty/private.h"),
                         ("io/include/oskit/x.h", "io/include/sluice/env.h"), ("kernel/x.c", "libc/x.h"),
                         ("libc/x.c", "kernel/sys/fdtab.h"), ("boot/x.S", "kernel/log.h")):
        same(len(layer_faults(path, target, target)), 1, f"faults of {path} including {target}")
    for path, name in (("io/x.c", "stdio.h"), ("drivers/x.c", "unistd.h"), ("kernel/x.c", "string.h")):
        same(len(layer_faults(path, name, None)), 1, f"faults of {path} including <{name}>")


def test_permitted_includes_are_not():
    for path, target in (("io/tty/x.c", "io/tty/private.h"), ("io/x.c", "io/include/oskit/error.h"),
                         ("drivers/uart/x.c", "drivers/uart/uart.h"), ("kernel/x.c", "drivers/uart/uart.h"),
                         ("libc/x.c", "kernel/abi/errno.h"), ("tests/host/x.c", "kernel/log.h")):
        same(layer_faults(path, target, target), [], f"faults of {path} including {target}")
    for path, name in (("io/x.c", "stdint.h"), ("kernel/x.c", "cpuid.h"), ("libc/x.c", "stdio.h")):
        same(layer_faults(path, name, None), [], f"faults of {path} including <{name}>")


def test_cycles_are_found_once():
    graph = {"a": [("b", "b")], "b": [("c", "c")], "c": [("a", "a")], "d": [("a", "a")]}
    same(len(list(layers.cycle_faults(graph))), 1, "cycles")
    same(len(list(layers.cycle_faults({"a": [("a", "a")]}))), 1, "cycles of a file that includes itself")
    same(list(layers.cycle_faults({"a": [("b", "b"), ("c", "c")], "b": [("c", "c")], "c": []})), [], "cycles of none")


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
