/* Capabilities: what each one is asked for, who may have which, and what changes of user and
   programs make of them. Both systems begin with the same set: others are given up at the start. */
#include "show.h"

#include <grp.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/auxv.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/time.h>

/* The C library has no header for these. */
enum {
    CAP_CHOWN = 0,
    CAP_DAC_OVERRIDE = 1,
    CAP_DAC_READ_SEARCH = 2,
    CAP_FOWNER = 3,
    CAP_FSETID = 4,
    CAP_KILL = 5,
    CAP_SETGID = 6,
    CAP_SETUID = 7,
    CAP_SETPCAP = 8,
    CAP_NET_BIND_SERVICE = 10,
    CAP_NET_ADMIN = 12,
    CAP_NET_RAW = 13,
    CAP_IPC_LOCK = 14,
    CAP_IPC_OWNER = 15,
    CAP_SYS_MODULE = 16,
    CAP_SYS_CHROOT = 18,
    CAP_SYS_PTRACE = 19,
    CAP_SYS_ADMIN = 21,
    CAP_SYS_BOOT = 22,
    CAP_SYS_NICE = 23,
    CAP_SYS_TIME = 25,
    CAP_MKNOD = 27,
    CAP_SYSLOG = 34,
    CAP_LAST_CAP = 40,
};

enum { VERSION_1 = 0x19980330, VERSION_2 = 0x20071026, VERSION_3 = 0x20080522 };

struct cap_header {
    uint32_t version;
    int pid;
};

struct cap_data {
    uint32_t effective, permitted, inheritable;
};

enum {
    MEMORY_PRIVATE = 0,
    MEMORY_CREATE = 01000,
    MEMORY_REMOVE = 0,
    MEMORY_SET = 1,
    MEMORY_TELL = 2
};

struct memory_about {
    int key;
    unsigned uid, gid, cuid, cgid, mode;
    unsigned long rest[11];
};

enum { USER = 1000, OTHER = 2000, MAGIC = 0x01234567 };

#define BIT(cap) (UINT64_C(1) << (cap))

/* prctl.h of older C libraries has not all of these. */
enum {
    GET_SECUREBITS = 27,
    SET_SECUREBITS = 28,
    AMBIENT = 47,
    AMBIENT_IS_SET = 1,
    AMBIENT_RAISE = 2,
    AMBIENT_LOWER = 3,
    AMBIENT_CLEAR = 4,
    NOROOT = 1,
    NO_FIXUP = 4,
    KEEP = 16,
    NO_RAISE = 64,
};

static const struct {
    const char *name;
    int number;
} base[] = {
    {"chown", CAP_CHOWN},
    {"dac_override", CAP_DAC_OVERRIDE},
    {"dac_read_search", CAP_DAC_READ_SEARCH},
    {"fowner", CAP_FOWNER},
    {"fsetid", CAP_FSETID},
    {"kill", CAP_KILL},
    {"setgid", CAP_SETGID},
    {"setuid", CAP_SETUID},
    {"setpcap", CAP_SETPCAP},
    {"net_bind_service", CAP_NET_BIND_SERVICE},
    {"net_admin", CAP_NET_ADMIN},
    {"net_raw", CAP_NET_RAW},
    {"ipc_lock", CAP_IPC_LOCK},
    {"ipc_owner", CAP_IPC_OWNER},
    {"sys_chroot", CAP_SYS_CHROOT},
    {"sys_ptrace", CAP_SYS_PTRACE},
    {"sys_admin", CAP_SYS_ADMIN},
    {"sys_boot", CAP_SYS_BOOT},
    {"sys_nice", CAP_SYS_NICE},
    {"sys_time", CAP_SYS_TIME},
    {"mknod", CAP_MKNOD},
    {"syslog", CAP_SYSLOG},
};

struct sets {
    uint64_t effective, permitted, inheritable;
};

static uint64_t base_set(void)
{
    uint64_t set = 0;

    for (size_t n = 0; n < COUNT(base); n++)
        set |= BIT(base[n].number);
    return set;
}

static struct sets sets_get(void)
{
    struct cap_header header = {VERSION_3, 0};
    struct cap_data data[2] = {{0}};

