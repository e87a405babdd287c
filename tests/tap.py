"""The Python tests' results, in TAP: a test is a function; it fails by raising."""
import sys
import traceback


class Skipped(Exception):
    """Raised by a test that can't be done here; its text says why."""


def run_tests(tests, argument_for=lambda test: ()):
    """Run each test with what argument_for gives it and print a line for each. Return an exit status.

    A word on the command line chooses the tests whose name contains it.
    """
    chosen = [test for test in tests if all(word in test.__name__ for word in sys.argv[1:])]
    print(f"TAP version 13\n1..{len(chosen)}", flush=True)
    failed = 0
    for number, test in enumerate(chosen, 1):
        name = test.__name__.replace("test_", "", 1).replace("_", " ")
        try:
            test(*argument_for(test))
            print(f"ok {number} - {name}", flush=True)
        except Skipped as why:
            print(f"ok {number} - {name} # SKIP {why}", flush=True)
        except Exception as fault:
            failed += 1
            print(f"not ok {number} - {name}")
            text = str(fault) if isinstance(fault, AssertionError) and str(fault) else traceback.format_exc()
            print("\n".join("# " + line for line in text.splitlines()), flush=True)
    return int(failed > 0 or not chosen)


def tests_in(module):
    """The module's tests, in the order of the file."""
    return [value for name, value in vars(module).items() if name.startswith("test_") and callable(value)]


def same(got, expected, what="value"):
    if got != expected:
        raise AssertionError(f"{what}: got {got!r}, expected {expected!r}")
