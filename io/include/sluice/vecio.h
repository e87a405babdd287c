/*
 * Transfers by uio, beside the seed's stream and absio: the interfaces that the system-call layer
 * uses when an object has them (it falls back to the seed's read and write through a kernel buffer
 * when a query answers E_NOINTERFACE).
 *
 * Short counts: success with *out_actual less than asked is normal. End of file is success with 0.
 * When some bytes have moved and then an error comes up, the call succeeds with the short count;
 * the error comes with the next call. uio advances by *out_actual.
 */
#ifndef SLUICE_VECIO_H
#define SLUICE_VECIO_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/mappings.h>
#include <sluice/uio.h>

/* Flags of one transfer. */
#define VECIO_PEEK   1u /* leave the data where it is (reads) */
#define VECIO_APPEND 2u /* write at the end of file, atomically; offset is ignored */
#define VECIO_SYNC \
    4u /* data and the metadata needed to find it are on stable storage before the call returns */
#define VECIO_NONBLOCK                                                                       \
    8u /* the caller will not wait: an object whose reply depends on it (a tty's job control \
          doesn't) may look */

/* O_DIRECT: between the medium and the program's memory, past any cache. OSKIT_E_INVALIDARG when
 * offset, lengths or addresses are not multiples of the medium's block. Objects without a medium
 * take no notice. */
#define VECIO_DIRECT 16u

/* sluice_streamvec: a byte stream. Never blocks: OSKIT_EWOULDBLOCK when nothing can move now. */
typedef struct sluice_streamvec {
    struct sluice_streamvec_ops *ops;
} sluice_streamvec_t;
struct sluice_streamvec_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_streamvec_t)
    /* [thread] */
    oskit_error_t (*readv)(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                           oskit_size_t *out_actual);
    /* OSKIT_EPIPE when the other side is gone (the caller sends SIGPIPE). [thread] */
    oskit_error_t (*writev)(sluice_streamvec_t *self, struct sluice_uio *uio, oskit_u32_t flags,
                            oskit_size_t *out_actual);
};
extern const struct oskit_guid sluice_streamvec_iid; /* SLUICE_GUID(0x5ac10002) */

/* sluice_absvec: absolute offsets, for files and disks. May sleep for the medium, not for an event.
 */
typedef struct sluice_absvec {
    struct sluice_absvec_ops *ops;
} sluice_absvec_t;
struct sluice_absvec_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_absvec_t)
    /* OFFSET < 0 is OSKIT_E_INVALIDARG; at or past the end: success, 0. [thread] */
    oskit_error_t (*preadv)(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                            oskit_u32_t flags, oskit_size_t *out_actual);
    /* Grows the object; a gap reads as zeros. *out_end (when not NULL) is the offset after the last
     * byte written, which VECIO_APPEND makes known. OSKIT_EFBIG, OSKIT_ENOSPC. [thread] */
    oskit_error_t (*pwritev)(sluice_absvec_t *self, struct sluice_uio *uio, oskit_off_t offset,
                             oskit_u32_t flags, oskit_size_t *out_actual, oskit_off_t *out_end);
};
extern const struct oskit_guid sluice_absvec_iid; /* SLUICE_GUID(0x5ac10003) */

/* sluice_pager: an object whose contents can be mapped page by page, coherent with its reads and
 * writes. */
typedef struct sluice_pager {
    struct sluice_pager_ops *ops;
} sluice_pager_t;
#define PAGER_WRITE                                                                              \
    1u /* the page will be written: allocate it when it is a hole, mark it dirty. Asked for each \
          page once before it is written through a mapping, and again after mappings_clean */
struct sluice_pager_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_pager_t)
    /* The page that holds bytes INDEX * ENV_PAGE_SIZE..., with a reference (env_page_unref) for the
     * caller. Holes may be answered with a fresh zero page when PAGER_WRITE is not set, not
     * remembered. OSKIT_E_INVALIDARG past the end of the object (the fault becomes SIGBUS).
     * [thread] */
    oskit_error_t (*getpage)(sluice_pager_t *self, oskit_u64_t index, oskit_u32_t flags,
                             void **out_page);
    /* Where those who map the object say so, so that its pages can be taken back and cleaned
     * (mappings.h); as long-lived as the object. NULL (mappings_none): that never happens to what
     * getpage has given. [any] */
    struct mappings *(*mappings)(sluice_pager_t *self);
};
extern const struct oskit_guid sluice_pager_iid; /* SLUICE_GUID(0x5ac10004) */

/* sluice_control: the open-ended operation of an object, ioctl. */
typedef struct sluice_control {
    struct sluice_control_ops *ops;
} sluice_control_t;
struct sluice_control_ops {
    OSKIT_COMDECL_IUNKNOWN(sluice_control_t)
    /* COMMAND is Linux's ioctl number, ARGUMENT the program's word (a user pointer for most: use
     * env_copy_*). *out_result is the call's value. OSKIT_ENOTTY for commands that are not this
     * object's. [thread] */
    oskit_error_t (*ioctl)(sluice_control_t *self, oskit_u32_t command, oskit_u64_t argument,
                           oskit_s32_t *out_result);
};
extern const struct oskit_guid sluice_control_iid; /* SLUICE_GUID(0x5ac10005) */

#endif
