/* wait4 and waitid: every option against every state of a child. */
#include "show.h"

#include <sys/resource.h>

enum state { RUNNING, STOPPED, CONTINUED, EXITED, KILLED, STATES };
static const char *const names[] = {"running", "stopped", "continued", "exited", "killed"};

static pid_t child_in(enum state state)
{
    siginfo_t info;
    pid_t pid = fork();

    if (pid == 0) {
        if (state == EXITED)
            _exit(7);
        for (;;)
            pause();
    }
    if (state == STOPPED || state == CONTINUED) {
        kill(pid, SIGSTOP);
        waitid(P_PID, pid, &info, WSTOPPED | WNOWAIT);
    }
    if (state == CONTINUED) {
        kill(pid, SIGCONT);
        waitid(P_PID, pid, &info, WCONTINUED | WNOWAIT);
    }
    if (state == KILLED)
        kill(pid, SIGTERM);
    if (state == EXITED || state == KILLED)
        waitid(P_PID, pid, &info, WEXITED | WNOWAIT);
    return pid;
}

static void end(pid_t pid)
{
    kill(pid, SIGKILL);
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        continue;
}

static void wait4_in(enum state state, int options)
{
    pid_t pid = child_in(state);

    for (int round = 0; round < 2; round++) {
        int status = 0x5555;
        errno = 0;
        pid_t got = waitpid(pid, &status, options | WNOHANG);
        printf("%s, wait4 %x:", names[state], (unsigned)options);
        if (got == pid)
            print_status("", status);
        else
            printf(" %d %s\n", (int)got, got < 0 ? strerror(errno) : "");
    }
    end(pid);
}

static void waitid_in(enum state state, int options)
{
    pid_t pid = child_in(state);

    for (int round = 0; round < 2; round++) {
        siginfo_t info;
        memset(&info, 0, sizeof(info));
        errno = 0;
        int result = waitid(P_PID, pid, &info, options | WNOHANG);
        printf("%s, waitid %x: %s signal %d code %d status %d child %d\n", names[state],
               (unsigned)options, result < 0 ? strerror(errno) : "0", info.si_signo, info.si_code,
               info.si_signo ? info.si_status : 0, info.si_signo ? info.si_pid == pid : 0);
    }
    end(pid);
}

int main(void)
{
    static const int wait4_options[] = {0,       WUNTRACED, WCONTINUED, WUNTRACED | WCONTINUED,
                                        WEXITED, WNOWAIT,   0x100,      0x40000000 | WUNTRACED};

    setvbuf(stdout, NULL, _IOLBF, 0);
    for (int state = 0; state < STATES; state++) {
        for (size_t n = 0; n < COUNT(wait4_options); n++)
            wait4_in(state, wait4_options[n]);
        for (int bits = 0; bits < 16; bits++)
            waitid_in(state, (bits & 1 ? WEXITED : 0) | (bits & 2 ? WSTOPPED : 0) |
                                 (bits & 4 ? WCONTINUED : 0) | (bits & 8 ? WNOWAIT : 0));
    }
    siginfo_t info;
    SHOW(waitid(P_ALL, 0, &info, WEXITED | WNOHANG));
    SHOW(waitid(P_PID, 0, &info, WEXITED | WNOHANG));
    SHOW(waitid(P_PID, -1, &info, WEXITED | WNOHANG));
    SHOW(waitid(P_PGID, 0, &info, WEXITED | WNOHANG));
    SHOW(waitid(7, 1, &info, WEXITED | WNOHANG));
    SHOW(waitid(P_ALL, 0, &info, WNOHANG));
    SHOW(waitid(P_ALL, 0, &info, 0x10000 | WEXITED));
    SHOW(waitpid(-1, NULL, WNOHANG));
    SHOW(waitpid(0, NULL, WNOHANG));
    SHOW(waitpid(INT_MIN, NULL, WNOHANG));
    return 0;
}
