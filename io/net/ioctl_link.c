/* ioctls about links: flags, MTU, hardware address, queue; ethtool's. See ioctl.h. */
#include "io/net/ioctl.h"

#include <sluice/string.h>
#include "io/net/interface.h"

#define FLAGS_CHANGEABLE (INTERFACE_UP | INTERFACE_PROMISC | INTERFACE_ALLMULTI)
#define FLAGS_SHOWN      0xffffu

/* ---- Setting ---- */

static oskit_error_t hardware_set(const struct ioctl_request *request,
                                  const struct inet_interface *interface)
{
    if (request->u.address.family != interface->hardware)
        return OSKIT_E_INVALIDARG;
    return inet_interface_set_address(interface->index, request->u.address.u.hardware);
}

/* All frames to groups are received as it is. */
static oskit_error_t group_check(const struct ioctl_request *request,
                                 const struct inet_interface *interface)
{
    bool group = request->u.address.family == 0 && request->u.address.u.hardware[0] & 1;

    return group && interface->flags & INTERFACE_MULTICAST ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
}

static oskit_error_t link_set(oskit_u32_t command, const struct ioctl_request *request,
                              const struct inet_interface *interface)
{
    switch (command) {
    case SIOCSIFFLAGS:
        return inet_interface_set_flags(interface->index, (oskit_u16_t)request->u.flags,
                                        FLAGS_CHANGEABLE);
    case SIOCSIFMTU:
        return request->u.number <= 0
                   ? OSKIT_E_INVALIDARG
                   : inet_interface_set_mtu(interface->index, (oskit_u32_t)request->u.number);
    case SIOCSIFHWADDR:
        return hardware_set(request, interface);
    case SIOCADDMULTI:
    case SIOCDELMULTI:
        return group_check(request, interface);
    case SIOCSIFTXQLEN:
        return request->u.number == (oskit_s32_t)INTERFACE_QUEUE_MAX ? OSKIT_SUCCESS
                                                                     : OSKIT_EOPNOTSUPP;
    default: /* names, metrics, maps, hardware broadcast addresses: as they are */
        return OSKIT_EOPNOTSUPP;
    }
}

/* ---- Getting ---- */

static oskit_error_t link_get(oskit_u32_t command, struct ioctl_request *request,
                              const struct inet_interface *interface)
{
    switch (command) {
    case SIOCGIFFLAGS:
        request->u.flags = (oskit_s16_t)(interface->flags & FLAGS_SHOWN);
        return OSKIT_SUCCESS;
    case SIOCGIFMTU:
        request->u.number = (oskit_s32_t)interface->mtu;
        return OSKIT_SUCCESS;
    case SIOCGIFINDEX:
        request->u.number = (oskit_s32_t)interface->index;
        return OSKIT_SUCCESS;
    case SIOCGIFTXQLEN:
        request->u.number = (oskit_s32_t)INTERFACE_QUEUE_MAX;
        return OSKIT_SUCCESS;
    case SIOCGIFMETRIC:
        request->u.number = 0;
        return OSKIT_SUCCESS;
    case SIOCGIFMAP:
        memset(request->u.bytes, 0, sizeof request->u.bytes);
        return OSKIT_SUCCESS;
    case SIOCGIFHWADDR:
        memset(&request->u.address, 0, sizeof request->u.address);
        request->u.address.family = interface->hardware;
        memcpy(request->u.address.u.hardware, interface->address, interface->address_length);
        return OSKIT_SUCCESS;
    default:
        return OSKIT_ENOTTY;
    }
}

bool ioctl_link_changes(oskit_u32_t command)
{
    switch (command) {
    case SIOCSIFFLAGS:
    case SIOCSIFMTU:
    case SIOCSIFHWADDR:
    case SIOCADDMULTI:
    case SIOCDELMULTI:
    case SIOCSIFTXQLEN:
    case SIOCSIFNAME:
    case SIOCSIFMETRIC:
    case SIOCSIFMAP:
    case SIOCSIFHWBROADCAST:
        return true;
    default:
        return false;
    }
}

