/*
 * What the files of notification share.
 *
 *     notify.c            notifiers: the queue and how it is read
 *     notify_watch.c      watches: the table of files, and who is told of what
 *     namespace_notify.c  what happens to names, as events
 *
 * Locks:
 *     name.mutex            of a directory in which something changes: events in the order of
 * changes watch_lock          spinlock: all watches, and the users' counts notify.lock spinlock:
 * one queue Nobody is woken, and no file let go of, while one of these is held: a struct
 * notify_told collects both until notify_tell.
 */
#ifndef IO_FS_NOTIFY_PRIVATE_H
#define IO_FS_NOTIFY_PRIVATE_H

#include <oskit/com/stream.h>
#include <oskit/io/asyncio.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/notify.h>
#include <sluice/object.h>
#include <sluice/radix.h>
#include <sluice/readiness.h>
#include <sluice/vecio.h>
#include "name.h"

/* What one user has; lives while there is a notifier. */
struct notify_user {
    struct list link; /* watch_lock, as all here */
    oskit_u32_t uid;
    oskit_u32_t instances, watches;
};

struct notify_event {
    struct list link;
    struct notify_record record;
    char name[]; /* record.length bytes */
};

struct notify {
    struct sluice_object object;
    SLUICE_FACE(oskit_stream_t) stream;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(oskit_asyncio_t) asyncio;
    struct notify_user *user; /* immutable */
    oskit_u32_t limit;        /* immutable: unread events at most */

    struct radix watches;    /* by number; watch_lock */
    oskit_s32_t last_number; /* watch_lock */

    struct env_spinlock lock;      /* guards what follows */
    struct list events;            /* unread, the oldest first */
    oskit_u32_t count;             /* of them */
    size_t bytes;                  /* of all records and names in them */
    struct notify_event *overflow; /* on the list or on none; there from the beginning */

    struct readiness readiness; /* its level changes under lock */
    struct listener_set listeners;
    struct list late; /* late_lock of notify_watch.c */
};

/* What is left to do when the locks are released. */
#define NOTIFY_TOLD 4
struct notify_told {
    struct notify *notifiers[NOTIFY_TOLD]; /* to be woken, with references */
    oskit_u32_t count;
    bool late;                 /* there were more: they are on the late list */
    struct notify_watch *dead; /* watches that ended */
    struct radix_pool pool;    /* nodes they left */
};

static inline void notify_told_init(struct notify_told *told)
{
    told->count = 0;
    told->late = false;
    told->dead = NULL;
    told->pool = (struct radix_pool){0};
}

/* One event as it is told. */
struct notify_news {
    const void *file; /* notify_key of the file that is watched */
    oskit_u32_t event;
    oskit_u32_t cookie;
    const char *name; /* NULL: it happened to FILE itself */
    size_t length;
    bool unnamed; /* the file has lost its name: nothing for NOTIFY_EXCL_UNLINK */
};

/* What stands for a file: the same whichever name it was found by. */
static inline const void *notify_key(const struct name *name)
{
    return name->filex ? (const void *)name->filex : name->file;
}

/* notify.c: appends an event; the level changes, nobody is told. [any] */
void notify_queue(struct notify *notify, oskit_s32_t watch, const struct notify_news *news);
/* The notifier behind an object, or NULL. */
struct notify *notify_of_object(oskit_iunknown_t *object);

/* notify_watch.c */
oskit_error_t notify_user_get(oskit_u32_t uid, struct notify_user **out);
void notify_user_put(struct notify_user *user);
/* Ends all watches of a notifier without a word. */
void notify_drop_watches(struct notify *notify);
/* Whether anybody watches the file, as it looks without a lock. */
bool notify_interests(const void *file);
void notify_deliver(struct notify_told *told, const struct notify_news *news);
/* The file is no more: its watches hear EVENT and end. */
void notify_end(struct notify_told *told, const void *file, oskit_u32_t event);
void notify_unmounted(const oskit_filesystem_t *fs);
/* Wakes and releases what TOLD has collected. No lock may be held. */
void notify_tell(struct notify_told *told);

/*
 * namespace_notify.c, for the slow side of a look at notify_watched. A directory in which something
 * changes is locked.
 */
/* EVENT is about what is called TEXT in PARENT; it says itself whether that is a directory. */
void notify_entry(struct notify_told *told, struct name *parent, const char *text,
                  oskit_u32_t event, oskit_u32_t cookie);
/* To who watches the file itself. */
void notify_self(struct notify_told *told, const struct name *name, oskit_u32_t event);
/* NAME was removed from PARENT, where it was called TEXT. */
void notify_removed(struct notify_told *told, struct name *parent, const char *text,
                    struct name *name);
/* Nobody will use NAME any more, which was deleted: if its file has no other, its watches end. */
void notify_name_ends(struct notify_told *told, const struct name *name);
/* The same for the last holder of NAME. */
void notify_name_gone(const struct name *name);
/* For the two events of a rename. */
oskit_u32_t notify_new_cookie(void);

#endif
