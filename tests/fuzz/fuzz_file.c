/*
 * A file of ramfs beside a flat array: reads, writes, appends, sizes, space given and taken, holes
 * and pages of mappings; with few pages, bad user memory and failing allocations.
 */
#include "fuzz.h"
#include <oskit/fs/filesystem.h>
#include <sluice/filex.h>
#include <sluice/ramfs.h>
#include <sluice/vecio.h>

#define ROOM  160000u /* offsets that are written; sizes may be larger */
#define ZEROS 32768u  /* what is read beyond them */

static sluice_absvec_t *absvec;
static sluice_filex_t *filex;
static sluice_pager_t *pager;
static uint8_t flat[ROOM + ZEROS];
static const uint8_t zeros[ROOM];
static uint64_t length;
static uint8_t serial;

/* Near page boundaries mostly, where the faults live. */
static size_t choose_place(struct choices *choices)
{
    uint32_t page = choices_next(choices, ROOM / ENV_PAGE_SIZE);

    return page * ENV_PAGE_SIZE + choices_next(choices, 8) * 512 + choices_next(choices, 16) -
           8u * (page > 0);
}

static size_t choose_size(struct choices *choices)
{
    return choices_next(choices, 5) * (size_t)ENV_PAGE_SIZE + choices_next(choices, 64);
}

static bool is_shortage(oskit_error_t err)
{
    return err == OSKIT_ENOSPC || (err == OSKIT_ENOMEM && env_test_failed());
}

static void put(size_t offset, size_t size, bool append, size_t bad)
{
    uint8_t *bytes = malloc(size + 1);
    struct sluice_iovec segment = {bytes, size};
    struct sluice_uio uio;
    size_t moved = 0;
    oskit_off_t end = -1;

    if (append)
        offset = length;
    if (offset > ROOM || size > ROOM - offset) {
        free(bytes);
        return;
    }
    for (size_t i = 0; i < size; i++)
        bytes[i] = serial++;
    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, &segment, 1, true);
    oskit_error_t err = absvec->ops->pwritev(absvec, &uio, append ? 0 : (oskit_off_t)offset,
                                             append ? VECIO_APPEND : 0, &moved, &end);
    env_test_bad_user(NULL, 0);
    if (err == 0) {
        assert_true(moved <= size && moved <= bad);
        assert_int_equal(end, offset + moved);
        memcpy(flat + offset, bytes, moved);
        if (moved > 0 && offset + moved > length)
            length = offset + moved;
    } else {
        assert_true(is_shortage(err) || (err == OSKIT_EFAULT && bad < size));
    }
    free(bytes);
}

static void get(size_t offset, size_t size, size_t bad)
{
    uint8_t *bytes = malloc(size + 1);
    struct sluice_iovec segment = {bytes, size};
    struct sluice_uio uio;
    size_t moved = 0, there = offset < length ? length - offset : 0;

    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, &segment, 1, true);
    oskit_error_t err = absvec->ops->preadv(absvec, &uio, (oskit_off_t)offset, 0, &moved);
    env_test_bad_user(NULL, 0);
    there = there < size ? there : size;
    if (err == OSKIT_EFAULT)
        assert_true(bad < there);
    else
        assert_int_equal(err, 0);
    if (err == 0 && bad >= there)
        assert_int_equal(moved, there);
    assert_true(moved <= there);
    assert_true(offset + moved <= sizeof flat);
    assert_memory_equal(bytes, flat + offset, moved);
    free(bytes);
}

static void resize(uint64_t size)
{
    struct filex_attributes attributes = {.size = size};
    oskit_error_t err = filex->ops->setattr(filex, FILEX_SIZE, &attributes);

    if (err != 0) {
        assert_true(is_shortage(err));
        return;
    }
    if (size < ROOM)
        memset(flat + size, 0, ROOM - size);
    length = size;
}

static void allocate(size_t offset, size_t size, uint32_t mode)
{
    oskit_error_t err = filex->ops->allocate(filex, mode, (oskit_off_t)offset, (oskit_off_t)size);

    if (size == 0) {
        assert_int_equal(err, OSKIT_E_INVALIDARG);
    } else if (mode == ALLOCATE_PUNCH_HOLE) {
        assert_int_equal(err, OSKIT_EOPNOTSUPP);
    } else if (err != 0) {
        assert_true(is_shortage(err));
    } else if (mode & ALLOCATE_PUNCH_HOLE) {
        if (offset < ROOM)
            memset(flat + offset, 0, size < ROOM - offset ? size : ROOM - offset);
    } else if (mode == 0 && offset + size > length) {
        length = offset + size;
    }
}

