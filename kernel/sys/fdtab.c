/*
 * Descriptor tables. table->lock (spin) guards the arrays; closing the open file itself happens
 * after it was released. A table used by one thread alone is read without the lock: only its user
 * changes it.
 *
 * Lock order: table->lock -> nothing.
 */
#include "kernel/sys/fdtab.h"
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/locks.h"
#include "kernel/sys/mqueue.h"
#include "kernel/task/process.h"

#define FDTAB_FIRST 64u /* descriptors of a new table; grows by doubling */

static bool bit_test(const uint64_t *map, uint32_t bit)
{
    return map[bit / 64] >> bit % 64 & 1;
}

static void bit_assign(uint64_t *map, uint32_t bit, bool value)
{
    uint64_t mask = 1ull << bit % 64;
    map[bit / 64] = value ? map[bit / 64] | mask : map[bit / 64] & ~mask;
}

/* ---- Storage ---- */

static void fdtab_free_arrays(struct fdtab *table)
{
    heap_free(table->files);
    heap_free(table->used);
    heap_free(table->cloexec);
}

static bool fdtab_allocate(struct fdtab *table, uint32_t capacity)
{
    table->capacity = capacity;
    table->files = heap_alloc(capacity * sizeof *table->files, HEAP_ZERO);
    table->used = heap_alloc(capacity / 8, HEAP_ZERO);
    table->cloexec = heap_alloc(capacity / 8, HEAP_ZERO);
    if (table->files && table->used && table->cloexec)
        return true;
    fdtab_free_arrays(table);
    return false;
}

/* Makes room for descriptor FD. The lock is taken inside; arrays that lost a race are dropped. */
static int fdtab_grow(struct fdtab *table, uint32_t fd)
{
    uint32_t capacity = FDTAB_FIRST;
    while (capacity <= fd)
        capacity *= 2;
    struct fdtab bigger;
    if (!fdtab_allocate(&bigger, capacity))
        return -ABI_ENOMEM;
    spin_lock(&table->lock);
    if (capacity > table->capacity) {
        struct fdtab old = {.files = table->files, .used = table->used, .cloexec = table->cloexec};
        memcpy(bigger.files, old.files, table->capacity * sizeof *old.files);
        memcpy(bigger.used, old.used, table->capacity / 8);
        memcpy(bigger.cloexec, old.cloexec, table->capacity / 8);
        table->files = bigger.files;
        table->used = bigger.used;
        table->cloexec = bigger.cloexec;
        table->capacity = capacity;
        bigger.files = old.files;
        bigger.used = old.used;
        bigger.cloexec = old.cloexec;
    }
    spin_unlock(&table->lock);
    fdtab_free_arrays(&bigger);
    return 0;
}

struct fdtab *fdtab_create(void)
{
    struct fdtab *table = heap_alloc(sizeof *table, HEAP_ZERO);
    if (table && !fdtab_allocate(table, FDTAB_FIRST)) {
        heap_free(table);
        return NULL;
    }
    if (table)
        atomic_init(&table->references, 1);
    return table;
}

/* The copy is allocated for the size seen first; should another thread grow the table meanwhile,
 * the loop tries again. */
struct fdtab *fdtab_copy(struct fdtab *from)
{
    for (;;) {
        uint32_t capacity = *(volatile uint32_t *)&from->capacity;
        struct fdtab *table = heap_alloc(sizeof *table, HEAP_ZERO);
        if (!table || !fdtab_allocate(table, capacity)) {
            heap_free(table);
            return NULL;
        }
        atomic_init(&table->references, 1);
        spin_lock(&from->lock);
        if (from->capacity == capacity) {
            memcpy(table->used, from->used, capacity / 8);
            memcpy(table->cloexec, from->cloexec, capacity / 8);
            table->lowest = from->lowest;
            for (uint32_t fd = 0; fd < capacity; fd++)
                if ((table->files[fd] = from->files[fd]))
                    openfile_ref(table->files[fd]);
            spin_unlock(&from->lock);
            return table;
        }
        spin_unlock(&from->lock);
        fdtab_unref(table);
    }
}

