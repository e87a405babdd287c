/*
 * Readiness: see <sluice/readiness.h> for the protocol and the lock order.
 *
 * readiness.lock covers the list of waiters and the state of callouts. It is held across a plain
 * waiter's notify, which is what makes readiness_remove synchronous, and dropped around a callout's
 * call, whose end a remover waits for by itself.
 */
#include <sluice/readiness.h>

#define ALWAYS_OF_INTEREST (READY_ERR | READY_HUP)

void readiness_init(struct readiness *r, uint32_t level)
{
    r->lock = (struct env_spinlock){0};
    atomic_init(&r->level, level);
    atomic_init(&r->waiting, 0);
    list_init(&r->waiters);
}

uint32_t readiness_ask(const struct readiness *r)
{
    struct readiness_asked *asked =
        container_of((struct readiness *)r, struct readiness_asked, readiness);

    return asked->ask(asked);
}

uint32_t readiness_add(struct readiness *r, struct readiness_waiter *waiter)
{
    env_spin_lock(&r->lock);
    if (waiter->flags & READINESS_EXCLUSIVE)
        list_push_back(&r->waiters, &waiter->link);
    else
        list_push_front(&r->waiters, &waiter->link);
    atomic_fetch_add(&r->waiting, 1);
    env_spin_unlock(&r->lock);
    /* After the count: see readiness_tell. */
    uint32_t level = atomic_load(&r->level);
    return (level & READY_ASK) != 0 ? readiness_ask(r) : level;
}

/* Called with the lock held. */
static void waiter_unlink(struct readiness *r, struct readiness_waiter *waiter)
{
    if (waiter->link.next == NULL || list_empty(&waiter->link))
        return;
    list_remove(&waiter->link);
    atomic_fetch_sub(&r->waiting, 1);
}

void readiness_remove(struct readiness *r, struct readiness_waiter *waiter)
{
    env_spin_lock(&r->lock);
    waiter_unlink(r, waiter);
    env_spin_unlock(&r->lock);
}

/* A callout that runs is called again by who runs it; otherwise it goes on the teller's list once.
 */
static bool callout_raise(struct readiness_callout *callout, uint32_t events, struct list *due)
{
    callout->events |= events;
    if (callout->runner == 0 && list_empty(&callout->due))
        list_push_back(due, &callout->due);
    return true;
}

static bool waiter_notify(struct readiness_waiter *waiter, uint32_t events, struct list *due)
{
    if (waiter->flags & READINESS_CALLOUT)
        return callout_raise(container_of(waiter, struct readiness_callout, waiter), events, due);
    return waiter->notify(waiter, events);
}

/*
 * Tells those waiters of EVENTS whose flags have all of WANTED; callouts go on DUE. The first
 * exclusive waiter that takes the event ends it, and goes to the end of the queue. HUP and ERR are
 * not used up by one who sees them, so they are told to all.
 */
static bool waiters_notify(struct readiness *r, uint32_t events, uint32_t wanted, struct list *due)
{
    bool taken = false;

    list_for_each_safe (node, &r->waiters) {
        struct readiness_waiter *waiter = container_of(node, struct readiness_waiter, link);
        uint32_t hit = events & (waiter->mask | ALWAYS_OF_INTEREST);

        if (hit == 0 || (waiter->flags & wanted) != wanted)
            continue;
        bool took = waiter_notify(waiter, hit, due);
        if (!took || !(waiter->flags & READINESS_EXCLUSIVE))
            continue;
        taken = true;
        if (!(events & ALWAYS_OF_INTEREST)) {
            list_remove(&waiter->link);
            list_push_back(&r->waiters, &waiter->link);
            break;
        }
    }
    return taken;
}

/* The call is over: lets a remover go on, or disposes of one that removed itself. Called with the
 * lock held. */
static void callout_end(struct readiness *r, struct readiness_callout *callout)
{
    callout->runner = 0;
    if (!callout->removed)
        return;
    if (callout->remover != NULL) {
        env_wakeup(callout->remover);
        return;
    }
    env_spin_unlock(&r->lock);
    callout->dispose(callout);
    env_spin_lock(&r->lock);
}

/* Called with the lock held, and drops it around the call. */
static void callout_run(struct readiness *r, struct readiness_callout *callout)
{
    callout->runner = env_context();
    while (callout->events != 0 && !callout->removed) {
        uint32_t events = callout->events;
        callout->events = 0;
        env_spin_unlock(&r->lock);
        callout->call(callout, events);
        env_spin_lock(&r->lock);
    }
    callout_end(r, callout);
}

static bool readiness_notify(struct readiness *r, uint32_t events, uint32_t wanted)
{
    struct list due = LIST_INIT(due);
    struct list *node;

    env_spin_lock(&r->lock);
    bool taken = waiters_notify(r, events, wanted, &due);
    /* Removal takes callouts off this list while we are in another one's call, hence one by one. */
    while ((node = list_pop_front(&due)) != NULL)
        callout_run(r, container_of(node, struct readiness_callout, due));
    env_spin_unlock(&r->lock);
    return taken;
}

bool readiness_tell_waiters(struct readiness *r, uint32_t events)
{
    return readiness_notify(r, events, 0);
}

void readiness_pass_on(struct readiness *r, uint32_t events)
{
    if (atomic_load(&r->waiting) != 0)
        readiness_notify(r, events, READINESS_EXCLUSIVE);
}

uint32_t readiness_callout_add(struct readiness *r, struct readiness_callout *callout)
{
    callout->waiter.flags |= READINESS_CALLOUT;
    callout->waiter.notify = NULL;
    list_init(&callout->due);
    callout->events = 0;
    callout->runner = 0;
    callout->removed = false;
    callout->remover = NULL;
    return readiness_add(r, &callout->waiter);
}

/* Waits for the end of the call that another context is in. Called with the lock held, returns
 * without. */
static void callout_await(struct readiness *r, struct readiness_callout *callout)
{
    struct env_sleep sleep;

    env_sleep_init(&sleep);
    callout->remover = &sleep;
    env_spin_unlock(&r->lock);
    env_sleep(&sleep, ENV_FOREVER);
    /* The waker holds the lock while it touches our frame. */
    env_spin_lock(&r->lock);
    env_spin_unlock(&r->lock);
}

bool readiness_callout_remove(struct readiness *r, struct readiness_callout *callout)
{
    env_spin_lock(&r->lock);
    waiter_unlink(r, &callout->waiter);
    list_remove(&callout->due);
    callout->removed = callout->runner != 0;
    if (callout->runner == 0) {
        env_spin_unlock(&r->lock);
        return true;
    }
    if (callout->runner == env_context()) {
        env_spin_unlock(&r->lock);
        return false;
    }
    callout_await(r, callout);
    return true;
}
