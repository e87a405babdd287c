/* A walk through the calls of one epoll set, beside a model of it. */
#include "epoll_walk.h"
#include "epoll_sets.h"

#define WALK_SOURCES 12u

/* The rules as plainly as can be: a queue of numbers, taken as a whole. */
struct model {
    uint32_t level[WALK_SOURCES];
    struct model_member {
        bool there, queued;
        uint32_t armed, flags;
        uint64_t data;
    } members[WALK_SOURCES];
    uint32_t queue[WALK_SOURCES], length;
    uint64_t serial; /* of an interest, its data */
};

static void model_push(struct model *model, uint32_t i)
{
    if (model->members[i].queued)
        return;
    model->members[i].queued = true;
    model->queue[model->length++] = i;
}

static void model_drop(struct model *model, uint32_t i)
{
    uint32_t out = 0;

    for (uint32_t k = 0; k < model->length; k++)
        if (model->queue[k] != i)
            model->queue[out++] = model->queue[k];
    model->length = out;
    model->members[i].queued = false;
}

static void model_look(struct model *model, uint32_t i)
{
    if (model->level[i] & model->members[i].armed)
        model_push(model, i);
}

static void model_collect(struct model *model, uint32_t max, struct reports *out)
{
    uint32_t taken[WALK_SOURCES], length = model->length, k;

    memcpy(taken, model->queue, sizeof taken);
    for (k = 0; k < length && out->count < max; k++) {
        struct model_member *member = &model->members[taken[k]];
        uint32_t level = model->level[taken[k]] & member->armed;
        model_drop(model, taken[k]);
        if (level == 0)
            continue;
        out->list[out->count++] = (struct epoll_report){.level = level, .data = member->data};
        if (member->flags & EPOLL_ONESHOT)
            member->armed = 0;
        else if (!(member->flags & EPOLL_EDGE))
            model_push(model, taken[k]);
    }
}

static void walk_control(struct set *set, struct model *model, struct source *source, uint32_t i,
                         struct choices *choices)
{
    struct model_member *member = &model->members[i];
    uint32_t mask = choices_next(choices, 8), flags = choices_next(choices, 4);
    uint64_t data = ++model->serial;
    uint32_t what = choices_next(choices, 3);
    oskit_error_t err;

    if (what == 0) {
        assert_int_equal(set_remove(set, source), member->there ? 0 : OSKIT_ENOENT);
        model_drop(model, i);
        member->there = false;
        member->armed = 0;
        return;
    }
    err = what == 1 ? set_add(set, source, mask, flags, data)
                    : set_modify(set, source, mask, flags, data);
    assert_int_equal(err, what == 1 ? (member->there ? OSKIT_EEXIST : 0)
                                    : (member->there ? 0 : OSKIT_ENOENT));
    if (OSKIT_FAILED(err))
        return;
    *member =
        (struct model_member){true, member->queued, mask | READY_ERR | READY_HUP, flags, data};
    model_look(model, i);
}

static void walk_event(struct model *model, struct source *source, uint32_t i,
                       struct choices *choices)
{
    uint32_t set = choices_next(choices, 32), clear = choices_next(choices, 32) & ~set;
    uint32_t events = set & choices_next(choices, 32);

    readiness_update(&source->readiness, set, clear, events);
    model->level[i] = (model->level[i] & ~clear) | set;
    if (events & model->members[i].armed)
        model_push(model, i);
}

static void walk_collect(struct set *set, struct model *model, uint32_t max)
{
    struct reports got = {.room = REPORTS_MAX}, want = {.room = REPORTS_MAX};

    assert_int_equal(set_collect(set, max, &got), 0);
    model_collect(model, max, &want);
    assert_int_equal(got.count, want.count);
    for (uint32_t k = 0; k < got.count; k++) {
        assert_int_equal(got.list[k].level, want.list[k].level);
        assert_int_equal(got.list[k].data, want.list[k].data);
    }
}

/* Asking removes what isn't ready from the front. */
static void walk_ask(struct set *set, struct model *model)
{
    uint32_t want = 0;

    while (want == 0 && model->length > 0) {
        uint32_t first = model->queue[0];
        if (model->level[first] & model->members[first].armed)
            want = READY_READ;
        else
            model_drop(model, first);
    }
    assert_int_equal(readiness_level(set->readiness), want);
}

void epoll_walk(struct choices *choices, uint32_t steps)
{
    struct source sources[WALK_SOURCES];
    struct model model = {.length = 0};
    struct set set;

    set_open(&set);
    for (uint32_t i = 0; i < WALK_SOURCES; i++)
        source_init(&sources[i], 0);
    for (uint32_t step = 0; step < steps && !choices_over(choices); step++) {
        uint32_t i = choices_next(choices, WALK_SOURCES);
        switch (choices_next(choices, 8)) {
        case 0:
        case 1:
            walk_control(&set, &model, &sources[i], i, choices);
            break;
        case 2:
        case 3:
        case 4:
            walk_event(&model, &sources[i], i, choices);
            break;
        case 5:
            walk_ask(&set, &model);
            break;
        case 6:
            walk_collect(&set, &model, 1 + choices_next(choices, 3));
            break;
        default:
            walk_collect(&set, &model, 50);
        }
    }
    set_close(&set);
}
