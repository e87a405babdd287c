/*
 * When a stream's bytes came, for SO_TIMESTAMP: a mark for each arrival that hasn't been read, in a
 * ring. When the ring is full the newest mark takes in what comes: a reader that is that far behind
 * is told the time of a later arrival. The ring's memory comes with the first arrival that wants
 * it, and that cannot wait; without memory nothing is told. Core lock held throughout.
 */
#include <sluice/env.h>
#include "tcp.h"

#define STAMPS 64u

struct tcp_stamps {
    oskit_u32_t first, count;
    struct tcp_stamp {
        oskit_u32_t end; /* number of the byte behind it */
        oskit_s64_t time;
    } ring[STAMPS];
};

static struct tcp_stamp *stamp_at(struct tcp_stamps *stamps, oskit_u32_t index)
{
    return &stamps->ring[(stamps->first + index) % STAMPS];
}

void tcp_stamp_put(struct tcp_socket *t)
{
    struct tcp_stamps *stamps = t->stamps;

    if (stamps == NULL) {
        stamps = t->stamps = env_alloc(sizeof *stamps, ENV_NOSLEEP);
        if (stamps == NULL)
            return;
        stamps->first = stamps->count = 0;
    }
    if (stamps->count < STAMPS)
        stamps->count++;
    *stamp_at(stamps, stamps->count - 1) =
        (struct tcp_stamp){.end = t->arrived_sequence, .time = env_time_real()};
}

oskit_s64_t tcp_stamp_get(struct tcp_socket *t, oskit_u32_t sequence, oskit_u32_t size, bool keep)
{
    struct tcp_stamps *stamps = t->stamps;
    oskit_u32_t last = sequence + size - 1, i = 0;

    if (stamps == NULL || size == 0)
        return 0;
    while (i < stamps->count && (oskit_s32_t)(stamp_at(stamps, i)->end - last) <= 0)
        i++;
    oskit_s64_t time = i < stamps->count ? stamp_at(stamps, i)->time : 0;
    if (!keep) {
        stamps->first = (stamps->first + i) % STAMPS;
        stamps->count -= i;
    }
    return time;
}

void tcp_stamps_free(struct tcp_socket *t)
{
    if (t->stamps != NULL)
        env_free(t->stamps, sizeof *t->stamps);
    t->stamps = NULL;
}
