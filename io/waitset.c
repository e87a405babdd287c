/*
 * Wait sets: see <sluice/waitset.h>.
 *
 * Lock order: readiness.lock -> waitset.lock -> the scheduler's. Members are added and removed
 * without waitset.lock held.
 */
#include <sluice/waitset.h>

#define ALWAYS_OF_INTEREST (READY_ERR | READY_HUP)

void waitset_init(struct waitset *set, struct waitset_node *nodes, size_t capacity,
                  void (*wake)(void *arg), void *arg)
{
    *set = (struct waitset){.nodes = nodes, .capacity = capacity, .wake = wake, .arg = arg};
}

/* Later events until the sleeper has looked need no second wakeup. */
static void waitset_wake(struct waitset *set)
{
    if (set->woken)
        return;
    set->woken = true;
    if (set->wake != NULL)
        set->wake(set->arg);
    if (set->sleeper != NULL)
        env_wakeup(set->sleeper);
}

static bool waitset_notify(struct readiness_waiter *waiter, uint32_t events)
{
    struct waitset_node *node = container_of(waiter, struct waitset_node, waiter);
    struct waitset *set = node->set;

    env_spin_lock(&set->lock);
    node->told |= events;
    waitset_wake(set);
    env_spin_unlock(&set->lock);
    return true;
}

uint32_t waitset_add(struct waitset *set, struct readiness *readiness, uint32_t mask,
                     uint32_t flags)
{
    if (set->count == set->capacity)
        env_panic("wait set: more than %zu members", set->capacity);
    struct waitset_node *node = &set->nodes[set->count++];

    *node = (struct waitset_node){
        .waiter = {.mask = mask, .flags = flags, .notify = waitset_notify},
        .set = set,
        .readiness = readiness,
    };
    return readiness_add(readiness, &node->waiter) & (mask | ALWAYS_OF_INTEREST);
}

uint32_t waitset_level(const struct waitset *set, size_t index)
{
    const struct waitset_node *node = &set->nodes[index];

    return readiness_level(node->readiness) & (node->waiter.mask | ALWAYS_OF_INTEREST);
}

uint32_t waitset_told(struct waitset *set, size_t index)
{
    env_spin_lock(&set->lock);
    uint32_t told = set->nodes[index].told;
    set->nodes[index].told = 0;
    env_spin_unlock(&set->lock);
    return told;
}

bool waitset_take(struct waitset *set)
{
    env_spin_lock(&set->lock);
    bool woken = set->woken;
    set->woken = false;
    env_spin_unlock(&set->lock);
    return woken;
}

/* Names the sleeper to wake; false when an event is there already. */
static bool waitset_arm(struct waitset *set, struct env_sleep *sleep)
{
    env_spin_lock(&set->lock);
    bool arm = !set->woken;
    set->sleeper = arm ? sleep : NULL;
    env_spin_unlock(&set->lock);
    return arm;
}

bool waitset_wait(struct waitset *set, uint64_t deadline)
{
    struct env_sleep sleep;

    env_sleep_init(&sleep);
    if (waitset_arm(set, &sleep))
        env_sleep(&sleep, deadline);
    /* A waker touches SLEEP under the lock only: once it is ours, the frame may go. */
    env_spin_lock(&set->lock);
    bool woken = set->woken;
    set->woken = false;
    set->sleeper = NULL;
    env_spin_unlock(&set->lock);
    return woken;
}

void waitset_clear(struct waitset *set)
{
    while (set->count > 0) {
        struct waitset_node *node = &set->nodes[--set->count];
        readiness_remove(node->readiness, &node->waiter);
    }
    waitset_take(set);
}
