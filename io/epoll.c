/*
 * epoll: see <sluice/epoll.h>.
 *
 * Locks, outermost first:
 *   nesting                 every change of who watches whom among sets, every removal that does
 *                           not come through the set itself (an owner or a set goes). While it is
 *                           held no set is freed.
 *     epoll.mutex           the members: table, interests; held over most of collect
 *       owner.lock          an owner's list of members
 *       readiness.lock of what a member watches    (notify runs under it, in any context)
 *         ready_lock        the ready list and what of a member notify looks at
 *           ready_lock of an inner set             (asking for its level)
 *         readiness.lock of this set               (telling; ready_lock is not held)
 *           ready_lock of an outer set ...
 * Sets form no circle, so neither do their locks: from inner to outer by telling, from outer to
 * inner by asking, and no ready_lock is held while telling.
 */
#include <sluice/epoll.h>
#include <sluice/object.h>

#define ALWAYS_OF_INTEREST (READY_ERR | READY_HUP)
/* Members register with all bits and look at their interest themselves: it changes, and a waiter's
 * mask may not. */
#define ALL_EVENTS 0x7fffffffu

/* Reports made under one hold of ready_lock; on the stack of collect. */
#define BATCH       16u
#define TABLE_FIRST 16u

struct epoll_member;

struct epoll {
    struct sluice_object object;
    SLUICE_FACE(sluice_pollable_t) pollable;
    SLUICE_FACE(sluice_epoll_t) set;
    struct readiness_asked readiness; /* READ and ASK while the ready list isn't empty */

    struct env_mutex mutex;
    struct epoll_member **table; /* chains by key; as many as slots, a power of two, or NULL */
    uint32_t slots, count;
    uint64_t pass; /* the number of the last collect */

    struct env_spinlock ready_lock;
    struct list ready; /* member->ready_link, in order of their turn */

    /* Nesting. */
    struct list inner; /* member->inner_link: those that watch sets */
    struct list outer; /* member->outer_link: those that watch this set */
    uint64_t visit;    /* the last walk that came by, and the depth it found */
    uint32_t depth;
    _Atomic bool nested; /* has been watched by a set; written before the watcher looks into this */
};

struct epoll_member {
    struct readiness_waiter waiter;
    struct epoll *epoll;
    struct readiness *watched;
    /* Exclusive ones: an event went to nobody else, and hasn't been reported. May be late in either
     * direction; true without need gives somebody an event too many. */
    _Atomic bool took;
    /* ready_lock. */
    struct list ready_link;         /* empty: not on the list */
    uint32_t armed;                 /* what is looked for; 0: asleep after ONESHOT */
    uint64_t pass;                  /* the collect that last reported it */
    struct epoll_interest interest; /* changed under mutex and ready_lock, read under either */
    /* mutex. */
    struct epoll_owner *owner;
    int32_t number;
    struct epoll_member *chain;
    struct list owner_link; /* owner.lock */
    /* nesting. */
    struct epoll *inner; /* the set that it watches, or NULL */
    struct list inner_link, outer_link;
};

static struct env_mutex nesting;

static struct epoll *epoll_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct epoll, object);
}

/* ---- The ready list; ready_lock held ---- */

static uint32_t member_level(const struct epoll_member *member)
{
    return member->armed != 0 ? readiness_level(member->watched) & member->armed : 0;
}

static void member_queue(struct epoll_member *member)
{
    struct epoll *epoll = member->epoll;

    if (list_empty(&member->ready_link))
        list_push_back(&epoll->ready, &member->ready_link);
    readiness_change(&epoll->readiness.readiness, READY_READ | READY_ASK, 0);
}

static void epoll_ready_settle(struct epoll *epoll)
{
    if (list_empty(&epoll->ready))
        readiness_change(&epoll->readiness.readiness, 0, READY_READ | READY_ASK);
}

/* ---- Events ---- */

/* Whether somebody who sleeps in collect's caller took it. */
static bool epoll_tell(struct epoll *epoll)
{
    struct readiness *readiness = &epoll->readiness.readiness;

    return atomic_load(&readiness->waiting) != 0 && readiness_tell_waiters(readiness, READY_READ);
}

