/*
 * What buffers in several pieces of memory share: everything that bufio and sgbuf say of where
 * bytes are. Who has the pieces embeds a struct piecebuf as its first member, tells where they lie
 * (`pieces`), and brings read and write of its own.
 *
 * A pin is a reference, as in buffer.c. No locks: place and size never change.
 */
#ifndef IO_BUFFER_PIECEBUF_H
#define IO_BUFFER_PIECEBUF_H

#include <stdatomic.h>
#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <oskit/io/bufio.h>
#include <sluice/object.h>
#include <sluice/sgbuf.h>

struct piecebuf {
    struct sluice_object object;
    SLUICE_FACE(oskit_bufio_t) bufio;
    SLUICE_FACE(sluice_sgbuf_t) sgbuf;
    _Atomic oskit_u32_t pins;
    oskit_size_t size;
    /* The pieces from OFFSET on, at most MAX (> 0), of COUNT bytes (> 0, all of them in the
     * buffer); how many, and in *BYTES what they cover. [any] */
    oskit_u32_t (*pieces)(const struct piecebuf *b, oskit_size_t offset, oskit_size_t count,
                          struct sg_segment *out, oskit_u32_t max, oskit_size_t *bytes);
};

void piecebuf_init(struct piecebuf *b, const struct sluice_class *class, oskit_size_t size,
                   oskit_u32_t (*pieces)(const struct piecebuf *b, oskit_size_t offset,
                                         oskit_size_t count, struct sg_segment *out,
                                         oskit_u32_t max, oskit_size_t *bytes));

static inline struct piecebuf *piecebuf_of(const void *self)
{
    return (struct piecebuf *)SLUICE_OBJECT(self);
}

oskit_u32_t piecebuf_getblocksize(oskit_blkio_t *self);
oskit_error_t piecebuf_getsize(oskit_bufio_t *self, oskit_off_t *out_size);
oskit_error_t piecebuf_setsize_refused(oskit_bufio_t *self, oskit_off_t new_size);
oskit_error_t piecebuf_map(oskit_bufio_t *self, void **out_addr, oskit_off_t offset,
                           oskit_size_t count);
oskit_error_t piecebuf_unmap(oskit_bufio_t *self, void *addr, oskit_off_t offset,
                             oskit_size_t count);
oskit_error_t piecebuf_wire(oskit_bufio_t *self, oskit_addr_t *out_phys_addr, oskit_off_t offset,
                            oskit_size_t count);
oskit_error_t piecebuf_unwire(oskit_bufio_t *self, oskit_addr_t phys_addr, oskit_off_t offset,
                              oskit_size_t count);
oskit_error_t piecebuf_copy(oskit_bufio_t *self, oskit_off_t offset, oskit_size_t count,
                            oskit_bufio_t **out_io);
extern const struct sluice_sgbuf_ops piecebuf_sgbuf_ops;

/* The slots of a bufio table besides read and write. */
#define PIECEBUF_SLOTS                                                                 \
    .reserved = (void *)piecebuf_getblocksize, .getsize = piecebuf_getsize,            \
    .setsize = piecebuf_setsize_refused, .map = piecebuf_map, .unmap = piecebuf_unmap, \
    .wire = piecebuf_wire, .unwire = piecebuf_unwire, .copy = piecebuf_copy

/* The rows of a class whose bufio table is BUFIO_OPS. */
#define PIECEBUF_INTERFACES(bufio_ops)                                           \
    {&oskit_bufio_iid, offsetof(struct piecebuf, bufio), &(bufio_ops)},          \
        {&oskit_absio_iid, offsetof(struct piecebuf, bufio), &(bufio_ops)},      \
        {&oskit_blkio_iid, offsetof(struct piecebuf, bufio), &(bufio_ops)},      \
    {                                                                            \
        &sluice_sgbuf_iid, offsetof(struct piecebuf, sgbuf), &piecebuf_sgbuf_ops \
    }

#endif
