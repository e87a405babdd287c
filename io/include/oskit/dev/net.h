/*
 * A network device. [thread]
 */
#ifndef OSKIT_DEV_NET_H
#define OSKIT_DEV_NET_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/dev/device.h>
#include <oskit/io/bufio.h>
#include <oskit/io/netio.h>

/* Flags of open. */
#define OSKIT_NETDEV_RX_POLLING 0x01 /* no receive interrupts: packets come by rxpoll */
#define OSKIT_NETDEV_TX_POLLING \
    0x02 /* no send interrupts: sent packets are reaped at the next push */

typedef struct oskit_netdev {
    struct oskit_netdev_ops *ops;
} oskit_netdev_t;

struct oskit_netdev_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_netdev_t)

    /* As in oskit_device. */
    oskit_error_t (*getinfo)(oskit_netdev_t *self, oskit_devinfo_t *out_info);
    oskit_error_t (*getdriver)(oskit_netdev_t *self, oskit_driver_t **out_driver);

    /* And its own. */

    /*
     * Starts it: received packets are pushed into RECV_NETIO (a reference is taken), packets to
     * send are pushed into *out_send_netio, whose release stops it. OSKIT_EBUSY when it is open;
     * OSKIT_E_NOTIMPL for FLAGS it can not do.
     */
    oskit_error_t (*open)(oskit_netdev_t *self, unsigned flags, oskit_netio_t *recv_netio,
                          oskit_netio_t **out_send_netio);

    /*
     * For a device opened with RX_POLLING: the packets that have come, at most *count, each with a
     * reference; *count says how many. OSKIT_ENODATA when there are none, OSKIT_ENODEV when it is
     * not polled.
     */
    oskit_error_t (*rxpoll)(oskit_netdev_t *self, int *count, oskit_bufio_t *out_bufs[]);
};

extern const struct oskit_guid oskit_netdev_iid;
#define OSKIT_NETDEV_IID \
    OSKIT_GUID(0x4aa7df8c, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_netdev_query(self, iid, out) \
    ((self)->ops->query((oskit_netdev_t *)(self), (iid), (out)))
#define oskit_netdev_addref(self)  ((self)->ops->addref((oskit_netdev_t *)(self)))
#define oskit_netdev_release(self) ((self)->ops->release((oskit_netdev_t *)(self)))
#define oskit_netdev_getinfo(self, out_info) \
    ((self)->ops->getinfo((oskit_netdev_t *)(self), (out_info)))
#define oskit_netdev_getdriver(self, out_driver) \
    ((self)->ops->getdriver((oskit_netdev_t *)(self), (out_driver)))
#define oskit_netdev_open(self, flags, recv_netio, out_send_netio) \
    ((self)->ops->open((oskit_netdev_t *)(self), (flags), (recv_netio), (out_send_netio)))
#define oskit_netdev_rxpoll(self, count, out_bufs) \
    ((self)->ops->rxpoll((oskit_netdev_t *)(self), (count), (out_bufs)))

#endif
