/* Sets of semaphores, and what waits for them: see semaphores.h, also for the locks. */
#include "kernel/sys/semaphores.h"
#include "kernel/abi/errno.h"
#include "kernel/mem/heap.h"
#include "kernel/task/process.h"

struct semaphore_limits semaphore_limits = {32000, 1024000000, 500, 32000}; /* Linux's */
_Atomic uint32_t semaphores_used;

/* ---- Steps; set->lock held ---- */

/* 0, 1: it must wait, or negative errno. */
static long step_do(struct semaphore_set *set, const struct semaphore_call *call,
                    const struct abi_sembuf *step)
{
    struct semaphore *semaphore = &set->all[step->sem_num];
    int32_t value = semaphore->value + step->sem_op;
    if ((step->sem_op == 0 && value) || value < 0)
        return step->sem_flg & ABI_IPC_NOWAIT ? -ABI_EAGAIN : 1;
    if (value > SEMAPHORE_MOST)
        return -ABI_ERANGE;
    if (step->sem_flg & ABI_SEM_UNDO) {
        int32_t adjust = call->undo->adjust[step->sem_num] - step->sem_op;
        if (adjust < -SEMAPHORE_MOST - 1 || adjust > SEMAPHORE_MOST)
            return -ABI_ERANGE;
        call->undo->adjust[step->sem_num] = (int16_t)adjust;
    }
    semaphore->value = value;
    return 0;
}

static void step_take_back(struct semaphore_set *set, const struct semaphore_call *call,
                           const struct abi_sembuf *step)
{
    set->all[step->sem_num].value -= step->sem_op;
    if (step->sem_flg & ABI_SEM_UNDO)
        call->undo->adjust[step->sem_num] =
            (int16_t)(call->undo->adjust[step->sem_num] + step->sem_op);
}

/* All steps or none. */
static long call_try(struct semaphore_set *set, struct semaphore_call *call)
{
    for (uint32_t i = 0; i < call->count; i++) {
        long result = step_do(set, call, &call->steps[i]);
        if (!result)
            continue;
        call->blocking = &call->steps[i];
        while (i-- > 0)
            step_take_back(set, call, &call->steps[i]);
        return result;
    }
    for (uint32_t i = 0; i < call->count; i++)
        set->all[call->steps[i].sem_num].pid = call->pid;
    return 0;
}

/* ---- Those that wait; set->lock held ---- */

static struct semaphore_call *call_of(struct list *link)
{
    return container_of(link, struct semaphore_call, waiter.link);
}

static bool settle_zeros(struct semaphore_set *set)
{
    bool any = false;
    list_for_each_safe (link, &set->zero_waits) {
        struct semaphore_call *call = call_of(link);
        long result = call_try(set, call);
        if (result > 0)
            continue;
        any |= !result;
        sysv_wake(&call->waiter, result);
    }
    return any;
}

/* One that only took can't have helped those in front of it; one that gave may. */
static bool settle(struct semaphore_set *set)
{
    bool any = settle_zeros(set);
    for (struct list *at = set->waits.next; at != &set->waits;) {
        struct semaphore_call *call = call_of(at);
        at = at->next;
        long result = call_try(set, call);
        if (result > 0)
            continue;
        sysv_wake(&call->waiter, result);
        if (result)
            continue;
        any = true;
        settle_zeros(set);
        if (call->raises)
            at = set->waits.next;
    }
    return any;
}

void semaphore_set_settle(struct semaphore_set *set, bool operated)
{
    if (settle(set) || operated)
        set->otime = sysv_now();
}

long semaphore_waiters(const struct semaphore_set *set, uint32_t index, bool for_zero)
{
    long count = 0;
    list_for_each (link, &set->zero_waits) {
        const struct abi_sembuf *blocking = call_of(link)->blocking;
        count += for_zero && blocking->sem_num == index;
    }
    list_for_each (link, &set->waits) {
        const struct abi_sembuf *blocking = call_of(link)->blocking;
        count += blocking->sem_num == index && (blocking->sem_op == 0) == for_zero;
    }
    return count;
}

/* ---- A call ---- */

/* A wait that can't be done because its time is over fails as one that mustn't wait does. */
static long call_wait(struct semaphore_set *set, struct semaphore_call *call, uint64_t deadline)
{
    sysv_queue(call->alters ? &set->waits : &set->zero_waits, &call->waiter);
    long result = sysv_wait(&call->waiter, &set->lock, deadline);
    return result == -ABI_ETIMEDOUT ? -ABI_EAGAIN : result;
}

