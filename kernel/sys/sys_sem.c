/* System V's semaphores: semget, semop, semtimedop, semctl. */
#include "kernel/abi/time.h"
#include "kernel/abi/timens.h"
#include "kernel/cpu/clock.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/semaphores.h"
#include "kernel/sys/sys.h"

long sys_semget(long key, long count, long flags)
{
    if (count < 0 || (uint64_t)count > atomic_load(&semaphore_limits.in_set))
        return -ABI_EINVAL;
    return sysv_get(&semaphore_ids, (int32_t)key, (uint64_t)count, flags);
}

/* ---- semop ---- */

#define STEPS_FAST 32

/* What the steps do, all in all; the highest semaphore they name. */
static uint32_t call_survey(struct semaphore_call *call)
{
    uint32_t highest = 0;
    for (uint32_t i = 0; i < call->count; i++) {
        const struct abi_sembuf *step = &call->steps[i];
        highest = step->sem_num > highest ? step->sem_num : highest;
        call->alters |= step->sem_op != 0;
        call->raises |= step->sem_op > 0;
        call->undoes |= (step->sem_flg & ABI_SEM_UNDO) != 0;
    }
    return highest;
}

/* The set of number ID with a reference, for CALL. */
static long call_find_set(int id, struct semaphore_call *call, struct semaphore_set **out)
{
    uint32_t highest = call_survey(call);
    spin_lock(&semaphore_ids.lock);
    struct semaphore_set *set = semaphore_set_of(sysv_find(&semaphore_ids, id));
    long error = 0;
    if (!set)
        error = -ABI_EINVAL;
    else if (highest >= set->count)
        error = -ABI_EFBIG;
    else if (!sysv_allows(&set->entry, call->alters ? SYSV_WRITE : SYSV_READ))
        error = -ABI_EACCES;
    else
        sysv_hold(&set->entry);
    spin_unlock(&semaphore_ids.lock);
    *out = set;
    return error;
}

static long call_deadline(const struct abi_timespec *timeout, uint64_t *out)
{
    *out = ENV_FOREVER;
    if (!timeout)
        return 0;
    if (!timespec_valid(timeout))
        return -ABI_EINVAL;
    uint64_t now = clock_monotonic(), left = (uint64_t)timespec_ns(timeout);
    *out = left < ENV_FOREVER - now ? now + left : ENV_FOREVER;
    return 0;
}

static long operate(int id, const struct abi_sembuf *steps, uint32_t count,
                    const struct abi_timespec *timeout)
{
    struct semaphore_call call = {.steps = steps, .count = count};
    struct semaphore_set *set;
    uint64_t deadline;
    long error = id < 0 ? -ABI_EINVAL : call_deadline(timeout, &deadline);
    if (!error)
        error = call_find_set(id, &call, &set);
    if (error)
        return error;
    error = semaphore_call_do(set, &call, deadline);
    sysv_drop(&semaphore_ids, &set->entry);
    return error;
}

static long operate_user(int id, long user_steps, uint32_t count,
                         const struct abi_timespec *timeout)
{
    struct abi_sembuf fast[STEPS_FAST], *steps = fast;
    if (count > atomic_load(&semaphore_limits.in_call))
        return -ABI_E2BIG;
    if (count == 0)
        return -ABI_EINVAL;
    if (count > STEPS_FAST && !(steps = heap_alloc(count * sizeof *steps, 0)))
        return -ABI_ENOMEM;
    long error = get_user(steps, user_steps, count * sizeof *steps);
    if (!error)
        error = operate(id, steps, count, timeout);
    if (steps != fast)
        heap_free(steps);
    return error;
}

long sys_semtimedop(long id, long user_steps, long count, long user_timeout)
{
    struct abi_timespec timeout;
    if (user_timeout && get_user(&timeout, user_timeout, sizeof timeout))
        return -ABI_EFAULT;
    return operate_user((int)id, user_steps, (uint32_t)count, user_timeout ? &timeout : NULL);
}

long sys_semop(long id, long user_steps, long count)
{
    return operate_user((int)id, user_steps, (uint32_t)count, NULL);
}

/* ---- semctl: what there is ---- */

