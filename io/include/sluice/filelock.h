/*
 * Advisory file locks: POSIX record locks, open-file-description locks and flock(2)'s whole-file
 * locks, in one table for all file systems.
 *
 * A file is known by the address of its file object, an owner by any address: the caller decides
 * who shares locks. Record locks of both kinds see each other; flock's are apart from them, as on
 * Linux. Ranges are inclusive; the last byte of a range to the end of the file is FILELOCK_END.
 *
 * Nothing here waits. A refused lock answers OSKIT_EWOULDBLOCK; who wants to wait holds the file's
 * queue, registers with its readiness (READY_HUP events, which reach all who wait: something was
 * given up) and tries again. [thread] throughout.
 */
#ifndef SLUICE_FILELOCK_H
#define SLUICE_FILELOCK_H

#include <stdbool.h>
#include <stdint.h>
#include <oskit/error.h>
#include <sluice/readiness.h>

#define FILELOCK_END INT64_MAX

enum filelock_class { FILELOCK_RECORD, FILELOCK_WHOLE };
enum filelock_type { FILELOCK_SHARED, FILELOCK_EXCLUSIVE, FILELOCK_NONE };

struct filelock {
    const void *file, *owner;
    enum filelock_class class;
    enum filelock_type type;
    int64_t start, end;
    int32_t pid; /* told by filelock_test; -1 for owners that are no process */
};

/* Sets LOCK's range to its type for its owner; FILELOCK_NONE unlocks. OSKIT_EWOULDBLOCK when
 * another owner's lock is in the way, OSKIT_ENOLCK without memory. */
oskit_error_t filelock_set(const struct filelock *lock);
/* What stands in LOCK's way: true and *LOCK describes it (the lowest such); false when nothing
 * does. */
bool filelock_test(struct filelock *lock);
/* Gives up all of OWNER's locks on FILE (class FILELOCK_RECORD and FILELOCK_WHOLE). */
void filelock_release(const void *file, const void *owner);

/* Where those wait who want a lock on FILE; NULL without memory. Valid until dropped. */
struct filelock_queue;
struct filelock_queue *filelock_hold(const void *file);
struct readiness *filelock_readiness(struct filelock_queue *queue);
void filelock_drop(struct filelock_queue *queue);
/*
 * Notes that LOCK's owner is about to wait for it: OSKIT_EDEADLK when whoever is in the way waits,
 * directly or through others, for this owner. Undone by filelock_wait_end; WAIT lives on the
 * caller's stack.
 */
struct filelock_wait {
    struct list link;
    const void *owner, *blocker;
};
oskit_error_t filelock_wait_begin(struct filelock_wait *wait, const struct filelock *lock);
void filelock_wait_end(struct filelock_wait *wait);

#endif