oskit_error_t ioctl_link(oskit_u32_t command, struct ioctl_request *request,
                         const struct inet_interface *interface)
{
    if (!ioctl_link_changes(command))
        return link_get(command, request, interface);
    return ioctl_admin() ? link_set(command, request, interface) : OSKIT_EPERM;
}

/* ---- ethtool(8) ---- */

#define ETHTOOL_GDRVINFO 0x3u
#define ETHTOOL_GLINK    0xau
#define ETHTOOL_GRXCSUM  0x14u
#define ETHTOOL_GTXCSUM  0x16u
#define ETHTOOL_GSG      0x18u
#define ETHTOOL_GTSO     0x1eu
#define ETHTOOL_GGSO     0x23u

struct ethtool_driver {
    oskit_u32_t command;
    char driver[32], version[32], firmware[32], location[32], rom[32];
    oskit_u8_t reserved[12];
    oskit_u32_t counts[5];
};
_Static_assert(sizeof(struct ethtool_driver) == 196, "struct ethtool_drvinfo");

struct ethtool_value {
    oskit_u32_t command, value;
};

static oskit_error_t driver_show(oskit_u64_t data, const struct inet_interface *interface)
{
    struct ethtool_driver driver = {.command = ETHTOOL_GDRVINFO};
    struct netqueue_info info;
    struct interface *of = interface_by_index(interface->index);

    if (of == NULL)
        return OSKIT_ENODEV;
    bool card = of->card != NULL;
    if (card)
        sluice_netqueue_get_info(of->card, &info);
    interface_put(of);
    if (!card)
        return OSKIT_EOPNOTSUPP;
    memcpy(driver.driver, info.driver, sizeof info.driver);
    memcpy(driver.location, info.location, sizeof info.location);
    return env_copy_to_user((void *)(uintptr_t)data, &driver, sizeof driver) == 0 ? OSKIT_SUCCESS
                                                                                  : OSKIT_EFAULT;
}

static oskit_u32_t features_of(const struct inet_interface *interface)
{
    struct interface *of = interface_by_index(interface->index);
    oskit_u32_t features = of != NULL ? of->features : 0;

    if (of != NULL)
        interface_put(of);
    return features;
}

static bool value_of(oskit_u32_t command, const struct inet_interface *interface, oskit_u32_t *out)
{
    oskit_u32_t features = features_of(interface);

    switch (command) {
    case ETHTOOL_GLINK:
        *out = (interface->flags & INTERFACE_RUNNING) != 0;
        return true;
    case ETHTOOL_GRXCSUM:
        *out = (features & NETQUEUE_RX_SUM) != 0;
        return true;
    case ETHTOOL_GTXCSUM:
        *out = (features & NETQUEUE_TX_SUM) != 0;
        return true;
    case ETHTOOL_GTSO:
    case ETHTOOL_GGSO:
        *out = (features & (NETQUEUE_TX_TSO4 | NETQUEUE_TX_TSO6)) != 0;
        return true;
    case ETHTOOL_GSG:
        *out = 1;
        return true;
    default:
        return false;
    }
}

oskit_error_t ioctl_ethtool(oskit_u64_t data, const struct inet_interface *interface)
{
    struct ethtool_value value;

    if (env_copy_from_user(&value.command, (void *)(uintptr_t)data, sizeof value.command) != 0)
        return OSKIT_EFAULT;
    if (value.command == ETHTOOL_GDRVINFO)
        return driver_show(data, interface);
    if (!value_of(value.command, interface, &value.value))
        return OSKIT_EOPNOTSUPP;
    return env_copy_to_user((void *)(uintptr_t)data, &value, sizeof value) == 0 ? OSKIT_SUCCESS
                                                                                : OSKIT_EFAULT;
}
