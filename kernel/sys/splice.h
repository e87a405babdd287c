/*
 * Between sys_splice.c and splice_socket.c: a transfer between two descriptors, and the pieces that
 * it moves.
 */
#ifndef KERNEL_SYS_SPLICE_H
#define KERNEL_SYS_SPLICE_H

#include <sluice/pipe.h>
#include "kernel/sys/sys.h"

struct piece {
    void *page; /* one reference */
    uint32_t offset, length;
};

/* One side of a transfer. */
struct splice_side {
    struct fd fd;
    sluice_pipe_t *pipe; /* with a reference; NULL: something else */
    bool positioned;     /* the place is in `position`; else a stream */
    bool own;            /* `position` is the open file's offset */
    int64_t position;
};

struct splice {
    struct splice_side in, out;
    size_t left, moved;
    bool nonblock; /* don't wait, not even for the first piece */
    bool copy;     /* pages of the source may not be lent: the target is the same file */
    bool whole;    /* sendfile, copy_file_range: go on till all has moved */
    bool more;     /* the caller says that more will follow (SPLICE_F_MORE) */
    bool refused;  /* the target, a socket, doesn't take pages */
};

static inline bool splice_waits(const struct splice *s)
{
    return !s->nonblock && (!s->moved || s->whole);
}

/* The next piece of the pipe S takes from, or of the file whose pages it lends: 0 or a negative
 * errno. A length of 0 is the end. */
long piece_take(struct splice *s, size_t skip, uint32_t flags, struct piece *out);
long piece_lend(struct splice *s, struct piece *out);
/* What wasn't passed on of a piece goes back into its pipe; the reference is given up. */
void piece_return(struct splice *s, const struct piece *piece, uint32_t passed);

/* Several pieces at once from a pipe or a file to a socket: bytes moved, 0 at the end, or a
 * negative errno; -ABI_ENOSYS: it takes none, nothing has moved. */
long splice_to_socket(struct splice *s);

#endif
