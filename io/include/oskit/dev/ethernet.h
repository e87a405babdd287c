/*
 * An Ethernet device: packets are frames from destination address to payload, without the check
 * sequence. [thread]
 */
#ifndef OSKIT_DEV_ETHERNET_H
#define OSKIT_DEV_ETHERNET_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/dev/net.h>

#define OSKIT_ETHERDEV_ADDR_SIZE 6

typedef struct oskit_etherdev {
    struct oskit_etherdev_ops *ops;
} oskit_etherdev_t;

struct oskit_etherdev_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_etherdev_t)

    /* As in oskit_netdev. */
    oskit_error_t (*getinfo)(oskit_etherdev_t *self, oskit_devinfo_t *out_info);
    oskit_error_t (*getdriver)(oskit_etherdev_t *self, oskit_driver_t **out_driver);
    oskit_error_t (*open)(oskit_etherdev_t *self, unsigned flags, oskit_netio_t *recv_netio,
                          oskit_netio_t **out_send_netio);
    oskit_error_t (*rxpoll)(oskit_etherdev_t *self, int *count, oskit_bufio_t *out_bufs[]);

    /* And its own. */

    /* The station's address. [any] */
    void (*getaddr)(oskit_etherdev_t *self, unsigned char out_addr[OSKIT_ETHERDEV_ADDR_SIZE]);
};

extern const struct oskit_guid oskit_etherdev_iid;
#define OSKIT_ETHERDEV_IID \
    OSKIT_GUID(0x4aa7df98, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_etherdev_query(self, iid, out) \
    ((self)->ops->query((oskit_etherdev_t *)(self), (iid), (out)))
#define oskit_etherdev_addref(self)  ((self)->ops->addref((oskit_etherdev_t *)(self)))
#define oskit_etherdev_release(self) ((self)->ops->release((oskit_etherdev_t *)(self)))
#define oskit_etherdev_getinfo(self, out_info) \
    ((self)->ops->getinfo((oskit_etherdev_t *)(self), (out_info)))
#define oskit_etherdev_getdriver(self, out_driver) \
    ((self)->ops->getdriver((oskit_etherdev_t *)(self), (out_driver)))
#define oskit_etherdev_open(self, flags, recv_netio, out_send_netio) \
    ((self)->ops->open((oskit_etherdev_t *)(self), (flags), (recv_netio), (out_send_netio)))
#define oskit_etherdev_rxpoll(self, count, out_bufs) \
    ((self)->ops->rxpoll((oskit_etherdev_t *)(self), (count), (out_bufs)))
#define oskit_etherdev_getaddr(self, out_addr) \
    ((self)->ops->getaddr((oskit_etherdev_t *)(self), (out_addr)))

#endif
