"""A disk that is pulled out while the guest runs: what uses it is told EIO, and the guest goes on."""
import json
import os
import socket
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
SECONDS = 180
READY = b"ready\n"


class Guest:
    """Sluice with a disk in a slot of its own, and QEMU's monitor."""

    def __init__(self, folder, disk, script):
        self.monitor = os.path.join(folder, "monitor")
        words = [RUN, "--timeout", str(SECONDS)]
        for word in ("-qmp", f"unix:{self.monitor},server=on,wait=off", "-device", "pcie-root-port,id=socket,chassis=1",
                     "-drive", f"file={disk},format=raw,if=none,id=pulled",
                     "-device", "virtio-blk-pci,bus=socket,drive=pulled,id=victim"):
            words += ["--qemu-arg", word]
        self.machine = subprocess.Popen(words + ["--", "/bin/busybox", "sh", "-c", script], stdin=subprocess.DEVNULL,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.told = b""
        self.log = b""
        self.reader = threading.Thread(target=self.read_log, daemon=True)
        self.reader.start()

    def read_log(self):
        self.log = self.machine.stderr.read()

    def __enter__(self):
        return self

    def __exit__(self, *_exception):
        self.machine.kill()
        self.machine.wait()

    def wait_ready(self):
        while READY not in self.told and (chunk := os.read(self.machine.stdout.fileno(), 4096)):
            self.told += chunk
        assert READY in self.told, self.told

    def ask(self, execute, **arguments):
        """One command to QEMU, and its answer."""
        with socket.socket(socket.AF_UNIX) as connection:
            connection.connect(self.monitor)
            lines = connection.makefile("rw")
            for question in ({"execute": "qmp_capabilities"}, {"execute": execute, "arguments": arguments}):
                lines.write(json.dumps(question) + "\n")
                lines.flush()
                answer = {}
                while "return" not in answer and "error" not in answer:
                    answer = json.loads(lines.readline())
        assert "return" in answer, answer

    def pull(self):
        """Takes the disk out at once, without asking the guest."""
        self.ask("qom-set", path="/machine/peripheral/victim", property="realized", value=False)

    def end(self):
        """(status, what it said after "ready", log)"""
        told = self.told + self.machine.stdout.read()
        status = self.machine.wait(SECONDS)
        self.reader.join()
        return status, told.partition(READY)[2].decode(), self.log.decode("utf-8", "replace")


def test_a_disk_pulled_out_answers_eio():
    script = """
    dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>/dev/null && echo ready
    while dd if=/dev/vda of=/dev/null bs=4k count=1 iflag=direct 2>/tmp/said; do :; done
    tail -1 /tmp/said
    dd if=/dev/zero of=/dev/vda bs=4k count=1 oflag=direct 2>&1 | grep -c 'Input/output error'
    echo x >/tmp/alive && cat /tmp/alive
    """
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk.img")
        with open(disk, "wb") as file:
            file.truncate(8 << 20)
        with Guest(folder, disk, script) as guest:
            guest.wait_ready()
            guest.pull()
            status, said, log = guest.end()
        same(status, 0, f"status; log: {log[-600:]}")
        same(said.splitlines()[1:], ["1", "x"], f"what it said; log: {log[-600:]}")
        assert "Input/output error" in said.splitlines()[0], said
        assert "it has gone" in log, log[-600:]


def test_a_file_system_pulled_out_answers_eio():
    script = """
    cp /bin/busybox /mnt/file && sync && echo ready
    while dd if=/bin/busybox of=/mnt/file bs=4k count=4 conv=notrunc,fsync 2>/tmp/said; do :; done
    tail -1 /tmp/said
    echo y 2>/dev/null >/mnt/new; ls /mnt; umount /mnt; echo x >/tmp/alive && cat /tmp/alive
    """
    with tempfile.TemporaryDirectory() as folder:
        disk = os.path.join(folder, "disk.img")
        subprocess.run([MKIMAGE, "--size", "32", disk], check=True, timeout=60)
        with Guest(folder, disk, script) as guest:
            guest.wait_ready()
            guest.pull()
            status, said, log = guest.end()
        same(status, 0, f"status; log: {log[-600:]}")
        assert "Input/output error" in said.splitlines()[0], said
        same(said.splitlines()[-1], "x", f"what it said: {said}")
        # What had been synced is there, and the log replays.
        fsck = subprocess.run(["/sbin/e2fsck", "-fy", disk], capture_output=True, text=True, timeout=120)
        assert fsck.returncode in (0, 1), fsck.stdout
        same(subprocess.run(["/sbin/e2fsck", "-fn", disk], capture_output=True, timeout=120).returncode, 0, "e2fsck")


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