    syscall(SYS_capget, &header, data);
    return (struct sets){data[0].effective | (uint64_t)data[1].effective << 32,
                         data[0].permitted | (uint64_t)data[1].permitted << 32,
                         data[0].inheritable | (uint64_t)data[1].inheritable << 32};
}

static long sets_put(uint64_t effective, uint64_t permitted, uint64_t inheritable)
{
    struct cap_header header = {VERSION_3, 0};
    struct cap_data data[2] = {
        {(uint32_t)effective, (uint32_t)permitted, (uint32_t)inheritable},
        {(uint32_t)(effective >> 32), (uint32_t)(permitted >> 32), (uint32_t)(inheritable >> 32)}};

    return syscall(SYS_capset, &header, data);
}

static void show_sets(const char *when)
{
    struct sets s = sets_get();
    uint64_t bounding = 0, ambient = 0;

    for (int cap = 0; cap <= CAP_LAST_CAP; cap++) {
        if (prctl(PR_CAPBSET_READ, cap, 0, 0, 0) == 1)
            bounding |= BIT(cap);
        if (prctl(AMBIENT, AMBIENT_IS_SET, cap, 0, 0) == 1)
            ambient |= BIT(cap);
    }
    printf("%s: effective %llx, permitted %llx, inheritable %llx, bounding %llx, ambient %llx, "
           "bits %x, dumpable %d, privileges %d\n",
           when, (unsigned long long)s.effective, (unsigned long long)s.permitted,
           (unsigned long long)s.inheritable, (unsigned long long)bounding,
           (unsigned long long)ambient, prctl(GET_SECUREBITS, 0, 0, 0, 0),
           prctl(PR_GET_DUMPABLE, 0, 0, 0, 0), prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0));
}

/* Each try in a process of its own, for little can be taken back. */
#define TRY(block)              \
    do {                        \
        fflush(stdout);         \
        pid_t pid_ = fork();    \
        if (pid_ == 0) {        \
            block;              \
            fflush(stdout);     \
            _exit(0);           \
        }                       \
        waitpid(pid_, NULL, 0); \
    } while (0)

static void become(uid_t uid)
{
    setgroups(0, NULL);
    setresgid(uid, uid, uid);
    setresuid(uid, uid, uid);
}

static void drop(int cap)
{
    struct sets s = sets_get();

    sets_put(s.effective & ~BIT(cap), s.permitted, s.inheritable);
}

/* ---- The calls ---- */

static void versions(void)
{
    static const uint32_t known[] = {VERSION_1, VERSION_2, VERSION_3, 0, 0x20080523};
    struct cap_data data[3];

    for (size_t n = 0; n < COUNT(known); n++) {
        struct cap_header header = {known[n], 0};
        memset(data, 0x55, sizeof data);
        printf("version %zu\n", n);
        SHOW(syscall(SYS_capget, &header, NULL));
        header.version = known[n];
        SHOW(syscall(SYS_capget, &header, data));
        printf("now %x, %x %x %x, %x %x %x\n", header.version, data[0].effective, data[0].permitted,
               data[0].inheritable, data[1].effective, data[1].permitted, data[2].effective);
        header = (struct cap_header){known[n], -1};
        SHOW(syscall(SYS_capget, &header, data));
        header = (struct cap_header){known[n], 99999999};
        SHOW(syscall(SYS_capget, &header, data));
        header = (struct cap_header){known[n], getppid()};
        SHOW(syscall(SYS_capget, &header, data));
        header.version = known[n];
        SHOW(syscall(SYS_capset, &header, data));
        header = (struct cap_header){known[n], -1};
        SHOW(syscall(SYS_capset, &header, data));
        header = (struct cap_header){known[n], getpid()};
        SHOW(syscall(SYS_capget, &header, data));
        TRY(SHOW(syscall(SYS_capset, &header, NULL)));
        header = (struct cap_header){known[n], 0};
        TRY(SHOW(syscall(SYS_capset, &header, data)); show_sets("after"));
        SHOW(syscall(SYS_capget, &header, 1));
        SHOW(syscall(SYS_capset, &header, 1));
    }
    SHOW(syscall(SYS_capget, NULL, NULL));
    SHOW(syscall(SYS_capget, 1, data));
    SHOW(syscall(SYS_capset, 1, data));
}

