/* Identifiers of System V's objects: see sysv_ids.h, also for the lock. */
#include "kernel/sys/sysv_ids.h"
#include "kernel/abi/errno.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/pages.h"
#include "kernel/task/process.h"
#include "kernel/task/capability.h"

/* ---- Who may ---- */

bool sysv_allows(const struct sysv_id *id, uint32_t want)
{
    const struct cred *cred = cred_current();
    const struct abi_ipc_perm *perm = &id->perm;
    uint32_t granted = perm->mode;
    want = (want >> 6 | want >> 3 | want) & 7;
    if (cred->euid == perm->cuid || cred->euid == perm->uid)
        granted >>= 6;
    else if (env_in_group(perm->cgid) || env_in_group(perm->gid))
        granted >>= 3;
    return !(want & ~granted) || process_capable(CAPABILITY_IPC_OWNER);
}

bool sysv_owned(const struct sysv_id *id)
{
    uint32_t euid = cred_current()->euid;
    return euid == id->perm.cuid || euid == id->perm.uid || process_capable(CAPABILITY_SYS_ADMIN);
}

static void perm_begin(struct sysv_id *id, int32_t key, long flags)
{
    const struct cred *cred = cred_current();
    id->key = key;
    id->perm = (struct abi_ipc_perm){
        .key = key,
        .uid = cred->euid,
        .gid = cred->egid,
        .cuid = cred->euid,
        .cgid = cred->egid,
        .mode = (uint32_t)flags & SYSV_RIGHTS,
    };
}

long sysv_set(struct sysv_id *id, const struct abi_ipc_perm *wanted)
{
    if (wanted->uid == UINT32_MAX || wanted->gid == UINT32_MAX)
        return -ABI_EINVAL;
    id->perm.uid = wanted->uid;
    id->perm.gid = wanted->gid;
    id->perm.mode = (id->perm.mode & ~SYSV_RIGHTS) | (wanted->mode & SYSV_RIGHTS);
    return 0;
}

/* ---- References ---- */

void sysv_hold(struct sysv_id *id)
{
    atomic_fetch_add(&id->references, 1);
}

void sysv_drop(struct sysv_ids *ids, struct sysv_id *id)
{
    if (atomic_fetch_sub(&id->references, 1) == 1)
        ids->ops->destroy(id);
}

/* ---- The table; lock held ---- */

struct sysv_id *sysv_at(const struct sysv_ids *ids, int id)
{
    int index = sysv_index(id);
    struct sysv_id **piece = id < 0 ? NULL : ids->pieces[index / SYSV_PIECE];
    return piece ? piece[index % SYSV_PIECE] : NULL;
}

struct sysv_id *sysv_find(const struct sysv_ids *ids, int id)
{
    struct sysv_id *there = sysv_at(ids, id);
    return there && there->id == id ? there : NULL;
}

struct sysv_id *sysv_from(const struct sysv_ids *ids, int index)
{
    for (; index < ids->end; index++) {
        struct sysv_id *there = sysv_at(ids, index);
        if (there)
            return there;
    }
    return NULL;
}

long sysv_highest(const struct sysv_ids *ids)
{
    return ids->end ? ids->end - 1 : 0;
}

static struct sysv_id **key_place(struct sysv_ids *ids, int32_t key)
{
    uint32_t mixed = (uint32_t)key * 2654435761u; /* 2^32 by the golden ratio */
    return &ids->by_key[mixed >> 24];
}
_Static_assert(SYSV_KEYS == 1 << 8, "bits of the hash");

static struct sysv_id *find_key(struct sysv_ids *ids, int32_t key)
{
    struct sysv_id *at = key == ABI_IPC_PRIVATE ? NULL : *key_place(ids, key);
    while (at && at->perm.key != key)
        at = at->same_key;
    return at;
}

void sysv_forget_key(struct sysv_ids *ids, struct sysv_id *id)
{
    if (id->perm.key == ABI_IPC_PRIVATE)
        return;
    struct sysv_id **at = key_place(ids, id->perm.key);
    while (*at != id)
        at = &(*at)->same_key;
    *at = id->same_key;
    id->perm.key = ABI_IPC_PRIVATE;
}

