/* Checks of offsets and lengths that come from outside; no sum here can overflow. */
#ifndef SLUICE_RANGE_H
#define SLUICE_RANGE_H

#include <stdbool.h>
#include <oskit/types.h>

/* Bytes from OFFSET to OFFSET + COUNT all lie in an object of SIZE bytes. Empty ranges may stand at
 * its end. */
static inline bool range_within(oskit_off_t offset, oskit_size_t count, oskit_off_t size)
{
    return offset >= 0 && offset <= size && count <= (oskit_u64_t)(size - offset);
}

/* How many of COUNT bytes at OFFSET (>= 0) lie in an object of SIZE bytes. */
static inline oskit_size_t range_clip(oskit_off_t offset, oskit_size_t count, oskit_off_t size)
{
    if (offset >= size)
        return 0;
    return count < (oskit_u64_t)(size - offset) ? count : (oskit_size_t)(size - offset);
}

/* VALUE is a power of two. */
static inline bool range_is_power(oskit_u64_t value)
{
    return value != 0 && (value & (value - 1)) == 0;
}

/* OFFSET and COUNT are multiples of UNIT, a power of two. */
static inline bool range_aligned(oskit_off_t offset, oskit_u64_t count, oskit_u32_t unit)
{
    return (((oskit_u64_t)offset | count) & (unit - 1)) == 0;
}

#endif
