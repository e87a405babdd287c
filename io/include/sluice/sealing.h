/*
 * sluice_sealing: an interface of files that can be sealed: promises, never taken back, of what
 * will not be done to the file any more, by whomever. What a seal forbids is OSKIT_EPERM from then
 * on.
 *
 * Who maps the file so that it can be written through the mapping, now or after a change of rights,
 * counts the mapping here: SEAL_WRITE can't be put on while there is one.
 */
#ifndef SLUICE_SEALING_H
#define SLUICE_SEALING_H

#include <stdbool.h>
#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>

/* Linux's numbers. */
#define SEAL_SEAL         0x01u /* no more seals */
#define SEAL_SHRINK       0x02u
#define SEAL_GROW         0x04u
#define SEAL_WRITE        0x08u
#define SEAL_FUTURE_WRITE 0x10u /* no writes but through mappings that are there */
#define SEAL_EXEC         0x20u /* no change of who may execute it */
#define SEAL_ALL          0x3fu

typedef struct sluice_sealing {
    struct sluice_sealing_ops *ops;
} sluice_sealing_t;

struct sluice_sealing_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_sealing_t)
    oskit_u32_t (*get)(sluice_sealing_t *self); /* [any] */
    /* Nothing that SEALS forbid goes on when it returns. A file that can be executed is sealed
     * against all changes by SEAL_EXEC. OSKIT_E_INVALIDARG: unknown bits; OSKIT_EPERM: SEAL_SEAL;
     * OSKIT_EBUSY: SEAL_WRITE and mappings. [thread] */
    oskit_error_t (*add)(sluice_sealing_t *self, oskit_u32_t seals);
    /* For who made the file, and has it alone: exactly SEALS. Files begin with SEAL_SEAL. [any] */
    void (*begin)(sluice_sealing_t *self, oskit_u32_t seals);
    /* A mapping that may write comes (OSKIT_EPERM when sealed against it), or there is one more of
     * one that is there (COPY: never refused). [any] */
    oskit_error_t (*map)(sluice_sealing_t *self, bool copy);
    void (*unmap)(sluice_sealing_t *self); /* it goes [any] */
};
extern const struct oskit_guid sluice_sealing_iid; /* SLUICE_GUID(0x5ac10022) */

#endif
