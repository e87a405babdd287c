/* Pseudo-terminals as objects: what the guest's tests can't reach. Bytes that fail half-way, memory
 * that runs out, references in every order, both sides under several threads. */
#include "harness.h"

#include <sched.h>
#include <oskit/com/stream.h>
#include <oskit/fs/dir.h>
#include <oskit/fs/file.h>
#include <oskit/fs/filesystem.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <oskit/io/ttystream.h>
#include <sluice/device.h>
#include <sluice/list.h>
#include <sluice/pty.h>
#include <sluice/readiness.h>
#include <sluice/terminal.h>
#include <sluice/tty.h>
#include <sluice/vecio.h>

/* ---- Both sides, with the faces that a kernel would have ---- */

struct side {
    oskit_iunknown_t *object;
    sluice_streamvec_t *streamvec;
    sluice_pollable_t *pollable;
    oskit_asyncio_t *asyncio;
    sluice_pty_t *pty;           /* the master's */
    sluice_terminal_t *terminal; /* the terminal's */
};

static void take_faces(struct side *side, oskit_iunknown_t *object)
{
    side->object = object;
    side->streamvec = sluice_query_face(object, &sluice_streamvec_iid);
    side->pollable = sluice_query_face(object, &sluice_pollable_iid);
    side->asyncio = sluice_query_face(object, &oskit_asyncio_iid);
    side->pty = sluice_query_face(object, &sluice_pty_iid);
    side->terminal = sluice_query_face(object, &sluice_terminal_iid);
    assert_true(side->streamvec && side->pollable && side->asyncio);
    if (side->terminal)
        side->terminal->ops->opened(side->terminal);
}

static void close_side(struct side *side)
{
    void *faces[] = {side->streamvec, side->pollable, side->asyncio,
                     side->pty,       side->terminal, side->object};

    if (side->terminal)
        side->terminal->ops->closed(side->terminal);
    for (size_t i = 0; i < SLUICE_COUNT(faces); i++)
        if (faces[i])
            oskit_iunknown_release(faces[i]);
    *side = (struct side){0};
}

static void open_master(struct side *master)
{
    oskit_iunknown_t *object;

    assert_int_equal(device_open(false, DEVICE_NUMBER(5, 2), 0, &object), OSKIT_SUCCESS);
    take_faces(master, object);
    assert_non_null(master->pty);
}

static oskit_u32_t number_of(const struct side *master)
{
    return DEVICE_NUMBER(136, master->pty->ops->number(master->pty));
}

static void open_terminal(struct side *terminal, oskit_u32_t number)
{
    oskit_iunknown_t *object;

    assert_int_equal(device_open(false, number, 0, &object), OSKIT_SUCCESS);
    take_faces(terminal, object);
    assert_non_null(terminal->terminal);
}

static void open_pair(struct side *master, struct side *terminal)
{
    assert_int_equal(pty_register(), OSKIT_SUCCESS);
    open_master(master);
    master->pty->ops->setlock(master->pty, false);
    open_terminal(terminal, number_of(master));
}

static bool find_ptmx(void *arg, const struct device *device)
{
    const struct device **found = arg;

    if (device->number == DEVICE_NUMBER(5, 2))
        *found = device;
    return *found == NULL;
}

/* The registration of /dev/ptmx lasts as long as a kernel; a test has to undo it. */
static void forget_ptmx(void)
{
    const struct device *found = NULL;

    device_each(find_ptmx, &found);
    assert_non_null(found);
    device_unregister(found);
}

static oskit_error_t transfer(struct side *side, bool write, void *bytes, size_t size,
                              size_t *out_actual)
{
    struct sluice_iovec segment = {bytes, size};
    struct sluice_uio uio;

    uio_init(&uio, &segment, 1, true);
    return write ? side->streamvec->ops->writev(side->streamvec, &uio, 0, out_actual)
                 : side->streamvec->ops->readv(side->streamvec, &uio, 0, out_actual);
}