static void rules(void)
{
    const uint64_t all = base_set(), kill = BIT(CAP_KILL), raw = BIT(CAP_NET_RAW);

    TRY(SHOW(sets_put(0, all, 0)); show_sets("none effective"); SHOW(sets_put(all, all, 0)));
    TRY(SHOW(sets_put(all & ~kill, all & ~kill, 0)); SHOW(sets_put(all, all, 0));
        SHOW(sets_put(all, all & ~kill, 0)); SHOW(sets_put(raw, raw, raw)); show_sets("one"));
    TRY(SHOW(sets_put(all, all, BIT(CAP_SYS_MODULE))); SHOW(sets_put(all, all, all));
        SHOW(sets_put(raw, raw, all)); SHOW(sets_put(raw, raw, kill));
        SHOW(sets_put(raw, raw, all)); SHOW(sets_put(raw, raw, raw | kill));
        show_sets("inheritable"));
    TRY(SHOW(sets_put(all, all, UINT64_MAX)); SHOW(sets_put(UINT64_MAX, UINT64_MAX, 0));
        SHOW(sets_put(all | BIT(50), all | BIT(51), BIT(52))); show_sets("unknown bits"));
    /* Without setpcap: no more than permitted and inheritable. */
    TRY(SHOW(sets_put(raw, raw | kill, 0)); SHOW(sets_put(raw, raw | kill, BIT(CAP_CHOWN)));
        SHOW(sets_put(raw, raw | kill, kill)); SHOW(sets_put(raw, raw, kill));
        show_sets("without setpcap"));
    TRY(SHOW(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0)); SHOW(sets_put(all, all, kill));
        SHOW(sets_put(all, all, raw)); show_sets("bounded"));
}

static void options(void)
{
    SHOW(prctl(PR_CAPBSET_READ, CAP_KILL, 0, 0, 0));
    SHOW(prctl(PR_CAPBSET_READ, CAP_LAST_CAP + 1, 0, 0, 0));
    SHOW(prctl(PR_CAPBSET_READ, -1, 0, 0, 0));
    SHOW(prctl(PR_CAPBSET_READ, CAP_KILL, 9, 9, 9));
    TRY(SHOW(prctl(PR_CAPBSET_DROP, 99, 0, 0, 0)); SHOW(prctl(PR_CAPBSET_DROP, CAP_KILL, 0, 0, 0));
        show_sets("dropped"); drop(CAP_SETPCAP); SHOW(prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0));
        SHOW(prctl(PR_CAPBSET_DROP, 99, 0, 0, 0)));
    TRY(SHOW(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0)); SHOW(prctl(PR_SET_KEEPCAPS, 2, 0, 0, 0));
        SHOW(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)); SHOW(prctl(PR_GET_KEEPCAPS, 0, 0, 0, 0));
        SHOW(prctl(GET_SECUREBITS, 0, 0, 0, 0)); SHOW(prctl(SET_SECUREBITS, KEEP << 1, 0, 0, 0));
        SHOW(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0)); SHOW(prctl(PR_SET_KEEPCAPS, 0, 0, 0, 0));
        SHOW(prctl(PR_SET_KEEPCAPS, 7, 0, 0, 0)));
    TRY(SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); SHOW(prctl(PR_GET_NO_NEW_PRIVS, 1, 0, 0, 0));
        SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)); SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 1, 0, 0));
        SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 1)); SHOW(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
        SHOW(prctl(PR_GET_NO_NEW_PRIVS, 0, 0, 0, 0)); SHOW(prctl(PR_SET_NO_NEW_PRIVS, 0, 0, 0, 0)));
}

