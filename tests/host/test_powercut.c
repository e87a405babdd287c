/*
 * Power cuts: a file system of ours works on a disk that records each write and flush; then the
 * power goes at every flush and at random points between, with what wasn't flushed kept, lost or
 * torn. Each image that leaves is judged twice:
 *
 *   by us       mounted (our own replay), read, compared with what was promised, unmounted, and
 *               then e2fsck -fn has nothing to say;
 *   by e2fsck   -fy replays the journal itself and finds nothing to repair, but for what it does
 *               wrong itself (crash_fsck.h).
 *
 * Promised is: what an fsync returned for is there; a file's bytes are its own, never what was on
 * the disk before; a file that was renamed over another is the old or the new one, whole. And all
 * of it once more while another thread commits at any moment, as the journal's own does every few
 * seconds; and with extended attributes and flags of files among what changes.
 *
 * SLUICE_POWERCUTS sets the number of cuts (make soak), SLUICE_POWERCUT_SEED where they begin,
 * SLUICE_POWERCUT_ONLY the names of the tests, as a pattern.
 */
#include "harness.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/mman.h>
#include <unistd.h>
#include <oskit/io/absio.h>
#include <sluice/block.h>
#include <sluice/faultdisk.h>
#include "crash_attributes.h"
#include "crash_fsck.h"
#include "ext2_image.h"

#define FILES       12u
#define NAME_SIZE   32u
#define IDS         (2 * STEPS)
#define PROMISES    4096u
#define STEPS       160u
#define CUTS_A_WALK 125u
#define SIZE_MAX_   30000u
#define RECORD_MAX  (256u << 20)
#define HELD        4u

/* File NAME has the bytes of ID, at least SIZE of them, in every cut after events FROM to TO. */
struct promise {
    char name[NAME_SIZE];
    uint32_t id, size, from, to;
};

struct walk {
    struct ext2_image image;
    struct faultdisk *disk;
    sluice_blockqueue_t *queue;
    oskit_filesystem_t *fs;
    oskit_dir_t *root;
    uint8_t *base, *cut; /* the disk when the record began; after a cut, a mapping of image.path */
    uint64_t size, random;
    uint32_t last_id;
    struct {
        uint32_t id, size; /* 0: there is none */
    } files[FILES];
    uint32_t truncated[IDS]; /* events when the file of an id was first truncated, and 1; 0: not */
    struct promise promises[PROMISES];
    unsigned promise_count;
    oskit_file_t *held[HELD]; /* open still: so their contents wait in memory; may be NULL */
    unsigned held_next;
    bool with_attributes;
    struct crash_attributes attributes;
};

static uint64_t draw(struct walk *w, uint64_t bound)
{
    w->random ^= w->random << 13;
    w->random ^= w->random >> 7;
    w->random ^= w->random << 17;
    return (w->random >> 11) % bound;
}

/* ---- Contents: a file begins with its id, and all its bytes follow from that ---- */

static uint8_t byte_of(uint32_t id, uint32_t at)
{
    if (at < 4)
        return (uint8_t)(id >> 8 * at);
    return (uint8_t)((id * 2654435761u + at / 64 * 40503u) >> 13 | 1);
}

/* Files that are renamed over others have this length from their birth. */
static uint32_t whole_size(uint32_t id)
{
    return 200 + id * 7919u % 9000u;
}

static oskit_absio_t *open_io(oskit_file_t *file)
{
    oskit_iunknown_t *open;
    sluice_filex_t *filex = sluice_query_face(file, &sluice_filex_iid);

    assert_int_equal(sluice_filex_open(filex, OSKIT_O_RDWR, &open), 0);
    oskit_absio_t *io = sluice_query_face(open, &oskit_absio_iid);
    oskit_iunknown_release(open);
    sluice_filex_release(filex);
    return io;
}

