/* /proc: what it says is so, and it follows what happens. */
#define KTAP_HAS_AGAIN
#include "ktap.h"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/utsname.h>

#define NOBODY 65534

/* Executed anew, the program waits for its end of file. */
static int ktap_again(int argc, char **argv)
{
    char c;
    (void)argc;
    (void)argv;
    write(STDOUT_FILENO, "!", 1);
    return (int)read(STDIN_FILENO, &c, 1);
}

/* ---- Reading ---- */

static char text[65536];

static ssize_t try_read(const char *path)
{
    int fd = open(path, O_RDONLY);
    ssize_t got, size = 0;

    if (fd < 0)
        return -1;
    while ((got = read(fd, text + size, sizeof(text) - 1 - size)) > 0)
        size += got;
    text[size] = '\0';
    close(fd);
    return got < 0 ? -1 : size;
}

static char *contents(const char *path)
{
    if (try_read(path) < 0)
        FAIL("%s: %s", path, strerror(errno));
    return text;
}

static char *of_process(pid_t pid, const char *name)
{
    char path[80];

    snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
    return contents(path);
}

static char *link_of(const char *path)
{
    ssize_t length = readlink(path, text, sizeof(text) - 1);

    if (length < 0)
        FAIL("%s: %s", path, strerror(errno));
    text[length] = '\0';
    return text;
}

/* Field N of a stat line as proc(5) counts; the name may hold anything. */
static long stat_field(const char *line, int n)
{
    const char *at = strrchr(line, ')') + 2;

    for (int i = 3; i < n; i++) {
        at = strchr(at, ' ');
        CHECK(at != NULL);
        at++;
    }
    return n == 3 ? *at : strtol(at, NULL, 10);
}

/* Waits until the state of PID is WANTED. */
static void await_state(pid_t pid, char wanted)
{
    while (ktap_state(pid) != wanted)
        ktap_sleep(5);
}

/* The value of "NAME:" in a file of such lines. */
static long value_of(const char *lines, const char *name)
{
    size_t length = strlen(name);

    for (const char *line = lines; line; line = strchr(line, '\n')) {
        line += *line == '\n';
        if (!strncmp(line, name, length) && line[length] == ':')
            return strtol(line + length + 1, NULL, 10);
    }
    FAIL("no line %s", name);
}

/* ---- One process ---- */

TEST(stat_line, "stat has 52 fields that agree with the system calls")
{
    char *line = contents("/proc/self/stat");
    int fields = 2;

    for (const char *c = strrchr(line, ')'); *c; c++)
        fields += *c == ' ';
    CHECK_EQUAL(fields, 52);
    CHECK_EQUAL(strtol(line, NULL, 10), getpid());
    CHECK_EQUAL(stat_field(line, 3), 'R');
    CHECK_EQUAL(stat_field(line, 4), getppid());
    CHECK_EQUAL(stat_field(line, 5), getpgrp());
    CHECK_EQUAL(stat_field(line, 6), getsid(0));
    CHECK_EQUAL(stat_field(line, 20), 1);
    CHECK(stat_field(line, 23) > 4096);
    CHECK(stat_field(line, 24) > 0);
}

TEST(status_lines, "status tells numbers, owners and signals")
{
    signal(SIGUSR1, SIG_IGN);
    umask(027);
    char *lines = contents("/proc/self/status");
    CHECK_EQUAL(value_of(lines, "Pid"), getpid());
    CHECK_EQUAL(value_of(lines, "PPid"), getppid());
    CHECK_EQUAL(value_of(lines, "Uid"), (long)getuid());
    CHECK_EQUAL(value_of(lines, "Threads"), 1);
    CHECK_EQUAL(strtol(strstr(lines, "\nUmask:\t") + 8, NULL, 8), 027);
    CHECK(strtoull(strstr(lines, "\nSigIgn:\t") + 9, NULL, 16) & 1ull << (SIGUSR1 - 1));
    CHECK(value_of(lines, "VmSize") >= value_of(lines, "VmRSS"));
}

TEST(states, "a process sleeps, is stopped, goes on, is a zombie, is gone")
{
    char path[40];
    pid_t pid = CHILD(for (;;) pause());

    await_state(pid, 'S');
    kill(pid, SIGSTOP);
    await_state(pid, 'T');
    kill(pid, SIGCONT);
    await_state(pid, 'S');
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    int fd = open(path, O_RDONLY);
    CHECK(fd >= 0);
    kill(pid, SIGKILL);
    await_state(pid, 'Z');
    CHECK_EQUAL(*of_process(pid, "cmdline"), 0);
    CHECK_EQUAL(waitpid(pid, NULL, 0), pid);
    CHECK_ERROR(open(path, O_RDONLY), ENOENT);
    CHECK_ERROR(read(fd, text, 10), ESRCH);
}

