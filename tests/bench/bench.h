/* The bench's rows, and the one gate through which they make system calls. */
#ifndef BENCH_H
#define BENCH_H

#include <stdbool.h>
#include <stdint.h>

/* What call() expects when any answer that is no error will do. */
#define ANY INT64_MAX
/* The same when an error will do, too: the row looks at the answer itself. */
#define TRIED INT64_MIN

/* One thing to measure. prepare may be NULL; it returns false, with errno set, when the system
   cannot do what the row needs. once is done `count` times between two looks at the clock; finish
   may be NULL. */
struct row {
    const char *key;   /* one word; scripts/bench knows the aims by it */
    const char *title; /* for the table */
    unsigned count;
    unsigned per; /* things done by one `once`: divides the figures; 0 means 1 */
    bool (*prepare)(void);
    void (*once)(void);
    void (*finish)(void);
};

/* Makes the system call `number` and notes an answer that is neither `wanted` nor, for ANY, free of
   error: the row fails then. While the gate is shut it makes none and returns `wanted` (0 for ANY
   and TRIED): so the program's own share of a row is measured, which is the same on every system.
 */
#define call(wanted, number, ...) call_(wanted, number, __VA_ARGS__, 0, 0, 0, 0, 0, 0)
#define call_(wanted, number, a, b, c, d, e, f, ...) \
    gate(wanted, number, (long)(a), (long)(b), (long)(c), (long)(d), (long)(e), (long)(f))
long gate(long wanted, long number, long a, long b, long c, long d, long e, long f);

/* Whether the gate is shut; for what a row does without a system call. */
extern bool gate_shut;

/* What a row counts that had to do something again because a network lost it, which it may: a batch
   with a loss is none of the best. */
extern unsigned losses;

/* The row fails with that error, unless it has failed already. */
void row_fail(long error);

/* Waits, a second or two at most, for what shows up some time after its driver; true when it did.
 */
bool wait_until(bool (*there)(void));

/* Each ends with a row without a key. */
extern const struct row call_rows[], file_rows[], process_rows[], ready_rows[], socket_rows[],
    disk_rows[], net_rows[];

/* Gives the cards that have no address theirs; net_rows.c. */
void net_configure(void);

/* A page-aligned buffer of 64 KiB. Its content is anything. */
extern char buffer[65536];

/* The terminal on which the results are told: the first serial port, raw. */
extern int terminal;

#endif
