/* What MSG_ERRQUEUE gives. */
#ifndef _LINUX_ERRQUEUE_H
#define _LINUX_ERRQUEUE_H

#include <linux/types.h>
#include <time.h>

struct sock_extended_err {
    __u32 ee_errno;
    __u8 ee_origin, ee_type, ee_code, ee_pad;
    __u32 ee_info, ee_data;
};

#define SO_EE_ORIGIN_NONE          0
#define SO_EE_ORIGIN_LOCAL         1
#define SO_EE_ORIGIN_ICMP          2
#define SO_EE_ORIGIN_ICMP6         3
#define SO_EE_ORIGIN_TIMESTAMPING  4
#define SO_EE_ORIGIN_ZEROCOPY      5
#define SO_EE_CODE_ZEROCOPY_COPIED 1
#define SO_EE_OFFENDER(ee)         ((struct sockaddr *)((ee) + 1))

struct scm_timestamping {
    struct timespec ts[3];
};

#endif
