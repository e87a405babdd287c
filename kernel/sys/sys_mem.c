/* Memory: mmap and its family. */
#include <sluice/object.h>
#include <sluice/sealing.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/mman.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space.h"
#include "kernel/sys/sys.h"

long sys_brk(long wanted)
{
    return (long)space_set_break(current_process()->space, (uint64_t)wanted);
}

/* What a mapping of FILE may come to be allowed, and whether PROT is among it. */
static long map_check_file(struct openfile *file, int prot, int flags, int *max_prot)
{
    bool shared = (flags & ABI_MAP_TYPE) != ABI_MAP_PRIVATE;
    if (!openfile_readable(file))
        return -ABI_EACCES;
    if (shared && prot & ABI_PROT_WRITE && !openfile_writable(file))
        return -ABI_EACCES;
    if (!file->pager)
        return -ABI_ENODEV;
    *max_prot = ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC;
    if (shared && !openfile_writable(file))
        *max_prot &= ~ABI_PROT_WRITE;
    if (file->location.name && location_mount_flags(&file->location) & MOUNT_NOEXEC) {
        if (prot & ABI_PROT_EXEC)
            return -ABI_EPERM;
        *max_prot &= ~ABI_PROT_EXEC;
    }
    return 0;
}

/* What is wrong with a request, in Linux's order: FILE is NULL for anonymous memory. */
static long map_check(const struct openfile *file, size_t size, int flags, uint64_t offset)
{
    int type = flags & ABI_MAP_TYPE;
    size_t rounded = (size + PAGE_MASK) & ~(size_t)PAGE_MASK;
    if (size == 0)
        return -ABI_EINVAL;
    if (rounded == 0 || rounded > USER_END)
        return -ABI_ENOMEM;
    if (file && offset > (uint64_t)INT64_MAX - rounded)
        return -ABI_EOVERFLOW;
    return type == ABI_MAP_PRIVATE || type == ABI_MAP_SHARED || type == ABI_MAP_SHARED_VALIDATE
               ? 0
               : -ABI_EINVAL;
}

/* A shared mapping that could be written, now or later, is counted with a file that can be sealed;
 * where that is sealed against it, it can be read only. */
static long map_count(struct openfile *file, int prot, int flags, int *max_prot,
                      sluice_sealing_t **out)
{
    *out = NULL;
    if ((flags & ABI_MAP_TYPE) == ABI_MAP_PRIVATE || !(*max_prot & ABI_PROT_WRITE))
        return 0;
    sluice_sealing_t *sealing = sluice_query_face(file->object, &sluice_sealing_iid);
    if (!sealing)
        return 0;
    oskit_error_t error = sealing->ops->map(sealing, false);
    if (!error) {
        *out = sealing;
        return 0;
    }
    sealing->ops->release(sealing);
    *max_prot &= ~ABI_PROT_WRITE;
    return prot & ABI_PROT_WRITE ? errno_from_oskit(error) : 0;
}

static void map_uncount(sluice_sealing_t *sealing)
{
    if (sealing) {
        sealing->ops->unmap(sealing);
        sealing->ops->release(sealing);
    }
}

static long map_file(long number, uint64_t address, size_t size, int prot, int flags,
                     uint64_t offset, uint64_t *out)
{
    struct fd fd = fd_get((int)number);
    sluice_sealing_t *sealing = NULL;
    int max_prot;
    if (!fd.file)
        return -ABI_EBADF;
    /* No file here lies in large pages. */
    long error = flags & ABI_MAP_HUGETLB ? -ABI_EINVAL : map_check(fd.file, size, flags, offset);
    if (!error)
        error = map_check_file(fd.file, prot, flags, &max_prot);
    if (!error)
        error = map_count(fd.file, prot, flags, &max_prot, &sealing);
    if (!error) {
        struct space_source source = {
            fd.file->pager, fd.file->location.name ? &fd.file->location : NULL, offset, sealing};
        error =
            space_map(current_process()->space, address, size, prot, max_prot, flags, &source, out);
    }
    map_uncount(sealing);
    fd_put(fd);
    return error;
}