static void put(struct side *side, const char *text)
{
    size_t actual;

    assert_int_equal(transfer(side, true, (void *)(uintptr_t)text, strlen(text), &actual), 0);
    assert_int_equal(actual, strlen(text));
}

static void expect(struct side *side, const char *text)
{
    char buffer[4096];
    size_t actual;

    assert_int_equal(transfer(side, false, buffer, sizeof buffer, &actual), 0);
    assert_int_equal(actual, strlen(text));
    assert_memory_equal(buffer, text, actual);
}

static oskit_error_t try_read(struct side *side)
{
    char c;
    size_t actual;

    return transfer(side, false, &c, 1, &actual);
}

static uint32_t level(struct side *side)
{
    return readiness_level(side->pollable->ops->readiness(side->pollable));
}

static void make_raw(struct side *terminal)
{
    struct terminal_settings settings;
    sluice_terminal_t *t = terminal->terminal;

    assert_int_equal(t->ops->getsettings(t, &settings), 0);
    settings.iflag = settings.oflag = settings.lflag = 0;
    assert_int_equal(t->ops->setsettings(t, TERMINAL_NOW, &settings), 0);
}

/* ---- Faces and ends ---- */

static void test_faces(void **state)
{
    (void)state;
    struct side master, terminal;
    oskit_stream_t *stream;
    oskit_posixio_t *posixio;
    oskit_stat_t stat;
    oskit_u32_t actual, rdev;
    char c;

    open_pair(&master, &terminal);
    assert_null(master.terminal);
    stream = sluice_query_face(master.object, &oskit_stream_iid);
    assert_ptr_equal(stream, master.object);
    assert_int_equal(oskit_stream_write(stream, "x\n", 2, &actual), 0);
    assert_int_equal(actual, 2);
    assert_int_equal(oskit_stream_read(stream, &c, 1, &actual), 0);
    assert_int_equal(c, 'x');
    assert_int_equal(oskit_stream_seek(stream, 0, OSKIT_SEEK_SET, NULL), OSKIT_ESPIPE);
    oskit_stream_release(stream);
    posixio = sluice_query_face(master.object, &oskit_posixio_iid);
    assert_int_equal(oskit_posixio_stat(posixio, &stat), 0);
    assert_int_equal(stat.rdev, DEVICE_NUMBER(5, 2));
    oskit_posixio_release(posixio);
    assert_int_equal(terminal.terminal->ops->device(terminal.terminal, &rdev), 0);
    assert_int_equal(rdev, DEVICE_NUMBER(136, 0));
    assert_int_equal(oskit_asyncio_readable(master.asyncio), 2);
    close_side(&terminal);
    close_side(&master);
    forget_ptmx();
}

static void test_master_first(void **state)
{
    (void)state;
    struct side master, terminal;
    oskit_iunknown_t *object;

    open_pair(&master, &terminal);
    oskit_u32_t number = number_of(&master);
    put(&master, "lost");
    put(&terminal, "lost");
    close_side(&master);
    assert_int_equal(level(&terminal) & (READY_READ | READY_WRITE | READY_ERR | READY_HUP),
                     READY_READ | READY_WRITE | READY_ERR | READY_HUP);
    expect(&terminal, "");
    assert_int_equal(device_open(false, number, 0, &object), OSKIT_ENXIO);
    open_master(&master); /* the number is still held by the dead terminal */
    assert_int_equal(number_of(&master), number + 1);
    close_side(&master);
    close_side(&terminal);
    open_master(&master);
    assert_int_equal(number_of(&master), number);
    close_side(&master);
    forget_ptmx();
}

static void test_terminal_first(void **state)
{
    (void)state;
    struct side master, terminal;

    open_pair(&master, &terminal);
    assert_int_equal(level(&master), READY_WRITE);
    put(&terminal, "end\n");
    close_side(&terminal);
    assert_int_equal(level(&master), READY_READ | READY_WRITE | READY_HUP);
    expect(&master, "end\r\n");
    assert_int_equal(level(&master), READY_WRITE | READY_HUP);
    assert_int_equal(try_read(&master), OSKIT_EIO);
    open_terminal(&terminal, number_of(&master));
    assert_int_equal(level(&master), READY_WRITE);
    assert_int_equal(try_read(&master), OSKIT_EWOULDBLOCK);
    close_side(&terminal);
    close_side(&master);
    forget_ptmx();
}

