"""What tools ask of disks: the block devices' ioctls, partition tables, /proc and /sys, and dropped caches."""
import hashlib
import os
import random
import re
import struct
import subprocess
import sys
import tempfile
import zlib

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_contract import last_line, shell as run_shell  # noqa: E402  the path is set above
import tap  # noqa: E402  test_contract has set the path
from tap import same  # noqa: E402

SECTOR = 512
MIB = 1 << 20
SIZE = 8 * MIB

# blk DEVICE WORD...: opens it read-only, with a + before its name for writing, and does what each word says; a line each.
SOURCE = r"""
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <linux/fs.h>

static int fd;

static void tell(const char *word, int result, unsigned long long value)
{
    if (result < 0)
        printf("%s %s\n", word, strerrorname_np(errno));
    else
        printf("%s %llu\n", word, value);
}

static void ask(const char *word, unsigned long request)
{
    uint64_t value = 0; /* some answer in 32 bits */
    int result = ioctl(fd, request, &value);
    tell(word, result, value);
}

static void change(const char *word, unsigned long request, const char *text)
{
    uint64_t range[2] = {0, 0};
    char *end;
    range[0] = strtoull(text, &end, 10);
    range[1] = strtoull(end + 1, NULL, 10);
    tell(word, ioctl(fd, request, range), 0);
}

static void put(const char *word, const char *text)
{
    char page[4096];
    ssize_t got;
    memset(page, 'w', sizeof page);
    got = pwrite(fd, page, sizeof page, strtoll(text, NULL, 10));
    if (got > 0 && fsync(fd))
        got = -1;
    tell(word, (int)got, (unsigned long long)got);
}

static void act(const char *word)
{
    const char *rest = strchr(word, ':') ? strchr(word, ':') + 1 : "";
    uint64_t wide = 0;
    int value = rest[0] == '1', status;

    if (!strcmp(word, "size64"))
        ask(word, BLKGETSIZE64);
    else if (!strcmp(word, "size"))
        ask(word, BLKGETSIZE);
    else if (!strcmp(word, "ssz"))
        ask(word, BLKSSZGET);
    else if (!strcmp(word, "pbsz"))
        ask(word, BLKPBSZGET);
    else if (!strcmp(word, "roget"))
        ask(word, BLKROGET);
    else if (!strncmp(word, "roset:", 6))
        tell(word, ioctl(fd, BLKROSET, &value), 0);
    else if (!strcmp(word, "flush"))
        tell(word, ioctl(fd, BLKFLSBUF, 0), 0);
    else if (!strcmp(word, "reread"))
        tell(word, ioctl(fd, BLKRRPART, 0), 0);
    else if (!strncmp(word, "discard:", 8))
        change(word, BLKDISCARD, rest);
    else if (!strncmp(word, "zero:", 5))
        change(word, BLKZEROOUT, rest);
    else if (!strncmp(word, "write:", 6))
        put(word, rest);
    else if (!strcmp(word, "nonsense"))
        tell(word, ioctl(fd, 0x12ff, &wide), 0);
    else if (!strcmp(word, "fault"))
        tell(word, ioctl(fd, BLKGETSIZE64, (void *)8), 0);
    else if (!strncmp(word, "open:", 5))
        tell(word, open(rest, O_RDONLY), 0);
    else if (!strncmp(word, "user:", 5)) {
        fflush(stdout);
        if (fork() == 0) {
            if (setuid(1000))
                exit(1);
            act(rest);
            exit(0);
        }
        wait(&status);
    } else
        printf("%s?\n", word);
}

int main(int argc, char **argv)
{
    int writes = argv[1][0] == '+';
    fd = open(argv[1] + writes, writes ? O_RDWR : O_RDONLY);
    if (fd < 0)
        tell("open", -1, 0);
    for (int i = 2; i < argc && fd >= 0; i++)
        act(argv[i]);
    return 0;
}
"""


