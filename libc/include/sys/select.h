/* select: sets of 1024 descriptors, as the kernel counts them. */
#ifndef _SYS_SELECT_H
#define _SYS_SELECT_H

#include <sys/cdefs.h>
#include <sys/_sigset.h>
#include <sys/_timeval.h>
#include <sys/timespec.h>

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

#define _SYS_TYPES_FD_SET
#define FD_SETSIZE 1024
typedef unsigned long fd_mask;
#define NFDBITS (8 * (int)sizeof(fd_mask))

typedef struct _types_fd_set {
    fd_mask fds_bits[FD_SETSIZE / NFDBITS];
} _types_fd_set;
#define fd_set _types_fd_set

#define FD_SET(n, p)   ((void)((p)->fds_bits[(n) / NFDBITS] |= 1ul << ((n) % NFDBITS)))
#define FD_CLR(n, p)   ((void)((p)->fds_bits[(n) / NFDBITS] &= ~(1ul << ((n) % NFDBITS))))
#define FD_ISSET(n, p) (((p)->fds_bits[(n) / NFDBITS] >> ((n) % NFDBITS) & 1) != 0)
#define FD_ZERO(p)     ((void)__builtin_memset((p), 0, sizeof(fd_set)))

__BEGIN_DECLS

int select(int, fd_set *__restrict, fd_set *__restrict, fd_set *__restrict,
           struct timeval *__restrict);
int pselect(int, fd_set *__restrict, fd_set *__restrict, fd_set *__restrict,
            const struct timespec *__restrict, const sigset_t *__restrict);

__END_DECLS

#endif
