/*
 * An open file over absio: a seek pointer and the flags of the open.
 *
 * Lock: opened.mutex guards the seek pointer, and is held across the transfer that moves it, so it
 * stands before every lock of the file below.
 */
#include <oskit/fs/soa.h>

#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/refuse.h>

struct opened {
    struct sluice_object object;
    SLUICE_FACE(oskit_openfile_t) openfile;
    oskit_file_t *file; /* with references, as absio */
    oskit_absio_t *absio;
    oskit_oflags_t flags;
    struct env_mutex mutex;
    oskit_off_t position; /* never negative */
};

static struct opened *opened_of(oskit_openfile_t *self)
{
    return (struct opened *)SLUICE_OBJECT(self);
}

static oskit_error_t opened_read(oskit_openfile_t *self, void *buf, oskit_u32_t len,
                                 oskit_u32_t *out_actual)
{
    struct opened *o = opened_of(self);
    oskit_size_t actual = 0;

    *out_actual = 0;
    if (!(o->flags & OSKIT_O_RDONLY))
        return OSKIT_EBADF;
    env_mutex_lock(&o->mutex);
    oskit_error_t error = oskit_absio_read(o->absio, buf, o->position, len, &actual);
    if (!OSKIT_FAILED(error)) {
        o->position += (oskit_off_t)actual;
        *out_actual = (oskit_u32_t)actual;
    }
    env_mutex_unlock(&o->mutex);
    return error;
}

/* Locked. */
static oskit_error_t write_at_position(struct opened *o, const void *buf, oskit_u32_t len,
                                       oskit_u32_t *out_actual)
{
    oskit_size_t actual = 0;
    oskit_error_t error = 0;

    if (o->flags & OSKIT_O_APPEND)
        error = oskit_absio_getsize(o->absio, &o->position);
    if (!OSKIT_FAILED(error))
        error = oskit_absio_write(o->absio, buf, o->position, len, &actual);
    if (OSKIT_FAILED(error))
        return error;
    o->position += (oskit_off_t)actual;
    *out_actual = (oskit_u32_t)actual;
    return 0;
}

static oskit_error_t opened_write(oskit_openfile_t *self, const void *buf, oskit_u32_t len,
                                  oskit_u32_t *out_actual)
{
    struct opened *o = opened_of(self);

    *out_actual = 0;
    if (!(o->flags & OSKIT_O_WRONLY))
        return OSKIT_EBADF;
    env_mutex_lock(&o->mutex);
    oskit_error_t error = write_at_position(o, buf, len, out_actual);
    env_mutex_unlock(&o->mutex);
    return error;
}

/* Locked. Where WHENCE counts from. */
static oskit_error_t seek_base(struct opened *o, oskit_seek_t whence, oskit_off_t *out)
{
    switch (whence) {
    case OSKIT_SEEK_SET:
        *out = 0;
        return 0;
    case OSKIT_SEEK_CUR:
        *out = o->position;
        return 0;
    case OSKIT_SEEK_END:
        return oskit_absio_getsize(o->absio, out);
    }
    return OSKIT_E_INVALIDARG;
}

static oskit_error_t opened_seek(oskit_openfile_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                                 oskit_u64_t *out_newpos)
{
    struct opened *o = opened_of(self);
    oskit_off_t position;

    env_mutex_lock(&o->mutex);
    oskit_error_t error = seek_base(o, whence, &position);
    if (!OSKIT_FAILED(error) && (__builtin_add_overflow(position, ofs, &position) || position < 0))
        error = OSKIT_E_INVALIDARG;
    if (!OSKIT_FAILED(error)) {
        o->position = position;
        if (out_newpos != NULL)
            *out_newpos = (oskit_u64_t)position;
    }
    env_mutex_unlock(&o->mutex);
    return error;
}

static oskit_error_t opened_setsize(oskit_openfile_t *self, oskit_u64_t new_size)
{
    struct opened *o = opened_of(self);

    if (!(o->flags & OSKIT_O_WRONLY))
        return OSKIT_EBADF;
    if (new_size > INT64_MAX)
        return OSKIT_EFBIG;
    return oskit_absio_setsize(o->absio, (oskit_off_t)new_size);
}

static oskit_error_t opened_getfile(oskit_openfile_t *self, struct oskit_file **out_file)
{
    struct opened *o = opened_of(self);

    oskit_file_addref(o->file);
    *out_file = o->file;
    return 0;
}

static void opened_destroy(struct sluice_object *object)
{
    struct opened *o = (struct opened *)object;

    oskit_absio_release(o->absio);
    oskit_file_release(o->file);
    sluice_object_fini(object);
    env_free(o, sizeof *o);
}

/* The stream's refusals differ in the type of self only. */
static const struct oskit_openfile_ops opened_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = opened_read,
    .write = opened_write,
    .seek = opened_seek,
    .setsize = opened_setsize,
    .copyto = (void *)stream_refuse_copyto,
    .commit = (void *)stream_refuse_commit,
    .revert = (void *)stream_refuse_revert,
    .lockregion = (void *)stream_refuse_region,
    .unlockregion = (void *)stream_refuse_region,
    .stat = (void *)stream_refuse_stat,
    .clone = (void *)stream_refuse_clone,
    .getfile = opened_getfile,
};
static const struct sluice_interface opened_interfaces[] = {
    {&oskit_openfile_iid, offsetof(struct opened, openfile), &opened_ops},
    {&oskit_stream_iid, offsetof(struct opened, openfile), &opened_ops},
};
static const struct sluice_class opened_class = {"open file", opened_interfaces,
                                                 SLUICE_COUNT(opened_interfaces), opened_destroy};

oskit_error_t oskit_soa_openfile_from_absio(oskit_file_t *file, oskit_absio_t *absio,
                                            oskit_oflags_t flags, oskit_openfile_t **out_openfile)
{
    oskit_error_t error = 0;

    *out_openfile = NULL;
    if (absio != NULL)
        oskit_absio_addref(absio);
    else
        error = oskit_file_query(file, &oskit_absio_iid, (void **)&absio);
    if (OSKIT_FAILED(error))
        return error;
    struct opened *o = env_alloc(sizeof *o, ENV_ZERO);
    if (o == NULL) {
        oskit_absio_release(absio);
        return OSKIT_E_OUTOFMEMORY;
    }
    sluice_object_init(&o->object, &opened_class);
    oskit_file_addref(file);
    o->file = file;
    o->absio = absio;
    o->flags = flags;
    *out_openfile = &o->openfile.i;
    return 0;
}

oskit_error_t oskit_soa_openfile_from_file(oskit_file_t *file, oskit_oflags_t flags,
                                           oskit_openfile_t **out_openfile)
{
    return oskit_soa_openfile_from_absio(file, NULL, flags, out_openfile);
}
