"""Virtio disks in QEMU: what the guest writes the host reads, over each transport, ring and interrupt."""
import hashlib
import os
import random
import re
import struct
import subprocess
import sys
import tempfile

TOP = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(TOP, "tests"))
import tap  # noqa: E402  the path is set above
from tap import same  # noqa: E402

RUN = os.path.join(TOP, "scripts/run")
SECONDS = 180
SIZE = 8 << 20


def shell(script, *options):
    """Return (status, output, log) of a shell script in the guest."""
    done = subprocess.run([RUN, "--timeout", str(SECONDS), *options, "--", "/bin/busybox", "sh", "-c", script],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=SECONDS + 60)
    return done.returncode, done.stdout.decode(), done.stderr.decode("utf-8", "replace")


def image(folder, name="disk.img", seed=1, size=SIZE):
    """A disk full of bytes that tell their places apart."""
    path = os.path.join(folder, name)
    with open(path, "wb") as disk:
        disk.write(random.Random(seed).randbytes(size))
    return path


def digest(path, start=0, length=None):
    with open(path, "rb") as disk:
        disk.seek(start)
        return hashlib.sha256(disk.read(length) if length is not None else disk.read()).hexdigest()


def interrupts(output):
    """{number: (count, kind)} of the lines of /proc/interrupts in the output."""
    found = {}
    for line in output.splitlines():
        match = re.match(r" *(\d+):((?: +\d+)+) +(IO-APIC|PCI-MSI) +(\S+)", line)
        if match:
            found[int(match[1])] = (sum(map(int, match[2].split())), match[3] + " " + match[4])
    return found


# ---- each way to reach a disk -----------------------------------------------------------------------

# Reads all, past the cache and through it; writes a part both ways; flushes; and reads that back.
EVERYTHING = """
set -e
dd if=/dev/vda iflag=direct bs=64k 2>/dev/null | sha256sum
sha256sum < /dev/vda
dd if=/dev/vda of=/tmp/part bs=4k skip=256 count=64 2>/dev/null
dd if=/tmp/part of=/dev/vda bs=4k seek=1024 oflag=direct conv=notrunc 2>/dev/null
dd if=/tmp/part of=/dev/vda bs=3k seek=2000 conv=notrunc,fsync 2>/dev/null
sync
sha256sum < /dev/vda
cat /proc/interrupts
"""


def everything(*options, disk_options="", smp=1, arguments=None):
    """Does it all on a disk that the ARGUMENTS of a path name; the interrupts that it took."""
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        with open(path, "rb") as disk:
            expected = bytearray(disk.read())
        part = expected[256 * 4096:(256 + 64) * 4096]
        before = hashlib.sha256(expected).hexdigest()
        expected[1024 * 4096:1024 * 4096 + len(part)] = part
        expected[2000 * 3072:2000 * 3072 + len(part)] = part
        after = hashlib.sha256(expected).hexdigest()
        disk = arguments(path) if arguments else ["--disk", path + disk_options]
        status, output, log = shell(EVERYTHING, "--smp", str(smp), *disk, *options)
        same(status, 0, f"status with {disk_options}; log: {log[-800:]}")
        sums = re.findall(r"^([0-9a-f]{64})  -", output, re.M)
        same(sums, [before, before, after], f"sums with {disk_options}")
        same(digest(path), after, "the host's sum")
        return interrupts(output)


def kinds(lines):
    return {kind.split()[0] for count, kind in lines.values() if count and not kind.endswith("edge-4")}


def test_modern_with_a_vector_a_queue():
    for smp in (1, 2, 4):
        lines = everything(smp=smp)
        same(kinds(lines), {"PCI-MSI"}, "interrupts")
        same(len([kind for _, kind in lines.values() if kind.startswith("PCI-MSI")]), 1 + smp, "vectors")


def test_one_queue_for_four_processors():
    lines = everything(disk_options=",queues=1", smp=4)
    same(len([kind for _, kind in lines.values() if kind.startswith("PCI-MSI")]), 2, "vectors")


