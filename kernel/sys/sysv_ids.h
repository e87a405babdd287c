/*
 * Identifiers of System V's objects: what shared memory, semaphores and messages have in common. An
 * object has a number and perhaps a key, by which processes find it, an owner and permissions, and
 * lives until somebody removes it.
 *
 * A table (struct sysv_ids) is for one kind of object. Its spinlock guards the table and the
 * permissions of what is in it; objects' own locks may be taken while it is held. An object begins
 * with a struct sysv_id; the table has one reference, and whoever uses the object without the
 * table's lock takes another.
 */
#ifndef KERNEL_SYS_SYSV_IDS_H
#define KERNEL_SYS_SYSV_IDS_H

#include <stdatomic.h>
#include <stdbool.h>
#include "kernel/abi/ipc.h"
#include "kernel/cpu/spinlock.h"

/* A number is an index, and how often numbers were given times this: as on Linux. */
#define SYSV_INDEXES 32768
#define SYSV_PIECE   512 /* indexes that memory is taken for at once */
#define SYSV_KEYS    256

#define SYSV_RIGHTS 0777u
#define SYSV_READ   0444u
#define SYSV_WRITE  0222u

struct sysv_id {
    _Atomic uint32_t references;
    int id;                   /* immutable once in a table */
    int32_t key;              /* that it was made with; immutable */
    struct sysv_id *same_key; /* the next whose key has the same place */
    struct abi_ipc_perm perm;
};

struct sysv_ids;

struct sysv_ops {
    _Atomic uint32_t *most; /* objects */
    /* A new one of SIZE, whatever that means, with one reference; its permissions are not its
     * affair. Negative errno. [thread] */
    long (*create)(uint64_t size, long flags, struct sysv_id **out);
    /* Whether one that is there will do for who wants SIZE: 0, or negative errno. Table locked. */
    long (*check)(const struct sysv_id *id, uint64_t size);
    /* The last reference went. [thread], no lock held. */
    void (*destroy)(struct sysv_id *id);
};

/* All zeros but for the operations is an empty table. */
struct sysv_ids {
    const struct sysv_ops *ops;
    spinlock_t lock;
    uint32_t count;
    int first_free; /* no index below it is */
    int end;        /* no index from here on is used */
    uint16_t given; /* numbers, ever */
    struct sysv_id **pieces[SYSV_INDEXES / SYSV_PIECE];
    struct sysv_id *by_key[SYSV_KEYS];
};

/* semget and its like: the number of the object of KEY, there or new. Negative errno. [thread] */
long sysv_get(struct sysv_ids *ids, int32_t key, uint64_t size, long flags);

static inline int sysv_index(int id)
{
    return id % SYSV_INDEXES;
}

/* With the lock held: the object of number ID; that of the number's index, whatever its number; the
 * first one of index INDEX or behind. NULL: none. Nothing is referenced. */
struct sysv_id *sysv_find(const struct sysv_ids *ids, int id);
struct sysv_id *sysv_at(const struct sysv_ids *ids, int id);
struct sysv_id *sysv_from(const struct sysv_ids *ids, int index);
/* With the lock held: the highest index in use, or 0. */
long sysv_highest(const struct sysv_ids *ids);
/* With the lock held: nobody finds it by its key any more; or by its number. The latter hands the
 * table's reference to the caller. */
void sysv_forget_key(struct sysv_ids *ids, struct sysv_id *id);
void sysv_remove(struct sysv_ids *ids, struct sysv_id *id);

/* References: [any], but for the last one's drop. */
void sysv_hold(struct sysv_id *id);
void sysv_drop(struct sysv_ids *ids, struct sysv_id *id);

/* With the lock held: whether the caller may do what WANT says, whose bits are the same for owner,
 * group and others, or fewer; whether it may change or remove the object. */
bool sysv_allows(const struct sysv_id *id, uint32_t want);
bool sysv_owned(const struct sysv_id *id);
/* With the lock held: IPC_SET's part of it. -ABI_EINVAL: nobody. */
long sysv_set(struct sysv_id *id, const struct abi_ipc_perm *wanted);

/* Memory of the kernel that programs get by semaphores and messages, and no process ends with: a
 * sixteenth of all there is. false: no more. [any] */
bool sysv_charge(uint64_t bytes);
void sysv_uncharge(uint64_t bytes);

/* Seconds since 1970. */
int64_t sysv_now(void);

#endif
