/*
 * A byte stream that moves whole buffers instead of copying bytes. [thread]
 */
#ifndef OSKIT_IO_BUFIO_STREAM_H
#define OSKIT_IO_BUFIO_STREAM_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/io/bufio.h>

typedef struct oskit_bufio_stream {
    struct oskit_bufio_stream_ops *ops;
} oskit_bufio_stream_t;

struct oskit_bufio_stream_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_bufio_stream_t)

    /*
     * The next bytes of the stream as a buffer with a reference for the caller; *out_bytes of it
     * count, from its beginning. End of file: success, 0 bytes, *out_buf NULL. OSKIT_EWOULDBLOCK.
     */
    oskit_error_t (*read)(oskit_bufio_stream_t *self, oskit_bufio_t **out_buf,
                          oskit_size_t *out_bytes);

    /*
     * Appends the bytes of BUF from OFFSET to its end. The stream adds a reference when it keeps
     * BUF. OSKIT_EWOULDBLOCK: nothing was taken.
     */
    oskit_error_t (*write)(oskit_bufio_stream_t *self, oskit_bufio_t *buf, oskit_size_t offset);
};

extern const struct oskit_guid oskit_bufio_stream_iid;
#define OSKIT_BUFIO_STREAM_IID \
    OSKIT_GUID(0x4aa7dfb0, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_bufio_stream_query(self, iid, out) \
    ((self)->ops->query((oskit_bufio_stream_t *)(self), (iid), (out)))
#define oskit_bufio_stream_addref(self)  ((self)->ops->addref((oskit_bufio_stream_t *)(self)))
#define oskit_bufio_stream_release(self) ((self)->ops->release((oskit_bufio_stream_t *)(self)))
#define oskit_bufio_stream_read(self, out_buf, out_bytes) \
    ((self)->ops->read((oskit_bufio_stream_t *)(self), (out_buf), (out_bytes)))
#define oskit_bufio_stream_write(self, buf, offset) \
    ((self)->ops->write((oskit_bufio_stream_t *)(self), (buf), (offset)))

#endif