static long control_info(long command, long user)
{
    int32_t all = (int32_t)atomic_load(&semaphore_limits.in_all);
    int32_t in_call = (int32_t)atomic_load(&semaphore_limits.in_call);
    struct abi_seminfo info = {.semmap = all,
                               .semmni = (int32_t)atomic_load(&semaphore_limits.sets),
                               .semmns = all,
                               .semmnu = all,
                               .semmsl = (int32_t)atomic_load(&semaphore_limits.in_set),
                               .semopm = in_call,
                               .semume = in_call,
                               .semusz = 20, /* as Linux says; there is no such structure */
                               .semvmx = SEMAPHORE_MOST,
                               .semaem = SEMAPHORE_MOST};
    spin_lock(&semaphore_ids.lock);
    if (command == ABI_SEM_INFO) {
        info.semusz = (int32_t)semaphore_ids.count;
        info.semaem = (int32_t)atomic_load(&semaphores_used);
    }
    long result = sysv_highest(&semaphore_ids);
    spin_unlock(&semaphore_ids.lock);
    return put_user(user, &info, sizeof info) ? -ABI_EFAULT : result;
}

/* By number, or by index with the number as the answer. */
static long control_stat(int id, long command, long user)
{
    struct abi_semid_ds about;
    bool by_index = command != ABI_IPC_STAT;
    spin_lock(&semaphore_ids.lock);
    struct sysv_id *there = by_index ? sysv_at(&semaphore_ids, id) : sysv_find(&semaphore_ids, id);
    long result = !there ? -ABI_EINVAL
                  : command == ABI_SEM_STAT_ANY || sysv_allows(there, SYSV_READ)
                      ? (by_index ? there->id : 0)
                      : -ABI_EACCES;
    if (result >= 0)
        semaphore_set_about(semaphore_set_of(there), &about);
    spin_unlock(&semaphore_ids.lock);
    return result >= 0 && put_user(user, &about, sizeof about) ? -ABI_EFAULT : result;
}

/* ---- semctl: values ---- */

static long set_find(int id, uint32_t want, struct semaphore_set **out)
{
    spin_lock(&semaphore_ids.lock);
    struct semaphore_set *set = semaphore_set_of(sysv_find(&semaphore_ids, id));
    long error = !set ? -ABI_EINVAL : sysv_allows(&set->entry, want) ? 0 : -ABI_EACCES;
    if (!error)
        sysv_hold(&set->entry);
    spin_unlock(&semaphore_ids.lock);
    *out = set;
    return error;
}

/* -ABI_EIDRM: it went since it was found, and is not locked. */
static long set_lock(struct semaphore_set *set)
{
    spin_lock(&set->lock);
    if (!set->removed)
        return 0;
    spin_unlock(&set->lock);
    return -ABI_EIDRM;
}

static long value_get(struct semaphore_set *set, uint32_t index, long command)
{
    long result = set_lock(set);
    if (result)
        return result;
    if (command == ABI_GETVAL)
        result = set->all[index].value;
    else if (command == ABI_GETPID)
        result = set->all[index].pid;
    else
        result = semaphore_waiters(set, index, command == ABI_GETZCNT);
    spin_unlock(&set->lock);
    return result;
}

static void value_put(struct semaphore_set *set, uint32_t index, int32_t value)
{
    semaphore_undo_forget(set, index);
    set->all[index] = (struct semaphore){.value = value, .pid = current_process()->pid};
}

static long values_get(struct semaphore_set *set, uint16_t *values)
{
    long error = set_lock(set);
    if (error)
        return error;
    for (uint32_t i = 0; i < set->count; i++)
        values[i] = (uint16_t)set->all[i].value;
    spin_unlock(&set->lock);
    return 0;
}

static long values_set(struct semaphore_set *set, const uint16_t *values)
{
    for (uint32_t i = 0; i < set->count; i++)
        if (values[i] > SEMAPHORE_MOST)
            return -ABI_ERANGE;
    long error = set_lock(set);
    if (error)
        return error;
    for (uint32_t i = 0; i < set->count; i++)
        value_put(set, i, values[i]);
    set->ctime = sysv_now();
    semaphore_set_settle(set, false);
    spin_unlock(&set->lock);
    return 0;
}