static void append(oskit_file_t *file, uint32_t id, uint32_t from, uint32_t size)
{
    uint8_t *bytes = malloc(size);
    oskit_size_t moved;
    oskit_absio_t *io = open_io(file);

    for (uint32_t i = 0; i < size; i++)
        bytes[i] = byte_of(id, from + i);
    assert_int_equal(oskit_absio_write(io, bytes, from, size, &moved), 0);
    assert_int_equal(moved, size);
    oskit_absio_release(io);
    free(bytes);
}

/* ---- Promises ---- */

static void promise(struct walk *w, const char *name, uint32_t id, uint32_t size)
{
    if (w->promise_count == PROMISES)
        return;
    struct promise *p = &w->promises[w->promise_count++];
    *p = (struct promise){"", id, size, faultdisk_events(w->disk), UINT32_MAX};
    snprintf(p->name, sizeof p->name, "%s", name);
}

/* Something is about to change what was promised about NAME: it holds up to now. */
static void release(struct walk *w, const char *name)
{
    for (unsigned i = 0; i < w->promise_count; i++) {
        struct promise *p = &w->promises[i];
        if (p->to == UINT32_MAX && !strcmp(p->name, name))
            p->to = faultdisk_events(w->disk);
    }
}

/* ---- The workload ---- */

static oskit_file_t *find(struct walk *w, const char *name)
{
    oskit_file_t *file = NULL;

    assert_int_equal(oskit_dir_lookup(w->root, name, &file), 0);
    return file;
}

static oskit_file_t *make(struct walk *w, const char *name)
{
    oskit_file_t *file = NULL;

    assert_int_equal(oskit_dir_create(w->root, name, 1, 0644, &file), 0);
    return file;
}

/* FILE, whose reference is taken over, stays open for some steps more. */
static void hold(struct walk *w, oskit_file_t *file)
{
    oskit_file_t **place = &w->held[w->held_next++ % HELD];

    if (*place)
        oskit_file_release(*place);
    *place = file;
}

static void step_append(struct walk *w, unsigned which, const char *name)
{
    uint32_t more = 1 + (uint32_t)draw(w, draw(w, 4) == 0 ? 9000 : 700);
    oskit_file_t *file;

    if (w->files[which].id == 0) {
        file = make(w, name);
        w->files[which].id = ++w->last_id;
        w->files[which].size = 0;
        more += 4;
    } else {
        file = find(w, name);
    }
    if (w->files[which].size + more < SIZE_MAX_) {
        append(file, w->files[which].id, w->files[which].size, more);
        w->files[which].size += more;
    }
    if (draw(w, 3) == 0) {
        assert_int_equal(oskit_file_sync(file, 1), 0);
        promise(w, name, w->files[which].id, w->files[which].size);
    }
    hold(w, file);
}

static void step_unlink(struct walk *w, unsigned which, const char *name)
{
    if (w->files[which].id == 0)
        return;
    release(w, name);
    assert_int_equal(oskit_dir_unlink(w->root, name), 0);
    w->files[which].id = 0;
}

static void step_truncate(struct walk *w, unsigned which, const char *name)
{
    if (w->files[which].id == 0 || w->files[which].size < 8)
        return;
    release(w, name);
    if (w->truncated[w->files[which].id] == 0)
        w->truncated[w->files[which].id] = faultdisk_events(w->disk) + 1;
    oskit_file_t *file = find(w, name);
    oskit_absio_t *io = open_io(file);
    w->files[which].size = 4 + (uint32_t)draw(w, w->files[which].size - 4);
    assert_int_equal(oskit_absio_setsize(io, w->files[which].size), 0);
    oskit_absio_release(io);
    oskit_file_release(file);
}

/* The old way of replacing a file: write a new one, rename it over. Sometimes without fsync. */
static void step_replace(struct walk *w)
{
    char name[NAME_SIZE];
    uint32_t id = ++w->last_id;
    oskit_file_t *file = make(w, "new");

    snprintf(name, sizeof name, "whole%u", (unsigned)draw(w, 3));
    append(file, id, 0, whole_size(id));
    if (draw(w, 2) == 0)
        assert_int_equal(oskit_file_sync(file, 1), 0);
    release(w, name);
    assert_int_equal(oskit_dir_rename(w->root, "new", w->root, name), 0);
    if (draw(w, 3) == 0) {
        assert_int_equal(oskit_file_sync(file, 1), 0);
        promise(w, name, id, whole_size(id));
    }
    oskit_file_release(file);
}