def test_packed_ring():
    for smp in (1, 4):
        same(kinds(everything(disk_options=",packed", smp=smp)), {"PCI-MSI"}, "interrupts")


def test_legacy():
    for smp in (1, 2):
        same(kinds(everything(disk_options=",legacy", smp=smp)), {"PCI-MSI"}, "interrupts")


def test_without_msix():
    for options in (",noirq", ",legacy,noirq", ",packed,noirq"):
        lines = everything(disk_options=options, smp=2)
        same(kinds(lines), {"IO-APIC"}, "interrupts")
        assert any("level-" in kind and count for count, kind in lines.values()), lines


def test_fewer_vectors_than_queues():
    for vectors in (1, 2, 3):
        everything("--qemu-arg", "-global", "--qemu-arg", f"virtio-blk-pci.vectors={vectors}", smp=4)


def test_no_indirect_descriptors_and_no_event_index():
    for disk_options in ("", ",packed", ",legacy"):
        everything("--qemu-arg", "-global", "--qemu-arg", "virtio-blk-pci.indirect_desc=off",
                   "--qemu-arg", "-global", "--qemu-arg", "virtio-blk-pci.event_idx=off", disk_options=disk_options)


def test_a_short_ring():
    everything("--qemu-arg", "-global", "--qemu-arg", "virtio-blk-pci.queue-size=8")


def test_a_write_through_cache():
    everything(disk_options=",writethrough")


def test_larger_blocks():
    everything("--qemu-arg", "-global", "--qemu-arg", "virtio-blk-pci.physical_block_size=4096")


def test_behind_a_bridge():
    """Where INTx is turned by the bridge, and the bus has a number of its own."""
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        for vectors in ("", ",vectors=0"):
            status, output, log = shell(
                "sha256sum < /dev/vda; cat /proc/interrupts",
                "--qemu-arg", "-device", "--qemu-arg", "pcie-pci-bridge,id=bridge",
                "--qemu-arg", "-drive", "--qemu-arg", f"file={path},format=raw,if=none,id=behind",
                "--qemu-arg", "-device", "--qemu-arg", f"virtio-blk-pci,bus=bridge,addr=3,drive=behind{vectors}")
            same(status, 0, f"status; log: {log[-800:]}")
            assert digest(path) in output, output


def test_on_the_other_chip_set():
    """QEMU's pc: no memory-mapped configuration space; interrupts as the firmware noted them."""
    for disk_options in ("", ",noirq"):
        everything("--qemu-arg", "-machine", "--qemu-arg", "pc", disk_options=disk_options)


def mmio_disk(path):
    """On a machine without PCI, where the devices' places are known from its manual."""
    words = ("-machine", "microvm,pcie=off,ioapic2=off,pic=on,pit=on,rtc=on", "-drive",
             f"file={path},format=raw,if=none,id=mmio", "-device", "virtio-blk-device,drive=mmio,bus=virtio-mmio-bus.0")
    arguments = [word for argument in words for word in ("--qemu-arg", argument)]
    return arguments + ["--append", "virtio.mmio=0xfeb00000:16"]


def test_memory_mapped_registers():
    """MMIO of version 2, with either ring, and of version 1."""
    for properties in (["virtio-mmio.force-legacy=off"],
                       ["virtio-mmio.force-legacy=off", "virtio-blk-device.packed=on"],
                       ["virtio-mmio.force-legacy=on"]):
        options = [word for value in properties for word in ("--qemu-arg", "-global", "--qemu-arg", value)]
        for smp in (1, 2):
            lines = everything(*options, smp=smp, arguments=mmio_disk)
            same(kinds(lines), {"IO-APIC"}, "interrupts")
            assert any("level-16" in kind and count for count, kind in lines.values()), lines


# ---- what else a disk is ------------------------------------------------------------------------------