def compiled(folder):
    """The options that put the program into the guest as /bin/blk."""
    program = os.path.join(folder, "blk")
    if not os.path.exists(program):
        subprocess.run(["gcc", "-O1", "-static", "-x", "c", "-", "-o", program], input=SOURCE.encode(), check=True)
    return ["--add", f"{program}:/bin/blk"]


def shell(script, *options):
    """What a shell script in the guest said."""
    status, output, log = run_shell(script, *options)
    same(status, 0, f"status; {last_line(log)}; output {output[-800:]!r}")
    return output.decode("utf-8", "replace")


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def sums_in(output):
    """What sha256sum said of its standard inputs."""
    return re.findall(r"^(\w{64})  -$", output, re.M)


def answers(output):
    """(word, answer) of each line of blk's."""
    return [tuple(line.rsplit(" ", 1)) for line in output.splitlines()]


# ---- disks with tables ------------------------------------------------------------------------------

# number: (type, first sector, sectors)
PRIMARY = {1: (0x83, 2048, 4096), 2: (0x83, 8192, 4000), 3: (0x05, 12288, 4096)}
LOGICAL = (0x83, 63, 2000)  # the first sector counts from the extended partition


def mbr(entries):
    """A first sector; nothing boots from it."""
    table = bytearray(SECTOR)
    for number, (kind, start, count) in entries.items():
        struct.pack_into("<B3sB3sII", table, 446 + 16 * (number - 1), 0, b"\0" * 3, kind, b"\0" * 3, start, count)
    table[510:512] = b"\x55\xaa"
    return bytes(table)


def content():
    """A disk's bytes: no two places alike, and an MBR with two partitions, an extended one and a logical one in it."""
    data = bytearray(random.Random(7).randbytes(SIZE))
    data[:SECTOR] = mbr(PRIMARY)
    extended = PRIMARY[3][1] * SECTOR
    data[extended:extended + SECTOR] = mbr({1: LOGICAL})
    return data


def write(folder, data, name="disk.img"):
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(data)
    return path


def read(path):
    with open(path, "rb") as file:
        return file.read()


def partitions(text):
    """{name: KiB} of /proc/partitions."""
    return {name: int(size) for size, name in re.findall(r"^ *\d+ +\d+ +(\d+) (\w+)$", text, re.M)}


MBR_PARTITIONS = {"vda": 8192, "vda1": 2048, "vda2": 2000, "vda3": 1, "vda5": 1000}


# ---- ioctls -----------------------------------------------------------------------------------------


