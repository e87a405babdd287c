/*
 * A byte stream with a seek pointer: COM's IStream.
 *
 * Streams of this project never wait (OSKIT_EWOULDBLOCK, and asyncio tells when to try again).
 * Lengths are 32 bits wide: callers with more loop. commit, revert, the region locks and clone came
 * with IStream and are refused by all objects of ours. [thread]
 */
#ifndef OSKIT_COM_STREAM_H
#define OSKIT_COM_STREAM_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

typedef enum oskit_seek {
    OSKIT_SEEK_SET = 0, /* from the beginning */
    OSKIT_SEEK_CUR = 1, /* from the seek pointer */
    OSKIT_SEEK_END = 2, /* from the end */
} oskit_seek_t;

struct oskit_stream_stat {
    oskit_wchar_t *name; /* caller's storage or NULL */
    oskit_u32_t type;
    oskit_u64_t size; /* bytes */
};
typedef struct oskit_stream_stat oskit_stream_stat_t;

typedef struct oskit_stream {
    struct oskit_stream_ops *ops;
} oskit_stream_t;

struct oskit_stream_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_stream_t)

    /*
     * Reads up to LEN bytes from the seek pointer on and moves it. End of file: success, 0.
     * OSKIT_EWOULDBLOCK when nothing is there yet: streams never wait.
     */
    oskit_error_t (*read)(oskit_stream_t *self, void *buf, oskit_u32_t len,
                          oskit_u32_t *out_actual);

    /*
     * Writes up to LEN bytes at the seek pointer and moves it; a short count is success.
     * OSKIT_EWOULDBLOCK when nothing fits now. OSKIT_EPIPE when nobody can ever read it.
     */
    oskit_error_t (*write)(oskit_stream_t *self, const void *buf, oskit_u32_t len,
                           oskit_u32_t *out_actual);

    /*
     * Moves the seek pointer; *out_newpos (may be NULL) is where it now stands. OSKIT_ESPIPE when
     * the object has none, OSKIT_E_INVALIDARG when it would become negative.
     */
    oskit_error_t (*seek)(oskit_stream_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                          oskit_u64_t *out_newpos);

    /* As absio's. OSKIT_E_INVALIDARG or OSKIT_E_NOTIMPL when the size cannot be set. */
    oskit_error_t (*setsize)(oskit_stream_t *self, oskit_u64_t new_size);

    /*
     * Copies up to SIZE bytes from here to DST. The counts may be NULL. OSKIT_E_NOTIMPL: read and
     * write instead.
     */
    oskit_error_t (*copyto)(oskit_stream_t *self, oskit_stream_t *dst, oskit_u64_t size,
                            oskit_u64_t *out_read, oskit_u64_t *out_written);

    /* Makes changes lasting. OSKIT_E_NOTIMPL. */
    oskit_error_t (*commit)(oskit_stream_t *self, oskit_u32_t commit_flags);

    /* Drops changes since the last commit. OSKIT_E_NOTIMPL. */
    oskit_error_t (*revert)(oskit_stream_t *self);

    /* OSKIT_E_NOTIMPL. */
    oskit_error_t (*lockregion)(oskit_stream_t *self, oskit_u64_t offset, oskit_u64_t size,
                                oskit_u32_t lock_type);

    /* OSKIT_E_NOTIMPL. */
    oskit_error_t (*unlockregion)(oskit_stream_t *self, oskit_u64_t offset, oskit_u64_t size,
                                  oskit_u32_t lock_type);

    /* Name, type and size. OSKIT_E_NOTIMPL: ask posixio. */
    oskit_error_t (*stat)(oskit_stream_t *self, oskit_stream_stat_t *out_stat,
                          oskit_u32_t stat_flags);

    /* A second stream on the same contents with a seek pointer of its own. OSKIT_E_NOTIMPL. */
    oskit_error_t (*clone)(oskit_stream_t *self, oskit_stream_t **out_stream);
};

extern const struct oskit_guid oskit_stream_iid;
#define OSKIT_STREAM_IID \
    OSKIT_GUID(0x0000000c, 0x0000, 0x0000, 0xc0, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x46)

#define oskit_stream_query(self, iid, out) \
    ((self)->ops->query((oskit_stream_t *)(self), (iid), (out)))
#define oskit_stream_addref(self)  ((self)->ops->addref((oskit_stream_t *)(self)))
#define oskit_stream_release(self) ((self)->ops->release((oskit_stream_t *)(self)))
#define oskit_stream_read(self, buf, len, out_actual) \
    ((self)->ops->read((oskit_stream_t *)(self), (buf), (len), (out_actual)))
#define oskit_stream_write(self, buf, len, out_actual) \
    ((self)->ops->write((oskit_stream_t *)(self), (buf), (len), (out_actual)))
#define oskit_stream_seek(self, ofs, whence, out_newpos) \
    ((self)->ops->seek((oskit_stream_t *)(self), (ofs), (whence), (out_newpos)))
#define oskit_stream_setsize(self, new_size) \
    ((self)->ops->setsize((oskit_stream_t *)(self), (new_size)))
#define oskit_stream_copyto(self, dst, size, out_read, out_written) \
    ((self)->ops->copyto((oskit_stream_t *)(self), (dst), (size), (out_read), (out_written)))
#define oskit_stream_commit(self, commit_flags) \
    ((self)->ops->commit((oskit_stream_t *)(self), (commit_flags)))
#define oskit_stream_revert(self) ((self)->ops->revert((oskit_stream_t *)(self)))
#define oskit_stream_lockregion(self, offset, size, lock_type) \
    ((self)->ops->lockregion((oskit_stream_t *)(self), (offset), (size), (lock_type)))
#define oskit_stream_unlockregion(self, offset, size, lock_type) \
    ((self)->ops->unlockregion((oskit_stream_t *)(self), (offset), (size), (lock_type)))
#define oskit_stream_stat(self, out_stat, stat_flags) \
    ((self)->ops->stat((oskit_stream_t *)(self), (out_stat), (stat_flags)))
#define oskit_stream_clone(self, out_stream) \
    ((self)->ops->clone((oskit_stream_t *)(self), (out_stream)))

#endif
