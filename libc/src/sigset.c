/* Sets of signals, and System V's ways to change the mask. */
#include <signal.h>

#include "internal.h"

static int valid(int sig)
{
    if (sig >= 1 && sig < NSIG)
        return 1;
    errno = EINVAL;
    return 0;
}

int sigemptyset(sigset_t *set)
{
    *set = 0;
    return 0;
}

/* All but the two that are the thread library's. */
int sigfillset(sigset_t *set)
{
    *set = ~(3ul << 31);
    return 0;
}

int sigaddset(sigset_t *set, int sig)
{
    if (!valid(sig))
        return -1;
    *set |= 1ul << (sig - 1);
    return 0;
}

int sigdelset(sigset_t *set, int sig)
{
    if (!valid(sig))
        return -1;
    *set &= ~(1ul << (sig - 1));
    return 0;
}

int sigismember(const sigset_t *set, int sig)
{
    return valid(sig) ? (int)(*set >> (sig - 1) & 1) : -1;
}

static int change_mask(int how, int sig)
{
    sigset_t set = 0;

    return sigaddset(&set, sig) < 0 ? -1 : sigprocmask(how, &set, NULL);
}

int sighold(int sig)
{
    return change_mask(SIG_BLOCK, sig);
}

int sigrelse(int sig)
{
    return change_mask(SIG_UNBLOCK, sig);
}

int sigignore(int sig)
{
    struct sigaction action = {.sa_handler = SIG_IGN};

    return sigaction(sig, &action, NULL);
}

int sigpause(int sig)
{
    sigset_t mask;

    sigprocmask(SIG_SETMASK, NULL, &mask);
    return sigdelset(&mask, sig) < 0 ? -1 : sigsuspend(&mask);
}