static void test_hangup(void **state)
{
    (void)state;
    struct side master, dead, fresh;
    oskit_iunknown_t *behind;

    open_pair(&master, &dead);
    dead.terminal->ops->hangup(dead.terminal);
    assert_int_equal(level(&master), READY_WRITE | READY_HUP);
    assert_int_equal(master.pty->ops->terminal(master.pty, &behind), OSKIT_EIO);
    open_terminal(&fresh, number_of(&master));
    assert_int_equal(level(&master), READY_WRITE);
    close_side(&dead); /* its going is not the fresh one's */
    assert_int_equal(level(&master), READY_WRITE);
    put(&fresh, "new");
    expect(&master, "new");
    assert_int_equal(master.pty->ops->terminal(master.pty, &behind), 0);
    assert_ptr_equal(behind, fresh.object);
    oskit_iunknown_release(behind);
    close_side(&master);
    close_side(&fresh);
    forget_ptmx();
}

static void test_lock(void **state)
{
    (void)state;
    struct side master;
    oskit_iunknown_t *object;

    assert_int_equal(pty_register(), OSKIT_SUCCESS);
    open_master(&master);
    assert_true(master.pty->ops->locked(master.pty));
    assert_int_equal(device_open(false, number_of(&master), 0, &object), OSKIT_EIO);
    assert_int_equal(master.pty->ops->open(master.pty, &object), OSKIT_EIO);
    close_side(&master);
    forget_ptmx();
}

static void test_exclusive(void **state)
{
    (void)state;
    struct side master, terminal;
    oskit_iunknown_t *object;

    open_pair(&master, &terminal);
    assert_int_equal(terminal.terminal->ops->setexclusive(terminal.terminal, true), 0);
    env_test_set_identity(1000, 1000, 022, false);
    assert_int_equal(master.pty->ops->open(master.pty, &object), OSKIT_EBUSY);
    env_test_set_identity(0, 0, 022, true);
    assert_int_equal(master.pty->ops->open(master.pty, &object), 0);
    oskit_iunknown_release(object);
    close_side(&terminal);
    close_side(&master);
    forget_ptmx();
}

static void test_no_memory(void **state)
{
    (void)state;

    assert_int_equal(pty_register(), OSKIT_SUCCESS);
    ENV_TEST_EACH_FAILURE
    {
        oskit_iunknown_t *master, *terminal;
        oskit_error_t error = pty_create(&master);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (error)
            continue;
        sluice_pty_t *pty = sluice_query_face(master, &sluice_pty_iid);
        assert_int_equal(pty->ops->number(pty), 0);
        pty->ops->setlock(pty, false);
        assert_int_equal(pty->ops->open(pty, &terminal), 0);
        oskit_iunknown_release((oskit_iunknown_t *)pty);
        oskit_iunknown_release(master);
        oskit_iunknown_release(terminal);
    }
    forget_ptmx();
}

static bool has_node(oskit_filesystem_t *fs, const char *name)
{
    oskit_dir_t *root;
    oskit_file_t *file;

    assert_int_equal(oskit_filesystem_getroot(fs, &root), 0);
    oskit_error_t error = oskit_dir_lookup(root, name, &file);
    oskit_dir_release(root);
    if (error)
        return false;
    oskit_file_release(file);
    return true;
}

static void test_devpts(void **state)
{
    (void)state;
    oskit_filesystem_t *fs;
    struct side master, terminal;

    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t error = devpts_create(&fs);
        assert_int_equal(error, env_test_failed() ? OSKIT_ENOMEM : 0);
        if (error == 0)
            oskit_filesystem_release(fs);
    }
    assert_int_equal(devpts_create(&fs), 0);
    open_pair(&master, &terminal);
    assert_true(has_node(fs, "ptmx"));
    assert_true(has_node(fs, "0"));
    assert_false(has_node(fs, "pts"));
    assert_false(has_node(fs, "fd"));
    close_side(&terminal);
    close_side(&master);
    assert_false(has_node(fs, "0"));
    forget_ptmx();
    oskit_filesystem_release(fs);
}

