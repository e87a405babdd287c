"""The kernel's own captures, /dev/capture and capture=: what the loopback, a card and UNIX sockets carried, as pcapng."""
import os
import struct
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
from test_contract import last_line, shell  # noqa: E402  the path is set above
import tap  # noqa: E402  test_contract has set the path
from tap import same  # noqa: E402

# exchange [capture]: a question and an answer by UDP over the loopback, a stream's send, a datagram with a descriptor and a
# datagram of no bytes through UNIX sockets; with a word, what /dev/capture had of it goes to standard output, otherwise
# the sockets' inodes. Either way it tells them on standard error.
SOURCE = r"""
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <net/if.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

static void must(int good, const char *what)
{
    if (!good) {
        perror(what);
        exit(1);
    }
}

static int udp(int port)
{
    struct sockaddr_in name = {.sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
    int s = socket(AF_INET, SOCK_DGRAM, 0);
    must(s >= 0 && bind(s, (void *)&name, sizeof name) == 0, "udp");
    name.sin_port = htons(port ^ 1);
    must(connect(s, (void *)&name, sizeof name) == 0, "connect");
    return s;
}

static void exchange_udp(void)
{
    char bytes[3000], got[3000];
    int one = udp(5000), two = udp(5001);
    memset(bytes, 'u', sizeof bytes);
    must(send(one, "question", 8, 0) == 8 && recv(two, got, sizeof got, 0) == 8, "question");
    must(send(two, bytes, sizeof bytes, 0) == sizeof bytes && recv(one, got, sizeof got, 0) == sizeof bytes, "answer");
}

static unsigned long long inode(int fd)
{
    struct stat stat;
    must(fstat(fd, &stat) == 0, "fstat");
    return stat.st_ino;
}

static void send_right(int to)
{
    char space[CMSG_SPACE(sizeof(int))] = {0};
    struct iovec bytes = {"right", 5};
    struct msghdr message = {.msg_iov = &bytes, .msg_iovlen = 1, .msg_control = space, .msg_controllen = sizeof space};
    struct cmsghdr *head = CMSG_FIRSTHDR(&message);
    *head = (struct cmsghdr){.cmsg_level = SOL_SOCKET, .cmsg_type = SCM_RIGHTS, .cmsg_len = CMSG_LEN(sizeof(int))};
    memcpy(CMSG_DATA(head), &to, sizeof to);
    must(sendmsg(to, &message, 0) == 5, "sendmsg");
}

static void exchange_unix(void)
{
    int stream[2], datagram[2];
    must(socketpair(AF_UNIX, SOCK_STREAM, 0, stream) == 0 && socketpair(AF_UNIX, SOCK_DGRAM, 0, datagram) == 0, "pair");
    fprintf(stderr, "exchange: %d %llu %llu %llu %llu\n", getpid(), inode(stream[0]), inode(stream[1]),
            inode(datagram[0]), inode(datagram[1]));
    must(write(stream[0], "to the other", 12) == 12, "write");
    must(write(stream[1], "back", 4) == 4, "write");
    send_right(datagram[0]);
    must(send(datagram[1], "", 0, 0) == 0, "send");
}

static int packet_socket(void)
{
    struct sockaddr_ll name = {.sll_family = AF_PACKET, .sll_protocol = htons(ETH_P_ALL)};
    int s = socket(AF_PACKET, SOCK_RAW | SOCK_NONBLOCK, htons(ETH_P_ALL));
    name.sll_ifindex = if_nametoindex("lo");
    must(s >= 0 && bind(s, (void *)&name, sizeof name) == 0, "packet socket");
    return s;
}

/* What the packet socket saw come in: a line each, in hexadecimal. */
static void tell_frames(int s)
{
    unsigned char frame[4096];
    struct sockaddr_ll from;
    socklen_t size = sizeof from;
    ssize_t got;
    for (; (got = recvfrom(s, frame, sizeof frame, 0, (void *)&from, &size)) >= 0; size = sizeof from) {
        if (from.sll_pkttype == PACKET_OUTGOING)
            continue;
        fprintf(stderr, "frame: ");
        for (ssize_t i = 0; i < got; i++)
            fprintf(stderr, "%02x", frame[i]);
        fprintf(stderr, "\n");
    }
}

/* In pieces of no even size, so that some end inside a block. */
static void copy_out(int from)
{
    char bytes[777];
    struct pollfd ready = {.fd = from, .events = POLLIN};
    ssize_t got;
    must(poll(&ready, 1, 5000) == 1 && ready.revents == POLLIN, "poll");
    while ((got = read(from, bytes, sizeof bytes)) > 0)
        must(fwrite(bytes, 1, got, stdout) == (size_t)got, "standard output");
    must(got < 0 && errno == EAGAIN, "the end");
    must(poll(&ready, 1, 0) == 0, "nothing more");
    must(write(from, "x", 1) < 0, "written to");
}

int main(int argc, char **argv)
{
    int capture = argc > 1 ? open("/dev/capture", O_RDWR | O_NONBLOCK) : -1, packets = packet_socket();
    (void)argv;
    must(argc == 1 || capture >= 0, "/dev/capture");
    exchange_udp();
    exchange_unix();
    tell_frames(packets);
    if (capture >= 0)
        copy_out(capture);
    return 0;
}
"""


