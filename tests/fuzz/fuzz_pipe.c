/*
 * A pipe beside a queue of bytes: writes and reads of all sizes, with bad user memory and without
 * memory, pages given, taken and put back, capacities, and ends that come and go.
 */
#include "fuzz.h"
#include <oskit/fs/file.h>
#include <sluice/pipe.h>
#include <sluice/readiness.h>
#include <sluice/vecio.h>

#define ENDS  4u
#define ROOM  20000u
#define QUEUE (2u * PIPE_CAPACITY_MAX)

struct end {
    oskit_iunknown_t *object; /* NULL: closed */
    sluice_streamvec_t *streamvec;
    sluice_pipe_t *pipe;
    struct readiness *readiness;
};

static struct end ends[2][ENDS]; /* readers, writers */
static uint8_t queue[QUEUE];
static size_t head, tail;
static uint8_t serial;

static void end_wrap(struct end *end, oskit_iunknown_t *object)
{
    sluice_pollable_t *pollable = sluice_query_face(object, &sluice_pollable_iid);

    end->object = object;
    end->streamvec = sluice_query_face(object, &sluice_streamvec_iid);
    end->pipe = sluice_query_face(object, &sluice_pipe_iid);
    end->readiness = pollable->ops->readiness(pollable);
    oskit_iunknown_release(pollable);
}

static void end_close(struct end *end)
{
    if (end->object == NULL)
        return;
    oskit_iunknown_release(end->streamvec);
    oskit_iunknown_release(end->pipe);
    assert_int_equal(oskit_iunknown_release(end->object), 0);
    end->object = NULL;
}

static size_t open_ends(int side)
{
    size_t count = 0;

    for (size_t i = 0; i < ENDS; i++)
        count += ends[side][i].object != NULL;
    return count;
}

static void check_levels(void)
{
    size_t readers = open_ends(0), writers = open_ends(1);

    for (size_t i = 0; i < ENDS; i++) {
        const struct end *reader = &ends[0][i], *writer = &ends[1][i];
        uint32_t level;
        if (reader->object != NULL) {
            level = readiness_level(reader->readiness);
            assert_int_equal((level & READY_READ) != 0, head != tail);
            assert_int_equal((level & READY_HUP) != 0, writers == 0);
        }
        if (writer->object != NULL) {
            level = readiness_level(writer->readiness);
            assert_int_equal((level & READY_ERR) != 0, readers == 0);
            assert_true((level & READY_WRITE) || head != tail);
        }
    }
}

static void put(struct end *end, size_t size, size_t bad)
{
    uint8_t bytes[ROOM];
    struct sluice_iovec iov[2] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
    struct sluice_uio uio;
    size_t actual = 0;
    bool room = (readiness_level(end->readiness) & READY_WRITE) != 0;

    for (size_t i = 0; i < size; i++)
        bytes[i] = serial++;
    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, iov, 2, true);
    oskit_error_t err = end->streamvec->ops->writev(end->streamvec, &uio, 0, &actual);
    env_test_bad_user(NULL, 0);
    assert_true(actual <= size && actual <= bad);
    assert_true(err == 0 || actual == 0);
    if (err == OSKIT_EPIPE)
        assert_int_equal(open_ends(0), 0);
    else if (err == OSKIT_EWOULDBLOCK)
        assert_true(size > 0 && (!room || size > PIPE_BUF_SIZE));
    else if (err == OSKIT_EFAULT)
        assert_true(bad < size);
    else if (err == OSKIT_ENOMEM)
        assert_true(env_test_failed());
    else
        assert_int_equal(err, 0);
    if (err == 0 && size <= PIPE_BUF_SIZE && bad >= size && !env_test_failed())
        assert_int_equal(actual, size);
    assert_true(tail + actual <= QUEUE);
    memcpy(queue + tail, bytes, actual);
    tail += actual;
}

static void get(struct end *end, size_t size, size_t bad, bool peek)
{
    uint8_t *bytes = malloc(size + 1);
    struct sluice_iovec iov[2] = {{bytes, size / 2}, {bytes + size / 2, size - size / 2}};
    struct sluice_uio uio;
    size_t actual = 0, queued = tail - head;

    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, iov, 2, true);
    oskit_error_t err =
        end->streamvec->ops->readv(end->streamvec, &uio, peek ? VECIO_PEEK : 0, &actual);
    env_test_bad_user(NULL, 0);
    if (err == OSKIT_EWOULDBLOCK)
        assert_true(queued == 0 && size > 0 && open_ends(1) > 0);
    else if (err == OSKIT_EFAULT)
        assert_true(bad < size && queued > bad);
    else
        assert_int_equal(err, 0);
    if (err == 0 && bad >= size)
        assert_int_equal(actual, size < queued ? size : queued);
    assert_true(actual <= queued && actual <= size && actual <= bad);
    assert_memory_equal(bytes, queue + head, actual);
    if (!peek)
        head += actual;
    free(bytes);
}