static void test_numbers(void **state)
{
    (void)state;
    static oskit_iunknown_t *masters[PTY_MAX];
    oskit_iunknown_t *one_more;

    for (size_t i = 0; i < PTY_MAX; i++)
        assert_int_equal(pty_create(&masters[i]), 0);
    assert_int_equal(pty_create(&one_more), OSKIT_ENOSPC);
    oskit_iunknown_release(masters[700]);
    oskit_iunknown_release(masters[300]);
    assert_int_equal(pty_create(&masters[300]), 0);
    sluice_pty_t *pty = sluice_query_face(masters[300], &sluice_pty_iid);
    assert_int_equal(pty->ops->number(pty), 300);
    oskit_iunknown_release((oskit_iunknown_t *)pty);
    assert_int_equal(device_open(false, 136u << 8 | (300 & 0xff) | 0x100u << 12, 0, &one_more),
                     OSKIT_EIO); /* there, and locked */
    masters[700] = NULL;
    for (size_t i = 0; i < PTY_MAX; i++)
        if (masters[i])
            oskit_iunknown_release(masters[i]);
}

/* ---- Bytes ---- */

static void test_faults(void **state)
{
    (void)state;
    struct side master, terminal;
    char buffer[16];
    size_t actual;

    open_pair(&master, &terminal);
    make_raw(&terminal);
    put(&terminal, "abcdef");
    env_test_bad_user(buffer + 2, 1);
    assert_int_equal(transfer(&master, false, buffer, sizeof buffer, &actual), 0);
    assert_int_equal(actual, 2);
    assert_int_equal(transfer(&master, false, buffer + 2, 2, &actual), OSKIT_EFAULT);
    memcpy(buffer, "xyz", 3);
    assert_int_equal(transfer(&master, true, buffer, 3, &actual), 0);
    assert_int_equal(actual, 2);
    env_test_bad_user(NULL, 0);
    expect(&master, "cdef");
    expect(&terminal, "xy");
    close_side(&terminal);
    close_side(&master);
    forget_ptmx();
}

static size_t fill(struct side *side)
{
    char bytes[1000];
    size_t total = 0, actual;

    memset(bytes, 'f', sizeof bytes);
    while (transfer(side, true, bytes, sizeof bytes, &actual) == 0)
        total += actual;
    return total;
}

static size_t empty(struct side *side)
{
    char bytes[333];
    size_t total = 0, actual;

    while (transfer(side, false, bytes, sizeof bytes, &actual) == 0)
        total += actual;
    return total;
}

static void test_full(void **state)
{
    (void)state;
    struct side master, terminal;

    open_pair(&master, &terminal);
    make_raw(&terminal);
    size_t sent = fill(&terminal), typed = fill(&master);
    assert_true(sent >= 4096 && typed >= 4096);
    assert_int_equal(level(&terminal) & READY_WRITE, 0);
    assert_int_equal(level(&master) & READY_WRITE, 0);
    assert_int_equal(empty(&master), sent);
    assert_int_equal(empty(&terminal), typed);
    assert_int_equal(level(&terminal) & READY_WRITE, READY_WRITE);
    assert_int_equal(level(&master), READY_WRITE);
    fill(&terminal);
    master.pty->ops->discard(master.pty);
    assert_int_equal(level(&terminal) & READY_WRITE, READY_WRITE);
    assert_int_equal(level(&master), READY_WRITE);
    close_side(&terminal);
    close_side(&master);
    forget_ptmx();
}

