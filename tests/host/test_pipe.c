/* Pipes: bytes, atomic writes, ends, readiness, attributes, page moves, failing memory, many
 * threads. */
#include "harness.h"

#include <oskit/com/stream.h>
#include <oskit/fs/file.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/posixio.h>
#include <sluice/pipe.h>
#include <sluice/readiness.h>
#include <sluice/vecio.h>

/* ---- An end with all that it answers ---- */

struct end {
    oskit_iunknown_t *unknown;
    sluice_streamvec_t *streamvec;
    struct readiness *r;
    sluice_pipe_t *pipe;
};

static void end_wrap(struct end *end, oskit_iunknown_t *unknown)
{
    sluice_pollable_t *pollable = sluice_query_face(unknown, &sluice_pollable_iid);

    end->unknown = unknown;
    end->streamvec = sluice_query_face(unknown, &sluice_streamvec_iid);
    end->pipe = sluice_query_face(unknown, &sluice_pipe_iid);
    end->r = pollable->ops->readiness(pollable);
    oskit_iunknown_release(pollable);
}

/* In threads: another may be about to tell this end, and hold a reference for the moment. */
static oskit_u32_t end_drop(struct end *end)
{
    oskit_iunknown_release(end->streamvec);
    oskit_iunknown_release(end->pipe);
    return oskit_iunknown_release(end->unknown);
}

static void end_close(struct end *end)
{
    assert_int_equal(end_drop(end), 0);
}

static uint32_t end_level(const struct end *end)
{
    return readiness_level(end->r) & ~READY_OPENED;
}

static void open_pipe(struct end *reader, struct end *writer)
{
    oskit_iunknown_t *r, *w;

    assert_int_equal(pipe_create(&r, &w), 0);
    end_wrap(reader, r);
    end_wrap(writer, w);
}

static void open_again(struct end *end, const struct end *other, oskit_u32_t oflags)
{
    oskit_iunknown_t *unknown;

    assert_int_equal(other->pipe->ops->open(other->pipe, oflags, &unknown), 0);
    end_wrap(end, unknown);
}

static oskit_error_t move(struct end *end, void *bytes, size_t size, bool user, bool out,
                          oskit_u32_t flags, size_t *actual)
{
    struct sluice_iovec iov[2] = {{bytes, size / 2}, {(char *)bytes + size / 2, size - size / 2}};
    struct sluice_uio uio;

    uio_init(&uio, iov, 2, user);
    oskit_error_t err = out ? end->streamvec->ops->writev(end->streamvec, &uio, flags, actual)
                            : end->streamvec->ops->readv(end->streamvec, &uio, flags, actual);
    if (err == 0)
        assert_int_equal(uio.left, size - *actual);
    else
        assert_int_equal(*actual, 0);
    return err;
}

/* The answer: a count, or the (negative) error. */
static long put(struct end *end, void *bytes, size_t size)
{
    size_t actual;
    oskit_error_t err = move(end, bytes, size, true, true, 0, &actual);

    return err != 0 ? err : (long)actual;
}

static long get(struct end *end, void *bytes, size_t size)
{
    size_t actual;
    oskit_error_t err = move(end, bytes, size, true, false, 0, &actual);

    return err != 0 ? err : (long)actual;
}

static unsigned char pattern(size_t i)
{
    return (unsigned char)(i * 31 + i / 256 * 7);
}

static unsigned char big[300000];

static void big_fill(void)
{
    for (size_t i = 0; i < sizeof big; i++)
        big[i] = pattern(i);
}

/* ---- Bytes ---- */

static void test_small(void **state)
{
    (void)state;
    struct end r, w;
    char buffer[16] = "";

    open_pipe(&r, &w);
    assert_int_equal(get(&r, buffer, 16), OSKIT_EWOULDBLOCK);
    assert_int_equal(put(&w, "hello", 5), 5);
    assert_int_equal(put(&w, " you", 4), 4);
    assert_int_equal(get(&r, buffer, 3), 3);
    assert_int_equal(get(&r, buffer + 3, 13), 6);
    assert_memory_equal(buffer, "hello you", 9);
    assert_int_equal(get(&r, buffer, 1), OSKIT_EWOULDBLOCK);
    /* The wrong way round. */
    assert_int_equal(put(&r, "x", 1), OSKIT_EBADF);
    assert_int_equal(get(&w, buffer, 1), OSKIT_EBADF);
    /* Nothing is always possible. */
    assert_int_equal(put(&w, "", 0), 0);
    assert_int_equal(get(&r, buffer, 0), 0);
    end_close(&r);
    assert_int_equal(put(&w, "", 0), 0);
    end_close(&w);
}

