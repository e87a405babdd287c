"""A Linux guest and Sluice share a disk: each reads what the other wrote, also after the other's power was cut."""
import importlib.machinery
import importlib.util
import os
import shlex
import subprocess
import sys
import tempfile
import threading

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402

RUN = os.path.join(TOP, "scripts/run")
MKIMAGE = os.path.join(TOP, "scripts/mkimage")
SECONDS = 240
BUSYBOX = "/bin/busybox"
MARK = "the guest's words"
CUT = b"cut the power\n"

# Every file with its contents' sum, and what `stat` has of everything: kind, mode, owner, links, size, time, blocks.
SURVEY = """
cd /mnt
find . -type f | sort | while read -r f; do sha256sum "$f"; done
find . ! -name lost+found | sort | while read -r f; do stat -c '%n %f %u:%g %h %s %Y %b' "$f"; done
find . -type l | sort | while read -r f; do echo "$f -> $(readlink "$f")"; done
cd /
"""

# A tree of all kinds: holes, three levels of indirection (at 1 KiB), many names, links, what was cut and removed again.
WRITE = """
set -e
cd /mnt
cp /bin/busybox program
mkdir -p a/b/c many && chmod 750 a && chown 3:4 a/b
ln -s program link && ln -s %(long)s slow && ln program a/hard
dd if=/bin/busybox of=holes bs=1000 seek=70001 count=7 2>/dev/null
dd if=/bin/busybox of=holes bs=1000 seek=5 count=300 conv=notrunc 2>/dev/null
i=0; while [ $i -lt 300 ]; do echo $i >many/a.name.that.fills.a.block.$i; i=$((i+1)); done
rm many/*7 && mv many a/b/moved && mkfifo pipe && mknod device c 7 9
cp program cut && dd if=/dev/null of=cut bs=1 seek=54321 2>/dev/null
cp program gone && rm gone
touch -d '2001-02-03 04:05:06' link a/b/c
cd /
sync
""" % {"long": "x" * 200}


def script_as_module(name):
    """One of our scripts, for what it knows."""
    loader = importlib.machinery.SourceFileLoader(name, os.path.join(TOP, "scripts", name))
    module = importlib.util.module_from_spec(importlib.util.spec_from_loader(name, loader))
    sys.dont_write_bytecode = True
    loader.exec_module(module)
    return module


def linux():
    """(image, modules in the order in which they are loaded) of the kernel that the bench compares with."""
    bench = script_as_module("bench")
    try:
        image, modules, _ = bench.fetch_linux()
    except (bench.Failed, OSError, subprocess.SubprocessError) as failure:
        raise tap.Skipped(f"no Linux to mount it: {failure}")
    return image, modules


def linux_initrd(folder, modules, script):
    init = ["#!/bin/sh", "/bin/busybox --install -s /bin", "mount -t proc none /proc", "mount -t devtmpfs none /dev"]
    init += [f"insmod /modules/{os.path.basename(path)}" for path in modules]
    init += ["until [ -b /dev/vda ]; do sleep 0.05; done", f"echo \"{MARK}\"", script, f"echo \"{MARK}\"",
             "umount /mnt", "poweroff -f"]
    start, path = os.path.join(folder, "init"), os.path.join(folder, "linux.cpio")
    with open(start, "w", encoding="ascii") as file:
        file.write("\n".join(init) + "\n")
    os.chmod(start, 0o755)
    adds = [f"{start}:/init", f"{BUSYBOX}:/bin/busybox", f"{BUSYBOX}:/bin/sh"]
    adds += [f"{module}:/modules/{os.path.basename(module)}" for module in modules]
    for name in ("proc", "dev", "mnt"):
        os.makedirs(os.path.join(folder, "empty", name), exist_ok=True)
        adds.append(f"{folder}/empty/{name}:/{name}")
    subprocess.run([os.path.join(TOP, "scripts/initrd"), "extra", "--output", path]
                   + [word for add in adds for word in ("--add", add)], check=True, timeout=60)
    return path


def linux_words(folder, disk, script):
    """QEMU's command for Linux with the disk at /dev/vda, whose process 1 is the script."""
    kernel, modules = linux()
    words = shlex.split(subprocess.run([RUN, "--dry-run", "--disk", disk, "--log", os.path.join(folder, "log"), "--",
                                        "/bin/true"], check=True, capture_output=True, text=True, timeout=60).stdout)
    words[words.index("-kernel") + 1] = kernel
    words[words.index("-initrd") + 1] = linux_initrd(folder, modules, script)
    return words + ["-append", "console=ttyS0 quiet panic=-1"]


