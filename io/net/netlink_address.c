/* Addresses over netlink: RTM_NEWADDR, DELADDR, GETADDR. See netlink.h. No locks. */
#include "io/net/netlink.h"

#include <sluice/string.h>
#include "io/net/interface.h"

struct address_body { /* Linux's struct ifaddrmsg */
    oskit_u8_t family, prefix, flags, scope;
    oskit_u32_t index;
};
_Static_assert(sizeof(struct address_body) == 8, "struct ifaddrmsg");

#define IFA_ADDRESS   1
#define IFA_LOCAL     2
#define IFA_LABEL     3
#define IFA_BROADCAST 4
#define IFA_CACHEINFO 6
#define IFA_FLAGS     8

#define FLAG_DEPRECATED 0x20u
#define FLAG_TENTATIVE  0x40u
#define FLAG_PERMANENT  0x80u

struct cacheinfo {
    oskit_u32_t preferred, valid, created, updated;
};

/* ---- Showing ---- */

static void put_broadcast(struct netlink_builder *b, const struct inet_address *address)
{
    oskit_u8_t bytes[4];

    for (oskit_u32_t i = 0; i < 4; i++) {
        oskit_u32_t bits = address->prefix > 8 * i ? address->prefix - 8 * i : 0;
        oskit_u8_t host = bits >= 8 ? 0 : (oskit_u8_t)(0xff >> bits);
        bytes[i] = address->bytes[i] | host;
    }
    netlink_put(b, IFA_BROADCAST, bytes, sizeof bytes);
}

void netlink_show_address(struct netlink_builder *b, oskit_u16_t type,
                          const struct inet_interface *interface, oskit_u32_t which)
{
    const struct inet_address *address = &interface->addresses[which].address;
    oskit_u32_t size = netlink_address_size(address->family);
    oskit_u32_t flags = (interface->addresses[which].permanent ? FLAG_PERMANENT : 0) |
                        (interface->addresses[which].tentative ? FLAG_TENTATIVE : 0) |
                        (interface->addresses[which].preferred == 0 ? FLAG_DEPRECATED : 0);
    struct address_body body = {
        .family = (oskit_u8_t)address->family,
        .prefix = address->prefix,
        .flags = (oskit_u8_t)flags,
        .scope = interface->addresses[which].scope,
        .index = interface->index,
    };
    struct cacheinfo times = {interface->addresses[which].preferred,
                              interface->addresses[which].valid, 0, 0};
    bool old = address->family == SOCKET_INET;

    netlink_begin(b, type, &body, sizeof body);
    netlink_put(b, IFA_ADDRESS, address->bytes, size);
    if (old)
        netlink_put(b, IFA_LOCAL, address->bytes, size);
    if (old && interface->flags & INTERFACE_BROADCAST && address->prefix < 31)
        put_broadcast(b, address);
    if (old)
        netlink_put_text(b, IFA_LABEL, interface->name);
    netlink_put_u32(b, IFA_FLAGS, flags);
    netlink_put(b, IFA_CACHEINFO, &times, sizeof times);
    netlink_end(b);
}

void netlink_show_lost_address(struct netlink_builder *b, oskit_u32_t index,
                               const struct inet_address *address)
{
    oskit_u32_t size = netlink_address_size(address->family);
    struct address_body body = {
        .family = (oskit_u8_t)address->family, .prefix = address->prefix, .index = index};

    netlink_begin(b, RTM_DELADDR, &body, sizeof body);
    netlink_put(b, IFA_ADDRESS, address->bytes, size);
    if (address->family == SOCKET_INET)
        netlink_put(b, IFA_LOCAL, address->bytes, size);
    netlink_end(b);
}