static void test_peek(void **state)
{
    (void)state;
    struct end r, w;
    static unsigned char got[10000];
    size_t actual;

    big_fill();
    open_pipe(&r, &w);
    assert_int_equal(put(&w, big, 10000), 10000);
    for (int i = 0; i < 2; i++) {
        memset(got, 0, sizeof got);
        assert_int_equal(move(&r, got, 9000, true, false, VECIO_PEEK, &actual), 0);
        assert_int_equal(actual, 9000);
        assert_memory_equal(got, big, 9000);
    }
    assert_int_equal(get(&r, got, 10000), 10000);
    end_close(&r);
    end_close(&w);
}

/* Bytes come out as they went in, whatever the sizes, through several times the capacity. */
static void test_order(void **state)
{
    (void)state;
    static const size_t sizes[] = {1, 2, 511, 4095, 4096, 4097, 8192, 10000, 65535, 65536, 70000};
    static unsigned char got[70000];

    big_fill();
    for (size_t i = 0; i < SLUICE_COUNT(sizes); i++) {
        for (size_t j = 0; j < SLUICE_COUNT(sizes); j++) {
            struct end r, w;
            size_t in = 0, out = 0;
            open_pipe(&r, &w);
            while (out < 150000) {
                long put_now = put(&w, big + in, sizes[i]);
                assert_true(put_now > 0 || put_now == OSKIT_EWOULDBLOCK);
                in += put_now > 0 ? (size_t)put_now : 0;
                long got_now = get(&r, got, sizes[j]);
                assert_true(got_now > 0);
                assert_memory_equal(got, big + out, got_now);
                out += (size_t)got_now;
            }
            end_close(&w);
            end_close(&r);
        }
    }
}

/* ---- Full and empty ---- */

/* Writes pieces of SIZE till it would block; how many bytes went in. */
static size_t fill(struct end *w, size_t size)
{
    size_t total = 0;

    for (;;) {
        long n = put(w, big, size);
        if (n == OSKIT_EWOULDBLOCK)
            return total;
        assert_true(n > 0);
        total += (size_t)n;
    }
}

static void test_capacity(void **state)
{
    (void)state;
    static const struct {
        size_t piece, total;
    } cases[] = {{1, 65536},      {512, 65536},  {4096, 65536}, {65536, 65536},
                 {100000, 65536}, {1000, 64000}, {4097, 45066}};
    struct end r, w;

    for (size_t i = 0; i < SLUICE_COUNT(cases); i++) {
        open_pipe(&r, &w);
        assert_int_equal(end_level(&w), READY_WRITE);
        assert_int_equal(fill(&w, cases[i].piece), cases[i].total);
        assert_int_equal(end_level(&w), 0);
        assert_int_equal(end_level(&r), READY_READ);
        end_close(&r);
        end_close(&w);
    }
}

/* At most PIPE_BUF bytes go in whole or not at all; more go in as far as there is room. */
static void test_atomic(void **state)
{
    (void)state;
    struct end r, w;
    static unsigned char got[70000];

    open_pipe(&r, &w);
    assert_int_equal(fill(&w, 4096), 65536);
    assert_int_equal(get(&r, got, 4095), 4095);
    assert_int_equal(end_level(&w), 0); /* the page is not free yet */
    assert_int_equal(put(&w, big, 1), OSKIT_EWOULDBLOCK);
    assert_int_equal(get(&r, got, 1), 1);
    assert_int_equal(end_level(&w), READY_WRITE);
    assert_int_equal(put(&w, big, 10), 10);
    assert_int_equal(put(&w, big, 4087), OSKIT_EWOULDBLOCK);
    assert_int_equal(put(&w, big, 4086), 4086);
    assert_int_equal(get(&r, got, 5000), 5000);
    assert_int_equal(put(&w, big, 5000), 4096);
    end_close(&r);
    end_close(&w);
}

/* A write that faults: all or nothing up to PIPE_BUF, what came before the fault beyond. */
static void test_write_fault(void **state)
{
    (void)state;
    struct end r, w;
    static unsigned char from[10000], got[20000];

    big_fill();
    memcpy(from, big, sizeof from);
    for (size_t before = 0; before < 4096; before += 1365) {
        open_pipe(&r, &w);
        if (before != 0)
            assert_int_equal(put(&w, big, before), before);
        env_test_bad_user(from + 3000, 1);
        assert_int_equal(put(&w, from, 4096), OSKIT_EFAULT);
        assert_int_equal(put(&w, from, 10000), 3000);
        assert_int_equal(put(&w, from + 3000, 5000), OSKIT_EFAULT);
        env_test_bad_user(NULL, 0);
        assert_int_equal(put(&w, from + 3000, 7000), 7000);
        assert_int_equal(get(&r, got, sizeof got), before + 10000);
        assert_memory_equal(got, big, before);
        assert_memory_equal(got + before, from, 10000);
        end_close(&r);
        end_close(&w);
    }
    /* An empty pipe stays empty. */
    open_pipe(&r, &w);
    env_test_bad_user(from, 1);
    assert_int_equal(put(&w, from, 10), OSKIT_EFAULT);
    assert_int_equal(put(&w, from, 9000), OSKIT_EFAULT);
    assert_int_equal(end_level(&r), 0);
    end_close(&r);
    end_close(&w);
}

