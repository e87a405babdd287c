/* Neighbours over netlink: RTM_NEWNEIGH, DELNEIGH, GETNEIGH. See netlink.h. No locks. */
#include "io/net/netlink.h"

#include <sluice/string.h>
#include "io/net/route_table.h"

struct neighbour_body { /* Linux's struct ndmsg */
    oskit_u8_t family, pad[3];
    oskit_s32_t index;
    oskit_u16_t state;
    oskit_u8_t flags, type;
};
_Static_assert(sizeof(struct neighbour_body) == 12, "struct ndmsg");

#define NDA_DST     1
#define NDA_LLADDR  2
#define NDA_IFINDEX 8

#define NUD_PERMANENT  0x80u
#define NUD_INCOMPLETE 1u
#define TYPE_UNICAST   1u
#define HARDWARE_SIZE  6u
#define FAMILY_BRIDGE  7

/* ---- Showing ---- */

void netlink_show_neighbour(struct netlink_builder *b, oskit_u16_t type,
                            const struct inet_neighbour *neighbour)
{
    struct neighbour_body body = {
        .family = (oskit_u8_t)neighbour->address.family,
        .index = (oskit_s32_t)neighbour->interface,
        .state = neighbour->state,
        .type = TYPE_UNICAST,
    };

    netlink_begin(b, type, &body, sizeof body);
    netlink_put(b, NDA_DST, neighbour->address.bytes,
                netlink_address_size(neighbour->address.family));
    if (!(neighbour->state & NUD_INCOMPLETE))
        netlink_put(b, NDA_LLADDR, neighbour->hardware, HARDWARE_SIZE);
    netlink_end(b);
}

/* What is wanted of them. */
struct neighbour_filter {
    oskit_s32_t family;              /* 0: all */
    oskit_u32_t index;               /* 0: all */
    const struct inet_address *only; /* NULL: all */
};

static bool neighbour_wanted(const struct neighbour_filter *filter,
                             const struct inet_neighbour *neighbour)
{
    if ((filter->family != 0 && filter->family != neighbour->address.family) ||
        (filter->index != 0 && filter->index != neighbour->interface))
        return false;
    return filter->only == NULL || memcmp(filter->only->bytes, neighbour->address.bytes,
                                          netlink_address_size(filter->family)) == 0;
}

/* OSKIT_ENOENT: there is none such. */
static oskit_error_t show_wanted(struct netlink_builder *b, const struct neighbour_filter *filter)
{
    struct neighbour_list *list = neighbours_collect();
    oskit_error_t err = OSKIT_ENOENT;

    if (list == NULL)
        return OSKIT_ENOMEM;
    for (oskit_u32_t i = 0; i < list->count; i++)
        if (neighbour_wanted(filter, &list->neighbours[i])) {
            netlink_show_neighbour(b, RTM_NEWNEIGH, &list->neighbours[i]);
            err = OSKIT_SUCCESS;
        }
    neighbours_free(list);
    return err;
}

static oskit_error_t dump_neighbours(const struct netlink_request *request,
                                     struct netlink_builder *b)
{
    struct neighbour_filter filter = {.family = request->body[0]};
    struct netlink_attributes attributes;
    oskit_error_t err = OSKIT_SUCCESS;

    if (filter.family == FAMILY_BRIDGE)
        return OSKIT_EOPNOTSUPP;
    if (OSKIT_SUCCEEDED(netlink_parse(request, sizeof(struct neighbour_body), &attributes)))
        err = netlink_read_u32(attributes.of[NDA_IFINDEX], 0, &filter.index);
    if (OSKIT_SUCCEEDED(err))
        err = show_wanted(b, &filter);
    return err == OSKIT_ENOENT ? OSKIT_SUCCESS : err;
}

static oskit_error_t neighbour_get(const struct inet_neighbour *asked, struct netlink_builder *b)
{
    return show_wanted(
        b, &(struct neighbour_filter){asked->address.family, asked->interface, &asked->address});
}

/* ---- Changing ---- */

static oskit_error_t neighbour_read(const struct neighbour_body *body,
                                    const struct netlink_attributes *attributes,
                                    struct inet_neighbour *out)
{
    struct inet_interface interface;

    *out = (struct inet_neighbour){.interface = (oskit_u32_t)body->index, .state = body->state};
    if (netlink_address_size(body->family) == 0)
        return OSKIT_EAFNOSUPPORT;
    if (attributes->of[NDA_DST] == NULL)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = netlink_read_address(attributes->of[NDA_DST], body->family, &out->address);
    if (OSKIT_FAILED(err))
        return err;
    return body->index > 0 && interface_of(out->interface, &interface) ? OSKIT_SUCCESS
                                                                       : OSKIT_ENODEV;
}

static oskit_error_t neighbour_add(struct inet_neighbour *neighbour,
                                   const struct netlink_attribute *hardware)
{
    if (hardware == NULL || netlink_value_length(hardware) != HARDWARE_SIZE)
        return OSKIT_E_INVALIDARG;
    memcpy(neighbour->hardware, netlink_value(hardware), HARDWARE_SIZE);
    if (neighbour->state == 0)
        neighbour->state = NUD_PERMANENT;
    return inet_neighbour_set(neighbour, false);
}

oskit_error_t netlink_neighbour_request(const struct netlink_request *request,
                                        struct netlink_builder *b)
{
    struct netlink_attributes attributes;
    struct neighbour_body body;
    struct inet_neighbour neighbour;

    if (request->dump)
        return dump_neighbours(request, b);
    oskit_error_t err = netlink_parse(request, sizeof body, &attributes);
    if (OSKIT_FAILED(err))
        return err;
    memcpy(&body, request->body, sizeof body);
    err = neighbour_read(&body, &attributes, &neighbour);
    if (OSKIT_FAILED(err))
        return err;
    if (request->header->type == RTM_GETNEIGH)
        return neighbour_get(&neighbour, b);
    return request->header->type == RTM_NEWNEIGH
               ? neighbour_add(&neighbour, attributes.of[NDA_LLADDR])
               : inet_neighbour_set(&neighbour, true);
}