static void step_dirs(struct walk *w)
{
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "dir%u", (unsigned)draw(w, 6));
    if (oskit_dir_mkdir(w->root, name, 0755) == OSKIT_EEXIST)
        assert_int_equal(oskit_dir_rmdir(w->root, name), 0);
}

/* Of a file that stays, or of one that comes and goes. */
static void step_attribute(struct walk *w, unsigned which, const char *name)
{
    bool other = w->files[which].id != 0 && draw(w, 3) == 0;

    crash_attributes_step(&w->attributes, w->root, w->disk, draw(w, UINT64_MAX),
                          other ? name : NULL);
}

static void step(struct walk *w)
{
    unsigned which = (unsigned)draw(w, FILES), kind = (unsigned)draw(w, 20);
    char name[NAME_SIZE];

    snprintf(name, sizeof name, "file%u", which);
    if (w->with_attributes && draw(w, 2) == 0)
        step_attribute(w, which, name);
    else if (kind < 9)
        step_append(w, which, name);
    else if (kind < 11)
        step_unlink(w, which, name);
    else if (kind < 13)
        step_truncate(w, which, name);
    else if (kind < 16)
        step_replace(w);
    else if (kind < 19)
        step_dirs(w);
    else
        assert_int_equal(oskit_filesystem_sync(w->fs, 1), 0);
}

/* ---- Judging ---- */

static unsigned failures, excused; /* excused: faults of e2fsck itself */

static void complain(struct walk *w, uint32_t count, const char *what, const char *name)
{
    failures++;
    print_error("after %u of %u events: %s %s\n", count, faultdisk_events(w->disk), name, what);
}

static uint32_t file_bytes(oskit_dir_t *root, const char *name, uint8_t *bytes, bool *there)
{
    oskit_file_t *file;
    oskit_size_t moved = 0;

    *there = oskit_dir_lookup(root, name, &file) == 0;
    if (!*there)
        return 0;
    oskit_absio_t *io = open_io(file);
    if (oskit_absio_read(io, bytes, 0, SIZE_MAX_, &moved))
        moved = 0;
    oskit_absio_release(io);
    oskit_file_release(file);
    return (uint32_t)moved;
}

/*
 * Each of SIZE bytes is its file's own; or zero, which none is, in a file that was being truncated:
 * the rest of the last block is zeroed before the transaction with the new size has committed.
 */
static bool bytes_good(const struct walk *w, uint32_t count, const uint8_t *bytes, uint32_t size,
                       uint32_t *id)
{
    *id = 0;
    if (size < 4)
        return size == 0;
    *id = (uint32_t)bytes[0] | (uint32_t)bytes[1] << 8 | (uint32_t)bytes[2] << 16 |
          (uint32_t)bytes[3] << 24;
    if (*id == 0 || *id >= IDS)
        return false;
    bool zeros = w->truncated[*id] != 0 && count >= w->truncated[*id] - 1;
    for (uint32_t i = 4; i < size; i++) {
        if (bytes[i] != byte_of(*id, i) && !(zeros && bytes[i] == 0)) {
            print_error("byte %u of %u is %02x, not %02x of file %u%s\n", i, size, bytes[i],
                        byte_of(*id, i), *id, zeros ? ", truncated" : "");
            return false;
        }
    }
    return true;
}

