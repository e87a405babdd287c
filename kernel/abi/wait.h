/* wait4(2) and waitid(2). */
#ifndef ABI_WAIT_H
#define ABI_WAIT_H

#define ABI_WNOHANG    0x00000001
#define ABI_WUNTRACED  0x00000002
#define ABI_WSTOPPED   ABI_WUNTRACED
#define ABI_WEXITED    0x00000004
#define ABI_WCONTINUED 0x00000008
#define ABI_WNOWAIT    0x01000000
#define ABI_WNOTHREAD  0x20000000
#define ABI_WALL       0x40000000
#define ABI_WCLONE     0x80000000

#define ABI_P_ALL   0
#define ABI_P_PID   1
#define ABI_P_PGID  2
#define ABI_P_PIDFD 3

/* The status word */
#define ABI_W_EXITED(code)  (((code)&0xff) << 8)
#define ABI_W_SIGNALED(sig) ((sig)&0x7f)
#define ABI_W_COREDUMP      0x80
#define ABI_W_STOPPED(sig)  ((((sig)&0xff) << 8) | 0x7f)
#define ABI_W_CONTINUED     0xffff
#define ABI_WEXITSTATUS(st) (((st) >> 8) & 0xff)
#define ABI_WTERMSIG(st)    ((st)&0x7f)
#define ABI_WIFEXITED(st)   (((st)&0x7f) == 0)
#define ABI_WIFSTOPPED(st)  (((st)&0xff) == 0x7f)
#define ABI_WIFSIGNALED(st) (((st)&0x7f) != 0 && ((st)&0x7f) != 0x7f)

#endif