static void test_stopped(void **state)
{
    (void)state;
    struct side master, terminal;
    size_t actual;

    open_pair(&master, &terminal);
    put(&terminal, "before");
    put(&master, "\023");
    assert_int_equal(level(&terminal), READY_DRAINED);
    assert_int_equal(transfer(&terminal, true, (char[]){"x"}, 1, &actual), OSKIT_EWOULDBLOCK);
    expect(&master, "before");
    put(&master, "echo");
    assert_int_equal(try_read(&master), OSKIT_EWOULDBLOCK);
    put(&master, "\021");
    expect(&master, "echo");
    assert_int_equal(level(&terminal), READY_WRITE | READY_DRAINED);
    close_side(&terminal);
    close_side(&master);
    forget_ptmx();
}

static void test_packet(void **state)
{
    (void)state;
    struct side master, terminal;

    open_pair(&master, &terminal);
    put(&master, "\023\021");
    master.pty->ops->setpacket(master.pty, true);
    assert_true(master.pty->ops->packet(master.pty));
    assert_int_equal(level(&master), READY_WRITE);
    put(&master, "\023");
    assert_int_equal(level(&master), READY_READ | READY_WRITE | READY_PRI);
    put(&master, "\021");
    expect(&master, "\010");
    assert_int_equal(level(&master), READY_WRITE);
    put(&terminal, "data");
    put(&master, "\023");
    expect(&master, "\004");
    char first;
    size_t actual;
    assert_int_equal(transfer(&master, false, &first, 1, &actual), 0);
    assert_int_equal(first, 0);
    master.pty->ops->setpacket(master.pty, false);
    expect(&master, "data");
    close_side(&terminal);
    close_side(&master);
    forget_ptmx();
}

/* ---- Waiters ---- */

struct watch {
    struct readiness_waiter waiter;
    uint32_t events;
};

static bool watch_notify(struct readiness_waiter *waiter, uint32_t events)
{
    container_of(waiter, struct watch, waiter)->events |= events;
    return true;
}

static void watch_begin(struct watch *watch, struct side *side)
{
    *watch = (struct watch){.waiter = {.mask = ~0u, .notify = watch_notify}};
    readiness_add(side->pollable->ops->readiness(side->pollable), &watch->waiter);
}

static uint32_t seen(struct watch *watch)
{
    uint32_t events = watch->events;

    watch->events = 0;
    return events;
}

static void test_events(void **state)
{
    (void)state;
    struct side master, terminal;
    struct watch watch;

    open_pair(&master, &terminal);
    watch_begin(&watch, &master);
    put(&terminal, "a");
    assert_int_equal(seen(&watch), READY_READ);
    put(&terminal, "b"); /* again, for who is told of edges */
    assert_int_equal(seen(&watch), READY_READ);
    expect(&master, "ab");
    assert_int_equal(seen(&watch), 0);
    make_raw(&terminal);
    fill(&master);
    assert_int_equal(seen(&watch), 0);
    empty(&terminal);
    assert_int_equal(seen(&watch), READY_WRITE);
    close_side(&terminal);
    assert_int_equal(seen(&watch), READY_HUP);
    readiness_remove(master.pollable->ops->readiness(master.pollable), &watch.waiter);
    close_side(&master);
    forget_ptmx();
}

/* ---- Threads ---- */

#define CROWD_BYTES 200000u

struct crowd {
    struct side master, terminal;
    size_t from_master, from_terminal;
    _Atomic int running;
    struct env_sleep done;
};

static void leave(struct crowd *crowd)
{
    if (atomic_fetch_sub(&crowd->running, 1) == 1)
        env_wakeup(&crowd->done);
}

static void send_all(struct side *side)
{
    char bytes[700];
    size_t actual;

    memset(bytes, 'c', sizeof bytes);
    for (size_t sent = 0; sent < CROWD_BYTES;) {
        size_t part = CROWD_BYTES - sent < sizeof bytes ? CROWD_BYTES - sent : sizeof bytes;
        if (transfer(side, true, bytes, part, &actual) == OSKIT_EWOULDBLOCK)
            sched_yield();
        sent += actual;
    }
}