def sluice_words(disk, script):
    return [RUN, "--timeout", str(SECONDS), "--disk", disk, "--", BUSYBOX, "sh", "-c", script]


def in_linux(folder, disk, script):
    """What the script says."""
    done = subprocess.run(linux_words(folder, disk, script), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=SECONDS)
    told = done.stdout.decode("utf-8", "replace").replace("\r", "").split(MARK + "\n")
    assert len(told) == 3, f"Linux said: {''.join(told)[-1500:]}"
    return told[1]


def in_sluice(disk, script):
    """(status, what the script says)."""
    done = subprocess.run(sluice_words(disk, script), stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=SECONDS + 60)
    return done.returncode, done.stdout.decode("utf-8", "replace")


def cut(words):
    """Runs a guest and ends QEMU, unknown to the guest, when it has said CUT; returns what it said before."""
    machine = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
    late = threading.Timer(SECONDS, machine.kill)
    late.start()
    told = b""
    try:
        while CUT not in told and (chunk := os.read(machine.stdout.fileno(), 65536)):
            told += chunk
    finally:
        late.cancel()
        machine.kill()
        machine.wait()
        machine.stdout.close()
    before, found, _ = told.replace(b"\r", b"").partition(CUT)
    assert found, f"it said: {told[-1500:]}"
    return before.decode("utf-8", "replace").rpartition(MARK + "\n")[2]


def image(folder, *options):
    path = os.path.join(folder, "disk.img")
    subprocess.run([MKIMAGE, "--size", "64", *options, path], check=True, timeout=60)
    return path


def clean(path):
    done = subprocess.run(["/sbin/e2fsck", "-fn", path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout


def same_survey(one, other, what):
    differences = [f"{ours} / {theirs}" for ours, theirs in zip(one.splitlines(), other.splitlines()) if ours != theirs]
    assert not differences, f"{what}: {differences[:5]}"
    same(len(one.splitlines()), len(other.splitlines()), f"{what}: lines")
    assert one.count("\n") > 300, one


# ---- what one wrote, the other reads ------------------------------------------------------------------


def test_linux_reads_what_sluice_wrote():
    for kind, block_size in (("ext2", 1024), ("ext3", 4096)):
        with tempfile.TemporaryDirectory() as folder:
            path = image(folder, "--type", kind, "--options", f"-b {block_size}")
            status, ours = in_sluice(path, WRITE + SURVEY)
            same(status, 0, "status")
            theirs = in_linux(folder, path, f"mount -t {kind} -o ro /dev/vda /mnt" + SURVEY)
            same_survey(ours, theirs, f"{kind}, blocks of {block_size}")
            clean(path)


def test_sluice_reads_what_linux_wrote():
    for options in (["--type", "ext2", "--options", "-b 4096"], ["--type", "ext3", "--options", "-b 1024"],
                    ["--type", "ext4"]):
        with tempfile.TemporaryDirectory() as folder:
            path = image(folder, *options)
            theirs = in_linux(folder, path, f"mount -t {options[1]} /dev/vda /mnt" + WRITE + SURVEY)
            status, ours = in_sluice(path, SURVEY)
            same(status, 0, "status")
            same_survey(ours, theirs, " ".join(options))
            clean(path)


# ---- what is in the log when the power goes -----------------------------------------------------------

# The second part is in the log alone: in place it would be written after seconds, or when the log is full.
BEFORE_CUT = WRITE + """
echo new >/mnt/last && mv /mnt/last /mnt/cut && mkdir /mnt/newer && ln /mnt/cut /mnt/newer/hard && rm /mnt/a/b/moved/*1
dd if=/dev/null of=/mnt/cut conv=notrunc,fsync 2>/dev/null
""" + SURVEY + f"echo {CUT.decode()}"


def needs_replay(path):
    told = subprocess.run(["/sbin/dumpe2fs", "-h", path], capture_output=True, text=True, timeout=60).stdout
    return "needs_recovery" in told


def test_linux_replays_the_log_of_sluice():
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        linux()
        ours = cut(sluice_words(path, BEFORE_CUT + "sleep 1000"))
        assert needs_replay(path), "nothing was in the log"
        theirs = in_linux(folder, path, "mount -t ext3 /dev/vda /mnt" + SURVEY)
        same_survey(ours, theirs, "after the cut")
        clean(path)


def test_sluice_replays_the_log_of_linux():
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        theirs = cut(linux_words(folder, path, "mount -t ext3 /dev/vda /mnt" + BEFORE_CUT + "sleep 1000"))
        assert needs_replay(path), "nothing was in the log"
        status, ours = in_sluice(path, SURVEY)
        same(status, 0, "status")
        same_survey(ours, theirs, "after the cut")
        clean(path)


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
