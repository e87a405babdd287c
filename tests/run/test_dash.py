"""dash, built with newlib: the same scripts give the same as on this machine's Linux, where the same file runs."""
import os
import subprocess
import sys

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_contract  # noqa: E402  the path is set above
from test_contract import TOP, run  # noqa: E402
import tap  # noqa: E402  test_contract has set the path
from tap import same  # noqa: E402

DASH = os.path.join(os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build")), "user/dash")
SCRIPTS = {
    "pipelines": "for i in a b c; do echo $i | cat | cat; done; ls -d / /etc | while read -r d; do echo \"<$d>\"; done",
    "substitution": "x=$(printf '%s-%05d' a 42); echo \"$x ${x#a-} ${#x}\"; echo $((1 << 10 | 5))",
    "functions": "f() { local v=1; return 3; }; f; echo $?; set -- one 'two three'; for a; do echo $a; done",
    "traps": "trap 'echo caught' USR1; kill -USR1 $$; trap 'echo bye' EXIT; (exit 4); echo $?",
    "background": "(exit 7) & wait $!; echo $?; sleep 0.01 & wait; echo done",
    "redirection": "cd /tmp; echo one > dash.$$; echo two >> dash.$$; cat < dash.$$; rm dash.$$; cat <<E\nhere $((2*3))\nE",
    "globbing": "cd /etc; echo pass[w]d gr?up; echo /no/such/*; case passwd in p*d) echo case;; esac",
    "errors": "no-such-command 2>/dev/null; echo $?; cd /no/such/place 2>/dev/null || echo refused; exit 9",
}


def test_scripts_give_what_they_give_on_linux():
    for name, script in SCRIPTS.items():
        here = subprocess.run([DASH, "-c", script], stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, check=False)
        status, output, log = run("--", "/bin/dash", "-c", script)
        same((status, output), (here.returncode, here.stdout), f"{name} (log: {log[-300:]})")


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
