/*
 * Some entries of a directory, read out one by one. A snapshot: later changes of the directory do
 * not show. [thread]
 */
#ifndef OSKIT_FS_DIRENTS_H
#define OSKIT_FS_DIRENTS_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct oskit_dirent {
    oskit_size_t namelen; /* see getnext */
    oskit_ino_t ino;
    char name[]; /* room for namelen bytes */
};
typedef struct oskit_dirent oskit_dirent_t;

typedef struct oskit_dirents {
    struct oskit_dirents_ops *ops;
} oskit_dirents_t;

struct oskit_dirents_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_dirents_t)

    /* How many entries it holds. */
    oskit_error_t (*getcount)(oskit_dirents_t *self, int *out_count);

    /*
     * The next entry. dirent->namelen is the size of dirent->name in bytes on entry, and the length
     * of the name (which is NUL-terminated there) on return. OSKIT_ENAMETOOLONG when the name and
     * its NUL do not fit: the entry stays next. OSKIT_EWOULDBLOCK after the last.
     */
    oskit_error_t (*getnext)(oskit_dirents_t *self, oskit_dirent_t *dirent);

    /* The first is next again. */
    oskit_error_t (*rewind)(oskit_dirents_t *self);
};

extern const struct oskit_guid oskit_dirents_iid;
#define OSKIT_DIRENTS_IID \
    OSKIT_GUID(0x4aa7dffc, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_dirents_query(self, iid, out) \
    ((self)->ops->query((oskit_dirents_t *)(self), (iid), (out)))
#define oskit_dirents_addref(self)  ((self)->ops->addref((oskit_dirents_t *)(self)))
#define oskit_dirents_release(self) ((self)->ops->release((oskit_dirents_t *)(self)))
#define oskit_dirents_getcount(self, out_count) \
    ((self)->ops->getcount((oskit_dirents_t *)(self), (out_count)))
#define oskit_dirents_getnext(self, dirent) \
    ((self)->ops->getnext((oskit_dirents_t *)(self), (dirent)))
#define oskit_dirents_rewind(self) ((self)->ops->rewind((oskit_dirents_t *)(self)))

#endif