static void give(struct end *end, size_t offset, size_t length)
{
    uint8_t *page = env_page_alloc(0, 0);

    if (page == NULL)
        return;
    for (size_t i = 0; i < length; i++)
        page[offset + i] = serial++;
    assert_true(tail + length <= QUEUE);
    memcpy(queue + tail, page + offset, length);
    oskit_error_t err = end->pipe->ops->give(end->pipe, page, (uint32_t)offset, (uint32_t)length);
    if (err == 0)
        tail += length;
    else
        env_page_unref(page);
    if (err != OSKIT_EWOULDBLOCK && err != OSKIT_ENOMEM)
        assert_int_equal(err, open_ends(0) > 0 ? 0 : OSKIT_EPIPE);
}

/* Takes a piece, and puts what follows its first BACK bytes back in front. */
static void take(struct end *end, size_t max, bool peek, size_t skip, size_t back)
{
    void *page = NULL;
    uint32_t offset = 0, length = 0;
    size_t queued = tail - head;

    skip = peek ? skip : 0;
    oskit_error_t err =
        end->pipe->ops->take(end->pipe, skip, max, peek ? VECIO_PEEK : 0, &page, &offset, &length);
    if (err == OSKIT_EWOULDBLOCK)
        assert_true(queued == 0 && open_ends(1) > 0);
    else
        assert_int_equal(err, 0);
    if (err != 0 || length == 0) {
        assert_true(queued <= skip || max == 0);
        return;
    }
    assert_true(length <= max && length <= queued - skip && offset + length <= ENV_PAGE_SIZE);
    assert_memory_equal((uint8_t *)page + offset, queue + head + skip, length);
    if (peek || back >= length) {
        env_page_unref(page);
        head += peek ? 0 : length;
        return;
    }
    head += back;
    err =
        end->pipe->ops->putback(end->pipe, page, offset + (uint32_t)back, length - (uint32_t)back);
    if (err != 0) {
        assert_true(err == OSKIT_ENOMEM && env_test_failed());
        head += length - back;
    }
}

static void resize(struct end *end, size_t bytes)
{
    size_t before, became = 0, after;

    assert_int_equal(end->pipe->ops->getcapacity(end->pipe, &before), 0);
    oskit_error_t err = end->pipe->ops->setcapacity(end->pipe, bytes, &became);
    assert_int_equal(end->pipe->ops->getcapacity(end->pipe, &after), 0);
    assert_int_equal(after, err == 0 ? became : before);
    if (err == 0)
        assert_true(became >= bytes && became >= tail - head && (became & (became - 1)) == 0);
}

static void reopen(struct end *end, const struct end *like, int side)
{
    oskit_iunknown_t *object;
    oskit_error_t err = like->pipe->ops->open(
        like->pipe, OSKIT_O_NONBLOCK | (side ? OSKIT_O_WRONLY : OSKIT_O_RDONLY), &object);

    if (err == 0)
        end_wrap(end, object);
    else
        assert_true(err == OSKIT_ENOMEM || err == OSKIT_ENXIO);
}

/* Any open end: of a pipe that has none, nothing can be opened again. */
static struct end *any_end(void)
{
    for (size_t i = 0; i < 2 * ENDS; i++)
        if (ends[i / ENDS][i % ENDS].object != NULL)
            return &ends[i / ENDS][i % ENDS];
    return NULL;
}

static size_t choose_size(struct choices *choices)
{
    uint32_t kind = choices_next(choices, 4), size = choices_next(choices, ROOM);

    return kind == 0 ? size % 64 : kind == 1 ? 4090 + size % 12 : size;
}

static void step(struct choices *choices)
{
    uint32_t what = choices_next(choices, 16), which = choices_next(choices, ENDS);
    struct end *reader = &ends[0][which], *writer = &ends[1][which];
    size_t size = choose_size(choices);

    if (what == 0)
        env_test_fail_after(1 + size % 5);
    else if (what <= 5 && writer->object != NULL)
        put(writer, size, what == 5 ? choices_next(choices, ROOM) : SIZE_MAX);
    else if (what <= 9 && what > 5 && reader->object != NULL)
        get(reader, size, what == 9 ? choices_next(choices, ROOM) : SIZE_MAX, what == 8);
    else if (what == 10 && writer->object != NULL)
        give(writer, size % 4096, 1 + choices_next(choices, 4096) % (4096 - size % 4096));
    else if (what == 11 && reader->object != NULL)
        take(reader, size + 1, choices_next(choices, 2) != 0, choices_next(choices, ROOM),
             choices_next(choices, 4096));
    else if (what == 12 && any_end() != NULL)
        resize(any_end(), size * 8);
    else if (what == 13)
        end_close(&ends[size & 1][which]);
    else if (what == 14 && ends[size & 1][which].object == NULL && any_end() != NULL)
        reopen(&ends[size & 1][which], any_end(), (int)(size & 1));
    else if (what == 15)
        env_test_fail_after(0);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    oskit_iunknown_t *reader, *writer;

    head = tail = serial = 0;
    assert_int_equal(pipe_create(&reader, &writer), 0);
    end_wrap(&ends[0][0], reader);
    end_wrap(&ends[1][0], writer);
    while (!choices_over(&choices) && tail < QUEUE / 2) {
        step(&choices);
        check_levels();
    }
    env_test_fail_after(0);
    for (size_t i = 0; i < 2 * ENDS; i++)
        end_close(&ends[i / ENDS][i % ENDS]);
}