static long call_lock(struct semaphore_set *set, struct semaphore_call *call)
{
    if (call->undoes)
        return semaphore_undo_lock(set, &call->undo);
    spin_lock(&set->lock);
    if (!set->removed)
        return 0;
    spin_unlock(&set->lock);
    return -ABI_EIDRM;
}

long semaphore_call_do(struct semaphore_set *set, struct semaphore_call *call, uint64_t deadline)
{
    call->pid = current_process()->pid;
    long result = call_lock(set, call);
    if (result)
        return result;
    result = call_try(set, call);
    if (!result && call->alters)
        semaphore_set_settle(set, true);
    else if (!result)
        set->otime = sysv_now();
    else if (result > 0)
        result = call_wait(set, call, deadline);
    spin_unlock(&set->lock);
    return result;
}

/* ---- Sets ---- */

static uint64_t set_bytes(uint64_t count)
{
    return sizeof(struct semaphore_set) + count * sizeof(struct semaphore);
}

static bool set_reserve(uint32_t count)
{
    if (atomic_fetch_add(&semaphores_used, count) + (uint64_t)count <=
        atomic_load(&semaphore_limits.in_all))
        return true;
    atomic_fetch_sub(&semaphores_used, count);
    return false;
}

static void set_free(struct semaphore_set *set, uint64_t count)
{
    heap_free(set);
    sysv_uncharge(set_bytes(count));
    atomic_fetch_sub(&semaphores_used, (uint32_t)count);
}

/* semget has looked at the size's upper bound. */
static long set_create(uint64_t size, long flags, struct sysv_id **out)
{
    (void)flags;
    if (size == 0)
        return -ABI_EINVAL;
    if (!set_reserve((uint32_t)size))
        return -ABI_ENOSPC;
    bool charged = sysv_charge(set_bytes(size));
    struct semaphore_set *set = charged ? heap_alloc(set_bytes(size), HEAP_ZERO) : NULL;
    if (!set) {
        if (charged)
            sysv_uncharge(set_bytes(size));
        atomic_fetch_sub(&semaphores_used, (uint32_t)size);
        return -ABI_ENOMEM;
    }
    atomic_init(&set->entry.references, 1);
    set->count = (uint32_t)size;
    set->ctime = sysv_now();
    list_init(&set->zero_waits);
    list_init(&set->waits);
    list_init(&set->undos);
    *out = &set->entry;
    return 0;
}

static long set_check(const struct sysv_id *id, uint64_t size)
{
    return container_of(id, const struct semaphore_set, entry)->count < size ? -ABI_EINVAL : 0;
}

static void set_destroy(struct sysv_id *id)
{
    struct semaphore_set *set = semaphore_set_of(id);
    set_free(set, set->count);
}

static const struct sysv_ops semaphore_ops = {
    .most = &semaphore_limits.sets,
    .create = set_create,
    .check = set_check,
    .destroy = set_destroy,
};

struct sysv_ids semaphore_ids = {.ops = &semaphore_ops};

static void wake_all(struct list *waits)
{
    list_for_each_safe (link, waits)
        sysv_wake(&call_of(link)->waiter, -ABI_EIDRM);
}

void semaphore_set_end(struct semaphore_set *set)
{
    spin_lock(&set->lock);
    set->removed = true;
    semaphore_undo_free_all(set);
    wake_all(&set->zero_waits);
    wake_all(&set->waits);
    spin_unlock(&set->lock);
    sysv_drop(&semaphore_ids, &set->entry);
}

void semaphore_set_about(struct semaphore_set *set, struct abi_semid_ds *out)
{
    spin_lock(&set->lock);
    *out = (struct abi_semid_ds){.sem_perm = set->entry.perm,
                                 .sem_otime = set->otime,
                                 .sem_ctime = set->ctime,
                                 .sem_nsems = set->count};
    spin_unlock(&set->lock);
}

bool semaphore_set_tell(int index, struct abi_semid_ds *out, int *id)
{
    spin_lock(&semaphore_ids.lock);
    struct sysv_id *there = sysv_from(&semaphore_ids, index);
    if (there) {
        semaphore_set_about(semaphore_set_of(there), out);
        *id = there->id;
    }
    spin_unlock(&semaphore_ids.lock);
    return there;
}
