/* lwIP's memory: what mem.c and memp.c of its own would do. */
#ifndef IO_NET_INET_MEMORY_H
#define IO_NET_INET_MEMORY_H

#include <stddef.h>
#include <stdint.h>

/* Blocks and pool members that lwIP holds now: buffers, connections, segments. Not its timers,
 * which always run. Core lock held. */
uint32_t inet_memory_live(void);
/* Bytes that all of it takes, and the most that it may. */
size_t inet_memory_bytes(void);
extern size_t inet_memory_most; /* set when the stack starts */
static inline size_t inet_memory_limit(void)
{
    return inet_memory_most;
}
/* Gives back what is kept for the next to ask. Core lock held. */
void inet_memory_trim(void);

#endif