def compiled(folder):
    """The options that put the program into the guest as /bin/exchange."""
    program = os.path.join(folder, "exchange")
    subprocess.run(["gcc", "-O1", "-static", "-x", "c", "-", "-o", program], input=SOURCE.encode(), check=True)
    return ["--add", f"{program}:/bin/exchange"]


# ---- pcapng -----------------------------------------------------------------------------------------

SECTION, INTERFACE, PACKET = 0x0A0D0D0A, 1, 6
ETHERNET, USER0 = 1, 147
INBOUND, OUTBOUND = 1, 2


def blocks(data):
    """(type, body) of each block; both lengths must agree and nothing may be left."""
    at = 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert 12 <= length <= len(data) - at and length % 4 == 0, f"a block of {length} bytes at {at} of {len(data)}"
        same(struct.unpack_from("<I", data, at + length - 4)[0], length, f"the second length of the block at {at}")
        yield kind, data[at + 8:at + length - 4]
        at += length


def options(data):
    """{code: value}, which must have their end."""
    found, at = {}, 0
    while True:
        code, length = struct.unpack_from("<HH", data, at)
        if code == 0:
            same((length, at + 4), (0, len(data)), "the end of the options")
            return found
        found[code] = data[at + 4:at + 4 + length]
        at += 4 + (length + 3) // 4 * 4


