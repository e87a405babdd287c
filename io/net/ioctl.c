/* The ioctls of every socket: which is whose, and those that name no interface. See ioctl.h. */
#include "io/net/ioctl.h"

#include <sluice/string.h>
#include "io/net/family.h"
#include "io/net/socket_private.h"

bool ioctl_admin(void)
{
    return socket_caller_may(CAPABILITY_NET_ADMIN);
}

void ioctl_address_set(struct ioctl_address *out, const oskit_u8_t *bytes)
{
    *out = (struct ioctl_address){.family = SOCKET_INET};
    memcpy(out->u.in.address, bytes, sizeof out->u.in.address);
}

static void *user(oskit_u64_t address)
{
    return (void *)(uintptr_t)address;
}

/* ---- SIOCGIFCONF ---- */

struct ioctl_list { /* Linux's struct ifconf */
    oskit_s32_t length;
    oskit_u32_t pad;
    oskit_u64_t requests;
};

/* Puts the interface's entry at AT bytes of the list, if there is room. */
static oskit_error_t list_put(const struct ioctl_list *list, oskit_u32_t at,
                              const struct inet_interface *interface, const oskit_u8_t *address)
{
    struct ioctl_request request = {.name = {0}};

    if (list->requests == 0)
        return OSKIT_SUCCESS;
    memcpy(request.name, interface->name, sizeof request.name);
    ioctl_address_set(&request.u.address, address);
    return env_copy_to_user(user(list->requests + at), &request, sizeof request) == 0
               ? OSKIT_SUCCESS
               : OSKIT_EFAULT;
}

/* Those with an IPv4 address. Without a list only the length is told. */
static oskit_error_t list_fill(struct ioctl_list *list)
{
    oskit_u32_t room = list->requests != 0 ? (oskit_u32_t)list->length : UINT32_MAX, at = 0;
    struct inet_interface interface;
    oskit_error_t err = OSKIT_SUCCESS;

    for (oskit_u32_t index = 1; inet_interface_get(index, &interface); index = interface.index + 1)
        for (oskit_u32_t i = 0; i < interface.address_count && OSKIT_SUCCEEDED(err); i++) {
            const struct inet_address *address = &interface.addresses[i].address;
            if (address->family != SOCKET_INET || room - at < sizeof(struct ioctl_request))
                continue;
            err = list_put(list, at, &interface, address->bytes);
            at += (oskit_u32_t)sizeof(struct ioctl_request);
        }
    list->length = (oskit_s32_t)at;
    return err;
}

static oskit_error_t ioctl_configuration(oskit_u64_t argument)
{
    struct ioctl_list list;

    if (env_copy_from_user(&list, user(argument), sizeof list) != 0)
        return OSKIT_EFAULT;
    if (list.length < 0 && list.requests != 0)
        return OSKIT_E_INVALIDARG;
    oskit_error_t err = list_fill(&list);
    if (OSKIT_FAILED(err))
        return err;
    return env_copy_to_user(user(argument), &list, sizeof list) == 0 ? OSKIT_SUCCESS : OSKIT_EFAULT;
}

/* ---- Those with a struct ifreq ---- */

/* "eth0:1" is eth0: there are no aliases. */
static void name_end(char *name)
{
    name[NAME_SIZE - 1] = 0;
    for (; *name != 0; name++)
        if (*name == ':')
            *name = 0;
}

static oskit_error_t request_name(struct ioctl_request *request)
{
    struct inet_interface interface;
    oskit_u32_t index = (oskit_u32_t)request->u.number;

    if (index == 0 || !inet_interface_get(index, &interface) || interface.index != index)
        return OSKIT_ENODEV;
    memcpy(request->name, interface.name, sizeof request->name);
    return OSKIT_SUCCESS;
}

static oskit_error_t request_run(oskit_u32_t command, struct ioctl_request *request)
{
    char name[NAME_SIZE];
    struct inet_interface interface;

    if (command == SIOCGIFNAME)
        return request_name(request);
    if (ioctl_link_changes(command) && !ioctl_admin())
        return OSKIT_EPERM; /* of whichever interface, and of none */
    memcpy(name, request->name, sizeof name);
    name_end(name);
    if (!inet_interface_find(name, &interface))
        return OSKIT_ENODEV;
    if (command == SIOCETHTOOL)
        return ioctl_ethtool(request->u.data, &interface);
    oskit_error_t err = ioctl_link(command, request, &interface);
    return err == OSKIT_ENOTTY ? ioctl_inet(command, request, &interface) : err;
}

static oskit_error_t ioctl_interface(oskit_u32_t command, oskit_u64_t argument)
{
    struct ioctl_request request;

    if (env_copy_from_user(&request, user(argument), sizeof request) != 0)
        return OSKIT_EFAULT;
    oskit_error_t err = request_run(command, &request);
    if (OSKIT_FAILED(err))
        return err;
    return env_copy_to_user(user(argument), &request, sizeof request) == 0 ? OSKIT_SUCCESS
                                                                           : OSKIT_EFAULT;
}

/* Whether its argument is a struct ifreq; an unknown command's isn't looked at. */
static bool command_known(oskit_u32_t command)
{
    static const oskit_u16_t known[] = {
        SIOCGIFNAME,    SIOCGIFFLAGS,       SIOCSIFFLAGS,   SIOCGIFADDR,    SIOCSIFADDR,
        SIOCGIFDSTADDR, SIOCSIFDSTADDR,     SIOCGIFBRDADDR, SIOCSIFBRDADDR, SIOCGIFNETMASK,
        SIOCSIFNETMASK, SIOCGIFMETRIC,      SIOCSIFMETRIC,  SIOCGIFMTU,     SIOCSIFMTU,
        SIOCSIFNAME,    SIOCSIFHWADDR,      SIOCGIFHWADDR,  SIOCADDMULTI,   SIOCDELMULTI,
        SIOCGIFINDEX,   SIOCSIFHWBROADCAST, SIOCGIFTXQLEN,  SIOCSIFTXQLEN,  SIOCETHTOOL,
        SIOCGIFMAP,     SIOCSIFMAP,
    };

    for (size_t i = 0; i < SLUICE_COUNT(known); i++)
        if (known[i] == command)
            return true;
    return false;
}

static oskit_error_t ioctl_any(oskit_u32_t command, oskit_u64_t argument, oskit_s32_t *out_result)
{
    *out_result = 0;
    switch (command) {
    case SIOCGIFCONF:
        return ioctl_configuration(argument);
    case SIOCADDRT:
    case SIOCDELRT:
        return ioctl_route(command, argument);
    case SIOCDARP:
    case SIOCGARP:
    case SIOCSARP:
        return ioctl_arp(command, argument);
    default:
        return command_known(command) ? ioctl_interface(command, argument) : OSKIT_ENOTTY;
    }
}

void net_ioctl_register(void)
{
    net_ioctl = ioctl_any;
}