TEST(arguments, "cmdline and environ are what exec was given")
{
    int out[2], in[2];
    char c;
    char *argv[] = {ktap_self, "--again", "two words", "", NULL};
    char *envp[] = {"ONE=1", "TWO=", NULL};
    static const char environment[] = "ONE=1\0TWO=";

    CHECK(!pipe(out) && !pipe(in));
    pid_t pid = CHILD(dup2(in[0], 0); dup2(out[1], 1); close(in[1]); execve(ktap_self, argv, envp));
    CHECK_EQUAL(read(out[0], &c, 1), 1);
    CHECK_STRING(of_process(pid, "cmdline"), ktap_self);
    CHECK(!memcmp(text + strlen(ktap_self) + 1, "--again\0two words\0", 19));
    of_process(pid, "environ");
    CHECK(!memcmp(text, environment, sizeof(environment)));
    char path[40];
    snprintf(path, sizeof(path), "/proc/%d/exe", (int)pid);
    CHECK_STRING(link_of(path), ktap_self);
    close(in[1]);
    CHECK_CHILD(pid);
}

TEST(names, "a process may change its name, and it is shown")
{
    CHECK(prctl(PR_SET_NAME, "a) b (c", 0, 0, 0) == 0);
    CHECK_STRING(contents("/proc/self/comm"), "a) b (c\n");
    CHECK_EQUAL(stat_field(contents("/proc/self/stat"), 4), getppid());
    int fd = open("/proc/self/comm", O_WRONLY);
    CHECK(fd >= 0);
    CHECK_EQUAL(write(fd, "much too long a name", 20), 20);
    CHECK_STRING(contents("/proc/self/comm"), "much too long a\n");
}

static bool map_find(const void *address, char *permissions)
{
    uintptr_t wanted = (uintptr_t)address;
    char *end;

    for (char *line = contents("/proc/self/maps"); *line; line = strchr(line, '\n') + 1) {
        uintptr_t first = strtoull(line, &end, 16), last = strtoull(end + 1, &end, 16);
        if (wanted < first || wanted >= last)
            continue;
        memcpy(permissions, end + 1, 4);
        permissions[4] = '\0';
        return true;
    }
    return false;
}

TEST(memory_map, "maps shows what is mapped, how, and from where")
{
    char permissions[5];
    int local;

    CHECK(map_find((void *)(uintptr_t)map_find, permissions));
    CHECK(permissions[2] == 'x');
    CHECK(map_find(&local, permissions));
    CHECK_STRING(permissions, "rw-p");
    CHECK(strstr(contents("/proc/self/maps"), "[stack]\n") != NULL);
    ktap_file("mapped", "contents", 8);
    int fd = open("mapped", O_RDONLY);
    void *p = mmap(NULL, 4096, PROT_READ, MAP_SHARED, fd, 0);
    CHECK(p != MAP_FAILED);
    CHECK(map_find(p, permissions));
    CHECK_STRING(permissions, "r--s");
    CHECK(strstr(text, "/mapped\n") != NULL);
    CHECK(munmap(p, 4096) == 0);
    CHECK(!map_find(p, permissions));
}

TEST(limits, "limits follow setrlimit")
{
    struct rlimit limit = {77, 99};

    CHECK(setrlimit(RLIMIT_NOFILE, &limit) == 0);
    char *line = strstr(contents("/proc/self/limits"), "Max open files");
    CHECK(line != NULL);
    CHECK_EQUAL(strtol(line + 26, &line, 10), 77);
    CHECK_EQUAL(strtol(line, NULL, 10), 99);
}

TEST(oom_adjustment, "anybody may offer itself to the out-of-memory killer")
{
    int fd = open("/proc/self/oom_score_adj", O_RDWR);

    CHECK(fd >= 0);
    CHECK_EQUAL(write(fd, "300\n", 4), 4);
    CHECK_STRING(contents("/proc/self/oom_score_adj"), "300\n");
    CHECK_ERROR(write(fd, "1001\n", 5), EINVAL);
    CHECK_ERROR(write(fd, "x\n", 2), EINVAL);
}

