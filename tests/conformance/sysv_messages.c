/* System V's messages: arguments, which one is received, who waits and what ends it, who may. */
#include "sysv.h"

#include <grp.h>

#define MSG_NOERROR  010000
#define MSG_EXCEPT   020000
#define MSG_COPY     040000
#define MSG_STAT     11
#define MSG_INFO     12
#define MSG_STAT_ANY 13

struct msqid_ds {
    struct ipc_perm perm;
    long stime, rtime, ctime;
    unsigned long cbytes, qnum, qbytes;
    int lspid, lrpid;
    unsigned long unused[2];
};

struct msginfo {
    int numbers[7];
    unsigned short segments;
};

static struct message {
    long type;
    char text[16384];
} out, in;

static int key, queue;

static long msgget(int with, int flags)
{
    return syscall(SYS_msgget, with, flags);
}

static long msgsnd(int id, const void *message, size_t size, int flags)
{
    return syscall(SYS_msgsnd, id, message, size, flags);
}

static long msgrcv(int id, void *message, size_t size, long type, int flags)
{
    return syscall(SYS_msgrcv, id, message, size, type, flags);
}

static long msgctl(int id, int command, void *argument)
{
    return syscall(SYS_msgctl, id, command, argument);
}

static void fresh_queue(void)
{
    queue = (int)msgget(IPC_PRIVATE, 0600);
}

static void remove_queue(void)
{
    msgctl(queue, IPC_RMID, NULL);
}

static struct msqid_ds about_queue(void)
{
    struct msqid_ds about = {0};
    msgctl(queue, IPC_STAT, &about);
    return about;
}

static long put(long type, size_t size, int flags)
{
    struct message message = {.type = type};
    memset(message.text, 'a' + (int)(type & 15), sizeof message.text);
    return msgsnd(queue, &message, size, flags);
}

static void show_state(const char *what)
{
    struct msqid_ds about = about_queue();
    printf("%s: %lu messages, %lu bytes of %lu\n", what, about.qnum, about.cbytes, about.qbytes);
}

static void take(size_t size, long type, int flags)
{
    memset(&in, '-', sizeof in);
    errno = 0;
    long got = msgrcv(queue, &in, size, type, flags | IPC_NOWAIT);
    printf("%zu of %ld, %o: ", size, type, flags);
    if (got < 0)
        printf("%s\n", strerror(errno));
    else
        printf("%ld of %ld: %.8s\n", got, in.type, in.text);
}

/* ---- Arguments ---- */

static void making(void)
{
    int id;

    puts("== making");
    SHOW(msgget(key, 0600));
    SHOW_OK(id = (int)msgget(key, IPC_CREAT | 0640));
    SHOW(msgget(key, IPC_CREAT | IPC_EXCL | 0600));
    SHOW(msgget(key, 0) == id);
    SHOW(msgget(key, IPC_CREAT | 0600) == id);
    SHOW(msgctl(id, IPC_RMID, NULL));
    SHOW(msgctl(id, IPC_RMID, NULL));
    SHOW(msgget(key, 0));
}

static void sending(void)
{
    enum { GONE = 0x7fffffff };

    puts("== sending");
    fresh_queue();
    out.type = 1;
    SHOW(msgsnd(queue, NULL, 1, 0));
    SHOW(msgsnd(-1, NULL, 1, 0));
    SHOW(msgsnd(-1, &out, 1, 0));
    SHOW(msgsnd(GONE, &out, 1, 0));
    SHOW(msgsnd(queue, &out, 8193, 0));
    SHOW(msgsnd(queue, &out, (size_t)-1, 0));
    SHOW(msgsnd(queue, &out, (size_t)1 << 32, 0));
    SHOW(msgsnd(queue, &out, 8192, 0));
    SHOW(msgsnd(queue, &out, 8192, 0));
    SHOW(msgsnd(queue, &out, 1, IPC_NOWAIT));
    SHOW(msgsnd(queue, &out, 0, IPC_NOWAIT));
    show_state("full");
    out.type = 0;
    SHOW(msgsnd(queue, &out, 1, 0));
    out.type = -1;
    SHOW(msgsnd(queue, &out, 1, 0));
    SHOW(msgsnd(GONE, &out, 1, 0));
    out.type = LONG_MIN;
    SHOW(msgsnd(queue, &out, 1, 0));
    remove_queue();
    fresh_queue();
    long count = 0;
    while (put(1, 0, IPC_NOWAIT) == 0)
        count++;
    SHOW(count);
    show_state("full of nothing");
    remove_queue();
    SHOW(put(1, 0, 0));
}

