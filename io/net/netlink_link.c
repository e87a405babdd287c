/* Links over netlink: RTM_NEWLINK, DELLINK, GETLINK, SETLINK. See netlink.h. No locks. */
#include "io/net/netlink.h"

#include <sluice/string.h>
#include "io/net/interface.h"

struct link_body { /* Linux's struct ifinfomsg */
    oskit_u8_t family, pad;
    oskit_u16_t hardware;
    oskit_s32_t index;
    oskit_u32_t flags, change;
};
_Static_assert(sizeof(struct link_body) == 16, "struct ifinfomsg");

#define IFLA_ADDRESS       1
#define IFLA_BROADCAST     2
#define IFLA_IFNAME        3
#define IFLA_MTU           4
#define IFLA_QDISC         6
#define IFLA_STATS         7
#define IFLA_TXQLEN        13
#define IFLA_MAP           14
#define IFLA_OPERSTATE     16
#define IFLA_LINKMODE      17
#define IFLA_STATS64       23
#define IFLA_GROUP         27
#define IFLA_PROMISCUITY   30
#define IFLA_NUM_TX_QUEUES 31
#define IFLA_NUM_RX_QUEUES 32
#define IFLA_CARRIER       33
#define IFLA_MIN_MTU       50
#define IFLA_MAX_MTU       51

#define OPERSTATE_UNKNOWN 0
#define OPERSTATE_DOWN    2
#define OPERSTATE_UP      6

#define FAMILY_BRIDGE 7
#define NAME_SIZE     16u
#define MTU_LEAST     68u

/* ---- Showing ---- */

#define STATISTICS 24u /* words of Linux's struct rtnl_link_stats[64] */

static void put_statistics(struct netlink_builder *b, const struct netqueue_statistics *from)
{
    const oskit_u64_t wide[STATISTICS] = {from->rx_packets, from->tx_packets, from->rx_bytes,
                                          from->tx_bytes,   from->rx_errors,  from->tx_errors,
                                          from->rx_dropped, from->tx_dropped, from->rx_multicast};
    oskit_u32_t narrow[STATISTICS];

    for (oskit_u32_t i = 0; i < STATISTICS; i++)
        narrow[i] = (oskit_u32_t)wide[i];
    netlink_put(b, IFLA_STATS64, wide, sizeof wide);
    netlink_put(b, IFLA_STATS, narrow, sizeof narrow);
}

static oskit_u8_t operstate(const struct inet_interface *interface)
{
    if (interface->flags & INTERFACE_LOOPBACK)
        return OPERSTATE_UNKNOWN;
    return interface->flags & INTERFACE_UP && interface->flags & INTERFACE_RUNNING ? OPERSTATE_UP
                                                                                   : OPERSTATE_DOWN;
}

static void put_link(struct netlink_builder *b, const struct inet_interface *interface)
{
    static const oskit_u64_t map[4]; /* of device memory: none */
    bool loopback = interface->flags & INTERFACE_LOOPBACK;

    netlink_put_text(b, IFLA_IFNAME, interface->name);
    netlink_put_u32(b, IFLA_TXQLEN, INTERFACE_QUEUE_MAX);
    netlink_put_u8(b, IFLA_OPERSTATE, operstate(interface));
    netlink_put_u8(b, IFLA_LINKMODE, 0);
    netlink_put_u32(b, IFLA_MTU, interface->mtu);
    netlink_put_u32(b, IFLA_MIN_MTU, loopback ? 0 : MTU_LEAST);
    netlink_put_u32(b, IFLA_MAX_MTU, loopback ? 0 : UINT16_MAX);
    netlink_put_u32(b, IFLA_GROUP, 0);
    netlink_put_u32(b, IFLA_PROMISCUITY, interface->flags & INTERFACE_PROMISC ? 1 : 0);
    netlink_put_u32(b, IFLA_NUM_TX_QUEUES, 1);
    netlink_put_u32(b, IFLA_NUM_RX_QUEUES, 1);
    netlink_put_u8(b, IFLA_CARRIER, interface->flags & INTERFACE_RUNNING ? 1 : 0);
    netlink_put_text(b, IFLA_QDISC, loopback ? "noqueue" : "pfifo");
    netlink_put(b, IFLA_MAP, map, sizeof map);
    netlink_put(b, IFLA_ADDRESS, interface->address, interface->address_length);
    netlink_put(b, IFLA_BROADCAST, interface->broadcast, interface->address_length);
    put_statistics(b, &interface->statistics);
}

void netlink_show_link(struct netlink_builder *b, oskit_u16_t type,
                       const struct inet_interface *interface)
{
    struct link_body body = {
        .hardware = interface->hardware,
        .index = (oskit_s32_t)interface->index,
        .flags = interface->flags,
    };

    netlink_begin(b, type, &body, sizeof body);
    put_link(b, interface);
    netlink_end(b);
}

void netlink_show_gone(struct netlink_builder *b, oskit_u32_t index, const char *name)
{
    struct link_body body = {.index = (oskit_s32_t)index, .change = UINT32_MAX};

    netlink_begin(b, RTM_DELLINK, &body, sizeof body);
    netlink_put_text(b, IFLA_IFNAME, name);
    netlink_end(b);
}

