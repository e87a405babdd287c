/* System V's shared memory: shmget, shmat, shmdt, shmctl. */
#include "kernel/abi/mman.h"
#include "kernel/mem/space.h"
#include "kernel/sys/segment.h"
#include "kernel/sys/sys.h"

#define EXEC 0111

long sys_shmget(long key, long size, long flags)
{
    return sysv_get(&segment_ids, (int32_t)key, (uint64_t)size, flags);
}

/* ---- shmat, shmdt ---- */

/* Where: ADDRESS becomes page-aligned, FLAGS mmap's. */
static long attach_place(uint64_t *address, long flags, int *map)
{
    *map = ABI_MAP_SHARED;
    if (!*address)
        return flags & ABI_SHM_REMAP ? -ABI_EINVAL : 0;
    if (*address & PAGE_MASK) {
        if (!(flags & ABI_SHM_RND))
            return -ABI_EINVAL;
        *address = page_floor(*address);
        if (!*address && flags & ABI_SHM_REMAP)
            return -ABI_EINVAL;
    }
    if (*address)
        *map |= flags & ABI_SHM_REMAP ? ABI_MAP_FIXED : ABI_MAP_FIXED_NOREPLACE;
    return 0;
}

static long attach_find(int id, int prot, struct segment **out)
{
    uint32_t want =
        SYSV_READ | (prot & ABI_PROT_WRITE ? SYSV_WRITE : 0) | (prot & ABI_PROT_EXEC ? EXEC : 0);
    spin_lock(&segment_ids.lock);
    struct segment *segment = segment_of_id(sysv_find(&segment_ids, id));
    long error = !segment ? -ABI_EINVAL : sysv_allows(&segment->entry, want) ? 0 : -ABI_EACCES;
    if (!error)
        sluice_object_addref(&segment->object);
    spin_unlock(&segment_ids.lock);
    *out = segment;
    return error;
}

static long attach(struct segment *segment, uint64_t address, int prot, int map)
{
    struct space_source source = {segment->pager, NULL, 0, &segment->sealing.i};
    int max_prot = ABI_PROT_READ | ABI_PROT_EXEC | (prot & ABI_PROT_WRITE);
    uint64_t at = 0;
    long error = space_map(current_process()->space, address, segment->about.shm_segsz, prot,
                           max_prot, map, &source, &at);
    return error == -ABI_EEXIST ? -ABI_EINVAL : error ? error : (long)at;
}

long sys_shmat(long id, long user_address, long flags)
{
    struct segment *segment;
    uint64_t address = (uint64_t)user_address;
    int map, prot = ABI_PROT_READ | (flags & ABI_SHM_RDONLY ? 0 : ABI_PROT_WRITE) |
                    (flags & ABI_SHM_EXEC ? ABI_PROT_EXEC : 0);
    long result = id < 0 ? -ABI_EINVAL : attach_place(&address, flags, &map);
    if (!result)
        result = attach_find((int)id, prot, &segment);
    if (result)
        return result;
    result = attach(segment, address, prot, map);
    sluice_object_release(&segment->object);
    return result;
}

long sys_shmdt(long address)
{
    return address & (long)PAGE_MASK
               ? -ABI_EINVAL
               : space_detach(current_process()->space, (uint64_t)address, segment_is);
}

/* ---- shmctl ---- */

/* The answer is the highest index in use. */
static long control_limits(long user)
{
    struct abi_shminfo limits = {.shmmax = atomic_load(&segment_limits.size),
                                 .shmmin = 1,
                                 .shmmni = atomic_load(&segment_limits.segments),
                                 .shmseg = atomic_load(&segment_limits.segments),
                                 .shmall = SEGMENT_SIZE_MAX};
    spin_lock(&segment_ids.lock);
    long result = sysv_highest(&segment_ids);
    spin_unlock(&segment_ids.lock);
    return put_user(user, &limits, sizeof limits) ? -ABI_EFAULT : result;
}

