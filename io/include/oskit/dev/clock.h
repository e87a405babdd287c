/*
 * A clock.
 */
#ifndef OSKIT_DEV_CLOCK_H
#define OSKIT_DEV_CLOCK_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/dev/device.h>
#include <oskit/time.h>

struct oskit_timer;

struct oskit_clock_info {
    oskit_u32_t flags; /* OSKIT_CLOCK_* */
    oskit_timespec_t timer_precision;
    oskit_timespec_t query_precision;
    oskit_timespec_t sleep_precision;
    oskit_timespec_t spin_precision;
};

#define OSKIT_CLOCK_SETTABLE     0x00000001
#define OSKIT_CLOCK_ADJUSTABLE   0x00000002
#define OSKIT_CLOCK_PROGRAMMABLE 0x00000004
#define OSKIT_CLOCK_REAL_TIME    0x00000008

typedef struct oskit_clock {
    struct oskit_clock_ops *ops;
} oskit_clock_t;

struct oskit_clock_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_clock_t)

    /* As in oskit_device. */
    oskit_error_t (*getinfo)(oskit_clock_t *self, oskit_devinfo_t *out_info);
    oskit_error_t (*getdriver)(oskit_clock_t *self, oskit_driver_t **out_driver);

    /* And its own. */

    /* Abilities and precision. [any] */
    void (*getclockinfo)(oskit_clock_t *self, struct oskit_clock_info *out_info);

    /* The time now. [any] */
    void (*gettime)(oskit_clock_t *self, struct oskit_timespec *out_time);

    /* Waits that long; may sleep. [thread] */
    void (*sleep)(oskit_clock_t *self, const struct oskit_timespec *sltime);

    /* Waits that long without sleeping: for very short waits. [any] */
    void (*spin)(oskit_clock_t *self, const struct oskit_timespec *sptime);

    /* A timer on this clock. [thread] */
    oskit_error_t (*createtimer)(oskit_clock_t *self, struct oskit_timer **out_timer);

    /* Sets it at once. OSKIT_E_NOTIMPL unless SETTABLE. */
    oskit_error_t (*settime)(oskit_clock_t *self, const struct oskit_timespec *new_time);

    /* Brings it there gradually, without a jump. OSKIT_E_NOTIMPL unless ADJUSTABLE. */
    oskit_error_t (*adjtime)(oskit_clock_t *self, const struct oskit_timespec *new_time);

    /* Sets the period of its ticks. OSKIT_E_NOTIMPL unless PROGRAMMABLE; OSKIT_E_DEV_BAD_PERIOD. */
    oskit_error_t (*setperiod)(oskit_clock_t *self, const struct oskit_timespec *period);

    /*
     * The clock for exclusive use: a period set through it lasts until it is released.
     * OSKIT_E_NOTIMPL.
     */
    oskit_error_t (*open)(oskit_clock_t *self, oskit_clock_t **out_clock);
};

extern const struct oskit_guid oskit_clock_iid;
#define OSKIT_CLOCK_IID \
    OSKIT_GUID(0x4aa7dfa1, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_clock_query(self, iid, out) \
    ((self)->ops->query((oskit_clock_t *)(self), (iid), (out)))
#define oskit_clock_addref(self)  ((self)->ops->addref((oskit_clock_t *)(self)))
#define oskit_clock_release(self) ((self)->ops->release((oskit_clock_t *)(self)))
#define oskit_clock_getinfo(self, out_info) \
    ((self)->ops->getinfo((oskit_clock_t *)(self), (out_info)))
#define oskit_clock_getdriver(self, out_driver) \
    ((self)->ops->getdriver((oskit_clock_t *)(self), (out_driver)))
#define oskit_clock_getclockinfo(self, out_info) \
    ((self)->ops->getclockinfo((oskit_clock_t *)(self), (out_info)))
#define oskit_clock_gettime(self, out_time) \
    ((self)->ops->gettime((oskit_clock_t *)(self), (out_time)))
#define oskit_clock_sleep(self, sltime) ((self)->ops->sleep((oskit_clock_t *)(self), (sltime)))
#define oskit_clock_spin(self, sptime)  ((self)->ops->spin((oskit_clock_t *)(self), (sptime)))
#define oskit_clock_createtimer(self, out_timer) \
    ((self)->ops->createtimer((oskit_clock_t *)(self), (out_timer)))
#define oskit_clock_settime(self, new_time) \
    ((self)->ops->settime((oskit_clock_t *)(self), (new_time)))
#define oskit_clock_adjtime(self, new_time) \
    ((self)->ops->adjtime((oskit_clock_t *)(self), (new_time)))
#define oskit_clock_setperiod(self, period) \
    ((self)->ops->setperiod((oskit_clock_t *)(self), (period)))
#define oskit_clock_open(self, out_clock) ((self)->ops->open((oskit_clock_t *)(self), (out_clock)))

#endif
