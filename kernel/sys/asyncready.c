#include "kernel/sys/asyncready.h"
#include "kernel/mem/heap.h"

struct asyncready {
    struct readiness readiness;
    oskit_asyncio_t *asyncio; /* borrowed from the open file that owns this */
    oskit_listener_t *listener;
};

/* The level is what the object says now. Told as an event even when nothing changed: more data is
 * news to edge-triggered waiters. */
static oskit_error_t asyncready_notify(struct oskit_iunknown *object, void *arg)
{
    (void)object;
    struct asyncready *self = arg;
    oskit_error_t mask = oskit_asyncio_poll(self->asyncio);
    uint32_t level = OSKIT_FAILED(mask) ? READY_ERR | READY_READ | READY_WRITE
                                        : (uint32_t)mask & OSKIT_ASYNCIO_ALL;
    readiness_update(&self->readiness, level, ~level, level);
    return 0;
}

struct readiness *asyncready_create(oskit_asyncio_t *asyncio)
{
    struct asyncready *self = heap_alloc(sizeof *self, HEAP_ZERO);
    if (!self)
        return NULL;
    readiness_init(&self->readiness, 0);
    self->asyncio = asyncio;
    self->listener = oskit_create_listener(asyncready_notify, self);
    oskit_error_t mask =
        self->listener ? oskit_asyncio_add_listener(asyncio, self->listener, OSKIT_ASYNCIO_ALL)
                       : OSKIT_ENOMEM;
    if (OSKIT_FAILED(mask)) {
        if (self->listener)
            oskit_listener_release(self->listener);
        heap_free(self);
        return NULL;
    }
    readiness_update(&self->readiness, (uint32_t)mask & OSKIT_ASYNCIO_ALL, 0, (uint32_t)mask);
    return &self->readiness;
}

void asyncready_destroy(struct readiness *readiness)
{
    struct asyncready *self = container_of(readiness, struct asyncready, readiness);
    oskit_asyncio_remove_listener(self->asyncio, self->listener);
    oskit_listener_release(self->listener);
    heap_free(self);
}