static void judge_file(struct walk *w, uint32_t count, oskit_dir_t *root, const char *name,
                       bool whole)
{
    static uint8_t bytes[SIZE_MAX_];
    bool there;
    uint32_t id, size = file_bytes(root, name, bytes, &there);

    if (!bytes_good(w, count, bytes, size, &id))
        complain(w, count, "has bytes that aren't its own", name);
    if (there && whole && size != whole_size(id))
        complain(w, count, "was renamed, and isn't whole", name);
    for (unsigned i = 0; i < w->promise_count; i++) {
        const struct promise *p = &w->promises[i];
        if (strcmp(p->name, name) || count < p->from || count > p->to)
            continue;
        if (!there || id != p->id || size < p->size || memchr(bytes + 4, 0, p->size - 4) != NULL)
            complain(w, count, "isn't what fsync returned for", name);
    }
}

static void judge_tree(struct walk *w, uint32_t count, oskit_dir_t *root)
{
    char name[NAME_SIZE];

    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "file%u", i);
        judge_file(w, count, root, name, false);
    }
    for (unsigned i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "whole%u", i);
        judge_file(w, count, root, name, true);
    }
}

static void judge_attributes(struct walk *w, uint32_t count, oskit_dir_t *root)
{
    char name[NAME_SIZE];
    const char *wrong;

    for (unsigned i = 0; i < CRASH_KEPT; i++) {
        wrong = crash_attributes_judge(&w->attributes, root, count, i);
        if (wrong)
            complain(w, count, wrong, "a kept file");
    }
    for (unsigned i = 0; i < FILES; i++) {
        snprintf(name, sizeof name, "file%u", i);
        wrong = crash_attributes_judge_other(&w->attributes, root, name);
        if (wrong)
            complain(w, count, wrong, name);
    }
}

/* e2fsck as FLAGS say: 0 or 1, and 99 when there was something that it would ask about. What it
 * said stays in the image's folder. */
static int ask_e2fsck(const struct ext2_image *image, const char *flags)
{
    return ext2_shell("/sbin/e2fsck %s %s >%s/fsck 2>&1 </dev/null; s=$?; "
                      "test $s -gt 1 || ! grep -q '? yes\\|? no' %s/fsck || exit 99; exit $s",
                      flags, image->path, image->folder, image->folder);
}

static void complain_by_e2fsck(struct walk *w, uint32_t count)
{
    ext2_shell("cat %s/fsck >&2", w->image.folder);
    complain(w, count, "finds something to repair", "e2fsck");
}

/* By our own replay. */
static void judge_mount(struct walk *w, uint32_t count)
{
    struct ext2_image image = w->image;

    image.fs = NULL;
    assert_int_equal(ramdisk_create((oskit_off_t)w->size, 512, &image.disk), 0);
    image.queue = sluice_query_face(image.disk, &sluice_blockqueue_iid);
    ext2_image_load(&image);
    if (ext2_image_mount(&image, 0) != 0) {
        complain(w, count, "isn't mounted", "the image");
    } else {
        judge_tree(w, count, image.root);
        if (w->with_attributes)
            judge_attributes(w, count, image.root);
        ext2_image_unmount(&image);
        ext2_image_save(&image);
        if (ask_e2fsck(&w->image, "-fn") > 1)
            complain_by_e2fsck(w, count);
    }
    sluice_blockqueue_release(image.queue);
    oskit_blkio_release(image.disk);
}

static void lay_out(struct walk *w, uint32_t count, uint32_t survive, uint64_t seed)
{
    memcpy(w->cut, w->base, w->size);
    faultdisk_cut(w->disk, count, survive, seed, w->cut, w->size);
}

static void cut(struct walk *w, uint32_t count, uint32_t survive)
{
    uint64_t seed = draw(w, UINT32_MAX);

    lay_out(w, count, survive, seed);
    judge_mount(w, count);
    lay_out(w, count, survive, seed);
    int status = ask_e2fsck(&w->image, "-fy");
    if (status == 99)
        lay_out(w, count, survive, seed);
    if (status == 99 && crash_fsck_excused(&w->image))
        excused++;
    else if (status > 1)
        complain_by_e2fsck(w, count);
}

/* ---- A walk ---- */

struct kind {
    const char *options;
    unsigned kilobytes;
};