static long map_anonymous(uint64_t address, size_t size, int prot, int flags, uint64_t *out)
{
    long error = map_check(NULL, size, flags, 0);
    /* Only a file can tell whether it knows all the flags. */
    if (!error && (flags & ABI_MAP_TYPE) == ABI_MAP_SHARED_VALIDATE)
        error = -ABI_EINVAL;
    if (!error && flags & ABI_MAP_HUGETLB)
        error = -ABI_ENOMEM; /* no large pages are set aside */
    return error ? error
                 : space_map(current_process()->space, address, size, prot,
                             ABI_PROT_READ | ABI_PROT_WRITE | ABI_PROT_EXEC, flags, NULL, out);
}

long sys_mmap(long address, long size, long prot, long flags, long fd, long offset)
{
    uint64_t out = 0;
    if (offset & (long)PAGE_MASK)
        return -ABI_EINVAL;
    long error = flags & ABI_MAP_ANONYMOUS
                     ? map_anonymous((uint64_t)address, (size_t)size, (int)prot, (int)flags, &out)
                     : map_file(fd, (uint64_t)address, (size_t)size, (int)prot, (int)flags,
                                (uint64_t)offset, &out);
    return error ? error : (long)out;
}

long sys_munmap(long address, long size)
{
    return space_unmap(current_process()->space, (uint64_t)address, (size_t)size);
}

long sys_mprotect(long address, long size, long prot)
{
    return space_protect(current_process()->space, (uint64_t)address, (size_t)size, (int)prot);
}

long sys_mremap(long old, long old_size, long new_size, long flags, long new_address)
{
    uint64_t out = 0;
    long error = space_remap(current_process()->space, (uint64_t)old, (size_t)old_size,
                             (size_t)new_size, (int)flags, (uint64_t)new_address, &out);
    return error ? error : (long)out;
}

long sys_madvise(long address, long size, long advice)
{
    return space_advise(current_process()->space, (uint64_t)address, (size_t)size, (int)advice);
}

long sys_msync(long address, long size, long flags)
{
    return space_sync(current_process()->space, (uint64_t)address, (size_t)size, (int)flags);
}

/* A page of answers at a time. */
long sys_mincore(long address, long size, long user)
{
    uint8_t bytes[256];
    if (address & (long)PAGE_MASK)
        return -ABI_EINVAL;
    if ((size_t)size > USER_END)
        return -ABI_ENOMEM;
    for (size_t done = 0, pages = page_ceil((size_t)size) / PAGE_SIZE; done < pages;
         done += sizeof bytes) {
        size_t n = pages - done < sizeof bytes ? pages - done : sizeof bytes;
        long error = space_incore(current_process()->space, (uint64_t)address + done * PAGE_SIZE,
                                  n * PAGE_SIZE, bytes);
        if (error || put_user(user + (long)done, bytes, n))
            return error ? error : -ABI_EFAULT;
    }
    return 0;
}

long sys_mlock(long address, long size)
{
    return space_lock(current_process()->space, (uint64_t)address, (size_t)size, true);
}

long sys_mlock2(long address, long size, long flags)
{
    if (flags & ~ABI_MLOCK_ONFAULT)
        return -ABI_EINVAL;
    return space_lock(current_process()->space, (uint64_t)address, (size_t)size,
                      !(flags & ABI_MLOCK_ONFAULT));
}

long sys_munlock(long address, long size)
{
    return space_unlock(current_process()->space, (uint64_t)address, (size_t)size);
}

long sys_mlockall(long flags)
{
    if (flags & ~(ABI_MCL_CURRENT | ABI_MCL_FUTURE | ABI_MCL_ONFAULT) || !flags ||
        flags == ABI_MCL_ONFAULT)
        return -ABI_EINVAL;
    return space_lock_all(current_process()->space, (int)flags);
}

long sys_munlockall(void)
{
    space_unlock_all(current_process()->space);
    return 0;
}
