/* What <sys/signal.h> and <sys/ucontext.h> share, so that neither needs the other. */
#ifndef _SYS__SIGSTACK_H
#define _SYS__SIGSTACK_H

#include <stddef.h>
#include <sys/_sigset.h>

#if !defined(_SIGSET_T_DECLARED)
#define _SIGSET_T_DECLARED
typedef __sigset_t sigset_t;
#endif

typedef struct sigaltstack {
    void *ss_sp;
    int ss_flags;
    size_t ss_size;
} stack_t;

#endif
