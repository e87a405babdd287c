/* Cancellation: where it happens, and that a call it ends has had no effect. */
#include "pthreads.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>

/* ---- cancellation ---- */

static int ends[2], sockets[2], locked;
static char order[8];
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static pthread_cond_t cond = PTHREAD_COND_INITIALIZER;
static sem_t items;
static pthread_t idle;

static void note(void *argument)
{
    strcat(order, argument);
}

static void *block_in_read(void *argument)
{
    char c;

    pthread_cleanup_push(note, "a");
    pthread_cleanup_push(note, "b");
    pthread_cleanup_push(note, "c");
    pthread_cleanup_pop(0);
    set(&ready);
    read(ends[0], &c, 1);
    pthread_cleanup_pop(1);
    pthread_cleanup_pop(1);
    return argument;
}

TEST(cancelling, "a thread that blocks in read is cancelled, its handlers run from the last one on")
{
    CHECK(pipe(ends) == 0);
    pthread_t thread = start(block_in_read, NULL);
    await(&ready);
    linger();
    CHECK_EQUAL(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    CHECK_STRING(order, "ba");
}

static void *wait_for_done(void *argument)
{
    await(&done);
    return argument;
}

static void *block(void *argument)
{
    struct pollfd pollfd = {ends[0], POLLIN, 0};
    struct timespec long_time = {1000, 0};
    fd_set set;
    char c;

    ready = 1;
    switch ((long)argument) {
    case 0:
        poll(&pollfd, 1, -1);
        break;
    case 1:
        nanosleep(&long_time, NULL);
        break;
    case 2:
        pause();
        break;
    case 3:
        waitpid(-1, NULL, 0);
        break;
    case 4:
        sem_wait(&items);
        break;
    case 5:
        pthread_mutex_lock(&mutex);
        for (;;)
            pthread_cond_wait(&cond, &mutex);
    case 6:
        pthread_join(idle, NULL);
        break;
    case 7:
        FD_ZERO(&set);
        FD_SET(ends[0], &set);
        select(ends[0] + 1, &set, NULL, NULL, NULL);
        break;
    case 8:
        open("fifo", O_RDONLY);
        break;
    case 9:
        clock_nanosleep(CLOCK_MONOTONIC, 0, &long_time, NULL);
        break;
    case 10: {
        sigset_t none;
        sigemptyset(&none);
        sigsuspend(&none);
        break;
    }
    case 11:
        for (;;)
            write(ends[1], "x", 1);
    case 12: {
        struct flock region = {.l_type = F_WRLCK};
        fcntl(locked, F_SETLKW, &region);
        break;
    }
    case 13:
        recv(sockets[0], &c, 1, 0);
        break;
    case 14:
        system("exec sleep 1000");
        break;
    case 15:
        for (;;)
            pthread_testcancel();
    }
    return argument;
}

TEST(cancellation_points, "whatever blocks is a cancellation point")
{
    CHECK(pipe(ends) == 0 && sem_init(&items, 0, 0) == 0 && mkfifo("fifo", 0600) == 0);
    if (socketpair(AF_UNIX, SOCK_STREAM, 0, sockets) < 0)
        sockets[0] = -1;
    idle = start(wait_for_done, NULL);
    locked = open("locked", O_RDWR | O_CREAT, 0600);
    pid_t pid = CHILD(struct flock region = {.l_type = F_WRLCK};
                      CHECK(fcntl(locked, F_SETLK, &region) == 0); write(ends[1], "x", 1); pause());
    char c;
    CHECK_EQUAL(read(ends[0], &c, 1), 1);
    for (long what = 0; what < 16; what++) {
        if (what == 13 && sockets[0] < 0)
            continue;
        for (int early = 0; early < 2; early++) {
            ready = 0;
            pthread_t thread = start(block, (void *)what);
            if (!early) {
                await(&ready);
                linger();
            }
            CHECK_EQUAL(pthread_cancel(thread), 0);
            if (join(thread) != PTHREAD_CANCELED)
                FAIL("call %ld is no cancellation point", what);
            if (what == 5) /* nobody unlocked it */
                CHECK(pthread_mutex_trylock(&mutex) == EBUSY && pthread_mutex_unlock(&mutex) == 0);
            if (what == 11)
                fcntl(ends[0], F_SETFL, O_NONBLOCK);
            while (what == 11 && read(ends[0], &c, 1) == 1)
                continue;
        }
    }
    kill(pid, SIGKILL);
}

static void *be_disabled(void *argument)
{
    int old;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old);
    set(&ready);
    await(&done);
    pthread_testcancel();
    ktap_sleep(1);
    counter = old == PTHREAD_CANCEL_ENABLE;
    pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, &old);
    counter = counter + (old == PTHREAD_CANCEL_DISABLE);
    pthread_testcancel();
    return argument;
}