/* Between data and the next hole anything may be; between a hole and the next data, zeros. */
static void seek(size_t offset, bool hole)
{
    oskit_off_t found = -1;
    oskit_error_t err = filex->ops->seek(filex, (oskit_off_t)offset, hole, &found);
    uint64_t zeros_to = 0;

    if (offset >= length) {
        assert_int_equal(err, OSKIT_ENXIO);
        return;
    }
    if (err == 0)
        assert_true(found >= (oskit_off_t)offset && (uint64_t)found <= length);
    else
        assert_true(err == OSKIT_ENXIO && !hole);
    if (!hole)
        zeros_to = err == 0 ? (uint64_t)found : length;
    zeros_to = zeros_to < ROOM ? zeros_to : ROOM;
    if (offset < zeros_to)
        assert_memory_equal(flat + offset, zeros, zeros_to - offset);
}

static void map(size_t offset, bool write)
{
    size_t index = offset / ENV_PAGE_SIZE, start = index * ENV_PAGE_SIZE;
    void *page = NULL;
    oskit_error_t err = pager->ops->getpage(pager, index, write ? PAGER_WRITE : 0, &page);

    if (err != 0) {
        assert_true(is_shortage(err) || (err == OSKIT_E_INVALIDARG && start >= length));
        return;
    }
    assert_true(start < length);
    size_t here = length - start < ENV_PAGE_SIZE ? length - start : ENV_PAGE_SIZE;
    if (start + here <= ROOM) {
        assert_memory_equal(page, flat + start, here);
        if (write)
            ((uint8_t *)page)[offset % here] = flat[start + offset % here] = serial++;
    }
    env_page_unref(page);
}

static void step(struct choices *choices)
{
    uint32_t what = choices_next(choices, 12);
    size_t offset = choose_place(choices), size = choose_size(choices);

    switch (what) {
    case 0:
    case 1:
        put(offset, size, false, SIZE_MAX);
        break;
    case 2:
        put(0, size, true, SIZE_MAX);
        break;
    case 3:
        put(offset, size, choices_next(choices, 2) != 0, choose_size(choices));
        break;
    case 4:
    case 5:
        get(offset, size, what == 5 ? choose_size(choices) : SIZE_MAX);
        break;
    case 6:
        /* Some are enormous. */
        resize(choices_next(choices, 8) == 0 ? (uint64_t)offset << 20 : offset);
        break;
    case 7:
        allocate(offset, size, choices_next(choices, 4));
        break;
    case 8:
        seek(offset, choices_next(choices, 2) != 0);
        break;
    case 9:
    case 10:
        map(offset, what == 10);
        break;
    default:
        env_test_fail_after(choices_next(choices, 6));
    }
}

static void check_size(void)
{
    struct filex_stat stat;

    assert_int_equal(filex->ops->stat(filex, &stat), 0);
    assert_int_equal(stat.size, length);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    oskit_filesystem_t *fs;
    oskit_dir_t *root;
    oskit_file_t *file;

    assert_int_equal(ramfs_create(8 + choices_next(&choices, 64), 0, &fs), 0);
    assert_int_equal(oskit_filesystem_getroot(fs, &root), 0);
    assert_int_equal(oskit_dir_create(root, "file", 1, 0644, &file), 0);
    absvec = sluice_query_face((oskit_iunknown_t *)file, &sluice_absvec_iid);
    filex = sluice_query_face((oskit_iunknown_t *)file, &sluice_filex_iid);
    pager = sluice_query_face((oskit_iunknown_t *)file, &sluice_pager_iid);
    memset(flat, 0, sizeof flat);
    length = serial = 0;
    while (!choices_over(&choices)) {
        step(&choices);
        check_size();
    }
    env_test_fail_after(0);
    for (size_t at = 0; at < ROOM; at += ZEROS)
        get(at, ZEROS, SIZE_MAX);
    void *faces[] = {absvec, filex, pager, file, root, fs};
    for (size_t i = 0; i < sizeof faces / sizeof faces[0]; i++)
        oskit_iunknown_release(faces[i]);
}
