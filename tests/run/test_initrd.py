"""scripts/initrd: the archives that the kernel reads."""
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402

INITRD = os.path.join(TOP, "scripts/initrd")


def initrd(*words):
    return subprocess.run([INITRD, *words], capture_output=True, text=True, timeout=60)


def listing(path):
    done = initrd("list", path)
    same(done.returncode, 0, "status of list")
    return {line.split(None, 2)[2]: line.split()[0] for line in done.stdout.splitlines()}


class Place(tempfile.TemporaryDirectory):
    """A folder with a few files."""

    def __enter__(self):
        place = super().__enter__()
        os.makedirs(f"{place}/folder/empty")
        for name, text in (("one", "1"), ("folder/two", "22"), ("odd:name", "")):
            with open(f"{place}/{name}", "w", encoding="ascii") as file:
                file.write(text)
        os.chmod(f"{place}/one", 0o700)
        os.symlink("nowhere", f"{place}/folder/link")
        return place


def test_the_base_has_shell_tools_and_our_files():
    with Place() as place:
        same(initrd("base", "--output", f"{place}/base", f"{place}/one").returncode, 0, "status")
        held = listing(f"{place}/base")
        for name in ("bin/busybox", "bin/one", "etc/passwd", "dev", "proc", "tmp"):
            assert name in held, name
        same(held["tmp"], "drwxrwxrwt", "mode of tmp")
        assert "bin/sh -> /bin/busybox" in held, sorted(held)[:20]


def test_init_has_its_own_place():
    with Place() as place:
        os.rename(f"{place}/one", f"{place}/init")
        initrd("base", "--output", f"{place}/base", f"{place}/init")
        held = listing(f"{place}/base")
        same(held.get("sbin/init"), "-rwx------", "sbin/init")
        assert not any(name.startswith("sbin/init ->") for name in held), "a link as well"


def test_the_same_input_gives_the_same_bytes():
    with Place() as place:
        made = []
        for name in ("a", "b"):
            initrd("extra", "--output", f"{place}/{name}", "--add", f"{place}/folder:/x")
            with open(f"{place}/{name}", "rb") as archive:
                made.append(archive.read())
        assert made[0] == made[1], "two archives differ"


def test_folders_links_and_modes_are_kept():
    with Place() as place:
        initrd("extra", "--output", f"{place}/out", "--add", f"{place}/folder:/x/y", "--add", f"{place}/one")
        same(listing(f"{place}/out"), {"x": "drwxr-xr-x", "x/y": "drwxr-xr-x", "x/y/empty": "drwxr-xr-x",
                                      "x/y/link -> nowhere": "lrwxrwxrwx", "x/y/two": "-rw-r--r--",
                                      "one": "-rwx------"}, "entries")


def test_archives_one_after_the_other_are_one():
    with Place() as place:
        initrd("extra", "--output", f"{place}/a", "--add", f"{place}/one")
        initrd("extra", "--output", f"{place}/b", "--add", f"{place}/folder/two")
        both = b""
        for name in ("a", "b"):
            with open(f"{place}/{name}", "rb") as archive:
                both += archive.read()
                same(len(both) % 512, 0, "padding")
        with open(f"{place}/both", "wb") as archive:
            archive.write(both)
        same(sorted(listing(f"{place}/both")), ["one", "two"], "entries")


def test_a_colon_in_a_name_is_no_destination():
    with Place() as place:
        initrd("extra", "--output", f"{place}/out", "--add", f"{place}/odd:name", "--add", f"{place}/odd:name:/plain")
        same(sorted(listing(f"{place}/out")), ["odd:name", "plain"], "entries")


def test_what_is_not_there_is_refused_in_one_line():
    with Place() as place:
        for words in (["--add", f"{place}/none"], ["--add", f"{place}/none:/x"], ["--add", f"{place}/one:/../out"]):
            done = initrd("extra", "--output", f"{place}/out", *words)
            same((done.returncode, done.stderr.count("\n")), (1, 1), f"status and lines of {words}")
            assert not os.path.exists(f"{place}/out"), "an archive all the same"


def test_a_damaged_archive_is_not_listed():
    with Place() as place:
        initrd("extra", "--output", f"{place}/out", "--add", f"{place}/one")
        with open(f"{place}/out", "r+b") as archive:
            archive.write(b"X")
        same(initrd("list", f"{place}/out").returncode, 1, "status")


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