void sysv_remove(struct sysv_ids *ids, struct sysv_id *id)
{
    int index = sysv_index(id->id);
    sysv_forget_key(ids, id);
    ids->pieces[index / SYSV_PIECE][index % SYSV_PIECE] = NULL;
    ids->count--;
    if (index < ids->first_free)
        ids->first_free = index;
    while (ids->end && !sysv_at(ids, ids->end - 1))
        ids->end--;
}

/* Gives it the lowest free index. -ABI_ENOSPC, -ABI_ENOMEM. */
static long enter(struct sysv_ids *ids, struct sysv_id *id)
{
    if (ids->count >= SYSV_INDEXES || ids->count >= atomic_load(ids->ops->most))
        return -ABI_ENOSPC;
    int index = ids->first_free;
    while (sysv_at(ids, index))
        index++;
    ids->first_free = index;
    struct sysv_id ***piece = &ids->pieces[index / SYSV_PIECE];
    if (!*piece && !(*piece = heap_alloc(SYSV_PIECE * sizeof **piece, HEAP_ZERO)))
        return -ABI_ENOMEM;
    (*piece)[index % SYSV_PIECE] = id;
    ids->count++;
    if (ids->end <= index)
        ids->end = index + 1;
    id->perm.seq = ids->given++ & INT16_MAX;
    id->id = id->perm.seq * SYSV_INDEXES + index;
    if (id->perm.key != ABI_IPC_PRIVATE) {
        struct sysv_id **place = key_place(ids, id->perm.key);
        id->same_key = *place;
        *place = id;
    }
    return 0;
}

/* ---- Getting one ---- */

/* Its number, when it may be had so. Lock held. */
static long have(const struct sysv_ids *ids, const struct sysv_id *id, uint64_t size, long flags)
{
    if (flags & ABI_IPC_CREAT && flags & ABI_IPC_EXCL)
        return -ABI_EEXIST;
    long error = ids->ops->check(id, size);
    if (error)
        return error;
    return sysv_allows(id, (uint32_t)flags & SYSV_RIGHTS) ? id->id : -ABI_EACCES;
}

/* Someone else may have made it meanwhile. */
static long enter_or_have(struct sysv_ids *ids, struct sysv_id *made, uint64_t size, long flags)
{
    spin_lock(&ids->lock);
    const struct sysv_id *there = find_key(ids, made->perm.key);
    long result = there ? have(ids, there, size, flags) : enter(ids, made);
    bool entered = !there && !result;
    if (entered)
        result = made->id;
    spin_unlock(&ids->lock);
    if (!entered)
        sysv_drop(ids, made);
    return result;
}

long sysv_get(struct sysv_ids *ids, int32_t key, uint64_t size, long flags)
{
    struct sysv_id *made;
    spin_lock(&ids->lock);
    const struct sysv_id *there = find_key(ids, key);
    long result = there ? have(ids, there, size, flags) : 0;
    spin_unlock(&ids->lock);
    if (there)
        return result;
    if (key != ABI_IPC_PRIVATE && !(flags & ABI_IPC_CREAT))
        return -ABI_ENOENT;
    result = ids->ops->create(size, flags, &made);
    if (result)
        return result;
    perm_begin(made, key, flags);
    return enter_or_have(ids, made, size, flags);
}

/* ---- Memory ---- */

static _Atomic uint64_t charged;

bool sysv_charge(uint64_t bytes)
{
    uint64_t most = pages_total() * PAGE_SIZE / 16;
    if (atomic_fetch_add(&charged, bytes) + bytes <= most)
        return true;
    atomic_fetch_sub(&charged, bytes);
    return false;
}

void sysv_uncharge(uint64_t bytes)
{
    atomic_fetch_sub(&charged, bytes);
}

int64_t sysv_now(void)
{
    return clock_real() / 1000000000;
}