/* ---- Its files ---- */

TEST(descriptors, "fd has a link for each descriptor, which leads to the file itself")
{
    char here[PATH_MAX], name[64], wanted[PATH_MAX + 20], c;
    struct stat direct, through;

    CHECK(getcwd(here, sizeof(here)) != NULL);
    ktap_file("f", "one", 3);
    int fd = open("f", O_RDWR);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    snprintf(wanted, sizeof(wanted), "%s/f", here);
    CHECK_STRING(link_of(name), wanted);
    CHECK(unlink("f") == 0);
    strcat(wanted, " (deleted)");
    CHECK_STRING(link_of(name), wanted);
    int again = open(name, O_RDONLY); /* though no name leads to it */
    CHECK(again >= 0);
    CHECK_EQUAL(read(again, &c, 1), 1);
    CHECK(!fstat(fd, &direct) && !stat(name, &through));
    CHECK(direct.st_ino == through.st_ino && direct.st_dev == through.st_dev);
    CHECK(!lstat(name, &through) && S_ISLNK(through.st_mode));
    CHECK_EQUAL(through.st_mode & 0777, 0700);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", again);
    CHECK(!lstat(name, &through));
    CHECK_EQUAL(through.st_mode & 0777, 0500);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", fd);
    close(fd);
    CHECK_ERROR(readlink(name, text, 10), ENOENT);
}

TEST(pipes_by_name, "a pipe's link says its number, and opening it gives the pipe")
{
    int ends[2];
    char name[40], wanted[40], c = 0;
    struct stat st;

    CHECK(!pipe(ends) && !fstat(ends[0], &st));
    snprintf(wanted, sizeof(wanted), "pipe:[%lu]", (unsigned long)st.st_ino);
    snprintf(name, sizeof(name), "/proc/self/fd/%d", ends[1]);
    CHECK_STRING(link_of(name), wanted);
    int again = open(name, O_WRONLY);
    CHECK(again >= 0);
    CHECK_EQUAL(write(again, "x", 1), 1);
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    CHECK_EQUAL(c, 'x');
    close(again);
    close(ends[1]);
    CHECK_EQUAL(read(ends[0], &c, 1), 0);
}

TEST(descriptor_list, "fd lists the descriptors in use, and those only")
{
    bool seen[16] = {false};
    struct dirent *entry;
    int high = fcntl(0, F_DUPFD, 11);

    CHECK_EQUAL(high, 11);
    DIR *dir = opendir("/proc/self/fd");
    CHECK(dir != NULL);
    while ((entry = readdir(dir)))
        if (entry->d_name[0] != '.' && atoi(entry->d_name) < 16)
            seen[atoi(entry->d_name)] = true;
    for (int fd = 0; fd < 16; fd++)
        CHECK_EQUAL(seen[fd], fcntl(fd, F_GETFD) >= 0);
    closedir(dir);
}

TEST(places, "cwd and root lead where the process is")
{
    char here[PATH_MAX];
    struct stat direct, through;

    CHECK(mkdir("d", 0700) == 0 && chdir("d") == 0);
    CHECK(getcwd(here, sizeof(here)) != NULL);
    CHECK_STRING(link_of("/proc/self/cwd"), here);
    CHECK_STRING(link_of("/proc/self/root"), "/");
    ktap_file("f", "x", 1);
    CHECK(!stat("f", &direct) && !stat("/proc/self/cwd/f", &through));
    CHECK_EQUAL(through.st_ino, direct.st_ino);
    CHECK(!stat("/proc/self/cwd/../d/f", &through));
}

TEST(position, "fdinfo tells offset and flags")
{
    char name[40];

    ktap_file("f", "0123456789", 10);
    int fd = open("f", O_RDWR | O_APPEND);
    CHECK_EQUAL(lseek(fd, 7, SEEK_SET), 7);
    snprintf(name, sizeof(name), "/proc/self/fdinfo/%d", fd);
    char *lines = contents(name);
    CHECK_EQUAL(value_of(lines, "pos"), 7);
    CHECK((strtol(strstr(lines, "flags:\t") + 7, NULL, 8) & (O_ACCMODE | O_APPEND)) ==
          (O_RDWR | O_APPEND));
}

/* ---- Who may look ---- */

