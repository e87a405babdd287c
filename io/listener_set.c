/*
 * The seed's listeners over a readiness: one callout for each registration.
 *
 * Locks: set.lock guards the list only and is never held across a call to a listener or to the
 * readiness.
 */
#include <sluice/readiness.h>

struct registration {
    struct readiness_callout callout;
    struct list link;
    oskit_listener_t *listener; /* a reference */
    oskit_iunknown_t *obj;      /* borrowed: the set is part of it */
    uint32_t mask;              /* the seed's bits */
};

static void registration_free(struct registration *reg)
{
    oskit_listener_release(reg->listener);
    env_free(reg, sizeof *reg);
}

static void registration_dispose(struct readiness_callout *callout)
{
    registration_free(container_of(callout, struct registration, callout));
}

/* Every waiter is told of ERR and HUP; a listener of what they mean in its own bits. */
static void registration_call(struct readiness_callout *callout, uint32_t events)
{
    struct registration *reg = container_of(callout, struct registration, callout);

    if ((uint32_t)listener_set_fold(events) & reg->mask)
        oskit_listener_notify(reg->listener, reg->obj);
}

void listener_set_init(struct listener_set *set, struct readiness *readiness)
{
    set->readiness = readiness;
    set->lock = (struct env_spinlock){0};
    list_init(&set->listeners);
}

oskit_error_t listener_set_poll(struct listener_set *set)
{
    return listener_set_fold(readiness_level(set->readiness));
}

oskit_error_t listener_set_add(struct listener_set *set, oskit_iunknown_t *obj, oskit_listener_t *l,
                               oskit_s32_t mask)
{
    if (l == NULL || (mask & ~OSKIT_ASYNCIO_ALL))
        return OSKIT_E_INVALIDARG;
    struct registration *reg = env_alloc(sizeof *reg, ENV_ZERO);
    if (reg == NULL)
        return OSKIT_ENOMEM;

    oskit_listener_addref(l);
    reg->listener = l;
    reg->obj = obj;
    reg->mask = (uint32_t)mask;
    reg->callout.waiter.mask = reg->mask;
    reg->callout.call = registration_call;
    reg->callout.dispose = registration_dispose;
    env_spin_lock(&set->lock);
    list_push_back(&set->listeners, &reg->link);
    env_spin_unlock(&set->lock);
    return listener_set_fold(readiness_callout_add(set->readiness, &reg->callout)) & mask;
}

/* Takes the first registration of L (any when NULL) off the list, which makes it the caller's. */
static struct registration *registration_take(struct listener_set *set, const oskit_listener_t *l)
{
    struct registration *found = NULL;

    env_spin_lock(&set->lock);
    list_for_each (node, &set->listeners) {
        struct registration *reg = container_of(node, struct registration, link);
        if (l == NULL || reg->listener == l) {
            list_remove(&reg->link);
            found = reg;
            break;
        }
    }
    env_spin_unlock(&set->lock);
    return found;
}

static void registration_end(struct listener_set *set, struct registration *reg)
{
    if (readiness_callout_remove(set->readiness, &reg->callout))
        registration_free(reg);
}

oskit_error_t listener_set_remove(struct listener_set *set, oskit_listener_t *l)
{
    struct registration *reg = l != NULL ? registration_take(set, l) : NULL;

    if (reg == NULL)
        return OSKIT_E_INVALIDARG;
    registration_end(set, reg);
    return OSKIT_SUCCESS;
}

void listener_set_fini(struct listener_set *set)
{
    struct registration *reg;

    while ((reg = registration_take(set, NULL)) != NULL)
        registration_end(set, reg);
}