static void secure_bits(void)
{
    static const unsigned long wishes[] = {0,    NOROOT, NO_FIXUP,   KEEP,   NO_RAISE,     0x55,
                                           0xaa, 0xff,   NOROOT | 2, 0x1000, 0x100000000ul};

    for (size_t first = 0; first < COUNT(wishes); first++)
        for (size_t second = 0; second < COUNT(wishes); second++)
            TRY(long one = prctl(SET_SECUREBITS, wishes[first], 0, 0, 0);
                long two = prctl(SET_SECUREBITS, wishes[second], 0, 0, 0);
                printf("bits %lx: %ld, %lx: %ld, are %x\n", wishes[first], one, wishes[second], two,
                       prctl(GET_SECUREBITS, 0, 0, 0, 0)));
    TRY(drop(CAP_SETPCAP); SHOW(prctl(SET_SECUREBITS, NOROOT, 0, 0, 0));
        SHOW(prctl(SET_SECUREBITS, 0, 0, 0, 0)); SHOW(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0));
        SHOW(prctl(SET_SECUREBITS, 0, 0, 0, 0)));
}

static void ambient(void)
{
    const uint64_t all = base_set(), kill = BIT(CAP_KILL), raw = BIT(CAP_NET_RAW);

    SHOW(prctl(AMBIENT, 0, CAP_KILL, 0, 0));
    SHOW(prctl(AMBIENT, 5, CAP_KILL, 0, 0));
    SHOW(prctl(AMBIENT, AMBIENT_IS_SET, 77, 0, 0));
    SHOW(prctl(AMBIENT, AMBIENT_IS_SET, CAP_KILL, 1, 0));
    SHOW(prctl(AMBIENT, AMBIENT_IS_SET, CAP_KILL, 0, 0));
    SHOW(prctl(AMBIENT, AMBIENT_CLEAR, 1, 0, 0));
    SHOW(prctl(AMBIENT, AMBIENT_CLEAR, 0, 0, 0));
    SHOW(prctl(AMBIENT, AMBIENT_RAISE, CAP_KILL, 0, 0));
    TRY(sets_put(all, all, kill | raw); SHOW(prctl(AMBIENT, AMBIENT_RAISE, CAP_KILL, 0, 0));
        SHOW(prctl(AMBIENT, AMBIENT_RAISE, CAP_NET_RAW, 0, 0));
        SHOW(prctl(AMBIENT, AMBIENT_RAISE, CAP_SYS_MODULE, 0, 0)); show_sets("raised");
        SHOW(prctl(AMBIENT, AMBIENT_LOWER, CAP_CHOWN, 0, 0));
        SHOW(prctl(AMBIENT, AMBIENT_LOWER, CAP_KILL, 0, 0)); show_sets("lowered");
        SHOW(sets_put(all, all, 0)); show_sets("no longer inheritable"));
    TRY(sets_put(all, all, kill | raw); prctl(AMBIENT, AMBIENT_RAISE, CAP_KILL, 0, 0);
        prctl(AMBIENT, AMBIENT_RAISE, CAP_NET_RAW, 0, 0); SHOW(sets_put(raw, raw, kill | raw));
        show_sets("no longer permitted"); SHOW(prctl(AMBIENT, AMBIENT_CLEAR, 0, 0, 0));
        show_sets("cleared"));
    TRY(sets_put(all, all, kill); SHOW(prctl(SET_SECUREBITS, NO_RAISE, 0, 0, 0));
        SHOW(prctl(AMBIENT, AMBIENT_RAISE, CAP_KILL, 0, 0)));
}

/* ---- Changes of user ---- */

