/* virtio-blk: statistics. Each queue counts for itself; asking adds them up. */
#include <sluice/string.h>
#include "blk.h"

#define NS_PER_US 1000u

static unsigned latency_bucket(uint64_t ns)
{
    uint64_t us = ns / NS_PER_US;
    unsigned bits = us ? 64u - (unsigned)__builtin_clzll(us) : 0; /* us < 2^bits */
    return bits < BLOCK_LATENCY_BUCKETS ? bits : BLOCK_LATENCY_BUCKETS - 1;
}

void blk_end_time(struct blk_end *end, uint64_t started)
{
    end->started = started;
    end->nanoseconds = end->now > started ? end->now - started : 0;
    end->bucket = latency_bucket(end->nanoseconds);
}

static void counts_add(struct block_statistics *sum, const struct block_statistics *counts)
{
    for (unsigned op = 0; op < BLOCK_OP_COUNT; op++) {
        sum->op[op].bytes += counts->op[op].bytes;
        sum->op[op].errors += counts->op[op].errors;
        sum->op[op].nanoseconds += counts->op[op].nanoseconds;
        for (unsigned i = 0; i < BLOCK_LATENCY_BUCKETS; i++) {
            sum->op[op].latency[i] += counts->op[op].latency[i];
            sum->op[op].requests += counts->op[op].latency[i];
        }
    }
    sum->notifications += counts->notifications;
    sum->interrupts += counts->interrupts;
    sum->in_flight += counts->in_flight;
}

void blk_get_statistics(sluice_blockqueue_t *self, struct block_statistics *out)
{
    struct blk *blk = container_of(SLUICE_OBJECT(self), struct blk, object);
    memset(out, 0, sizeof *out);
    for (unsigned i = 0; i < blk->queue_count; i++) {
        env_spin_lock(&blk->queues[i].lock);
        counts_add(out, &blk->queues[i].counts);
        env_spin_unlock(&blk->queues[i].lock);
    }
}