/*
 * An exclusive member takes the event when one that waits for the set does; otherwise the next is
 * told too. The set lives at least until the member is removed, which waits for this to end.
 */
static bool member_notify(struct readiness_waiter *waiter, uint32_t events)
{
    struct epoll_member *member = container_of(waiter, struct epoll_member, waiter);
    struct epoll *epoll = member->epoll;

    env_spin_lock(&epoll->ready_lock);
    bool hit = (events & member->armed) != 0;
    if (hit)
        member_queue(member);
    env_spin_unlock(&epoll->ready_lock);
    if (!hit || !epoll_tell(epoll))
        return false;
    atomic_store_explicit(&member->took, true, memory_order_relaxed);
    return true;
}

/* Queues MEMBER when it is ready, as a change of interest asks for. One that is queued already has
 * been told of: outer sets that look for edges aren't told again. */
static void member_look(struct epoll_member *member)
{
    struct epoll *epoll = member->epoll;

    env_spin_lock(&epoll->ready_lock);
    bool ready = list_empty(&member->ready_link) && member_level(member) != 0;
    if (ready)
        member_queue(member);
    env_spin_unlock(&epoll->ready_lock);
    if (ready)
        epoll_tell(epoll);
}

/* The set's own level: members that are ready no longer leave the list. */
static uint32_t epoll_ask(struct readiness_asked *asked)
{
    struct epoll *epoll = container_of(asked, struct epoll, readiness);
    bool ready = false;

    env_spin_lock(&epoll->ready_lock);
    while (!ready && !list_empty(&epoll->ready)) {
        struct epoll_member *first =
            container_of(epoll->ready.next, struct epoll_member, ready_link);
        ready = member_level(first) != 0;
        if (!ready)
            list_remove(&first->ready_link);
    }
    epoll_ready_settle(epoll);
    env_spin_unlock(&epoll->ready_lock);
    return ready ? READY_READ : 0;
}

/* ---- Collecting ---- */

/* What a report does to its member; ready_lock held. */
static void member_reported(struct epoll *epoll, struct epoll_member *member)
{
    uint32_t flags = member->interest.flags;

    member->pass = epoll->pass;
    if (flags & EPOLL_EXCLUSIVE)
        atomic_store_explicit(&member->took, false, memory_order_relaxed);
    if (flags & EPOLL_ONESHOT)
        member->armed = 0;
    if (flags & (EPOLL_ONESHOT | EPOLL_EDGE)) {
        list_remove(&member->ready_link);
    } else if (member->ready_link.next != &epoll->ready) {
        list_remove(&member->ready_link);
        list_push_back(&epoll->ready, &member->ready_link);
    }
}

/*
 * Fills REPORTS from the front of the list. A pass ends where it meets a member it has reported.
 * One that isn't ready leaves the list, but not before the reports of those in front of it were
 * kept: *MORE says that there is something to go on with.
 */
static inline __attribute__((always_inline)) uint32_t
epoll_pick(struct epoll *epoll, struct epoll_report *reports, uint32_t max, bool *more)
{
    struct list *link;
    uint32_t count = 0;

    *more = false;
    env_spin_lock(&epoll->ready_lock);
    while ((link = epoll->ready.next) != &epoll->ready) {
        struct epoll_member *member = container_of(link, struct epoll_member, ready_link);
        if (member->pass == epoll->pass)
            break;
        uint32_t level = member_level(member);
        if (__builtin_expect(level == 0 && count == 0, 0)) {
            list_remove(link);
            continue;
        }
        if (__builtin_expect(level == 0 || count == max, 0)) {
            *more = true;
            break;
        }
        reports[count++] =
            (struct epoll_report){level, member->interest.tag, member->interest.data, member};
        member_reported(epoll, member);
    }
    epoll_ready_settle(epoll);
    env_spin_unlock(&epoll->ready_lock);
    return count;
}

