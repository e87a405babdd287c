/* Notifiers: what they hear of the namespace and by location, their queue, their ends. */
#include <stdio.h>
#include "harness.h"
#include <oskit/com/stream.h>
#include <sluice/filex.h>
#include <sluice/namespace.h>
#include <sluice/notify.h>
#include <sluice/ramfs.h>
#include <sluice/readiness.h>

struct fixture {
    struct namespace *ns;
    struct location root;
    struct walk walk;
    oskit_iunknown_t *notifier;
};

static oskit_error_t fixture_open(struct fixture *f)
{
    oskit_filesystem_t *fs;
    oskit_error_t err = ramfs_create(1000, 0, &fs);

    if (OSKIT_FAILED(err))
        return err;
    err = namespace_create(fs, "ramfs", "none", &f->ns);
    oskit_filesystem_release(fs);
    if (OSKIT_FAILED(err))
        return err;
    namespace_root(f->ns, &f->root);
    f->walk = (struct walk){f->ns, &f->root, &f->root};
    err = notify_new(&f->notifier);
    if (OSKIT_FAILED(err)) {
        location_release(&f->root);
        namespace_destroy(f->ns);
    }
    return err;
}

static void fixture_close(struct fixture *f)
{
    if (f->notifier)
        oskit_iunknown_release(f->notifier);
    location_release(&f->root);
    namespace_destroy(f->ns);
}

static struct location place(struct fixture *f, const char *path)
{
    struct location at;

    assert_int_equal(namespace_lookup(&f->walk, path, 0, &at), 0);
    return at;
}

static oskit_error_t watch(struct fixture *f, const char *path, oskit_u32_t mask, oskit_s32_t *out)
{
    struct location at = place(f, path);
    oskit_error_t err = notify_add(f->notifier, &at, mask, out);

    location_release(&at);
    return err;
}

static oskit_error_t make(struct fixture *f, const char *path)
{
    struct location at;
    bool created;
    oskit_error_t err = namespace_create_file(&f->walk, path, 0644, true, 0, &at, &created);

    if (OSKIT_SUCCEEDED(err))
        location_release(&at);
    return err;
}

static void told(struct fixture *f, const char *path, oskit_u32_t event)
{
    struct location at = place(f, path);

    notify_location(&at, event);
    location_release(&at);
}

/* The unread events as text, "watch:mask name" in hexadecimal. */
static const char *heard(oskit_iunknown_t *notifier)
{
    static char text[8000];
    char record[sizeof(struct notify_record) + 256];
    struct notify_record head;
    oskit_u32_t got;
    size_t used = 0;

    text[0] = '\0';
    while (OSKIT_SUCCEEDED(
        oskit_stream_read((oskit_stream_t *)notifier, record, sizeof record, &got))) {
        for (oskit_u32_t at = 0; at < got; at += sizeof head + head.length) {
            memcpy(&head, record + at, sizeof head);
            used +=
                (size_t)sprintf(text + used, "%s%d:%x", used ? ", " : "", head.watch, head.mask);
            if (head.length > 0)
                used += (size_t)sprintf(text + used, " %s", record + at + sizeof head);
        }
    }
    return text;
}

static void test_names(void **state)
{
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    assert_int_equal(fixture_open(&f), 0);
    assert_int_equal(watch(&f, "/", NOTIFY_ALL, &number), 0);
    assert_int_equal(number, 1);
    assert_int_equal(make(&f, "/a"), 0);
    assert_int_equal(namespace_mkdir(&f.walk, "/d", 0755), 0);
    assert_string_equal(heard(f.notifier), "1:100 a, 1:40000100 d");
    assert_int_equal(namespace_rename(&f.walk, "/a", &f.walk, "/d/b", 0), 0);
    assert_string_equal(heard(f.notifier), "1:40 a");
    told(&f, "/d/b", NOTIFY_OPEN);
    assert_string_equal(heard(f.notifier), "");
    assert_int_equal(watch(&f, "/d", NOTIFY_OPEN | NOTIFY_DELETE_SELF, &number), 0);
    told(&f, "/d/b", NOTIFY_OPEN);
    told(&f, "/d", NOTIFY_OPEN);
    assert_string_equal(heard(f.notifier), "2:20 b, 1:40000020 d, 2:40000020");
    assert_int_equal(namespace_unlink(&f.walk, "/d/b"), 0);
    assert_int_equal(namespace_rmdir(&f.walk, "/d"), 0);
    assert_string_equal(heard(f.notifier), "2:400, 2:8000, 1:40000200 d");
    assert_int_equal(notify_remove(f.notifier, 2), OSKIT_E_INVALIDARG);
    fixture_close(&f);
}

