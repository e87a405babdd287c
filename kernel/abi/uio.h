/* Vectors of buffers. */
#ifndef ABI_UIO_H
#define ABI_UIO_H

#include "kernel/abi/types.h"

#define ABI_UIO_MAXIOV 1024
/* The most that one read or write moves; longer requests are cut, not refused. */
#define ABI_MAX_RW_COUNT 0x7ffff000u

#define ABI_RWF_HIPRI  0x01
#define ABI_RWF_DSYNC  0x02
#define ABI_RWF_SYNC   0x04
#define ABI_RWF_NOWAIT 0x08
#define ABI_RWF_APPEND 0x10

struct abi_iovec {
    uint64_t iov_base;
    uint64_t iov_len;
};

#endif