static void test_read_fault(void **state)
{
    (void)state;
    struct end r, w;
    static unsigned char got[10000];

    big_fill();
    open_pipe(&r, &w);
    assert_int_equal(put(&w, big, 9000), 9000);
    env_test_bad_user(got + 5000, 1);
    assert_int_equal(get(&r, got, 9000), 5000);
    assert_memory_equal(got, big, 5000);
    assert_int_equal(get(&r, got + 5000, 4000), OSKIT_EFAULT);
    env_test_bad_user(NULL, 0);
    assert_int_equal(get(&r, got, 9000), 4000);
    assert_memory_equal(got, big + 5000, 4000);
    end_close(&r);
    end_close(&w);
}

/* ---- Ends ---- */

static void test_writer_gone(void **state)
{
    (void)state;
    struct end r, w, w2;
    char buffer[8];

    open_pipe(&r, &w);
    open_again(&w2, &r, OSKIT_O_WRONLY);
    assert_int_equal(put(&w, "abc", 3), 3);
    end_close(&w);
    assert_int_equal(end_level(&r), READY_READ);
    end_close(&w2);
    assert_int_equal(end_level(&r), READY_READ | READY_HUP);
    assert_int_equal(get(&r, buffer, 8), 3);
    assert_int_equal(end_level(&r), READY_HUP);
    assert_int_equal(get(&r, buffer, 8), 0);
    assert_int_equal(get(&r, buffer, 8), 0);
    end_close(&r);
}

static void test_reader_gone(void **state)
{
    (void)state;
    struct end r, w, r2;

    open_pipe(&r, &w);
    open_again(&r2, &w, OSKIT_O_RDONLY);
    end_close(&r);
    assert_int_equal(end_level(&w), READY_WRITE);
    assert_int_equal(fill(&w, 4096), 65536);
    end_close(&r2);
    assert_int_equal(end_level(&w), READY_ERR);
    assert_int_equal(put(&w, "x", 1), OSKIT_EPIPE);
    assert_int_equal(put(&w, big, 100000), OSKIT_EPIPE);
    end_close(&w);
}

static void test_both_ways(void **state)
{
    (void)state;
    struct end r, w, both;
    char buffer[8];

    open_pipe(&r, &w);
    open_again(&both, &r, OSKIT_O_RDWR);
    end_close(&w);
    end_close(&r);
    assert_int_equal(end_level(&both), READY_WRITE);
    assert_int_equal(put(&both, "abc", 3), 3);
    assert_int_equal(end_level(&both), READY_READ | READY_WRITE);
    assert_int_equal(get(&both, buffer, 8), 3);
    assert_int_equal(get(&both, buffer, 8), OSKIT_EWOULDBLOCK);
    oskit_iunknown_t *none;
    assert_int_equal(both.pipe->ops->open(both.pipe, 0, &none), OSKIT_E_INVALIDARG);
    end_close(&both);
}

/* ---- Events ---- */

struct witness {
    struct readiness_waiter waiter;
    unsigned calls;
    uint32_t events;
};

static bool witness_notify(struct readiness_waiter *waiter, uint32_t events)
{
    struct witness *witness = container_of(waiter, struct witness, waiter);

    witness->calls++;
    witness->events = events;
    return true;
}

static void witness_add(struct witness *witness, struct end *end, uint32_t flags)
{
    *witness = (struct witness){
        .waiter = {.mask = READY_READ | READY_WRITE, .flags = flags, .notify = witness_notify}};
    readiness_add(end->r, &witness->waiter);
}

