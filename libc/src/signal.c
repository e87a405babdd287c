/* Signals: the conversion of actions, and what signal.h has besides them. */
#include <signal.h>
#include <stdlib.h>
#include <setjmp.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

/* What threads use themselves (thread/thread.h): nobody blocks, handles or waits for it. */
#define INTERNAL (3ul << 31)

struct kernel_sigaction {
    void (*handler)(int);
    unsigned long flags;
    void (*restorer)(void);
    unsigned long mask;
};

void __restore_rt(void);

int sigaction(int sig, const struct sigaction *restrict new, struct sigaction *restrict old)
{
    struct kernel_sigaction in, out = {0};
    long result;

    if (sig > 0 && sig < NSIG && 1ul << (sig - 1) & INTERNAL) {
        errno = EINVAL;
        return -1;
    }
    if (new) {
        in.handler = new->sa_handler;
        in.flags = (unsigned)new->sa_flags | SA_RESTORER;
        in.restorer = __restore_rt;
        in.mask = new->sa_mask & ~INTERNAL;
    }
    result =
        CALL6(rt_sigaction, sig, new ? &in : NULL, old ? &out : NULL, KERNEL_SIGSET_SIZE, 0, 0);
    if (result == 0 && old) {
        old->sa_handler = out.handler;
        old->sa_flags = (int)(out.flags & ~(unsigned long)SA_RESTORER);
        old->sa_restorer = out.restorer;
        old->sa_mask = out.mask;
    }
    return (int)result;
}

/* Which signals siginterrupt() said not to restart. */
static sigset_t interrupting;

_sig_func_ptr signal(int sig, _sig_func_ptr handler)
{
    struct sigaction new = {.sa_handler = handler}, old = {0};

    if (!sigismember(&interrupting, sig))
        new.sa_flags = SA_RESTART;
    return sigaction(sig, &new, &old) < 0 ? SIG_ERR : old.sa_handler;
}

_sig_func_ptr _signal_r(struct _reent *reent, int sig, _sig_func_ptr handler)
{
    (void)reent;
    return signal(sig, handler);
}

int siginterrupt(int sig, int flag)
{
    struct sigaction action = {0};

    if (sigaction(sig, NULL, &action) < 0)
        return -1;
    if (flag) {
        sigaddset(&interrupting, sig);
        action.sa_flags &= ~SA_RESTART;
    } else {
        sigdelset(&interrupting, sig);
        action.sa_flags |= SA_RESTART;
    }
    return sigaction(sig, &action, NULL);
}

int raise(int sig)
{
    return (int)CALL3(tgkill, getpid(), gettid(), sig);
}

int _raise_r(struct _reent *reent, int sig)
{
    (void)reent;
    return raise(sig);
}

int killpg(pid_t group, int sig)
{
    if (group < 0) {
        errno = EINVAL;
        return -1;
    }
    return kill(-group, sig);
}

int sigqueue(pid_t pid, int sig, union sigval value)
{
    siginfo_t info;

    memset(&info, 0, sizeof(info));
    info.si_signo = sig;
    info.si_code = SI_QUEUE;
    info.si_pid = getpid();
    info.si_uid = getuid();
    info.si_value = value;
    return (int)CALL3(rt_sigqueueinfo, pid, sig, &info);
}

int pthread_sigmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    sigset_t allowed;

    if (set) {
        allowed = *set & ~INTERNAL;
        set = &allowed;
    }
    long result = SYS6(rt_sigprocmask, how, set, old, KERNEL_SIGSET_SIZE, 0, 0);
    if (result == 0 && old)
        *old &= ~INTERNAL;
    return (int)-result;
}

int sigprocmask(int how, const sigset_t *restrict set, sigset_t *restrict old)
{
    return (int)with_errno(-pthread_sigmask(how, set, old));
}

int sigpending(sigset_t *set)
{
    return (int)CALL3(rt_sigpending, set, KERNEL_SIGSET_SIZE, 0);
}

int sigsuspend(const sigset_t *set)
{
    sigset_t allowed = *set & ~INTERNAL;

    return (int)CANCEL3(rt_sigsuspend, &allowed, KERNEL_SIGSET_SIZE, 0);
}

int sigtimedwait(const sigset_t *restrict set, siginfo_t *restrict info,
                 const struct timespec *restrict timeout)
{
    sigset_t allowed = *set & ~INTERNAL;

    return (int)CANCEL6(rt_sigtimedwait, &allowed, info, timeout, KERNEL_SIGSET_SIZE, 0, 0);
}

int sigwaitinfo(const sigset_t *restrict set, siginfo_t *restrict info)
{
    return sigtimedwait(set, info, NULL);
}

int sigwait(const sigset_t *restrict set, int *restrict sig)
{
    int result;

    do
        result = sigtimedwait(set, NULL, NULL);
    while (result < 0 && errno == EINTR);
    if (result < 0)
        return errno;
    *sig = result;
    return 0;
}

void __sigsetjmp_mask(sigjmp_buf env, int save)
{
    env->__mask_saved = save;
    if (save)
        sigprocmask(SIG_SETMASK, NULL, &env->__mask);
}

void siglongjmp(sigjmp_buf env, int value)
{
    if (env->__mask_saved)
        sigprocmask(SIG_SETMASK, &env->__mask, NULL);
    longjmp(env->__registers, value);
}
