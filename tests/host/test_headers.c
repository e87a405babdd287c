/*
 * The seed's headers as seen by the compiler (oskit_slots.c has the tables): structures, constants,
 * identifiers. Most of it fails at compile time or not at all.
 */
#include "harness.h"

#include <oskit/boolean.h>
#include <oskit/com.h>
#include <oskit/com/listener.h>
#include <oskit/com/listener_fanout.h>
#include <oskit/com/listener_mgr.h>
#include <oskit/com/pipe.h>
#include <oskit/com/services.h>
#include <oskit/com/stream.h>
#include <oskit/dev/blk.h>
#include <oskit/dev/bus.h>
#include <oskit/dev/clock.h>
#include <oskit/dev/dev.h>
#include <oskit/dev/ethernet.h>
#include <oskit/dev/net.h>
#include <oskit/dev/timer.h>
#include <oskit/dev/tty.h>
#include <oskit/error.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/dirents.h>
#include <oskit/fs/file.h>
#include <oskit/fs/filesystem.h>
#include <oskit/fs/fsnamespace.h>
#include <oskit/fs/openfile.h>
#include <oskit/io/absio.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/blkio.h>
#include <oskit/io/bufio.h>
#include <oskit/io/bufio_stream.h>
#include <oskit/io/bufiovec.h>
#include <oskit/io/netio.h>
#include <oskit/io/netio_fanout.h>
#include <oskit/io/posixio.h>
#include <oskit/io/ttystream.h>
#include <oskit/net/socket.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>
#include <sluice/driver.h>
#include <sluice/dynamic.h>
#include <sluice/filesystemx.h>
#include <sluice/filex.h>
#include <sluice/netqueue.h>
#include <sluice/pci.h>
#include <sluice/pipe.h>
#include <sluice/readiness.h>
#include <sluice/sync.h>
#include <sluice/sgbuf.h>
#include <sluice/socket.h>
#include <sluice/terminal.h>
#include <sluice/vecio.h>
#include <sluice/virtio_mmio.h>

/* ---- Structures -------------------------------------------------------------------------- */