/* Each write is an event though the pipe was readable; writers hear when it stops being full. */
static void test_events(void **state)
{
    (void)state;
    struct end r, w;
    struct witness reader, writer;
    static unsigned char got[70000];

    open_pipe(&r, &w);
    witness_add(&reader, &r, 0);
    witness_add(&writer, &w, 0);
    for (unsigned i = 1; i <= 3; i++) {
        assert_int_equal(put(&w, "x", 1), 1);
        assert_int_equal(reader.calls, i);
    }
    assert_int_equal(reader.events, READY_READ);
    assert_int_equal(get(&r, got, 3), 3);
    assert_int_equal(writer.calls, 0);
    assert_int_equal(fill(&w, 4096), 65536);
    assert_int_equal(writer.calls, 0);
    assert_int_equal(get(&r, got, 4095), 4095);
    assert_int_equal(writer.calls, 0);
    assert_int_equal(get(&r, got, 1), 1);
    assert_int_equal(writer.calls, 1);
    assert_int_equal(writer.events, READY_WRITE);
    assert_int_equal(get(&r, got, 65536), 61440);
    assert_int_equal(writer.calls, 1);

    reader.calls = 0;
    readiness_remove(w.r, &writer.waiter);
    end_close(&w);
    assert_int_equal(reader.calls, 1);
    assert_true(reader.events & READY_HUP);
    readiness_remove(r.r, &reader.waiter);
    end_close(&r);
}

/* More ends than fit into one batch of telling. */
static void test_many_ends(void **state)
{
    (void)state;
    enum { ENDS = 21 };
    struct end r, w, ends[ENDS];
    struct witness witnesses[ENDS];

    open_pipe(&r, &w);
    for (int i = 0; i < ENDS; i++) {
        open_again(&ends[i], &r, OSKIT_O_RDONLY);
        witness_add(&witnesses[i], &ends[i], 0);
    }
    assert_int_equal(put(&w, "x", 1), 1);
    for (int i = 0; i < ENDS; i++)
        assert_int_equal(witnesses[i].calls, 1);
    end_close(&w);
    for (int i = 0; i < ENDS; i++) {
        assert_int_equal(witnesses[i].calls, 2);
        readiness_remove(ends[i].r, &witnesses[i].waiter);
        end_close(&ends[i]);
    }
    end_close(&r);
}

/* ---- The seed's faces ---- */

struct drain {
    oskit_stream_t *stream;
    oskit_asyncio_t *asyncio;
    char text[32];
    size_t length;
};

/* A listener may read the pipe from within notify: no lock is held. */
static oskit_error_t drain_notify(oskit_iunknown_t *obj, void *arg)
{
    struct drain *drain = arg;
    oskit_u32_t actual = 0;

    assert_ptr_equal(obj, drain->stream);
    while (oskit_stream_read(drain->stream, drain->text + drain->length, 4, &actual) == 0 &&
           actual != 0)
        drain->length += actual;
    return 0;
}

static void test_seed(void **state)
{
    (void)state;
    oskit_iunknown_t *r, *w;
    struct drain drain = {.length = 0};
    oskit_u32_t actual;

    assert_int_equal(pipe_create(&r, &w), 0);
    drain.stream = sluice_query_face(r, &oskit_stream_iid);
    drain.asyncio = sluice_query_face(r, &oskit_asyncio_iid);
    oskit_stream_t *out = sluice_query_face(w, &oskit_stream_iid);
    oskit_asyncio_t *out_asyncio = sluice_query_face(w, &oskit_asyncio_iid);
    oskit_listener_t *listener = oskit_create_listener(drain_notify, &drain);

    assert_int_equal(oskit_asyncio_poll(drain.asyncio), 0);
    assert_int_equal(oskit_asyncio_poll(out_asyncio), OSKIT_ASYNCIO_WRITABLE);
    assert_int_equal(oskit_stream_write(out, "abc", 3, &actual), 0);
    assert_int_equal(actual, 3);
    assert_int_equal(oskit_asyncio_readable(drain.asyncio), 3);
    assert_int_equal(oskit_asyncio_readable(out_asyncio), 3);
    assert_int_equal(oskit_asyncio_add_listener(drain.asyncio, listener, OSKIT_ASYNCIO_READABLE),
                     OSKIT_ASYNCIO_READABLE);
    assert_int_equal(drain.length, 0);
    assert_int_equal(oskit_stream_write(out, "defghijk", 8, &actual), 0);
    assert_int_equal(drain.length, 11);
    assert_memory_equal(drain.text, "abcdefghijk", 11);
    assert_int_equal(oskit_stream_seek(out, 0, OSKIT_SEEK_SET, NULL), OSKIT_ESPIPE);
    assert_int_equal(oskit_stream_setsize(out, 0), OSKIT_E_NOTIMPL);

    oskit_asyncio_release(out_asyncio);
    oskit_stream_release(out);
    oskit_iunknown_release(w);
    assert_int_equal(oskit_asyncio_poll(drain.asyncio), OSKIT_ASYNCIO_READABLE);
    assert_int_equal(oskit_stream_read(drain.stream, drain.text, 1, &actual), 0);
    assert_int_equal(actual, 0);
    oskit_stream_release(drain.stream);
    oskit_asyncio_release(drain.asyncio);
    oskit_iunknown_release(r);
    oskit_listener_release(listener);
}