TEST(strangers, "another user sees the public files and no more")
{
    if (getuid() != 0)
        SKIP("needs root");
    char name[60];
    pid_t parent = getpid();
    CHECK_CHILD(CHILD(CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
                      CHECK(strtol(of_process(parent, "stat"), NULL, 10) == parent);
                      of_process(parent, "status"); of_process(parent, "cmdline");
                      snprintf(name, sizeof(name), "/proc/%d/environ", (int)parent);
                      CHECK_ERROR(try_read(name), EACCES);
                      snprintf(name, sizeof(name), "/proc/%d/maps", (int)parent);
                      CHECK_ERROR(try_read(name), EACCES);
                      snprintf(name, sizeof(name), "/proc/%d/fd/0", (int)parent);
                      CHECK_ERROR(readlink(name, text, 10), EACCES);
                      snprintf(name, sizeof(name), "/proc/%d/cwd", (int)parent);
                      CHECK_ERROR(readlink(name, text, 10), EACCES);
                      CHECK_ERROR(chdir(name), EACCES);
                      CHECK_ERROR(open("/proc/sys/kernel/hostname", O_WRONLY), EACCES)));
}

TEST(owners, "a process's entries belong to its user")
{
    struct stat st;
    char name[40];

    if (getuid() != 0)
        SKIP("needs root");
    CHECK(!stat("/proc/self", &st));
    CHECK_EQUAL(st.st_uid, 0);
    pid_t pid =
        CHILD(CHECK(setuid(NOBODY) == 0); prctl(PR_SET_DUMPABLE, 1, 0, 0, 0); for (;;) pause());
    snprintf(name, sizeof(name), "/proc/%d", (int)pid);
    do {
        CHECK(!stat(name, &st));
        ktap_sleep(5);
    } while (st.st_uid != NOBODY);
    kill(pid, SIGKILL);
    CHECK_EQUAL(waitpid(pid, NULL, 0), pid);
}

TEST(read_only, "nothing can be made or removed")
{
    CHECK(open("/proc/new", O_CREAT | O_WRONLY, 0600) < 0);
    CHECK(mkdir("/proc/self/d", 0700) < 0);
    CHECK(unlink("/proc/self/stat") < 0);
    CHECK(rename("/proc/version", "/proc/v") < 0);
}

/* ---- All processes ---- */

TEST(listing, "the list has each process once, in whatever pieces it is read")
{
    enum { PROCESSES = 40 };
    pid_t pids[PROCESSES];
    int seen[PROCESSES] = {0}, in_order = 0, last = 0;
    struct dirent *entry;

    for (int i = 0; i < PROCESSES; i++)
        pids[i] = CHILD(for (;;) pause());
    DIR *dir = opendir("/proc");
    CHECK(dir != NULL);
    while ((entry = readdir(dir))) {
        int pid = atoi(entry->d_name);
        in_order += pid && pid < last;
        last = pid ? pid : last;
        for (int i = 0; i < PROCESSES; i++)
            seen[i] += pid == pids[i];
        if (pid == pids[3]) { /* some go while it is read */
            kill(pids[4], SIGKILL);
            waitpid(pids[4], NULL, 0);
        }
        if (entry->d_name[0] == 's')
            seekdir(dir, telldir(dir));
    }
    closedir(dir);
    CHECK_EQUAL(in_order, 0);
    for (int i = 0; i < PROCESSES; i++) {
        CHECK(i == 4 ? seen[i] <= 1 : seen[i] == 1);
        kill(pids[i], SIGKILL);
    }
}

TEST(self_links, "self and thread-self are whoever asks")
{
    char wanted[40];

    snprintf(wanted, sizeof(wanted), "%d", (int)getpid());
    CHECK_STRING(link_of("/proc/self"), wanted);
    CHECK_CHILD(CHILD(snprintf(wanted, sizeof(wanted), "%d/task/%d", (int)getpid(), (int)getpid());
                      CHECK_STRING(link_of("/proc/thread-self"), wanted);
                      CHECK_EQUAL(strtol(contents("/proc/thread-self/stat"), NULL, 10), getpid())));
}

/* ---- The system ---- */