static long control_usage(long user)
{
    struct abi_shm_info usage = {0};
    struct segment *at;
    spin_lock(&segment_ids.lock);
    for (int index = 0; (at = segment_of_id(sysv_from(&segment_ids, index)));
         index = sysv_index(at->entry.id) + 1) {
        usage.used_ids++;
        usage.shm_tot += page_ceil(at->about.shm_segsz) / PAGE_SIZE;
        usage.shm_rss += shared_memory_pages(at->pager);
    }
    long result = sysv_highest(&segment_ids);
    spin_unlock(&segment_ids.lock);
    return put_user(user, &usage, sizeof usage) ? -ABI_EFAULT : result;
}

/* Lock held. */
static void about_fill(const struct segment *segment, struct abi_shmid_ds *out)
{
    *out = segment->about;
    out->shm_perm = segment->entry.perm;
}

bool segment_tell(int index, struct abi_shmid_ds *out, int *id, uint64_t *pages)
{
    spin_lock(&segment_ids.lock);
    const struct segment *segment = segment_of_id(sysv_from(&segment_ids, index));
    if (segment) {
        about_fill(segment, out);
        *id = segment->entry.id;
        *pages = shared_memory_pages(segment->pager);
    }
    spin_unlock(&segment_ids.lock);
    return segment;
}

/* By number, or by index with the number as the answer. */
static long control_stat(int id, long command, long user)
{
    struct abi_shmid_ds about;
    bool by_index = command != ABI_IPC_STAT;
    spin_lock(&segment_ids.lock);
    struct segment *segment =
        segment_of_id(by_index ? sysv_at(&segment_ids, id) : sysv_find(&segment_ids, id));
    long result = -ABI_EINVAL;
    if (segment) {
        about_fill(segment, &about);
        result = command == ABI_SHM_STAT_ANY || sysv_allows(&segment->entry, SYSV_READ)
                     ? (by_index ? segment->entry.id : 0)
                     : -ABI_EACCES;
    }
    spin_unlock(&segment_ids.lock);
    return result >= 0 && put_user(user, &about, sizeof about) ? -ABI_EFAULT : result;
}

static long about_set(struct segment *segment, const struct abi_shmid_ds *wanted)
{
    long error = sysv_set(&segment->entry, &wanted->shm_perm);
    if (!error)
        segment->about.shm_ctime = sysv_now();
    return error;
}

/* What its owner may do to it. */
static long control_change(int id, long command, long user)
{
    struct abi_shmid_ds wanted = {0};
    if (command == ABI_IPC_SET && get_user(&wanted, user, sizeof wanted))
        return -ABI_EFAULT;
    spin_lock(&segment_ids.lock);
    struct segment *segment = segment_of_id(sysv_find(&segment_ids, id));
    long result = !segment ? -ABI_EINVAL : sysv_owned(&segment->entry) ? 0 : -ABI_EPERM;
    bool last = false;
    if (!result && command == ABI_IPC_RMID)
        last = segment_remove(segment);
    else if (!result && command == ABI_IPC_SET)
        result = about_set(segment, &wanted);
    else if (!result && command == ABI_SHM_LOCK) /* no page ever leaves */
        segment->entry.perm.mode |= ABI_SHM_LOCKED;
    else if (!result)
        segment->entry.perm.mode &= ~(uint32_t)ABI_SHM_LOCKED;
    spin_unlock(&segment_ids.lock);
    if (last)
        sysv_drop(&segment_ids, &segment->entry);
    return result;
}

long sys_shmctl(long id, long command, long user)
{
    if (id < 0 || command < 0)
        return -ABI_EINVAL;
    switch (command) {
    case ABI_IPC_INFO:
        return control_limits(user);
    case ABI_SHM_INFO:
        return control_usage(user);
    case ABI_IPC_STAT:
    case ABI_SHM_STAT:
    case ABI_SHM_STAT_ANY:
        return control_stat((int)id, command, user);
    case ABI_IPC_RMID:
    case ABI_IPC_SET:
    case ABI_SHM_LOCK:
    case ABI_SHM_UNLOCK:
        return control_change((int)id, command, user);
    default:
        return -ABI_EINVAL;
    }
}
