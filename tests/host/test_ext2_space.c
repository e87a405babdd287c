/*
 * Holes and space in files: fallocate's modes, against a model in memory, through mounts that come
 * and go; e2fsck looks at each image.
 */
#include "harness.h"

#include <stdio.h>
#include <oskit/io/absio.h>
#include "ext2_image.h"

#define FILE_MAX (6u << 20)
#define PUNCH    (ALLOCATE_PUNCH_HOLE | ALLOCATE_KEEP_SIZE)

struct space {
    struct ext2_image image;
    oskit_file_t *file;
    sluice_filex_t *filex;
    oskit_absio_t *io;
    unsigned char *model;
    uint64_t size;
    uint64_t random;
};

static uint64_t draw(struct space *s, uint64_t below)
{
    s->random = s->random * 6364136223846793005ull + 1442695040888963407ull;
    return (s->random >> 33) % below;
}

static void space_open(struct space *s)
{
    oskit_iunknown_t *object;

    assert_int_equal(ext2_image_mount(&s->image, 0), 0);
    assert_int_equal(oskit_dir_create(s->image.root, "file", 0, 0644, &s->file), 0);
    s->filex = sluice_query_face(s->file, &sluice_filex_iid);
    assert_int_equal(sluice_filex_open(s->filex, OSKIT_O_RDWR, &object), 0);
    s->io = sluice_query_face(object, &oskit_absio_iid);
    oskit_iunknown_release(object);
}

static void space_close(struct space *s)
{
    oskit_absio_release(s->io);
    sluice_filex_release(s->filex);
    oskit_file_release(s->file);
    ext2_image_unmount(&s->image);
    assert_true(ext2_image_clean(&s->image));
}

static void space_start(struct space *s, const char *options)
{
    *s = (struct space){.random = 7};
    ext2_image_make(&s->image, options, 24576, NULL);
    s->model = calloc(1, FILE_MAX);
    space_open(s);
}

static void space_end(struct space *s)
{
    space_close(s);
    ext2_image_free(&s->image);
    free(s->model);
}

static oskit_error_t allocate(struct space *s, uint32_t mode, uint64_t from, uint64_t length)
{
    return s->filex->ops->allocate(s->filex, mode, (oskit_off_t)from, (oskit_off_t)length);
}

static uint64_t blocks(struct space *s)
{
    struct filex_stat stat;

    assert_int_equal(sluice_filex_stat(s->filex, &stat), 0);
    return stat.blocks;
}

static void compare(struct space *s)
{
    static unsigned char bytes[FILE_MAX];
    oskit_size_t moved;
    oskit_off_t size;

    assert_int_equal(oskit_absio_getsize(s->io, &size), 0);
    assert_int_equal(size, s->size);
    assert_int_equal(oskit_absio_read(s->io, bytes, 0, sizeof bytes, &moved), 0);
    assert_int_equal(moved, s->size);
    for (uint64_t i = 0; i < s->size; i++)
        if (bytes[i] != s->model[i])
            fail_msg("byte %llu of %llu: %u, expected %u", (unsigned long long)i,
                     (unsigned long long)s->size, bytes[i], s->model[i]);
}

/* ---- The steps: the same to the file and to the model ---- */

static void step_write(struct space *s)
{
    static unsigned char bytes[100000];
    uint64_t from = draw(s, FILE_MAX - sizeof bytes), length = 1 + draw(s, sizeof bytes);
    oskit_size_t moved;

    memset(bytes, 1 + (int)draw(s, 255), sizeof bytes);
    assert_int_equal(oskit_absio_write(s->io, bytes, (oskit_off_t)from, length, &moved), 0);
    assert_int_equal(moved, length);
    memcpy(s->model + from, bytes, length);
    if (from + length > s->size)
        s->size = from + length;
}

static void step_setsize(struct space *s)
{
    uint64_t size = draw(s, FILE_MAX);

    assert_int_equal(oskit_absio_setsize(s->io, (oskit_off_t)size), 0);
    if (size < s->size)
        memset(s->model + size, 0, s->size - size);
    s->size = size;
}

static void step_punch(struct space *s)
{
    uint64_t from = draw(s, FILE_MAX), length = 1 + draw(s, draw(s, 4) ? 200000 : FILE_MAX);

    if (draw(s, 3) == 0)
        from &= ~4095ull;
    assert_int_equal(allocate(s, PUNCH, from, length), 0);
    uint64_t end = from + length < s->size ? from + length : s->size;
    if (from < end)
        memset(s->model + from, 0, end - from);
}

