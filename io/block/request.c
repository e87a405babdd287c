/* What all block devices do alike with a request: check it, and count it. */
#include <sluice/blockqueue.h>

#include <sluice/env.h>
#include <sluice/range.h>

/* The segments are whole blocks, within the limits, and as long as the request says. */
static bool segments_fit(const struct block_request *request, const struct block_limits *limits)
{
    oskit_u64_t sum = 0;

    if (request->segment_count == 0 || request->segment_count > limits->segments_max)
        return false;
    for (oskit_u32_t i = 0; i < request->segment_count; i++) {
        oskit_u32_t length = request->segments[i].length;
        if (length == 0 || length > limits->segment_size_max ||
            (length & (limits->block_size - 1)) != 0)
            return false;
        sum += length; /* at most segments_max times 4 GiB */
    }
    return sum == request->length;
}

static oskit_error_t range_check(const struct block_request *request,
                                 const struct block_limits *limits, oskit_u64_t length_max)
{
    if (length_max == 0)
        return OSKIT_EOPNOTSUPP;
    if (request->length == 0 || request->length > length_max ||
        ((request->offset | request->length) & (limits->block_size - 1)) != 0 ||
        request->offset > limits->size || request->length > limits->size - request->offset)
        return OSKIT_E_INVALIDARG;
    return OSKIT_SUCCESS;
}

oskit_error_t block_request_check(const struct block_request *request,
                                  const struct block_limits *limits)
{
    if (limits->read_only && request->op != BLOCK_READ && request->op != BLOCK_FLUSH)
        return OSKIT_EROFS;
    switch (request->op) {
    case BLOCK_READ:
    case BLOCK_WRITE:
        return segments_fit(request, limits) ? range_check(request, limits, limits->length_max)
                                             : OSKIT_E_INVALIDARG;
    case BLOCK_FLUSH:
        return OSKIT_SUCCESS;
    case BLOCK_DISCARD:
        return range_check(request, limits, limits->discard_max);
    case BLOCK_WRITE_ZEROES:
        return range_check(request, limits, limits->zeroes_max);
    }
    return OSKIT_E_INVALIDARG;
}

void block_statistics_start(struct block_statistics *statistics, struct block_request *request)
{
    request->started = env_time_monotonic();
    statistics->in_flight++;
}

static unsigned latency_bucket(oskit_u64_t nanoseconds)
{
    oskit_u64_t microseconds = nanoseconds / 1000;
    unsigned bucket = microseconds != 0 ? 64 - (unsigned)__builtin_clzll(microseconds) : 0;

    return bucket < BLOCK_LATENCY_BUCKETS ? bucket : BLOCK_LATENCY_BUCKETS - 1;
}

void block_statistics_end(struct block_statistics *statistics, const struct block_request *request,
                          oskit_error_t status)
{
    oskit_u64_t taken = env_time_monotonic() - request->started;

    statistics->in_flight--;
    if (request->op >= BLOCK_OP_COUNT)
        return;
    statistics->op[request->op].requests++;
    statistics->op[request->op].bytes += OSKIT_FAILED(status) ? 0 : request->length;
    statistics->op[request->op].errors += OSKIT_FAILED(status);
    statistics->op[request->op].nanoseconds += taken;
    statistics->op[request->op].latency[latency_bucket(taken)]++;
}