def test_questions():
    with tempfile.TemporaryDirectory() as folder:
        path = write(folder, content())
        words = "size64 size ssz roget nonsense fault"
        told = shell(f"blk /dev/vda {words}; blk /dev/vda5 {words}", *compiled(folder), "--disk", path)
        rest = [("ssz", "512"), ("roget", "0"), ("nonsense", "ENOTTY"), ("fault", "EFAULT")]
        same(answers(told), [("size64", str(SIZE)), ("size", str(SIZE // SECTOR)), *rest,
                             ("size64", str(2000 * SECTOR)), ("size", "2000"), *rest], "answers")


def test_larger_blocks_are_told():
    with tempfile.TemporaryDirectory() as folder:
        options = ["--qemu-arg", "-global", "--qemu-arg", "virtio-blk-pci.logical_block_size=4096",
                   "--qemu-arg", "-global", "--qemu-arg", "virtio-blk-pci.physical_block_size=4096"]
        told = shell("blk +/dev/vda size64 size ssz pbsz zero:512:4096 zero:4096:4096", *compiled(folder), "--disk",
                     write(folder, bytes(SIZE)), *options)
        same([answer for _, answer in answers(told)], [str(SIZE), str(SIZE // SECTOR), "4096", "4096", "EINVAL", "0"],
             "answers")


def test_discarded_and_zeroed_ranges_are_zeros_and_nothing_else_is():
    """On the disk and through a partition, whose ranges count from its start; written-to pages are in the cache then."""
    with tempfile.TemporaryDirectory() as folder:
        expected = content()
        path = write(folder, expected)
        first = PRIMARY[1][1] * SECTOR
        script = (f"cat /dev/vda /dev/vda1 > /dev/null; dd if=/dev/zero bs=4k count=64 2>/dev/null | tr '\\0' x "
                  f"> /tmp/x; dd if=/tmp/x of=/dev/vda bs=4k seek={5 * MIB // 4096} conv=notrunc 2>/dev/null; "
                  f"blk +/dev/vda discard:{5 * MIB + 65536}:65536 zero:{5 * MIB + 3 * 65536 + 512}:1536; "
                  f"blk +/dev/vda1 discard:{MIB}:{MIB // 2} zero:4608:{MIB // 4}; sync; "
                  f"dd if=/dev/vda bs=64k skip=80 count=4 2>/dev/null | sha256sum; sha256sum < /dev/vda1; "
                  f"blk /dev/vda flush; blk /dev/vda1 flush; sha256sum < /dev/vda; "
                  f"dd if=/dev/vda bs=64k iflag=direct 2>/dev/null | sha256sum")
        told = shell(script, *compiled(folder), "--disk", path)
        expected[5 * MIB:5 * MIB + 262144] = b"x" * 262144
        for start, length in ((5 * MIB + 65536, 65536), (5 * MIB + 3 * 65536 + 512, 1536), (first + MIB, MIB // 2),
                              (first + 4608, MIB // 4)):
            expected[start:start + length] = bytes(length)
        same([answer for _, answer in answers(told)[:4]], ["0"] * 4, "answers")
        assert read(path) == expected, "another place was changed, or not all was zeroed"
        parts = [expected[5 * MIB:5 * MIB + 262144], expected[first:first + 4096 * SECTOR], expected, expected]
        same(sums_in(told), [sha256(part) for part in parts], "the guest's sums")


def test_nonsense_ranges_are_refused_and_change_nothing():
    with tempfile.TemporaryDirectory() as folder:
        before = content()
        path = write(folder, before)
        ranges = ["100:512", "512:100", "0:0", f"{SIZE}:512", f"{SIZE - 512}:1024", f"{2 ** 64 - 512}:1024",
                  f"512:{2 ** 64 - 512}"]
        words = [f"{what}:{where}" for what in ("discard", "zero") for where in ranges]
        told = shell(f"blk +/dev/vda {' '.join(words)}; blk /dev/vda discard:0:512 zero:0:512", *compiled(folder), "--disk",
                     path)
        same(answers(told), [(word, "EINVAL") for word in words] + [("discard:0:512", "EBADF"), ("zero:0:512", "EBADF")],
             "answers")
        assert read(path) == before, "the disk was changed"


def test_a_disk_set_read_only_is_not_written():
    with tempfile.TemporaryDirectory() as folder:
        expected = content()
        path = write(folder, expected)
        words = (f"user:roset:1 roget roset:1 roget write:{4 * MIB} discard:{4 * MIB}:4096 zero:{4 * MIB}:4096 roset:0 "
                 f"roget write:{6 * MIB}")
        told = shell(f"blk +/dev/vda {words}", *compiled(folder), "--disk", path)
        same([answer for _, answer in answers(told)],
             ["EACCES", "0", "0", "1", "EPERM", "EPERM", "EPERM", "0", "0", "4096"], "answers")
        expected[6 * MIB:6 * MIB + 4096] = b"w" * 4096
        assert read(path) == expected, "the disk was written while it was read-only"


def test_a_read_only_disk_says_so():
    with tempfile.TemporaryDirectory() as folder:
        before = content()
        path = write(folder, before)
        told = shell("blk /dev/vda roget discard:0:4096; cat /sys/block/vda/ro; blk +/dev/vda write:4096", *compiled(folder),
                     "--disk", path + ",ro")
        same(told.splitlines()[:3], ["roget 1", "discard:0:4096 EBADF", "1"], "answers")
        assert told.splitlines()[3] in ("write:4096 EPERM", "open EACCES", "open EROFS"), told
        assert read(path) == before, "the disk was changed"


def test_a_partition_is_read_only_with_its_disk():
    with tempfile.TemporaryDirectory() as folder:
        told = shell("blk /dev/vda roset:1; blk /dev/vda2 roget; cd /sys/block/vda; cat ro vda2/ro; blk /dev/vda2 roset:1; "
                     "blk /dev/vda roset:0; blk /dev/vda1 roget; blk /dev/vda2 roget; cat ro vda1/ro vda2/ro",
                     *compiled(folder), "--disk", write(folder, content()))
        same(told.splitlines(), ["roset:1 0", "roget 1", "1", "1", "roset:1 0", "roset:0 0", "roget 0", "roget 1",
                                 "0", "0", "1"], "answers")


# ---- reading the table again ------------------------------------------------------------------------


def file_system(folder, size):
    path = write(folder, bytes(size), "ext2.img")
    subprocess.run(["/sbin/mke2fs", "-q", "-F", "-t", "ext2", path], check=True, stdin=subprocess.DEVNULL)
    return read(path)


def test_the_table_is_read_again_unless_a_partition_is_in_use():
    with tempfile.TemporaryDirectory() as folder:
        data = content()
        first = PRIMARY[1][1] * SECTOR
        data[first:first + 4096 * SECTOR] = file_system(folder, 4096 * SECTOR)
        path = write(folder, data)
        table = write(folder, mbr({1: PRIMARY[1], 4: (0x83, 6144, 1024)}), "table")
        script = """
            mkdir /tmp/m && mount -t ext2 /dev/vda1 /tmp/m && echo kept > /tmp/m/file
            dd if=/table of=/dev/vda conv=notrunc 2>/dev/null
            blk /dev/vda reread user:reread
            cat /proc/partitions /tmp/m/file
            umount /tmp/m
            blk /dev/vda open:/dev/vda2 reread
            blk /dev/vda1 reread
            blk /dev/vda reread
            cat /proc/partitions; ls /dev/vda* /sys/block/vda | grep vda
            mount -t ext2 /dev/vda1 /tmp/m && cat /tmp/m/file
        """
        told = shell(script, *compiled(folder), "--add", f"{table}:/table", "--disk", path)
        before, after = told.split("kept\n")[:2]
        same(before.splitlines()[:2], ["reread EBUSY", "reread EACCES"], "while mounted")
        same(partitions(before), MBR_PARTITIONS, "the partitions while mounted")
        same(after.splitlines()[:4], ["open:/dev/vda2 0", "reread EBUSY", "reread EINVAL", "reread 0"], "afterwards")
        same(partitions(after), {"vda": 8192, "vda1": 2048, "vda4": 512}, "the partitions afterwards")
        same(re.findall(r"^(?:/dev/)?(vda\d*)$", after, re.M), ["vda", "vda1", "vda4", "vda1", "vda4"], "the nodes")
        same(told.count("kept\n"), 2, "the file in the partition that stayed")


# ---- what lists them --------------------------------------------------------------------------------


def test_partitions_of_an_mbr():
    with tempfile.TemporaryDirectory() as folder:
        data = content()
        names = [name for name in MBR_PARTITIONS if name != "vda"]
        script = ("cat /proc/partitions; cd /sys/block/vda; for d in . vda1 vda2 vda3 vda5; do "
                  "echo $d $(cat $d/size $d/ro) $(cat $d/start 2>/dev/null); done; "
                  "for n in 1 2 5; do sha256sum < /dev/vda$n; done; "
                  "for o in size64 sz ss ro; do blockdev --get$o /dev/vda2; done")
        told = shell(script, "--disk", write(folder, data))
        same(partitions(told), MBR_PARTITIONS, "/proc/partitions")
        same(list(partitions(told)), ["vda", *names], "their order")
        same(re.findall(r"^(?:\.|vda\d) [\d ]+$", told, re.M),
             [". 16384 0", "vda1 4096 0 2048", "vda2 4000 0 8192", "vda3 2 0 12288", "vda5 2000 0 12351"], "/sys/block/vda")
        sums = [sha256(data[start * SECTOR:(start + count) * SECTOR])
                for start, count in ((2048, 4096), (8192, 4000), (12351, 2000))]
        same(sums_in(told), sums, "sums")
        same(told.split()[-4:], [str(4000 * SECTOR), "4000", "512", "0"], "blockdev")


def test_fdisk_lists_them():
    with tempfile.TemporaryDirectory() as folder:
        # Without a name it looks for disks itself, and tells partitions from them by where they start.
        told = shell("fdisk -l", "--disk", write(folder, content()))
        same(re.findall(r"^Disk (/dev/vda\d*): ", told, re.M), ["/dev/vda"], "disks")
        assert re.search(rf"^Disk /dev/vda: .*\b{SIZE} bytes, 16384 sectors$", told, re.M), told
        found = {name: (int(first), int(last), int(sectors), int(kind, 16)) for name, first, last, sectors, kind in
                 re.findall(r"^/dev/(vda\d) .*?(\d+) +(\d+) +(\d+) +\d+K +(\w+) \w", told, re.M)}
        same(found, {"vda1": (2048, 6143, 4096, 0x83), "vda2": (8192, 12191, 4000, 0x83),
                     "vda3": (12288, 16383, 4096, 5), "vda5": (12351, 14350, 2000, 0x83)}, "partitions")


# ---- GPT --------------------------------------------------------------------------------------------

ENTRIES = 128
GPT_SECTORS = SIZE // SECTOR
GPT_PARTS = {1: (2048, 6143), 2: (8192, 9000)}


def gpt_header(own, other, table, crc):
    def pack(checksum):
        return struct.pack("<8sIIIIQQQQ16sQIII", b"EFI PART", 0x10000, 92, checksum, 0, own, other, 34, GPT_SECTORS - 34,
                           bytes(range(16)), table, ENTRIES, 128, crc)
    return pack(zlib.crc32(pack(0))).ljust(SECTOR, b"\0")


def gpt_content():
    """A disk with a GPT, its copy at the end, and the MBR that keeps old tools away."""
    data = bytearray(random.Random(9).randbytes(SIZE))
    table = bytearray(ENTRIES * 128)
    for number, (first, last) in GPT_PARTS.items():
        linux = bytes.fromhex("af3dc60f838472478e793d69d8477de4")
        struct.pack_into("<16s16sQQQ72s", table, (number - 1) * 128, linux, bytes([number]) * 16, first, last, 0,
                         f"part {number}".encode("utf-16-le"))
    crc = zlib.crc32(table)
    end = SIZE - SECTOR - len(table)
    data[:SECTOR] = mbr({1: (0xee, 1, GPT_SECTORS - 1)})
    data[SECTOR:2 * SECTOR] = gpt_header(1, GPT_SECTORS - 1, 2, crc)
    data[2 * SECTOR:2 * SECTOR + len(table)] = table
    data[end:end + len(table)] = table
    data[SIZE - SECTOR:] = gpt_header(GPT_SECTORS - 1, 1, end // SECTOR, crc)
    return data


GPT_SCRIPT = "cat /proc/partitions /sys/block/vda/vda2/start; sha256sum < /dev/vda1; sha256sum < /dev/vda2"


def gpt_is_found(data, folder):
    told = shell(GPT_SCRIPT, "--disk", write(folder, data))
    same(partitions(told), {"vda": 8192, "vda1": 2048, "vda2": 404}, "/proc/partitions")
    assert re.search("^8192$", told, re.M), told
    same(sums_in(told), [sha256(data[first * SECTOR:(last + 1) * SECTOR]) for first, last in GPT_PARTS.values()], "sums")


def test_partitions_of_a_gpt():
    with tempfile.TemporaryDirectory() as folder:
        gpt_is_found(gpt_content(), folder)


def test_a_damaged_gpt_is_found_by_its_copy():
    with tempfile.TemporaryDirectory() as folder:
        data = gpt_content()
        data[SECTOR + 60] ^= 1
        gpt_is_found(data, folder)


def test_a_gpt_damaged_twice_has_no_partitions():
    with tempfile.TemporaryDirectory() as folder:
        data = gpt_content()
        data[2 * SECTOR + 40] ^= 1
        data[SIZE - SECTOR + 60] ^= 1
        told = shell("cat /proc/partitions; ls /dev/vda*", "--disk", write(folder, data))
        same(partitions(told), {"vda": 8192}, "/proc/partitions")


# ---- counts and caches ------------------------------------------------------------------------------


def statistics(text):
    """[{name: numbers}] of each /proc/diskstats in the text, which lines of --- part."""
    return [{name: [int(number) for number in numbers.split()]
             for name, numbers in re.findall(r"^ *\d+ +\d+ (vda\d*)((?: +\d+)+)$", part, re.M)} for part in text.split("---\n")]


READS, READ_SECTORS, WRITES, WRITTEN_SECTORS = 0, 2, 4, 6


def grown(before, after, name):
    return [after[name][which] - before[name][which] for which in (READS, READ_SECTORS, WRITES, WRITTEN_SECTORS)]


def test_the_statistics_count_what_dd_did():
    with tempfile.TemporaryDirectory() as folder:
        script = """
            cat /proc/diskstats; echo ---
            dd if=/dev/vda1 of=/tmp/x bs=64k count=16 iflag=direct 2>/dev/null; cat /proc/diskstats; echo ---
            dd if=/tmp/x of=/dev/vda2 bs=32k count=8 oflag=direct conv=notrunc 2>/dev/null; cat /proc/diskstats; echo ---
            cat /sys/block/vda/stat
        """
        told = statistics(shell(script, "--disk", write(folder, content())))
        same(len(told[0]["vda"]), 17, "numbers of a line")
        for name in ("vda", "vda1"):
            same(grown(told[0], told[1], name), [16, 2048, 0, 0], f"{name} after 16 reads of 64 KiB")
        same(grown(told[0], told[1], "vda2"), [0, 0, 0, 0], "vda2 meanwhile")
        for name in ("vda", "vda2"):
            same(grown(told[1], told[2], name), [0, 0, 8, 512], f"{name} after 8 writes of 32 KiB")
        same(grown(told[1], told[2], "vda1"), [0, 0, 0, 0], "vda1 meanwhile")


def test_dropped_caches_are_read_again():
    """Of the file system on the first disk, which is mounted on /mnt."""
    with tempfile.TemporaryDirectory() as folder:
        image = file_system(folder, SIZE)
        path = write(folder, image)
        script = """
            dd if=/dev/urandom of=/mnt/file bs=64k count=64 2>/dev/null; sync
            sha256sum < /mnt/file
            look() { grep ^Cached: /proc/meminfo; cat /proc/diskstats; echo ---; }
            look
            sha256sum < /mnt/file; look
            echo 3 > /proc/sys/vm/drop_caches; look
            sha256sum < /mnt/file; look
            cat /proc/sys/vm/drop_caches
            echo 9 2>/dev/null > /proc/sys/vm/drop_caches || echo refused
        """
        told = shell(script, "--disk", path)
        sums = sums_in(told)
        same((len(sums), len(set(sums))), (3, 1), "the file's sums")
        cached = [int(number) for number in re.findall(r"^Cached: +(\d+) kB$", told, re.M)]
        sectors = [part["vda"][READ_SECTORS] for part in statistics(told)[:4]]
        same(sectors[1], sectors[0], "sectors read for a file in the cache")
        assert cached[1] - cached[2] >= 4096, f"KiB cached before and after a file of 4 MiB was dropped: {cached}"
        assert sectors[3] - sectors[2] >= 8192, f"sectors read before and after the file was: {sectors}"
        assert cached[3] - cached[2] >= 4096, f"KiB cached after it was read again: {cached}"
        same(told.split()[-2:], ["3", "refused"], "the file itself")


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
