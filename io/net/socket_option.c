/*
 * The options of SOL_SOCKET that mean the same for all sockets, as Linux has them: what is too
 * short, too large or not for everybody is refused with its errors. Options that a table row names
 * are one word of struct socket_options; the others have a function.
 *
 * socket.lock guards the options. A kind is told of changes without it.
 */
#include "socket_private.h"

#include <limits.h>
#include <sluice/string.h>
#include "interface.h"
#include "socket_filter.h"

/* ---- Values ---- */

oskit_error_t option_int(const void *value, oskit_u32_t length, oskit_s32_t *out)
{
    if (length < sizeof *out)
        return OSKIT_E_INVALIDARG;
    memcpy(out, value, sizeof *out);
    return OSKIT_SUCCESS;
}

oskit_error_t option_put(void *value, oskit_u32_t *length, const void *from, oskit_u32_t size)
{
    if (*length > size)
        *length = size;
    memcpy(value, from, *length);
    return OSKIT_SUCCESS;
}

oskit_error_t option_put_int(void *value, oskit_u32_t *length, oskit_s32_t number)
{
    return option_put(value, length, &number, sizeof number);
}

/* ---- Switches: options that are on or off ---- */

static const struct option_switch {
    oskit_s32_t name;
    size_t offset;
} switches[] = {
    {SOCKET_SO_DEBUG, offsetof(struct socket_options, debug)},
    {SOCKET_SO_REUSEADDR, offsetof(struct socket_options, reuse_address)},
    {SOCKET_SO_DONTROUTE, offsetof(struct socket_options, dontroute)},
    {SOCKET_SO_BROADCAST, offsetof(struct socket_options, broadcast)},
    {SOCKET_SO_KEEPALIVE, offsetof(struct socket_options, keepalive)},
    {SOCKET_SO_OOBINLINE, offsetof(struct socket_options, oobinline)},
    {SOCKET_SO_NO_CHECK, offsetof(struct socket_options, no_check)},
    {SOCKET_SO_REUSEPORT, offsetof(struct socket_options, reuse_port)},
    {SOCKET_SO_PASSCRED, offsetof(struct socket_options, pass_cred)},
    {SOCKET_SO_RXQ_OVFL, offsetof(struct socket_options, rxq_overflow)},
    {SOCKET_SO_ZEROCOPY, offsetof(struct socket_options, zerocopy)},
};

static bool *switch_find(struct socket_options *options, oskit_s32_t name)
{
    for (size_t i = 0; i < SLUICE_COUNT(switches); i++)
        if (switches[i].name == name)
            return (bool *)((char *)options + switches[i].offset);
    return NULL;
}

/* Nobody else has credentials to pass. */
static bool passes_credentials(const struct socket *s)
{
    return s->kind->family == SOCKET_UNIX || s->kind->family == SOCKET_NETLINK;
}

static oskit_error_t switch_check(const struct socket *s, oskit_s32_t name, oskit_s32_t value)
{
    bool inet = s->kind->family == SOCKET_INET || s->kind->family == SOCKET_INET6;

    if (name == SOCKET_SO_DEBUG && value != 0 && !socket_caller_may(CAPABILITY_NET_ADMIN))
        return OSKIT_EACCES;
    if (name == SOCKET_SO_ZEROCOPY && (!inet || s->type == SOCKET_RAW))
        return OSKIT_EOPNOTSUPP;
    if (name == SOCKET_SO_REUSEPORT && value != 0 && !inet)
        return OSKIT_EOPNOTSUPP;
    if (name == SOCKET_SO_ZEROCOPY && (value < 0 || value > 1))
        return OSKIT_E_INVALIDARG;
    return name == SOCKET_SO_PASSCRED && !passes_credentials(s) ? OSKIT_EOPNOTSUPP : OSKIT_SUCCESS;
}

/* ---- Buffers ---- */

/* Twice what was asked, since Linux counts its own bookkeeping too. */
static oskit_u32_t buffer_size(oskit_s32_t value, bool force, oskit_u32_t least, oskit_u32_t most)
{
    oskit_u32_t size = value < 0 && force ? 0 : (oskit_u32_t)value;

    if (!force && size > most)
        size = most;
    if (size > INT_MAX / 2)
        size = INT_MAX / 2;
    return 2 * size > least ? 2 * size : least;
}

