/* System V's shared memory: shmget, shmat, shmdt, shmctl. */
#include "kernel/abi/mman.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/sys/segment.h"
#include "kernel/sys/sys.h"

#define RIGHTS 0777
#define READ   0444
#define WRITE  0222
#define EXEC   0111

/* ---- Who may ---- */

/* WANT has the same bits for owner, group and others, or fewer. */
static bool perm_allows(const struct abi_ipc_perm *perm, uint32_t want)
{
    const struct cred *cred = cred_current();
    uint32_t granted = perm->mode;
    want = (want >> 6 | want >> 3 | want) & 7;
    if (cred->euid == perm->cuid || cred->euid == perm->uid)
        granted >>= 6;
    else if (env_in_group(perm->cgid) || env_in_group(perm->gid))
        granted >>= 3;
    return !(want & ~granted) || cred_is_root();
}

static bool perm_owned(const struct abi_ipc_perm *perm)
{
    uint32_t euid = cred_current()->euid;
    return euid == perm->cuid || euid == perm->uid || cred_is_root();
}

/* ---- shmget ---- */

static void perm_begin(struct segment *segment, int32_t key, long flags)
{
    const struct cred *cred = cred_current();
    segment->about.shm_perm = (struct abi_ipc_perm){
        .key = key,
        .uid = cred->euid,
        .gid = cred->egid,
        .cuid = cred->euid,
        .cgid = cred->egid,
        .mode = (uint32_t)flags & RIGHTS,
    };
    segment->about.shm_cpid = current_process()->pid;
    segment->about.shm_ctime = clock_real() / 1000000000;
}

/* Its number, when it may be had so. Lock held. */
static long segment_have(const struct segment *segment, uint64_t size, long flags)
{
    if (flags & ABI_IPC_CREAT && flags & ABI_IPC_EXCL)
        return -ABI_EEXIST;
    if (!perm_allows(&segment->about.shm_perm, (uint32_t)flags & RIGHTS))
        return -ABI_EACCES;
    return segment->about.shm_segsz < size ? -ABI_EINVAL : segment->id;
}

/* Someone else may have made it meanwhile. */
static long segment_enter_or_have(struct segment *made, int32_t key, uint64_t size, long flags)
{
    segments_lock();
    const struct segment *there = segment_by_key(key);
    long result = there ? segment_have(there, size, flags) : segment_enter(made);
    if (!there && !result) {
        result = made->id;
        made = NULL;
    }
    segments_unlock();
    if (made)
        sluice_object_release(&made->object);
    return result;
}

static long segment_new(int32_t key, uint64_t size, long flags)
{
    if (size == 0 || size > SEGMENT_SIZE_MAX)
        return -ABI_EINVAL;
    /* No large pages are set aside, and memory is promised as mmap promises it. */
    if (flags & ABI_SHM_HUGETLB ||
        (!(flags & ABI_SHM_NORESERVE) && size / PAGE_SIZE > pages_total()))
        return -ABI_ENOMEM;
    struct segment *made = segment_create(size);
    if (!made)
        return -ABI_ENOMEM;
    perm_begin(made, key, flags);
    return segment_enter_or_have(made, key, size, flags);
}

long sys_shmget(long key, long size, long flags)
{
    segments_lock();
    const struct segment *there = segment_by_key((int32_t)key);
    long result = there ? segment_have(there, (uint64_t)size, flags) : 0;
    segments_unlock();
    if (there)
        return result;
    if ((int32_t)key != ABI_IPC_PRIVATE && !(flags & ABI_IPC_CREAT))
        return -ABI_ENOENT;
    return segment_new((int32_t)key, (uint64_t)size, flags);
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
    uint32_t want = READ | (prot & ABI_PROT_WRITE ? WRITE : 0) | (prot & ABI_PROT_EXEC ? EXEC : 0);
    segments_lock();
    struct segment *segment = segment_by_id(id);
    long error = !segment                                      ? -ABI_EINVAL
                 : perm_allows(&segment->about.shm_perm, want) ? 0
                                                               : -ABI_EACCES;
    if (!error)
        sluice_object_addref(&segment->object);
    segments_unlock();
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

/* The answer is the highest index in use. Lock held. */
static long highest_index(void)
{
    long highest = 0;
    for (const struct segment *at = segment_from(0); at; at = segment_from((int)highest + 1))
        highest = segment_index(at);
    return highest;
}

static long control_limits(long user)
{
    struct abi_shminfo limits = {.shmmax = SEGMENT_SIZE_MAX,
                                 .shmmin = 1,
                                 .shmmni = SEGMENTS_MAX,
                                 .shmseg = SEGMENTS_MAX,
                                 .shmall = SEGMENT_SIZE_MAX};
    segments_lock();
    long result = highest_index();
    segments_unlock();
    return put_user(user, &limits, sizeof limits) ? -ABI_EFAULT : result;
}

static long control_usage(long user)
{
    struct abi_shm_info usage = {0};
    struct segment *at;
    segments_lock();
    for (int index = 0; (at = segment_from(index)); index = segment_index(at) + 1) {
        usage.used_ids++;
        usage.shm_tot += page_ceil(at->about.shm_segsz) / PAGE_SIZE;
        usage.shm_rss += shared_memory_pages(at->pager);
    }
    long result = highest_index();
    segments_unlock();
    return put_user(user, &usage, sizeof usage) ? -ABI_EFAULT : result;
}

/* By number, or by index with the number as the answer. */
static long control_stat(int id, long command, long user)
{
    struct abi_shmid_ds about;
    bool by_index = command != ABI_IPC_STAT;
    segments_lock();
    struct segment *segment = by_index ? (id < 0 ? NULL : segment_from(id)) : segment_by_id(id);
    long result = -ABI_EINVAL;
    if (segment && (!by_index || segment_index(segment) == id)) {
        about = segment->about;
        result = command == ABI_SHM_STAT_ANY || perm_allows(&about.shm_perm, READ)
                     ? (by_index ? segment->id : 0)
                     : -ABI_EACCES;
    }
    segments_unlock();
    return result >= 0 && put_user(user, &about, sizeof about) ? -ABI_EFAULT : result;
}

static void perm_set(struct abi_shmid_ds *about, const struct abi_ipc_perm *wanted)
{
    about->shm_perm.uid = wanted->uid;
    about->shm_perm.gid = wanted->gid;
    about->shm_perm.mode =
        (about->shm_perm.mode & ~(uint32_t)RIGHTS) | (wanted->mode & (uint32_t)RIGHTS);
    about->shm_ctime = clock_real() / 1000000000;
}

/* What its owner may do to it. */
static long control_change(int id, long command, long user)
{
    struct abi_shmid_ds wanted = {0};
    if (command == ABI_IPC_SET && get_user(&wanted, user, sizeof wanted))
        return -ABI_EFAULT;
    segments_lock();
    struct segment *segment = segment_by_id(id);
    long result = !segment ? -ABI_EINVAL : perm_owned(&segment->about.shm_perm) ? 0 : -ABI_EPERM;
    bool last = false;
    if (!result && command == ABI_IPC_RMID)
        last = segment_remove(segment);
    else if (!result && command == ABI_IPC_SET)
        perm_set(&segment->about, &wanted.shm_perm);
    else if (!result && command == ABI_SHM_LOCK) /* no page ever leaves */
        segment->about.shm_perm.mode |= ABI_SHM_LOCKED;
    else if (!result)
        segment->about.shm_perm.mode &= ~(uint32_t)ABI_SHM_LOCKED;
    segments_unlock();
    if (last)
        sluice_object_release(&segment->object);
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
