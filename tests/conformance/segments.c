/* System V's shared memory: what is made, found, attached, told, shared and removed. */
#include "show.h"

#include <sys/mman.h>
#include <sys/syscall.h>

/* The library has no header for these. */
#define IPC_PRIVATE 0
#define IPC_CREAT   01000
#define IPC_EXCL    02000
#define IPC_RMID    0
#define IPC_SET     1
#define IPC_STAT    2
#define IPC_INFO    3
#define SHM_RDONLY  010000
#define SHM_RND     020000
#define SHM_REMAP   040000
#define SHM_EXEC    0100000
#define SHM_INFO    14

struct shmid_ds {
    struct {
        int key;
        unsigned uid, gid, cuid, cgid, mode;
        unsigned short seq, pad[3];
        unsigned long unused[2];
    } shm_perm;
    size_t shm_segsz;
    long shm_atime, shm_dtime, shm_ctime;
    int shm_cpid, shm_lpid;
    unsigned long shm_nattch, unused[2];
};

struct shminfo {
    unsigned long shmmax, shmmin, shmmni, shmseg, shmall, unused[4];
};

struct shm_info {
    int used_ids;
    unsigned long shm_tot, shm_rss, shm_swp, swap_attempts, swap_successes;
};

enum { PAGE = 4096, KEY = 0x51c3a7 };

static long shmget(int key, size_t size, int flags)
{
    return syscall(SYS_shmget, key, size, flags);
}

static void *shmat(int id, const void *at, int flags)
{
    return (void *)syscall(SYS_shmat, id, at, flags);
}

static long shmdt(const void *at)
{
    return syscall(SYS_shmdt, at);
}

static long shmctl(int id, int command, void *argument)
{
    return syscall(SYS_shmctl, id, command, argument);
}

static int attached(int id)
{
    struct shmid_ds about;

    return shmctl(id, IPC_STAT, &about) < 0 ? -1 : (int)about.shm_nattch;
}