static oskit_error_t buffer_set(struct socket_options *options, oskit_s32_t name, oskit_s32_t value)
{
    bool force = name == SOCKET_SO_SNDBUFFORCE || name == SOCKET_SO_RCVBUFFORCE;

    if (force && !socket_caller_may(CAPABILITY_NET_ADMIN))
        return OSKIT_EPERM;
    if (name == SOCKET_SO_RCVBUF || name == SOCKET_SO_RCVBUFFORCE)
        options->receive_buffer =
            buffer_size(value, force, SOCKET_RECEIVE_MIN, atomic_load(&socket_limits.receive_max));
    else
        options->send_buffer =
            buffer_size(value, force, SOCKET_SEND_MIN, atomic_load(&socket_limits.send_max));
    return OSKIT_SUCCESS;
}

/* ---- Times ---- */

struct option_timeval { /* of the old numbers and the new ones alike */
    oskit_s64_t seconds, microseconds;
};

#define MICROSECONDS 1000000
#define NANOSECONDS  1000000000

/* A negative time is over at once: a nanosecond. */
static oskit_error_t timeout_read(const void *value, oskit_u32_t length, oskit_u64_t *out)
{
    struct option_timeval time;

    if (length < sizeof time)
        return OSKIT_E_INVALIDARG;
    memcpy(&time, value, sizeof time);
    if (time.microseconds < 0 || time.microseconds >= MICROSECONDS)
        return OSKIT_EDOM;
    if (time.seconds < 0)
        *out = 1;
    else if (time.seconds >= INT64_MAX / NANOSECONDS)
        *out = 0;
    else
        *out = (oskit_u64_t)time.seconds * NANOSECONDS + (oskit_u64_t)time.microseconds * 1000;
    return OSKIT_SUCCESS;
}

static oskit_error_t timeout_write(oskit_u64_t timeout, void *value, oskit_u32_t *length)
{
    struct option_timeval time = {(oskit_s64_t)(timeout / NANOSECONDS),
                                  (oskit_s64_t)(timeout % NANOSECONDS / 1000)};

    return option_put(value, length, &time, sizeof time);
}

/* ---- SO_LINGER ---- */

struct option_linger {
    oskit_s32_t on, seconds;
};

static oskit_error_t linger_set(struct socket_options *options, const void *value,
                                oskit_u32_t length)
{
    struct option_linger linger;

    if (length < sizeof linger)
        return OSKIT_E_INVALIDARG;
    memcpy(&linger, value, sizeof linger);
    options->linger = linger.on != 0;
    if (linger.on != 0)
        options->linger_seconds = (oskit_u32_t)linger.seconds;
    return OSKIT_SUCCESS;
}

/* ---- The interface ---- */

#define NAME_SIZE 16u

/* Rebinding is for who may make raw sockets, as on Linux. */
static oskit_error_t interface_set(struct socket_options *options, oskit_u32_t index)
{
    if (options->interface != 0 && !socket_caller_may(CAPABILITY_NET_RAW))
        return OSKIT_EPERM;
    options->interface = index;
    return OSKIT_SUCCESS;
}

static oskit_error_t device_set(struct socket_options *options, const void *value,
                                oskit_u32_t length)
{
    char name[NAME_SIZE] = {0};

    memcpy(name, value, length < NAME_SIZE ? length : NAME_SIZE - 1);
    if (name[0] == 0)
        return interface_set(options, 0);
    struct interface *interface = interface_by_name(name);
    if (interface == NULL)
        return OSKIT_ENODEV;
    oskit_error_t err = interface_set(options, interface->index);
    interface_put(interface);
    return err;
}

static oskit_error_t index_set(struct socket_options *options, oskit_s32_t index)
{
    if (index < 0)
        return OSKIT_E_INVALIDARG;
    if (index != 0) {
        struct interface *interface = interface_by_index((oskit_u32_t)index);
        if (interface == NULL)
            return OSKIT_ENODEV;
        interface_put(interface);
    }
    return interface_set(options, (oskit_u32_t)index);
}