/* Reports that could not be kept: their members are ready again, in the old order. */
static void epoll_put_back(struct epoll *epoll, const struct epoll_report *reports, uint32_t count)
{
    env_spin_lock(&epoll->ready_lock);
    while (count-- > 0) {
        struct epoll_member *member = reports[count].member;
        member->armed = member->interest.mask;
        list_remove(&member->ready_link);
        list_push_front(&epoll->ready, &member->ready_link);
        member_queue(member);
    }
    env_spin_unlock(&epoll->ready_lock);
}

/* Called with the mutex held. */
static inline __attribute__((always_inline)) oskit_error_t
epoll_collect_locked(struct epoll *epoll, uint32_t max, epoll_emit_t *emit, void *arg,
                     oskit_u32_t *out_count)
{
    struct epoll_report reports[BATCH];
    uint32_t kept, left;
    bool more = true;

    epoll->pass++;
    while (more && (left = max - *out_count) != 0) {
        uint32_t count = epoll_pick(epoll, reports, left < BATCH ? left : BATCH, &more);
        if (count == 0)
            break;
        kept = emit(arg, reports, count);
        *out_count += kept;
        if (kept < count) {
            epoll_put_back(epoll, reports + kept, count - kept);
            return *out_count != 0 ? OSKIT_SUCCESS : OSKIT_EFAULT;
        }
    }
    return OSKIT_SUCCESS;
}

static __attribute__((noinline)) oskit_error_t epoll_collect_some(struct epoll *epoll, uint32_t max,
                                                                  epoll_emit_t *emit, void *arg,
                                                                  oskit_u32_t *out_count)
{
    env_mutex_lock(&epoll->mutex);
    oskit_error_t err = epoll_collect_locked(epoll, max, emit, arg, out_count);
    env_mutex_unlock(&epoll->mutex);
    return err;
}

/*
 * What most looks find: one member, that stays where it is. Then there is no turn to keep, nothing
 * to put back and nothing that other looks must not see, so the mutex isn't needed: the report is
 * whole when ready_lock is released, and the member may go.
 */
static inline bool epoll_pick_only(struct epoll *epoll, struct epoll_report *report)
{
    env_spin_lock(&epoll->ready_lock);
    struct list *link = epoll->ready.next;
    struct epoll_member *member = container_of(link, struct epoll_member, ready_link);
    bool only = link != &epoll->ready && link->next == &epoll->ready && member->interest.flags == 0;
    if (__builtin_expect(only, 1)) {
        report->level = member_level(member);
        report->tag = member->interest.tag;
        report->data = member->interest.data;
        only = report->level != 0;
    }
    env_spin_unlock(&epoll->ready_lock);
    return only;
}

/* An empty list costs a load. Whoever waits has registered before that: see readiness_tell. */
static oskit_error_t epoll_collect(sluice_epoll_t *self, oskit_u32_t max, epoll_emit_t *emit,
                                   void *arg, oskit_u32_t *out_count)
{
    struct epoll *epoll = epoll_of(self);
    struct epoll_report report;

    *out_count = 0;
    if (!(atomic_load(&epoll->readiness.readiness.level) & READY_READ))
        return OSKIT_SUCCESS;
    if (__builtin_expect(!epoll_pick_only(epoll, &report), 0))
        return epoll_collect_some(epoll, max, emit, arg, out_count);
    *out_count = emit(arg, &report, 1);
    return *out_count != 0 ? OSKIT_SUCCESS : OSKIT_EFAULT;
}

/* ---- Finding by key; mutex held ---- */

static uint32_t key_hash(const struct epoll_owner *owner, int32_t number)
{
    uint64_t mixed =
        ((uint64_t)(uintptr_t)owner ^ (uint64_t)(uint32_t)number << 1) * 0x9e3779b97f4a7c15ull;

    return (uint32_t)(mixed >> 32);
}

static struct epoll_member **table_slot(struct epoll *epoll, const struct epoll_owner *owner,
                                        int32_t number)
{
    return &epoll->table[key_hash(owner, number) & (epoll->slots - 1)];
}

static struct epoll_member *epoll_find(struct epoll *epoll, const struct epoll_target *target)
{
    if (epoll->count == 0)
        return NULL;
    struct epoll_member *member = *table_slot(epoll, target->owner, target->number);
    while (member != NULL && (member->owner != target->owner || member->number != target->number))
        member = member->chain;
    return member;
}