/* FAMILY and INDEX 0: all. IPv4's come first, as on Linux. */
static void dump_family(struct netlink_builder *b, oskit_s32_t family, oskit_u32_t only)
{
    struct inet_interface interface;

    for (oskit_u32_t index = 1; inet_interface_get(index, &interface); index = interface.index + 1)
        for (oskit_u32_t i = 0; i < interface.address_count; i++)
            if (interface.addresses[i].address.family == family &&
                (only == 0 || only == interface.index))
                netlink_show_address(b, RTM_NEWADDR, &interface, i);
}

/* A program that said it is strict names the interface that it wants to see. */
static void dump_addresses(const struct netlink_request *request, struct netlink_builder *b)
{
    struct address_body body = {.family = request->body[0]};

    if (request->length >= sizeof body && request->from->strict)
        memcpy(&body, request->body, sizeof body);
    if (body.family != SOCKET_INET6)
        dump_family(b, SOCKET_INET, body.index);
    if (body.family != SOCKET_INET)
        dump_family(b, SOCKET_INET6, body.index);
}

/* ---- Changing ---- */

static oskit_error_t address_read(const struct address_body *body,
                                  const struct netlink_attributes *attributes,
                                  struct inet_address *out)
{
    const struct netlink_attribute *from = attributes->of[IFA_LOCAL];

    if (netlink_address_size(body->family) == 0)
        return OSKIT_EAFNOSUPPORT;
    if (from == NULL)
        from = attributes->of[IFA_ADDRESS];
    if (from == NULL)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = netlink_read_address(from, body->family, out);
    if (OSKIT_FAILED(err))
        return err;
    if (body->prefix > out->prefix)
        return OSKIT_E_INVALIDARG;
    out->prefix = body->prefix;
    return OSKIT_SUCCESS;
}

static oskit_error_t address_change(const struct netlink_request *request,
                                    const struct address_body *body,
                                    const struct netlink_attributes *attributes)
{
    struct inet_interface interface;
    struct inet_address address;

    oskit_error_t err = address_read(body, attributes, &address);
    if (OSKIT_FAILED(err))
        return err;
    if (!inet_interface_get(body->index, &interface) || interface.index != body->index)
        return OSKIT_ENODEV;
    if (request->header->type == RTM_DELADDR)
        return inet_address_remove(body->index, &address);
    err = inet_address_add(body->index, &address);
    return err == OSKIT_EEXIST && request->header->flags & NLM_F_REPLACE ? OSKIT_SUCCESS : err;
}

/* RTM_GETADDR of one address: IPv6 has it. */
static oskit_error_t address_get(const struct address_body *body,
                                 const struct netlink_attributes *attributes,
                                 struct netlink_builder *b)
{
    struct inet_interface interface;
    struct inet_address address;

    if (body->family != SOCKET_INET6)
        return OSKIT_EOPNOTSUPP;
    oskit_error_t err = address_read(body, attributes, &address);
    if (OSKIT_FAILED(err))
        return err;
    for (oskit_u32_t index = 1; inet_interface_get(index, &interface); index = interface.index + 1)
        for (oskit_u32_t i = 0; i < interface.address_count; i++)
            if ((body->index == 0 || body->index == interface.index) &&
                interface.addresses[i].address.family == address.family &&
                memcmp(interface.addresses[i].address.bytes, address.bytes, 16) == 0) {
                netlink_show_address(b, RTM_NEWADDR, &interface, i);
                return OSKIT_SUCCESS;
            }
    return OSKIT_EADDRNOTAVAIL;
}

oskit_error_t netlink_address_request(const struct netlink_request *request,
                                      struct netlink_builder *b)
{
    struct netlink_attributes attributes;
    struct address_body body = {0};

    if (request->dump) {
        dump_addresses(request, b);
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = netlink_parse(request, sizeof body, &attributes);
    if (OSKIT_FAILED(err))
        return err;
    memcpy(&body, request->body, sizeof body);
    return request->header->type == RTM_GETADDR ? address_get(&body, &attributes, b)
                                                : address_change(request, &body, &attributes);
}
