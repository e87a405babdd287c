/* Refusals for streams: see <sluice/refuse.h>. */
#include <stddef.h>
#include <sluice/refuse.h>

oskit_error_t stream_refuse_seek(oskit_stream_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                                 oskit_u64_t *out_newpos)
{
    (void)self, (void)ofs, (void)whence, (void)out_newpos;
    return OSKIT_ESPIPE;
}

oskit_error_t stream_refuse_setsize(oskit_stream_t *self, oskit_u64_t new_size)
{
    (void)self, (void)new_size;
    return OSKIT_E_NOTIMPL;
}

oskit_error_t stream_refuse_copyto(oskit_stream_t *self, oskit_stream_t *dst, oskit_u64_t size,
                                   oskit_u64_t *out_read, oskit_u64_t *out_written)
{
    (void)self, (void)dst, (void)size, (void)out_read, (void)out_written;
    return OSKIT_E_NOTIMPL;
}

oskit_error_t stream_refuse_commit(oskit_stream_t *self, oskit_u32_t commit_flags)
{
    (void)self, (void)commit_flags;
    return OSKIT_E_NOTIMPL;
}

oskit_error_t stream_refuse_revert(oskit_stream_t *self)
{
    (void)self;
    return OSKIT_E_NOTIMPL;
}

oskit_error_t stream_refuse_region(oskit_stream_t *self, oskit_u64_t offset, oskit_u64_t size,
                                   oskit_u32_t lock_type)
{
    (void)self, (void)offset, (void)size, (void)lock_type;
    return OSKIT_E_NOTIMPL;
}

oskit_error_t stream_refuse_stat(oskit_stream_t *self, oskit_stream_stat_t *out_stat,
                                 oskit_u32_t stat_flags)
{
    (void)self, (void)out_stat, (void)stat_flags;
    return OSKIT_E_NOTIMPL;
}

oskit_error_t stream_refuse_clone(oskit_stream_t *self, oskit_stream_t **out_stream)
{
    (void)self;
    *out_stream = NULL;
    return OSKIT_E_NOTIMPL;
}