static long control_values(struct semaphore_set *set, long command, long user)
{
    size_t size = set->count * sizeof(uint16_t);
    uint16_t *values = heap_alloc(size, 0);
    if (!values)
        return -ABI_ENOMEM;
    long error = command == ABI_SETALL ? get_user(values, user, size) : values_get(set, values);
    if (!error)
        error = command == ABI_SETALL ? values_set(set, values) : put_user(user, values, size);
    heap_free(values);
    return error;
}

static long control_set_value(int id, int index, int32_t value)
{
    struct semaphore_set *set;
    if (value < 0 || value > SEMAPHORE_MOST)
        return -ABI_ERANGE;
    spin_lock(&semaphore_ids.lock);
    set = semaphore_set_of(sysv_find(&semaphore_ids, id));
    long error = !set || index < 0 || (uint32_t)index >= set->count ? -ABI_EINVAL
                 : sysv_allows(&set->entry, SYSV_WRITE)             ? 0
                                                                    : -ABI_EACCES;
    if (!error)
        sysv_hold(&set->entry);
    spin_unlock(&semaphore_ids.lock);
    if (error)
        return error;
    error = set_lock(set);
    if (!error) {
        value_put(set, (uint32_t)index, value);
        set->ctime = sysv_now();
        semaphore_set_settle(set, false);
        spin_unlock(&set->lock);
    }
    sysv_drop(&semaphore_ids, &set->entry);
    return error;
}

static long control_look(int id, int index, long command, long user)
{
    struct semaphore_set *set;
    long result = set_find(id, command == ABI_SETALL ? SYSV_WRITE : SYSV_READ, &set);
    if (result)
        return result;
    if (command == ABI_GETALL || command == ABI_SETALL)
        result = control_values(set, command, user);
    else if (index < 0 || (uint32_t)index >= set->count)
        result = -ABI_EINVAL;
    else
        result = value_get(set, (uint32_t)index, command);
    sysv_drop(&semaphore_ids, &set->entry);
    return result;
}

/* ---- semctl: what its owner may do ---- */

static long about_set(struct semaphore_set *set, const struct abi_semid_ds *wanted)
{
    long error = sysv_set(&set->entry, &wanted->sem_perm);
    if (error)
        return error;
    spin_lock(&set->lock);
    set->ctime = sysv_now();
    spin_unlock(&set->lock);
    return 0;
}

static long control_change(int id, long command, long user)
{
    struct abi_semid_ds wanted = {0};
    if (command == ABI_IPC_SET && get_user(&wanted, user, sizeof wanted))
        return -ABI_EFAULT;
    spin_lock(&semaphore_ids.lock);
    struct semaphore_set *set = semaphore_set_of(sysv_find(&semaphore_ids, id));
    long result = !set ? -ABI_EINVAL : sysv_owned(&set->entry) ? 0 : -ABI_EPERM;
    if (!result && command == ABI_IPC_RMID)
        sysv_remove(&semaphore_ids, &set->entry);
    else if (!result)
        result = about_set(set, &wanted);
    spin_unlock(&semaphore_ids.lock);
    if (!result && command == ABI_IPC_RMID)
        semaphore_set_end(set);
    return result;
}

long sys_semctl(long id, long index, long command, long argument)
{
    if (id < 0)
        return -ABI_EINVAL;
    switch (command) {
    case ABI_IPC_INFO:
    case ABI_SEM_INFO:
        return control_info(command, argument);
    case ABI_IPC_STAT:
    case ABI_SEM_STAT:
    case ABI_SEM_STAT_ANY:
        return control_stat((int)id, command, argument);
    case ABI_GETALL:
    case ABI_SETALL:
    case ABI_GETVAL:
    case ABI_GETPID:
    case ABI_GETNCNT:
    case ABI_GETZCNT:
        return control_look((int)id, (int)index, command, argument);
    case ABI_SETVAL:
        return control_set_value((int)id, (int)index, (int32_t)argument);
    case ABI_IPC_SET:
    case ABI_IPC_RMID:
        return control_change((int)id, command, argument);
    default:
        return -ABI_EINVAL;
    }
}