static void receiving(void)
{
    puts("== receiving");
    fresh_queue();
    SHOW(msgrcv(-1, NULL, 1, 0, 0));
    SHOW(msgrcv(queue, NULL, (size_t)-1, 0, 0));
    SHOW(msgrcv(0x7fffffff, NULL, 1, 0, 0));
    SHOW(msgrcv(queue, NULL, 1, 0, IPC_NOWAIT));
    put(3, 5, 0);
    SHOW(msgrcv(queue, NULL, 4, 0, 0));
    SHOW(msgrcv(queue, NULL, 5, 0, 0));
    show_state("lost");
    static const long types[] = {5, 3, 9, 3, 1, 7, LONG_MAX};
    for (int i = 0; i < (int)COUNT(types); i++)
        SHOW(put(types[i], (size_t)i + 1, 0));
    take(3, 9, 0);
    take(2, 9, MSG_NOERROR);
    take(0, 3, MSG_NOERROR);
    take(16, 2, 0);
    take(16, -2, 0);
    take(16, -2, 0);
    take(16, -4, 0);
    take(16, 5, MSG_EXCEPT);
    take(16, LONG_MIN, 0);
    take(16, 0, MSG_EXCEPT);
    show_state("none");
    put(2, 3, 0);
    put(1, 4, 0);
    put(2, 5, 0);
    take(16, 2, MSG_EXCEPT);
    take(16, 2, MSG_EXCEPT);
    take(16, -2, MSG_EXCEPT);
    take((size_t)LONG_MAX, -3, 0);
    remove_queue();
}

static void copying(void)
{
    puts("== copying");
    fresh_queue();
    for (int i = 1; i < 4; i++)
        put(i, (size_t)i * 2, 0);
    SHOW(msgrcv(queue, &in, 16, 0, MSG_COPY));
    SHOW(msgrcv(queue, &in, 16, 0, MSG_COPY | MSG_EXCEPT | IPC_NOWAIT));
    take(16, 0, MSG_COPY);
    take(16, 2, MSG_COPY);
    take(16, 3, MSG_COPY);
    take(16, -1, MSG_COPY);
    take(5, 2, MSG_COPY);
    take(5, 2, MSG_COPY | MSG_NOERROR);
    take(16384, 1, MSG_COPY);
    show_state("all there");
    remove_queue();
}

static void telling(void)
{
    struct msqid_ds about, again;
    struct msginfo limits;

    puts("== telling");
    queue = (int)msgget(key, IPC_CREAT | 0640);
    memset(&about, 0xff, sizeof about);
    SHOW(msgctl(queue, IPC_STAT, &about));
    SHOW(about.perm.key == key);
    SHOW(about.perm.mode);
    SHOW(about.stime | about.rtime);
    SHOW(about.ctime > 1000000000);
    SHOW(about.cbytes | about.qnum | about.unused[0] | about.unused[1]);
    SHOW(about.qbytes);
    SHOW(about.lspid | about.lrpid);
    put(1, 7, 0);
    put(2, 9, 0);
    take(16, 1, 0);
    SHOW(msgctl(queue, IPC_STAT, &about));
    SHOW(about.stime > 1000000000 && about.rtime > 1000000000);
    SHOW(about.lspid == getpid() && about.lrpid == getpid());
    show_state("one");
    show_line("/proc/sysvipc/msg", key, 1 | 1 << 1 | 1 << 5 | 1 << 6 | 7 << 11);
    SHOW(msgctl(queue % 32768, MSG_STAT, &again) == queue);
    SHOW(memcmp(&about, &again, sizeof about));
    SHOW(msgctl(queue % 32768, MSG_STAT_ANY, &again) == queue);
    SHOW(msgctl(31999, MSG_STAT, &again));
    SHOW(msgctl(-1, IPC_STAT, &again));
    SHOW(msgctl(0, -1, &again));
    SHOW(msgctl(queue, 77, &again));
    SHOW(msgctl(queue, IPC_STAT, (void *)8));
    SHOW(msgctl(queue, IPC_SET, (void *)8));
    about.perm.mode = 07604;
    about.qbytes = 9;
    SHOW(msgctl(queue, IPC_SET, &about));
    SHOW(put(1, 0, IPC_NOWAIT));
    SHOW(put(1, 1, IPC_NOWAIT));
    show_state("small");
    about.qbytes = 0;
    SHOW(msgctl(queue, IPC_SET, &about));
    show_state("smaller");
    SHOW(put(1, 0, IPC_NOWAIT));
    about.qbytes = 16384;
    SHOW(msgctl(queue, IPC_SET, &about));
    show_state("large");
    about.perm.gid = (unsigned)-1;
    SHOW(msgctl(queue, IPC_SET, &about));
    about = about_queue();
    SHOW(about.perm.mode);
    SHOW_OK(msgctl(0, IPC_INFO, &limits));
    for (int i = 0; i < 7; i++)
        printf("limit %d: %d\n", i, limits.numbers[i]);
    SHOW(limits.segments);
    SHOW(msgctl(0, MSG_INFO, &limits) >= queue % 32768);
    SHOW(limits.numbers[0] >= 1 && limits.numbers[1] >= 1 && limits.numbers[6] >= 9);
    SHOW(msgctl(0, IPC_INFO, (void *)8));
    remove_queue();
}

