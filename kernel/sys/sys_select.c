/* select and pselect6: bitmaps, a word of 64 descriptors at a time. */
#include <sluice/string.h>
#include "kernel/abi/poll.h"
#include "kernel/abi/timens.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/pollwait.h"
#include "kernel/sys/sys.h"

enum { SET_IN, SET_OUT, SET_EXCEPT, SETS };

/* What of a level each set shows. */
#define LEVEL_IN     (READY_READ | READY_HUP | READY_ERR)
#define LEVEL_OUT    (READY_WRITE | READY_ERR)
#define LEVEL_EXCEPT READY_PRI

#define SELECT_ON_STACK (ABI_FD_SETSIZE / 64)

struct select {
    size_t words;
    uint64_t *want[SETS], *have[SETS];
    uint64_t *storage;
    uint64_t few[2 * SETS * SELECT_ON_STACK];
};

/* ---- The bitmaps ---- */

static long select_allocate(struct select *s, size_t words)
{
    s->words = words;
    s->storage = s->few;
    if (words > SELECT_ON_STACK &&
        !(s->storage = heap_alloc(2 * SETS * words * sizeof *s->storage, 0)))
        return -ABI_ENOMEM;
    for (size_t set = 0; set < SETS; set++) {
        s->want[set] = s->storage + set * words;
        s->have[set] = s->storage + (SETS + set) * words;
    }
    return 0;
}

/* COUNT bits of each set; one that the program doesn't give is empty. */
static long select_get(struct select *s, size_t count, const long user[SETS])
{
    for (size_t set = 0; set < SETS; set++) {
        if (!user[set])
            memset(s->want[set], 0, s->words * sizeof(uint64_t));
        else if (get_user(s->want[set], user[set], s->words * sizeof(uint64_t)))
            return -ABI_EFAULT;
        if (count % 64)
            s->want[set][s->words - 1] &= ~(~0ull << count % 64);
    }
    return 0;
}

static long select_put(const struct select *s, const long user[SETS])
{
    for (size_t set = 0; set < SETS; set++)
        if (user[set] && put_user(user[set], s->have[set], s->words * sizeof(uint64_t)))
            return -ABI_EFAULT;
    return 0;
}

/* ---- Looking ---- */

static long bits_count(uint64_t word)
{
    long count = 0;
    for (; word; word &= word - 1)
        count++;
    return count;
}

/* A descriptor that another thread closed meanwhile is shown, as reads and writes would not wait.
 */
static inline uint32_t select_level(struct fdtab_view *view, uint32_t fd, bool *closed)
{
    if (fd < view->capacity && view->files[fd])
        return fdtab_view_level(view, view->files[fd]);
    *closed = true;
    return LEVEL_ALWAYS;
}

/* Which bits of a level matter to somebody in a word of each set. */
static uint32_t word_levels(uint64_t in, uint64_t out, uint64_t except)
{
    return (in ? LEVEL_IN : 0) | (out ? LEVEL_OUT : 0) | (except ? LEVEL_EXCEPT : 0);
}

static long select_word(struct select *s, struct fdtab_view *view, uint32_t word, bool *closed)
{
    uint64_t want_in = s->want[SET_IN][word], want_out = s->want[SET_OUT][word],
             want_except = s->want[SET_EXCEPT][word];
    uint64_t in = 0, out = 0, except = 0;
    uint32_t levels = word_levels(want_in, want_out, want_except);
    for (uint64_t left = want_in | want_out | want_except; left; left &= left - 1) {
        uint32_t level = select_level(view, word * 64 + (uint32_t)__builtin_ctzll(left), closed);
        if (__builtin_expect(!(level & levels), 1))
            continue;
        uint64_t bit = left & -left;
        in |= level & LEVEL_IN ? bit : 0;
        out |= level & LEVEL_OUT ? bit : 0;
        except |= level & LEVEL_EXCEPT ? bit : 0;
    }
    s->have[SET_IN][word] = in &= want_in;
    s->have[SET_OUT][word] = out &= want_out;
    s->have[SET_EXCEPT][word] = except &= want_except;
    return in | out | except ? bits_count(in) + bits_count(out) + bits_count(except) : 0;
}

/* How many bits are set in all. */
static long select_scan(struct select *s, bool *closed)
{
    long ready = 0;
    for (uint32_t word = 0; word < s->words; word++) {
        struct fdtab_view view;
        fdtab_view_begin(&view);
        ready += select_word(s, &view, word, closed);
        fdtab_view_end(&view);
    }
    return ready;
}

/* ---- Waiting ---- */