static void *spin_forever(void *argument)
{
    int old;

    pthread_setcanceltype(PTHREAD_CANCEL_ASYNCHRONOUS, &old);
    for (set(&ready);;)
        counter = counter + 1;
    return argument;
}

static void *give_back(void *argument)
{
    return argument;
}

static void *cancel_self(void *argument)
{
    pthread_cancel(pthread_self());
    counter = 1;
    pthread_testcancel();
    return argument;
}

TEST(cancel_states, "cancellation waits until it is enabled; asynchronous, it comes anywhere")
{
    pthread_t thread = start(be_disabled, NULL);
    int old;

    await(&ready);
    CHECK_EQUAL(pthread_cancel(thread), 0);
    set(&done);
    CHECK(join(thread) == PTHREAD_CANCELED);
    CHECK_EQUAL(counter, 2);
    ready = 0;
    thread = start(spin_forever, NULL);
    await(&ready);
    CHECK_EQUAL(pthread_cancel(thread), 0);
    CHECK(join(thread) == PTHREAD_CANCELED);
    counter = 0;
    CHECK(join(start(cancel_self, NULL)) == PTHREAD_CANCELED && counter == 1);
    CHECK_EQUAL(pthread_setcancelstate(7, &old), EINVAL);
    CHECK_EQUAL(pthread_setcanceltype(7, &old), EINVAL);
    thread = start(give_back, NULL);
    linger();
    CHECK_EQUAL(pthread_cancel(thread), 0); /* it ended, and is not joined yet */
    CHECK(join(thread) == NULL);
}

static void *read_bytes(void *argument)
{
    char c;

    for (;;)
        if (read(ends[0], &c, 1) == 1)
            counter = counter + 1;
    return argument;
}

TEST(no_byte_lost, "a cancelled read has either not happened or its bytes are counted")
{
    int left = 0, written = 0;
    char bytes[64] = "";

    CHECK(pipe(ends) == 0);
    for (int n = 0; n < 300; n++) {
        pthread_t thread = start(read_bytes, NULL);
        for (int burst = 0; burst < n % 7; burst++)
            written += (int)write(ends[1], bytes, n % 13 + 1);
        if (n % 3)
            sched_yield();
        CHECK_EQUAL(pthread_cancel(thread), 0);
        written += (int)write(ends[1], bytes, 3);
        CHECK(join(thread) == PTHREAD_CANCELED);
    }
    fcntl(ends[0], F_SETFL, O_NONBLOCK);
    for (ssize_t got; (got = read(ends[0], bytes, sizeof(bytes))) > 0;)
        left += (int)got;
    CHECK_EQUAL(counter + left, written);
}

TEST(blocked_signals, "a program that blocks all signals does not block cancellation")
{
    sigset_t mask;

    sigfillset(&mask);
    CHECK(pthread_sigmask(SIG_SETMASK, &mask, NULL) == 0 && pipe(ends) == 0);
    pthread_t thread = start(read_bytes, NULL);
    linger();
    CHECK(pthread_cancel(thread) == 0 && join(thread) == PTHREAD_CANCELED);
}

static volatile int held = -1;

static void *open_and_close(void *argument)
{
    for (;;) {
        int fd = open("/dev/null", O_RDONLY);
        held = fd;
        if (fd >= 0) {
            held = -1;
            pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, NULL);
            close(fd);
            pthread_setcancelstate(PTHREAD_CANCEL_ENABLE, NULL);
        }
        counter = counter + 1;
    }
    return argument;
}

TEST(no_descriptor_lost, "a cancelled open has either not happened or its descriptor is known")
{
    int before = open_descriptors();

    for (int n = 0; n < 200; n++) {
        counter = 0;
        pthread_t thread = start(open_and_close, NULL);
        while (n % 2 && counter < n % 17)
            sched_yield();
        CHECK_EQUAL(pthread_cancel(thread), 0);
        CHECK(join(thread) == PTHREAD_CANCELED);
        CHECK_EQUAL(held, -1);
    }
    CHECK_EQUAL(open_descriptors(), before);
}

static void delay(int sig)
{
    (void)sig;
    ready = 1;
    while (!done)
        sched_yield();
}

TEST(cancel_in_handler, "a cancellation that comes while a signal's handler runs is not forgotten")
{
    struct sigaction action = {.sa_handler = delay, .sa_flags = SA_RESTART};

    CHECK(pipe(ends) == 0);
    sigaction(SIGUSR1, &action, NULL);
    for (int n = 0; n < 50; n++) {
        done = ready = 0;
        pthread_t thread = start(read_bytes, NULL);
        if (n % 2)
            linger();
        CHECK_EQUAL(pthread_kill(thread, SIGUSR1), 0);
        await(&ready);
        CHECK_EQUAL(pthread_cancel(thread), 0);
        set(&done);
        CHECK(join(thread) == PTHREAD_CANCELED);
    }
}