/* ---- Waiting ---- */

static volatile int *turn;

/* Waits until the child sleeps: nothing tells how many wait for a message. */
static void await_sleep(pid_t child)
{
    char path[64], line[256];
    snprintf(path, sizeof path, "/proc/%d/stat", child);
    for (char state = 0; state != 'S'; nanosleep(&a_while, NULL)) {
        FILE *stream = fopen(path, "r");
        if (stream && fgets(line, sizeof line, stream)) {
            char *at = strrchr(line, ')');
            state = at && __atomic_load_n(turn, __ATOMIC_SEQ_CST) ? at[2] : 0;
        }
        if (stream)
            fclose(stream);
    }
}

static pid_t waiting_child(int (*body)(int), int argument)
{
    *turn = 0;
    pid_t child = in_child(body, argument);
    await_sleep(child);
    return child;
}

static int receive_type(int type)
{
    *turn = 1;
    long got = msgrcv(queue, &in, 16, type, 0);
    return got < 0 ? errno : (int)(got + in.type * 16);
}

static int receive_other(int type)
{
    *turn = 1;
    long got = msgrcv(queue, &in, 16, type, MSG_EXCEPT | MSG_NOERROR);
    return got < 0 ? errno : (int)(got + in.type * 16);
}

static int send_much(int size)
{
    *turn = 1;
    return put(size % 7 + 1, (size_t)size, 0) ? errno : 0;
}

static void receivers(void)
{
    puts("== receivers");
    fresh_queue();
    pid_t five = waiting_child(receive_type, 5), up_to = waiting_child(receive_type, -3),
          any = waiting_child(receive_type, 0), other = waiting_child(receive_other, 4);
    SHOW(put(4, 1, 0));
    await_child("any", any);
    SHOW(put(4, 2, 0));
    show_state("kept");
    SHOW(put(5, 17, 0));
    await_child("five has no room", five);
    await_child("other cuts", other);
    SHOW(put(3, 3, 0));
    await_child("up to three", up_to);
    show_state("left");
    struct msqid_ds about = about_queue();
    SHOW(about.lrpid == up_to);
    remove_queue();
}

static void senders(void)
{
    puts("== senders");
    fresh_queue();
    put(1, 8192, 0);
    put(2, 8000, 0);
    pid_t large = waiting_child(send_much, 8100), small = waiting_child(send_much, 300),
          smaller = waiting_child(send_much, 200);
    show_state("full");
    SHOW(put(3, 192, IPC_NOWAIT));
    show_state("fuller");
    take(8192, 2, 0);
    await_child("small", small);
    await_child("smaller", smaller);
    show_state("then");
    take(8192, 1, 0);
    await_child("large", large);
    show_state("then");
    take(16, 3, MSG_NOERROR);
    take(16, 5, MSG_NOERROR);
    take(16, 7, MSG_NOERROR);
    take(16, 0, MSG_NOERROR);
    take(16, 0, 0);
    remove_queue();
}

static void settings(void)
{
    puts("== settings");
    fresh_queue();
    struct msqid_ds about = about_queue();
    about.qbytes = 10;
    msgctl(queue, IPC_SET, &about);
    pid_t sender = waiting_child(send_much, 11), receiver = waiting_child(receive_type, 2);
    about.qbytes = 11;
    SHOW(msgctl(queue, IPC_SET, &about));
    await_child("sender", sender);
    show_state("then");
    SHOW(put(2, 0, IPC_NOWAIT));
    await_child("receiver", receiver);
    SHOW(put(2, 1, IPC_NOWAIT));
    remove_queue();
}

static void removed(void)
{
    puts("== removed");
    fresh_queue();
    put(1, 8192, 0);
    put(2, 8192, 0);
    pid_t sender = waiting_child(send_much, 1), receiver = waiting_child(receive_type, 9);
    SHOW(msgctl(queue, IPC_RMID, NULL));
    await_child("sender", sender);
    await_child("receiver", receiver);
    SHOW(put(1, 1, 0));
}

static void handler(int number)
{
    (void)number;
}

