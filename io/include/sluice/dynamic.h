/*
 * sluice_dynamic: an interface of files and directories whose file system changes by itself,
 * without a call through the namespace (/proc, where processes come and go; /dev, where drivers
 * do).
 *
 * The namespace remembers names. Of a file that answers this interface it asks `revalidate` before
 * it uses the remembered name again, and in a directory that answers it, it doesn't remember that a
 * name is absent.
 */
#ifndef SLUICE_DYNAMIC_H
#define SLUICE_DYNAMIC_H

#include <oskit/com.h>
#include <oskit/error.h>

struct location;

typedef struct sluice_dynamic {
    struct sluice_dynamic_ops *ops;
} sluice_dynamic_t;

struct sluice_dynamic_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_dynamic_t)
    /* OSKIT_SUCCESS: a lookup of the name that led here would give this same object. Else the name
     * is looked up again. [thread] */
    oskit_error_t (*revalidate)(sluice_dynamic_t *self);
    /*
     * A symbolic link that leads to a location rather than through a text ("magic" link, such as
     * /proc/self/fd/3): gives the location with references. OSKIT_E_NOTIMPL: not one, read the
     * text. [thread]
     */
    oskit_error_t (*follow)(sluice_dynamic_t *self, struct location *out);
};
extern const struct oskit_guid sluice_dynamic_iid; /* SLUICE_GUID(0x5ac10021) */

#endif
