/* Identities, limits, names, and what else a process can ask of or tell the system. */
#include "ktap.h"

#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <sched.h>
#include <sys/auxv.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

TEST(names, "uname and the host's name")
{
    struct utsname names;
    char host[65];

    CHECK(uname(&names) == 0);
    CHECK_STRING(names.machine, "x86_64");
    CHECK(names.sysname[0] && names.release[0] && names.version[0]);
    CHECK(gethostname(host, sizeof(host)) == 0);
    CHECK_STRING(host, names.nodename);
    CHECK_ERROR(gethostname(host, 1), ENAMETOOLONG);
}

TEST(users, "root's identities, and dropping them for good")
{
    uid_t r, e, s;

    CHECK(getresuid(&r, &e, &s) == 0 && r == getuid() && e == geteuid());
    if (geteuid())
        SKIP("needs root");
    CHECK_CHILD(CHILD({
        CHECK(seteuid(1000) == 0);
        CHECK(getuid() == 0 && geteuid() == 1000);
        CHECK(getresuid(&r, &e, &s) == 0 && r == 0 && e == 1000 && s == 0);
        CHECK(seteuid(0) == 0);
        CHECK(setuid(1000) == 0);
        CHECK(getresuid(&r, &e, &s) == 0 && r == 1000 && e == 1000 && s == 1000);
        CHECK_ERROR(setuid(0), EPERM);
        CHECK_ERROR(seteuid(0), EPERM);
        CHECK_ERROR(setgroups(0, NULL), EPERM);
    }));
    CHECK_CHILD(CHILD({
        CHECK(setresuid(1, 2, 3) == 0);
        CHECK(getresuid(&r, &e, &s) == 0 && r == 1 && e == 2 && s == 3);
        CHECK(setresuid(3, 1, 2) == 0);
        CHECK_ERROR(setresuid(4, -1, -1), EPERM);
    }));
    CHECK_CHILD(CHILD({
        CHECK(setregid(5, 6) == 0);
        CHECK(getgid() == 5 && getegid() == 6);
        CHECK(setgid(7) == 0);
        CHECK(getgid() == 7 && getegid() == 7);
    }));
}

TEST(groups, "supplementary groups are set and got")
{
    gid_t set[] = {3, 1, 2}, got[8];

    if (geteuid())
        SKIP("needs root");
    CHECK(setgroups(3, set) == 0);
    CHECK_EQUAL(getgroups(0, NULL), 3);
    CHECK_EQUAL(getgroups(8, got), 3);
    CHECK_EQUAL(got[0] + got[1] + got[2], 6);
    CHECK_ERROR(getgroups(2, got), EINVAL);
    CHECK_ERROR(getgroups(-1, got), EINVAL);
    CHECK(setgroups(0, NULL) == 0);
    CHECK_EQUAL(getgroups(0, NULL), 0);
}

TEST(known_users, "the files of users and groups are read")
{
    struct passwd *user = getpwnam("root");

    CHECK(user != NULL && user->pw_uid == 0);
    CHECK(getpwuid(0) != NULL);
    CHECK(getpwnam("nobody there") == NULL);
    CHECK(getgrgid(0) != NULL && getgrnam("root") != NULL);
}

TEST(limits, "limits are got, lowered and refused to be raised")
{
    struct rlimit old, new;

    CHECK(getrlimit(RLIMIT_NOFILE, &old) == 0);
    CHECK(old.rlim_cur <= old.rlim_max && old.rlim_cur >= 64);
    CHECK(getrlimit(RLIMIT_STACK, &new) == 0 && new.rlim_cur >= 1 << 20);
    new = (struct rlimit){20, 30};
    CHECK(setrlimit(RLIMIT_NOFILE, &new) == 0);
    CHECK(getrlimit(RLIMIT_NOFILE, &new) == 0 && new.rlim_cur == 20 && new.rlim_max == 30);
    CHECK_EQUAL(fcntl(0, F_DUPFD, 19), 19);
    CHECK_ERROR(fcntl(0, F_DUPFD, 20), EINVAL);
    CHECK_EQUAL(sysconf(_SC_OPEN_MAX), 20);
    new = (struct rlimit){31, 30};
    CHECK_ERROR(setrlimit(RLIMIT_NOFILE, &new), EINVAL);
    CHECK_ERROR(getrlimit(99, &new), EINVAL);
    CHECK_CHILD(CHILD(CHECK(getrlimit(RLIMIT_NOFILE, &new) == 0 && new.rlim_cur == 20)));
    if (geteuid() == 0)
        CHECK_CHILD(CHILD(CHECK(setuid(1000) == 0); new = (struct rlimit){20, 40};
                          CHECK_ERROR(setrlimit(RLIMIT_NOFILE, &new), EPERM)));
}

