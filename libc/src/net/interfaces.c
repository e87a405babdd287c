/* Interfaces: their names, numbers and addresses. */
#include <errno.h>
#include <ifaddrs.h>
#include <linux/rtnetlink.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <netpacket/packet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "net.h"

/* ---- Name and number ---- */

/* Any socket knows. */
static int interface_ask(unsigned long command, struct ifreq *request)
{
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);

    if (fd < 0)
        return -1;
    int result = ioctl(fd, command, request), error = errno;
    close(fd);
    errno = error;
    return result;
}

unsigned if_nametoindex(const char *name)
{
    struct ifreq request = {0};

    if (strlen(name) >= IF_NAMESIZE) {
        errno = ENODEV;
        return 0;
    }
    strcpy(request.ifr_name, name);
    return interface_ask(SIOCGIFINDEX, &request) < 0 ? 0 : (unsigned)request.ifr_ifindex;
}

char *if_indextoname(unsigned index, char *name)
{
    struct ifreq request = {0};

    request.ifr_ifindex = (int)index;
    if (interface_ask(SIOCGIFNAME, &request) < 0) {
        if (errno == ENODEV)
            errno = ENXIO;
        return NULL;
    }
    return strcpy(name, request.ifr_name);
}

/* ---- Attributes ---- */

static struct rtattr *attribute(struct nlmsghdr *message, size_t body, int type)
{
    int left = (int)message->nlmsg_len - (int)NLMSG_SPACE(body);
    struct rtattr *at = (struct rtattr *)((char *)NLMSG_DATA(message) + NLMSG_ALIGN(body));

    for (; RTA_OK(at, left); at = RTA_NEXT(at, left))
        if (at->rta_type == type)
            return at;
    return NULL;
}

static struct rtattr *link_attribute(struct nlmsghdr *message, int type)
{
    return attribute(message, sizeof(struct ifinfomsg), type);
}

static struct rtattr *address_attribute(struct nlmsghdr *message, int type)
{
    return attribute(message, sizeof(struct ifaddrmsg), type);
}

/* ---- if_nameindex ---- */

struct name_list {
    struct if_nameindex *list;
    size_t count; /* without the last one */
};

static bool name_add(void *arg, struct nlmsghdr *message)
{
    struct name_list *names = arg;
    struct rtattr *name = link_attribute(message, IFLA_IFNAME);

    if (!name)
        return true;
    struct if_nameindex *list = realloc(names->list, (names->count + 2) * sizeof(*list));
    if (!list)
        return false;
    names->list = list;
    list[names->count].if_index = (unsigned)((struct ifinfomsg *)NLMSG_DATA(message))->ifi_index;
    list[names->count].if_name = strndup(RTA_DATA(name), IF_NAMESIZE - 1);
    if (!list[names->count].if_name)
        return false;
    list[++names->count] = (struct if_nameindex){0, NULL};
    return true;
}

struct if_nameindex *if_nameindex(void)
{
    struct name_list names = {calloc(1, sizeof(struct if_nameindex)), 0};

    if (names.list && __netlink_dump(RTM_GETLINK, AF_UNSPEC, name_add, &names))
        return names.list;
    if_freenameindex(names.list);
    return NULL;
}

void if_freenameindex(struct if_nameindex *list)
{
    for (struct if_nameindex *at = list; at && at->if_name; at++)
        free(at->if_name);
    free(list);
}

/* ---- getifaddrs ---- */

union any_address {
    struct sockaddr address;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
    struct {
        struct sockaddr_ll ll;
        char longer[24]; /* hardware has longer ones than sockaddr_ll */
    } packet;
};

/* One entry with all that it points to. */
struct entry {
    struct ifaddrs public;
    char name[IF_NAMESIZE];
    unsigned index;
    union any_address address, netmask, broadcast;
    struct rtnl_link_stats stats;
};

struct entry_list {
    struct ifaddrs *first, **end;
};

static struct entry *entry_new(struct entry_list *list)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return NULL;
    entry->public.ifa_name = entry->name;
    *list->end = &entry->public;
    list->end = &entry->public.ifa_next;
    return entry;
}

static void hardware_put(union any_address *out, const struct ifinfomsg *link,
                         struct rtattr *attribute)
{
    struct sockaddr_ll *ll = &out->packet.ll;
    size_t length = attribute ? (size_t)RTA_PAYLOAD(attribute) : 0;
    size_t room = sizeof(out->packet) - offsetof(struct sockaddr_ll, sll_addr);

    ll->sll_family = AF_PACKET;
    ll->sll_ifindex = link->ifi_index;
    ll->sll_hatype = link->ifi_type;
    ll->sll_halen = (unsigned char)(length < room ? length : room);
    if (attribute)
        memcpy(ll->sll_addr, RTA_DATA(attribute), ll->sll_halen);
}