static void dump_links(struct netlink_builder *b)
{
    struct inet_interface interface;

    for (oskit_u32_t index = 1; inet_interface_get(index, &interface); index = interface.index + 1)
        netlink_show_link(b, RTM_NEWLINK, &interface);
}

/* ---- One link ---- */

static oskit_error_t link_find(const struct link_body *body,
                               const struct netlink_attributes *attributes,
                               struct inet_interface *out)
{
    char name[NAME_SIZE];
    bool found;

    if (body->index > 0) {
        found = inet_interface_get((oskit_u32_t)body->index, out) &&
                out->index == (oskit_u32_t)body->index;
    } else if (attributes->of[IFLA_IFNAME] != NULL) {
        oskit_error_t err = netlink_read_text(attributes->of[IFLA_IFNAME], name, sizeof name);
        if (OSKIT_FAILED(err))
            return err;
        found = inet_interface_find(name, out);
    } else {
        return OSKIT_E_INVALIDARG;
    }
    return found ? OSKIT_SUCCESS : OSKIT_ENODEV;
}

#define FLAGS_CHANGEABLE (INTERFACE_UP | INTERFACE_PROMISC | INTERFACE_ALLMULTI)

static oskit_error_t change_flags(const struct link_body *body, oskit_u32_t index)
{
    oskit_u32_t mask = body->change != 0 ? body->change : body->flags != 0 ? UINT32_MAX : 0;

    mask &= FLAGS_CHANGEABLE;
    return mask != 0 ? inet_interface_set_flags(index, body->flags, mask) : OSKIT_SUCCESS;
}

static oskit_error_t change_address(const struct netlink_attribute *attribute,
                                    const struct inet_interface *interface)
{
    if (attribute == NULL)
        return OSKIT_SUCCESS;
    if (netlink_value_length(attribute) != interface->address_length)
        return OSKIT_E_INVALIDARG;
    return inet_interface_set_address(interface->index, netlink_value(attribute));
}

static oskit_error_t change_mtu(const struct netlink_attribute *attribute,
                                const struct inet_interface *interface)
{
    oskit_u32_t mtu;

    oskit_error_t err = netlink_read_u32(attribute, interface->mtu, &mtu);
    if (OSKIT_FAILED(err) || mtu == interface->mtu)
        return err;
    return inet_interface_set_mtu(interface->index, mtu);
}

/* A name may only be told that it has, and so may a queue its length. */
static oskit_error_t change_refused(const struct netlink_attributes *attributes,
                                    const struct inet_interface *interface)
{
    char name[NAME_SIZE];
    oskit_u32_t length;
    oskit_error_t err = OSKIT_SUCCESS;

    if (attributes->of[IFLA_IFNAME] != NULL) {
        err = netlink_read_text(attributes->of[IFLA_IFNAME], name, sizeof name);
        if (OSKIT_SUCCEEDED(err) && strcmp(name, interface->name) != 0)
            err = OSKIT_EOPNOTSUPP;
    }
    if (OSKIT_SUCCEEDED(err))
        err = netlink_read_u32(attributes->of[IFLA_TXQLEN], INTERFACE_QUEUE_MAX, &length);
    if (OSKIT_SUCCEEDED(err) && length != INTERFACE_QUEUE_MAX)
        err = OSKIT_EOPNOTSUPP;
    return err;
}

static oskit_error_t link_change(const struct netlink_request *request,
                                 const struct link_body *body,
                                 const struct netlink_attributes *attributes)
{
    struct inet_interface interface;

    oskit_error_t err = link_find(body, attributes, &interface);
    if (err == OSKIT_ENODEV && request->header->type == RTM_NEWLINK &&
        request->header->flags & NLM_F_CREATE)
        return OSKIT_EOPNOTSUPP; /* all links are cards */
    if (OSKIT_SUCCEEDED(err))
        err = change_refused(attributes, &interface);
    if (OSKIT_SUCCEEDED(err))
        err = change_address(attributes->of[IFLA_ADDRESS], &interface);
    if (OSKIT_SUCCEEDED(err))
        err = change_mtu(attributes->of[IFLA_MTU], &interface);
    return OSKIT_SUCCEEDED(err) ? change_flags(body, interface.index) : err;
}

static oskit_error_t link_get(const struct link_body *body,
                              const struct netlink_attributes *attributes,
                              struct netlink_builder *b)
{
    struct inet_interface interface;
    oskit_error_t err = link_find(body, attributes, &interface);

    if (OSKIT_SUCCEEDED(err))
        netlink_show_link(b, RTM_NEWLINK, &interface);
    return err;
}

oskit_error_t netlink_link_request(const struct netlink_request *request, struct netlink_builder *b)
{
    struct netlink_attributes attributes;
    struct link_body body = {0};

    if (request->body[0] == FAMILY_BRIDGE)
        return OSKIT_EOPNOTSUPP;
    /* Old programs ask with no more than a family. */
    if (request->dump) {
        dump_links(b);
        return OSKIT_SUCCESS;
    }
    oskit_error_t err = netlink_parse(request, sizeof body, &attributes);
    if (OSKIT_FAILED(err))
        return err;
    memcpy(&body, request->body, sizeof body);
    if (request->header->type == RTM_GETLINK)
        return link_get(&body, &attributes, b);
    if (request->header->type == RTM_DELLINK)
        return OSKIT_EOPNOTSUPP;
    return link_change(request, &body, &attributes);
}