#define SIZE(type, size) _Static_assert(sizeof(type) == (size), #type)
#define AT(type, member, offset) \
    _Static_assert(offsetof(type, member) == (offset), #type "." #member)
#define SAME(a, b) _Static_assert(__builtin_types_compatible_p(a, b), #a " is " #b)

SIZE(oskit_s8_t, 1);
SIZE(oskit_u8_t, 1);
SIZE(oskit_s16_t, 2);
SIZE(oskit_u16_t, 2);
SIZE(oskit_s32_t, 4);
SIZE(oskit_u32_t, 4);
SIZE(oskit_s64_t, 8);
SIZE(oskit_u64_t, 8);
SIZE(oskit_bool_t, 1);
SIZE(oskit_addr_t, 8);
SIZE(oskit_off_t, 8);
SIZE(oskit_dev_t, 4);
SIZE(oskit_ino_t, 4);
SIZE(oskit_mode_t, 2);
SIZE(oskit_nlink_t, 2);
SIZE(oskit_uid_t, 4);
SIZE(oskit_gid_t, 4);
SIZE(oskit_pid_t, 4);
SIZE(oskit_time_t, 4);
SIZE(oskit_wchar_t, 2);
SIZE(oskit_error_t, 4);
SIZE(oskit_timespec_t, 8);
SIZE(struct oskit_itimerspec, 16);
SIZE(oskit_guid_t, 16);
SIZE(oskit_stat_t, 72);
SIZE(struct oskit_termios, 44);
SIZE(oskit_statfs_t, 44);
SIZE(oskit_sockaddr_t, 16);
SIZE(oskit_stream_stat_t, 24);
SAME(oskit_size_t, size_t);
SAME(oskit_s64_t, long long);
SAME(oskit_u64_t, unsigned long long);
SAME(oskit_off_t, long long);
SAME(oskit_iid_t, struct oskit_guid);
AT(oskit_stat_t, dev, 0);
AT(oskit_stat_t, ino, 4);
AT(oskit_stat_t, mode, 8);
AT(oskit_stat_t, nlink, 10);
AT(oskit_stat_t, uid, 12);
AT(oskit_stat_t, gid, 16);
AT(oskit_stat_t, rdev, 20);
AT(oskit_stat_t, atime, 24);
AT(oskit_stat_t, mtime, 32);
AT(oskit_stat_t, ctime, 40);
AT(oskit_stat_t, size, 48);
AT(oskit_stat_t, blocks, 56);
AT(oskit_stat_t, blksize, 64);
AT(struct oskit_termios, iflag, 0);
AT(struct oskit_termios, oflag, 4);
AT(struct oskit_termios, cflag, 8);
AT(struct oskit_termios, lflag, 12);
AT(struct oskit_termios, cc, 16);
AT(struct oskit_termios, ispeed, 36);
AT(struct oskit_termios, ospeed, 40);
AT(oskit_statfs_t, bsize, 0);
AT(oskit_statfs_t, frsize, 4);
AT(oskit_statfs_t, blocks, 8);
AT(oskit_statfs_t, bfree, 12);
AT(oskit_statfs_t, bavail, 16);
AT(oskit_statfs_t, files, 20);
AT(oskit_statfs_t, ffree, 24);
AT(oskit_statfs_t, favail, 28);
AT(oskit_statfs_t, fsid, 32);
AT(oskit_statfs_t, flag, 36);
AT(oskit_statfs_t, namemax, 40);
AT(oskit_sockaddr_t, sa_len, 0);
AT(oskit_sockaddr_t, sa_family, 1);
AT(oskit_sockaddr_t, sa_data, 2);
AT(oskit_dirent_t, namelen, 0);
AT(oskit_dirent_t, ino, 8);
AT(oskit_dirent_t, name, 12);
AT(struct oskit_guid, data4, 8);

/* ---- Constants --------------------------------------------------------------------------- */

#define IS(name, value) _Static_assert(OSKIT_##name == (value), #name)

IS(ASYNCIO_READABLE, 1);
IS(ASYNCIO_WRITABLE, 2);
IS(ASYNCIO_WRITEABLE, 2);
IS(ASYNCIO_EXCEPTION, 4);
IS(ASYNCIO_ALL, 7);
IS(STAT_DEV, 1);
IS(STAT_INO, 2);
IS(STAT_MODE, 4);
IS(STAT_NLINK, 8);
IS(STAT_UID, 0x10);
IS(STAT_GID, 0x20);
IS(STAT_RDEV, 0x40);
IS(STAT_ATIME, 0x80);
IS(STAT_MTIME, 0x100);
IS(STAT_UTIMES_NULL, 0x200);
IS(STAT_CTIME, 0x400);
IS(STAT_SIZE, 0x800);
IS(STAT_BLOCKS, 0x1000);
IS(STAT_BLKSIZE, 0x2000);
IS(STAT_SETTABLE, 0xbb4);
IS(PC_LINK_MAX, 1);
IS(PC_MAX_CANON, 2);
IS(PC_MAX_INPUT, 3);
IS(PC_NAME_MAX, 4);
IS(PC_PATH_MAX, 5);
IS(PC_PIPE_BUF, 6);
IS(PC_CHOWN_RESTRICTED, 7);
IS(PC_NO_TRUNC, 8);
IS(PC_VDISABLE, 9);
IS(PC_ASYNC_IO, 10);
IS(PC_PRIO_IO, 11);
IS(PC_SYNC_IO, 12);
IS(S_IFMT, 0170000);
IS(S_IFDIR, 0040000);
IS(S_IFREG, 0100000);
IS(S_IFLNK, 0120000);
IS(S_IFCHR, 0020000);
IS(S_IFBLK, 0060000);
IS(S_IFIFO, 0010000);
IS(S_IFSOCK, 0140000);
IS(S_ISUID, 04000);
IS(S_ISVTX, 01000);
IS(S_IRWXU, 0700);
IS(S_IXOTH, 1);
IS(SEEK_SET, 0);
IS(SEEK_CUR, 1);
IS(SEEK_END, 2);
IS(TCSANOW, 0);
IS(TCSADRAIN, 1);
IS(TCSAFLUSH, 2);
IS(TCIFLUSH, 1);
IS(TCOFLUSH, 2);
IS(TCIOFLUSH, 3);
IS(TCOOFF, 1);
IS(TCOON, 2);
IS(TCIOFF, 3);
IS(TCION, 4);
IS(VEOF, 0);
IS(VEOL, 1);
IS(VERASE, 3);
IS(VKILL, 5);
IS(VINTR, 8);
IS(VQUIT, 9);
IS(VSUSP, 10);
IS(VSTART, 12);
IS(VSTOP, 13);
IS(VMIN, 16);
IS(VTIME, 17);
IS(NCCS, 20);
IS(VDISABLE, 0xff);
IS(IGNBRK, 1);
IS(BRKINT, 2);
IS(IGNPAR, 4);
IS(PARMRK, 8);
IS(INPCK, 0x10);
IS(ISTRIP, 0x20);
IS(INLCR, 0x40);
IS(IGNCR, 0x80);
IS(ICRNL, 0x100);
IS(IXON, 0x200);
IS(IXOFF, 0x400);
IS(IXANY, 0x800);
IS(OPOST, 1);
IS(ONLCR, 2);
IS(CSIZE, 0x300);
IS(CS5, 0);
IS(CS6, 0x100);
IS(CS7, 0x200);
IS(CS8, 0x300);
IS(CSTOPB, 0x400);
IS(CREAD, 0x800);
IS(PARENB, 0x1000);
IS(PARODD, 0x2000);
IS(HUPCL, 0x4000);
IS(CLOCAL, 0x8000);
IS(ECHOE, 2);
IS(ECHOK, 4);
IS(ECHO, 8);
IS(ECHONL, 0x10);
IS(ISIG, 0x80);
IS(ICANON, 0x100);
IS(IEXTEN, 0x400);
IS(TOSTOP, 0x400000);
IS(NOFLSH, 0x80000000u);
IS(F_OK, 0);
IS(X_OK, 1);
IS(W_OK, 2);
IS(R_OK, 4);
IS(O_RDONLY, 1);
IS(O_WRONLY, 2);
IS(O_RDWR, 3);
IS(O_ACCMODE, 3);
IS(O_CREAT, 4);
IS(O_EXCL, 8);
IS(O_NOCTTY, 0x10);
IS(O_TRUNC, 0x20);
IS(O_APPEND, 0x40);
IS(O_NONBLOCK, 0x80);
IS(O_DSYNC, 0x100);
IS(O_RSYNC, 0x200);
IS(O_SYNC, 0x400);
IS(FS_RDONLY, 1);
IS(FS_NOEXEC, 2);
IS(FS_NOSUID, 4);
IS(FS_NODEV, 8);
IS(SOL_SOCKET, 0xffff);
IS(SO_DEBUG, 1);
IS(SO_ACCEPTCONN, 2);
IS(SO_REUSEADDR, 4);
IS(SO_KEEPALIVE, 8);
IS(SO_DONTROUTE, 0x10);
IS(SO_BROADCAST, 0x20);
IS(SO_USELOOPBACK, 0x40);
IS(SO_LINGER, 0x80);
IS(SO_OOBINLINE, 0x100);
IS(SO_REUSEPORT, 0x200);
IS(SO_SNDBUF, 0x1001);
IS(SO_RCVBUF, 0x1002);
IS(SO_SNDLOWAT, 0x1003);
IS(SO_RCVLOWAT, 0x1004);
IS(SO_SNDTIMEO, 0x1005);
IS(SO_RCVTIMEO, 0x1006);
IS(SO_ERROR, 0x1007);
IS(SO_TYPE, 0x1008);
IS(SO_NETIO, 0x1009);
IS(MSG_OOB, 1);
IS(MSG_PEEK, 2);
IS(MSG_DONTROUTE, 4);
IS(MSG_EOR, 8);
IS(MSG_TRUNC, 0x10);
IS(MSG_CTRUNC, 0x20);
IS(MSG_WAITALL, 0x40);
IS(MSG_DONTWAIT, 0x80);
IS(MSG_EOF, 0x100);
IS(SOCK_STREAM, 1);
IS(SOCK_DGRAM, 2);
IS(SOCK_RAW, 3);
IS(SOCK_RDM, 4);
IS(SOCK_SEQPACKET, 5);
IS(AF_UNSPEC, 0);
IS(AF_LOCAL, 1);
IS(AF_INET, 2);
IS(AF_INET6, 28);
IS(DEV_OPEN_READ, 1);
IS(DEV_OPEN_WRITE, 2);
IS(DEV_OPEN_ALL, 3);
IS(NETDEV_RX_POLLING, 1);
IS(NETDEV_TX_POLLING, 2);
IS(TIMER_ABSTIME, 1);

/* ---- Errors ------------------------------------------------------------------------------ */

#define CODE(name, value) _Static_assert((oskit_u32_t)OSKIT_##name == (value), #name)

CODE(E_UNEXPECTED, 0x8000ffffu);
CODE(E_NOTIMPL, 0x80004001u);
CODE(E_NOINTERFACE, 0x80004002u);
CODE(E_POINTER, 0x80004003u);
CODE(E_ABORT, 0x80004004u);
CODE(E_FAIL, 0x80004005u);
CODE(E_ACCESSDENIED, 0x80070005u);
CODE(E_OUTOFMEMORY, 0x8007000eu);
CODE(E_INVALIDARG, 0x80070057u);
CODE(EFAULT, 0x80004003u);
CODE(EINVAL, 0x80070057u);
CODE(ENOMEM, 0x8007000eu);
CODE(ENOSYS, 0x80004001u);
CODE(EPERM, 0x80070005u);
CODE(EDOM, 0x8f100001u);
CODE(ERANGE, 0x8f100002u);
CODE(E2BIG, 0x8f100101u);
CODE(EACCES, 0x8f100102u);
CODE(EAGAIN, 0x8f100103u);
CODE(EBADF, 0x8f100104u);
CODE(EBUSY, 0x8f100105u);
CODE(ECHILD, 0x8f100106u);
CODE(EDEADLK, 0x8f100107u);
CODE(EEXIST, 0x8f100108u);
CODE(EFBIG, 0x8f100109u);
CODE(EINTR, 0x8f10010au);
CODE(EIO, 0x8f10010bu);
CODE(EISDIR, 0x8f10010cu);
CODE(EMFILE, 0x8f10010du);
CODE(EMLINK, 0x8f10010eu);
CODE(ENAMETOOLONG, 0x8f10010fu);
CODE(ENFILE, 0x8f100110u);
CODE(ENODEV, 0x8f100111u);
CODE(ENOENT, 0x8f100112u);
CODE(ENOEXEC, 0x8f100113u);
CODE(ENOLCK, 0x8f100114u);
CODE(ENOSPC, 0x8f100115u);
CODE(ENOTDIR, 0x8f100116u);
CODE(ENOTEMPTY, 0x8f100117u);
CODE(ENOTTY, 0x8f100118u);
CODE(ENXIO, 0x8f100119u);
CODE(EPIPE, 0x8f10011au);
CODE(EROFS, 0x8f10011bu);
CODE(ESPIPE, 0x8f10011cu);
CODE(ESRCH, 0x8f10011du);
CODE(EXDEV, 0x8f10011eu);
CODE(EBADMSG, 0x8f100120u);
CODE(ECANCELED, 0x8f100121u);
CODE(EINPROGRESS, 0x8f100122u);
CODE(EMSGSIZE, 0x8f100123u);
CODE(ENOTSUP, 0x8f100124u);
CODE(ETIMEDOUT, 0x8f100130u);
CODE(EADDRINUSE, 0x8f100200u);
CODE(EADDRNOTAVAIL, 0x8f100201u);
CODE(EAFNOSUPPORT, 0x8f100202u);
CODE(EALREADY, 0x8f100203u);
CODE(ECONNABORTED, 0x8f100204u);
CODE(ECONNREFUSED, 0x8f100205u);
CODE(ECONNRESET, 0x8f100206u);
CODE(EDESTADDRREQ, 0x8f100207u);
CODE(EDQUOT, 0x8f100208u);
CODE(EHOSTUNREACH, 0x8f100209u);
CODE(EIDRM, 0x8f10020au);
CODE(EILSEQ, 0x8f10020bu);
CODE(EISCONN, 0x8f10020cu);
CODE(ELOOP, 0x8f10020du);
CODE(EMULTIHOP, 0x8f10020eu);
CODE(ENETDOWN, 0x8f10020fu);
CODE(ENETUNREACH, 0x8f100210u);
CODE(ENOBUFS, 0x8f100211u);
CODE(ENODATA, 0x8f100212u);
CODE(ENOLINK, 0x8f100213u);
CODE(ENOMSG, 0x8f100214u);
CODE(ENOPROTOOPT, 0x8f100215u);
CODE(ENOSR, 0x8f100216u);
CODE(ENOSTR, 0x8f100217u);
CODE(ENOTCONN, 0x8f100218u);
CODE(ENOTSOCK, 0x8f100219u);
CODE(EOPNOTSUPP, 0x8f10021au);
CODE(EOVERFLOW, 0x8f10021bu);
CODE(EPROTO, 0x8f10021cu);
CODE(EPROTONOSUPPORT, 0x8f10021du);
CODE(EPROTOTYPE, 0x8f10021eu);
CODE(ESTALE, 0x8f10021fu);
CODE(ETIME, 0x8f100220u);
CODE(ETXTBSY, 0x8f100221u);
CODE(EWOULDBLOCK, 0x8f100222u);
CODE(EUCLEAN, 0x8f100300u);
CODE(ESOCKTNOSUPPORT, 0x8f100301u);
CODE(ETOOMANYREFS, 0x8f100302u);
CODE(E_DEV_NOSUCH_DEV, 0x8f100de1u);
CODE(E_DEV_BADOP, 0x8f100de2u);
CODE(E_DEV_BADPARAM, 0x8f100de3u);
CODE(E_DEV_IOERR, 0x8f100de4u);
CODE(E_DEV_NOMORE_CHILDREN, 0x8f100de6u);
CODE(E_DEV_FIXEDBUS, 0x8f100de7u);
CODE(E_DEV_NOSUCH_CHILD, 0x8f100de8u);
CODE(E_DEV_SPACE_INUSE, 0x8f100de9u);
CODE(E_DEV_SPACE_UNASSIGNED, 0x8f100deau);
CODE(E_DEV_BAD_PERIOD, 0x8f100debu);
CODE(E_DEV_NO_BIOS32, 0x8f100decu);
CODE(E_DEV_NO_BIOS32_SERVICE, 0x8f100dedu);

/* An error is an int, negative, and fit for the preprocessor and for case labels. */
SAME(__typeof__(OSKIT_EWOULDBLOCK), int);
#if OSKIT_EAGAIN == OSKIT_EWOULDBLOCK || OSKIT_E_NOTIMPL >= 0 || OSKIT_ENOSYS != OSKIT_E_NOTIMPL
#error "codes are what they should not be"
#endif

static void test_error_macros(void **state)
{
    oskit_error_t error = OSKIT_EWOULDBLOCK;

    (void)state;
    assert_true(OSKIT_FAILED(error) && !OSKIT_SUCCEEDED(error));
    assert_true(OSKIT_SUCCEEDED(OSKIT_S_OK) && OSKIT_SUCCEEDED(OSKIT_S_FALSE));
    assert_int_equal(OSKIT_ERROR_FACILITY(error), OSKIT_FACILITY_OSKIT);
    assert_int_equal(OSKIT_ERROR_CODE(error), 0x222);
    assert_int_equal(OSKIT_ERROR_SEVERITY(error), OSKIT_SEVERITY_ERROR);
    assert_int_equal(OSKIT_ERROR_CREATE(OSKIT_SEVERITY_ERROR, OSKIT_FACILITY_OSKIT, 0x222), error);
    assert_int_equal(OSKIT_ERROR_CREATE(OSKIT_SEVERITY_SUCCESS, 2, 7), 0x20007);
    /* Widened, a code equals its constant: both are signed. */
    assert_true((long)error == OSKIT_EWOULDBLOCK);
    switch (error) {
    case OSKIT_EWOULDBLOCK:
        break;
    default:
        fail();
    }
}

/* ---- Identifiers ------------------------------------------------------------------------- */

struct identifier {
    const struct oskit_guid *iid;
    struct oskit_guid expected;
    struct oskit_guid macro;
};

#define FLUX(name, MACRO, data1)                                                       \
    {                                                                                  \
        &oskit_##name##_iid,                                                           \
            {data1, 0x7c74, 0x11cf, {0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2}}, \
            OSKIT_##MACRO##_IID                                                        \
    }
#define COM(name, MACRO, data1)                                                                 \
    {                                                                                           \
        &oskit_##name##_iid, {data1, 0, 0, {0xc0, 0, 0, 0, 0, 0, 0, 0x46}}, OSKIT_##MACRO##_IID \
    }
#define OURS(name, data1)                                                              \
    {                                                                                  \
        &sluice_##name##_iid,                                                          \
            {data1, 0x61c8, 0x4d2a, {0x9e, 0x3b, 0x53, 0x4c, 0x55, 0x49, 0x43, 0x45}}, \
            SLUICE_GUID(data1)                                                         \
    }

static const struct identifier identifiers[] = {
    COM(iunknown, IUNKNOWN, 0),
    COM(stream, STREAM, 0xc),
    FLUX(absio, ABSIO, 0x4aa7df9d),
    FLUX(asyncio, ASYNCIO, 0x4aa7dfa7),
    FLUX(blkdev, BLKDEV, 0x4aa7df82),
    FLUX(blkio, BLKIO, 0x4aa7df81),
    FLUX(bufio, BUFIO, 0x4aa7df8d),
    FLUX(bufio_stream, BUFIO_STREAM, 0x4aa7dfb0),
    FLUX(bufiovec, BUFIOVEC, 0x4aa7dfb2),
    FLUX(bus, BUS, 0x4aa7df83),
    FLUX(clock, CLOCK, 0x4aa7dfa1),
    FLUX(device, DEVICE, 0x4aa7df80),
    FLUX(dir, DIR, 0x4aa7df95),
    FLUX(dirents, DIRENTS, 0x4aa7dffc),
    FLUX(driver, DRIVER, 0x4aa7df88),
    FLUX(etherdev, ETHERDEV, 0x4aa7df98),
    FLUX(file, FILE, 0x4aa7df94),
    FLUX(filesystem, FILESYSTEM, 0x4aa7df93),
    FLUX(fsnamespace, FSNAMESPACE, 0x4aa7dff8),
    FLUX(listener, LISTENER, 0x4aa7dfa8),
    FLUX(listener_fanout, LISTENER_FANOUT, 0x4aa7dfae),
    FLUX(netdev, NETDEV, 0x4aa7df8c),
    FLUX(netio, NETIO, 0x4aa7df8b),
    FLUX(netio_fanout, NETIO_FANOUT, 0x4aa7dfa2),
    FLUX(openfile, OPENFILE, 0x4aa7df9a),
    FLUX(pipe, PIPE, 0x4aa7dfb7),
    FLUX(posixio, POSIXIO, 0x4aa7df8f),
    FLUX(services, SERVICES, 0x4aa7dfa5),
    FLUX(socket, SOCKET, 0x4aa7dfad),
    FLUX(socket_factory, SOCKET_FACTORY, 0x4aa7dfb4),
    FLUX(timer, TIMER, 0x4aa7dfa4),
    FLUX(ttydev, TTYDEV, 0x4aa7dfa6),
    FLUX(ttystream, TTYSTREAM, 0x4aa7df9c),
    OURS(pollable, 0x5ac10001),
    OURS(streamvec, 0x5ac10002),
    OURS(absvec, 0x5ac10003),
    OURS(blockqueue, 0x5ac10050),
    OURS(sgbuf, 0x5ac10051),
    OURS(sync, 0x5ac10060),
    OURS(netqueue, 0x5ac10070),
    OURS(socket, 0x5ac10071),
    OURS(pager, 0x5ac10004),
    OURS(control, 0x5ac10005),
    OURS(terminal, 0x5ac10006),
    OURS(pipe, 0x5ac10010),
    OURS(filesystemx, 0x5ac10058),
    OURS(xattr, 0x5ac10059),
    OURS(xattrset, 0x5ac1005a),
    OURS(fileflags, 0x5ac1005b),
    OURS(fsname, 0x5ac1005c),
    OURS(filex, 0x5ac10020),
    OURS(dynamic, 0x5ac10021),
};

static void test_identifiers(void **state)
{
    (void)state;
    for (size_t i = 0; i < SLUICE_COUNT(identifiers); i++) {
        const struct identifier *id = &identifiers[i];
        assert_memory_equal(id->iid, &id->expected, sizeof id->expected);
        assert_memory_equal(&id->macro, &id->expected, sizeof id->expected);
        for (size_t j = 0; j < i; j++) {
            assert_ptr_not_equal(id->iid, identifiers[j].iid);
            assert_memory_not_equal(id->iid, identifiers[j].iid, sizeof id->expected);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_error_macros),
        HARNESS_TEST(test_identifiers),
    };
    return cmocka_run_group_tests_name("headers", tests, NULL, NULL);
}
