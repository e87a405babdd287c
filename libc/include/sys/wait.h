/* Waiting for children. */
#ifndef _SYS_WAIT_H
#define _SYS_WAIT_H

#include <signal.h>
#include <sys/cdefs.h>
#include <sys/resource.h>
#include <sys/types.h>

#define WNOHANG    0x00000001
#define WUNTRACED  0x00000002
#define WSTOPPED   WUNTRACED
#define WEXITED    0x00000004
#define WCONTINUED 0x00000008
#define WNOWAIT    0x01000000

#define WEXITSTATUS(w)       (((w) >> 8) & 0xff)
#define WTERMSIG(w)          ((w)&0x7f)
#define WSTOPSIG(w)          WEXITSTATUS(w)
#define WIFEXITED(w)         (WTERMSIG(w) == 0)
#define WIFSTOPPED(w)        (((w)&0xff) == 0x7f)
#define WIFSIGNALED(w)       (WTERMSIG(w) != 0 && WTERMSIG(w) != 0x7f)
#define WIFCONTINUED(w)      ((w) == 0xffff)
#define WCOREDUMP(w)         ((w)&0x80)
#define W_EXITCODE(ret, sig) ((ret) << 8 | (sig))
#define W_STOPCODE(sig)      ((sig) << 8 | 0x7f)

typedef enum { P_ALL, P_PID, P_PGID, P_PIDFD } idtype_t;

__BEGIN_DECLS
pid_t wait(int *);
pid_t waitpid(pid_t, int *, int);
pid_t wait3(int *, int, struct rusage *);
pid_t wait4(pid_t, int *, int, struct rusage *);
int waitid(idtype_t, id_t, siginfo_t *, int);
__END_DECLS

#endif