static size_t receive_all(struct side *side)
{
    char bytes[900];
    size_t got = 0, actual;

    while (got < CROWD_BYTES) {
        if (transfer(side, false, bytes, sizeof bytes, &actual) == OSKIT_EWOULDBLOCK)
            sched_yield();
        got += actual;
    }
    return got;
}

static void send_from_master(void *arg)
{
    struct crowd *crowd = arg;

    send_all(&crowd->master);
    leave(crowd);
}

static void send_from_terminal(void *arg)
{
    struct crowd *crowd = arg;

    send_all(&crowd->terminal);
    leave(crowd);
}

static void receive_at_master(void *arg)
{
    struct crowd *crowd = arg;

    crowd->from_terminal = receive_all(&crowd->master);
    leave(crowd);
}

static void receive_at_terminal(void *arg)
{
    struct crowd *crowd = arg;

    crowd->from_master = receive_all(&crowd->terminal);
    leave(crowd);
}

static void test_crowd(void **state)
{
    (void)state;
    static void (*const members[])(void *) = {send_from_master, send_from_terminal,
                                              receive_at_master, receive_at_terminal};
    static struct crowd crowd;

    memset(&crowd, 0, sizeof crowd);
    open_pair(&crowd.master, &crowd.terminal);
    make_raw(&crowd.terminal);
    env_sleep_init(&crowd.done);
    atomic_store(&crowd.running, 4);
    for (size_t i = 0; i < SLUICE_COUNT(members); i++)
        assert_int_equal(env_thread_start("member", members[i], &crowd), 0);
    env_sleep(&crowd.done, ENV_FOREVER);
    env_test_join_threads();
    assert_int_equal(crowd.from_master, CROWD_BYTES);
    assert_int_equal(crowd.from_terminal, CROWD_BYTES);
    assert_int_equal(level(&crowd.master), READY_WRITE);
    close_side(&crowd.terminal);
    close_side(&crowd.master);
    forget_ptmx();
}

/* The terminal is opened, written, hung up and closed while masters come and go. */
struct race {
    oskit_u32_t number;
    _Atomic bool over;
};

static void open_and_close(void *arg)
{
    struct race *race = arg;
    oskit_iunknown_t *object;
    struct side terminal;
    size_t actual;

    while (!atomic_load(&race->over)) {
        if (device_open(false, race->number, 0, &object) != OSKIT_SUCCESS)
            continue;
        take_faces(&terminal, object);
        transfer(&terminal, true, (char[]){"xyz"}, 3, &actual);
        if (((uintptr_t)&actual ^ (uintptr_t)object) & 64)
            terminal.terminal->ops->hangup(terminal.terminal);
        close_side(&terminal);
    }
}

static void test_race(void **state)
{
    (void)state;
    struct race race = {.number = DEVICE_NUMBER(136, 0)};
    struct side master;

    assert_int_equal(pty_register(), OSKIT_SUCCESS);
    for (int i = 0; i < 2; i++)
        assert_int_equal(env_thread_start("opener", open_and_close, &race), 0);
    for (int i = 0; i < 300; i++) {
        open_master(&master);
        master.pty->ops->setlock(master.pty, false);
        put(&master, "line\n");
        sched_yield();
        try_read(&master);
        close_side(&master);
    }
    atomic_store(&race.over, true);
    env_test_join_threads();
    forget_ptmx();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_faces),          HARNESS_TEST(test_master_first),
        HARNESS_TEST(test_terminal_first), HARNESS_TEST(test_hangup),
        HARNESS_TEST(test_lock),           HARNESS_TEST(test_exclusive),
        HARNESS_TEST(test_no_memory),      HARNESS_TEST(test_numbers),
        HARNESS_TEST(test_devpts),         HARNESS_TEST(test_faults),
        HARNESS_TEST(test_full),           HARNESS_TEST(test_stopped),
        HARNESS_TEST(test_packet),         HARNESS_TEST(test_events),
        HARNESS_TEST(test_crowd),          HARNESS_TEST(test_race),
    };

    return cmocka_run_group_tests_name("pty", tests, NULL, NULL);
}
