/*
 * Names of UNIX sockets: a path, found by the file behind it; or an abstract name, found by its
 * bytes, of each type of socket its own. One table for both, under unix_mutex.
 */
#include "unix_private.h"

#include <sluice/string.h>

#define NAME_OFFSET  2u /* of the path in the address */
#define NAME_BUCKETS 256u

static struct list table[NAME_BUCKETS];

/* A path that fills sun_path may have its end counted beyond it. */
oskit_error_t unix_address_check(const struct socket_address *name)
{
    size_t most = sizeof name->u.un;

    if (name->length == most + 1 && name->u.un.path[0] != 0 && name->u.bytes[most] == 0)
        most++;
    if (name->length <= NAME_OFFSET || name->length > most || name->u.family != SOCKET_UNIX)
        return OSKIT_E_INVALIDARG;
    return OSKIT_SUCCESS;
}

static bool name_abstract(const struct socket_address *name)
{
    return name->u.un.path[0] == 0;
}

/* A path ends with its first 0, which counts; an abstract name is all its bytes. */
static void name_normalise(const struct socket_address *in, struct socket_address *out)
{
    size_t length = in->length - NAME_OFFSET, end = 0;

    *out = (struct socket_address){.length = in->length};
    memcpy(out->u.bytes, in->u.bytes, in->length);
    if (name_abstract(in))
        return;
    while (end < length && in->u.bytes[NAME_OFFSET + end] != 0)
        end++;
    memset(out->u.bytes + NAME_OFFSET + end, 0, sizeof out->u.bytes - NAME_OFFSET - end);
    out->length = (oskit_u32_t)(NAME_OFFSET + end + 1);
}

/* ---- References ---- */

struct unix_name *unix_name_ref(struct unix_name *name)
{
    if (name != NULL)
        atomic_fetch_add_explicit(&name->references, 1, memory_order_relaxed);
    return name;
}

void unix_name_put(struct unix_name *name)
{
    if (name == NULL || atomic_fetch_sub_explicit(&name->references, 1, memory_order_acq_rel) != 1)
        return;
    if (name->identity != NULL)
        oskit_iunknown_release(name->identity);
    env_free(name, sizeof *name);
}

void unix_name_tell(const struct unix_name *name, struct socket_address *out)
{
    if (name != NULL) {
        *out = name->text;
        return;
    }
    out->length = NAME_OFFSET;
    out->u.family = SOCKET_UNIX;
    out->file = NULL;
}

/* ---- The table; unix_mutex held ---- */

static struct list *bucket_of(const void *bytes, size_t length)
{
    const oskit_u8_t *at = bytes;
    oskit_u32_t hash = 2166136261u;

    for (size_t i = 0; i < length; i++)
        hash = (hash ^ at[i]) * 16777619u;
    hash ^= hash >> 16;
    struct list *bucket = &table[hash % NAME_BUCKETS];
    if (bucket->next == NULL)
        list_init(bucket);
    return bucket;
}

static struct list *name_bucket(const struct unix_name *name)
{
    return name->identity != NULL ? bucket_of(&name->identity, sizeof name->identity)
                                  : bucket_of(name->text.u.bytes, name->text.length);
}

static bool text_equal(const struct socket_address *a, const struct socket_address *b)
{
    return a->length == b->length && memcmp(a->u.bytes, b->u.bytes, a->length) == 0;
}

/* Files are told apart by identity; abstract names by bytes and type. */
static struct unix_name *table_find(const struct unix_name *wanted)
{
    list_for_each (node, name_bucket(wanted)) {
        struct unix_name *name = container_of(node, struct unix_name, link);
        if (name->identity != wanted->identity)
            continue;
        if (wanted->identity != NULL)
            return name;
        if (text_equal(&name->text, &wanted->text) &&
            (!name_abstract(&name->text) || name->type == wanted->type))
            return name;
    }
    return NULL;
}

/* WANTED's text and identity from an address; the identity comes with a reference. */
static oskit_error_t wanted_fill(struct unix_name *wanted, const struct socket_address *address,
                                 oskit_s32_t type)
{
    *wanted = (struct unix_name){.type = type};
    name_normalise(address, &wanted->text);
    if (address->file == NULL || name_abstract(address))
        return OSKIT_SUCCESS;
    return oskit_file_query(address->file, &oskit_iunknown_iid, (void **)&wanted->identity);
}