static oskit_error_t device_get(const struct socket *s, void *value, oskit_u32_t *length)
{
    oskit_u32_t index = s->options.interface;

    if (index == 0) {
        *length = 0;
        return OSKIT_SUCCESS;
    }
    if (*length < NAME_SIZE)
        return OSKIT_E_INVALIDARG;
    struct interface *interface = interface_by_index(index);
    if (interface == NULL)
        return OSKIT_ENODEV;
    oskit_error_t err =
        option_put(value, length, interface->name, (oskit_u32_t)strlen(interface->name) + 1);
    interface_put(interface);
    return err;
}

/* ---- Setting ---- */

#define PRIORITY_FREE 6 /* what everybody may set */

static oskit_error_t privileged_set(oskit_u32_t *word, oskit_s32_t value, bool free)
{
    if (!free && !socket_caller_may(CAPABILITY_NET_ADMIN) && !socket_caller_may(CAPABILITY_NET_RAW))
        return OSKIT_EPERM;
    *word = (oskit_u32_t)value;
    return OSKIT_SUCCESS;
}

static oskit_error_t timestamp_set(struct socket_options *options, oskit_s32_t name,
                                   oskit_s32_t value)
{
    options->timestamp = value != 0 ? (oskit_u8_t)name : 0;
    return OSKIT_SUCCESS;
}

