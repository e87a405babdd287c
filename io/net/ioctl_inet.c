/*
 * ioctls about IPv4 addresses. See ioctl.h. An interface has one; to set it is to take the old one
 * away, and to set the mask is to set the address anew.
 */
#include "io/net/ioctl.h"

#include <sluice/string.h>
#include "io/net/interface.h"
#include "io/net/route_table.h"

#define BITS 32u

/* The interface's; NULL: it has none. */
static const struct inet_address *address_of(const struct inet_interface *interface)
{
    for (oskit_u32_t i = 0; i < interface->address_count; i++)
        if (interface->addresses[i].address.family == SOCKET_INET)
            return &interface->addresses[i].address;
    return NULL;
}

static void mask_of(oskit_u32_t prefix, oskit_u8_t mask[4])
{
    oskit_u32_t word = prefix == 0 ? 0 : UINT32_MAX << (BITS - prefix);

    for (oskit_u32_t i = 0; i < 4; i++)
        mask[i] = (oskit_u8_t)(word >> (24 - 8 * i));
}

/* false: ones come after zeros. */
static bool prefix_of(const oskit_u8_t mask[4], oskit_u8_t *out)
{
    oskit_u32_t word = 0;

    for (oskit_u32_t i = 0; i < 4; i++)
        word = word << 8 | mask[i];
    for (*out = 0; *out < BITS && word >> 31; word <<= 1)
        ++*out;
    return word == 0;
}

/* What an address alone says, in the old way of classes. */
static oskit_u8_t class_prefix(const oskit_u8_t *address)
{
    return address[0] < 128 ? 8 : address[0] < 192 ? 16 : 24;
}

static void broadcast_of(const struct inet_address *address, oskit_u8_t out[4])
{
    oskit_u8_t mask[4];

    mask_of(address->prefix, mask);
    for (oskit_u32_t i = 0; i < 4; i++)
        out[i] = address->bytes[i] | (oskit_u8_t)~mask[i];
}

/* ---- Getting ---- */

static oskit_error_t inet_get(oskit_u32_t command, struct ioctl_request *request,
                              const struct inet_interface *interface)
{
    const struct inet_address *address = address_of(interface);
    oskit_u8_t bytes[4] = {0};

    if (address == NULL)
        return OSKIT_EADDRNOTAVAIL;
    if (command == SIOCGIFNETMASK)
        mask_of(address->prefix, bytes);
    else if (command != SIOCGIFBRDADDR)
        memcpy(bytes, address->bytes, sizeof bytes);
    else if (interface->flags & INTERFACE_BROADCAST)
        broadcast_of(address, bytes);
    ioctl_address_set(&request->u.address, bytes);
    return OSKIT_SUCCESS;
}

/* ---- Setting ---- */

static oskit_error_t address_replace(oskit_u32_t index, const struct inet_address *old,
                                     const struct inet_address *new)
{
    static const oskit_u8_t none[4];
    oskit_error_t err = old != NULL ? inet_address_remove(index, old) : OSKIT_SUCCESS;

    if (OSKIT_FAILED(err) || memcmp(new->bytes, none, sizeof none) == 0)
        return err;
    err = inet_address_add(index, new);
    if (OSKIT_FAILED(err) && old != NULL)
        inet_address_add(index, old);
    return err;
}

static oskit_error_t address_set(const struct ioctl_request *request,
                                 const struct inet_interface *interface)
{
    const struct inet_address *old = address_of(interface);
    struct inet_address new = {.family = SOCKET_INET};

    memcpy(new.bytes, request->u.address.u.in.address, 4);
    if (new.bytes[0] >= 224)
        return OSKIT_E_INVALIDARG;
    if (old != NULL && memcmp(old->bytes, new.bytes, 4) == 0)
        return OSKIT_SUCCESS;
    new.prefix = class_prefix(new.bytes);
    return address_replace(interface->index, old, &new);
}

static oskit_error_t mask_set(const struct ioctl_request *request,
                              const struct inet_interface *interface)
{
    const struct inet_address *old = address_of(interface);

    if (old == NULL)
        return OSKIT_EADDRNOTAVAIL;
    struct inet_address new = *old;
    if (!prefix_of(request->u.address.u.in.address, &new.prefix))
        return OSKIT_E_INVALIDARG;
    return new.prefix == old->prefix ? OSKIT_SUCCESS : address_replace(interface->index, old, &new);
}

/* What follows from address and mask may be told as it is, not changed. */
static oskit_error_t derived_set(oskit_u32_t command, const struct ioctl_request *request,
                                 const struct inet_interface *interface)
{
    const struct inet_address *address = address_of(interface);
    oskit_u8_t bytes[4];

    if (address == NULL)
        return OSKIT_EADDRNOTAVAIL;
    if (command == SIOCSIFBRDADDR)
        broadcast_of(address, bytes);
    else
        memcpy(bytes, address->bytes, sizeof bytes);
    return memcmp(bytes, request->u.address.u.in.address, 4) == 0 ? OSKIT_SUCCESS
                                                                  : OSKIT_EOPNOTSUPP;
}

