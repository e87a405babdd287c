/*
 * Named refusals for the slots of the seed's stream that byte streams don't have: seeking is
 * OSKIT_ESPIPE, the rest OSKIT_E_NOTIMPL.
 *
 *     static struct oskit_stream_ops thing_stream_ops = {
 *         SLUICE_IUNKNOWN_SLOTS,
 *         .read = thing_read,
 *         .write = thing_write,
 *         STREAM_REFUSALS,
 *     };
 */
#ifndef SLUICE_REFUSE_H
#define SLUICE_REFUSE_H

#include <oskit/com.h>
#include <oskit/com/stream.h>
#include <oskit/error.h>
#include <oskit/types.h>

oskit_error_t stream_refuse_seek(oskit_stream_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                                 oskit_u64_t *out_newpos);
oskit_error_t stream_refuse_setsize(oskit_stream_t *self, oskit_u64_t new_size);
oskit_error_t stream_refuse_copyto(oskit_stream_t *self, oskit_stream_t *dst, oskit_u64_t size,
                                   oskit_u64_t *out_read, oskit_u64_t *out_written);
oskit_error_t stream_refuse_commit(oskit_stream_t *self, oskit_u32_t commit_flags);
oskit_error_t stream_refuse_revert(oskit_stream_t *self);
oskit_error_t stream_refuse_region(oskit_stream_t *self, oskit_u64_t offset, oskit_u64_t size,
                                   oskit_u32_t lock_type);
oskit_error_t stream_refuse_stat(oskit_stream_t *self, oskit_stream_stat_t *out_stat,
                                 oskit_u32_t stat_flags);
oskit_error_t stream_refuse_clone(oskit_stream_t *self, oskit_stream_t **out_stream);

#define STREAM_REFUSALS_BUT_SEEK                                              \
    .setsize = stream_refuse_setsize, .copyto = stream_refuse_copyto,         \
    .commit = stream_refuse_commit, .revert = stream_refuse_revert,           \
    .lockregion = stream_refuse_region, .unlockregion = stream_refuse_region, \
    .stat = stream_refuse_stat, .clone = stream_refuse_clone
#define STREAM_REFUSALS .seek = stream_refuse_seek, STREAM_REFUSALS_BUT_SEEK

#endif