static void users(void)
{
    static const unsigned long bits[] = {0, KEEP, NO_FIXUP, KEEP | NO_FIXUP};
    static const uid_t ids[][3] = {{USER, USER, USER}, {-1, USER, -1},  {USER, -1, -1},
                                   {USER, USER, -1},   {USER, USER, 0}, {USER, 0, USER},
                                   {0, USER, USER},    {-1, -1, USER}};
    const uint64_t all = base_set(), kill = BIT(CAP_KILL);

    for (size_t b = 0; b < COUNT(bits); b++)
        for (size_t n = 0; n < COUNT(ids); n++)
            TRY(printf("bits %lx, users %d %d %d\n", bits[b], (int)ids[n][0], (int)ids[n][1],
                       (int)ids[n][2]);
                sets_put(all, all, kill); prctl(AMBIENT, AMBIENT_RAISE, CAP_KILL, 0, 0);
                prctl(SET_SECUREBITS, bits[b], 0, 0, 0); setresuid(ids[n][0], ids[n][1], ids[n][2]);
                show_sets("there"); SHOW(setresuid(-1, 0, -1)); show_sets("back"); SHOW(setuid(0));
                SHOW(setuid(OTHER)); show_sets("elsewhere"));
    TRY(SHOW(syscall(SYS_setfsuid, USER)); show_sets("as a user for files");
        SHOW(syscall(SYS_setfsuid, 0)); show_sets("as root again"));
    TRY(prctl(SET_SECUREBITS, NO_FIXUP, 0, 0, 0); SHOW(syscall(SYS_setfsuid, USER));
        show_sets("without fixing up"));
    /* Users by capability alone. */
    TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0); become(USER); SHOW(setuid(OTHER));
        sets_put(BIT(CAP_SETUID), BIT(CAP_SETUID), 0); SHOW(setgid(OTHER));
        SHOW(setgroups(0, NULL)); SHOW(setuid(OTHER)); show_sets("a user who may change");
        SHOW(setreuid(7, 8)); SHOW(setresuid(9, 10, 11));
        printf("%d %d\n", (int)getuid(), (int)geteuid()));
    TRY(drop(CAP_SETUID); SHOW(setuid(USER)); SHOW(setuid(0)); SHOW(setreuid(USER, -1));
        SHOW(setresuid(0, USER, 0)); SHOW(syscall(SYS_setfsuid, USER));
        SHOW(syscall(SYS_setfsuid, -1)));
    TRY(drop(CAP_SETGID); SHOW(setgid(USER)); SHOW(setgid(0)); SHOW(setgroups(0, NULL));
        SHOW(setregid(USER, -1)); SHOW(setresgid(0, USER, 0)));
}

/* ---- What each is asked for ---- */

static pid_t stranger; /* a process of the user's */
static int segment;    /* of the user's shared memory, for nobody */

static long bind_port(int port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    long result = bind(fd, (struct sockaddr *)&address, sizeof address);
    int error = errno;
    close(fd);
    errno = error;
    return result;
}

static long option(int name, int value)
{
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    long result = setsockopt(fd, SOL_SOCKET, name, &value, sizeof value);
    int error = errno;

    close(fd);
    errno = error;
    return result;
}