static void test_last_user(void **state)
{
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    assert_int_equal(fixture_open(&f), 0);
    assert_int_equal(make(&f, "/a"), 0);
    assert_int_equal(watch(&f, "/a", NOTIFY_ALL, &number), 0);
    struct location at = place(&f, "/a");
    assert_int_equal(namespace_unlink(&f.walk, "/a"), 0);
    assert_string_equal(heard(f.notifier), "1:4");
    notify_location(&at, NOTIFY_MODIFY);
    location_release(&at);
    assert_string_equal(heard(f.notifier), "1:2, 1:400, 1:8000");
    assert_int_equal(notify_watches, 0);
    fixture_close(&f);
}

static void test_watches(void **state)
{
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    assert_int_equal(fixture_open(&f), 0);
    assert_int_equal(make(&f, "/a"), 0);
    assert_int_equal(watch(&f, "/a", NOTIFY_OPEN | NOTIFY_ONESHOT, &number), 0);
    assert_int_equal(watch(&f, "/a", NOTIFY_ACCESS | NOTIFY_MASK_CREATE, &number), OSKIT_EEXIST);
    assert_int_equal(watch(&f, "/a", NOTIFY_ACCESS | NOTIFY_MASK_ADD, &number), 0);
    told(&f, "/a", NOTIFY_MODIFY);
    told(&f, "/a", NOTIFY_ACCESS);
    told(&f, "/a", NOTIFY_OPEN);
    assert_string_equal(heard(f.notifier), "1:1, 1:8000");
    for (int i = 2; i < 300; i++) {
        assert_int_equal(watch(&f, "/a", NOTIFY_OPEN, &number), 0);
        assert_int_equal(number, i);
        assert_int_equal(notify_remove(f.notifier, number), 0);
    }
    heard(f.notifier);
    assert_int_equal(notify_remove(f.notifier, -1), OSKIT_E_INVALIDARG);
    assert_int_equal(watch(&f, "/a", NOTIFY_OPEN, &number), 0);
    assert_int_equal(watch(&f, "/", NOTIFY_OPEN, &number), 0);
    oskit_iunknown_release(f.notifier);
    f.notifier = NULL;
    assert_int_equal(notify_watches, 0);
    told(&f, "/a", NOTIFY_OPEN);
    fixture_close(&f);
}

static void test_other_objects(void **state)
{
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    assert_int_equal(fixture_open(&f), 0);
    oskit_iunknown_t *file = (oskit_iunknown_t *)location_file(&f.root);
    assert_false(notify_is(file));
    assert_true(notify_is(f.notifier));
    assert_int_equal(notify_add(file, &f.root, NOTIFY_OPEN, &number), OSKIT_E_INVALIDARG);
    assert_int_equal(notify_remove(file, 1), OSKIT_E_INVALIDARG);
    assert_false(notify_each(file, NULL, NULL));
    fixture_close(&f);
}

static void test_limits(void **state)
{
    struct notify_limits old = notify_limits;
    oskit_iunknown_t *second, *third;
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    notify_limits.instances = 2;
    notify_limits.events = 3;
    notify_limits.watches = 1;
    assert_int_equal(fixture_open(&f), 0);
    assert_int_equal(notify_new(&second), 0);
    assert_int_equal(notify_new(&third), OSKIT_EMFILE);
    assert_null(third);
    env_test_set_identity(7, 7, 022, false);
    assert_int_equal(notify_new(&third), 0);
    oskit_iunknown_release(third);
    env_test_set_identity(0, 0, 022, true);
    oskit_iunknown_release(second);
    assert_int_equal(watch(&f, "/", NOTIFY_ALL, &number), 0);
    assert_int_equal(make(&f, "/a"), 0);
    assert_int_equal(watch(&f, "/a", NOTIFY_ALL, &number), OSKIT_ENOSPC);
    assert_int_equal(watch(&f, "/", NOTIFY_ALL, &number), 0);
    for (int i = 0; i < 3; i++) {
        told(&f, "/a", NOTIFY_OPEN);
        told(&f, "/a", NOTIFY_ACCESS);
    }
    assert_string_equal(heard(f.notifier), "1:100 a, 1:20 a, 1:1 a, -1:4000");
    told(&f, "/a", NOTIFY_OPEN);
    assert_string_equal(heard(f.notifier), "1:20 a");
    fixture_close(&f);
    atomic_store(&notify_limits.events, old.events);
    atomic_store(&notify_limits.instances, old.instances);
    atomic_store(&notify_limits.watches, old.watches);
}

