/*
 * What the host tests add to the porting layer: the strings by which a test moves the "machine"
 * under io/ and drivers/.
 *
 * tests/host/env*.c implement <sluice/env.h> as a Linux process. Threads are pthreads; interrupt
 * context is any code between env_test_interrupt_enter and _leave, which exclude one another
 * (handlers fired by env_test_irq and timer callbacks run so). Everything that <sluice/env.h>
 * forbids (sleeping with a spinlock held or in interrupt context, freeing with the wrong size,
 * recursive locks, counting pages that are not allocated) ends the process with a line that says
 * what happened.
 */
#ifndef TESTS_HOST_ENV_H
#define TESTS_HOST_ENV_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/env.h>

/* ---- Memory ---- */

struct env_test_memory {
    size_t blocks, bytes; /* live from env_alloc */
    size_t pages;         /* live from env_page_alloc, in single pages */
    size_t pins;          /* references from env_user_pin */
};
struct env_test_memory env_test_memory(void);
/* Prints who allocated the blocks that live and were not there at MARK (a value of
 * env_test_memory_mark). */
uint64_t env_test_memory_mark(void);
void env_test_memory_report(uint64_t mark);
/* References of the page that starts at PAGE; 0 when it is free. */
uint32_t env_test_page_count(const void *page);

/* From LIVE pages on (0: no limit) env_page_alloc asks for memory back, and fails when that brings
 * nothing. */
void env_test_page_limit(size_t live);
/* Asks those who registered to give up about PAGES pages; how many they did. */
size_t env_test_reclaim(size_t pages);

/* The Nth allocation from now (1 is the next; pages count too) fails, later ones succeed; 0
 * disarms. */
void env_test_fail_after(size_t nth);
/* Of ONE_IN allocations about one fails, the same ones in each run; 0: none. */
void env_test_fail_some(size_t one_in);
/* Whether the armed failure has happened. */
bool env_test_failed(void);
/*
 * Runs its body once for each allocation that the body makes, failing the first, then the second,
 * and at the end once with none failing. In the body env_test_failed() tells whether something was
 * refused: ENV_TEST_EACH_FAILURE { oskit_error_t err = thing_create(&thing); assert_int_equal(err,
 * env_test_failed() ? OSKIT_ENOMEM : 0);
 *         ...
 *     }
 */
#define ENV_TEST_EACH_FAILURE \
    for (size_t env_test_nth = 1; env_test_fail_round(env_test_nth); env_test_nth++)
bool env_test_fail_round(size_t nth);

/* Gives [BASE, BASE + SIZE) as the answer to env_map_device(PHYS). One window; NULL takes it away.
 */
void env_test_set_device_memory(uint64_t phys, void *base, size_t size);

/* ---- Contexts ---- */

void env_test_interrupt_enter(void);
void env_test_interrupt_leave(void);
bool env_test_in_interrupt(void);
/* Ends the process unless the caller may sleep; WHAT names the function that would. */
void env_test_assert_may_sleep(const char *what);
/* For the porting layer's own complaints: prints and aborts. */
_Noreturn void env_test_fault(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* Whether the calling thread holds a spinlock or is in interrupt context. */
bool env_test_stuck(void);

/* Waits for every thread started by env_thread_start. */
void env_test_join_threads(void);

/* ---- Time ---- */

/*
 * From now on time stands still and moves by env_test_clock_advance only, which runs the timers
 * that come due in order, each at its own time, in the calling thread, and then wakes sleepers
 * whose deadline has passed. false returns to real time. Switch only while no timer is pending and
 * nobody sleeps.
 */
void env_test_clock_manual(bool manual);
void env_test_clock_advance(uint64_t nanoseconds);
/* Sets the manual clock's date; nobody is told. */
void env_test_clock_move_real(int64_t nanoseconds);
/* Pending timers. */
size_t env_test_timers(void);
/* Sleepers in env_sleep now, to wait for "the thread has gone to sleep". */
size_t env_test_sleepers(void);

/* ---- Devices ---- */

/* Fires LINE: calls its handlers in interrupt context. Returns how many said that it was theirs. */
unsigned env_test_irq(unsigned line);

/* Delivers the message-signalled interrupt that writing DATA to ADDRESS means; false when nobody
 * attached it. At most MAX are attached from now on: then OSKIT_ENOMEM; with MAX 0 the host has
 * none at all. */
bool env_test_message(uint64_t address, uint32_t data);
void env_test_set_messages(unsigned max);

/* The machine has COUNT processors, and the calling thread runs on INDEX. */
void env_test_set_cpus(unsigned count, unsigned index);

/* WIDTH is 1, 2 or 4 bytes. NULL hooks: reads give all ones, writes vanish. */
struct env_test_ports {
    uint32_t (*in)(void *arg, uint16_t port, unsigned width);
    void (*out)(void *arg, uint16_t port, unsigned width, uint32_t value);
    void *arg;
};
void env_test_set_ports(uint32_t (*in)(void *arg, uint16_t port, unsigned width),
                        void (*out)(void *arg, uint16_t port, unsigned width, uint32_t value),
                        void *arg);

/* ---- Programs and people ---- */

/* User copies stop at the first byte of [START, START + SIZE); SIZE 0: all memory is good. NULL
 * never is. */
void env_test_bad_user(const void *start, size_t size);

/* Whether all of it is good. */
bool env_test_user_good(const void *user, size_t size);
/* Programs that read what others are just writing get what they get: the thread sanitizer isn't to
 * look at the copies meanwhile. */
void env_test_user_races(bool allowed);

/* Identity of the calling thread; threads begin as root with umask 022. GROUPS must stay valid. */
void env_test_set_identity(uint32_t uid, uint32_t gid, uint32_t umask, bool root);
void env_test_set_groups(const uint32_t *groups, size_t count);

struct env_test_signal {
    int32_t pgrp;
    int signal;
};
/* Takes the oldest signal sent through env_signal_group; false when there is none. */
bool env_test_take_signal(struct env_test_signal *out);
/* The last one sent since the test began ({0, 0}: none), and how many. */
struct env_test_signal env_test_last_signal(void);
size_t env_test_signal_count(void);

/* What env_job_check answers: JUDGE's word, or OSKIT_SUCCESS when it is NULL. */
void env_test_set_job_check(oskit_error_t (*judge)(int32_t sid, int32_t pgrp, int signal));

/* ---- Words ---- */

/* The log so far, lines ended by newlines; valid until the next env_log or clear. */
const char *env_test_log(void);
void env_test_log_clear(void);

/* Runs FN(ARG); true when it ended in env_panic (whose text is then in env_test_panic_text). Same
 * thread only. */
bool env_test_panics(void (*fn)(void *arg), void *arg);
const char *env_test_panic_text(void);

/* Puts identity, signals, ports, hooks, log, clock and failure injection back as they are at the
 * start of the process. */
void env_test_reset(void);

#endif
