/* What only root may, asked for by a plain user; and what root is refused. Should a privilege be
   left, then the call's other arguments see to it that the machine stays as it is. */
#include "show.h"

#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

enum { USER = 1000, RESTART = 0x01234567, FIRST_MAGIC = 0xfee1dead };

/* Times that are none. */
static void root_clock(void)
{
    struct timeval odd = {1700000000, 2000000}, before = {-1, 0};
    struct timezone far = {1000, 0};
    struct timespec ts = {1700000000, 0}, late = {1700000000, 1000000000};

    SHOW(syscall(SYS_settimeofday, &odd, NULL));
    SHOW(syscall(SYS_settimeofday, &before, NULL));
    SHOW(syscall(SYS_settimeofday, 1, NULL));
    SHOW(syscall(SYS_settimeofday, NULL, NULL));
    SHOW(syscall(SYS_settimeofday, &odd, 1));
    SHOW(syscall(SYS_settimeofday, NULL, 1));
    SHOW(syscall(SYS_settimeofday, NULL, &far));
    SHOW(syscall(SYS_clock_settime, 99, &ts));
    SHOW(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts));
    SHOW(syscall(SYS_clock_settime, CLOCK_REALTIME, &late));
    SHOW(syscall(SYS_clock_settime, CLOCK_REALTIME, 1));
}

static void user_clock(void)
{
    struct timeval tv, odd = {1700000000, -1}, late = {1700000000, 1000000}, early = {-1, 0};
    struct timespec ts, none = {1700000000, 1000000000};
    struct timezone zone = {0, 0}, far = {1000, 0};

    gettimeofday(&tv, NULL);
    SHOW(syscall(SYS_settimeofday, NULL, NULL));
    SHOW(syscall(SYS_settimeofday, NULL, 1));
    SHOW(syscall(SYS_settimeofday, NULL, &zone));
    SHOW(syscall(SYS_settimeofday, NULL, &far));
    SHOW(syscall(SYS_settimeofday, &odd, NULL));
    SHOW(syscall(SYS_settimeofday, &late, NULL));
    SHOW(syscall(SYS_settimeofday, &early, NULL));
    SHOW(syscall(SYS_clock_settime, CLOCK_REALTIME, &none));
    clock_gettime(CLOCK_REALTIME, &ts);
    SHOW(syscall(SYS_settimeofday, &tv, NULL));
    SHOW(syscall(SYS_settimeofday, 1, NULL));
    SHOW(syscall(SYS_clock_settime, CLOCK_REALTIME, &ts));
    SHOW(syscall(SYS_clock_settime, CLOCK_MONOTONIC, &ts));
}

static void name_calls(void)
{
    SHOW(syscall(SYS_sethostname, "x", -1));
    SHOW(syscall(SYS_sethostname, "x", 65));
    SHOW(syscall(SYS_setdomainname, "x", -1));
    SHOW(syscall(SYS_setdomainname, "x", 65));
    SHOW(syscall(SYS_setdomainname, 1, 1));
}

static void user_calls(void)
{
    struct rlimit more = {100, 200}, most = {100, 100};

    SHOW(syscall(SYS_reboot, 0, 0, RESTART, NULL));
    SHOW(syscall(SYS_vhangup));
    SHOW(syscall(SYS_syslog, 5, NULL, 0));
    SHOW(syscall(SYS_syslog, 8, NULL, 9));
    SHOW(chroot("."));
    SHOW(mount("none", ".", "tmpfs", 0, NULL));
    SHOW(umount2(".", 0));
    SHOW(syscall(SYS_mknodat, AT_FDCWD, "device", S_IFCHR | 0600, makedev(1, 3)));
    SHOW(syscall(SYS_mknodat, AT_FDCWD, "block", S_IFBLK | 0600, makedev(1, 3)));
    SHOW(chown("file", 0, 0));
    SHOW(setpriority(PRIO_PROCESS, 0, -5));
    SHOW(setuid(0));
    SHOW(setgid(0));
    SHOW(setgroups(0, NULL));
    SHOW(syscall(SYS_setrlimit, RLIMIT_NOFILE, &most));
    SHOW(syscall(SYS_setrlimit, RLIMIT_NOFILE, &more));
}

static void root_calls(void)
{
    SHOW(syscall(SYS_reboot, 0, 0, RESTART, NULL));
    SHOW(syscall(SYS_reboot, FIRST_MAGIC, 0, RESTART, NULL));
    SHOW(syscall(SYS_syslog, 0, NULL, 0));
    SHOW(syscall(SYS_syslog, 1, NULL, 0));
    SHOW(syscall(SYS_syslog, 99, NULL, 0));
    SHOW(syscall(SYS_syslog, -1, NULL, 0));
    SHOW(syscall(SYS_syslog, 3, NULL, 10));
    SHOW(syscall(SYS_syslog, 3, "", -1));
    SHOW(syscall(SYS_syslog, 8, NULL, 0));
    SHOW(syscall(SYS_syslog, 8, NULL, 9));
}

int main(void)
{
    int status;

    fresh_place();
    chmod(".", 0777);
    put_file("file", "content", 0644);
    puts("== root");
    root_clock();
    name_calls();
    root_calls();
    puts("== a user");
    fflush(stdout);
    pid_t child = fork();
    if (child == 0) {
        if (setgroups(0, NULL) < 0 || setgid(USER) < 0 || setuid(USER) < 0)
            _exit(1);
        user_clock();
        name_calls();
        user_calls();
        fflush(stdout);
        _exit(0);
    }
    waitpid(child, &status, 0);
    print_status("the user", status);
    leave_place();
    return 0;
}
