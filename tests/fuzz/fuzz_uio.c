/* uio over segments of random lengths, empty ones too, beside a flat array of what they hold; some
 * memory is not accessible. */
#include "fuzz.h"
#include <sluice/uio.h>

#define SEGMENTS 8u
#define ROOM     1024u

struct subject {
    struct sluice_iovec iov[SEGMENTS];
    uint8_t *blocks[SEGMENTS];
    uint8_t flat[ROOM]; /* what the segments must hold, one after another */
    size_t total, at;   /* at: how far the position is */
    size_t bad;         /* first byte that is not accessible; total: all are */
    struct sluice_uio uio;
};

static void subject_open(struct subject *s, struct choices *choices)
{
    bool user = choices_next(choices, 2) != 0;
    size_t count = choices_next(choices, SEGMENTS + 1);

    *s = (struct subject){.total = 0};
    for (size_t i = 0; i < count; i++) {
        size_t length = choices_next(choices, ROOM / SEGMENTS);
        s->blocks[i] = malloc(length != 0 ? length : 1);
        memset(s->blocks[i], (int)i, length);
        memset(s->flat + s->total, (int)i, length);
        s->iov[i] = (struct sluice_iovec){s->blocks[i], length};
        s->total += length;
    }
    s->bad = s->total;
    size_t bad = count > 0 ? choices_next(choices, (uint32_t)count + 1) : 0, before = 0;
    for (size_t i = 0; user && i < count; before += s->iov[i++].length)
        if (i == bad && s->iov[i].length > 0) {
            size_t within = choices_next(choices, (uint32_t)s->iov[i].length);
            s->bad = before + within;
            env_test_bad_user(s->blocks[i] + within, s->iov[i].length - within);
        }
    uio_init(&s->uio, s->iov, count, user);
    assert_int_equal(s->uio.left, s->total);
}

static void subject_close(struct subject *s)
{
    size_t at = 0;

    for (size_t i = 0; i < SEGMENTS && s->blocks[i] != NULL; at += s->iov[i++].length) {
        assert_memory_equal(s->blocks[i], s->flat + at, s->iov[i].length);
        free(s->blocks[i]);
    }
}

static void step(struct subject *s, uint32_t what, size_t size)
{
    uint8_t bytes[ROOM];
    size_t moved = 77, want = size < s->total - s->at ? size : s->total - s->at;
    size_t good = s->at <= s->bad ? s->bad - s->at : 0;
    oskit_error_t err = 0;

    memset(bytes, 0xee, sizeof bytes);
    if (what == 3 && (s->bad == s->total || size <= good)) {
        uio_skip(&s->uio, want);
        s->at += want;
    }
    if (what == 3)
        return;
    if (what == 0)
        err = uio_write_to(&s->uio, bytes, size, &moved);
    else if (what == 1)
        err = uio_read_from(&s->uio, bytes, size, &moved);
    else
        err = uio_zero(&s->uio, size, &moved);
    bool faults = want > good;
    assert_int_equal(err, faults ? OSKIT_EFAULT : 0);
    assert_int_equal(moved, faults ? good : want);
    if (what == 1)
        assert_memory_equal(bytes, s->flat + s->at, moved);
    else
        memset(s->flat + s->at, what == 0 ? 0xee : 0, moved);
    s->at += moved;
    assert_int_equal(s->uio.left, s->total - s->at);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    struct subject subject;

    subject_open(&subject, &choices);
    while (!choices_over(&choices)) {
        uint32_t what = choices_next(&choices, 4);
        step(&subject, what, choices_next(&choices, ROOM));
    }
    subject_close(&subject);
}
