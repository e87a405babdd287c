/*
 * The seed's method tables as seen by the compiler: the slot of each method, and the order and
 * types of its arguments. Nothing here runs; it fails at compile time or not at all.
 */
#include <stddef.h>
#include <oskit/com.h>
#include <oskit/com/listener.h>
#include <oskit/com/listener_fanout.h>
#include <oskit/com/pipe.h>
#include <oskit/com/services.h>
#include <oskit/com/stream.h>
#include <oskit/dev/blk.h>
#include <oskit/dev/bus.h>
#include <oskit/dev/clock.h>
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

/* ---- Slots ------------------------------------------------------------------------------- */

#define SLOT(interface, number, method)                                                           \
    _Static_assert(offsetof(struct oskit_##interface##_ops, method) == (number) * sizeof(void *), \
                   #interface "." #method " is slot " #number)
#define SLOTS(interface, count)                                                        \
    _Static_assert(sizeof(struct oskit_##interface##_ops) == (count) * sizeof(void *), \
                   #interface " has " #count " slots")

SLOTS(iunknown, 3);
SLOT(iunknown, 0, query);
SLOT(iunknown, 1, addref);
SLOT(iunknown, 2, release);

SLOTS(absio, 8);
SLOT(absio, 0, query);
SLOT(absio, 1, addref);
SLOT(absio, 2, release);
SLOT(absio, 3, reserved);
SLOT(absio, 4, read);
SLOT(absio, 5, write);
SLOT(absio, 6, getsize);
SLOT(absio, 7, setsize);

SLOTS(blkio, 8);
SLOT(blkio, 0, query);
SLOT(blkio, 1, addref);
SLOT(blkio, 2, release);
SLOT(blkio, 3, getblocksize);
SLOT(blkio, 4, read);
SLOT(blkio, 5, write);
SLOT(blkio, 6, getsize);
SLOT(blkio, 7, setsize);

SLOTS(bufio, 13);
SLOT(bufio, 0, query);
SLOT(bufio, 1, addref);
SLOT(bufio, 2, release);
SLOT(bufio, 3, reserved);
SLOT(bufio, 4, read);
SLOT(bufio, 5, write);
SLOT(bufio, 6, getsize);
SLOT(bufio, 7, setsize);
SLOT(bufio, 8, map);
SLOT(bufio, 9, unmap);
SLOT(bufio, 10, wire);
SLOT(bufio, 11, unwire);
SLOT(bufio, 12, copy);

SLOTS(netio, 5);
SLOT(netio, 0, query);
SLOT(netio, 1, addref);
SLOT(netio, 2, release);
SLOT(netio, 3, push);
SLOT(netio, 4, alloc_bufio);

SLOTS(netio_fanout, 6);
SLOT(netio_fanout, 0, query);
SLOT(netio_fanout, 1, addref);
SLOT(netio_fanout, 2, release);
SLOT(netio_fanout, 3, push);
SLOT(netio_fanout, 4, add_listener);
SLOT(netio_fanout, 5, remove_listener);

SLOTS(asyncio, 7);
SLOT(asyncio, 0, query);
SLOT(asyncio, 1, addref);
SLOT(asyncio, 2, release);
SLOT(asyncio, 3, poll);
SLOT(asyncio, 4, add_listener);
SLOT(asyncio, 5, remove_listener);
SLOT(asyncio, 6, readable);

SLOTS(listener, 4);
SLOT(listener, 0, query);
SLOT(listener, 1, addref);
SLOT(listener, 2, release);
SLOT(listener, 3, notify);

SLOTS(listener_fanout, 7);
SLOT(listener_fanout, 0, query);
SLOT(listener_fanout, 1, addref);
SLOT(listener_fanout, 2, release);
SLOT(listener_fanout, 3, notify);
SLOT(listener_fanout, 4, add);
SLOT(listener_fanout, 5, remove);
SLOT(listener_fanout, 6, count);

SLOTS(posixio, 6);
SLOT(posixio, 0, query);
SLOT(posixio, 1, addref);
SLOT(posixio, 2, release);
SLOT(posixio, 3, stat);
SLOT(posixio, 4, setstat);
SLOT(posixio, 5, pathconf);

SLOTS(stream, 14);
SLOT(stream, 0, query);
SLOT(stream, 1, addref);
SLOT(stream, 2, release);
SLOT(stream, 3, read);
SLOT(stream, 4, write);
SLOT(stream, 5, seek);
SLOT(stream, 6, setsize);
SLOT(stream, 7, copyto);
SLOT(stream, 8, commit);
SLOT(stream, 9, revert);
SLOT(stream, 10, lockregion);
SLOT(stream, 11, unlockregion);
SLOT(stream, 12, stat);
SLOT(stream, 13, clone);

SLOTS(ttystream, 24);
SLOT(ttystream, 0, query);
SLOT(ttystream, 1, addref);
SLOT(ttystream, 2, release);
SLOT(ttystream, 3, read);
SLOT(ttystream, 4, write);
SLOT(ttystream, 5, seek);
SLOT(ttystream, 6, setsize);
SLOT(ttystream, 7, copyto);
SLOT(ttystream, 8, commit);
SLOT(ttystream, 9, revert);
SLOT(ttystream, 10, lockregion);
SLOT(ttystream, 11, unlockregion);
SLOT(ttystream, 12, stat);
SLOT(ttystream, 13, clone);
SLOT(ttystream, 14, getattr);
SLOT(ttystream, 15, setattr);
SLOT(ttystream, 16, sendbreak);
SLOT(ttystream, 17, drain);
SLOT(ttystream, 18, flush);
SLOT(ttystream, 19, flow);
SLOT(ttystream, 20, getpgrp);
SLOT(ttystream, 21, setpgrp);
SLOT(ttystream, 22, ttyname);
SLOT(ttystream, 23, getsid);

SLOTS(openfile, 15);
SLOT(openfile, 0, query);
SLOT(openfile, 1, addref);
SLOT(openfile, 2, release);
SLOT(openfile, 3, read);
SLOT(openfile, 4, write);
SLOT(openfile, 5, seek);
SLOT(openfile, 6, setsize);
SLOT(openfile, 7, copyto);
SLOT(openfile, 8, commit);
SLOT(openfile, 9, revert);
SLOT(openfile, 10, lockregion);
SLOT(openfile, 11, unlockregion);
SLOT(openfile, 12, stat);
SLOT(openfile, 13, clone);
SLOT(openfile, 14, getfile);

SLOTS(file, 12);
SLOT(file, 0, query);
SLOT(file, 1, addref);
SLOT(file, 2, release);
SLOT(file, 3, stat);
SLOT(file, 4, setstat);
SLOT(file, 5, pathconf);
SLOT(file, 6, sync);
SLOT(file, 7, datasync);
SLOT(file, 8, access);
SLOT(file, 9, readlink);
SLOT(file, 10, open);
SLOT(file, 11, getfs);

SLOTS(dir, 23);
SLOT(dir, 0, query);
SLOT(dir, 1, addref);
SLOT(dir, 2, release);
SLOT(dir, 3, stat);
SLOT(dir, 4, setstat);
SLOT(dir, 5, pathconf);
SLOT(dir, 6, sync);
SLOT(dir, 7, datasync);
SLOT(dir, 8, access);
SLOT(dir, 9, readlink);
SLOT(dir, 10, open);
SLOT(dir, 11, getfs);
SLOT(dir, 12, lookup);
SLOT(dir, 13, create);
SLOT(dir, 14, link);
SLOT(dir, 15, unlink);
SLOT(dir, 16, rename);
SLOT(dir, 17, mkdir);
SLOT(dir, 18, rmdir);
SLOT(dir, 19, getdirentries);
SLOT(dir, 20, mknod);
SLOT(dir, 21, symlink);
SLOT(dir, 22, reparent);

SLOTS(dirents, 6);
SLOT(dirents, 0, query);
SLOT(dirents, 1, addref);
SLOT(dirents, 2, release);
SLOT(dirents, 3, getcount);
SLOT(dirents, 4, getnext);
SLOT(dirents, 5, rewind);

SLOTS(filesystem, 9);
SLOT(filesystem, 0, query);
SLOT(filesystem, 1, addref);
SLOT(filesystem, 2, release);
SLOT(filesystem, 3, statfs);
SLOT(filesystem, 4, sync);
SLOT(filesystem, 5, getroot);
SLOT(filesystem, 6, remount);
SLOT(filesystem, 7, unmount);
SLOT(filesystem, 8, lookupi);

SLOTS(fsnamespace, 9);
SLOT(fsnamespace, 0, query);
SLOT(fsnamespace, 1, addref);
SLOT(fsnamespace, 2, release);
SLOT(fsnamespace, 3, chroot);
SLOT(fsnamespace, 4, chcwd);
SLOT(fsnamespace, 5, lookup);
SLOT(fsnamespace, 6, mount);
SLOT(fsnamespace, 7, unmount);
SLOT(fsnamespace, 8, clone);

SLOTS(socket, 19);
SLOT(socket, 0, query);
SLOT(socket, 1, addref);
SLOT(socket, 2, release);
SLOT(socket, 3, stat);
SLOT(socket, 4, setstat);
SLOT(socket, 5, pathconf);
SLOT(socket, 6, accept);
SLOT(socket, 7, bind);
SLOT(socket, 8, connect);
SLOT(socket, 9, shutdown);
SLOT(socket, 10, listen);
SLOT(socket, 11, getsockname);
SLOT(socket, 12, getpeername);
SLOT(socket, 13, getsockopt);
SLOT(socket, 14, setsockopt);
SLOT(socket, 15, sendto);
SLOT(socket, 16, recvfrom);
SLOT(socket, 17, sendmsg);
SLOT(socket, 18, recvmsg);

SLOTS(socket_factory, 5);
SLOT(socket_factory, 0, query);
SLOT(socket_factory, 1, addref);
SLOT(socket_factory, 2, release);
SLOT(socket_factory, 3, create);
SLOT(socket_factory, 4, create_pair);

SLOTS(device, 5);
SLOT(device, 0, query);
SLOT(device, 1, addref);
SLOT(device, 2, release);
SLOT(device, 3, getinfo);
SLOT(device, 4, getdriver);

SLOTS(driver, 4);
SLOT(driver, 0, query);
SLOT(driver, 1, addref);
SLOT(driver, 2, release);
SLOT(driver, 3, getinfo);

SLOTS(blkdev, 6);
SLOT(blkdev, 0, query);
SLOT(blkdev, 1, addref);
SLOT(blkdev, 2, release);
SLOT(blkdev, 3, getinfo);
SLOT(blkdev, 4, getdriver);
SLOT(blkdev, 5, open);

SLOTS(netdev, 7);
SLOT(netdev, 0, query);
SLOT(netdev, 1, addref);
SLOT(netdev, 2, release);
SLOT(netdev, 3, getinfo);
SLOT(netdev, 4, getdriver);
SLOT(netdev, 5, open);
SLOT(netdev, 6, rxpoll);

SLOTS(etherdev, 8);
SLOT(etherdev, 0, query);
SLOT(etherdev, 1, addref);
SLOT(etherdev, 2, release);
SLOT(etherdev, 3, getinfo);
SLOT(etherdev, 4, getdriver);
SLOT(etherdev, 5, open);
SLOT(etherdev, 6, rxpoll);
SLOT(etherdev, 7, getaddr);

SLOTS(ttydev, 7);
SLOT(ttydev, 0, query);
SLOT(ttydev, 1, addref);
SLOT(ttydev, 2, release);
SLOT(ttydev, 3, getinfo);
SLOT(ttydev, 4, getdriver);
SLOT(ttydev, 5, open);
SLOT(ttydev, 6, listen);

SLOTS(bus, 7);
SLOT(bus, 0, query);
SLOT(bus, 1, addref);
SLOT(bus, 2, release);
SLOT(bus, 3, getinfo);
SLOT(bus, 4, getdriver);
SLOT(bus, 5, getchild);
SLOT(bus, 6, probe);

SLOTS(clock, 14);
SLOT(clock, 0, query);
SLOT(clock, 1, addref);
SLOT(clock, 2, release);
SLOT(clock, 3, getinfo);
SLOT(clock, 4, getdriver);
SLOT(clock, 5, getclockinfo);
SLOT(clock, 6, gettime);
SLOT(clock, 7, sleep);
SLOT(clock, 8, spin);
SLOT(clock, 9, createtimer);
SLOT(clock, 10, settime);
SLOT(clock, 11, adjtime);
SLOT(clock, 12, setperiod);
SLOT(clock, 13, open);

SLOTS(timer, 7);
SLOT(timer, 0, query);
SLOT(timer, 1, addref);
SLOT(timer, 2, release);
SLOT(timer, 3, setlistener);
SLOT(timer, 4, settime);
SLOT(timer, 5, gettime);
SLOT(timer, 6, getoverrun);

SLOTS(pipe, 14);
SLOT(pipe, 0, query);
SLOT(pipe, 1, addref);
SLOT(pipe, 2, release);
SLOT(pipe, 3, read);
SLOT(pipe, 4, write);
SLOT(pipe, 5, seek);
SLOT(pipe, 6, setsize);
SLOT(pipe, 7, copyto);
SLOT(pipe, 8, commit);
SLOT(pipe, 9, revert);
SLOT(pipe, 10, lockregion);
SLOT(pipe, 11, unlockregion);
SLOT(pipe, 12, stat);
SLOT(pipe, 13, clone);

SLOTS(services, 8);
SLOT(services, 0, query);
SLOT(services, 1, addref);
SLOT(services, 2, release);
SLOT(services, 3, addservice);
SLOT(services, 4, remservice);
SLOT(services, 5, lookup);
SLOT(services, 6, lookup_first);
SLOT(services, 7, clone);

SLOTS(bufiovec, 4);
SLOT(bufiovec, 0, query);
SLOT(bufiovec, 1, addref);
SLOT(bufiovec, 2, release);
SLOT(bufiovec, 3, map);

SLOTS(bufio_stream, 5);
SLOT(bufio_stream, 0, query);
SLOT(bufio_stream, 1, addref);
SLOT(bufio_stream, 2, release);
SLOT(bufio_stream, 3, read);
SLOT(bufio_stream, 4, write);

/* ---- Argument order and types ------------------------------------------------------------ */

#define METHOD(interface, method, result, ...)                                                  \
    _Static_assert(                                                                             \
        __builtin_types_compatible_p(__typeof__(((struct oskit_##interface##_ops *)0)->method), \
                                     result(*)(oskit_##interface##_t *, __VA_ARGS__)),          \
        #interface "." #method)
#define METHOD0(interface, method, result)                                                      \
    _Static_assert(                                                                             \
        __builtin_types_compatible_p(__typeof__(((struct oskit_##interface##_ops *)0)->method), \
                                     result(*)(oskit_##interface##_t *)),                       \
        #interface "." #method)

METHOD(iunknown, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(iunknown, addref, oskit_u32_t);
METHOD0(iunknown, release, oskit_u32_t);
METHOD(absio, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(absio, addref, oskit_u32_t);
METHOD0(absio, release, oskit_u32_t);
METHOD(blkio, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(blkio, addref, oskit_u32_t);
METHOD0(blkio, release, oskit_u32_t);
METHOD(bufio, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(bufio, addref, oskit_u32_t);
METHOD0(bufio, release, oskit_u32_t);
METHOD(netio, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(netio, addref, oskit_u32_t);
METHOD0(netio, release, oskit_u32_t);
METHOD(netio_fanout, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(netio_fanout, addref, oskit_u32_t);
METHOD0(netio_fanout, release, oskit_u32_t);
METHOD(asyncio, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(asyncio, addref, oskit_u32_t);
METHOD0(asyncio, release, oskit_u32_t);
METHOD(listener, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(listener, addref, oskit_u32_t);
METHOD0(listener, release, oskit_u32_t);
METHOD(listener_fanout, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(listener_fanout, addref, oskit_u32_t);
METHOD0(listener_fanout, release, oskit_u32_t);
METHOD(posixio, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(posixio, addref, oskit_u32_t);
METHOD0(posixio, release, oskit_u32_t);
METHOD(stream, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(stream, addref, oskit_u32_t);
METHOD0(stream, release, oskit_u32_t);
METHOD(ttystream, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(ttystream, addref, oskit_u32_t);
METHOD0(ttystream, release, oskit_u32_t);
METHOD(openfile, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(openfile, addref, oskit_u32_t);
METHOD0(openfile, release, oskit_u32_t);
METHOD(file, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(file, addref, oskit_u32_t);
METHOD0(file, release, oskit_u32_t);
METHOD(dir, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(dir, addref, oskit_u32_t);
METHOD0(dir, release, oskit_u32_t);
METHOD(dirents, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(dirents, addref, oskit_u32_t);
METHOD0(dirents, release, oskit_u32_t);
METHOD(filesystem, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(filesystem, addref, oskit_u32_t);
METHOD0(filesystem, release, oskit_u32_t);
METHOD(fsnamespace, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(fsnamespace, addref, oskit_u32_t);
METHOD0(fsnamespace, release, oskit_u32_t);
METHOD(socket, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(socket, addref, oskit_u32_t);
METHOD0(socket, release, oskit_u32_t);
METHOD(socket_factory, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(socket_factory, addref, oskit_u32_t);
METHOD0(socket_factory, release, oskit_u32_t);
METHOD(device, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(device, addref, oskit_u32_t);
METHOD0(device, release, oskit_u32_t);
METHOD(driver, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(driver, addref, oskit_u32_t);
METHOD0(driver, release, oskit_u32_t);
METHOD(blkdev, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(blkdev, addref, oskit_u32_t);
METHOD0(blkdev, release, oskit_u32_t);
METHOD(netdev, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(netdev, addref, oskit_u32_t);
METHOD0(netdev, release, oskit_u32_t);
METHOD(etherdev, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(etherdev, addref, oskit_u32_t);
METHOD0(etherdev, release, oskit_u32_t);
METHOD(ttydev, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(ttydev, addref, oskit_u32_t);
METHOD0(ttydev, release, oskit_u32_t);
METHOD(bus, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(bus, addref, oskit_u32_t);
METHOD0(bus, release, oskit_u32_t);
METHOD(clock, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(clock, addref, oskit_u32_t);
METHOD0(clock, release, oskit_u32_t);
METHOD(timer, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(timer, addref, oskit_u32_t);
METHOD0(timer, release, oskit_u32_t);
METHOD(pipe, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(pipe, addref, oskit_u32_t);
METHOD0(pipe, release, oskit_u32_t);
METHOD(services, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(services, addref, oskit_u32_t);
METHOD0(services, release, oskit_u32_t);
METHOD(bufiovec, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(bufiovec, addref, oskit_u32_t);
METHOD0(bufiovec, release, oskit_u32_t);
METHOD(bufio_stream, query, oskit_error_t, const struct oskit_guid *, void **);
METHOD0(bufio_stream, addref, oskit_u32_t);
METHOD0(bufio_stream, release, oskit_u32_t);

METHOD(absio, read, oskit_error_t, void *, oskit_off_t, oskit_size_t, oskit_size_t *);
METHOD(absio, write, oskit_error_t, const void *, oskit_off_t, oskit_size_t, oskit_size_t *);
METHOD(absio, getsize, oskit_error_t, oskit_off_t *);
METHOD(absio, setsize, oskit_error_t, oskit_off_t);
METHOD(blkio, read, oskit_error_t, void *, oskit_off_t, oskit_size_t, oskit_size_t *);
METHOD(blkio, write, oskit_error_t, const void *, oskit_off_t, oskit_size_t, oskit_size_t *);
METHOD(blkio, getsize, oskit_error_t, oskit_off_t *);
METHOD(blkio, setsize, oskit_error_t, oskit_off_t);
METHOD(bufio, read, oskit_error_t, void *, oskit_off_t, oskit_size_t, oskit_size_t *);
METHOD(bufio, write, oskit_error_t, const void *, oskit_off_t, oskit_size_t, oskit_size_t *);
METHOD(bufio, getsize, oskit_error_t, oskit_off_t *);
METHOD(bufio, setsize, oskit_error_t, oskit_off_t);
METHOD0(blkio, getblocksize, oskit_u32_t);
METHOD(bufio, map, oskit_error_t, void **, oskit_off_t, oskit_size_t);
METHOD(bufio, unmap, oskit_error_t, void *, oskit_off_t, oskit_size_t);
METHOD(bufio, wire, oskit_error_t, oskit_addr_t *, oskit_off_t, oskit_size_t);
METHOD(bufio, unwire, oskit_error_t, oskit_addr_t, oskit_off_t, oskit_size_t);
METHOD(bufio, copy, oskit_error_t, oskit_off_t, oskit_size_t, oskit_bufio_t **);
METHOD(netio, push, oskit_error_t, oskit_bufio_t *, oskit_size_t);
METHOD(netio, alloc_bufio, oskit_error_t, oskit_size_t, oskit_bufio_t **);
METHOD0(asyncio, poll, oskit_error_t);
METHOD(asyncio, add_listener, oskit_error_t, oskit_listener_t *, oskit_s32_t);
METHOD(asyncio, remove_listener, oskit_error_t, oskit_listener_t *);
METHOD0(asyncio, readable, oskit_error_t);
METHOD(listener, notify, oskit_error_t, oskit_iunknown_t *);
METHOD(posixio, stat, oskit_error_t, oskit_stat_t *);
METHOD(posixio, setstat, oskit_error_t, oskit_u32_t, const oskit_stat_t *);
METHOD(posixio, pathconf, oskit_error_t, oskit_s32_t, oskit_s32_t *);
METHOD(file, stat, oskit_error_t, oskit_stat_t *);
METHOD(file, setstat, oskit_error_t, oskit_u32_t, const oskit_stat_t *);
METHOD(file, pathconf, oskit_error_t, oskit_s32_t, oskit_s32_t *);
METHOD(dir, stat, oskit_error_t, oskit_stat_t *);
METHOD(dir, setstat, oskit_error_t, oskit_u32_t, const oskit_stat_t *);
METHOD(dir, pathconf, oskit_error_t, oskit_s32_t, oskit_s32_t *);
METHOD(socket, stat, oskit_error_t, oskit_stat_t *);
METHOD(socket, setstat, oskit_error_t, oskit_u32_t, const oskit_stat_t *);
METHOD(socket, pathconf, oskit_error_t, oskit_s32_t, oskit_s32_t *);
METHOD(stream, read, oskit_error_t, void *, oskit_u32_t, oskit_u32_t *);
METHOD(stream, write, oskit_error_t, const void *, oskit_u32_t, oskit_u32_t *);
METHOD(stream, seek, oskit_error_t, oskit_s64_t, oskit_seek_t, oskit_u64_t *);
METHOD(stream, setsize, oskit_error_t, oskit_u64_t);
METHOD(stream, copyto, oskit_error_t, oskit_stream_t *, oskit_u64_t, oskit_u64_t *, oskit_u64_t *);
METHOD(stream, commit, oskit_error_t, oskit_u32_t);
METHOD0(stream, revert, oskit_error_t);
METHOD(stream, lockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(stream, unlockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(stream, stat, oskit_error_t, oskit_stream_stat_t *, oskit_u32_t);
METHOD(stream, clone, oskit_error_t, oskit_stream_t **);
METHOD(ttystream, read, oskit_error_t, void *, oskit_u32_t, oskit_u32_t *);
METHOD(ttystream, write, oskit_error_t, const void *, oskit_u32_t, oskit_u32_t *);
METHOD(ttystream, seek, oskit_error_t, oskit_s64_t, oskit_seek_t, oskit_u64_t *);
METHOD(ttystream, setsize, oskit_error_t, oskit_u64_t);
METHOD(ttystream, copyto, oskit_error_t, oskit_ttystream_t *, oskit_u64_t, oskit_u64_t *,
       oskit_u64_t *);
METHOD(ttystream, commit, oskit_error_t, oskit_u32_t);
METHOD0(ttystream, revert, oskit_error_t);
METHOD(ttystream, lockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(ttystream, unlockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(ttystream, stat, oskit_error_t, oskit_stream_stat_t *, oskit_u32_t);
METHOD(ttystream, clone, oskit_error_t, oskit_ttystream_t **);
METHOD(openfile, read, oskit_error_t, void *, oskit_u32_t, oskit_u32_t *);
METHOD(openfile, write, oskit_error_t, const void *, oskit_u32_t, oskit_u32_t *);
METHOD(openfile, seek, oskit_error_t, oskit_s64_t, oskit_seek_t, oskit_u64_t *);
METHOD(openfile, setsize, oskit_error_t, oskit_u64_t);
METHOD(openfile, copyto, oskit_error_t, oskit_stream_t *, oskit_u64_t, oskit_u64_t *,
       oskit_u64_t *);
METHOD(openfile, commit, oskit_error_t, oskit_u32_t);
METHOD0(openfile, revert, oskit_error_t);
METHOD(openfile, lockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(openfile, unlockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(openfile, stat, oskit_error_t, oskit_stream_stat_t *, oskit_u32_t);
METHOD(openfile, clone, oskit_error_t, oskit_openfile_t **);
METHOD(pipe, read, oskit_error_t, void *, oskit_u32_t, oskit_u32_t *);
METHOD(pipe, write, oskit_error_t, const void *, oskit_u32_t, oskit_u32_t *);
METHOD(pipe, seek, oskit_error_t, oskit_s64_t, oskit_seek_t, oskit_u64_t *);
METHOD(pipe, setsize, oskit_error_t, oskit_u64_t);
METHOD(pipe, copyto, oskit_error_t, oskit_pipe_t *, oskit_u64_t, oskit_u64_t *, oskit_u64_t *);
METHOD(pipe, commit, oskit_error_t, oskit_u32_t);
METHOD0(pipe, revert, oskit_error_t);
METHOD(pipe, lockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(pipe, unlockregion, oskit_error_t, oskit_u64_t, oskit_u64_t, oskit_u32_t);
METHOD(pipe, stat, oskit_error_t, oskit_stream_stat_t *, oskit_u32_t);
METHOD(pipe, clone, oskit_error_t, oskit_pipe_t **);
METHOD(ttystream, getattr, oskit_error_t, struct oskit_termios *);
METHOD(ttystream, setattr, oskit_error_t, int, const struct oskit_termios *);
METHOD(ttystream, sendbreak, oskit_error_t, oskit_u32_t);
METHOD0(ttystream, drain, oskit_error_t);
METHOD(ttystream, flush, oskit_error_t, int);
METHOD(ttystream, flow, oskit_error_t, int);
METHOD(ttystream, getpgrp, oskit_error_t, oskit_pid_t *);
METHOD(ttystream, setpgrp, oskit_error_t, oskit_pid_t);
METHOD(ttystream, ttyname, oskit_error_t, char **);
METHOD(ttystream, getsid, oskit_error_t, oskit_pid_t *);
METHOD(file, sync, oskit_error_t, oskit_bool_t);
METHOD(file, datasync, oskit_error_t, oskit_bool_t);
METHOD(file, access, oskit_error_t, oskit_u32_t);
METHOD(file, readlink, oskit_error_t, char *, oskit_u32_t, oskit_u32_t *);
METHOD(file, open, oskit_error_t, oskit_u32_t, struct oskit_openfile **);
METHOD(file, getfs, oskit_error_t, struct oskit_filesystem **);
METHOD(dir, sync, oskit_error_t, oskit_bool_t);
METHOD(dir, datasync, oskit_error_t, oskit_bool_t);
METHOD(dir, access, oskit_error_t, oskit_u32_t);
METHOD(dir, readlink, oskit_error_t, char *, oskit_u32_t, oskit_u32_t *);
METHOD(dir, open, oskit_error_t, oskit_u32_t, struct oskit_openfile **);
METHOD(dir, getfs, oskit_error_t, struct oskit_filesystem **);
METHOD(dir, lookup, oskit_error_t, const char *, oskit_file_t **);
METHOD(dir, create, oskit_error_t, const char *, oskit_bool_t, oskit_mode_t, oskit_file_t **);
METHOD(dir, link, oskit_error_t, const char *, oskit_file_t *);
METHOD(dir, unlink, oskit_error_t, const char *);
METHOD(dir, rename, oskit_error_t, const char *, oskit_dir_t *, const char *);
METHOD(dir, mkdir, oskit_error_t, const char *, oskit_mode_t);
METHOD(dir, rmdir, oskit_error_t, const char *);
METHOD(dir, getdirentries, oskit_error_t, oskit_u32_t *, oskit_u32_t, oskit_dirents_t **);
METHOD(dir, mknod, oskit_error_t, const char *, oskit_mode_t, oskit_dev_t);
METHOD(dir, symlink, oskit_error_t, const char *, const char *);
METHOD(dir, reparent, oskit_error_t, oskit_dir_t *, oskit_dir_t **);
METHOD(dirents, getcount, oskit_error_t, int *);
METHOD(dirents, getnext, oskit_error_t, oskit_dirent_t *);
METHOD(filesystem, statfs, oskit_error_t, oskit_statfs_t *);
METHOD(filesystem, lookupi, oskit_error_t, oskit_ino_t, oskit_file_t **);
METHOD(socket, accept, oskit_error_t, oskit_sockaddr_t *, oskit_size_t *, oskit_socket_t **);
METHOD(socket, sendto, oskit_error_t, const void *, oskit_size_t, oskit_u32_t,
       const oskit_sockaddr_t *, oskit_size_t, oskit_size_t *);
METHOD(socket, recvfrom, oskit_error_t, void *, oskit_size_t, oskit_u32_t, oskit_sockaddr_t *,
       oskit_size_t *, oskit_size_t *);
METHOD(blkdev, open, oskit_error_t, unsigned, oskit_blkio_t **);
METHOD(netdev, open, oskit_error_t, unsigned, oskit_netio_t *, oskit_netio_t **);
METHOD(netdev, rxpoll, oskit_error_t, int *, oskit_bufio_t **);
METHOD(etherdev, getaddr, void, unsigned char *);
METHOD(ttydev, open, oskit_error_t, oskit_u32_t, oskit_ttystream_t **);