oskit_error_t unix_name_find(const struct socket_address *address, oskit_s32_t type,
                             struct unix_inbox **out)
{
    struct unix_name wanted;
    oskit_error_t err = wanted_fill(&wanted, address, type);

    *out = NULL;
    if (OSKIT_FAILED(err))
        return err;
    const struct unix_name *found = table_find(&wanted);
    if (wanted.identity != NULL)
        oskit_iunknown_release(wanted.identity);
    if (found == NULL)
        return OSKIT_ECONNREFUSED;
    if (found->type != type)
        return OSKIT_EPROTOTYPE;
    *out = found->socket->inbox;
    inbox_ref(*out);
    return OSKIT_SUCCESS;
}

/* ---- Binding ---- */

static struct unix_name *name_new(const struct socket_address *address, oskit_s32_t type)
{
    struct unix_name *name = env_alloc(sizeof *name, 0);

    if (name == NULL)
        return NULL;
    if (OSKIT_FAILED(wanted_fill(name, address, type))) {
        env_free(name, sizeof *name);
        return NULL;
    }
    atomic_init(&name->references, 1);
    list_init(&name->link);
    return name;
}

/* Takes NAME's reference when it succeeds. unix_mutex held. */
static oskit_error_t name_attach(struct unix_socket *self, struct unix_name *name)
{
    if (atomic_load(&self->inbox->name) != NULL)
        return OSKIT_E_INVALIDARG;
    if (table_find(name) != NULL)
        return OSKIT_EADDRINUSE;
    name->socket = self;
    list_push_back(name_bucket(name), &name->link);
    atomic_store(&self->inbox->name, name);
    return OSKIT_SUCCESS;
}

static oskit_error_t name_bind(struct unix_socket *self, const struct socket_address *address)
{
    struct unix_name *name = name_new(address, self->socket.type);

    if (name == NULL)
        return OSKIT_ENOMEM;
    env_mutex_lock(&unix_mutex);
    oskit_error_t err = name_attach(self, name);
    env_mutex_unlock(&unix_mutex);
    if (OSKIT_FAILED(err))
        unix_name_put(name);
    return err;
}

oskit_error_t unix_bind(struct socket *s, const struct socket_address *address)
{
    struct unix_socket *self = unix_of(s);

    if (address->length == NAME_OFFSET && address->u.family == SOCKET_UNIX)
        return unix_autobind(self);
    oskit_error_t err = unix_address_check(address);
    return OSKIT_SUCCEEDED(err) ? name_bind(self, address) : err;
}

void unix_unbind(struct unix_socket *self)
{
    struct unix_name *name = atomic_load(&self->inbox->name);

    if (name == NULL || name->socket != self)
        return;
    list_remove(&name->link);
    name->socket = NULL;
}

#define AUTO_DIGITS 5u
#define AUTO_NAMES  (1u << 20)

static void auto_address(oskit_u32_t number, struct socket_address *out)
{
    *out = (struct socket_address){.length = NAME_OFFSET + 1 + AUTO_DIGITS};
    out->u.un.family = SOCKET_UNIX;
    for (oskit_u32_t i = 0; i < AUTO_DIGITS; i++)
        out->u.un.path[1 + i] = "0123456789abcdef"[number >> (4 * (AUTO_DIGITS - 1 - i)) & 15];
}

/* An abstract name of five digits that nobody has. A socket that is bound keeps its own. */
oskit_error_t unix_autobind(struct unix_socket *self)
{
    static _Atomic oskit_u32_t next;
    oskit_error_t err = OSKIT_EADDRINUSE;
    struct socket_address address;
    oskit_u32_t first;

    if (atomic_load(&self->inbox->name) != NULL)
        return OSKIT_SUCCESS;
    env_random(&first, sizeof first);
    atomic_compare_exchange_strong(&next, &(oskit_u32_t){0}, first | 1);
    for (oskit_u32_t i = 0; i < AUTO_NAMES && err == OSKIT_EADDRINUSE; i++) {
        auto_address(atomic_fetch_add(&next, 1) % AUTO_NAMES, &address);
        err = name_bind(self, &address);
    }
    if (err == OSKIT_EADDRINUSE)
        return OSKIT_ENOSPC;
    return err == OSKIT_E_INVALIDARG ? OSKIT_SUCCESS : err; /* another thread was first */
}