static void step_zero(struct space *s)
{
    uint64_t from = draw(s, FILE_MAX - 300000), length = 1 + draw(s, 300000);
    bool keep = draw(s, 2);
    bool behind = keep && from + length > s->size;

    assert_int_equal(
        allocate(s, ALLOCATE_ZERO_RANGE | (keep ? ALLOCATE_KEEP_SIZE : 0), from, length),
        behind ? OSKIT_EOPNOTSUPP : 0);
    if (behind)
        return;
    memset(s->model + from, 0, length);
    if (from + length > s->size)
        s->size = from + length;
}

static void step_allocate(struct space *s)
{
    uint64_t from = draw(s, FILE_MAX - 300000), length = 1 + draw(s, 300000);
    bool keep = draw(s, 2);
    bool behind = keep && from + length > s->size;

    assert_int_equal(allocate(s, keep ? ALLOCATE_KEEP_SIZE : 0, from, length),
                     behind ? OSKIT_EOPNOTSUPP : 0);
    if (!keep && from + length > s->size)
        s->size = from + length;
}

static void steps_at_random(const char *options)
{
    static void (*const steps[])(struct space *) = {
        step_write, step_write, step_punch, step_punch, step_setsize, step_zero, step_allocate};
    struct space s;

    space_start(&s, options);
    for (unsigned round = 0; round < 4; round++) {
        for (unsigned i = 0; i < 60; i++)
            steps[draw(&s, sizeof steps / sizeof steps[0])](&s);
        compare(&s);
        space_close(&s);
        space_open(&s);
        compare(&s);
    }
    space_end(&s);
}

static void test_steps_at_random(void **state)
{
    (void)state;
    steps_at_random("-t ext3 -b 1024 -J size=1");
    steps_at_random("-t ext3 -b 4096");
}

/* ---- What it is for ---- */

static void test_a_hole_gives_its_blocks_back(void **state)
{
    static unsigned char bytes[4u << 20];
    oskit_size_t moved;
    oskit_off_t place;
    struct space s;

    (void)state;
    space_start(&s, "-t ext3 -b 1024 -J size=1");
    memset(bytes, 5, sizeof bytes);
    assert_int_equal(oskit_absio_write(s.io, bytes, 0, sizeof bytes, &moved), 0);
    uint64_t full = blocks(&s);
    assert_int_equal(allocate(&s, PUNCH, 1u << 20, 2u << 20), 0);
    assert_true(full - blocks(&s) >= (2u << 20) / 512);
    assert_int_equal(s.filex->ops->seek(s.filex, 100, true, &place), 0);
    assert_int_equal(place, 1u << 20);
    assert_int_equal(s.filex->ops->seek(s.filex, 1u << 20, false, &place), 0);
    assert_int_equal(place, 3u << 20);
    assert_int_equal(allocate(&s, ALLOCATE_KEEP_SIZE, 1u << 20, 2u << 20), 0);
    assert_int_equal(blocks(&s), full);
    assert_int_equal(allocate(&s, PUNCH, 0, sizeof bytes), 0);
    assert_int_equal(blocks(&s), 0);
    assert_int_equal(allocate(&s, PUNCH, sizeof bytes, 1000), 0);
    s.size = sizeof bytes;
    compare(&s);
    space_end(&s);
}

static void test_modes_that_there_are_not(void **state)
{
    struct space s;

    (void)state;
    space_start(&s, "-t ext2 -b 4096");
    assert_int_equal(allocate(&s, PUNCH, 0, 4096), OSKIT_EOPNOTSUPP);
    assert_int_equal(allocate(&s, ALLOCATE_PUNCH_HOLE, 0, 4096), OSKIT_EOPNOTSUPP);
    assert_int_equal(allocate(&s, 8, 0, 4096), OSKIT_EOPNOTSUPP);
    assert_int_equal(allocate(&s, ALLOCATE_KEEP_SIZE, 0, 4096), OSKIT_EOPNOTSUPP);
    assert_int_equal(allocate(&s, 0, 0, 5000), 0);
    s.size = 5000;
    compare(&s);
    space_end(&s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_a_hole_gives_its_blocks_back),
        HARNESS_TEST(test_modes_that_there_are_not),
        HARNESS_TEST(test_steps_at_random),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    return cmocka_run_group_tests_name("ext2 space", tests, NULL, NULL);
}