static void test_stat(void **state)
{
    (void)state;
    oskit_iunknown_t *r, *w, *r2, *w2;
    oskit_stat_t stat, other;
    oskit_s32_t value;

    env_test_clock_manual(true);
    env_test_set_identity(100, 10, 022, false);
    assert_int_equal(pipe_create(&r, &w), 0);
    assert_int_equal(pipe_create(&r2, &w2), 0);
    oskit_posixio_t *posixio = sluice_query_face(r, &oskit_posixio_iid);
    oskit_posixio_t *posixio2 = sluice_query_face(w2, &oskit_posixio_iid);
    assert_int_equal(oskit_posixio_stat(posixio, &stat), 0);
    assert_int_equal(oskit_posixio_stat(posixio2, &other), 0);
    assert_int_equal(stat.mode, OSKIT_S_IFIFO | 0600);
    assert_int_equal(stat.uid, 100);
    assert_int_equal(stat.gid, 10);
    assert_int_equal(stat.nlink, 1);
    assert_int_not_equal(stat.ino, other.ino);

    /* Times move with reads and writes. */
    oskit_stream_t *out = (oskit_stream_t *)w;
    oskit_u32_t actual;
    env_test_clock_advance(5000000000);
    assert_int_equal(oskit_stream_write(out, "x", 1, &actual), 0);
    assert_int_equal(oskit_posixio_stat(posixio, &other), 0);
    assert_int_equal(other.mtime.tv_sec, stat.mtime.tv_sec + 5);
    assert_int_equal(other.atime.tv_sec, stat.atime.tv_sec);

    /* The owner may change the mode, not the owner. */
    stat.mode = OSKIT_S_IFREG | 0640;
    assert_int_equal(oskit_posixio_setstat(posixio, OSKIT_STAT_MODE, &stat), 0);
    stat.uid = 0;
    assert_int_equal(oskit_posixio_setstat(posixio, OSKIT_STAT_UID, &stat), OSKIT_EPERM);
    stat.gid = 11;
    assert_int_equal(oskit_posixio_setstat(posixio, OSKIT_STAT_GID, &stat), OSKIT_EPERM);
    assert_int_equal(oskit_posixio_setstat(posixio, OSKIT_STAT_SIZE, &stat), OSKIT_E_INVALIDARG);
    env_test_set_identity(0, 0, 022, true);
    assert_int_equal(oskit_posixio_setstat(posixio, OSKIT_STAT_UID | OSKIT_STAT_GID, &stat), 0);
    assert_int_equal(oskit_posixio_stat(posixio, &stat), 0);
    assert_int_equal(stat.mode, OSKIT_S_IFIFO | 0640);
    assert_int_equal(stat.uid, 0);
    assert_int_equal(stat.gid, 11);
    env_test_set_identity(100, 10, 022, false);
    assert_int_equal(oskit_posixio_setstat(posixio, OSKIT_STAT_MODE, &stat), OSKIT_EPERM);
    assert_int_equal(oskit_posixio_pathconf(posixio, OSKIT_PC_PIPE_BUF, &value), 0);
    assert_int_equal(value, PIPE_BUF_SIZE);
    assert_int_equal(oskit_posixio_pathconf(posixio, OSKIT_PC_NAME_MAX, &value),
                     OSKIT_E_INVALIDARG);

    oskit_posixio_release(posixio);
    oskit_posixio_release(posixio2);
    oskit_iunknown_release(r);
    oskit_iunknown_release(w);
    oskit_iunknown_release(r2);
    oskit_iunknown_release(w2);
}

/* ---- Capacity ---- */

