/*
 * A long random walk over descriptors and epoll sets: pipes, eventfds and sets that watch one
 * another; opened, duplicated, closed, written, read, added, modified, removed; and looked at by
 * epoll_wait with few and many places, by poll, and with a buffer that ends in the middle. What
 * each step gave goes into a checksum, printed every few hundred steps; `epoll_walk FIRST [SEED]`
 * prints each step from step FIRST on.
 */
#include "show.h"

#include <poll.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/mman.h>

#define SLOTS 24
#define STEPS 40000
#define EACH  800

enum kind { FREE, READER, WRITER, COUNTER, SET };

static struct slot {
    enum kind kind;
    int fd;
} slots[SLOTS];

static uint64_t sum = 1469598103934665603ul, next_data;
static uint32_t seed = 4711;
static int step, verbose_from = STEPS + 1;
static struct epoll_event *last_places; /* room for 2 before memory that isn't there */

static uint32_t pick(uint32_t bound)
{
    seed = seed * 1664525 + 1013904223;
    return (uint32_t)(((uint64_t)(seed >> 4) * bound) >> 28);
}

static void note(uint64_t value)
{
    sum = (sum ^ value) * 1099511628211ul;
}

static void result(const char *what, int a, int b, long value)
{
    note(value < 0 ? (uint64_t)-errno : (uint64_t)value);
    if (step >= verbose_from)
        printf("%d %s(%d, %d): %ld%s%s\n", step, what, a, b, value, value < 0 ? " " : "",
               value < 0 ? strerror(errno) : "");
}

static struct slot *pick_free(void)
{
    for (int i = 0; i < SLOTS; i++)
        if (slots[i].kind == FREE)
            return &slots[i];
    return NULL;
}

static struct slot *pick_slot(void)
{
    return &slots[pick(SLOTS)];
}

static struct slot *pick_set(void)
{
    for (int i = 0; i < 8; i++) {
        struct slot *slot = pick_slot();
        if (slot->kind == SET)
            return slot;
    }
    return pick_slot();
}

/* ---- Steps ---- */

static void put(enum kind kind, int fd)
{
    struct slot *slot = pick_free();

    if (slot)
        *slot = (struct slot){kind, fd};
    else
        close(fd);
}

static void step_open(void)
{
    int ends[2];

    if (!pick_free())
        return;
    switch (pick(4)) {
    case 0:
    case 1:
        /* Half of them are of one page, to be full at times. */
        if (pipe2(ends, O_NONBLOCK) < 0 || (pick(2) && fcntl(ends[0], F_SETPIPE_SZ, 4096) < 0))
            return;
        put(READER, ends[0]);
        put(WRITER, ends[1]);
        result("pipe", ends[0], ends[1], 0);
        break;
    case 2:
        put(COUNTER, ends[0] = eventfd(pick(3), EFD_NONBLOCK | (pick(2) ? EFD_SEMAPHORE : 0)));
        result("eventfd", 0, 0, ends[0]);
        break;
    default:
        put(SET, ends[0] = epoll_create1(0));
        result("epoll", 0, 0, ends[0]);
    }
}

static void step_dup(void)
{
    struct slot *slot = pick_slot();

    if (slot->kind == FREE || !pick_free())
        return;
    int fd = dup(slot->fd);
    put(slot->kind, fd);
    result("dup", slot->fd, 0, fd);
}

static void step_close(void)
{
    struct slot *slot = pick_slot();

    if (slot->kind == FREE)
        return;
    result("close", slot->fd, 0, close(slot->fd));
    slot->kind = FREE;
}

/* On Linux readers are told of a refused write, too, hence the poll. How writes share pages, and so
 * when a pipe of several is full, is no matter here. */
static void write_some(int fd, const char *block)
{
    bool one_page = fcntl(fd, F_GETPIPE_SZ) == 4096;
    size_t size = one_page && pick(3) == 0 ? 4096 : 1 + pick(8);
    struct pollfd entry = {fd, POLLOUT, 0};

    if (poll(&entry, 1, 0) > 0)
        result("write", fd, 0, write(fd, block, size));
}

static void step_move_data(void)
{
    struct slot *slot = pick_slot();
    static char block[4096];
    uint64_t number = pick(10) ? pick(4) : UINT64_MAX - 1 - pick(2);

    switch (slot->kind) {
    case READER:
        result("read", slot->fd, 0, read(slot->fd, block, pick(3) ? 1 + pick(8) : sizeof(block)));
        break;
    case WRITER:
        write_some(slot->fd, block);
        break;
    case COUNTER:
        if (pick(2))
            result("take", slot->fd, 0, read(slot->fd, &number, sizeof(number)));
        else
            result("give", slot->fd, 0, write(slot->fd, &number, sizeof(number)));
        break;
    default:
        break;
    }
}

