/* System V's semaphores: arguments, steps all or none, who waits and what ends it, what is taken
   back, who may. */
#include "sysv.h"

#include <grp.h>

#define SEM_UNDO     0x1000
#define GETPID       11
#define GETVAL       12
#define GETALL       13
#define GETNCNT      14
#define GETZCNT      15
#define SETVAL       16
#define SETALL       17
#define SEM_STAT     18
#define SEM_INFO     19
#define SEM_STAT_ANY 20

struct sembuf {
    unsigned short num;
    short op, flg;
};

struct semid_ds {
    struct ipc_perm perm;
    long otime, unused1, ctime, unused2;
    unsigned long nsems, unused3[2];
};

enum { PARTS = 4 };

static int key;

static long semget(int key, long count, int flags)
{
    return syscall(SYS_semget, key, count, flags);
}

static long semop(int id, const struct sembuf *steps, size_t count)
{
    return syscall(SYS_semop, id, steps, count);
}

static long semtimedop(int id, const struct sembuf *steps, size_t count,
                       const struct timespec *timeout)
{
    return syscall(SYS_semtimedop, id, steps, count, timeout);
}

static long semctl(int id, int index, int command, long argument)
{
    return syscall(SYS_semctl, id, index, command, argument);
}

static long step(int id, int num, int op, int flg)
{
    struct sembuf one = {(unsigned short)num, (short)op, (short)flg};
    return semop(id, &one, 1);
}

static long value(int id, int index)
{
    return semctl(id, index, GETVAL, 0);
}

static void show_values(const char *what, int id)
{
    unsigned short all[PARTS] = {0};
    long error = semctl(id, 0, GETALL, (long)all);
    printf("%s: %ld: %u %u %u %u\n", what, error, all[0], all[1], all[2], all[3]);
}

static int fresh_set(int v0, int v1, int v2, int v3)
{
    unsigned short all[PARTS] = {(unsigned short)v0, (unsigned short)v1, (unsigned short)v2,
                                 (unsigned short)v3};
    int id = (int)semget(IPC_PRIVATE, PARTS, 0600);
    semctl(id, 0, SETALL, (long)all);
    return id;
}

static void remove_set(int id)
{
    semctl(id, 0, IPC_RMID, 0);
}

/* ---- Arguments ---- */