static void test_setcapacity(void **state)
{
    (void)state;
    struct end r, w;
    struct witness writer;
    static unsigned char got[70000];
    size_t now;

    big_fill();
    open_pipe(&r, &w);
    assert_int_equal(r.pipe->ops->getcapacity(r.pipe, &now), 0);
    assert_int_equal(now, PIPE_CAPACITY);
    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, 5000, &now), 0);
    assert_int_equal(now, 8192);
    assert_int_equal(fill(&w, 4096), 8192);
    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, 4096, &now), OSKIT_EBUSY);
    assert_int_equal(now, 8192);
    witness_add(&writer, &w, 0);
    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, 65536, &now), 0);
    assert_int_equal(writer.calls, 1);
    assert_int_equal(end_level(&w), READY_WRITE);
    assert_int_equal(put(&w, big, 10), 10);
    assert_int_equal(get(&r, got, 70000), 8202);
    assert_memory_equal(got + 8192, big, 10);
    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, 0, &now), 0);
    assert_int_equal(now, 4096);
    readiness_remove(w.r, &writer.waiter);

    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, SIZE_MAX, &now), OSKIT_E_INVALIDARG);
    env_test_set_identity(1, 1, 0, false);
    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, PIPE_CAPACITY_MAX + 1, &now), OSKIT_EPERM);
    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, PIPE_CAPACITY_MAX, &now), 0);
    env_test_fail_after(1);
    assert_int_equal(r.pipe->ops->setcapacity(r.pipe, 4096, &now), OSKIT_ENOMEM);
    assert_int_equal(now, PIPE_CAPACITY_MAX);
    end_close(&r);
    end_close(&w);
}

/* ---- Pages by reference ---- */

static void test_give(void **state)
{
    (void)state;
    struct end r, w;
    char buffer[32];
    char *page = env_page_alloc(0, 0);

    memcpy(page + 100, "0123456789", 10);
    open_pipe(&r, &w);
    assert_int_equal(put(&w, "ab", 2), 2);
    env_page_ref(page);
    assert_int_equal(w.pipe->ops->give(w.pipe, page, 100, 10), 0);
    assert_int_equal(put(&w, "cd", 2), 2); /* not into the page given */
    assert_memory_equal(page + 100, "0123456789", 10);
    assert_int_equal((unsigned char)page[110], 0xa5);
    assert_int_equal(get(&r, buffer, 32), 14);
    assert_memory_equal(buffer, "ab0123456789cd", 14);
    assert_int_equal(env_test_page_count(page), 1);
    assert_int_equal(w.pipe->ops->give(w.pipe, page, 0, 0), OSKIT_E_INVALIDARG);
    assert_int_equal(w.pipe->ops->give(w.pipe, page, 0, 4097), OSKIT_E_INVALIDARG);
    assert_int_equal(fill(&w, 4096), 65536);
    assert_int_equal(w.pipe->ops->give(w.pipe, page, 0, 1), OSKIT_EWOULDBLOCK);
    end_close(&r);
    assert_int_equal(w.pipe->ops->give(w.pipe, page, 0, 1), OSKIT_EPIPE);
    assert_int_equal(env_test_page_count(page), 1);
    env_page_unref(page);
    end_close(&w);
}

static void test_take(void **state)
{
    (void)state;
    struct end r, w;
    void *page, *same;
    oskit_u32_t offset, length;
    char buffer[8];

    open_pipe(&r, &w);
    assert_int_equal(r.pipe->ops->take(r.pipe, 0, 10, 0, &page, &offset, &length),
                     OSKIT_EWOULDBLOCK);
    assert_int_equal(put(&w, "abcdefgh", 8), 8);
    assert_int_equal(r.pipe->ops->take(r.pipe, 2, 3, VECIO_PEEK, &page, &offset, &length), 0);
    assert_int_equal(length, 3);
    assert_memory_equal((char *)page + offset, "cde", 3);
    assert_int_equal(r.pipe->ops->take(r.pipe, 2, 3, 0, &same, &offset, &length),
                     OSKIT_E_INVALIDARG);
    assert_int_equal(r.pipe->ops->take(r.pipe, 0, 3, 0, &same, &offset, &length), 0);
    assert_ptr_equal(page, same);
    assert_memory_equal((char *)same + offset, "abc", 3);
    env_page_unref(same);
    /* The page is shared now: what is written goes elsewhere. */
    assert_int_equal(put(&w, "ij", 2), 2);
    assert_int_equal(((unsigned char *)page)[8], 0xa5);
    assert_int_equal(get(&r, buffer, 8), 7);
    assert_memory_equal(buffer, "defghij", 7);
    assert_int_equal(env_test_page_count(page), 1);
    env_page_unref(page);
    assert_int_equal(put(&w, "x", 1), 1);
    assert_int_equal(r.pipe->ops->take(r.pipe, 5, 1, VECIO_PEEK, &page, &offset, &length), 0);
    assert_int_equal(length, 0);
    assert_null(page);
    end_close(&w);
    assert_int_equal(get(&r, buffer, 8), 1);
    assert_int_equal(r.pipe->ops->take(r.pipe, 0, 1, 0, &page, &offset, &length), 0);
    assert_int_equal(length, 0);
    end_close(&r);
}

/* ---- No memory ---- */