static bool link_add(void *arg, struct nlmsghdr *message)
{
    const struct ifinfomsg *link = NLMSG_DATA(message);
    struct rtattr *name = link_attribute(message, IFLA_IFNAME);
    struct rtattr *stats = link_attribute(message, IFLA_STATS);
    struct entry *entry = entry_new(arg);

    if (!entry)
        return false;
    entry->index = (unsigned)link->ifi_index;
    if (name)
        strncpy(entry->name, RTA_DATA(name), IF_NAMESIZE - 1);
    entry->public.ifa_flags = link->ifi_flags;
    hardware_put(&entry->address, link, link_attribute(message, IFLA_ADDRESS));
    hardware_put(&entry->broadcast, link, link_attribute(message, IFLA_BROADCAST));
    entry->public.ifa_addr = &entry->address.address;
    entry->public.ifa_broadaddr = &entry->broadcast.address;
    if (stats && (size_t)RTA_PAYLOAD(stats) <= sizeof(entry->stats)) {
        memcpy(&entry->stats, RTA_DATA(stats), (size_t)RTA_PAYLOAD(stats));
        entry->public.ifa_data = &entry->stats;
    }
    return true;
}

static void *internet_put(union any_address *out, int family, const void *bytes, unsigned index)
{
    if (family == AF_INET) {
        out->in.sin_family = AF_INET;
        return memcpy(&out->in.sin_addr, bytes, 4);
    }
    const uint8_t *six = bytes;
    bool local =
        (six[0] == 0xfe && (six[1] & 0xc0) == 0x80) || (six[0] == 0xff && (six[1] & 0xf) == 2);
    out->in6.sin6_family = AF_INET6;
    out->in6.sin6_scope_id = local ? index : 0;
    return memcpy(&out->in6.sin6_addr, bytes, 16);
}

static void mask_put(union any_address *out, int family, int bits)
{
    uint8_t mask[16] = {0};

    for (int n = 0; n < bits && n < 128; n++)
        mask[n / 8] |= (uint8_t)(0x80 >> n % 8);
    internet_put(out, family, mask, 0);
    if (family == AF_INET6)
        out->in6.sin6_scope_id = 0;
}

static const struct entry *link_of(const struct entry_list *list, unsigned index)
{
    for (const struct ifaddrs *at = list->first; at; at = at->ifa_next)
        if (((const struct entry *)at)->index == index)
            return (const struct entry *)at;
    return NULL;
}

/* Of a link between two points ADDRESS is the other end and LOCAL our own. */
static void address_fill(struct entry *entry, const struct ifaddrmsg *message,
                         struct nlmsghdr *whole)
{
    struct rtattr *address = address_attribute(whole, IFA_ADDRESS);
    struct rtattr *local = address_attribute(whole, IFA_LOCAL);
    struct rtattr *broadcast = address_attribute(whole, IFA_BROADCAST);
    int family = message->ifa_family;

    if (!local)
        local = address;
    if (local) {
        internet_put(&entry->address, family, RTA_DATA(local), message->ifa_index);
        entry->public.ifa_addr = &entry->address.address;
    }
    if (entry->public.ifa_flags & IFF_POINTOPOINT)
        broadcast = address;
    if (broadcast) {
        internet_put(&entry->broadcast, family, RTA_DATA(broadcast), message->ifa_index);
        entry->public.ifa_broadaddr = &entry->broadcast.address;
    }
    mask_put(&entry->netmask, family, message->ifa_prefixlen);
    entry->public.ifa_netmask = &entry->netmask.address;
}

static bool address_add(void *arg, struct nlmsghdr *whole)
{
    const struct ifaddrmsg *message = NLMSG_DATA(whole);
    struct rtattr *label = address_attribute(whole, IFA_LABEL);

    if (message->ifa_family != AF_INET && message->ifa_family != AF_INET6)
        return true;
    const struct entry *link = link_of(arg, message->ifa_index);
    struct entry *entry = entry_new(arg);
    if (!entry)
        return false;
    if (link) {
        strcpy(entry->name, link->name);
        entry->public.ifa_flags = link->public.ifa_flags;
    }
    if (label)
        strncpy(entry->name, RTA_DATA(label), IF_NAMESIZE - 1);
    address_fill(entry, message, whole);
    return true;
}

int getifaddrs(struct ifaddrs **out)
{
    struct entry_list list = {.first = NULL, .end = &list.first};

    if (__netlink_dump(RTM_GETLINK, AF_UNSPEC, link_add, &list) &&
        __netlink_dump(RTM_GETADDR, AF_UNSPEC, address_add, &list)) {
        *out = list.first;
        return 0;
    }
    freeifaddrs(list.first);
    return -1;
}

void freeifaddrs(struct ifaddrs *list)
{
    while (list) {
        struct ifaddrs *next = list->ifa_next;
        free(list);
        list = next;
    }
}
