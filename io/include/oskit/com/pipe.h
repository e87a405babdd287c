/*
 * An end of a pipe: a stream. Both ends of a pair can read and write: what is written into one is
 * read from the other.
 *
 * The ends answer asyncio as well. seek is OSKIT_ESPIPE; after the other end is gone, read gives
 * what is left and then end of file, and write OSKIT_EPIPE.
 */
#ifndef OSKIT_COM_PIPE_H
#define OSKIT_COM_PIPE_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/com/stream.h>

typedef struct oskit_pipe {
    struct oskit_pipe_ops *ops;
} oskit_pipe_t;

struct oskit_pipe_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_pipe_t)

    /* As in oskit_stream. */
    oskit_error_t (*read)(oskit_pipe_t *self, void *buf, oskit_u32_t len, oskit_u32_t *out_actual);
    oskit_error_t (*write)(oskit_pipe_t *self, const void *buf, oskit_u32_t len,
                           oskit_u32_t *out_actual);
    oskit_error_t (*seek)(oskit_pipe_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                          oskit_u64_t *out_newpos);
    oskit_error_t (*setsize)(oskit_pipe_t *self, oskit_u64_t new_size);
    oskit_error_t (*copyto)(oskit_pipe_t *self, oskit_pipe_t *dst, oskit_u64_t size,
                            oskit_u64_t *out_read, oskit_u64_t *out_written);
    oskit_error_t (*commit)(oskit_pipe_t *self, oskit_u32_t commit_flags);
    oskit_error_t (*revert)(oskit_pipe_t *self);
    oskit_error_t (*lockregion)(oskit_pipe_t *self, oskit_u64_t offset, oskit_u64_t size,
                                oskit_u32_t lock_type);
    oskit_error_t (*unlockregion)(oskit_pipe_t *self, oskit_u64_t offset, oskit_u64_t size,
                                  oskit_u32_t lock_type);
    oskit_error_t (*stat)(oskit_pipe_t *self, oskit_stream_stat_t *out_stat,
                          oskit_u32_t stat_flags);
    oskit_error_t (*clone)(oskit_pipe_t *self, oskit_pipe_t **out_stream);
};

extern const struct oskit_guid oskit_pipe_iid;
#define OSKIT_PIPE_IID \
    OSKIT_GUID(0x4aa7dfb7, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_pipe_query(self, iid, out) ((self)->ops->query((oskit_pipe_t *)(self), (iid), (out)))
#define oskit_pipe_addref(self)          ((self)->ops->addref((oskit_pipe_t *)(self)))
#define oskit_pipe_release(self)         ((self)->ops->release((oskit_pipe_t *)(self)))
#define oskit_pipe_read(self, buf, len, out_actual) \
    ((self)->ops->read((oskit_pipe_t *)(self), (buf), (len), (out_actual)))
#define oskit_pipe_write(self, buf, len, out_actual) \
    ((self)->ops->write((oskit_pipe_t *)(self), (buf), (len), (out_actual)))
#define oskit_pipe_seek(self, ofs, whence, out_newpos) \
    ((self)->ops->seek((oskit_pipe_t *)(self), (ofs), (whence), (out_newpos)))
#define oskit_pipe_setsize(self, new_size) \
    ((self)->ops->setsize((oskit_pipe_t *)(self), (new_size)))
#define oskit_pipe_copyto(self, dst, size, out_read, out_written) \
    ((self)->ops->copyto((oskit_pipe_t *)(self), (dst), (size), (out_read), (out_written)))
#define oskit_pipe_commit(self, commit_flags) \
    ((self)->ops->commit((oskit_pipe_t *)(self), (commit_flags)))
#define oskit_pipe_revert(self) ((self)->ops->revert((oskit_pipe_t *)(self)))
#define oskit_pipe_lockregion(self, offset, size, lock_type) \
    ((self)->ops->lockregion((oskit_pipe_t *)(self), (offset), (size), (lock_type)))
#define oskit_pipe_unlockregion(self, offset, size, lock_type) \
    ((self)->ops->unlockregion((oskit_pipe_t *)(self), (offset), (size), (lock_type)))
#define oskit_pipe_stat(self, out_stat, stat_flags) \
    ((self)->ops->stat((oskit_pipe_t *)(self), (out_stat), (stat_flags)))
#define oskit_pipe_clone(self, out_stream) \
    ((self)->ops->clone((oskit_pipe_t *)(self), (out_stream)))

/* A connected pair. OSKIT_E_OUTOFMEMORY. [thread] */
oskit_error_t oskit_create_pipe(oskit_pipe_t **out_one, oskit_pipe_t **out_other);

#endif