static void making(void)
{
    int id;

    puts("== making");
    SHOW(semget(key, 1, 0600));
    SHOW(semget(IPC_PRIVATE, 0, IPC_CREAT | 0600));
    SHOW(semget(IPC_PRIVATE, -1, IPC_CREAT | 0600));
    SHOW(semget(IPC_PRIVATE, 32001, IPC_CREAT | 0600));
    SHOW(semget(key, -1, 0));
    SHOW_OK(id = (int)semget(IPC_PRIVATE, 32000, 0600));
    SHOW(semctl(id, 31999, SETVAL, 7));
    SHOW(value(id, 31999));
    SHOW(step(id, 31999, -7, 0));
    remove_set(id);
    SHOW_OK(id = (int)semget(key, PARTS, IPC_CREAT | 0640));
    SHOW(semget(key, 1, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(semget(key, 99999, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(semget(key, PARTS + 1, 0600));
    SHOW(semget(key, 0, 0) == id);
    SHOW(semget(key, 1, IPC_CREAT | 0600) == id);
    SHOW(semget(key, PARTS, 0) == id);
    SHOW(semctl(id, 99, IPC_RMID, 0));
    SHOW(semctl(id, 0, IPC_RMID, 0));
    SHOW(semget(key, 0, 0));
    SHOW(step(id, 0, 1, 0));
}

static void operating(void)
{
    struct sembuf many[501] = {{0, 0, 0}};
    struct timespec odd = {.tv_nsec = 1000000000}, none = {0}, negative = {.tv_sec = -1};
    int id = fresh_set(0, 1, 32767, 5);

    puts("== operating");
    SHOW(semop(-1, many, 1));
    SHOW(semop(-1, many, 0));
    SHOW(semop(-1, NULL, 1));
    SHOW(semop(-1, many, 501));
    SHOW(semop(id, many, 0));
    SHOW(semop(id, NULL, 0));
    SHOW(semop(id, NULL, 501));
    SHOW(semop(id, many, 501));
    SHOW(semop(id, many, (size_t)1 << 32 | 1));
    SHOW(semop(id, many, 500));
    SHOW(semop(id, NULL, 500));
    SHOW(semop(id, (void *)8, 1));
    SHOW(semop(id, (void *)-4096, 2));
    SHOW(semop(0x7fffffff, many, 1));
    SHOW(semtimedop(id, many, 1, &odd));
    SHOW(semtimedop(id, many, 1, &negative));
    SHOW(semtimedop(id, many, 1, &none));
    SHOW(semtimedop(id, many, 501, (void *)8));
    SHOW(semtimedop(id, NULL, 1, (void *)8));
    SHOW(semtimedop(id, NULL, 1, &odd));
    SHOW(semtimedop(-1, many, 1, &odd));
    SHOW(step(id, PARTS, 0, 0));
    SHOW(step(id, 65535, 0, IPC_NOWAIT));
    SHOW(step(id, 0, 0, 0));
    SHOW(step(id, 1, 0, IPC_NOWAIT));
    SHOW(step(id, 0, -1, IPC_NOWAIT));
    SHOW(step(id, 2, 1, 0));
    SHOW(step(id, 2, 1, IPC_NOWAIT));
    SHOW(step(id, 3, -6, IPC_NOWAIT));
    SHOW(step(id, 3, -5, 0));
    SHOW(step(id, 3, 32767, 0));
    SHOW(step(id, 3, -32768, IPC_NOWAIT));
    show_values("left", id);
    SHOW(semctl(id, 3, SETVAL, 1));
    struct sembuf up = {3, 1, 0}, down = {3, -2, IPC_NOWAIT};
    SHOW(semtimedop(id, &up, 1, &none));
    SHOW(semtimedop(id, &down, 1, &none));
    down.flg = 0;
    SHOW(semtimedop(id, &down, 1, &none));
    SHOW(semtimedop(id, &down, 1, &a_while));
    show_values("left", id);
    remove_set(id);
}

static void show_steps(int id, struct sembuf a, struct sembuf b, struct sembuf c)
{
    struct sembuf steps[3] = {a, b, c};
    long result = semop(id, steps, 3);
    printf("%d%+d %d%+d %d%+d: %s\n", a.num, a.op, b.num, b.op, c.num, c.op,
           result ? strerror(errno) : "done");
    show_values(" then", id);
}

static void all_or_none(void)
{
    enum { NO = IPC_NOWAIT, UN = SEM_UNDO };
    int id = fresh_set(0, 1, 32766, 5);

    puts("== all or none");
    show_steps(id, (struct sembuf){1, -1, 0}, (struct sembuf){3, -5, 0},
               (struct sembuf){0, -1, NO});
    show_steps(id, (struct sembuf){1, -1, 0}, (struct sembuf){3, -5, 0}, (struct sembuf){0, 3, 0});
    show_steps(id, (struct sembuf){2, 1, 0}, (struct sembuf){2, 1, 0}, (struct sembuf){0, -9, NO});
    show_steps(id, (struct sembuf){0, -9, NO}, (struct sembuf){2, 1, 0}, (struct sembuf){2, 1, 0});
    show_steps(id, (struct sembuf){0, -3, 0}, (struct sembuf){0, 0, NO}, (struct sembuf){0, 2, 0});
    show_steps(id, (struct sembuf){0, 0, NO}, (struct sembuf){0, -2, 0}, (struct sembuf){1, 1, 0});
    show_steps(id, (struct sembuf){2, -1, UN}, (struct sembuf){2, 2, UN},
               (struct sembuf){1, -9, NO});
    show_steps(id, (struct sembuf){2, -1, UN}, (struct sembuf){2, 2, 0}, (struct sembuf){1, 9, UN});
    show_steps(id, (struct sembuf){3, 32767, UN}, (struct sembuf){3, -32767, 0},
               (struct sembuf){3, 32767, UN});
    show_steps(id, (struct sembuf){9, 1, 0}, (struct sembuf){0, 0, 0}, (struct sembuf){0, 0, 0});
    SHOW(value(id, 3));
    SHOW(step(id, 3, -32767, UN | NO));
    remove_set(id);
}

static void controlling(void)
{
    unsigned short all[PARTS] = {1, 2, 32768, 3};
    int id = fresh_set(0, 1, 2, 3);

    puts("== controlling");
    SHOW(semctl(id, 0, SETVAL, -1));
    SHOW(semctl(id, 0, SETVAL, 32768));
    SHOW(semctl(id, 0, SETVAL, 32767));
    SHOW(semctl(id, 0, SETVAL, 1l << 32 | 9));
    SHOW(value(id, 0));
    SHOW(semctl(id, PARTS, SETVAL, 1));
    SHOW(semctl(id, -1, SETVAL, 1));
    SHOW(semctl(id, -1, SETVAL, -1));
    SHOW(semctl(-1, 0, SETVAL, -1));
    SHOW(semctl(0x7fffffff, 0, SETVAL, -1));
    SHOW(semctl(0x7fffffff, 0, SETVAL, 1));
    for (int command = GETPID; command <= GETZCNT; command++) {
        printf("%d\n", command);
        if (command != GETALL) {
            SHOW(semctl(id, PARTS, command, 0));
            SHOW(semctl(id, -1, command, 0));
        }
        SHOW(semctl(0x7fffffff, 0, command, 0));
        SHOW(semctl(-1, 0, command, 0));
    }
    SHOW(semctl(id, 0, GETALL, 8));
    SHOW(semctl(id, 77, GETALL, (long)all));
    all[2] = 32768;
    SHOW(semctl(id, 0, SETALL, (long)all));
    SHOW(semctl(id, 0, SETALL, 8));
    show_values("kept", id);
    all[2] = 32767;
    SHOW(semctl(id, -5, SETALL, (long)all));
    show_values("set", id);
    SHOW(semctl(id, 0, 77, 0));
    SHOW(semctl(id, 0, -1, 0));
    SHOW(semctl(id, 0, 10, 0));
    SHOW(semctl(id, 0, 21, 0));
    SHOW(semctl(0x7fffffff, 0, 77, 0));
    SHOW(semctl(-1, 0, 77, 0));
    SHOW(semctl(-1, 0, IPC_INFO, (long)all));
    SHOW(semctl(0, 0, IPC_INFO, 8));
    SHOW(semctl(0x7fffffff, 0, IPC_SET, 8));
    SHOW(semctl(0x7fffffff, 0, IPC_STAT, 8));
    remove_set(id);
}

static int index_of(int id)
{
    return id % 32768;
}

static void telling(void)
{
    struct semid_ds about, again;
    int limits[10], id = (int)semget(key, PARTS, IPC_CREAT | 0640);

    puts("== telling");
    memset(&about, 0xff, sizeof about);
    SHOW(semctl(id, 0, IPC_STAT, (long)&about));
    SHOW(about.perm.key == key);
    SHOW(about.perm.mode);
    SHOW(about.perm.uid == geteuid() && about.perm.cuid == geteuid());
    SHOW(about.perm.gid == getegid() && about.perm.cgid == getegid());
    SHOW(about.nsems);
    SHOW(about.otime);
    SHOW(about.ctime > 1000000000);
    SHOW(about.unused1 | about.unused2 | (long)about.unused3[0] | (long)about.unused3[1]);
    SHOW(step(id, 0, 0, 0));
    SHOW(semctl(id, 0, IPC_STAT, (long)&about));
    SHOW(about.otime > 1000000000);
    SHOW(semctl(index_of(id), 0, SEM_STAT, (long)&again) == id);
    SHOW(memcmp(&about, &again, sizeof about));
    SHOW(semctl(index_of(id), 0, SEM_STAT_ANY, (long)&again) == id);
    SHOW(semctl(id, 0, SEM_STAT, (long)&again) == id);
    SHOW(semctl(31999, 0, SEM_STAT, (long)&again));
    SHOW(semctl(-1, 0, SEM_STAT, (long)&again));
    SHOW(semctl(id, 0, IPC_STAT, 8));
    SHOW(semctl(id, 0, IPC_SET, 8));
    about.perm.mode = 07604;
    about.nsems = 99;
    SHOW(semctl(id, 0, IPC_SET, (long)&about));
    SHOW(semctl(id, 0, IPC_STAT, (long)&again));
    SHOW(again.perm.mode);
    SHOW(again.nsems);
    about.perm.uid = (unsigned)-1;
    SHOW(semctl(id, 0, IPC_SET, (long)&about));
    SHOW_OK(semctl(0, 0, IPC_INFO, (long)limits));
    for (int i = 0; i < 10; i++)
        printf("limit %d: %d\n", i, limits[i]);
    SHOW(semctl(0, 0, SEM_INFO, (long)limits) >= index_of(id));
    SHOW(limits[7] >= 1);
    SHOW(limits[9] >= PARTS);
    show_line("/proc/sysvipc/sem", key, 1 | 1 << 1 | 1 << 8 | 1 << 9);
    remove_set(id);
}

/* ---- Waiting ---- */

static int set;

static long waiters(int index)
{
    return semctl(set, index, GETNCNT, 0);
}

static long zero_waiters(int index)
{
    return semctl(set, index, GETZCNT, 0);
}

/* Does one step and then adds ten times itself to what is known of the order. */
static volatile int *order;

static int take_turn(int number)
{
    if (step(set, 0, -1, 0))
        return errno;
    order[1 + __atomic_fetch_add(&order[0], 1, __ATOMIC_SEQ_CST)] = number;
    return step(set, 3, 1, 0) ? errno : 0;
}

static int take_many(int number)
{
    return step(set, 0, -number, 0) ? errno : 0;
}

static int await_zero(int index)
{
    return step(set, index, 0, 0) ? errno : 0;
}

static int take_two(int number)
{
    struct sembuf steps[2] = {{0, -1, 0}, {1, -1, 0}};
    (void)number;
    return semop(set, steps, 2) ? errno : 0;
}

static int add_beyond(int number)
{
    struct sembuf steps[2] = {{0, -1, 0}, {1, 32767, 0}};
    (void)number;
    return semop(set, steps, 2) ? errno : 0;
}

static int give_up_later(int number)
{
    struct sembuf steps[2] = {{0, -1, 0}, {1, -9, IPC_NOWAIT}};
    (void)number;
    return semop(set, steps, 2) ? errno : 0;
}

static void in_turn(void)
{
    pid_t children[5];

    puts("== in turn");
    set = fresh_set(0, 0, 0, 0);
    order[0] = 0;
    for (int i = 0; i < 5; i++) {
        children[i] = in_child(take_turn, i);
        AWAIT(waiters(0) == i + 1);
    }
    for (int i = 0; i < 5; i++) {
        SHOW(step(set, 0, 1, 0));
        AWAIT(value(set, 3) == i + 1);
        SHOW(order[1 + i]);
        SHOW(waiters(0));
    }
    for (int i = 0; i < 5; i++)
        await_child("child", children[i]);
    remove_set(set);
}

/* Who waits for much doesn't keep off who waits for little. */
static void overtaking(void)
{
    set = fresh_set(0, 0, 0, 0);
    puts("== overtaking");
    pid_t three = in_child(take_many, 3);
    AWAIT(waiters(0) == 1);
    pid_t one = in_child(take_many, 1);
    AWAIT(waiters(0) == 2);
    pid_t zero = in_child(await_zero, 0);
    await_child("zero", zero);
    SHOW(step(set, 0, 2, 0));
    await_child("one", one);
    SHOW(value(set, 0));
    SHOW(semctl(set, 0, GETPID, 0) == one);
    SHOW(waiters(0));
    zero = in_child(await_zero, 0);
    AWAIT(zero_waiters(0) == 1);
    SHOW(waiters(0));
    SHOW(step(set, 0, 2, 0));
    await_child("three", three);
    await_child("zero", zero);
    SHOW(semctl(set, 0, GETPID, 0) == zero || semctl(set, 0, GETPID, 0) == three);
    show_values("left", set);
    remove_set(set);
}

static void together(void)
{
    set = fresh_set(1, 0, 0, 0);
    puts("== together");
    pid_t two = in_child(take_two, 0);
    AWAIT(waiters(1) == 1);
    SHOW(waiters(0));
    SHOW(step(set, 0, -1, 0));
    SHOW(waiters(0));
    SHOW(waiters(1));
    SHOW(step(set, 1, 1, 0));
    SHOW(waiters(0));
    SHOW(waiters(1));
    SHOW(step(set, 0, 1, 0));
    await_child("two", two);
    show_values("left", set);
    SHOW(semctl(set, 1, SETVAL, 1));
    pid_t beyond = in_child(add_beyond, 0);
    AWAIT(waiters(0) == 1);
    SHOW(step(set, 0, 1, 0));
    await_child("beyond", beyond);
    show_values("left", set);
    SHOW(step(set, 0, -1, 0));
    pid_t later = in_child(give_up_later, 0);
    AWAIT(waiters(0) == 1);
    SHOW(step(set, 0, 1, 0));
    await_child("later", later);
    show_values("left", set);
    remove_set(set);
}

static void by_setting(void)
{
    unsigned short all[PARTS] = {2, 0, 0, 0};
    struct semid_ds about;

    puts("== by setting");
    set = fresh_set(0, 1, 0, 0);
    SHOW(semctl(set, 0, IPC_STAT, (long)&about));
    SHOW(about.otime);
    pid_t one = in_child(take_many, 1), zero = in_child(await_zero, 1);
    AWAIT(waiters(0) == 1 && zero_waiters(1) == 1);
    SHOW(semctl(set, 0, SETALL, (long)all));
    await_child("one", one);
    await_child("zero", zero);
    SHOW(semctl(set, 0, IPC_STAT, (long)&about));
    SHOW(about.otime != 0);
    show_values("left", set);
    pid_t two = in_child(take_many, 2);
    AWAIT(waiters(0) == 1);
    SHOW(semctl(set, 0, SETVAL, 1));
    SHOW(waiters(0));
    SHOW(semctl(set, 0, SETVAL, 2));
    await_child("two", two);
    remove_set(set);
}

static void removed(void)
{
    puts("== removed");
    set = fresh_set(0, 1, 0, 0);
    pid_t one = in_child(take_many, 1), zero = in_child(await_zero, 1);
    AWAIT(waiters(0) == 1 && zero_waiters(1) == 1);
    SHOW(semctl(set, 0, IPC_RMID, 0));
    await_child("one", one);
    await_child("zero", zero);
    SHOW(value(set, 0));
}

static void handler(int number)
{
    (void)number;
}

static int take_interrupted(int restart)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
    sigaction(SIGUSR1, &action, NULL);
    return step(set, 0, -1, 0) ? errno : 0;
}

static int take_in_time(int index)
{
    struct sembuf one = {(unsigned short)index, -1, 0};
    struct timespec timeout = {.tv_nsec = 30000000};
    return semtimedop(set, &one, 1, &timeout) ? errno : 0;
}

/* Never begun anew. */
static void interrupted(void)
{
    int status;

    puts("== interrupted");
    set = fresh_set(0, 0, 0, 0);
    for (int restart = 0; restart < 2; restart++) {
        pid_t child = in_child(take_interrupted, restart);
        AWAIT(waiters(0) == 1);
        kill(child, SIGUSR1);
        await_child("handled", child);
        SHOW(waiters(0));
    }
    pid_t child = in_child(take_many, 1);
    AWAIT(waiters(0) == 1);
    kill(child, SIGCHLD);
    SHOW(waiters(0));
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    print_status("stopped", status);
    kill(child, SIGCONT);
    await_child("continued", child);
    child = in_child(take_many, 1);
    AWAIT(waiters(0) == 1);
    kill(child, SIGKILL);
    await_child("killed", child);
    SHOW(waiters(0));
    await_child("late", in_child(take_in_time, 0));
    SHOW(waiters(0));
    remove_set(set);
}

/* ---- What is taken back ---- */

static int undo_and_exit(int op)
{
    return step(set, 0, op, SEM_UNDO) ? errno : (int)value(set, 0) & 127;
}

static int undo_and_more(int op)
{
    step(set, 0, op, SEM_UNDO);
    step(set, 0, op, 0);
    step(set, 1, -op, SEM_UNDO);
    step(set, 1, op, SEM_UNDO);
    return 0;
}

static int undo_and_wait(int op)
{
    if (step(set, 0, op, SEM_UNDO))
        return errno;
    step(set, 3, 1, 0);
    for (;;)
        pause();
}

static int undo_in_grandchild(int op)
{
    step(set, 0, op, SEM_UNDO);
    pid_t child = fork();
    if (child == 0)
        _exit((int)value(set, 0));
    int status;
    waitpid(child, &status, 0);
    return WEXITSTATUS(status) * 10 + (int)value(set, 0);
}

static int undo_and_exec(int op)
{
    char number[16];
    step(set, 0, op, SEM_UNDO);
    snprintf(number, sizeof number, "%d", set);
    execl("/proc/self/exe", "semaphores", number, NULL);
    return errno;
}

static int undo_too_much(int op)
{
    (void)op;
    semctl(set, 0, SETVAL, 0);
    for (int i = 0; i < 2; i++) {
        SHOW(step(set, 0, 32767, SEM_UNDO));
        SHOW(step(set, 0, -32767, IPC_NOWAIT));
    }
    SHOW(step(set, 0, 1, SEM_UNDO));
    SHOW(step(set, 0, 1, SEM_UNDO));
    SHOW(step(set, 0, 5, 0));
    return 0;
}

static void undoing(void)
{
    puts("== undoing");
    set = fresh_set(5, 5, 5, 0);
    await_child("takes 2", in_child(undo_and_exit, -2));
    show_values("then", set);
    await_child("gives 3", in_child(undo_and_exit, 3));
    show_values("then", set);
    await_child("more", in_child(undo_and_more, 2));
    show_values("then", set);
    pid_t child = in_child(undo_and_wait, -2);
    AWAIT(value(set, 3) == 1);
    show_values("held", set);
    pid_t waiter = in_child(take_many, 7);
    AWAIT(waiters(0) == 1);
    kill(child, SIGKILL);
    await_child("killed", child);
    await_child("waiter", waiter);
    SHOW(semctl(set, 0, GETPID, 0) == waiter);
    show_values("then", set);
    semctl(set, 0, SETVAL, 5);
    await_child("grandchild", in_child(undo_in_grandchild, -1));
    show_values("then", set);
    await_child("exec", in_child(undo_and_exec, -1));
    show_values("then", set);
    await_child("too much", in_child(undo_too_much, 0));
    show_values("then", set);
    remove_set(set);
}

/* What was set meanwhile is not taken back from; values stay in their range. */
static void undone_otherwise(void)
{
    unsigned short all[PARTS] = {7, 7, 7, 0};
    puts("== undone otherwise");
    set = fresh_set(5, 5, 5, 0);
    pid_t child = in_child(undo_and_wait, -2);
    AWAIT(value(set, 3) == 1);
    SHOW(semctl(set, 0, SETVAL, 1));
    kill(child, SIGKILL);
    await_child("killed", child);
    show_values("after SETVAL", set);
    child = in_child(undo_and_wait, 2);
    AWAIT(value(set, 3) == 2);
    SHOW(semctl(set, 0, SETALL, (long)all));
    kill(child, SIGKILL);
    await_child("killed", child);
    show_values("after SETALL", set);
    child = in_child(undo_and_wait, 3);
    AWAIT(value(set, 3) == 1);
    SHOW(step(set, 0, -9, 0));
    kill(child, SIGKILL);
    await_child("killed", child);
    show_values("from below", set);
    SHOW(step(set, 0, 32767, 0));
    child = in_child(undo_and_wait, -3);
    AWAIT(value(set, 3) == 2);
    SHOW(step(set, 0, 2, 0));
    kill(child, SIGKILL);
    await_child("killed", child);
    show_values("from above", set);
    child = in_child(undo_and_wait, -3);
    AWAIT(value(set, 3) == 3);
    SHOW(semctl(set, 0, IPC_RMID, 0));
    kill(child, SIGKILL);
    await_child("killed", child);
}

static int shares(int flags)
{
    int status;
    step(set, 0, -1, SEM_UNDO);
    pid_t child = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
    if (child == 0) {
        step(set, 0, -1, SEM_UNDO);
        _exit(0);
    }
    waitpid(child, &status, 0);
    printf("%x: shared: %ld\n", flags, value(set, 0));
    return 0;
}

static void sharing(void)
{
    puts("== sharing");
    set = fresh_set(5, 0, 0, 0);
    await_child("apart", in_child(shares, 0));
    show_values("then", set);
    await_child("one", in_child(shares, 0x40000));
    show_values("then", set);
    remove_set(set);
}

/* ---- Who may ---- */

static int as_somebody(int id)
{
    struct semid_ds about = {0};
    unsigned short all[PARTS] = {0};

    if (become_somebody())
        return 1;
    SHOW(semget(key, 0, 0600) == id);
    SHOW(semget(key, 99, 0600));
    SHOW(semget(key, 0, 0400) == id);
    SHOW(semget(key, 0, 0) == id);
    SHOW(step(id, 0, 0, IPC_NOWAIT));
    SHOW(step(id, 0, 1, 0));
    SHOW(step(id, 99, 1, 0));
    SHOW(value(id, 0));
    SHOW(value(id, 99));
    SHOW(semctl(id, 0, SETVAL, 1));
    SHOW(semctl(id, 99, SETVAL, 1));
    SHOW(semctl(id, 0, SETVAL, -1));
    SHOW(semctl(id, 0, GETALL, (long)all));
    SHOW(semctl(id, 0, SETALL, (long)all));
    SHOW(semctl(id, 0, SETALL, 8));
    SHOW(semctl(id, 0, IPC_STAT, (long)&about));
    SHOW(semctl(index_of(id), 0, SEM_STAT, (long)&about) == id);
    SHOW(semctl(index_of(id), 0, SEM_STAT_ANY, (long)&about) == id);
    SHOW(semctl(id, 0, IPC_SET, (long)&about));
    SHOW(semctl(id, 0, IPC_RMID, 0));
    return 0;
}

static void permissions(void)
{
    static const unsigned modes[] = {0600, 0604, 0602, 0606, 0060};
    struct semid_ds about;

    puts("== permissions");
    if (geteuid() != 0)
        return;
    int id = (int)semget(key, PARTS, IPC_CREAT | 0600);
    semctl(id, 0, IPC_STAT, (long)&about);
    for (int i = 0; i < (int)COUNT(modes); i++) {
        printf("mode %o\n", modes[i]);
        about.perm.mode = modes[i];
        about.perm.gid = i == 4 ? 1234 : 0;
        semctl(id, 0, IPC_SET, (long)&about);
        await_child("somebody", in_child(as_somebody, id));
    }
    puts("an owner");
    about.perm.uid = 1234;
    about.perm.mode = 0400;
    semctl(id, 0, IPC_SET, (long)&about);
    await_child("somebody", in_child(as_somebody, id));
    remove_set(id);
}

/* ---- A long walk ---- */

static unsigned long seed = 1;

static unsigned number(unsigned below)
{
    seed = seed * 6364136223846793005ul + 1442695040888963407ul;
    return (unsigned)(seed >> 33) % below;
}

static void walk(void)
{
    static const short ops[] = {0, 1, -1, 2, -3, 100, -100, 32767, -32767, 16000};
    unsigned long sum = 0;

    puts("== walk");
    set = fresh_set(0, 1, 100, 32000);
    for (int i = 1; i <= 20000; i++) {
        struct sembuf steps[5];
        unsigned short all[PARTS];
        unsigned count = 1 + number(5);
        for (unsigned s = 0; s < count; s++)
            steps[s] = (struct sembuf){(unsigned short)number(number(50) ? PARTS : PARTS + 1),
                                       ops[number(COUNT(ops))],
                                       (short)(IPC_NOWAIT | (number(4) ? 0 : SEM_UNDO))};
        errno = 0;
        semop(set, steps, count);
        sum = sum * 31 + (unsigned long)errno;
        semctl(set, 0, GETALL, (long)all);
        for (int s = 0; s < PARTS; s++)
            sum = sum * 31 + all[s];
        if (number(300) == 0)
            semctl(set, (int)number(PARTS), SETVAL, number(32768));
        if (i % 1000 == 0)
            printf("%d: %lx\n", i, sum);
    }
    remove_set(set);
}

int main(int count, char **arguments)
{
    if (count == 2) { /* undo_and_exec */
        set = atoi(arguments[1]);
        return (int)value(set, 0);
    }
    key = 0x51000000 | getpid();
    fresh_place();
    int segment = (int)syscall(SYS_shmget, IPC_PRIVATE, 4096, 0600);
    order = (int *)syscall(SYS_shmat, segment, 0, 0);
    syscall(SYS_shmctl, segment, IPC_RMID, 0);
    making();
    operating();
    all_or_none();
    controlling();
    telling();
    in_turn();
    overtaking();
    together();
    by_setting();
    removed();
    interrupted();
    undoing();
    undone_otherwise();
    sharing();
    permissions();
    walk();
    leave_place();
    return 0;
}