static void making(void)
{
    int id;

    puts("== making");
    SHOW(shmget(KEY, PAGE, 0600));
    SHOW(shmget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    SHOW(shmget(IPC_PRIVATE, (size_t)-1, IPC_CREAT | 0600));
    SHOW_OK(id = shmget(KEY, 3 * PAGE + 1, IPC_CREAT | 0640));
    SHOW(shmget(KEY, PAGE, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(shmget(KEY, 4 * PAGE, 0600));
    SHOW(shmget(KEY, PAGE, IPC_CREAT | 0600) == id);
    SHOW(shmget(KEY, 0, 0) == id);
    SHOW(shmctl(id, IPC_RMID, NULL));
    SHOW(shmctl(id, IPC_RMID, NULL));
    SHOW(shmget(KEY, 0, 0));
    SHOW(shmctl(-1, IPC_STAT, NULL));
    SHOW(shmctl(id, 77, NULL));
    SHOW(shmdt((void *)PAGE));
    SHOW_OK(shmat(id, NULL, 0));
}

static void telling(void)
{
    struct shmid_ds about;
    struct shminfo limits;
    struct shm_info usage;
    int id = shmget(KEY, 3 * PAGE + 1, IPC_CREAT | 0640);

    puts("== telling");
    memset(&about, 0xff, sizeof(about));
    SHOW(shmctl(id, IPC_STAT, &about));
    SHOW(about.shm_perm.key == KEY);
    SHOW(about.shm_perm.mode);
    SHOW(about.shm_perm.uid == geteuid());
    SHOW(about.shm_perm.cgid == getegid());
    SHOW(about.shm_segsz);
    SHOW(about.shm_atime);
    SHOW(about.shm_dtime);
    SHOW(about.shm_ctime > 1000000000);
    SHOW(about.shm_cpid == getpid());
    SHOW(about.shm_lpid);
    SHOW(about.shm_nattch);
    SHOW(shmctl(id, IPC_STAT, (void *)1));
    SHOW(shmctl(id, IPC_SET, (void *)1));
    about.shm_perm.mode = 07600;
    SHOW(shmctl(id, IPC_SET, &about));
    SHOW(shmctl(id, IPC_STAT, &about));
    SHOW(about.shm_perm.mode);
    SHOW_OK(shmctl(0, IPC_INFO, (void *)&limits));
    SHOW(limits.shmmin);
    SHOW(limits.shmmni);
    SHOW_OK(shmctl(0, SHM_INFO, (void *)&usage));
    SHOW(usage.used_ids >= 1);
    SHOW(usage.shm_tot >= 4);
    shmctl(id, IPC_RMID, NULL);
}

static void attaching(void)
{
    int id = shmget(IPC_PRIVATE, 3 * PAGE + 1, 0600);
    char *at, *other, *read_only;

    puts("== attaching");
    SHOW_OK(at = shmat(id, NULL, 0));
    SHOW_OK(other = shmat(id, NULL, 0));
    SHOW_OK(read_only = shmat(id, NULL, SHM_RDONLY));
    SHOW(attached(id));
    at[2 * PAGE] = 'x';
    SHOW(other[2 * PAGE] == 'x' && read_only[2 * PAGE] == 'x' && other[4 * PAGE - 1] == 0);
    SHOW(mprotect(read_only, PAGE, PROT_READ | PROT_WRITE));
    SHOW(mprotect(other, PAGE, PROT_READ));
    SHOW_OK(shmat(id, at, 0));
    SHOW_OK(shmat(id, at + 1, SHM_REMAP));
    SHOW_OK(shmat(id, NULL, SHM_REMAP));
    SHOW(shmat(id, other + 1, SHM_RND | SHM_REMAP) == other);
    SHOW(attached(id));
    SHOW(shmdt(at + PAGE));
    SHOW(shmdt(at + 1));
    SHOW(shmdt(other));
    SHOW(shmdt(other));
    SHOW(shmat(id, other, 0) == other);
    SHOW(munmap(other + PAGE, PAGE));
    SHOW(attached(id));
    SHOW(shmdt(other));
    SHOW(attached(id));
    SHOW(munmap(read_only, 4 * PAGE));
    SHOW(attached(id));
    SHOW(shmdt(at));
    SHOW(attached(id));
    shmctl(id, IPC_RMID, NULL);
}

/* What lies behind a hole made in an attachment is no part of it. */
static void holes(void)
{
    int id = shmget(IPC_PRIVATE, 4 * PAGE, 0600);
    char *at = shmat(id, NULL, 0), *mine;

    puts("== holes");
    mine = mmap(at + PAGE, PAGE, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED,
                -1, 0);
    mine[0] = 'm';
    SHOW(attached(id));
    SHOW(munmap(at, PAGE));
    SHOW(shmdt(at));
    SHOW(attached(id));
    SHOW(mine[0]);
    munmap(mine, PAGE);
    shmctl(id, IPC_RMID, NULL);
}

/* Forks have what their parents have attached; exits let go, and the last one's takes away what was
   removed. */
static void sharing(void)
{
    int status, id = shmget(KEY, PAGE, IPC_CREAT | 0600);
    volatile int *at = shmat(id, NULL, 0);
    pid_t child;

    puts("== sharing");
    child = fork();
    if (child == 0) {
        at[1] = attached(id);
        at[0] = 7;
        shmctl(id, IPC_RMID, NULL);
        _exit(shmget(KEY, 0, 0) < 0 ? errno == ENOENT : 9);
    }
    waitpid(child, &status, 0);
    print_status("child", status);
    SHOW(at[0]);
    SHOW(at[1]);
    SHOW(attached(id));
    struct shmid_ds about;
    shmctl(id, IPC_STAT, &about);
    SHOW(about.shm_perm.mode);
    SHOW(about.shm_perm.key);
    SHOW(about.shm_lpid == child);
    void *again = shmat(id, NULL, 0);
    SHOW(again != (void *)-1);
    SHOW(shmdt(again));
    SHOW(shmdt((void *)at));
    SHOW(attached(id));
}

/* As somebody else. */
static void permissions(void)
{
    int status, id = shmget(KEY, PAGE, IPC_CREAT | 0604);
    struct shmid_ds about;
    pid_t child;

    puts("== permissions");
    fflush(stdout);
    child = geteuid() == 0 ? fork() : -1;
    if (child == 0) {
        if (setgid(1234) < 0 || setuid(1234) < 0)
            _exit(1);
        SHOW(shmget(KEY, 0, 0600));
        SHOW(shmget(KEY, 0, 0400) == id);
        SHOW(shmget(KEY, 0, 0002));
        SHOW_OK(shmat(id, NULL, 0));
        SHOW_OK(shmat(id, NULL, SHM_RDONLY));
        SHOW_OK(shmat(id, NULL, SHM_RDONLY | SHM_EXEC));
        SHOW(shmctl(id, IPC_STAT, &about));
        SHOW(shmctl(id, IPC_SET, &about));
        SHOW(shmctl(id, IPC_RMID, NULL));
        exit(0);
    }
    waitpid(child, &status, 0);
    print_status("child", status);
    SHOW(attached(id));
    shmctl(id, IPC_RMID, NULL);
}

/* The rights, offset and name of what is attached. */
static void show_maps(const char *what)
{
    char line[256], rights[8], name[64];
    unsigned long start, end, offset, inode;
    FILE *stream = fopen("/proc/self/maps", "r");

    printf("%s:", what);
    while (stream && fgets(line, sizeof line, stream))
        if (sscanf(line, "%lx-%lx %7s %lx %*s %lu %63[^\n]", &start, &end, rights, &offset, &inode,
                   name) == 6 &&
            !strncmp(name, "/SYSV", 5))
            printf(" %lu %s %lu %d %s", end - start, rights, offset, inode != 0, name);
    printf("\n");
    if (stream)
        fclose(stream);
}

static void named(void)
{
    int id = shmget(KEY, 3 * PAGE + 1, IPC_CREAT | 0600);
    char *at = shmat(id, NULL, 0), *other = shmat(id, NULL, SHM_RDONLY);

    puts("== named");
    show_maps("twice");
    SHOW(munmap(at, PAGE));
    SHOW(shmdt(other));
    SHOW(shmctl(id, IPC_RMID, NULL));
    show_maps("removed");
    SHOW(shmdt(at + PAGE));
    SHOW(munmap(at + PAGE, 3 * PAGE));
    show_maps("none");
}

int main(void)
{
    fresh_place();
    making();
    telling();
    attaching();
    holes();
    sharing();
    permissions();
    named();
    leave_place();
    return 0;
}