TEST(file_size_limit, "a file doesn't grow over RLIMIT_FSIZE: SIGXFSZ, or EFBIG")
{
    struct rlimit limit = {1000, 1000};
    static char bytes[2000];
    int fd = open("f", O_RDWR | O_CREAT, 0600), status;

    CHECK(setrlimit(RLIMIT_FSIZE, &limit) == 0);
    signal(SIGXFSZ, SIG_IGN);
    CHECK_EQUAL(write(fd, bytes, 2000), 1000);
    CHECK_ERROR(write(fd, bytes, 1), EFBIG);
    pid_t pid = CHILD(signal(SIGXFSZ, SIG_DFL); write(fd, bytes, 1));
    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGXFSZ);
    CHECK_ERROR(ftruncate(fd, 2000), EFBIG);
}

TEST(auxiliary_vector, "the auxiliary vector tells what it should")
{
    CHECK_EQUAL(getauxval(AT_PAGESZ), 4096);
    CHECK_EQUAL(getauxval(AT_CLKTCK), 100);
    CHECK_EQUAL(getauxval(AT_UID), getuid());
    CHECK_EQUAL(getauxval(AT_EGID), getegid());
    CHECK_EQUAL(getauxval(AT_SECURE), 0);
    CHECK_EQUAL(getauxval(AT_PHENT), 56);
    CHECK(getauxval(AT_PHDR) != 0 && getauxval(AT_ENTRY) != 0 && getauxval(AT_HWCAP) != 0);
    CHECK(getauxval(AT_RANDOM) != 0);
    const char *name = (const char *)getauxval(AT_EXECFN);
    CHECK(name && strstr(name, "system"));
}

TEST(program_start, "a program starts with an aligned stack and sane registers")
{
    unsigned long flags, control;

    __asm__("pushfq; popq %0" : "=r"(flags));
    CHECK((flags & 0x40400) == 0); /* direction and alignment-check flags */
    __asm__("stmxcsr %0" : "=m"(*(unsigned *)&control));
    CHECK_EQUAL((unsigned)control & 0xffc0, 0x1f80);
}

TEST(random_bytes, "random bytes differ, and any length comes")
{
    unsigned char a[300], b[300];

    CHECK_EQUAL(getrandom(a, 256, 0), 256);
    CHECK_EQUAL(getrandom(b, 256, GRND_NONBLOCK), 256);
    CHECK(memcmp(a, b, 256));
    CHECK_EQUAL(getrandom(a, 0, 0), 0);
    CHECK_ERROR(getrandom(a, 1, 0x80), EINVAL);
    CHECK(getentropy(a, 256) == 0);
    CHECK_ERROR(getentropy(a, 257), EIO);
}

TEST(process_name, "prctl sets and gets the process's name")
{
    char name[16] = "";

    CHECK(prctl(PR_SET_NAME, "a name that is far too long") == 0);
    CHECK(prctl(PR_GET_NAME, name) == 0);
    CHECK_STRING(name, "a name that is ");
    CHECK_ERROR(prctl(9999), EINVAL);
}

static volatile sig_atomic_t got;

static void note(int sig)
{
    got = sig;
}

TEST(parents_death, "PR_SET_PDEATHSIG tells a child of its parent's end")
{
    int ends[2];
    char c = 0;

    CHECK(pipe(ends) == 0);
    CHECK_CHILD(CHILD({
        pid_t parent = getpid();
        CHILD({
            signal(SIGUSR1, note);
            CHECK(prctl(PR_SET_PDEATHSIG, SIGUSR1) == 0);
            write(ends[1], "r", 1);
            while (getppid() == parent || !got)
                ktap_sleep(1);
            write(ends[1], "g", 1);
        });
        CHECK(read(ends[0], &c, 1) == 1 && c == 'r');
    }));
    CHECK(read(ends[0], &c, 1) == 1 && c == 'g');
}

