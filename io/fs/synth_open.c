/*
 * One open of a regular file of synthfs. The text is made when its beginning is read, and made anew
 * when the beginning is read again (a monitor keeps the file open and rewinds), so that a reader
 * sees one consistent text.
 *
 * Locks: mutex covers the text while it is made and copied out. What the owner's show takes comes
 * inside it, as do page faults of the reader.
 */
#include <oskit/io/absio.h>
#include <oskit/io/posixio.h>
#include <sluice/vecio.h>
#include "synth_private.h"

#define SYNTH_STORE_MAX 65536u

struct synth_open {
    struct sluice_object object;
    SLUICE_FACE(sluice_absvec_t) absvec;
    SLUICE_FACE(oskit_absio_t) absio;
    SLUICE_FACE(oskit_posixio_t) posixio;
    struct synth_file *file; /* with a reference */
    struct env_mutex mutex;
    struct synth_text text;
};

static struct synth_open *synth_open_of(const void *face)
{
    return container_of(SLUICE_OBJECT(face), struct synth_open, object);
}

static oskit_error_t synth_make_text(struct synth_open *open)
{
    const struct synth_node *node = open->file->node;
    oskit_error_t err = OSKIT_SUCCESS;

    synth_text_fini(&open->text);
    if (node->show)
        err = node->show(open->file->key, &open->text);
    return OSKIT_SUCCEEDED(err) && open->text.failed ? OSKIT_ENOMEM : err;
}

static oskit_error_t synth_preadv(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                                  oskit_u32_t flags, oskit_size_t *out_actual)
{
    struct synth_open *open = synth_open_of(self);
    oskit_error_t err = OSKIT_SUCCESS;

    (void)flags;
    *out_actual = 0;
    if (offset < 0)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&open->mutex);
    if (offset == 0 || !open->text.bytes)
        err = synth_make_text(open);
    if (OSKIT_SUCCEEDED(err) && (oskit_u64_t)offset < open->text.size)
        err = uio_write_to(uio, open->text.bytes + offset, open->text.size - (size_t)offset,
                           out_actual);
    env_mutex_unlock(&open->mutex);
    return *out_actual > 0 ? OSKIT_SUCCESS : err;
}

/* A write is a word to the owner, whole; where it is written doesn't matter. */
static oskit_error_t synth_pwritev(sluice_absvec_t *self, struct sluice_uio *uio,
                                   oskit_off_t offset, oskit_u32_t flags, oskit_size_t *out_actual,
                                   oskit_off_t *out_end)
{
    struct synth_file *file = synth_open_of(self)->file;
    size_t size = uio->left, moved = 0;
    char *text;

    (void)flags;
    *out_actual = 0;
    if (!file->node->store)
        return OSKIT_EACCES;
    if (size > SYNTH_STORE_MAX)
        return OSKIT_E_INVALIDARG;
    text = env_alloc(size + 1, 0);
    if (!text)
        return OSKIT_ENOMEM;
    oskit_error_t err = uio_read_from(uio, text, size, &moved);
    text[moved] = '\0';
    if (OSKIT_SUCCEEDED(err))
        err = file->node->store(file->key, text, moved);
    env_free(text, size + 1);
    if (OSKIT_FAILED(err))
        return err;
    *out_actual = size;
    if (out_end)
        *out_end = offset + (oskit_off_t)size;
    return OSKIT_SUCCESS;
}

static const struct sluice_absvec_ops synth_absvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .preadv = synth_preadv,
    .pwritev = synth_pwritev,
};

/* ---- The seed's interfaces ---- */

static oskit_error_t synth_absio_read(oskit_absio_t *self, void *buf, oskit_off_t offset,
                                      oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, buf, amount);
    return synth_preadv(&synth_open_of(self)->absvec.i, &uio, offset, 0, out_actual);
}

static oskit_error_t synth_absio_write(oskit_absio_t *self, const void *buf, oskit_off_t offset,
                                       oskit_size_t amount, oskit_size_t *out_actual)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, (void *)buf, amount);
    return synth_pwritev(&synth_open_of(self)->absvec.i, &uio, offset, 0, out_actual, NULL);
}

/* Not known before it is made: as in stat. */
static oskit_error_t synth_absio_getsize(oskit_absio_t *self, oskit_off_t *out_size)
{
    (void)self;
    *out_size = 0;
    return OSKIT_SUCCESS;
}

static oskit_error_t synth_absio_setsize_refused(oskit_absio_t *self, oskit_off_t new_size)
{
    (void)self;
    (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static const struct oskit_absio_ops synth_absio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .read = synth_absio_read,
    .write = synth_absio_write,
    .getsize = synth_absio_getsize,
    .setsize = synth_absio_setsize_refused,
};

static oskit_error_t synth_open_stat(oskit_posixio_t *self, oskit_stat_t *out)
{
    return synth_stat(&synth_open_of(self)->file->file.i, out);
}

static oskit_error_t synth_open_setstat(oskit_posixio_t *self, oskit_u32_t mask,
                                        const oskit_stat_t *stats)
{
    return synth_setstat(&synth_open_of(self)->file->file.i, mask, stats);
}

static oskit_error_t synth_open_pathconf(oskit_posixio_t *self, oskit_s32_t option,
                                         oskit_s32_t *out_val)
{
    return synth_pathconf(&synth_open_of(self)->file->file.i, option, out_val);
}

static const struct oskit_posixio_ops synth_posixio_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .stat = synth_open_stat,
    .setstat = synth_open_setstat,
    .pathconf = synth_open_pathconf,
};

/* ---- The object ---- */

static void synth_open_destroy(struct sluice_object *object)
{
    struct synth_open *open = container_of(object, struct synth_open, object);

    synth_text_fini(&open->text);
    sluice_object_release(&open->file->object);
    sluice_object_fini(object);
    env_free(open, sizeof *open);
}

static const struct sluice_interface synth_open_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct synth_open, absvec), &synth_absvec_ops},
    {&sluice_absvec_iid, offsetof(struct synth_open, absvec), &synth_absvec_ops},
    {&oskit_absio_iid, offsetof(struct synth_open, absio), &synth_absio_ops},
    {&oskit_posixio_iid, offsetof(struct synth_open, posixio), &synth_posixio_ops},
};

static const struct sluice_class synth_open_class = {
    "synthfs open file",
    synth_open_interfaces,
    SLUICE_COUNT(synth_open_interfaces),
    synth_open_destroy,
};

oskit_error_t synth_open_create(struct synth_file *file, oskit_iunknown_t **out)
{
    const struct synth_node *node = file->node;

    *out = NULL;
    oskit_error_t err = node->permit ? node->permit(file->key) : OSKIT_SUCCESS;
    if (OSKIT_FAILED(err))
        return err;
    struct synth_open *open = env_alloc(sizeof *open, ENV_ZERO);
    if (!open)
        return OSKIT_ENOMEM;
    sluice_object_init(&open->object, &synth_open_class);
    sluice_object_addref(&file->object);
    open->file = file;
    *out = (oskit_iunknown_t *)&open->absvec.i;
    return OSKIT_SUCCESS;
}