static void table_insert(struct epoll *epoll, struct epoll_member *member)
{
    struct epoll_member **slot = table_slot(epoll, member->owner, member->number);

    member->chain = *slot;
    *slot = member;
}

/* Moves all members to a table of SLOTS. */
static bool table_resize(struct epoll *epoll, uint32_t slots)
{
    struct epoll_member **old = epoll->table;
    uint32_t old_slots = epoll->slots;

    struct epoll_member **table = env_alloc(slots * sizeof *table, ENV_ZERO);
    if (table == NULL)
        return false;
    epoll->table = table;
    epoll->slots = slots;
    for (uint32_t i = 0; i < old_slots; i++)
        for (struct epoll_member *member = old[i], *next; member != NULL; member = next) {
            next = member->chain;
            table_insert(epoll, member);
        }
    env_free(old, old_slots * sizeof *old);
    return true;
}

/* Room for one more. A table that can't grow only gets slower. */
static bool table_reserve(struct epoll *epoll)
{
    if (epoll->slots == 0)
        return table_resize(epoll, TABLE_FIRST);
    if (epoll->count >= epoll->slots && epoll->slots <= UINT32_MAX / 2)
        table_resize(epoll, epoll->slots * 2);
    return true;
}

static void table_remove(struct epoll *epoll, struct epoll_member *member)
{
    struct epoll_member **link = table_slot(epoll, member->owner, member->number);

    while (*link != member)
        link = &(*link)->chain;
    *link = member->chain;
    epoll->count--;
}

/* ---- Sets that watch sets; nesting held ---- */

static uint64_t last_visit;

/* Sets below EPOLL in the longest chain. Each is walked once. */
static uint32_t depth_below(struct epoll *epoll, uint64_t visit)
{
    if (epoll->visit == visit)
        return epoll->depth;
    epoll->visit = visit;
    epoll->depth = 0;
    list_for_each (link, &epoll->inner) {
        uint32_t below =
            depth_below(container_of(link, struct epoll_member, inner_link)->inner, visit) + 1;
        if (below > epoll->depth)
            epoll->depth = below;
    }
    return epoll->depth;
}

static uint32_t depth_above(struct epoll *epoll, uint64_t visit)
{
    if (epoll->visit == visit)
        return epoll->depth;
    epoll->visit = visit;
    epoll->depth = 0;
    list_for_each (link, &epoll->outer) {
        uint32_t above =
            depth_above(container_of(link, struct epoll_member, outer_link)->epoll, visit) + 1;
        if (above > epoll->depth)
            epoll->depth = above;
    }
    return epoll->depth;
}

static oskit_error_t nesting_check(struct epoll *outer, struct epoll *inner)
{
    uint32_t below = depth_below(inner, ++last_visit);

    /* The walk came by: there is a way from the inner one to the outer. */
    if (outer->visit == last_visit)
        return OSKIT_ELOOP;
    uint32_t above = depth_above(outer, ++last_visit);
    return above + 2 + below > EPOLL_CHAIN ? OSKIT_ELOOP : OSKIT_SUCCESS;
}

/*
 * How many ways an event may take from an object up to sets that nobody watches, by the number of
 * sets in between: Linux's limits. They bound what one event costs.
 */
static const uint32_t path_limits[EPOLL_CHAIN] = {UINT32_MAX, 500, 100, 50, 10};

static bool paths_count(const struct epoll *epoll, uint32_t depth, uint32_t *counts)
{
    if (list_empty(&epoll->outer))
        return depth == 0 || ++counts[depth] <= path_limits[depth];
    if (depth + 1 == EPOLL_CHAIN)
        return false;
    list_for_each (link, &epoll->outer)
        if (!paths_count(container_of(link, struct epoll_member, outer_link)->epoll, depth + 1,
                         counts))
            return false;
    return true;
}