static long interface_down(void)
{
    struct ifreq request = {.ifr_name = "nope"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    long result = ioctl(fd, SIOCSIFFLAGS, &request);
    int error = errno;

    close(fd);
    errno = error;
    return result;
}

static long lock_page(void)
{
    struct rlimit none = {0, 0};
    void *page = mmap(NULL, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    setrlimit(RLIMIT_MEMLOCK, &none);
    return mlock(page, 4096);
}

static mode_t mode_of(const char *name)
{
    struct stat st = {0};

    stat(name, &st);
    return st.st_mode & 07777;
}

static void write_one(const char *name)
{
    int fd = open(name, O_WRONLY);

    if (fd < 0 || write(fd, "x", 1) != 1)
        printf("can't write %s\n", name);
    close(fd);
}

static void file_calls(void)
{
    SHOW_OK(open("theirs", O_RDONLY));
    SHOW_OK(open("theirs", O_WRONLY));
    SHOW_OK(open("closed", O_RDONLY | O_DIRECTORY));
    SHOW_OK(open("closed/inside", O_RDONLY));
    SHOW_OK(open("closed/new", O_WRONLY | O_CREAT, 0600));
    SHOW(access("theirs", R_OK));
    SHOW(access("theirs", W_OK));
    SHOW(access("theirs", X_OK));
    SHOW(faccessat(AT_FDCWD, "theirs", W_OK, AT_EACCESS));
    SHOW(chown("own", USER, -1));
    SHOW(chown("own", -1, OTHER));
    SHOW(chown("own", 0, 0));
    SHOW(chmod("theirs", 0));
    SHOW(utimensat(AT_FDCWD, "theirs", NULL, 0));
    SHOW(utimensat(AT_FDCWD, "theirs", (struct timespec[2]){{1, 0}, {1, 0}}, 0));
    SHOW(unlink("sticky/file"));
    SHOW(chmod("grouped", 02755));
    printf("grouped %o\n", mode_of("grouped"));
    write_one("setid");
    printf("setid %o\n", mode_of("setid"));
    SHOW(mknod("device", S_IFCHR | 0600, makedev(1, 3)));
    SHOW(mknod("pipe", S_IFIFO | 0600, 0));
    SHOW(chroot("."));
}

static void process_calls(void)
{
    struct timezone far = {1000, 0};
    char link[64], text[PATH_MAX];
    struct memory_about about;

    SHOW(kill(stranger, 0));
    SHOW(getpriority(PRIO_PROCESS, stranger));
    SHOW(setpriority(PRIO_PROCESS, stranger, 5));
    SHOW(setpriority(PRIO_PROCESS, 0, -5));
    snprintf(link, sizeof link, "/proc/%d/cwd", (int)stranger);
    printf("readlink: %s\n", readlink(link, text, sizeof text) < 0 ? strerror(errno) : "works");
    SHOW(syscall(SYS_shmctl, segment, MEMORY_TELL, &about));
    SHOW_OK(syscall(SYS_shmat, segment, NULL, 0));
    SHOW(lock_page());
    SHOW(syscall(SYS_sethostname, "x", -1));
    SHOW(mount("none", ".", "no such", 0, NULL));
    SHOW(syscall(SYS_settimeofday, NULL, &far));
    SHOW(syscall(SYS_reboot, 0, 0, MAGIC, NULL));
    SHOW(syscall(SYS_syslog, 8, NULL, 9));
}

static void network_calls(void)
{
    SHOW(bind_port(3));
    SHOW_OK(socket(AF_INET, SOCK_RAW, IPPROTO_ICMP));
    SHOW_OK(socket(AF_INET6, SOCK_RAW, IPPROTO_ICMPV6));
    SHOW_OK(socket(AF_PACKET, SOCK_RAW, 0));
    SHOW(option(SO_DEBUG, 1));
    SHOW(option(SO_MARK, 1));
    SHOW(option(SO_PRIORITY, 7));
    SHOW(option(SO_PRIORITY, 6));
    SHOW(option(SO_SNDBUFFORCE, 9999));
    SHOW(interface_down());
}

/* Every call without each one, and with each one alone, as root and as a user. */
static void files_for_all(void)
{
    chmod("sticky", 0777);
    remove_tree(".");
    put_file("own", "x", 0644);
    put_file("theirs", "x", 0);
    put_file("grouped", "x", 0755);
    put_file("setid", "x", 0777);
    mkdir("closed", 0700);
    put_file("closed/inside", "x", 0644);
    mkdir("sticky", 0777);
    put_file("sticky/file", "x", 0644);
    chown("theirs", OTHER, OTHER);
    chown("grouped", 0, OTHER);
    chown("closed", OTHER, OTHER);
    chmod("closed", 0);
    chown("sticky", OTHER, OTHER);
    chown("sticky/file", OTHER, OTHER);
    chmod("sticky", 01777);
    chown("setid", 0, OTHER);
    chmod("setid", 06777);
}

static void calls(void)
{
    file_calls();
    process_calls();
    network_calls();
}

static void asked(void)
{
    const uint64_t all = base_set();

    for (size_t n = 0; n < COUNT(base); n++) {
        printf("== root without %s\n", base[n].name);
        files_for_all();
        TRY(sets_put(all & ~BIT(base[n].number), all, 0); calls());
    }
    for (size_t n = 0; n < COUNT(base); n++) {
        printf("== a user with %s\n", base[n].name);
        files_for_all();
        TRY(prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0); become(USER);
            sets_put(BIT(base[n].number), BIT(base[n].number), 0); calls());
    }
}

/* ---- Programs ---- */

static void tell(void)
{
    setvbuf(stdout, NULL, _IOLBF, 0);
    printf("users %d %d, groups %d %d, secure %lu\n", (int)getuid(), (int)geteuid(), (int)getgid(),
           (int)getegid(), getauxval(AT_SECURE));
    show_sets("the program");
}

static void copy_self(const char *name, uid_t uid, gid_t gid, mode_t mode)
{
    char bytes[65536];
    ssize_t length;
    int in = open("/proc/self/exe", O_RDONLY), out = open(name, O_WRONLY | O_CREAT, 0700);

    while ((length = read(in, bytes, sizeof bytes)) > 0)
        if (write(out, bytes, (size_t)length) != length)
            perror(name);
    close(in);
    close(out);
    if (chown(name, uid, gid) < 0 || chmod(name, mode) < 0)
        perror(name);
}

static const char *const programs[] = {"plain", "setuid root", "setuid user", "setgid user"};

static void run(const char *name)
{
    printf("%s\n", name);
    fflush(stdout);
    execl(name, name, "tell", NULL);
    printf("refused: %s\n", strerror(errno));
}

enum { AS_ROOT, AS_USER, KEEPING, AMBIENTLY, INHERITING, BOUNDED, BARE, WAYS };
static const char *const way_names[] = {"root",
                                        "a user",
                                        "a user who kept",
                                        "a user with ambient",
                                        "a user with inheritable",
                                        "root, bounded",
                                        "root without any"};

static void prepare(int way)
{
    const uint64_t all = base_set(), kill = BIT(CAP_KILL);

    if (way == KEEPING || way == AMBIENTLY || way == INHERITING)
        prctl(PR_SET_KEEPCAPS, 1, 0, 0, 0);
    if (way != AS_ROOT && way != BOUNDED && way != BARE)
        become(USER);
    if (way == AMBIENTLY || way == INHERITING)
        sets_put(all, all, kill);
    if (way == AMBIENTLY)
        prctl(AMBIENT, AMBIENT_RAISE, CAP_KILL, 0, 0);
    if (way == BOUNDED)
        prctl(PR_CAPBSET_DROP, CAP_CHOWN, 0, 0, 0);
    if (way == BARE)
        sets_put(0, 0, 0);
}

static void executed(void)
{
    remove_tree(".");
    copy_self(programs[0], 0, 0, 0755);
    copy_self(programs[1], 0, 0, 04755);
    copy_self(programs[2], OTHER, 0, 04755);
    copy_self(programs[3], 0, OTHER, 02755);
    for (int way = 0; way < WAYS; way++)
        for (size_t n = 0; n < COUNT(programs); n++) {
            printf("== %s runs\n", way_names[way]);
            TRY(prepare(way); run(programs[n]));
            printf("== %s, without new privileges, runs\n", way_names[way]);
            TRY(prepare(way); prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); run(programs[n]));
            printf("== %s, with root as nobody special, runs\n", way_names[way]);
            TRY(prctl(SET_SECUREBITS, NOROOT, 0, 0, 0); prepare(way); run(programs[n]));
        }
}

