/* Calls on threads by their number: signals, robust lists, and where they run. */
#include "show.h"

#include <sys/syscall.h>

static long self(void)
{
    return syscall(SYS_gettid);
}

static volatile sig_atomic_t seen, code, word;

static void on_signal(int number, siginfo_t *info, void *context)
{
    (void)context;
    seen = number;
    code = info->si_code;
    word = info->si_value.sival_int;
}

static void show_seen(void)
{
    printf("seen %d, code %d\n", (int)seen, (int)code);
    seen = code = 0;
}

/* The number of a process that has been. */
static pid_t nobody(void)
{
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    waitpid(child, NULL, 0);
    return child;
}

static void thread_kills(void)
{
    pid_t gone = nobody();

    puts("== tkill");
    SHOW(syscall(SYS_tkill, self(), 0));
    SHOW(syscall(SYS_tkill, self(), SIGUSR1));
    show_seen();
    SHOW(syscall(SYS_tkill, self(), 65));
    SHOW(syscall(SYS_tkill, self(), -1));
    SHOW(syscall(SYS_tkill, -1, SIGUSR1));
    SHOW(syscall(SYS_tkill, 0, SIGUSR1));
    SHOW(syscall(SYS_tkill, gone, SIGUSR1));
    SHOW(syscall(SYS_tgkill, getpid(), self(), SIGUSR1));
    show_seen();
    SHOW(syscall(SYS_tgkill, gone, self(), SIGUSR1));
    SHOW(syscall(SYS_tgkill, getppid(), self(), SIGUSR1));
    SHOW(syscall(SYS_tgkill, 0, self(), SIGUSR1));
}

/* One that has ended and was not waited for is still there to be told. */
static void kills_of_the_dead(void)
{
    siginfo_t info;
    pid_t child = fork();

    if (child == 0)
        _exit(0);
    puts("== tkill of the dead");
    waitid(P_PID, child, &info, WEXITED | WNOWAIT);
    SHOW(syscall(SYS_tkill, child, 0));
    SHOW(syscall(SYS_tkill, child, SIGUSR1));
    SHOW(syscall(SYS_tkill, child, 65));
    SHOW(syscall(SYS_tgkill, child, child, SIGUSR1));
    SHOW(syscall(SYS_tgkill, getpid(), child, SIGUSR1));
    waitpid(child, NULL, 0);
    SHOW(syscall(SYS_tkill, child, 0));
}

static long queue(pid_t group, long thread, int number, int with)
{
    siginfo_t info;

    memset(&info, 0, sizeof(info));
    info.si_code = with;
    info.si_value.sival_int = 42;
    return syscall(SYS_rt_tgsigqueueinfo, group, thread, number, &info);
}

static void queued(void)
{
    static const int codes[] = {SI_QUEUE, SI_USER, SI_TIMER, SI_MESGQ, -6, 1, 0x80, -100};
    pid_t child = fork(), gone = nobody();

    if (child == 0)
        for (;;)
            pause();
    puts("== rt_tgsigqueueinfo");
    for (size_t n = 0; n < COUNT(codes); n++) {
        printf("code %d\n", codes[n]);
        word = 0;
        SHOW(queue(getpid(), self(), SIGUSR1, codes[n]));
        printf("word %d\n", (int)word);
        show_seen();
        SHOW(queue(child, child, SIGUSR2, codes[n]));
    }
    SHOW(queue(getpid(), self(), 0, SI_QUEUE));
    SHOW(queue(getpid(), self(), 65, SI_QUEUE));
    SHOW(queue(gone, gone, SIGUSR1, SI_QUEUE));
    SHOW(queue(getpid(), child, SIGUSR1, SI_QUEUE));
    SHOW(queue(0, self(), SIGUSR1, SI_QUEUE));
    SHOW(queue(getpid(), 0, SIGUSR1, SI_QUEUE));
    SHOW(syscall(SYS_rt_tgsigqueueinfo, getpid(), self(), SIGUSR1, NULL));
    kill(child, SIGKILL);
    waitpid(child, NULL, 0);
}

static void robust_lists(void)
{
    uint64_t head[3] = {(uintptr_t)head, 0, 0}, at = 0;
    size_t size = 0;

    puts("== robust lists");
    SHOW(syscall(SYS_set_robust_list, head, sizeof(head) - 1));
    SHOW(syscall(SYS_set_robust_list, head, 0));
    SHOW(syscall(SYS_set_robust_list, head, sizeof(head)));
    SHOW(syscall(SYS_get_robust_list, 0, &at, &size));
    printf("%s, %zu bytes\n", at == (uintptr_t)head ? "the same" : "another", size);
    SHOW(syscall(SYS_get_robust_list, self(), &at, &size));
    SHOW(syscall(SYS_get_robust_list, 0, NULL, &size));
    SHOW(syscall(SYS_get_robust_list, 0, &at, NULL));
    size = 1;
    SHOW(syscall(SYS_get_robust_list, 0, NULL, &size));
    printf("size %zu\n", size);
    at = 1;
    SHOW(syscall(SYS_get_robust_list, 0, &at, NULL));
    printf("%s\n", at == 1 ? "untouched" : "told");
    SHOW(syscall(SYS_get_robust_list, nobody(), &at, &size));
    SHOW(syscall(SYS_get_robust_list, nobody(), NULL, NULL));
    SHOW(syscall(SYS_get_robust_list, -1, &at, &size));
    SHOW(syscall(SYS_get_robust_list, getppid(), &at, &size));
    SHOW(syscall(SYS_set_robust_list, NULL, sizeof(head)));
    SHOW(syscall(SYS_get_robust_list, 0, &at, &size));
    printf("%s\n", at ? "a list" : "no list");
}

/* A parent's list is nobody's business whose user is another. */
static void foreign_list(void)
{
    uint64_t at = 0;
    size_t size = 0;
    int status;
    pid_t parent = getpid(), child;

    fflush(stdout);
    child = fork();
    if (child == 0) {
        if (setuid(1000) == 0)
            SHOW(syscall(SYS_get_robust_list, parent, &at, &size));
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("another user", status);
}

static void whereabouts(void)
{
    unsigned int cpu = UINT_MAX, node = UINT_MAX;
    int number = 0;

    puts("== whereabouts");
    SHOW(syscall(SYS_getcpu, &cpu, &node, NULL));
    printf("%s, node %u\n", cpu < 4096 ? "a processor" : "none", node);
    SHOW(syscall(SYS_getcpu, NULL, NULL, NULL));
    SHOW(syscall(SYS_getcpu, &cpu, NULL, NULL));
    SHOW(syscall(SYS_getcpu, 1, NULL, NULL));
    SHOW(syscall(SYS_getcpu, NULL, 1, NULL));
    SHOW(syscall(SYS_set_tid_address, &number) == self());
    SHOW(syscall(SYS_set_tid_address, NULL) == self());
    SHOW(syscall(SYS_set_tid_address, 1) == self());
    SHOW(syscall(SYS_restart_syscall));
}

int main(void)
{
    struct sigaction action = {.sa_sigaction = on_signal, .sa_flags = SA_SIGINFO};

    setvbuf(stdout, NULL, _IOLBF, 0);
    sigaction(SIGUSR1, &action, NULL);
    sigaction(SIGUSR2, &action, NULL);
    thread_kills();
    kills_of_the_dead();
    queued();
    robust_lists();
    foreign_list();
    whereabouts();
    return 0;
}