static oskit_error_t inet_set(oskit_u32_t command, const struct ioctl_request *request,
                              const struct inet_interface *interface)
{
    if (!ioctl_admin())
        return OSKIT_EPERM;
    if (request->u.address.family != SOCKET_INET)
        return OSKIT_E_INVALIDARG;
    if (command == SIOCSIFADDR)
        return address_set(request, interface);
    return command == SIOCSIFNETMASK ? mask_set(request, interface)
                                     : derived_set(command, request, interface);
}

oskit_error_t ioctl_inet(oskit_u32_t command, struct ioctl_request *request,
                         const struct inet_interface *interface)
{
    switch (command) {
    case SIOCGIFADDR:
    case SIOCGIFDSTADDR:
    case SIOCGIFBRDADDR:
    case SIOCGIFNETMASK:
        return inet_get(command, request, interface);
    case SIOCSIFADDR:
    case SIOCSIFDSTADDR:
    case SIOCSIFBRDADDR:
    case SIOCSIFNETMASK:
        return inet_set(command, request, interface);
    default:
        return OSKIT_ENOTTY;
    }
}

/* ---- Routes: struct rtentry ---- */

struct route_request {
    oskit_u64_t pad1;
    struct ioctl_address destination, gateway, mask;
    oskit_u16_t flags;
    oskit_u8_t pad2[6];
    oskit_u64_t pad3[2];
    oskit_s16_t metric; /* and one */
    oskit_u8_t pad4[6];
    oskit_u64_t device; /* the address of a name; 0: none */
    oskit_u64_t mtu, window;
    oskit_u16_t round_trip;
};
_Static_assert(sizeof(struct route_request) == 120, "struct rtentry");

#define FLAG_GATEWAY 2u
#define FLAG_HOST    4u
#define FLAG_REJECT  0x200u

/* A name in a program's memory, which may end right behind it. */
static oskit_error_t name_read(oskit_u64_t from, char name[NAME_SIZE])
{
    for (oskit_u32_t i = 0; i < NAME_SIZE; i++) {
        if (env_copy_from_user(name + i, (void *)(uintptr_t)(from + i), 1) != 0)
            return OSKIT_EFAULT;
        if (name[i] == 0)
            return OSKIT_SUCCESS;
    }
    return OSKIT_ENODEV;
}

static oskit_error_t route_device(oskit_u64_t device, oskit_u32_t *index)
{
    struct inet_interface interface;
    char name[NAME_SIZE];

    *index = 0;
    if (device == 0)
        return OSKIT_SUCCESS;
    oskit_error_t err = name_read(device, name);
    if (OSKIT_FAILED(err))
        return err;
    if (!inet_interface_find(name, &interface))
        return OSKIT_ENODEV;
    *index = interface.index;
    return OSKIT_SUCCESS;
}

static bool bits_beyond(const oskit_u8_t *address, oskit_u8_t prefix)
{
    oskit_u8_t mask[4];

    mask_of(prefix, mask);
    for (oskit_u32_t i = 0; i < 4; i++)
        if (address[i] & ~mask[i])
            return true;
    return false;
}

static oskit_error_t route_read(const struct route_request *request, struct inet_route *out)
{
    *out = (struct inet_route){.destination.family = SOCKET_INET};
    if (request->destination.family != SOCKET_INET)
        return OSKIT_EAFNOSUPPORT;
    if (request->flags & FLAG_REJECT)
        return OSKIT_EOPNOTSUPP;
    memcpy(out->destination.bytes, request->destination.u.in.address, 4);
    out->destination.prefix = BITS;
    if (!(request->flags & FLAG_HOST) &&
        !prefix_of(request->mask.u.in.address, &out->destination.prefix))
        return OSKIT_E_INVALIDARG;
    if (bits_beyond(out->destination.bytes, out->destination.prefix))
        return OSKIT_E_INVALIDARG;
    if (request->flags & FLAG_GATEWAY) {
        if (request->gateway.family != SOCKET_INET)
            return OSKIT_E_INVALIDARG;
        out->gateway = (struct inet_address){.family = SOCKET_INET, .prefix = BITS};
        memcpy(out->gateway.bytes, request->gateway.u.in.address, 4);
    }
    out->metric = request->metric > 0 ? (oskit_u32_t)request->metric - 1 : 0;
    return route_device(request->device, &out->interface);
}

oskit_error_t ioctl_route(oskit_u32_t command, oskit_u64_t argument)
{
    struct route_request request;
    struct inet_route route;

    if (!ioctl_admin())
        return OSKIT_EPERM;
    if (env_copy_from_user(&request, (void *)(uintptr_t)argument, sizeof request) != 0)
        return OSKIT_EFAULT;
    oskit_error_t err = route_read(&request, &route);
    if (OSKIT_FAILED(err))
        return err;
    return command == SIOCADDRT ? route_add_complete(&route) : route_remove_like(&route);
}
