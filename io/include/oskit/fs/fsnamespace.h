/*
 * A namespace: a root, a working directory, and mounts. [thread]
 */
#ifndef OSKIT_FS_FSNAMESPACE_H
#define OSKIT_FS_FSNAMESPACE_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

struct oskit_dir;
struct oskit_file;

#define OSKIT_FSNAMESPACE_NOFOLLOW 1 /* a symbolic link at the end is the answer */
#define OSKIT_FSNAMESPACE_NOCACHE  2 /* do not remember what the walk finds */
#define OSKIT_FSNAMESPACE_PARENT   4 /* the answer is the directory of the last component */

typedef struct oskit_fsnamespace {
    struct oskit_fsnamespace_ops *ops;
} oskit_fsnamespace_t;

struct oskit_fsnamespace_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_fsnamespace_t)

    /* Makes the directory NAME the root of this namespace. */
    oskit_error_t (*chroot)(oskit_fsnamespace_t *self, const char *name);

    /* Makes DIR the directory where relative names start. */
    oskit_error_t (*chcwd)(oskit_fsnamespace_t *self, struct oskit_dir *dir);

    /* Walks the path NAME over mounts and symbolic links. FLAGS: OSKIT_FSNAMESPACE_*. */
    oskit_error_t (*lookup)(oskit_fsnamespace_t *self, const char *name, int flags,
                            struct oskit_file **out_file);

    /* Puts SUBTREE over what PATH names. */
    oskit_error_t (*mount)(oskit_fsnamespace_t *self, const char *path, struct oskit_file *subtree);

    /* Undoes it. */
    oskit_error_t (*unmount)(oskit_fsnamespace_t *self, const char *path);

    /* A namespace with the same mounts and its own root and working directory. */
    oskit_error_t (*clone)(oskit_fsnamespace_t *self, oskit_fsnamespace_t **out_fsnamespace);
};

extern const struct oskit_guid oskit_fsnamespace_iid;
#define OSKIT_FSNAMESPACE_IID \
    OSKIT_GUID(0x4aa7dff8, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_fsnamespace_query(self, iid, out) \
    ((self)->ops->query((oskit_fsnamespace_t *)(self), (iid), (out)))
#define oskit_fsnamespace_addref(self)  ((self)->ops->addref((oskit_fsnamespace_t *)(self)))
#define oskit_fsnamespace_release(self) ((self)->ops->release((oskit_fsnamespace_t *)(self)))
#define oskit_fsnamespace_chroot(self, name) \
    ((self)->ops->chroot((oskit_fsnamespace_t *)(self), (name)))
#define oskit_fsnamespace_chcwd(self, dir) \
    ((self)->ops->chcwd((oskit_fsnamespace_t *)(self), (dir)))
#define oskit_fsnamespace_lookup(self, name, flags, out_file) \
    ((self)->ops->lookup((oskit_fsnamespace_t *)(self), (name), (flags), (out_file)))
#define oskit_fsnamespace_mount(self, path, subtree) \
    ((self)->ops->mount((oskit_fsnamespace_t *)(self), (path), (subtree)))
#define oskit_fsnamespace_unmount(self, path) \
    ((self)->ops->unmount((oskit_fsnamespace_t *)(self), (path)))
#define oskit_fsnamespace_clone(self, out_fsnamespace) \
    ((self)->ops->clone((oskit_fsnamespace_t *)(self), (out_fsnamespace)))

#endif