/* What was taken and found no taker goes back in front, also when the room was used meanwhile. */
static void test_putback(void **state)
{
    (void)state;
    struct end r, w;
    void *page;
    oskit_u32_t offset, length;
    oskit_size_t capacity;
    char buffer[8];

    open_pipe(&r, &w);
    assert_ptr_equal(r.pipe->ops->identity(r.pipe), w.pipe->ops->identity(w.pipe));
    assert_int_equal(put(&w, "abcdef", 6), 6);
    assert_int_equal(r.pipe->ops->take(r.pipe, 0, 6, 0, &page, &offset, &length), 0);
    assert_int_equal(w.pipe->ops->putback(w.pipe, page, offset, length), OSKIT_EBADF);
    assert_int_equal(r.pipe->ops->putback(r.pipe, page, offset, 0), OSKIT_E_INVALIDARG);
    assert_int_equal(r.pipe->ops->putback(r.pipe, page, offset + 2, length - 2), 0);
    assert_int_equal(put(&w, "gh", 2), 2);
    assert_int_equal(get(&r, buffer, 8), 6);
    assert_memory_equal(buffer, "cdefgh", 6);

    assert_int_equal(w.pipe->ops->setcapacity(w.pipe, ENV_PAGE_SIZE, &capacity), 0);
    assert_int_equal(put(&w, "first", 5), 5);
    assert_int_equal(r.pipe->ops->take(r.pipe, 0, 5, 0, &page, &offset, &length), 0);
    assert_int_equal(put(&w, "xyz", 3), 3);
    assert_int_equal(r.pipe->ops->putback(r.pipe, page, offset, length), 0);
    assert_int_equal(w.pipe->ops->getcapacity(w.pipe, &capacity), 0);
    assert_int_equal(capacity, 2 * ENV_PAGE_SIZE);
    assert_int_equal(get(&r, buffer, 8), 8);
    assert_memory_equal(buffer, "firstxyz", 8);
    end_close(&w);
    end_close(&r);
}

static void test_create_without_memory(void **state)
{
    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_iunknown_t *r, *w;
        oskit_error_t err = pipe_create(&r, &w);
        if (env_test_failed()) {
            assert_int_equal(err, OSKIT_ENOMEM);
            assert_null(r);
            assert_null(w);
            continue;
        }
        assert_int_equal(err, 0);
        oskit_iunknown_release(r);
        oskit_iunknown_release(w);
    }
}

static void test_write_without_memory(void **state)
{
    (void)state;
    static unsigned char got[70000];

    big_fill();
    for (size_t nth = 1; nth <= 4; nth++) {
        struct end r, w;
        open_pipe(&r, &w);
        env_test_fail_after(nth);
        long n = put(&w, big, 3 * 4096);
        assert_int_equal(n, nth == 1 ? OSKIT_ENOMEM : nth == 4 ? 3 * 4096 : (long)(nth - 1) * 4096);
        env_test_fail_after(0);
        /* All or nothing, across a page's end. */
        long before = n > 0 ? n : 0;
        assert_int_equal(put(&w, big + before, 4000), 4000);
        env_test_fail_after(1);
        assert_int_equal(put(&w, big + before + 4000, 1000), OSKIT_ENOMEM);
        env_test_fail_after(0);
        assert_int_equal(put(&w, big + before + 4000, 1000), 1000);
        assert_int_equal(get(&r, got, sizeof got), before + 5000);
        assert_memory_equal(got, big, before + 5000);
        end_close(&r);
        end_close(&w);
    }
}

/* ---- Many threads ---- */

#define WRITERS 3
#define READERS 2
#define RECORDS 1500
#define RECORD  64

struct crowd {
    struct end r, w;
    _Atomic unsigned writers_left;
    _Atomic unsigned seen[WRITERS][RECORDS];
    _Atomic unsigned torn;
    _Atomic unsigned number;
};

struct parked {
    struct readiness_waiter waiter;
    struct env_sleep sleep;
};

static bool parked_notify(struct readiness_waiter *waiter, uint32_t events)
{
    (void)events;
    env_wakeup(&container_of(waiter, struct parked, waiter)->sleep);
    return true;
}

/* The wait loop's step, as the kernel does it, with an exclusive waiter. */
static long retry(struct end *end, void *bytes, size_t size,
                  long (*try)(struct end *, void *, size_t), uint32_t mask)
{
    for (;;) {
        struct parked parked = {
            .waiter = {.mask = mask, .flags = READINESS_EXCLUSIVE, .notify = parked_notify}};
        long n = try(end, bytes, size);
        if (n != OSKIT_EWOULDBLOCK)
            return n;
        env_sleep_init(&parked.sleep);
        uint32_t level = readiness_add(end->r, &parked.waiter);
        if (!(level & (mask | READY_ERR | READY_HUP)))
            env_sleep(&parked.sleep, ENV_FOREVER);
        readiness_remove(end->r, &parked.waiter);
        if (readiness_level(end->r) & mask) /* what this one leaves is another's */
            readiness_pass_on(end->r, mask);
    }
}