static uint32_t pick_events(void)
{
    static const uint32_t masks[] = {
        EPOLLIN,  EPOLLOUT, EPOLLIN | EPOLLOUT,           EPOLLIN | EPOLLRDHUP,
        EPOLLPRI, 0,        EPOLLIN | EPOLLOUT | EPOLLPRI};
    uint32_t events = masks[pick(COUNT(masks))];

    if (pick(3) == 0)
        events |= EPOLLET;
    if (pick(5) == 0)
        events |= EPOLLONESHOT;
    if (pick(12) == 0)
        events |= EPOLLEXCLUSIVE;
    if (pick(12) == 0)
        events |= EPOLLWAKEUP;
    return events;
}

static void control(struct slot *set, struct slot *slot)
{
    static const int ops[] = {EPOLL_CTL_ADD, EPOLL_CTL_ADD, EPOLL_CTL_ADD,
                              EPOLL_CTL_MOD, EPOLL_CTL_MOD, EPOLL_CTL_DEL};
    struct epoll_event event = {.events = pick_events(), .data.u64 = next_data++};
    int op = pick(200) ? ops[pick(COUNT(ops))] : 77;

    if (set->kind == FREE || slot->kind == FREE)
        return;
    long value = epoll_ctl(set->fd, op, slot->fd, &event);
    result(op == EPOLL_CTL_ADD   ? "add"
           : op == EPOLL_CTL_MOD ? "mod"
                                 : "del",
           set->fd, slot->fd, value);
    if (step >= verbose_from)
        printf("  events %x data %lu\n", (unsigned)event.events, (unsigned long)event.data.u64);
}

static void step_control(void)
{
    struct slot *set = pick_set();

    control(set, pick_slot());
}

static void note_events(const struct epoll_event *events, long count)
{
    for (long i = 0; i < count; i++) {
        note(events[i].events);
        note(events[i].data.u64);
        if (step >= verbose_from)
            printf("  %x %lu\n", (unsigned)events[i].events, (unsigned long)events[i].data.u64);
    }
}

static void step_wait(void)
{
    struct epoll_event events[40];
    struct slot *set = pick_set();
    int places = pick(3) ? 40 : 1 + (int)pick(3);

    if (set->kind == FREE)
        return;
    long count = epoll_wait(set->fd, events, places, 0);
    result("wait", set->fd, places, count);
    note_events(events, count);
}

static void step_wait_cut(void)
{
    struct slot *set = pick_set();
    int room = (int)pick(3);
    struct epoll_event *events = last_places + (2 - room);

    if (set->kind != SET)
        return;
    long count = epoll_wait(set->fd, events, 10, 0);
    result("cut wait", set->fd, room, count);
    note_events(events, count);
}

static void step_poll(void)
{
    struct slot *slot = pick(2) ? pick_set() : pick_slot();
    struct pollfd entry = {slot->fd, POLLIN | POLLOUT, 0};

    if (slot->kind == FREE)
        return;
    result("poll", slot->fd, 0, poll(&entry, 1, 0));
    result("revents", slot->fd, 0, entry.revents);
}

static void (*const steps[])(void) = {
    step_open,      step_dup,     step_close,    step_move_data, step_move_data, step_move_data,
    step_move_data, step_control, step_control,  step_control,   step_control,   step_wait,
    step_wait,      step_wait,    step_wait_cut, step_poll,
};

static void last_places_make(void)
{
    char *pages = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (pages == MAP_FAILED || munmap(pages + 4096, 4096) < 0) {
        perror("mmap");
        exit(2);
    }
    last_places = (struct epoll_event *)(pages + 4096) - 2;
}

int main(int argc, char **argv)
{
    if (argc > 1)
        verbose_from = atoi(argv[1]);
    if (argc > 2)
        seed = (uint32_t)atoi(argv[2]);
    /* Descriptor numbers are part of the results. */
    for (int fd = 3; fd < 256; fd++)
        close(fd);
    signal(SIGPIPE, SIG_IGN);
    last_places_make();
    for (step = 0; step < STEPS; step++) {
        if (step % EACH == 0)
            printf("step %d: %016lx\n", step, (unsigned long)sum);
        steps[pick(COUNT(steps))]();
    }
    printf("step %d: %016lx\n", step, (unsigned long)sum);
    return 0;
}