TEST(running_files, "the system's numbers are plausible and move")
{
    long total = value_of(contents("/proc/meminfo"), "MemTotal");
    CHECK(total > 0 && value_of(text, "MemFree") < total);
    int fd = open("/proc/uptime", O_RDONLY);
    CHECK(read(fd, text, 100) > 3);
    double before = strtod(text, NULL);
    ktap_sleep(30);
    CHECK_EQUAL(lseek(fd, 0, SEEK_SET), 0); /* read again it is told anew */
    CHECK(read(fd, text, 100) > 3);
    CHECK(strtod(text, NULL) > before);
    CHECK(!strncmp(contents("/proc/stat"), "cpu  ", 5));
    CHECK(strstr(text, "\ncpu0 ") && strstr(text, "\nbtime ") && strstr(text, "\nctxt "));
    CHECK(strstr(contents("/proc/cpuinfo"), "model name\t: ") != NULL);
    CHECK(strchr(contents("/proc/loadavg"), '/') != NULL);
    CHECK(strstr(contents("/proc/filesystems"), "nodev\tproc\n") != NULL);
    CHECK(strstr(contents("/proc/mounts"), " /proc proc ") != NULL);
    CHECK(strstr(contents("/proc/self/mountinfo"), " /proc ") != NULL);
}

/* user, system and idle of all CPUs, in ticks; how many CPUs. */
static int cpu_times(long times[3])
{
    int cpus = 0;
    long user, system, idle;
    char *line = contents("/proc/stat");

    CHECK(sscanf(line, "cpu %ld %*d %ld %ld", &user, &system, &idle) == 3);
    CHECK(user >= times[0] && system >= times[1] && idle >= times[2]);
    times[0] = user, times[1] = system, times[2] = idle;
    while ((line = strstr(line, "\ncpu")) != NULL)
        line++, cpus++;
    return cpus;
}

TEST(busy_time, "time in a program that was woken isn't idle time, and no time ever falls")
{
    long before[3] = {0}, now[3] = {0};
    int cpus = cpu_times(before);
    memcpy(now, before, sizeof(now));
    long began = ktap_now();
    ktap_sleep(20); /* the interrupt that ends it takes the CPU out of its halt */
    while (ktap_now() - began < 500)
        cpu_times(now);
    long elapsed = (ktap_now() - began) / 10, idle = now[2] - before[2];
    CHECK(idle >= 0 && idle <= (cpus - 1) * elapsed + elapsed / 2);
    CHECK(now[0] + now[1] > before[0] + before[1]);
}

TEST(processors, "/sys counts the processors that sched_getaffinity has")
{
    unsigned long mask[16] = {0};
    struct utsname names;
    char expected[32], path[80];
    unsigned count = 0;

    CHECK(uname(&names) == 0);
    if (!strstr(names.version, "Sluice"))
        SKIP("a machine may have more of them than its programs may use");
    CHECK(syscall(SYS_sched_getaffinity, 0, sizeof(mask), mask) > 0);
    for (unsigned cpu = 0; cpu < sizeof(mask) * 8; cpu++)
        count += mask[cpu / 64] >> cpu % 64 & 1;
    sprintf(expected, count > 1 ? "0-%u\n" : "%u\n", count - 1);
    CHECK_STRING(contents("/sys/devices/system/cpu/online"), expected);
    CHECK_STRING(contents("/sys/devices/system/cpu/possible"), expected);
    sprintf(path, "/sys/devices/system/cpu/cpu%u/topology/core_id", count - 1);
    CHECK_EQUAL(strtol(contents(path), NULL, 10), count - 1);
    sprintf(path, "/sys/devices/system/cpu/cpu%u", count);
    CHECK_ERROR(access(path, F_OK), ENOENT);
}

TEST(settings, "settings tell what uname and limits say; fixed ones can't be written")
{
    struct utsname uts;
    char first[40] = "";

    CHECK(uname(&uts) == 0);
    strcat(uts.nodename, "\n");
    CHECK_STRING(contents("/proc/sys/kernel/hostname"), uts.nodename);
    strcat(uts.release, "\n");
    CHECK_STRING(contents("/proc/sys/kernel/osrelease"), uts.release);
    memcpy(first, contents("/proc/sys/kernel/random/uuid"), sizeof(first) - 1);
    CHECK_EQUAL(strlen(first), 37);
    CHECK(strcmp(contents("/proc/sys/kernel/random/uuid"), first));
    memcpy(first, contents("/proc/sys/kernel/random/boot_id"), sizeof(first) - 1);
    CHECK_STRING(contents("/proc/sys/kernel/random/boot_id"), first);
    CHECK(strtol(contents("/proc/sys/kernel/pid_max"), NULL, 10) >= 32768);
    int fd = open("/proc/sys/kernel/ostype", O_WRONLY);
    CHECK(fd < 0 || write(fd, "x", 1) < 0);
}