static void test_no_memory(void **state)
{
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_iunknown_t *notifier;

        if (OSKIT_SUCCEEDED(notify_new(&notifier)))
            oskit_iunknown_release(notifier);
    }
    assert_int_equal(fixture_open(&f), 0);
    ENV_TEST_EACH_FAILURE
    {
        if (OSKIT_SUCCEEDED(watch(&f, "/", NOTIFY_ALL, &number)))
            assert_int_equal(notify_remove(f.notifier, number), 0);
    }
    heard(f.notifier);
    assert_int_equal(watch(&f, "/", NOTIFY_ALL, &number), 0);
    env_test_fail_after(1);
    told(&f, "/", NOTIFY_OPEN);
    env_test_fail_after(0);
    assert_string_equal(heard(f.notifier), "-1:4000"); /* that it was lost needs no memory */
    fixture_close(&f);
}

static bool count_event(struct readiness_waiter *waiter, uint32_t events)
{
    waiter->flags += events << 8;
    return true;
}

static void test_readiness(void **state)
{
    struct readiness_waiter waiter = {.mask = READY_READ, .notify = count_event};
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    assert_int_equal(fixture_open(&f), 0);
    sluice_pollable_t *pollable = sluice_query_face(f.notifier, &sluice_pollable_iid);
    struct readiness *readiness = pollable->ops->readiness(pollable);
    oskit_iunknown_release((oskit_iunknown_t *)pollable);
    list_init(&waiter.link);
    assert_int_equal(readiness_add(readiness, &waiter), 0);
    assert_int_equal(watch(&f, "/", NOTIFY_ALL, &number), 0);
    assert_int_equal(make(&f, "/a"), 0);
    assert_int_equal(waiter.flags, READY_READ << 8);
    assert_int_equal(readiness_level(readiness), READY_READ);
    assert_int_equal(namespace_unlink(&f.walk, "/a"), 0);
    assert_int_equal(waiter.flags, READY_READ << 9);
    assert_string_equal(heard(f.notifier), "1:100 a, 1:200 a");
    assert_int_equal(readiness_level(readiness), 0);
    readiness_remove(readiness, &waiter);
    fixture_close(&f);
}

/* More notifiers than a change keeps in mind, and an end of the file system under them. */
static void test_unmount(void **state)
{
    oskit_iunknown_t *others[6];
    struct fixture f;
    oskit_s32_t number;

    (void)state;
    assert_int_equal(fixture_open(&f), 0);
    assert_int_equal(make(&f, "/a"), 0);
    struct location at = place(&f, "/a");
    for (int i = 0; i < 6; i++) {
        assert_int_equal(notify_new(&others[i]), 0);
        assert_int_equal(notify_add(others[i], &at, NOTIFY_ALL, &number), 0);
    }
    location_release(&at);
    told(&f, "/a", NOTIFY_OPEN);
    for (int i = 0; i < 6; i++)
        assert_string_equal(heard(others[i]), "1:20");
    fixture_close(&f);
    for (int i = 0; i < 6; i++) {
        assert_string_equal(heard(others[i]), "1:2000, 1:8000");
        oskit_iunknown_release(others[i]);
    }
}

/* ---- Threads ---- */

static void storm(void *arg)
{
    struct fixture *f = arg;
    char path[32];

    for (int i = 0; i < 200; i++) {
        sprintf(path, "/%d-%lx", i % 4, (unsigned long)env_context());
        make(f, path);
        namespace_unlink(&f->walk, path);
    }
}

static void watching(void *arg)
{
    struct fixture *f = arg;
    oskit_iunknown_t *notifier;
    oskit_s32_t number;
    char record[300];
    oskit_u32_t got;

    for (int i = 0; i < 100; i++) {
        if (OSKIT_FAILED(notify_new(&notifier)))
            continue;
        if (OSKIT_SUCCEEDED(notify_add(notifier, &f->root,
                                       NOTIFY_ALL | (i % 2 ? NOTIFY_ONESHOT : 0), &number))) {
            oskit_stream_read((oskit_stream_t *)notifier, record, sizeof record, &got);
            if (i % 3)
                notify_remove(notifier, number);
        }
        oskit_iunknown_release(notifier);
    }
}

static void test_threads(void **state)
{
    struct fixture f;

    (void)state;
    assert_int_equal(fixture_open(&f), 0);
    for (int i = 0; i < 4; i++)
        assert_int_equal(env_thread_start("notify", i % 2 ? watching : storm, &f), 0);
    env_test_join_threads();
    assert_int_equal(notify_watches, 0);
    fixture_close(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_names),     HARNESS_TEST(test_last_user),
        HARNESS_TEST(test_watches),   HARNESS_TEST(test_other_objects),
        HARNESS_TEST(test_limits),    HARNESS_TEST(test_no_memory),
        HARNESS_TEST(test_readiness), HARNESS_TEST(test_unmount),
        HARNESS_TEST(test_threads),
    };

    return cmocka_run_group_tests_name("notify", tests, NULL, NULL);
}