static bool owner_paths_allowed(struct epoll_owner *owner)
{
    uint32_t counts[EPOLL_CHAIN] = {0};
    bool allowed = true;

    env_spin_lock(&owner->lock);
    for (struct list *link = owner->members.next; allowed && link != &owner->members;
         link = link->next)
        allowed =
            paths_count(container_of(link, struct epoll_member, owner_link)->epoll, 0, counts);
    env_spin_unlock(&owner->lock);
    return allowed;
}

/* The same for what EPOLL watches, itself and through inner sets, which are walked once. */
static bool set_paths_allowed(struct epoll *epoll, uint64_t visit)
{
    bool allowed = true;

    if (epoll->visit == visit)
        return true;
    epoll->visit = visit;
    env_mutex_lock(&epoll->mutex);
    for (uint32_t i = 0; allowed && i < epoll->slots; i++)
        for (struct epoll_member *member = epoll->table[i]; allowed && member != NULL;
             member = member->chain)
            allowed = member->inner != NULL || owner_paths_allowed(member->owner);
    env_mutex_unlock(&epoll->mutex);
    list_for_each (link, &epoll->inner)
        allowed = allowed && set_paths_allowed(
                                 container_of(link, struct epoll_member, inner_link)->inner, visit);
    return allowed;
}

static bool target_paths_allowed(const struct epoll_target *target)
{
    return target->epoll != NULL ? set_paths_allowed(epoll_of(target->epoll), ++last_visit)
                                 : owner_paths_allowed(target->owner);
}

static void nesting_link(struct epoll_member *member)
{
    atomic_store(&member->inner->nested, true);
    list_push_back(&member->epoll->inner, &member->inner_link);
    list_push_back(&member->inner->outer, &member->outer_link);
}

/* ---- Members; mutex held, and nesting for those that watch sets ---- */

static void member_set_interest(struct epoll_member *member, const struct epoll_interest *interest)
{
    member->interest = *interest;
    member->interest.mask |= ALWAYS_OF_INTEREST;
}

static struct epoll_member *member_create(struct epoll *epoll, const struct epoll_target *target,
                                          const struct epoll_interest *interest)
{
    struct epoll_member *member = env_alloc(sizeof *member, 0);
    if (member == NULL)
        return NULL;
    *member = (struct epoll_member){
        .waiter = {.mask = ALL_EVENTS,
                   .flags = interest->flags & EPOLL_EXCLUSIVE ? READINESS_EXCLUSIVE : 0,
                   .notify = member_notify},
        .epoll = epoll,
        .watched = target->readiness,
        .owner = target->owner,
        .number = target->number,
        .inner = target->epoll != NULL ? epoll_of(target->epoll) : NULL,
    };
    list_init(&member->ready_link);
    member_set_interest(member, interest);
    member->armed = member->interest.mask;
    return member;
}

/* Puts MEMBER where it is found, not yet where it is told. */
static void member_link(struct epoll_member *member)
{
    struct epoll_owner *owner = member->owner;

    table_insert(member->epoll, member);
    member->epoll->count++;
    if (member->inner != NULL)
        nesting_link(member);
    atomic_store_explicit(&owner->watched, true, memory_order_relaxed);
    env_spin_lock(&owner->lock);
    list_push_back(&owner->members, &member->owner_link);
    env_spin_unlock(&owner->lock);
}

/* Takes MEMBER off everything but the table. */
static void member_unlink(struct epoll_member *member)
{
    struct epoll *epoll = member->epoll;

    readiness_remove(member->watched, &member->waiter);
    env_spin_lock(&epoll->ready_lock);
    list_remove(&member->ready_link);
    epoll_ready_settle(epoll);
    env_spin_unlock(&epoll->ready_lock);
    /* Those told instead are plain waiters, so doing it with a mutex held is harmless. */
    if (member->took && (member->interest.flags & EPOLL_EXCLUSIVE))
        readiness_pass_on(member->watched,
                          readiness_level(member->watched) & member->interest.mask);
    if (member->inner != NULL) {
        list_remove(&member->inner_link);
        list_remove(&member->outer_link);
    }
    env_spin_lock(&member->owner->lock);
    list_remove(&member->owner_link);
    env_spin_unlock(&member->owner->lock);
}

