/* POSIX message queues. */
#ifndef ABI_MQUEUE_H
#define ABI_MQUEUE_H

#include "kernel/abi/types.h"

struct abi_mq_attr {
    int64_t mq_flags; /* O_NONBLOCK or nothing */
    int64_t mq_maxmsg;
    int64_t mq_msgsize;
    int64_t mq_curmsgs;
    int64_t reserved[4];
};
_Static_assert(sizeof(struct abi_mq_attr) == 64, "struct mq_attr");

/* SIGEV_THREAD: what is sent to a netlink socket, whose descriptor sigev_signo is, from where
 * sigev_value points to. Its last byte says why. */
#define ABI_NOTIFY_COOKIE_LEN 32
#define ABI_NOTIFY_WOKENUP    1 /* a message came */
#define ABI_NOTIFY_REMOVED    2 /* none will be told any more */

#endif
