/*
 * What sockets share without being one: the table of families, rights and control data in messages,
 * what the host brings.
 *
 * No locks: families are put in front of the list and stay.
 */
#include <sluice/unixsocket.h>
#include "socket_private.h"

#include <sluice/string.h>

/* ---- The host ---- */

const struct socket_rights_host *socket_rights_host;
void (*socket_caller_get)(struct socket_caller *out);

struct socket_limits socket_limits = {
    .backlog = 4096,
    .receive_max = SOCKET_BUFFER_MAX,
    .send_max = SOCKET_BUFFER_MAX,
    .receive_default = SOCKET_BUFFER_DEFAULT,
    .send_default = SOCKET_BUFFER_DEFAULT,
    .unix_backlog = UNIX_DGRAM_BACKLOG,
    .ports = 32768u << 16 | 60999,
};

struct socket_caller socket_caller(void)
{
    struct socket_caller caller = {.capabilities = CAPABILITY_ALL};

    if (socket_caller_get != NULL)
        socket_caller_get(&caller);
    return caller;
}

bool socket_caller_may(enum capability capability)
{
    return capability_in(socket_caller().capabilities, capability);
}

struct socket_credentials socket_sender(void)
{
    struct socket_caller caller = socket_caller();

    return (struct socket_credentials){caller.credentials.pid, caller.real_uid, caller.real_gid};
}

/* ---- Families ---- */

/* UNIX sockets need no start and are always there. */
static struct socket_family *_Atomic families = &unix_family;

void socket_family_register(struct socket_family *family)
{
    family->next = atomic_load(&families);
    while (!atomic_compare_exchange_weak(&families, &family->next, family))
        ;
}

#define TYPE_MAX 10 /* of those that Linux has; families refuse what they lack */

static oskit_error_t family_find(oskit_s32_t number, oskit_s32_t type,
                                 const struct socket_family **out)
{
    const struct socket_family *family = atomic_load(&families);

    if (type < 0 || type > TYPE_MAX)
        return OSKIT_E_INVALIDARG;
    while (family != NULL && family->family != number)
        family = family->next;
    *out = family;
    return family != NULL ? OSKIT_SUCCESS : OSKIT_EAFNOSUPPORT;
}

oskit_error_t socket_create(oskit_s32_t family, oskit_s32_t type, oskit_s32_t protocol,
                            sluice_socket_t **out)
{
    const struct socket_family *found;

    *out = NULL;
    oskit_error_t err = family_find(family, type, &found);
    if (OSKIT_SUCCEEDED(err))
        err = found->create(type, protocol, out);
    if (OSKIT_SUCCEEDED(err))
        socket_own(socket_of(*out));
    return err;
}

oskit_error_t socket_create_pair(oskit_s32_t family, oskit_s32_t type, oskit_s32_t protocol,
                                 sluice_socket_t **one, sluice_socket_t **other)
{
    const struct socket_family *found;

    *one = *other = NULL;
    oskit_error_t err = family_find(family, type, &found);
    if (OSKIT_FAILED(err))
        return err;
    if (found->create_pair == NULL)
        return OSKIT_EOPNOTSUPP;
    err = found->create_pair(type, protocol, one, other);
    if (OSKIT_FAILED(err))
        return err;
    socket_own(socket_of(*one));
    socket_own(socket_of(*other));
    return OSKIT_SUCCESS;
}

/* ---- Control data ---- */

#define CONTROL_HEADER 16u /* 64-bit length, level, type */
#define CONTROL_ALIGN  8u

struct control_header {
    oskit_u64_t length;
    oskit_s32_t level, type;
};
_Static_assert(sizeof(struct control_header) == CONTROL_HEADER, "the program's struct cmsghdr");

void socket_control_put(struct socket_control *control, oskit_s32_t level, oskit_s32_t type,
                        const void *data, oskit_u32_t length)
{
    oskit_u32_t room = control->room - control->length;
    oskit_u32_t size = CONTROL_HEADER + length;

    if (room < CONTROL_HEADER) {
        control->truncated = true;
        return;
    }
    if (size > room) {
        control->truncated = true;
        size = room;
    }
    struct control_header header = {.length = size, .level = level, .type = type};
    oskit_u8_t *at = control->bytes + control->length;
    memcpy(at, &header, sizeof header);
    if (size > CONTROL_HEADER)
        memcpy(at + CONTROL_HEADER, data, size - CONTROL_HEADER);
    oskit_u32_t padded = (size + CONTROL_ALIGN - 1) & ~(CONTROL_ALIGN - 1);
    if (padded > room)
        padded = room;
    memset(at + size, 0, padded - size);
    control->length += padded;
}

/* ---- Rights ---- */

static size_t rights_size(oskit_u32_t count)
{
    return sizeof(struct socket_rights) + count * sizeof(struct socket_right);
}

struct socket_rights *socket_rights_alloc(oskit_u32_t count)
{
    if (count > SOCKET_RIGHTS_MAX)
        return NULL;
    struct socket_rights *rights = env_alloc(rights_size(count), ENV_ZERO);
    if (rights != NULL)
        rights->count = count;
    return rights;
}

void socket_rights_free(struct socket_rights *rights)
{
    if (rights == NULL)
        return;
    for (oskit_u32_t i = 0; i < rights->count; i++)
        if (rights->right[i].file != NULL)
            socket_rights_host->release(rights->right[i].file);
    env_free(rights, rights_size(rights->count));
}
