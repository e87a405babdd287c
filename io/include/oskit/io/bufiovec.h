/*
 * The pieces of a buffer that isn't contiguous, in one call.
 */
#ifndef OSKIT_IO_BUFIOVEC_H
#define OSKIT_IO_BUFIOVEC_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct oskit_iovec {
    void *iov_base;
    oskit_size_t iov_len; /* bytes */
};
typedef struct oskit_iovec oskit_iovec_t;

typedef struct oskit_bufiovec {
    struct oskit_bufiovec_ops *ops;
} oskit_bufiovec_t;

struct oskit_bufiovec_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_bufiovec_t)

    /*
     * Fills VEC with the pieces of the buffer in order, at most VECLEN, and returns how many it
     * filled; a failure is an error code (its top bit set). When VECLEN was too small only the
     * beginning is described: compare the sum of lengths with getsize. Valid as a map of bufio is.
     */
    oskit_u32_t (*map)(oskit_bufiovec_t *self, oskit_iovec_t *vec, oskit_u32_t veclen);
};

extern const struct oskit_guid oskit_bufiovec_iid;
#define OSKIT_BUFIOVEC_IID \
    OSKIT_GUID(0x4aa7dfb2, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_bufiovec_query(self, iid, out) \
    ((self)->ops->query((oskit_bufiovec_t *)(self), (iid), (out)))
#define oskit_bufiovec_addref(self)  ((self)->ops->addref((oskit_bufiovec_t *)(self)))
#define oskit_bufiovec_release(self) ((self)->ops->release((oskit_bufiovec_t *)(self)))
#define oskit_bufiovec_map(self, vec, veclen) \
    ((self)->ops->map((oskit_bufiovec_t *)(self), (vec), (veclen)))

#endif
