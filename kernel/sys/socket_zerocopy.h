/*
 * Sending memory where it lies: pages that are held until no socket needs them any more, instead of
 * a copy. What sendfile and splice pass on, and what programs send with MSG_ZEROCOPY.
 */
#ifndef KERNEL_SYS_SOCKET_ZEROCOPY_H
#define KERNEL_SYS_SOCKET_ZEROCOPY_H

#include "kernel/sys/socket.h"

/* Pages with a reference each, given back when the last reference to the hold is. */
struct page_hold {
    struct socket_hold hold;
    uint32_t count;
    void *pages[];
};
/* Room for COUNT pages, and none yet; one reference, the caller's. NULL: no memory. */
struct page_hold *page_hold_create(uint32_t count);
void page_hold_put(struct page_hold *hold);

/*
 * Sends SEGMENTS, which lie in HOLD's pages, to FILE's socket: bytes moved or a negative errno.
 * FLAGS as of a message, DONTWAIT: no waiting. SEGMENTS is used up. -ABI_ENOSYS: this socket
 * copies, and nothing has moved.
 */
long socket_send_pages(struct openfile *file, struct sg_segment *segments, uint32_t count,
                       struct page_hold *hold, uint32_t flags);

/* A transfer with MSG_ZEROCOPY: the program's pages are pinned and sent, when its socket has
 * SO_ZEROCOPY; otherwise it is a plain send. */
long socket_send_pinned(struct socket_transfer *t);

#endif
