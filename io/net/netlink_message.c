/* Netlink messages: building and reading them. See netlink.h. No locks. */
#include "io/net/netlink.h"

#include <sluice/string.h>

/* ---- Building ---- */

struct netlink_builder *netlink_builder_create(struct netlink_socket *to, unsigned flags)
{
    struct netlink_builder *b = env_alloc(sizeof *b, flags);

    if (b == NULL)
        return NULL;
    b->to = to;
    b->group = 0;
    b->limit = UINT64_MAX;
    b->sequence = b->port = 0;
    b->flags = 0;
    b->start = b->used = 0;
    b->error = OSKIT_SUCCESS;
    return b;
}

static void builder_fail(struct netlink_builder *b, oskit_error_t error)
{
    if (OSKIT_SUCCEEDED(b->error))
        b->error = error;
}

/* Sends the first SIZE bytes. */
static void builder_send(struct netlink_builder *b, oskit_u32_t size)
{
    struct netlink_info info = {0};

    if (size == 0)
        return;
    if (b->to != NULL) {
        oskit_error_t err = netlink_deliver(b->to, b->bytes, size, &info, b->limit);
        if (OSKIT_FAILED(err))
            builder_fail(b, err);
    } else {
        netlink_broadcast(b->group, b->bytes, size, 0, NULL);
    }
}

oskit_error_t netlink_builder_finish(struct netlink_builder *b)
{
    oskit_error_t err;

    builder_send(b, b->start);
    err = b->error;
    env_free(b, sizeof *b);
    return err;
}

/* SIZE bytes more of the message that is being built. When they don't fit, the messages before it
 * go, and it moves to the front. NULL: an error. */
static oskit_u8_t *builder_room(struct netlink_builder *b, oskit_u32_t size)
{
    if (OSKIT_FAILED(b->error))
        return NULL;
    if (size > NETLINK_CHUNK - b->used && b->start > 0) {
        builder_send(b, b->start);
        memmove(b->bytes, b->bytes + b->start, b->used - b->start);
        b->used -= b->start;
        b->start = 0;
    }
    if (size > NETLINK_CHUNK - b->used) {
        builder_fail(b, OSKIT_EMSGSIZE);
        return NULL;
    }
    oskit_u8_t *at = b->bytes + b->used;
    b->used += size;
    return at;
}

void netlink_begin(struct netlink_builder *b, oskit_u16_t type, const void *body, oskit_u32_t size)
{
    struct netlink_header header = {0, type, b->flags, b->sequence, b->port};
    oskit_u8_t *at = builder_room(b, sizeof header + NETLINK_ALIGN(size));

    if (at == NULL)
        return;
    memcpy(at, &header, sizeof header);
    memset(at + sizeof header, 0, NETLINK_ALIGN(size));
    memcpy(at + sizeof header, body, size);
}

void netlink_put(struct netlink_builder *b, oskit_u16_t type, const void *value, oskit_u32_t size)
{
    struct netlink_attribute attribute = {(oskit_u16_t)(sizeof attribute + size), type};
    oskit_u8_t *at = builder_room(b, NETLINK_ALIGN(sizeof attribute + size));

    if (at == NULL)
        return;
    memset(at, 0, NETLINK_ALIGN(sizeof attribute + size));
    memcpy(at, &attribute, sizeof attribute);
    memcpy(at + sizeof attribute, value, size);
}

void netlink_put_u8(struct netlink_builder *b, oskit_u16_t type, oskit_u8_t value)
{
    netlink_put(b, type, &value, sizeof value);
}

void netlink_put_u32(struct netlink_builder *b, oskit_u16_t type, oskit_u32_t value)
{
    netlink_put(b, type, &value, sizeof value);
}

void netlink_put_text(struct netlink_builder *b, oskit_u16_t type, const char *text)
{
    netlink_put(b, type, text, (oskit_u32_t)strlen(text) + 1);
}

void netlink_end(struct netlink_builder *b)
{
    if (OSKIT_FAILED(b->error))
        return;
    oskit_u32_t length = b->used - b->start;
    memcpy(b->bytes + b->start, &length, sizeof length); /* the header's first word */
    b->start = b->used;
}

/* ---- Reading ---- */

oskit_error_t netlink_parse(const struct netlink_request *request, oskit_u32_t head,
                            struct netlink_attributes *out)
{
    *out = (struct netlink_attributes){{NULL}};
    if (request->length < head)
        return OSKIT_E_INVALIDARG;
    for (oskit_u32_t at = NETLINK_ALIGN(head);
         at + sizeof(struct netlink_attribute) <= request->length;) {
        const struct netlink_attribute *attribute =
            (const struct netlink_attribute *)(request->body + at);
        if (attribute->length < sizeof *attribute || attribute->length > request->length - at)
            break;                                   /* Linux ignores what is left, too */
        oskit_u16_t type = attribute->type & 0x3fff; /* two bits are flags */
        if (type < NETLINK_ATTRIBUTES)
            out->of[type] = attribute;
        at += NETLINK_ALIGN(attribute->length);
    }
    return OSKIT_SUCCESS;
}

oskit_u32_t netlink_value_length(const struct netlink_attribute *attribute)
{
    return attribute->length - (oskit_u32_t)sizeof *attribute;
}

const void *netlink_value(const struct netlink_attribute *attribute)
{
    return attribute + 1;
}

oskit_error_t netlink_read_u32(const struct netlink_attribute *attribute, oskit_u32_t otherwise,
                               oskit_u32_t *out)
{
    *out = otherwise;
    if (attribute == NULL)
        return OSKIT_SUCCESS;
    if (netlink_value_length(attribute) != sizeof *out)
        return OSKIT_E_INVALIDARG;
    memcpy(out, netlink_value(attribute), sizeof *out);
    return OSKIT_SUCCESS;
}

oskit_u32_t netlink_address_size(oskit_s32_t family)
{
    return family == SOCKET_INET ? 4 : family == SOCKET_INET6 ? 16 : 0;
}

oskit_error_t netlink_read_address(const struct netlink_attribute *attribute, oskit_s32_t family,
                                   struct inet_address *out)
{
    oskit_u32_t size = netlink_address_size(family);

    *out = (struct inet_address){.family = family, .prefix = (oskit_u8_t)(8 * size)};
    if (size == 0 || netlink_value_length(attribute) != size)
        return OSKIT_E_INVALIDARG;
    memcpy(out->bytes, netlink_value(attribute), size);
    return OSKIT_SUCCESS;
}

oskit_error_t netlink_read_text(const struct netlink_attribute *attribute, char *out,
                                oskit_u32_t size)
{
    const char *text = netlink_value(attribute);
    oskit_u32_t length = netlink_value_length(attribute), i = 0;

    while (i < length && text[i] != 0)
        i++;
    if (i == 0 || i >= size)
        return OSKIT_E_INVALIDARG;
    memcpy(out, text, i);
    out[i] = 0;
    return OSKIT_SUCCESS;
}
