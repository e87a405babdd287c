/*
 * A timer on a clock. The listener is notified in interrupt context.
 */
#ifndef OSKIT_DEV_TIMER_H
#define OSKIT_DEV_TIMER_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/com/listener.h>
#include <oskit/time.h>

#define OSKIT_TIMER_ABSTIME 0x1

typedef struct oskit_timer {
    struct oskit_timer_ops *ops;
} oskit_timer_t;

struct oskit_timer_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_timer_t)

    /* Who is notified at each expiry (a reference is taken), or NULL for nobody. [thread] */
    void (*setlistener)(oskit_timer_t *self, oskit_listener_t *listener);

    /* Arms it: it_value from now, or at that time with OSKIT_TIMER_ABSTIME; zero disarms. [any] */
    oskit_error_t (*settime)(oskit_timer_t *self, int flags, const struct oskit_itimerspec *value);

    /* Time left, and the interval. [any] */
    void (*gettime)(oskit_timer_t *self, struct oskit_itimerspec *out_value);

    /* Expiries since the last notification beyond the first. [any] */
    oskit_error_t (*getoverrun)(oskit_timer_t *self);
};

extern const struct oskit_guid oskit_timer_iid;
#define OSKIT_TIMER_IID \
    OSKIT_GUID(0x4aa7dfa4, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_timer_query(self, iid, out) \
    ((self)->ops->query((oskit_timer_t *)(self), (iid), (out)))
#define oskit_timer_addref(self)  ((self)->ops->addref((oskit_timer_t *)(self)))
#define oskit_timer_release(self) ((self)->ops->release((oskit_timer_t *)(self)))
#define oskit_timer_setlistener(self, listener) \
    ((self)->ops->setlistener((oskit_timer_t *)(self), (listener)))
#define oskit_timer_settime(self, flags, value) \
    ((self)->ops->settime((oskit_timer_t *)(self), (flags), (value)))
#define oskit_timer_gettime(self, out_value) \
    ((self)->ops->gettime((oskit_timer_t *)(self), (out_value)))
#define oskit_timer_getoverrun(self) ((self)->ops->getoverrun((oskit_timer_t *)(self)))

#endif