TEST(processors, "at least one processor is there, and the affinity says which")
{
    cpu_set_t set;
    int count = 0;

    CHECK(sched_getaffinity(0, sizeof(set), &set) == 0);
    for (int cpu = 0; cpu < CPU_SETSIZE; cpu++)
        count += CPU_ISSET(cpu, &set);
    CHECK(count >= 1 && count == sysconf(_SC_NPROCESSORS_ONLN));
    int cpu = sched_getcpu();
    CHECK(cpu >= 0 && CPU_ISSET(cpu, &set));
    CHECK(sched_yield() == 0);
    CHECK_ERROR(sched_getaffinity(999999, sizeof(set), &set), ESRCH);
}

TEST(priorities, "nice values go up for all, down for root")
{
    int begin = getpriority(PRIO_PROCESS, 0);

    CHECK(begin >= 0 && begin <= 14);
    CHECK_EQUAL(nice(5), begin + 5);
    CHECK_EQUAL(getpriority(PRIO_PROCESS, 0), begin + 5);
    CHECK_EQUAL(nice(100), 19);
    if (geteuid() == 0)
        CHECK_CHILD(
            CHILD(CHECK(setuid(1000) == 0); CHECK_ERROR(setpriority(PRIO_PROCESS, 0, 0), EACCES)));
}

TEST(memory_figures, "sysinfo and sysconf agree on the memory")
{
    struct sysinfo info;

    CHECK(sysinfo(&info) == 0);
    CHECK_EQUAL(sysconf(_SC_PHYS_PAGES), (long)(info.totalram * info.mem_unit / 4096));
    CHECK_EQUAL(sysconf(_SC_PAGESIZE), 4096);
    CHECK_EQUAL(sysconf(_SC_CLK_TCK), 100);
}

TEST(changed_root, "chroot makes a directory the root, for root")
{
    if (geteuid())
        SKIP("needs root");
    CHECK(mkdir("r", 0755) == 0 && mkdir("r/d", 0755) == 0);
    CHECK_CHILD(CHILD({
        char place[PATH_MAX];
        CHECK(chroot("r") == 0 && chdir("/") == 0);
        CHECK(access("/d", F_OK) == 0 && access("/../../d", F_OK) == 0);
        CHECK_ERROR(access("/bin", F_OK), ENOENT);
        CHECK_STRING(getcwd(place, sizeof(place)), "/");
    }));
    CHECK_CHILD(CHILD(CHECK(setuid(1000) == 0); CHECK_ERROR(chroot("/"), EPERM)));
    CHECK_ERROR(chroot("missing"), ENOENT);
}

TEST(proc_files, "the process's own files in /proc")
{
    char text[4096] = "", path[64], link[PATH_MAX] = "";

    if (access("/proc/self", F_OK) < 0)
        SKIP("no /proc");
    FILE *file = fopen("/proc/self/stat", "r");
    int pid, parent;
    char name[64], state;
    CHECK(file != NULL && fscanf(file, "%d (%63[^)]) %c %d", &pid, name, &state, &parent) == 4);
    CHECK(pid == getpid() && parent == getppid() && state == 'R');
    CHECK_STRING(name, "system");
    int fd = open("/proc/self/cmdline", O_RDONLY);
    CHECK(read(fd, text, sizeof(text)) > 0 && strstr(text, "system"));
    CHECK(readlink("/proc/self/exe", link, sizeof(link)) > 0);
    CHECK_STRING(link, ktap_self);
    CHECK(readlink("/proc/self/cwd", link, sizeof(link)) > 0);
    fd = open("f", O_RDWR | O_CREAT, 0600);
    snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
    memset(link, 0, sizeof(link));
    CHECK(readlink(path, link, sizeof(link)) > 0 && !strcmp(strrchr(link, '/'), "/f"));
    snprintf(path, sizeof(path), "/proc/%d/status", getppid());
    CHECK(access(path, F_OK) == 0);
    CHECK_ERROR(access("/proc/999999", F_OK), ENOENT);
}