void fdtab_ref(struct fdtab *table)
{
    atomic_fetch_add_explicit(&table->references, 1, memory_order_relaxed);
}

uint32_t fdtab_capacity(struct fdtab *table)
{
    return *(volatile uint32_t *)&table->capacity;
}

/* A descriptor of FILE is gone from TABLE. */
static void descriptor_drop(struct fdtab *table, struct openfile *file)
{
    if (atomic_load_explicit(&table->claims, memory_order_relaxed)) {
        locks_descriptor_closed(table, file);
        queue_descriptor_closed(table, file);
    }
    openfile_unref(file);
}

void fdtab_note_claims(struct fdtab *table)
{
    atomic_store_explicit(&table->claims, true, memory_order_relaxed);
}

void fdtab_unref(struct fdtab *table)
{
    if (atomic_fetch_sub_explicit(&table->references, 1, memory_order_acq_rel) != 1)
        return;
    for (uint32_t word = 0; word < table->capacity / 64; word++)
        for (uint64_t left = table->used[word]; left; left &= left - 1)
            descriptor_drop(table, table->files[word * 64 + (uint32_t)__builtin_ctzll(left)]);
    fdtab_free_arrays(table);
    heap_free(table);
}

/* ---- Looking up ---- */

struct openfile *fdtab_get(struct fdtab *table, int fd)
{
    spin_lock(&table->lock);
    struct openfile *file = fdtab_at(table, fd);
    if (file)
        openfile_ref(file);
    spin_unlock(&table->lock);
    return file;
}

struct fd fd_get_path(int fd)
{
    struct process *process = current_process();
    struct fdtab *table = process->fds;
    if (fdtab_is_own(table, process))
        return (struct fd){fdtab_at(table, fd), false};
    struct openfile *file = fdtab_get(table, fd);
    return (struct fd){file, file != NULL};
}

struct fd fd_get_slowly(int number)
{
    struct fd fd = fd_get_path(number);
    if (fd.file && openfile_is_path(fd.file)) {
        fd_put(fd);
        return (struct fd){0};
    }
    return fd;
}

struct fd fd_get(int number)
{
    return fd_get_inline(number);
}

void fdtab_view_begin(struct fdtab_view *view)
{
    struct process *process = current_process();
    struct fdtab *table = process->fds;
    view->locked = fdtab_is_own(table, process) ? NULL : table;
    if (view->locked)
        spin_lock(&table->lock);
    view->files = table->files;
    view->capacity = table->capacity;
}

void fdtab_view_end(struct fdtab_view *view)
{
    if (view->locked)
        spin_unlock(&view->locked->lock);
}

int fdtab_next(struct fdtab *table, int fd)
{
    int found = -1;
    spin_lock(&table->lock);
    for (uint32_t i = (uint32_t)fd; i < table->capacity && found < 0; i++)
        if (table->files[i])
            found = (int)i;
    spin_unlock(&table->lock);
    return found;
}

/* ---- Changing ---- */

/* The lowest free descriptor at or above LEAST; the table's capacity when there is none. */
static uint32_t fdtab_lowest_free(const struct fdtab *table, uint32_t least)
{
    if (least < table->lowest)
        least = table->lowest;
    for (uint32_t word = least / 64; word < table->capacity / 64; word++) {
        uint64_t free = ~table->used[word];
        if (word == least / 64)
            free &= ~0ull << least % 64;
        if (free)
            return word * 64 + (uint32_t)__builtin_ctzll(free);
    }
    return table->capacity > least ? table->capacity : least;
}

