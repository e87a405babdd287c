/*
 * The pid table: numbers up to PID_LIMIT in chunks that exist only while one of their numbers is in
 * use.
 *
 * Lock order: pid_lock is a leaf.
 */
#include "kernel/abi/errno.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/task/process.h"

#define PID_LIMIT   32768 /* Linux's default pid_max */
#define PID_RESTART 300   /* after a wrap, low numbers stay with those that came first */
#define PID_CHUNK   64

struct pid_entry {
    bool reserved;
    void *object[PID_KINDS];
};

struct pid_chunk {
    unsigned in_use;
    struct pid_entry entries[PID_CHUNK];
};

static spinlock_t pid_lock;
static struct pid_chunk *pid_chunks[PID_LIMIT / PID_CHUNK];
static int32_t pid_cursor;
static uint32_t pids_in_use;

static struct pid_entry *pid_entry(int32_t pid)
{
    if (pid <= 0 || pid >= PID_LIMIT || !pid_chunks[pid / PID_CHUNK])
        return NULL;
    return &pid_chunks[pid / PID_CHUNK]->entries[pid % PID_CHUNK];
}

static bool pid_borne(const struct pid_entry *entry)
{
    for (int kind = 0; kind < PID_KINDS; kind++)
        if (entry->object[kind])
            return true;
    return entry->reserved;
}

static void pid_chunk_put(int32_t pid)
{
    struct pid_chunk *chunk = pid_chunks[pid / PID_CHUNK];
    pids_in_use--;
    if (--chunk->in_use)
        return;
    pid_chunks[pid / PID_CHUNK] = NULL;
    heap_free(chunk);
}

/* Reserves PID if it is free. 0, -EBUSY (in use) or -ENOMEM. */
static int pid_reserve(int32_t pid)
{
    struct pid_chunk **chunk = &pid_chunks[pid / PID_CHUNK];
    if (!*chunk && !(*chunk = heap_alloc(sizeof **chunk, HEAP_ZERO)))
        return -ABI_ENOMEM;
    struct pid_entry *entry = &(*chunk)->entries[pid % PID_CHUNK];
    if (pid_borne(entry))
        return -ABI_EBUSY;
    entry->reserved = true;
    (*chunk)->in_use++;
    pids_in_use++;
    return 0;
}

int32_t pid_allocate(void)
{
    int32_t result = -ABI_EAGAIN;
    spin_lock(&pid_lock);
    for (int32_t tries = 0; tries < PID_LIMIT; tries++) {
        if (++pid_cursor >= PID_LIMIT)
            pid_cursor = PID_RESTART;
        int error = pid_reserve(pid_cursor);
        if (error == -ABI_EBUSY)
            continue;
        result = error ? error : pid_cursor;
        break;
    }
    spin_unlock(&pid_lock);
    return result;
}

void pid_attach(int32_t pid, enum pid_kind kind, void *object)
{
    spin_lock(&pid_lock);
    struct pid_entry *entry = pid_entry(pid);
    kassert(entry && !entry->object[kind]);
    /* The reservation passes to the first bearer. */
    entry->reserved = false;
    entry->object[kind] = object;
    spin_unlock(&pid_lock);
}

void pid_detach(int32_t pid, enum pid_kind kind)
{
    spin_lock(&pid_lock);
    struct pid_entry *entry = pid_entry(pid);
    kassert(entry && entry->object[kind]);
    entry->object[kind] = NULL;
    if (!pid_borne(entry))
        pid_chunk_put(pid);
    spin_unlock(&pid_lock);
}

void pid_cancel(int32_t pid)
{
    spin_lock(&pid_lock);
    pid_entry(pid)->reserved = false;
    pid_chunk_put(pid);
    spin_unlock(&pid_lock);
}

void *pid_lookup(int32_t pid, enum pid_kind kind, void (*ref)(void *object))
{
    spin_lock(&pid_lock);
    struct pid_entry *entry = pid_entry(pid);
    void *object = entry ? entry->object[kind] : NULL;
    if (object && ref)
        ref(object);
    spin_unlock(&pid_lock);
    return object;
}

uint32_t pid_count(void)
{
    return *(volatile uint32_t *)&pids_in_use;
}

int32_t pid_last(void)
{
    return *(volatile int32_t *)&pid_cursor;
}

struct process *pid_next_process(int32_t pid)
{
    struct process *found = NULL;
    spin_lock(&pid_lock);
    for (int32_t next = pid + 1; next < PID_LIMIT && !found; next++) {
        if (!pid_chunks[next / PID_CHUNK]) {
            next |= PID_CHUNK - 1; /* nobody in the whole chunk */
            continue;
        }
        found = pid_entry(next)->object[PID_PROCESS];
    }
    if (found)
        process_ref(found);
    spin_unlock(&pid_lock);
    return found;
}
