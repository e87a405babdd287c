/* What reads and writes of an open file go to: see file_open_object in namespace.h. */
#include <oskit/io/posixio.h>
#include <sluice/device.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/object.h>

static oskit_error_t open_by_type(oskit_file_t *file, oskit_u32_t mode, oskit_u32_t rdev,
                                  oskit_u32_t oflags, oskit_iunknown_t **out)
{
    switch (mode & OSKIT_S_IFMT) {
    case OSKIT_S_IFREG:
    case OSKIT_S_IFDIR:
        oskit_file_addref(file);
        *out = (oskit_iunknown_t *)file;
        return OSKIT_SUCCESS;
    case OSKIT_S_IFCHR:
    case OSKIT_S_IFBLK:
        return device_open(OSKIT_S_ISBLK(mode), rdev, oflags, out);
    case OSKIT_S_IFLNK:
        return OSKIT_ELOOP;
    }
    return OSKIT_ENXIO; /* a socket, or a FIFO of a file system that can't open one */
}

/* A file system of the seed's: its openfile where it keeps state per open, else the file. */
static oskit_error_t open_seed(oskit_file_t *file, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    struct oskit_openfile *opened = NULL;
    oskit_stat_t stat;
    oskit_error_t err = oskit_file_stat(file, &stat);

    if (OSKIT_SUCCEEDED(err) && OSKIT_S_ISREG(stat.mode))
        err = oskit_file_open(file, oflags & ~(oskit_u32_t)OSKIT_O_TRUNC, &opened);
    if (OSKIT_FAILED(err))
        return err;
    if (!opened)
        return open_by_type(file, stat.mode, stat.rdev, oflags, out);
    *out = (oskit_iunknown_t *)opened;
    return OSKIT_SUCCESS;
}

static oskit_error_t open_filex(oskit_file_t *file, sluice_filex_t *filex, oskit_u32_t oflags,
                                oskit_iunknown_t **out)
{
    struct filex_stat stat;
    oskit_error_t err = filex->ops->open(filex, oflags, out);

    if (err != OSKIT_E_NOTIMPL)
        return err;
    err = filex->ops->stat(filex, &stat);
    return OSKIT_FAILED(err) ? err : open_by_type(file, stat.mode, stat.rdev, oflags, out);
}

oskit_error_t file_open_object(oskit_file_t *file, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);

    *out = NULL;
    if (!filex)
        return open_seed(file, oflags, out);
    oskit_error_t err = open_filex(file, filex, oflags, out);
    filex->ops->release(filex);
    return err;
}

oskit_error_t location_open_object(const struct location *loc, oskit_u32_t oflags,
                                   oskit_iunknown_t **out)
{
    sluice_filex_t *filex = location_filex(loc);

    *out = NULL;
    return filex ? open_filex(location_file(loc), filex, oflags, out)
                 : open_seed(location_file(loc), oflags, out);
}
