/*
 * Notification: what happens to files, as a stream of events (Linux's inotify).
 *
 * A notifier is a queue of events with watches. A watch is on a file, whatever it is called: it
 * hears of the file itself, and, when the file is a directory, of what lies in it, with the name.
 * The namespace tells of changes of names by itself; who opens, reads, writes, closes files or
 * changes their attributes tells by notify_location and its relatives. With no watch anywhere each
 * of these costs a load and a branch.
 *
 * Events of one notifier come in the order in which they happened. One that is the same as the last
 * unread one is dropped. Beyond notify_limits.events unread ones, a NOTIFY_OVERFLOW stands for all
 * that were lost. A watch ends with its notifier, by notify_remove, with its first event when it
 * is NOTIFY_ONESHOT, when its file has lost its last name and user, and when its file system is
 * unmounted; but for the first, NOTIFY_IGNORED is its last event.
 *
 * A watch holds its file, not the place where it was found.
 */
#ifndef SLUICE_NOTIFY_H
#define SLUICE_NOTIFY_H

#include <stdatomic.h>
#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/fs/filesystem.h>
#include <oskit/types.h>
#include <sluice/namespace.h>

/* Events: Linux's numbers. */
#define NOTIFY_ACCESS        0x00000001u /* read */
#define NOTIFY_MODIFY        0x00000002u /* written, or its size changed */
#define NOTIFY_ATTRIB        0x00000004u /* mode, owner, times, number of links */
#define NOTIFY_CLOSE_WRITE   0x00000008u
#define NOTIFY_CLOSE_NOWRITE 0x00000010u
#define NOTIFY_OPEN          0x00000020u
#define NOTIFY_MOVED_FROM    0x00000040u /* out of the directory; its cookie is MOVED_TO's */
#define NOTIFY_MOVED_TO      0x00000080u
#define NOTIFY_CREATE        0x00000100u
#define NOTIFY_DELETE        0x00000200u
#define NOTIFY_DELETE_SELF   0x00000400u
#define NOTIFY_MOVE_SELF     0x00000800u
#define NOTIFY_ALL           0x00000fffu
/* Told whether asked for or not. */
#define NOTIFY_UNMOUNT   0x00002000u
#define NOTIFY_OVERFLOW  0x00004000u
#define NOTIFY_IGNORED   0x00008000u
#define NOTIFY_DIRECTORY 0x40000000u /* with another: it happened to a directory */

/* Of notify_add. */
#define NOTIFY_EXCL_UNLINK 0x04000000u /* nothing of files that have lost their name */
#define NOTIFY_MASK_CREATE 0x10000000u /* OSKIT_EEXIST when the file is watched already */
#define NOTIFY_MASK_ADD    0x20000000u /* adds to the mask of a watch that is there */
#define NOTIFY_ONESHOT     0x80000000u

/* One event as it is read: this, and LENGTH bytes of name with its NULs, a multiple of 16. */
struct notify_record {
    oskit_s32_t watch; /* -1: of none */
    oskit_u32_t mask;
    oskit_u32_t cookie;
    oskit_u32_t length;
};

/* Settable at any time; a notifier keeps the bound on its events that it began with. Instances and
 * watches are counted for each user. */
struct notify_limits {
    _Atomic oskit_u32_t events, instances, watches;
};
extern struct notify_limits notify_limits;

/*
 * A notifier: streamvec, stream, pollable, asyncio (readable gives the bytes that can be read). A
 * read gives as many whole events as fit; OSKIT_E_INVALIDARG when the first doesn't.
 * OSKIT_EMFILE when the caller's user (env_identity) has as many as notify_limits allows.
 * The last release may sleep. [thread]
 */
oskit_error_t notify_new(oskit_iunknown_t **out);
/*
 * Watches the file at AT for the events in MASK, which may have the bits of notify_add. *OUT is the
 * watch, the old one with a new mask when there is one. OSKIT_E_INVALIDARG: NOTIFIER is something
 * else; OSKIT_EEXIST; OSKIT_ENOSPC: too many. [thread]
 */
oskit_error_t notify_add(oskit_iunknown_t *notifier, const struct location *at, oskit_u32_t mask,
                         oskit_s32_t *out);
bool notify_is(oskit_iunknown_t *object); /* whether it is a notifier [any] */
/* OSKIT_E_INVALIDARG: NOTIFIER is something else, or has no such watch. [thread] */
oskit_error_t notify_remove(oskit_iunknown_t *notifier, oskit_s32_t watch);

/* Calls SHOW for each watch, for /proc/PID/fdinfo; false: NOTIFIER is something else. */
struct notify_info {
    oskit_s32_t watch;
    oskit_u32_t mask;
    oskit_u64_t ino;
    oskit_u32_t dev;
};
bool notify_each(oskit_iunknown_t *notifier,
                 void (*show)(void *arg, const struct notify_info *info), void *arg);

/* ---- Telling ---- */

extern _Atomic oskit_u32_t notify_watches; /* how many there are */

static inline bool notify_watched(void)
{
    return __builtin_expect(atomic_load_explicit(&notify_watches, memory_order_relaxed) != 0, 0);
}

void notify_location_slowly(const struct location *at, oskit_u32_t event);

/* EVENT happened to the file at AT: tells who watches it, and who watches its directory, by the
 * name that AT has. AT may be empty. No lock may be held. [thread] */
static inline void notify_location(const struct location *at, oskit_u32_t event)
{
    if (notify_watched())
        notify_location_slowly(at, event);
}

/* What a change of attributes (MASK: FILEX_*) is as an event, 0 when it is none. */
oskit_u32_t notify_of_attributes(oskit_u32_t mask);

#endif