static void member_remove(struct epoll_member *member)
{
    member_unlink(member);
    table_remove(member->epoll, member);
    env_free(member, sizeof *member);
}

/*
 * Looks at the paths that a member just linked makes, with nesting held and without the mutex:
 * those of inner sets are taken. Meanwhile only a removal can come by, for additions wait for
 * nesting. Returns the member if it is still there, or NULL with the answer in *ERR.
 */
static struct epoll_member *member_recheck(struct epoll *epoll, const struct epoll_target *target,
                                           oskit_error_t *err)
{
    env_mutex_unlock(&epoll->mutex);
    bool allowed = target_paths_allowed(target);
    env_mutex_lock(&epoll->mutex);
    struct epoll_member *member = epoll_find(epoll, target);
    *err = allowed ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
    if (allowed || member == NULL)
        return member;
    member_remove(member);
    return NULL;
}

/* HELD: the nesting mutex is. */
static oskit_error_t member_add(struct epoll *epoll, const struct epoll_target *target,
                                const struct epoll_interest *interest, bool held)
{
    oskit_error_t err = OSKIT_SUCCESS;

    if (epoll_find(epoll, target) != NULL)
        return OSKIT_EEXIST;
    if (!table_reserve(epoll))
        return OSKIT_ENOMEM;
    struct epoll_member *member = member_create(epoll, target, interest);
    if (member == NULL)
        return OSKIT_ENOMEM;
    member_link(member);
    if (held)
        member = member_recheck(epoll, target, &err);
    if (member == NULL)
        return err;
    readiness_add(member->watched, &member->waiter);
    member_look(member);
    return OSKIT_SUCCESS;
}

static void member_modify(struct epoll_member *member, const struct epoll_interest *interest)
{
    struct epoll *epoll = member->epoll;

    env_spin_lock(&epoll->ready_lock);
    member_set_interest(member, interest);
    member->armed = member->interest.mask;
    env_spin_unlock(&epoll->ready_lock);
    member_look(member);
}

/* ---- The interface ---- */

/* With the nesting mutex when NESTED. */
static void epoll_lock(struct epoll *epoll, bool nested)
{
    if (nested)
        env_mutex_lock(&nesting);
    env_mutex_lock(&epoll->mutex);
}

static void epoll_unlock(struct epoll *epoll, bool nested)
{
    env_mutex_unlock(&epoll->mutex);
    if (nested)
        env_mutex_unlock(&nesting);
}

/* Adding to a set that others watch makes new paths. Whoever begins to watch it meanwhile waits for
 * this set's mutex, and finds the new member. */
static bool epoll_lock_to_add(struct epoll *epoll, const struct epoll_target *target)
{
    bool nested = target->epoll != NULL || atomic_load(&epoll->nested);

    epoll_lock(epoll, nested);
    if (nested || !atomic_load(&epoll->nested))
        return nested;
    epoll_unlock(epoll, false);
    epoll_lock(epoll, true);
    return true;
}

static oskit_error_t epoll_add(sluice_epoll_t *self, const struct epoll_target *target,
                               const struct epoll_interest *interest)
{
    struct epoll *epoll = epoll_of(self);
    oskit_error_t err = OSKIT_SUCCESS;

    if ((interest->flags & EPOLL_EXCLUSIVE) &&
        (target->epoll != NULL || (interest->flags & EPOLL_ONESHOT)))
        return OSKIT_E_INVALIDARG;
    bool nested = epoll_lock_to_add(epoll, target);
    if (target->epoll != NULL)
        err = nesting_check(epoll, epoll_of(target->epoll));
    if (OSKIT_SUCCEEDED(err))
        err = member_add(epoll, target, interest, nested);
    epoll_unlock(epoll, nested);
    return err;
}