/* ---- */

static void show_status_lines(void)
{
    char line[256];
    FILE *status = fopen("/proc/self/status", "r");

    while (status && fgets(line, sizeof line, status))
        if (!strncmp(line, "Cap", 3) || !strncmp(line, "NoNew", 5))
            fputs(line, stdout);
    if (status)
        fclose(status);
}

static void begin(void)
{
    for (int cap = 0; cap <= CAP_LAST_CAP; cap++)
        if (!(base_set() & BIT(cap)))
            prctl(PR_CAPBSET_DROP, cap, 0, 0, 0);
    SHOW(sets_put(base_set(), base_set(), 0));
    show_sets("at the start");
    segment = (int)syscall(SYS_shmget, MEMORY_PRIVATE, 4096, MEMORY_CREATE);
    syscall(SYS_shmctl, segment, MEMORY_SET, &(struct memory_about){.uid = OTHER, .gid = OTHER});
    stranger = fork();
    if (stranger == 0) {
        become(OTHER);
        raise(SIGSTOP);
        for (;;)
            pause();
    }
    waitpid(stranger, NULL, WUNTRACED); /* it is the user's now */
}

int main(int argc, char **argv)
{
    if (argc > 1) {
        (void)argv;
        tell();
        return 0;
    }
    fresh_place();
    chmod(".", 0777);
    umask(0);
    begin();
    versions();
    rules();
    options();
    secure_bits();
    ambient();
    users();
    asked();
    executed();
    TRY(sets_put(BIT(CAP_KILL), BIT(CAP_KILL) | BIT(CAP_CHOWN), BIT(CAP_CHOWN));
        show_status_lines());
    kill(stranger, SIGKILL);
    waitpid(stranger, NULL, 0);
    syscall(SYS_shmctl, segment, MEMORY_REMOVE, NULL);
    leave_place();
    return 0;
}
