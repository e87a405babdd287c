/* Filters of sockets: see socket_filter.h. Under socket.lock. */
#include "io/net/socket_filter.h"

#include <sluice/env.h>
#include <sluice/string.h>

_Atomic oskit_u32_t socket_filters;

/* ---- Running ---- */

static struct bpf_program *filter_ref(struct socket *s)
{
    env_spin_lock(&s->lock);
    struct bpf_program *filter = s->filter;
    if (filter != NULL)
        bpf_ref(filter);
    env_spin_unlock(&s->lock);
    return filter;
}

bool socket_filter_run(struct socket *s, const struct bpf_view *view, oskit_u32_t *keep)
{
    struct bpf_program *filter = filter_ref(s);

    *keep = view->length - view->start;
    if (filter == NULL)
        return true;
    oskit_u32_t wanted = bpf_run(filter, view);
    bpf_put(filter);
    if (wanted < *keep)
        *keep = wanted;
    return wanted != 0;
}

/* ---- Attaching ---- */

static void filters_count(const struct bpf_program *now, const struct bpf_program *before)
{
    if (now != NULL && before == NULL)
        atomic_fetch_add_explicit(&socket_filters, 1, memory_order_relaxed);
    if (now == NULL && before != NULL)
        atomic_fetch_sub_explicit(&socket_filters, 1, memory_order_relaxed);
}

/* Takes over FILTER; NULL takes away what there is. OSKIT_EPERM when that is locked; ENOENT when
 * there is none to take away. */
static oskit_error_t filter_swap(struct socket *s, struct bpf_program *filter)
{
    env_spin_lock(&s->lock);
    struct bpf_program *old = s->filter;
    bool locked = s->filter_locked;
    if (!locked)
        __atomic_store_n(&s->filter, filter, __ATOMIC_RELAXED);
    env_spin_unlock(&s->lock);
    if (locked) {
        bpf_put(filter);
        return OSKIT_EPERM;
    }
    filters_count(filter, old);
    bpf_put(old);
    return filter == NULL && old == NULL ? OSKIT_ENOENT : OSKIT_SUCCESS;
}

static bool filter_locked(struct socket *s)
{
    env_spin_lock(&s->lock);
    bool locked = s->filter_locked;
    env_spin_unlock(&s->lock);
    return locked;
}

/* The lock is told before what is wrong with the program, as on Linux. */
static oskit_error_t filter_attach(struct socket *s, const void *value, oskit_u32_t length)
{
    struct bpf_program *filter;

    if (length == sizeof(struct bpf_request) && filter_locked(s))
        return OSKIT_EPERM;
    oskit_error_t err = bpf_create_from_user(value, length, &filter);
    return OSKIT_SUCCEEDED(err) ? filter_swap(s, filter) : err;
}

/* Once locked, for ever. */
static oskit_error_t filter_lock(struct socket *s, bool on)
{
    env_spin_lock(&s->lock);
    bool locked = s->filter_locked;
    s->filter_locked = locked || on;
    env_spin_unlock(&s->lock);
    return locked && !on ? OSKIT_EPERM : OSKIT_SUCCESS;
}

oskit_error_t socket_filter_set(struct socket *s, oskit_s32_t name, const void *value,
                                oskit_u32_t length)
{
    oskit_s32_t number;

    if (!s->kind->filters || (name != SOCKET_SO_ATTACH_FILTER && name != SOCKET_SO_DETACH_FILTER &&
                              name != SOCKET_SO_LOCK_FILTER))
        return OSKIT_ENOPROTOOPT;
    oskit_error_t err = option_int(value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    if (name == SOCKET_SO_ATTACH_FILTER)
        return filter_attach(s, value, length);
    return name == SOCKET_SO_DETACH_FILTER ? filter_swap(s, NULL) : filter_lock(s, number != 0);
}

static oskit_error_t program_get(const struct bpf_program *filter, void *value, oskit_u32_t *length)
{
    oskit_u32_t size = filter->count * (oskit_u32_t)sizeof filter->code[0];

    if (*length != 0 && *length < size)
        return OSKIT_E_INVALIDARG;
    if (*length != 0)
        memcpy(value, filter->code, size);
    *length = size;
    return OSKIT_SUCCESS;
}

oskit_error_t socket_filter_get(struct socket *s, oskit_s32_t name, void *value,
                                oskit_u32_t *length)
{
    if (!s->kind->filters)
        return OSKIT_ENOPROTOOPT;
    if (name == SOCKET_SO_LOCK_FILTER)
        return option_put_int(value, length, filter_locked(s));
    if (name != SOCKET_SO_ATTACH_FILTER)
        return OSKIT_ENOPROTOOPT;
    struct bpf_program *filter = filter_ref(s);
    if (filter == NULL) {
        *length = 0;
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = program_get(filter, value, length);
    bpf_put(filter);
    return err;
}

/* ---- Life ---- */

void socket_filter_inherit(struct socket *child, struct socket *parent)
{
    env_spin_lock(&parent->lock);
    child->filter = parent->filter;
    child->filter_locked = parent->filter_locked;
    if (child->filter != NULL)
        bpf_ref(child->filter);
    env_spin_unlock(&parent->lock);
    filters_count(child->filter, NULL);
}

void socket_filter_fini(struct socket *s)
{
    filters_count(NULL, s->filter);
    bpf_put(s->filter);
    s->filter = NULL;
}