static void crowd_write(void *arg)
{
    struct crowd *crowd = arg;
    unsigned self = atomic_fetch_add(&crowd->number, 1);
    uint32_t record[RECORD / 4];

    for (uint32_t i = 0; i < RECORDS; i++) {
        for (size_t j = 0; j < RECORD / 4; j++)
            record[j] = self << 24 | i;
        if (retry(&crowd->w, record, RECORD, put, READY_WRITE) != RECORD)
            atomic_fetch_add(&crowd->torn, 1);
    }
    if (atomic_fetch_sub(&crowd->writers_left, 1) == 1)
        end_drop(&crowd->w);
}

/* Records are written whole, and each read asks for one, so none may be torn. */
static void crowd_read(void *arg)
{
    struct crowd *crowd = arg;
    uint32_t record[RECORD / 4];

    for (;;) {
        long n = retry(&crowd->r, record, RECORD, get, READY_READ);
        if (n == 0)
            return;
        bool whole = n == RECORD;
        for (size_t j = 1; j < RECORD / 4 && whole; j++)
            whole = record[j] == record[0];
        if (!whole || record[0] >> 24 >= WRITERS || (record[0] & 0xffffff) >= RECORDS)
            atomic_fetch_add(&crowd->torn, 1);
        else
            atomic_fetch_add(&crowd->seen[record[0] >> 24][record[0] & 0xffffff], 1);
    }
}

static void test_crowd(void **state)
{
    (void)state;
    static struct crowd crowd;
    size_t capacity;

    memset(&crowd, 0, sizeof crowd);
    open_pipe(&crowd.r, &crowd.w);
    crowd.r.pipe->ops->setcapacity(crowd.r.pipe, 4096, &capacity); /* so that writers wait too */
    atomic_store(&crowd.writers_left, WRITERS);
    for (int i = 0; i < READERS; i++)
        assert_int_equal(env_thread_start("reader", crowd_read, &crowd), 0);
    for (int i = 0; i < WRITERS; i++)
        assert_int_equal(env_thread_start("writer", crowd_write, &crowd), 0);
    env_test_join_threads();
    assert_int_equal(atomic_load(&crowd.torn), 0);
    for (int i = 0; i < WRITERS; i++) {
        for (int j = 0; j < RECORDS; j++)
            assert_int_equal(atomic_load(&crowd.seen[i][j]), 1);
    }
    end_close(&crowd.r);
}

/* Ends come and go while bytes move and are waited for. */
static void churn(void *arg)
{
    struct end *stay = arg;

    for (int i = 0; i < 500; i++) {
        struct end other;
        struct witness witness;
        open_again(&other, stay, i % 2 ? OSKIT_O_RDONLY : OSKIT_O_RDWR);
        witness_add(&witness, &other, 0);
        readiness_remove(other.r, &witness.waiter);
        end_drop(&other);
    }
}

static void test_churn(void **state)
{
    (void)state;
    struct end r, w;
    unsigned char buffer[100];

    open_pipe(&r, &w);
    for (int i = 0; i < 2; i++)
        assert_int_equal(env_thread_start("churn", churn, &r), 0);
    for (int i = 0; i < 3000; i++) {
        assert_int_equal(put(&w, "0123456789", 10), 10);
        assert_int_equal(get(&r, buffer, 100), 10);
    }
    env_test_join_threads();
    end_close(&r);
    end_close(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_small),
        HARNESS_TEST(test_peek),
        HARNESS_TEST(test_order),
        HARNESS_TEST(test_capacity),
        HARNESS_TEST(test_atomic),
        HARNESS_TEST(test_write_fault),
        HARNESS_TEST(test_read_fault),
        HARNESS_TEST(test_writer_gone),
        HARNESS_TEST(test_reader_gone),
        HARNESS_TEST(test_both_ways),
        HARNESS_TEST(test_events),
        HARNESS_TEST(test_many_ends),
        HARNESS_TEST(test_seed),
        HARNESS_TEST(test_stat),
        HARNESS_TEST(test_setcapacity),
        HARNESS_TEST(test_give),
        HARNESS_TEST(test_take),
        HARNESS_TEST(test_putback),
        HARNESS_TEST(test_create_without_memory),
        HARNESS_TEST(test_write_without_memory),
        HARNESS_TEST(test_crowd),
        HARNESS_TEST(test_churn),
    };
    return cmocka_run_group_tests_name("pipe", tests, NULL, NULL);
}