static void walk_begin(struct walk *w, const struct kind *kind, uint64_t seed, bool attributes)
{
    struct ext2_options mount = {.name = "image"};
    int fd;

    memset(w, 0, sizeof *w);
    w->random = seed * 0x9e3779b97f4a7c15ull + 1;
    ext2_image_make(&w->image, kind->options, kind->kilobytes, NULL);
    w->with_attributes = attributes;
    if (attributes)
        crash_attributes_make(&w->attributes, &w->image);
    w->size = (uint64_t)kind->kilobytes << 10;
    w->base = malloc(w->size);
    fd = open(w->image.path, O_RDWR);
    w->cut = mmap(NULL, w->size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    memcpy(w->base, w->cut, w->size);
    assert_int_equal(faultdisk_create(w->image.queue, &w->disk, &w->queue), 0);
    faultdisk_record(w->disk, RECORD_MAX);
    assert_int_equal(ext2_mount(w->queue, &mount, &w->fs), 0);
    assert_int_equal(oskit_filesystem_getroot(w->fs, &w->root), 0);
}

static void walk_end(struct walk *w)
{
    sluice_blockqueue_release(w->queue);
    munmap(w->cut, w->size);
    free(w->base);
    ext2_image_free(&w->image);
    env_test_join_threads(); /* one of each mount: together they would become too many */
}

/* Cuts at every flush, as far as CUTS go, and at random points for the other half. */
static unsigned walk_cuts(struct walk *w, unsigned cuts)
{
    static const uint32_t survivals[] = {0, 128, 64, 192, 256};
    uint32_t events = faultdisk_events(w->disk);
    unsigned done = 0;

    assert_false(faultdisk_full(w->disk));
    for (uint32_t i = 0; i < events && done < cuts / 2; i++) {
        if (faultdisk_event(w->disk, i)->kind == FAULTDISK_FLUSH && draw(w, 2) == 0)
            cut(w, i + (uint32_t)draw(w, 2), survivals[done++ % 2]);
    }
    for (; done < cuts; done++)
        cut(w, (uint32_t)draw(w, events + 1), survivals[done % SLUICE_COUNT(survivals)]);
    return done;
}

struct committer {
    pthread_t thread;
    oskit_filesystem_t *fs;
    atomic_bool stop;
};

static void *commit_often(void *arg)
{
    struct committer *c = arg;

    while (!atomic_load(&c->stop))
        (void)oskit_filesystem_sync(c->fs, 1); /* the walk looks at errors */
    return NULL;
}

static void walk_steps(struct walk *w, bool commit)
{
    struct committer c = {.fs = w->fs};

    if (commit)
        assert_int_equal(pthread_create(&c.thread, NULL, commit_often, &c), 0);
    for (unsigned i = 0; i < STEPS; i++)
        step(w);
    atomic_store(&c.stop, true);
    if (commit)
        pthread_join(c.thread, NULL);
}

static unsigned walk(const struct kind *kind, uint64_t seed, unsigned cuts, bool commit,
                     bool attributes)
{
    static struct walk w;

    walk_begin(&w, kind, seed, attributes);
    walk_steps(&w, commit);
    for (unsigned i = 0; i < HELD; i++)
        hold(&w, NULL);
    oskit_dir_release(w.root);
    oskit_filesystem_release(w.fs);
    unsigned done = walk_cuts(&w, cuts);
    walk_end(&w);
    if (failures != 0)
        fail_msg("%s, seed %llu: %u failures", kind->options, (unsigned long long)seed, failures);
    return done;
}

/* The smallest journals that mke2fs makes: the log goes around, and is checkpointed. */
static const struct kind kinds[] = {
    {"-t ext3 -b 1024 -J size=1 -N 128", 4096},
    {"-t ext3 -b 1024 -J size=1 -N 128 -O ^resize_inode,^dir_index", 3072},
    {"-t ext3 -b 4096 -J size=4 -N 128", 12288},
    {"-t ext3 -b 2048 -J size=2 -N 128 -I 128", 5120},
};

static unsigned long number(const char *variable, unsigned long otherwise)
{
    const char *text = getenv(variable);

    return text != NULL ? strtoul(text, NULL, 0) : otherwise;
}

#ifdef __SANITIZE_THREAD__
#define CUTS 125 /* the threads are the same in all of them */
#else
#define CUTS 1000
#endif

static void walks(unsigned long cuts, bool commit, bool attributes)
{
    uint64_t seed = number("SLUICE_POWERCUT_SEED", 1);
    unsigned long done = 0;

    failures = excused = 0;
    for (; done < cuts; seed++)
        done += walk(&kinds[seed % SLUICE_COUNT(kinds)], seed, CUTS_A_WALK, commit, attributes);
    print_message("%lu power cuts, %u failures\n", done, failures);
    if (excused != 0)
        print_message("%u times e2fsck repaired what it had done itself\n", excused);
}

static void test_power_cuts_lose_nothing_promised(void **state)
{
    (void)state;
    walks(number("SLUICE_POWERCUTS", CUTS), false, false);
}

static void test_power_cuts_lose_nothing_while_another_commits(void **state)
{
    (void)state;
    walks(number("SLUICE_POWERCUTS", CUTS) / 2, true, false);
}

static void test_power_cuts_lose_no_attributes(void **state)
{
    (void)state;
    walks(number("SLUICE_POWERCUTS", CUTS) / 4, false, true);
}

static void test_power_cuts_lose_no_attributes_while_another_commits(void **state)
{
    (void)state;
    walks(number("SLUICE_POWERCUTS", CUTS) / 4, true, true);
}

/* A file of two blocks on the list of orphans, with attributes in a block or without, and SECTORS;
 * made by debugfs alone. What e2fsck said of it, and whether that is excused. */
static int ask_about_orphan(bool attributes, unsigned sectors, bool *own_fault)
{
    struct ext2_image image;

    ext2_image_make(&image, "-t ext3 -b 1024 -J size=1 -N 128", 3072, NULL);
    assert_int_equal(
        ext2_shell(
            "cd %s && head -c 1500 /dev/zero | tr '\\0' x >file && head -c 400 file >value && "
            "printf '%%s\\n' 'write file file' '%s' 'sif file blocks %u' "
            "'ssv last_orphan 12' 'feature needs_recovery' >todo && "
            "debugfs -w -f todo image >/dev/null 2>&1 && cp image before",
            image.folder, attributes ? "ea_set -f value file user.a" : "", sectors),
        0);
    int status = ask_e2fsck(&image, "-fy");
    assert_int_equal(ext2_shell("cd %s && cp before image", image.folder), 0);
    *own_fault = crash_fsck_excused(&image);
    ext2_image_free(&image);
    return status;
}

static void test_only_its_own_fault_is_excused_e2fsck(void **state)
{
    (void)state;
    bool own_fault;
    int status = ask_about_orphan(true, 6, &own_fault);

    if (status == 99) /* one day it may be mended */
        assert_true(own_fault);
    assert_in_range(ask_about_orphan(false, 4, &own_fault), 0, 1);
    assert_false(own_fault);
    assert_int_equal(ask_about_orphan(false, 6, &own_fault), 99); /* ours would be such ones */
    assert_false(own_fault);
    assert_int_equal(ask_about_orphan(true, 8, &own_fault), 99);
    assert_false(own_fault);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_only_its_own_fault_is_excused_e2fsck),
        HARNESS_TEST(test_power_cuts_lose_nothing_promised),
        HARNESS_TEST(test_power_cuts_lose_nothing_while_another_commits),
        HARNESS_TEST(test_power_cuts_lose_no_attributes),
        HARNESS_TEST(test_power_cuts_lose_no_attributes_while_another_commits),
    };

    if (!ext2_image_tools()) {
        puts("skipped: no e2fsprogs");
        return 0;
    }
    cmocka_set_test_filter(getenv("SLUICE_POWERCUT_ONLY"));
    return cmocka_run_group_tests_name("powercut", tests, NULL, NULL);
}
