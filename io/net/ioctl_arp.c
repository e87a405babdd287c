/* ioctls of arp(7): neighbours of IPv4. See ioctl.h. */
#include "io/net/ioctl.h"

#include <sluice/string.h>
#include "io/net/route_table.h"

struct arp_request { /* Linux's struct arpreq */
    struct ioctl_address protocol, hardware;
    oskit_s32_t flags;
    struct ioctl_address mask;
    char device[NAME_SIZE];
};
_Static_assert(sizeof(struct arp_request) == 68, "struct arpreq");

#define FLAG_COMPLETE  2
#define FLAG_PERMANENT 4
#define FLAG_PUBLISH   8

#define NUD_REACHABLE 0x02u
#define NUD_PERMANENT 0x80u
#define NUD_VALID     0xdeu /* permanent, noarp, reachable, probe, stale, delay */

#define HARDWARE_ETHERNET 1u

/* By name, or the one on whose link it is. */
static oskit_error_t arp_interface(const struct arp_request *request,
                                   const struct inet_address *address, oskit_u32_t *out)
{
    struct inet_interface interface;
    char name[NAME_SIZE];

    memcpy(name, request->device, sizeof name);
    name[NAME_SIZE - 1] = 0;
    if (name[0] == 0) {
        *out = gateway_interface(address);
        return *out != 0 ? OSKIT_SUCCESS : OSKIT_ENXIO;
    }
    if (!inet_interface_find(name, &interface))
        return OSKIT_ENODEV;
    *out = interface.index;
    return OSKIT_SUCCESS;
}

static oskit_error_t arp_get(struct arp_request *request, const struct inet_address *address,
                             oskit_u32_t index)
{
    struct neighbour_list *list = neighbours_collect();
    oskit_error_t err = OSKIT_ENXIO;

    if (list == NULL)
        return OSKIT_ENOMEM;
    for (oskit_u32_t i = 0; i < list->count; i++) {
        const struct inet_neighbour *at = &list->neighbours[i];
        if (at->interface != index || !prefix_same(&at->address, address, address->prefix))
            continue;
        request->hardware = (struct ioctl_address){.family = HARDWARE_ETHERNET};
        memcpy(request->hardware.u.hardware, at->hardware, 6);
        request->flags = (at->state & NUD_VALID ? FLAG_COMPLETE : 0) |
                         (at->state & NUD_PERMANENT ? FLAG_PERMANENT : 0);
        err = OSKIT_SUCCESS;
    }
    neighbours_free(list);
    return err;
}

static oskit_error_t arp_set(const struct arp_request *request, const struct inet_address *address,
                             oskit_u32_t index, bool remove)
{
    struct inet_neighbour neighbour = {
        .address = *address,
        .interface = index,
        .state = request->flags & FLAG_PERMANENT ? NUD_PERMANENT : NUD_REACHABLE,
    };

    if (!ioctl_admin())
        return OSKIT_EPERM;
    if (request->flags & FLAG_PUBLISH)
        return OSKIT_EOPNOTSUPP;
    if (!remove && request->hardware.family != HARDWARE_ETHERNET)
        return OSKIT_E_INVALIDARG;
    memcpy(neighbour.hardware, request->hardware.u.hardware, 6);
    return inet_neighbour_set(&neighbour, remove);
}

oskit_error_t ioctl_arp(oskit_u32_t command, oskit_u64_t argument)
{
    void *user = (void *)(uintptr_t)argument;
    struct inet_address address = {.family = SOCKET_INET, .prefix = 32};
    struct arp_request request;
    oskit_u32_t index;

    if (env_copy_from_user(&request, user, sizeof request) != 0)
        return OSKIT_EFAULT;
    if (request.protocol.family != SOCKET_INET)
        return OSKIT_EOPNOTSUPP;
    memcpy(address.bytes, request.protocol.u.in.address, 4);
    oskit_error_t err = arp_interface(&request, &address, &index);
    if (OSKIT_FAILED(err))
        return err;
    if (command != SIOCGARP)
        return arp_set(&request, &address, index, command == SIOCDARP);
    err = arp_get(&request, &address, index);
    if (OSKIT_FAILED(err))
        return err;
    return env_copy_to_user(user, &request, sizeof request) == 0 ? OSKIT_SUCCESS : OSKIT_EFAULT;
}