def test_a_read_only_disk():
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        before = digest(path)
        script = "dd if=/dev/zero of=/dev/vda bs=4k count=1 conv=notrunc && echo written; sha256sum < /dev/vda"
        status, output, _ = shell(script, "--disk", path + ",ro")
        same(status, 0, "status")
        assert "written" not in output and before in output, output
        same(digest(path), before, "the host's sum")


def test_several_disks_in_order():
    with tempfile.TemporaryDirectory() as folder:
        paths = [image(folder, f"{n}.img", n, 1 << 20) for n in range(3)]
        words = [word for path in paths for word in ("--disk", path)]
        status, output, log = shell("for d in a b c; do sha256sum < /dev/vd$d; done", *words)
        same(status, 0, f"status; log: {log[-800:]}")
        same(re.findall(r"^([0-9a-f]{64})", output, re.M), [digest(path) for path in paths], "sums")


def qcow2(path, size):
    """An empty image: header, reference counts (a table and a block), and an L1 table of one entry."""
    cluster = 1 << 16
    header = struct.pack(">4sIQIIQIIQQIIQ", b"QFI\xfb", 2, 0, 0, 16, size, 0, 1, 3 * cluster, cluster, 1, 0, 0)
    with open(path, "wb") as disk:
        for part in (header, struct.pack(">Q", 2 * cluster), struct.pack(">4H", 1, 1, 1, 1), b""):
            disk.write(part.ljust(cluster, b"\0"))


def test_a_qcow2_image():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "disk.qcow2")
        qcow2(path, 1 << 20)
        status, output, log = shell("echo kept | dd of=/dev/vda conv=notrunc 2>/dev/null; sync; "
                                    "head -c 5 /dev/vda; wc -c < /dev/vda", "--disk", path)
        same((status, output.split()), (0, ["kept", "1048576"]), f"status and output; log: {log[-800:]}")
        status, output, log = shell("head -c 5 /dev/vda", "--disk", path)
        same((status, output), (0, "kept\n"), f"status and output; log: {log[-800:]}")


def test_many_readers_at_once():
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        script = ("for n in 0 1 2 3 4 5 6 7; do dd if=/dev/vda iflag=direct bs=16k skip=$((n*64)) count=64 2>/dev/null "
                  "| sha256sum > /tmp/$n & done; wait; cat /tmp/0 /tmp/1 /tmp/2 /tmp/3 /tmp/4 /tmp/5 /tmp/6 /tmp/7")
        for smp in (2, 4):
            status, output, log = shell(script, "--smp", str(smp), "--disk", path)
            same(status, 0, f"status; log: {log[-800:]}")
            same(re.findall(r"^([0-9a-f]{64})", output, re.M), [digest(path, n << 20, 1 << 20) for n in range(8)],
                 f"sums at --smp {smp}")


# ---- what it costs ------------------------------------------------------------------------------------


def counted(path, reads, folder, disk_options):
    """(notifications, interrupts) that QEMU saw in a run of so many direct reads."""
    log = os.path.join(folder, "trace")
    status, _, words = shell(f"dd if=/dev/vda iflag=direct of=/dev/null bs=4k count={reads} 2>/dev/null",
                             "--disk", path + disk_options, "--qemu-arg", "-trace", "--qemu-arg",
                             "virtio_queue_notify", "--qemu-arg", "-trace", "--qemu-arg", "virtio_notify_irqfd",
                             "--qemu-arg", "-D", "--qemu-arg", log)
    same(status, 0, f"status; log: {words[-800:]}")
    with open(log, encoding="utf-8", errors="replace") as trace:
        text = trace.read()
    return text.count("virtio_queue_notify "), text.count("virtio_notify_irqfd ")


def test_one_notification_and_one_interrupt_a_read():
    with tempfile.TemporaryDirectory() as folder:
        path = image(folder)
        for disk_options in ("", ",packed"):
            few, many = (counted(path, reads, folder, disk_options) for reads in (100, 500))
            for what, first, second in zip(("notifications", "interrupts"), few, many):
                assert 0 < second - first <= 400, f"{what} of 400 direct reads: {second - first}"


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
