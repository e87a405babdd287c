/* A readiness for objects that offer only the seed's asyncio: a listener keeps the level true. */
#ifndef KERNEL_SYS_ASYNCREADY_H
#define KERNEL_SYS_ASYNCREADY_H

#include <oskit/io/asyncio.h>
#include <sluice/readiness.h>

/* NULL when there is no memory or the object refuses the listener: it then counts as always ready.
 */
struct readiness *asyncready_create(oskit_asyncio_t *asyncio);
void asyncready_destroy(struct readiness *readiness);

#endif
