"""Programs of the host's, unmodified: dynamic ones with their loader and libraries beside them."""
import os
import re
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import test_contract  # noqa: E402  the path is set above
from test_contract import gives, run  # noqa: E402
import tap  # noqa: E402  test_contract has set the path

SOURCE = b"""
#include <stdio.h>
#include <stdlib.h>
#include <errno.h>
static _Thread_local int once = 3;
int main(int argc, char **argv)
{
    char *memory = malloc(100000);
    errno = 0;
    printf("%d %s %d %s\\n", argc, argv[argc - 1], once, memory ? "memory" : "none");
    return 7;
}
"""


def needed(program):
    """The loader and the libraries that PROGRAM names, by its loader's own word."""
    listing = subprocess.run(["ldd", program], stdout=subprocess.PIPE, check=True, text=True).stdout
    return sorted(set(re.findall(r"(/\S+) \(0x", listing)))


def beside(program, where):
    """The options that put PROGRAM at WHERE, and what it needs at the same places as here."""
    options = ["--add", f"{program}:{where}"]
    for path in needed(program):
        options += ["--add", f"{os.path.realpath(path)}:{path}"]
    return options


def compiled(place, *compiler):
    program = os.path.join(place, "t")
    subprocess.run([*compiler, "-x", "c", "-", "-o", program], input=SOURCE, check=True)
    return program


def test_a_dynamic_program_of_the_hosts_runs():
    with tempfile.TemporaryDirectory() as place:
        program = compiled(place, "gcc")
        gives(run(*beside(program, "/t"), "--", "/t", "two"), 7, b"2 two 3 memory\n")


def test_a_static_position_independent_program_runs():
    with tempfile.TemporaryDirectory() as place:
        program = compiled(place, "gcc", "-static-pie")
        gives(run("--add", f"{program}:/t", "--", "/t", "two"), 7, b"2 two 3 memory\n")


def test_a_dynamic_musl_program_runs():
    with tempfile.TemporaryDirectory() as place:
        program = compiled(place, "musl-gcc")
        headers = subprocess.run(["readelf", "-lW", program], stdout=subprocess.PIPE, check=True, text=True).stdout
        loader = re.search(r"interpreter: ([^\]]+)", headers).group(1)
        gives(run("--add", f"{program}:/t", "--add", f"{os.path.realpath(loader)}:{loader}", "--", "/t", "two"), 7,
              b"2 two 3 memory\n")


PYTHON = """
import json, mmap, os, select, subprocess, tempfile, threading
threads = [threading.Thread(target=lambda: None) for _ in range(3)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
reader, writer = os.pipe()
poll = select.epoll()
poll.register(reader, select.EPOLLIN)
os.write(writer, b"x")
assert poll.poll(5) == [(reader, select.EPOLLIN)]
file = tempfile.TemporaryFile()
file.write(b"hello" * 1000)
file.flush()
view = mmap.mmap(file.fileno(), 0)
view[0:3] = b"ABC"
file.seek(0)
print(json.dumps([file.read(5).decode(), subprocess.check_output(["/bin/echo", "child"]).decode()]))
"""


def test_python_runs():
    program = os.path.realpath("/usr/bin/python3")
    name = os.path.basename(program)
    with tempfile.TemporaryDirectory() as place:
        library = os.path.join(place, name)
        shutil.copytree(f"/usr/lib/{name}", library, symlinks=False, ignore_dangling_symlinks=True,
                        ignore=shutil.ignore_patterns("test", "config-*", "__pycache__", "idlelib", "ensurepip", "*.a"))
        gives(run("--mem", "512", *beside(program, program), "--add", f"{library}:/usr/lib/{name}", "--", program, "-c",
                  PYTHON), 0, b'["ABClo", "child\\n"]\n')


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