class Packet:
    """A packet of a capture and the interface that it went through."""

    def __init__(self, body, interfaces):
        number, high, low, kept, self.whole = struct.unpack_from("<IIIII", body)
        self.name, self.link = interfaces[number]
        self.time = high << 32 | low
        self.bytes = body[20:20 + kept]
        found = options(body[20 + (kept + 3) // 4 * 4:])
        self.flags, self.drops = struct.unpack("<I", found[2])[0], struct.unpack("<Q", found[4])[0]


def packets(data):
    """The packets of a capture, of which all is looked at."""
    interfaces, found = [], []
    for number, (kind, body) in enumerate(blocks(data)):
        same(kind == SECTION, number == 0, f"block {number} is the section's")
        if kind == SECTION:
            same(struct.unpack("<IHHq", body), (0x1A2B3C4D, 1, 0, -1), "the section")
        elif kind == INTERFACE:
            link, _, snap = struct.unpack_from("<HHI", body)
            said = options(body[8:])
            same((said[9], snap), (b"\x09", 262144), "nanoseconds, and the bytes that are kept")
            interfaces.append((said[2].decode(), link))
        else:
            same(kind, PACKET, "a block's type")
            found.append(Packet(body, interfaces))
    return found


def checksum(data):
    """The Internet checksum: 0 over what has a right one."""
    total = sum(struct.unpack(f">{len(data) // 2}H", data)) if len(data) % 2 == 0 else checksum(data + b"\0")
    while total >> 16:
        total = (total & 0xFFFF) + (total >> 16)
    return total ^ 0xFFFF


def udp_of(packet):
    """(source port, destination port, bytes) of a UDP packet through the loopback, or None."""
    frame = packet.bytes
    if packet.name != "lo" or frame[12:14] != b"\x08\x00" or frame[23] != 17:
        return None
    same((frame[14], checksum(frame[14:34])), (0x45, 0), "the head of an IP packet")
    same((frame[26:30], frame[30:34]), (b"\x7f\0\0\1",) * 2, "its addresses")
    source, destination, length = struct.unpack_from(">HHH", frame, 34)
    same((length, struct.unpack_from(">H", frame, 16)[0]), (len(frame) - 34, len(frame) - 14), "its lengths")
    return source, destination, frame[42:]


def unix_of(packet):
    """(type, rights, sender, receiver, pid, uid, bytes) of a send through UNIX sockets."""
    version, kind, rights, length, sender, receiver, pid, uid = struct.unpack_from(">BBHIQQII", packet.bytes)
    same((version, packet.link, packet.flags), (1, USER0, OUTBOUND), "a send")
    same(length, packet.whole - 32, "its length")
    return kind, rights, sender, receiver, pid, uid, packet.bytes[32:]


def has_the_exchange(data, log):
    """Whether a capture has what the program did, in order, once each."""
    found = packets(data)
    times = [packet.time for packet in found]
    same(times, sorted(times), "the packets' times")
    assert all(abs(time.time() - at / 1e9) < 3600 for at in times), f"their times are not of now: {times}"
    same({(packet.drops, len(packet.bytes) - packet.whole) for packet in found}, {(0, 0)}, "packets missing or cut")
    same({(packet.link, packet.flags) for packet in found if packet.name == "lo"}, {(ETHERNET, INBOUND)}, "the loopback")
    same([udp_of(packet) for packet in found if udp_of(packet)], [(5000, 5001, b"question"), (5001, 5000, b"u" * 3000)],
         "the datagrams")
    pid, *inodes = (int(word) for word in next(line for line in log.splitlines() if line.startswith("exchange: ")).split()[1:])
    same([unix_of(packet) for packet in found if packet.name == "unix" and unix_of(packet)[4] == pid],
         [(1, 0, inodes[0], inodes[1], pid, 0, b"to the other"), (1, 0, inodes[1], inodes[0], pid, 0, b"back"),
          (2, 1, inodes[2], inodes[3], pid, 0, b"right"), (2, 0, inodes[3], inodes[2], pid, 0, b"")], "UNIX sockets' sends")
    frames = [bytes.fromhex(line.partition(" ")[2]) for line in log.splitlines() if line.startswith("frame: ")]
    same([packet.bytes for packet in found if packet.name == "lo"], frames, "what a packet socket saw of the loopback")


# ---- the two ways to read one -----------------------------------------------------------------------


def test_a_program_reads_the_capture():
    with tempfile.TemporaryDirectory() as folder:
        for smp in ("1", "2"):
            script = "exchange 1 2>/tmp/said >/tmp/capture; s=$?; cat /tmp/said; echo ---; cat /tmp/capture; exit $s"
            status, output, log = shell(script, "--smp", smp, *compiled(folder))
            said, _, data = output.partition(b"---\n")
            same(status, 0, f"status; {last_line(log)}; {said!r}")
            has_the_exchange(data, said.decode())


def test_the_capture_leaves_by_a_virtio_console():
    with tempfile.TemporaryDirectory() as folder:
        path = os.path.join(folder, "net.pcapng")
        port = ["-chardev", f"file,id=capture,path={path}", "-device", "virtio-serial-pci,max_ports=2", "-device",
                "virtserialport,chardev=capture,nr=1"]
        words = [word for value in port for word in ("--qemu-arg", value)]
        status, output, log = shell("exchange 2>&1", "--append", "capture=hvc0", *words, *compiled(folder))
        same(status, 0, f"status; {last_line(log)}; output {output!r}")
        with open(path, "rb") as file:
            has_the_exchange(file.read(), output.decode())


if __name__ == "__main__":
    sys.exit(tap.run_tests(tap.tests_in(sys.modules[__name__])))