/* Inlined, for most callers know whether there is a FILE. */
static inline __attribute__((always_inline)) void fdtab_put(struct fdtab *table, uint32_t fd,
                                                            struct openfile *file, bool cloexec)
{
    uint64_t *used = &table->used[fd / 64], *marks = &table->cloexec[fd / 64];
    uint64_t bit = 1ull << fd % 64;
    table->files[fd] = file;
    *marks = file && cloexec ? *marks | bit : *marks & ~bit;
    *used = file ? *used | bit : *used & ~bit;
    if (file && fd == table->lowest)
        table->lowest = fd + 1;
    else if (!file && fd < table->lowest)
        table->lowest = fd;
}

int fdtab_install(struct fdtab *table, struct openfile *file, int least, bool cloexec)
{
    uint64_t limit = process_limit(ABI_RLIMIT_NOFILE);
    for (;;) {
        spin_lock(&table->lock);
        uint32_t fd = fdtab_lowest_free(table, (uint32_t)least);
        bool fits = fd < table->capacity;
        if (fd < limit && fits)
            fdtab_put(table, fd, file, cloexec);
        spin_unlock(&table->lock);
        if (fd >= limit)
            return -ABI_EMFILE;
        if (fits)
            return (int)fd;
        int error = fdtab_grow(table, fd);
        if (error)
            return error;
    }
}

bool fdtab_has_room(struct fdtab *table)
{
    spin_lock(&table->lock);
    uint32_t fd = fdtab_lowest_free(table, 0);
    spin_unlock(&table->lock);
    return fd < process_limit(ABI_RLIMIT_NOFILE);
}

int fdtab_replace(struct fdtab *table, struct openfile *file, int fd, bool cloexec)
{
    if (fd < 0 || (uint64_t)fd >= process_limit(ABI_RLIMIT_NOFILE))
        return -ABI_EBADF;
    if ((uint32_t)fd >= *(volatile uint32_t *)&table->capacity) {
        int error = fdtab_grow(table, (uint32_t)fd);
        if (error)
            return error;
    }
    spin_lock(&table->lock);
    struct openfile *old = table->files[fd];
    fdtab_put(table, (uint32_t)fd, file, cloexec);
    spin_unlock(&table->lock);
    if (old)
        descriptor_drop(table, old);
    return fd;
}

int fdtab_close(struct fdtab *table, int fd)
{
    spin_lock(&table->lock);
    struct openfile *file = fdtab_at(table, fd);
    if (file)
        fdtab_put(table, (uint32_t)fd, NULL, false);
    spin_unlock(&table->lock);
    if (!file)
        return -ABI_EBADF;
    descriptor_drop(table, file);
    return 0;
}

int fdtab_close_range(struct fdtab *table, uint32_t first, uint32_t last, bool only_cloexec)
{
    if (first > last)
        return -ABI_EINVAL;
    for (int fd = (int)(first > INT32_MAX ? INT32_MAX : first);
         (fd = fdtab_next(table, fd)) >= 0 && (uint32_t)fd <= last; fd++) {
        if (only_cloexec)
            fdtab_set_cloexec(table, fd, true);
        else
            fdtab_close(table, fd);
    }
    return 0;
}

int fdtab_get_cloexec(struct fdtab *table, int fd)
{
    spin_lock(&table->lock);
    int result = fdtab_at(table, fd) ? bit_test(table->cloexec, (uint32_t)fd) : -ABI_EBADF;
    spin_unlock(&table->lock);
    return result;
}

int fdtab_set_cloexec(struct fdtab *table, int fd, bool cloexec)
{
    spin_lock(&table->lock);
    bool open = fdtab_at(table, fd) != NULL;
    if (open)
        bit_assign(table->cloexec, (uint32_t)fd, cloexec);
    spin_unlock(&table->lock);
    return open ? 0 : -ABI_EBADF;
}

void fdtab_close_on_exec(struct fdtab *table)
{
    for (uint32_t fd = 0; fd < table->capacity; fd++)
        if (bit_test(table->cloexec, fd))
            fdtab_close(table, (int)fd);
}
