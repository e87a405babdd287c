/* Sources made of nothing but a readiness, and epoll sets over them as the tests use them. */
#ifndef TESTS_HOST_EPOLL_SETS_H
#define TESTS_HOST_EPOLL_SETS_H

#include "harness.h"
#include <sluice/epoll.h>

struct source {
    struct readiness readiness;
    struct epoll_owner owner;
};

static inline void source_init(struct source *source, uint32_t level)
{
    readiness_init(&source->readiness, level);
    epoll_owner_init(&source->owner);
}

struct set {
    oskit_iunknown_t *object;
    sluice_epoll_t *epoll;
    struct readiness *readiness;
    struct epoll_owner owner;
};

static inline void set_open(struct set *set)
{
    assert_int_equal(epoll_new(&set->object), 0);
    sluice_pollable_t *pollable = (sluice_pollable_t *)set->object;
    set->epoll = epoll_of_pollable(pollable);
    assert_non_null(set->epoll);
    set->readiness = pollable->ops->readiness(pollable);
    epoll_owner_init(&set->owner);
}

static inline void set_close(struct set *set)
{
    epoll_owner_gone(&set->owner);
    oskit_iunknown_release(set->object);
}

static inline struct epoll_target target_of(struct source *source, int32_t number)
{
    return (struct epoll_target){&source->owner, number, &source->readiness, NULL};
}

static inline oskit_error_t set_add(struct set *set, struct source *source, uint32_t mask,
                                    uint32_t flags, uint64_t data)
{
    struct epoll_target target = target_of(source, 0);
    struct epoll_interest interest = {mask, flags, (uint32_t)data, data};

    return set->epoll->ops->add(set->epoll, &target, &interest);
}

static inline oskit_error_t set_modify(struct set *set, struct source *source, uint32_t mask,
                                       uint32_t flags, uint64_t data)
{
    struct epoll_target target = target_of(source, 0);
    struct epoll_interest interest = {mask, flags, (uint32_t)data, data};

    return set->epoll->ops->modify(set->epoll, &target, &interest);
}

static inline oskit_error_t set_remove(struct set *set, struct source *source)
{
    struct epoll_target target = target_of(source, 0);

    return set->epoll->ops->remove(set->epoll, &target);
}

static inline oskit_error_t set_nest(struct set *outer, struct set *inner, uint32_t flags)
{
    struct epoll_target target = {&inner->owner, 0, inner->readiness, inner->epoll};
    struct epoll_interest interest = {READY_READ, flags, 0, 77};

    return outer->epoll->ops->add(outer->epoll, &target, &interest);
}

#define REPORTS_MAX 100u
struct reports {
    uint32_t count, room; /* room: where a "fault" comes */
    struct epoll_report list[REPORTS_MAX];
};

static inline uint32_t reports_emit(void *arg, const struct epoll_report *reports, uint32_t count)
{
    struct reports *all = arg;
    uint32_t kept = 0;

    while (kept < count && all->count < all->room)
        all->list[all->count++] = reports[kept++];
    return kept;
}

static inline oskit_error_t set_collect(struct set *set, uint32_t max, struct reports *reports)
{
    oskit_u32_t count;
    oskit_error_t err = set->epoll->ops->collect(set->epoll, max, reports_emit, reports, &count);

    if (OSKIT_SUCCEEDED(err) && count != reports->count)
        env_panic("collect counts %u, gave %u", count, reports->count);
    return err;
}

static inline struct reports collected(struct set *set, uint32_t max)
{
    struct reports reports = {.room = REPORTS_MAX};

    assert_int_equal(set_collect(set, max, &reports), 0);
    return reports;
}

#endif
