"""File systems on disks: what the guest writes the host's e2fsck and debugfs read, and the other way."""
import hashlib
import os
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402

RUN = os.path.join(TOP, "scripts/run")
MKIMAGE = os.path.join(TOP, "scripts/mkimage")
FSCK = os.path.join(TOP, "scripts/fsck")
SECONDS = 180


def shell(script, *options):
    """Return (status, output) of a shell script in the guest."""
    done = subprocess.run([RUN, "--timeout", str(SECONDS), *options, "--", "/bin/busybox", "sh", "-c", script],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS + 60)
    return done.returncode, done.stdout.decode()


def image(folder, *options):
    path = os.path.join(folder, "disk.img")
    subprocess.run([MKIMAGE, "--size", "48", *options, path], check=True, timeout=60)
    return path


def clean(path):
    done = subprocess.run([FSCK, path], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stdout + done.stderr


def contents(path, name):
    """A file of the image, as debugfs has it."""
    return subprocess.run(["/sbin/debugfs", "-R", f"cat {name}", path], capture_output=True, timeout=60).stdout


WRITE = """
dd if=/dev/zero of=/mnt/f bs=64k count=256 conv=fsync 2>/dev/null
sha256sum /mnt/f
cp /bin/busybox /mnt/copy
mkdir -p /mnt/a/b && echo deep >/mnt/a/b/file && ln -s file /mnt/a/b/link && ln /mnt/a/b/file /mnt/hard
for i in 1 2 3 4 5 6 7 8 9; do echo $i >/mnt/many$i; done
rm /mnt/many5; mv /mnt/many6 /mnt/a/moved
"""


def check_written(kind):
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder, "--type", kind)
        status, output = shell(WRITE + "sync", "--disk", path)
        same(status, 0, "status")
        zeros = hashlib.sha256(bytes(16 << 20)).hexdigest()
        assert output.startswith(zeros), output
        clean(path)
        same(hashlib.sha256(contents(path, "/f")).hexdigest(), zeros, "the host's view")
        same(contents(path, "/a/b/file"), b"deep\n", "file")
        same(contents(path, "/a/moved"), b"6\n", "moved")
        with open("/bin/busybox", "rb") as program:
            same(contents(path, "/copy"), program.read(), "copy")


def test_ext2_is_written():
    check_written("ext2")


def test_ext3_is_written():
    check_written("ext3")


def test_ext4_is_read():
    with tempfile.TemporaryDirectory() as folder:
        os.mkdir(f"{folder}/tree")
        with open(f"{folder}/tree/data", "wb") as file:
            file.write(bytes(range(256)) * 4000)
        path = image(folder, "--type", "ext4", "--from", f"{folder}/tree")
        status, output = shell("sha256sum /mnt/data; echo x >/mnt/new || grep vda /proc/mounts", "--disk", path)
        same(status, 0, "status")
        digest = hashlib.sha256(bytes(range(256)) * 4000).hexdigest()
        assert output.startswith(digest), output
        assert " ro," in output, output


def test_mounting_again_and_read_only():
    script = """
    echo one >/mnt/x
    exec 3>/mnt/open; mount -o remount,ro /mnt 2>/dev/null && echo remounted with a writer
    umount /mnt 2>/dev/null && echo unmounted in use
    exec 3>&-
    mount -o remount,ro /mnt && ! touch /mnt/no 2>/dev/null && cat /mnt/x
    mount -o remount,rw /mnt && echo two >>/mnt/x
    umount /mnt && ls /mnt && mount -t ext3 /dev/vda /mnt && cat /mnt/x
    stat -f -c %t /mnt
    """
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        status, output = shell(script, "--disk", path)
        same(status, 0, "status")
        same(output.split(), ["one", "one", "two", "ef53"], "output")
        clean(path)