static long select_register_word(const struct select *s, struct poll_wait *wait, uint32_t word)
{
    uint64_t in = s->want[SET_IN][word], out = s->want[SET_OUT][word],
             except = s->want[SET_EXCEPT][word];
    long error = 0;
    for (uint64_t left = in | out | except; left && !error; left &= left - 1) {
        uint64_t bit = left & -left;
        uint32_t mask = (in & bit ? LEVEL_IN : 0) | (out & bit ? LEVEL_OUT : 0) |
                        (except & bit ? LEVEL_EXCEPT : 0);
        error = poll_wait_add(wait, (int)(word * 64) + __builtin_ctzll(left), mask);
    }
    return error;
}

static long select_sleep(struct select *s, uint64_t deadline)
{
    struct poll_wait wait;
    bool closed;
    long result = 0;
    poll_wait_begin(&wait);
    for (uint32_t word = 0; word < s->words && !result; word++)
        result = select_register_word(s, &wait, word);
    while (!result) {
        int slept = poll_wait_sleep(&wait, deadline);
        result = slept && !wait.shared ? 0 : select_scan(s, &closed);
        if (result || slept == -ABI_ETIMEDOUT)
            break;
        if (slept == -ABI_EINTR)
            result = -ERESTARTNOHAND;
    }
    poll_wait_end(&wait);
    return result;
}

static long select_wait_for(struct select *s, uint64_t deadline)
{
    bool closed = false;
    long result = select_scan(s, &closed);
    if (closed)
        return -ABI_EBADF;
    if (!result && signal_pending())
        return -ERESTARTNOHAND;
    return result || deadline == DEADLINE_NOW ? result : select_sleep(s, deadline);
}

static long select_user(long count, const long user[SETS], uint64_t deadline)
{
    struct select s;
    struct fdtab_view view;
    if (count < 0)
        return -ABI_EINVAL;
    fdtab_view_begin(&view);
    if (count > view.capacity) /* nothing is open beyond */
        count = view.capacity;
    fdtab_view_end(&view);
    long result = select_allocate(&s, ((size_t)count + 63) / 64);
    if (result)
        return result;
    result = select_get(&s, (size_t)count, user);
    if (!result)
        result = select_wait_for(&s, deadline);
    if (result >= 0 && select_put(&s, user))
        result = -ABI_EFAULT;
    if (s.storage != s.few)
        heap_free(s.storage);
    return result;
}

/* ---- The calls ---- */

/* Like poll_finish, for a struct timeval. */
static long select_finish(long result, uint64_t deadline, long user_time)
{
    if (!user_time || deadline == DEADLINE_NOW)
        return result;
    uint64_t left = deadline_left(deadline);
    struct abi_timeval time = timeval_from_ns((int64_t)left);
    if (put_user(user_time, &time, sizeof time) && result == -ERESTARTNOHAND)
        return -ABI_EINTR;
    return result;
}

long sys_select(long count, long in, long out, long except, long user_time)
{
    struct abi_timeval time;
    uint64_t deadline = ENV_FOREVER;
    if (user_time) {
        if (get_user(&time, user_time, sizeof time))
            return -ABI_EFAULT;
        int64_t seconds;
        if (__builtin_add_overflow(time.tv_sec, time.tv_usec / 1000000, &seconds) ||
            deadline_after(seconds, time.tv_usec % 1000000 * 1000, &deadline))
            return -ABI_EINVAL;
    }
    const long user[SETS] = {in, out, except};
    return select_finish(select_user((int32_t)count, user, deadline), deadline, user_time);
}

/* The sixth argument of pselect6: a mask and its size. */
struct select_mask {
    uint64_t mask;
    uint64_t size;
};

static long select_set_mask(long user)
{
    struct select_mask argument = {0, 0};
    abi_sigset_t mask;
    if (user && get_user(&argument, user, sizeof argument))
        return -ABI_EFAULT;
    if (!argument.mask)
        return 0;
    if (argument.size != sizeof mask)
        return -ABI_EINVAL;
    if (get_user(&mask, (long)argument.mask, sizeof mask))
        return -ABI_EFAULT;
    signal_set_temporary_mask(mask);
    return 0;
}

long sys_pselect6(long count, long in, long out, long except, long user_time, long user_mask)
{
    struct abi_timespec time;
    uint64_t deadline = ENV_FOREVER;
    if (user_time) {
        if (get_user(&time, user_time, sizeof time))
            return -ABI_EFAULT;
        if (deadline_after(time.tv_sec, time.tv_nsec, &deadline))
            return -ABI_EINVAL;
    }
    long error = select_set_mask(user_mask);
    if (error)
        return error;
    const long user[SETS] = {in, out, except};
    return poll_finish(select_user((int32_t)count, user, deadline), deadline, user_time);
}
