/*
 * An open file: a stream with its own seek pointer on a file's contents. May answer absio too.
 * [thread]
 */
#ifndef OSKIT_FS_OPENFILE_H
#define OSKIT_FS_OPENFILE_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/com/stream.h>

struct oskit_file;

typedef struct oskit_openfile {
    struct oskit_openfile_ops *ops;
} oskit_openfile_t;

struct oskit_openfile_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_openfile_t)

    /* As in oskit_stream. */
    oskit_error_t (*read)(oskit_openfile_t *self, void *buf, oskit_u32_t len,
                          oskit_u32_t *out_actual);
    oskit_error_t (*write)(oskit_openfile_t *self, const void *buf, oskit_u32_t len,
                           oskit_u32_t *out_actual);
    oskit_error_t (*seek)(oskit_openfile_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                          oskit_u64_t *out_newpos);
    oskit_error_t (*setsize)(oskit_openfile_t *self, oskit_u64_t new_size);
    oskit_error_t (*copyto)(oskit_openfile_t *self, oskit_stream_t *dst, oskit_u64_t size,
                            oskit_u64_t *out_read, oskit_u64_t *out_written);
    oskit_error_t (*commit)(oskit_openfile_t *self, oskit_u32_t commit_flags);
    oskit_error_t (*revert)(oskit_openfile_t *self);
    oskit_error_t (*lockregion)(oskit_openfile_t *self, oskit_u64_t offset, oskit_u64_t size,
                                oskit_u32_t lock_type);
    oskit_error_t (*unlockregion)(oskit_openfile_t *self, oskit_u64_t offset, oskit_u64_t size,
                                  oskit_u32_t lock_type);
    oskit_error_t (*stat)(oskit_openfile_t *self, oskit_stream_stat_t *out_stat,
                          oskit_u32_t stat_flags);
    oskit_error_t (*clone)(oskit_openfile_t *self, oskit_openfile_t **out_stream);

    /* And its own. */

    /* The file it is open on. */
    oskit_error_t (*getfile)(oskit_openfile_t *self, struct oskit_file **out_file);
};

extern const struct oskit_guid oskit_openfile_iid;
#define OSKIT_OPENFILE_IID \
    OSKIT_GUID(0x4aa7df9a, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_openfile_query(self, iid, out) \
    ((self)->ops->query((oskit_openfile_t *)(self), (iid), (out)))
#define oskit_openfile_addref(self)  ((self)->ops->addref((oskit_openfile_t *)(self)))
#define oskit_openfile_release(self) ((self)->ops->release((oskit_openfile_t *)(self)))
#define oskit_openfile_read(self, buf, len, out_actual) \
    ((self)->ops->read((oskit_openfile_t *)(self), (buf), (len), (out_actual)))
#define oskit_openfile_write(self, buf, len, out_actual) \
    ((self)->ops->write((oskit_openfile_t *)(self), (buf), (len), (out_actual)))
#define oskit_openfile_seek(self, ofs, whence, out_newpos) \
    ((self)->ops->seek((oskit_openfile_t *)(self), (ofs), (whence), (out_newpos)))
#define oskit_openfile_setsize(self, new_size) \
    ((self)->ops->setsize((oskit_openfile_t *)(self), (new_size)))
#define oskit_openfile_copyto(self, dst, size, out_read, out_written) \
    ((self)->ops->copyto((oskit_openfile_t *)(self), (dst), (size), (out_read), (out_written)))
#define oskit_openfile_commit(self, commit_flags) \
    ((self)->ops->commit((oskit_openfile_t *)(self), (commit_flags)))
#define oskit_openfile_revert(self) ((self)->ops->revert((oskit_openfile_t *)(self)))
#define oskit_openfile_lockregion(self, offset, size, lock_type) \
    ((self)->ops->lockregion((oskit_openfile_t *)(self), (offset), (size), (lock_type)))
#define oskit_openfile_unlockregion(self, offset, size, lock_type) \
    ((self)->ops->unlockregion((oskit_openfile_t *)(self), (offset), (size), (lock_type)))
#define oskit_openfile_stat(self, out_stat, stat_flags) \
    ((self)->ops->stat((oskit_openfile_t *)(self), (out_stat), (stat_flags)))
#define oskit_openfile_clone(self, out_stream) \
    ((self)->ops->clone((oskit_openfile_t *)(self), (out_stream)))
#define oskit_openfile_getfile(self, out_file) \
    ((self)->ops->getfile((oskit_openfile_t *)(self), (out_file)))

#endif