def test_options_of_mount():
    """What is so anyway is taken, what isn't is refused; what holds of the disk decides."""
    taken = ("data=ordered", "user_xattr,noacl", "errors=remount-ro", "data=ordered,ro")
    refused = ("data=journal", "data=writeback", "errors=continue", "errors=panic", "noload", "norecovery", "acl",
               "sync", "dirsync", "anything")
    script = "umount /mnt\n"
    for option in taken:
        script += f"mount -t ext3 -o {option} /dev/vda /mnt && umount /mnt && echo took {option}\n"
    for option in refused:
        script += f"mount -t ext3 -o {option} /dev/vda /mnt 2>/dev/null && umount /mnt && echo took {option}\n"
    script += """
    mount -t ext3 /dev/vda /mnt && mount -o remount,errors=remount-ro,ro /mnt && ! touch /mnt/no 2>/dev/null
    mount -o remount,rw,noload /mnt 2>/dev/null || mount -o remount,rw,data=ordered /mnt && touch /mnt/yes && echo again
    """
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder, "--options", "-e remount-ro")
        status, output = shell(script, "--disk", path)
        same(status, 0, "status")
        same(output.splitlines(), [f"took {option}" for option in taken] + ["again"], "output")
        clean(path)


def test_claims():
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        program = os.path.join(os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build")), "guest/mounts")
        status, output = shell("umount /mnt; /bin/mounts claims", "--disk", path, "--add", f"{program}:/bin/mounts")
        same(status, 0, "status: " + output)
        assert "SKIP" not in output and "# 1 passed, 0 failed" in output, output
        clean(path)


def test_fsck():
    """What scripts/fsck says of a sound image, of a damaged one, of one it mended, and of none."""

    def status(*words):
        return subprocess.run([FSCK, *words], capture_output=True, timeout=60).returncode

    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        same(status(path), 0, "sound")
        subprocess.run(["/sbin/debugfs", "-w", "-R", "clri <11>", path], capture_output=True, check=True, timeout=60)
        before = open(path, "rb").read()
        same(status(path), 4, "damaged")
        same(open(path, "rb").read() == before, True, "unchanged")
        same(status("--repair", path), 1, "repaired")
        same(status(path), 0, "sound again")
        same([status(), status(f"{folder}/none"), status("--what", path)], [2, 2, 2], "wrong usage")


def check_attributes(kind):
    """The guest's own test of attributes, in a /tmp that is on the disk."""
    script = "umount /mnt && mount -t ext2 /dev/vda /tmp && grep vda /proc/mounts && /bin/attributes && umount /tmp"
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder, "--type", kind, "--options", "-e remount-ro")
        program = os.path.join(os.environ.get("SLUICE_BUILD", os.path.join(TOP, "build")), "guest/attributes")
        status, output = shell(script, "--disk", path, "--add", f"{program}:/bin/attributes")
        same(status, 0, "status: " + output)
        assert output.startswith(f"/dev/vda /tmp {kind} rw,relatime,errors=remount-ro 0 0\n"), output
        assert "SKIP" not in output and "# 6 passed, 0 failed" in output, output
        clean(path)


def test_attributes_on_ext2():
    check_attributes("ext2")


def test_attributes_on_ext3():
    check_attributes("ext3")


def test_the_root_on_a_disk():
    with tempfile.TemporaryDirectory() as folder:
        tree = f"{folder}/tree"
        for name in ("sbin", "bin", "dev", "proc", "initrd", "tmp", "etc"):
            os.makedirs(f"{tree}/{name}")
        subprocess.run(["cp", "/bin/busybox", f"{tree}/bin/busybox"], check=True)
        os.symlink("/bin/busybox", f"{tree}/bin/sh")
        os.symlink("/initrd/sbin/init", f"{tree}/sbin/init")
        path = image(folder, "--from", tree)
        status, output = shell("head -1 /proc/mounts; echo kept >/kept; exit 5", "--disk", path,
                               "--append", "root=/dev/vda")
        same(status, 5, "status")
        same(output.strip(), "/dev/vda / ext3 rw,relatime 0 0", "the root")
        clean(path)
        same(contents(path, "/kept"), b"kept\n", "written to the root")


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
