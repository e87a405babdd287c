/*
 * uio: where a transfer's bytes are. A list of segments in kernel memory or in the calling
 * program's, with a position that advances as bytes move. It lets an object copy straight between
 * its own buffer and user memory: one copy, checked.
 */
#ifndef SLUICE_UIO_H
#define SLUICE_UIO_H

#include <stdbool.h>
#include <stddef.h>
#include <oskit/error.h>
#include <oskit/types.h>

/* Layout of Linux's and POSIX's struct iovec. */
struct sluice_iovec {
    void *base;
    size_t length;
};

struct sluice_uio {
    const struct sluice_iovec *iov; /* the current segment, in kernel memory */
    size_t iov_count;               /* segments left, the current one included */
    size_t iov_offset;              /* bytes of the current one already moved, perhaps all */
    size_t left;                    /* bytes left in all */
    bool user;                      /* the segments are addresses of the calling program */
};

/* IOV and what it points to must outlive the uio. The sum of lengths must have been checked against
 * SSIZE_MAX. */
void uio_init(struct sluice_uio *uio, const struct sluice_iovec *iov, size_t count, bool user);
/* The same for the most frequent kind, one segment of the program's. */
static inline void uio_init_user(struct sluice_uio *uio, struct sluice_iovec *segment, void *base,
                                 size_t length)
{
    *segment = (struct sluice_iovec){base, length};
    *uio = (struct sluice_uio){segment, 1, 0, length, true};
}
/* One kernel segment; SEGMENT is storage for it that must outlive the uio. */
void uio_init_kernel(struct sluice_uio *uio, struct sluice_iovec *segment, void *base,
                     size_t length);

/*
 * Move min(SIZE, left) bytes from FROM into the uio (uio_write_to) or from the uio into TO
 * (uio_read_from), or zeros into it. The position advances by what moved: *moved. OSKIT_EFAULT when
 * user memory was not accessible (bytes before the fault have moved and are counted). [thread; no
 * spinlock held when uio->user]
 */
oskit_error_t uio_write_to(struct sluice_uio *uio, const void *from, size_t size, size_t *moved);
oskit_error_t uio_read_from(struct sluice_uio *uio, void *to, size_t size, size_t *moved);
oskit_error_t uio_zero(struct sluice_uio *uio, size_t size, size_t *moved);
/* As uio_read_from, but the position stays: for a look at what may not be taken yet. */
oskit_error_t uio_peek(const struct sluice_uio *uio, void *to, size_t size, size_t *moved);

void uio_skip_far(struct sluice_uio *uio, size_t size);
/* Steps over SIZE bytes without touching them (SIZE <= left). */
static inline void uio_skip(struct sluice_uio *uio, size_t size)
{
    if (size == 0)
        return; /* there may be no segment any more */
    if (size > uio->iov->length - uio->iov_offset) {
        uio_skip_far(uio, size);
        return;
    }
    uio->iov_offset += size;
    uio->left -= size;
}

#endif
