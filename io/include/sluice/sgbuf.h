/*
 * sluice_sgbuf: a buffer whose memory a device reaches in several pieces. It stands beside bufio,
 * whose wire knows only what is in one piece; disks, the page cache and packets pass buffers by it.
 *
 * A client queries a bufio for it and falls back to bufio's wire, or to read and write, when the
 * answer is OSKIT_E_NOINTERFACE.
 */
#ifndef SLUICE_SGBUF_H
#define SLUICE_SGBUF_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/io/bufio.h>
#include <oskit/types.h>
#include <sluice/blockqueue.h>

/* What the device will do with it. A host without an IOMMU or caches to flush needs neither. */
#define SGBUF_READ  1u /* the device reads the memory */
#define SGBUF_WRITE 2u /* the device writes it */

typedef struct sluice_sgbuf {
    struct sluice_sgbuf_ops *ops;
} sluice_sgbuf_t;

struct sluice_sgbuf_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_sgbuf_t)
    /*
     * Pins bytes from OFFSET, at most COUNT, and tells where they are: SEGMENTS[0 .. *out_count),
     * at most MAX of them (> 0), neighbours in memory joined. *out_bytes is how many of COUNT they
     * cover: fewer when MAX segments don't suffice; the caller goes on behind them. Where a device
     * finds them is env_dma_address(base); base serves the processor. OSKIT_E_INVALIDARG: not all
     * of the range is in the buffer; OSKIT_E_NOTIMPL: no device can reach it. Each success is one
     * pin. [any]
     */
    oskit_error_t (*wire)(sluice_sgbuf_t *self, oskit_off_t offset, oskit_size_t count,
                          oskit_u32_t direction, struct sg_segment *segments, oskit_u32_t max,
                          oskit_u32_t *out_count, oskit_size_t *out_bytes);
    /* Takes one pin off: OFFSET as wire had it, BYTES as it gave. The last release of a wired
     * buffer takes effect with its last unwire. OSKIT_E_INVALIDARG when nothing is wired. [any] */
    oskit_error_t (*unwire)(sluice_sgbuf_t *self, oskit_off_t offset, oskit_size_t bytes);
};
extern const struct oskit_guid sluice_sgbuf_iid; /* SLUICE_GUID(0x5ac10051) */

#define sluice_sgbuf_wire(b, offset, count, direction, segments, max, out_count, out_bytes) \
    ((b)->ops->wire((b), (offset), (count), (direction), (segments), (max), (out_count),    \
                    (out_bytes)))
#define sluice_sgbuf_unwire(b, offset, bytes) ((b)->ops->unwire((b), (offset), (bytes)))
#define sluice_sgbuf_release(b)               ((b)->ops->release(b))

/*
 * A buffer of SIZE bytes that begin FIRST bytes into PAGES[0] and go on in the pages that follow:
 * pages of a file, or pinned ones of a program. On success the buffer has the caller's reference to
 * each page, and gives them back when it ends. Answers bufio (map and wire where the range is in
 * one piece, else OSKIT_E_NOTIMPL), absio and sgbuf. OSKIT_E_INVALIDARG: FIRST is not in the first
 * page. OSKIT_E_OUTOFMEMORY. [thread]
 */
oskit_error_t pagebuf_create(void *const *pages, oskit_size_t first, oskit_size_t size,
                             oskit_bufio_t **out);

#endif