static oskit_error_t epoll_modify(sluice_epoll_t *self, const struct epoll_target *target,
                                  const struct epoll_interest *interest)
{
    struct epoll *epoll = epoll_of(self);
    oskit_error_t err = OSKIT_SUCCESS;

    if (interest->flags & EPOLL_EXCLUSIVE)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&epoll->mutex);
    struct epoll_member *member = epoll_find(epoll, target);
    if (member == NULL)
        err = OSKIT_ENOENT;
    else if (member->interest.flags & EPOLL_EXCLUSIVE)
        err = OSKIT_E_INVALIDARG;
    else
        member_modify(member, interest);
    env_mutex_unlock(&epoll->mutex);
    return err;
}

static oskit_error_t epoll_remove(sluice_epoll_t *self, const struct epoll_target *target)
{
    struct epoll *epoll = epoll_of(self);

    bool nested = target->epoll != NULL;

    epoll_lock(epoll, nested);
    struct epoll_member *member = epoll_find(epoll, target);
    if (member != NULL)
        member_remove(member);
    epoll_unlock(epoll, nested);
    return member != NULL ? OSKIT_SUCCESS : OSKIT_ENOENT;
}

static struct sluice_epoll_ops epoll_set_ops = {
    SLUICE_IUNKNOWN_SLOTS,  .add = epoll_add,         .modify = epoll_modify,
    .remove = epoll_remove, .collect = epoll_collect,
};

static struct readiness *epoll_readiness(sluice_pollable_t *self)
{
    return &epoll_of(self)->readiness.readiness;
}

static struct sluice_pollable_ops epoll_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = epoll_readiness,
};

sluice_epoll_t *epoll_of_pollable(sluice_pollable_t *pollable)
{
    if (pollable == NULL || pollable->ops != &epoll_pollable_ops)
        return NULL;
    return &epoll_of(pollable)->set.i;
}

/* ---- Ends ---- */

/*
 * Only two others could touch the same members. A removal by key: it needs the open file, which has
 * no users left. The end of the set: it needs the nesting mutex, and that also keeps the memory of
 * a set that has come to its end meanwhile.
 */
void epoll_owner_forget(struct epoll_owner *owner)
{
    env_mutex_lock(&nesting);
    for (;;) {
        env_spin_lock(&owner->lock);
        struct list *link = list_empty(&owner->members) ? NULL : owner->members.next;
        env_spin_unlock(&owner->lock);
        if (link == NULL)
            break;
        struct epoll_member *member = container_of(link, struct epoll_member, owner_link);
        struct epoll *epoll = member->epoll;
        env_mutex_lock(&epoll->mutex);
        member_remove(member);
        env_mutex_unlock(&epoll->mutex);
    }
    env_mutex_unlock(&nesting);
}

static void epoll_destroy(struct sluice_object *object)
{
    struct epoll *epoll = container_of(object, struct epoll, object);

    env_mutex_lock(&nesting);
    for (uint32_t i = 0; i < epoll->slots; i++)
        while (epoll->table[i] != NULL)
            member_remove(epoll->table[i]);
    env_mutex_unlock(&nesting);
    env_free(epoll->table, epoll->slots * sizeof *epoll->table);
    sluice_object_fini(object);
    env_free(epoll, sizeof *epoll);
}

static const struct sluice_interface epoll_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct epoll, pollable), &epoll_pollable_ops},
    {&sluice_pollable_iid, offsetof(struct epoll, pollable), &epoll_pollable_ops},
    {&sluice_epoll_iid, offsetof(struct epoll, set), &epoll_set_ops},
};

static const struct sluice_class epoll_class = {"epoll", epoll_interfaces,
                                                SLUICE_COUNT(epoll_interfaces), epoll_destroy};

oskit_error_t epoll_new(oskit_iunknown_t **out)
{
    *out = NULL;
    struct epoll *epoll = env_alloc(sizeof *epoll, ENV_ZERO);
    if (epoll == NULL)
        return OSKIT_ENOMEM;
    readiness_init(&epoll->readiness.readiness, 0);
    epoll->readiness.ask = epoll_ask;
    list_init(&epoll->ready);
    list_init(&epoll->inner);
    list_init(&epoll->outer);
    sluice_object_init(&epoll->object, &epoll_class);
    *out = (oskit_iunknown_t *)&epoll->pollable.i;
    return OSKIT_SUCCESS;
}