static int receive_interrupted(int restart)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
    sigaction(SIGUSR1, &action, NULL);
    return receive_type(9);
}

static int send_interrupted(int restart)
{
    struct sigaction action = {.sa_handler = handler, .sa_flags = restart ? SA_RESTART : 0};
    sigaction(SIGUSR1, &action, NULL);
    return send_much(9);
}

/* A handler ends the wait whatever its flags; a stop and what follows don't. */
static void interrupted(int (*body)(int), const char *what)
{
    int status;

    printf("== %s interrupted\n", what);
    for (int restart = 0; restart < 2; restart++) {
        pid_t child = waiting_child(body, restart);
        kill(child, SIGUSR1);
        await_child("handled", child);
    }
    pid_t child = waiting_child(body, 0);
    kill(child, SIGSTOP);
    waitpid(child, &status, WUNTRACED);
    print_status("stopped", status);
    kill(child, SIGCONT);
    await_sleep(child);
    kill(child, SIGUSR1);
    await_child("handled", child);
    child = waiting_child(body, 0);
    kill(child, SIGKILL);
    await_child("killed", child);
}

/* ---- Who may ---- */

static int as_somebody(int id)
{
    struct msqid_ds about = {0};

    if (become_somebody())
        return 1;
    SHOW(msgget(key, 0600) == id);
    SHOW(msgget(key, 0400) == id);
    SHOW(msgget(key, 0) == id);
    SHOW(put(1, 1, IPC_NOWAIT));
    SHOW(put(1, 9000, IPC_NOWAIT));
    take(16, 0, 0);
    SHOW(msgctl(id, IPC_STAT, &about));
    SHOW(msgctl(id % 32768, MSG_STAT, &about) == id);
    SHOW(msgctl(id % 32768, MSG_STAT_ANY, &about) == id);
    about.qbytes = 40000;
    SHOW(msgctl(id, IPC_SET, &about));
    about.qbytes = 16384;
    SHOW(msgctl(id, IPC_SET, &about));
    SHOW(msgctl(id, IPC_RMID, NULL));
    return 0;
}

static void permissions(void)
{
    static const unsigned modes[] = {0600, 0604, 0602, 0606};

    puts("== permissions");
    if (geteuid() != 0)
        return;
    queue = (int)msgget(key, IPC_CREAT | 0600);
    struct msqid_ds about = about_queue();
    for (int i = 0; i < (int)COUNT(modes); i++) {
        printf("mode %o\n", modes[i]);
        about.perm.mode = modes[i];
        msgctl(queue, IPC_SET, &about);
        await_child("somebody", in_child(as_somebody, queue));
    }
    about.perm.mode = 0666;
    msgctl(queue, IPC_SET, &about);
    while (msgrcv(queue, &in, sizeof in.text, 0, IPC_NOWAIT) >= 0)
        ;
    about.perm.uid = 1234;
    msgctl(queue, IPC_SET, &about);
    puts("an owner");
    await_child("somebody", in_child(as_somebody, queue));
    remove_queue();
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
    static const int flags[] = {0, MSG_NOERROR, MSG_EXCEPT, MSG_COPY, MSG_NOERROR | MSG_EXCEPT};
    unsigned long sum = 0;

    puts("== walk");
    fresh_queue();
    for (int i = 1; i <= 10000; i++) {
        errno = 0;
        if (number(2)) {
            put(1 + number(5), number(number(10) ? 200 : 8193), IPC_NOWAIT);
        } else {
            long got = msgrcv(queue, &in, number(number(2) ? 200 : 8193), (long)number(13) - 6,
                              IPC_NOWAIT | flags[number(COUNT(flags))]);
            if (got >= 0)
                sum = sum * 31 + (unsigned long)(got + in.type) + (got ? (unsigned)in.text[0] : 0);
        }
        sum = sum * 31 + (unsigned long)errno;
        if (i % 500 == 0) {
            printf("%d: %lx: ", i, sum);
            show_state("then");
        }
    }
    remove_queue();
}

int main(void)
{
    key = 0x51000000 | getpid();
    fresh_place();
    int segment = (int)syscall(SYS_shmget, IPC_PRIVATE, 4096, 0600);
    turn = (int *)syscall(SYS_shmat, segment, 0, 0);
    syscall(SYS_shmctl, segment, IPC_RMID, 0);
    making();
    sending();
    receiving();
    copying();
    telling();
    receivers();
    senders();
    settings();
    removed();
    fresh_queue();
    interrupted(receive_interrupted, "receiving");
    put(1, 8192, 0);
    put(1, 8192, 0);
    interrupted(send_interrupted, "sending");
    remove_queue();
    permissions();
    walk();
    leave_place();
    return 0;
}