/* What VALUE, an int, makes of OPTIONS. */
static oskit_error_t number_set(struct socket_options *options, oskit_s32_t name, oskit_s32_t value)
{
    switch (name) {
    case SOCKET_SO_SNDBUF:
    case SOCKET_SO_RCVBUF:
    case SOCKET_SO_SNDBUFFORCE:
    case SOCKET_SO_RCVBUFFORCE:
        return buffer_set(options, name, value);
    case SOCKET_SO_RCVLOWAT:
        options->receive_low = value < 0 ? INT_MAX : value == 0 ? 1 : (oskit_u32_t)value;
        return OSKIT_SUCCESS;
    case SOCKET_SO_PRIORITY:
        return privileged_set(&options->priority, value, value >= 0 && value <= PRIORITY_FREE);
    case SOCKET_SO_MARK:
        return privileged_set(&options->mark, value, false);
    case SOCKET_SO_TIMESTAMP:
    case SOCKET_SO_TIMESTAMPNS:
    case SOCKET_SO_TIMESTAMP_NEW:
    case SOCKET_SO_TIMESTAMPNS_NEW:
        return timestamp_set(options, name, value);
    case SOCKET_SO_BINDTOIFINDEX:
        return index_set(options, value);
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

/* The value checked and put into OPTIONS, a copy. */
static oskit_error_t option_apply(struct socket *s, struct socket_options *options,
                                  oskit_s32_t name, const void *value, oskit_u32_t length)
{
    bool *on = switch_find(options, name);
    oskit_s32_t number;

    if (name == SOCKET_SO_BINDTODEVICE)
        return device_set(options, value, length);
    oskit_error_t err = option_int(value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    if (on != NULL) {
        err = switch_check(s, name, number);
        *on = number != 0;
        return err;
    }
    if (name == SOCKET_SO_LINGER)
        return linger_set(options, value, length);
    if (name == SOCKET_SO_RCVTIMEO || name == SOCKET_SO_RCVTIMEO_NEW)
        return timeout_read(value, length, &options->receive_timeout);
    if (name == SOCKET_SO_SNDTIMEO || name == SOCKET_SO_SNDTIMEO_NEW)
        return timeout_read(value, length, &options->send_timeout);
    return number_set(options, name, number);
}

/* Of two numbers for one thing the older. */
static oskit_s32_t option_canonical(oskit_s32_t name)
{
    switch (name) {
    case SOCKET_SO_SNDBUFFORCE:
        return SOCKET_SO_SNDBUF;
    case SOCKET_SO_RCVBUFFORCE:
        return SOCKET_SO_RCVBUF;
    case SOCKET_SO_RCVTIMEO_NEW:
        return SOCKET_SO_RCVTIMEO;
    case SOCKET_SO_SNDTIMEO_NEW:
        return SOCKET_SO_SNDTIMEO;
    case SOCKET_SO_TIMESTAMPNS:
    case SOCKET_SO_TIMESTAMP_NEW:
    case SOCKET_SO_TIMESTAMPNS_NEW:
        return SOCKET_SO_TIMESTAMP;
    case SOCKET_SO_BINDTOIFINDEX:
        return SOCKET_SO_BINDTODEVICE;
    default:
        return name;
    }
}

/* Word by word, each at once: readers take no lock. */
static void options_swap(struct socket *s, struct socket_options *options)
{
    typedef uint64_t __attribute__((may_alias)) word;
    _Static_assert(sizeof *options % sizeof(word) == 0 && _Alignof(struct socket_options) == 8, "");
    word *now = (word *)&s->options, *other = (word *)options;

    env_spin_lock(&s->lock);
    for (size_t i = 0; i < sizeof *options / sizeof(word); i++)
        other[i] = __atomic_exchange_n(&now[i], other[i], __ATOMIC_RELAXED);
    env_spin_unlock(&s->lock);
}

/* Two threads that set options of one socket at once may undo each other's refused ones, and lose
 * nothing that stood before. */
static oskit_error_t common_set(struct socket *s, oskit_s32_t name, const void *value,
                                oskit_u32_t length)
{
    env_spin_lock(&s->lock);
    struct socket_options options = s->options;
    env_spin_unlock(&s->lock);
    oskit_error_t err = option_apply(s, &options, name, value, length);
    if (OSKIT_FAILED(err))
        return err;
    options_swap(s, &options);
    if (s->kind->changed == NULL)
        return OSKIT_SUCCESS;
    err = s->kind->changed(s, option_canonical(name));
    if (OSKIT_FAILED(err))
        options_swap(s, &options);
    return err;
}

oskit_error_t socket_option_set(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                                const void *value, oskit_u32_t length)
{
    oskit_error_t err = OSKIT_ENOPROTOOPT;

    if (level == SOCKET_SOL_SOCKET)
        err = common_set(s, name, value, length);
    if (level == SOCKET_SOL_SOCKET && err == OSKIT_ENOPROTOOPT)
        err = socket_filter_set(s, name, value, length);
    if (err == OSKIT_ENOPROTOOPT && s->kind->setsockopt != NULL)
        err = s->kind->setsockopt(s, level, name, value, length);
    return err;
}

/* ---- The time that SO_TIMESTAMP tells ---- */

void socket_stamp_put(const struct socket *s, struct socket_control *control, oskit_s64_t time)
{
    oskit_s32_t kind = SOCKET_OPTION(s, timestamp);
    oskit_s64_t stamp[2] = {time / NANOSECONDS, time % NANOSECONDS};

    if (kind == 0 || control == NULL)
        return;
    if (kind == SOCKET_SO_TIMESTAMP || kind == SOCKET_SO_TIMESTAMP_NEW)
        stamp[1] /= 1000;
    socket_control_put(control, SOCKET_SOL_SOCKET, kind, stamp, sizeof stamp);
}

/* ---- Getting ---- */

/* What the kind lacks: nobody in particular is at the other end. */
static oskit_error_t peercred_get(struct socket *s, void *value, oskit_u32_t *length)
{
    static const struct socket_credentials nobody = {0, UINT32_MAX, UINT32_MAX};
    oskit_error_t err = OSKIT_ENOPROTOOPT;

    if (s->kind->getsockopt != NULL)
        err = s->kind->getsockopt(s, SOCKET_SOL_SOCKET, SOCKET_SO_PEERCRED, value, length);
    return err == OSKIT_ENOPROTOOPT ? option_put(value, length, &nobody, sizeof nobody) : err;
}

static oskit_error_t peername_get(struct socket *s, void *value, oskit_u32_t *length)
{
    struct socket_address name = {.length = 0};

    if (OSKIT_FAILED(s->kind->getpeername(s, &name)))
        return OSKIT_ENOTCONN;
    if (name.length < *length)
        return OSKIT_E_INVALIDARG;
    memcpy(value, name.u.bytes, *length);
    return OSKIT_SUCCESS;
}

static oskit_error_t cookie_get(const struct socket *s, void *value, oskit_u32_t *length)
{
    if (*length < sizeof s->ino)
        return OSKIT_E_INVALIDARG;
    return option_put(value, length, &s->ino, sizeof s->ino);
}

static oskit_error_t linger_get(const struct socket *s, void *value, oskit_u32_t *length)
{
    struct option_linger linger = {s->options.linger, (oskit_s32_t)s->options.linger_seconds};

    return option_put(value, length, &linger, sizeof linger);
}

/* Options whose value is an int and no switch. */
static oskit_error_t number_get(struct socket *s, oskit_s32_t name, oskit_u32_t *out)
{
    const struct socket_options *options = &s->options;

    switch (name) {
    case SOCKET_SO_TYPE:
        *out = (oskit_u32_t)s->type;
        return OSKIT_SUCCESS;
    case SOCKET_SO_PROTOCOL:
        *out = (oskit_u32_t)s->protocol;
        return OSKIT_SUCCESS;
    case SOCKET_SO_DOMAIN:
        *out = (oskit_u32_t)s->kind->family;
        return OSKIT_SUCCESS;
    case SOCKET_SO_ACCEPTCONN:
        *out = __atomic_load_n(&s->listening, __ATOMIC_RELAXED);
        return OSKIT_SUCCESS;
    case SOCKET_SO_SNDBUF:
        *out = options->send_buffer;
        return OSKIT_SUCCESS;
    case SOCKET_SO_RCVBUF:
        *out = options->receive_buffer;
        return OSKIT_SUCCESS;
    case SOCKET_SO_RCVLOWAT:
        *out = options->receive_low;
        return OSKIT_SUCCESS;
    case SOCKET_SO_SNDLOWAT:
        *out = 1;
        return OSKIT_SUCCESS;
    case SOCKET_SO_PRIORITY:
        *out = options->priority;
        return OSKIT_SUCCESS;
    case SOCKET_SO_MARK:
        *out = options->mark;
        return OSKIT_SUCCESS;
    case SOCKET_SO_BINDTOIFINDEX:
        *out = options->interface;
        return OSKIT_SUCCESS;
    case SOCKET_SO_TIMESTAMP:
    case SOCKET_SO_TIMESTAMPNS:
    case SOCKET_SO_TIMESTAMP_NEW:
    case SOCKET_SO_TIMESTAMPNS_NEW:
        *out = options->timestamp == name;
        return OSKIT_SUCCESS;
    default:
        return OSKIT_ENOPROTOOPT;
    }
}

/* SO_ERROR is a program's errno, which the host knows: SO_ERROR's value here is the OSKit's code,
 * which the system-call layer translates. */
static oskit_error_t common_get(struct socket *s, oskit_s32_t name, void *value,
                                oskit_u32_t *length)
{
    const bool *on = switch_find(&s->options, name);
    oskit_u32_t number;

    if (name == SOCKET_SO_PASSCRED && !passes_credentials(s))
        return OSKIT_EOPNOTSUPP;
    if (on != NULL)
        return option_put_int(value, length, *on);
    switch (name) {
    case SOCKET_SO_ERROR:
        return option_put_int(value, length, socket_error_take(s));
    case SOCKET_SO_LINGER:
        return linger_get(s, value, length);
    case SOCKET_SO_RCVTIMEO:
    case SOCKET_SO_RCVTIMEO_NEW:
        return timeout_write(s->options.receive_timeout, value, length);
    case SOCKET_SO_SNDTIMEO:
    case SOCKET_SO_SNDTIMEO_NEW:
        return timeout_write(s->options.send_timeout, value, length);
    case SOCKET_SO_BINDTODEVICE:
        return device_get(s, value, length);
    case SOCKET_SO_PEERNAME:
        return peername_get(s, value, length);
    case SOCKET_SO_COOKIE:
        return cookie_get(s, value, length);
    case SOCKET_SO_PEERCRED:
        return peercred_get(s, value, length);
    }
    oskit_error_t err = number_get(s, name, &number);
    return OSKIT_SUCCEEDED(err) ? option_put_int(value, length, (oskit_s32_t)number) : err;
}

oskit_error_t socket_option_get(struct socket *s, oskit_s32_t level, oskit_s32_t name, void *value,
                                oskit_u32_t *length)
{
    oskit_error_t err = OSKIT_ENOPROTOOPT;

    if (level == SOCKET_SOL_SOCKET)
        err = common_get(s, name, value, length);
    if (level == SOCKET_SOL_SOCKET && err == OSKIT_ENOPROTOOPT)
        err = socket_filter_get(s, name, value, length);
    if (err == OSKIT_ENOPROTOOPT && s->kind->getsockopt != NULL)
        err = s->kind->getsockopt(s, level, name, value, length);
    return err;
}
