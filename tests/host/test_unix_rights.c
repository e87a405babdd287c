/* Descriptors in messages of UNIX sockets: which read gets them, circles, limits. */
#include "socket_case.h"

/* What stands for a kernel's open file. */
struct file {
    uint32_t references;
    sluice_socket_t *socket; /* or NULL; closed with the last reference */
};
static int files;

static struct file *file_new(sluice_socket_t *socket)
{
    struct file *file = malloc(sizeof *file);

    *file = (struct file){1, socket};
    files++;
    return file;
}

static void file_release(void *arg)
{
    struct file *file = arg;

    if (--file->references != 0)
        return;
    if (file->socket != NULL)
        sluice_socket_release(file->socket);
    files--;
    free(file);
}

static oskit_u32_t file_references(void *arg)
{
    return ((struct file *)arg)->references;
}

static void file_addref(void *arg)
{
    ((struct file *)arg)->references++;
}

static const struct socket_rights_host host = {file_release, file_references, file_addref};

static int setup(void **state)
{
    socket_rights_host = &host;
    return harness_setup(state);
}

static int teardown(void **state)
{
    int bad = harness_teardown(state);

    if (files != 0)
        print_error("%d files are left\n", files);
    if (unix_rights_live() != 0)
        print_error("%u rights are under way\n", unix_rights_live());
    return bad != 0 || files != 0 || unix_rights_live() != 0 ? -1 : 0;
}

/* Rights to COUNT files, of which each gets a reference more. */
static struct socket_rights *rights_to(struct file **to, oskit_u32_t count)
{
    struct socket_rights *rights = socket_rights_alloc(count);

    for (oskit_u32_t i = 0; i < count; i++) {
        to[i]->references++;
        rights->right[i] = (struct socket_right){
            to[i], to[i]->socket != NULL ? ((struct sluice_face *)to[i]->socket)->object : NULL};
    }
    return rights;
}

static long send_file(sluice_socket_t *s, const void *bytes, size_t length, struct file *file)
{
    struct socket_message message = {.rights = rights_to(&file, 1), .flags = SOCKET_MSG_DONTWAIT};
    long sent = send_full(s, bytes, length, &message);

    assert_true((message.rights == NULL) == (sent > 0));
    socket_rights_free(message.rights);
    return sent;
}

/* How many rights came with it, which are closed. */
static int receive_count(sluice_socket_t *s, char *buffer, size_t length, uint32_t flags,
                         long expected)
{
    struct socket_message message = {.flags = flags | SOCKET_MSG_DONTWAIT};

    assert_int_equal(receive_full(s, buffer, length, &message), expected);
    int count = message.rights != NULL ? (int)message.rights->count : 0;
    socket_rights_free(message.rights);
    return count;
}

/* ---- Riding ---- */

static void test_stream(void **state)
{
    struct file *file = file_new(NULL);
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    assert_int_equal(send_bytes(pair[0], "ab", 2), 2);
    assert_int_equal(send_file(pair[0], "cde", 3, file), 3);
    assert_int_equal(send_bytes(pair[0], "fg", 2), 2);
    assert_int_equal(send_file(pair[0], "h", 1, file), 1);
    assert_int_equal(file->references, 3);
    assert_int_equal(unix_rights_live(), 2);
    assert_int_equal(receive_count(pair[1], buffer, 1, 0, 1), 0);
    assert_int_equal(receive_count(pair[1], buffer, 16, SOCKET_MSG_PEEK, 4), 1);
    assert_int_equal(file->references, 3);
    assert_int_equal(receive_count(pair[1], buffer, 2, 0, 2), 1); /* b, and c with the right */
    assert_memory_equal(buffer, "bc", 2);
    assert_int_equal(file->references, 2);
    assert_int_equal(receive_count(pair[1], buffer, 16, 0, 5), 1); /* de fg h, and its right */
    assert_memory_equal(buffer, "defgh", 5);
    assert_int_equal(file->references, 1);

    /* A read that has the rights ends with their bytes. */
    assert_int_equal(send_file(pair[0], "ab", 2, file), 2);
    assert_int_equal(send_file(pair[0], "cd", 2, file), 2);
    assert_int_equal(receive_count(pair[1], buffer, 16, 0, 2), 1);
    /* read(2) drops them. */
    sluice_streamvec_t *vec = sluice_query_face(pair[1], &sluice_streamvec_iid);
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_size_t moved;
    uio_init_kernel(&uio, &segment, buffer, 16);
    assert_int_equal(vec->ops->readv(vec, &uio, 0, &moved), 0);
    assert_int_equal(moved, 2);
    oskit_iunknown_release((oskit_iunknown_t *)vec);
    assert_int_equal(file->references, 1);
    file_release(file);
    close_pair(pair);
}

static void test_messages(void **state)
{
    struct file *trio[3] = {file_new(NULL), file_new(NULL), file_new(NULL)};
    struct socket_message message = {.rights = NULL};
    sluice_socket_t *pair[2];
    char buffer[16];

    (void)state;
    open_unix_pair(SOCKET_DGRAM, pair);
    message.rights = rights_to(trio, 3);
    assert_int_equal(send_full(pair[0], "", 0, &message), 0);
    assert_null(message.rights);
    assert_int_equal(receive_count(pair[1], buffer, 16, SOCKET_MSG_PEEK, 0), 3);
    assert_int_equal(trio[2]->references, 2);
    assert_int_equal(receive_count(pair[1], buffer, 16, 0, 0), 3);
    assert_int_equal(send_file(pair[0], "unread", 6, trio[0]), 6);
    close_pair(pair);
    for (int i = 0; i < 3; i++)
        file_release(trio[i]);
}

static void test_refused(void **state)
{
    struct file *file = file_new(NULL);
    sluice_socket_t *pair[2];

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    while (send_bytes(pair[0], "........", 8) == 8)
        ;
    assert_int_equal(send_file(pair[0], "x", 1, file), OSKIT_EWOULDBLOCK);
    sluice_socket_release(pair[1]);
    assert_int_equal(send_file(pair[0], "x", 1, file), OSKIT_EPIPE);
    assert_int_equal(file->references, 1);
    sluice_socket_release(pair[0]);
    file_release(file);
}

/* Marks count as bytes do: small messages with rights are bounded. */
static void test_bounded(void **state)
{
    struct file *file = file_new(NULL);
    sluice_socket_t *pair[2];
    int count = 0;

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    while (send_file(pair[0], "x", 1, file) == 1)
        count++;
    assert_in_range(count, 700, 900);
    assert_int_equal(level_of(pair[0]), 0);
    char byte;
    while (receive_count(pair[1], &byte, 1, 0, 1) == 1 && --count > 0)
        ;
    assert_int_equal(level_of(pair[0]), READY_WRITE);
    close_pair(pair);
    file_release(file);
}

/* ---- Circles ---- */

/* Looking for circles comes with the close of any UNIX socket. */
static void collect(void)
{
    sluice_socket_t *s = open_unix(SOCKET_STREAM);

    sluice_socket_release(s);
}

static void test_own_queue(void **state)
{
    struct socket_address name = unix_abstract("self");
    sluice_socket_t *s = open_unix(SOCKET_DGRAM);
    struct file *file = file_new(s);

    (void)state;
    assert_int_equal(s->ops->bind(s, &name), 0);
    assert_int_equal(s->ops->connect(s, &name), 0);
    assert_int_equal(send_file(s, "x", 1, file), 1);
    collect();
    assert_int_equal(files, 1);
    file_release(file); /* only its own queue has it now */
    assert_int_equal(files, 1);
    collect();
    assert_int_equal(files, 0);
}

static void test_each_other(void **state)
{
    sluice_socket_t *pair[2];
    struct file *ends[2], *plain = file_new(NULL);

    (void)state;
    open_unix_pair(SOCKET_STREAM, pair);
    for (int i = 0; i < 2; i++)
        ends[i] = file_new(pair[i]);
    assert_int_equal(send_file(pair[0], "x", 1, ends[0]), 1);
    assert_int_equal(send_file(pair[1], "x", 1, ends[1]), 1);
    assert_int_equal(send_file(pair[1], "x", 1, plain), 1);
    file_release(plain);
    file_release(ends[0]);
    collect();
    assert_int_equal(files, 3); /* the other end can still be received from */
    char byte;
    assert_int_equal(receive_count(pair[1], &byte, 1, 0, 1), 1);
    assert_int_equal(files, 1); /* the first end died with what lay in it */
    file_release(ends[1]);
    collect();
    assert_int_equal(files, 0);
}

static void test_each_other_unseen(void **state)
{
    sluice_socket_t *pair[2];
    struct file *ends[2];

    (void)state;
    open_unix_pair(SOCKET_DGRAM, pair);
    for (int i = 0; i < 2; i++)
        ends[i] = file_new(pair[i]);
    assert_int_equal(send_file(pair[0], "x", 1, ends[0]), 1);
    assert_int_equal(send_file(pair[1], "x", 1, ends[1]), 1);
    file_release(ends[0]);
    file_release(ends[1]);
    assert_int_equal(files, 2);
    collect();
    assert_int_equal(files, 0);
}

/* What a message elsewhere leads to stays, with all that it leads to. */
static void test_reachable(void **state)
{
    sluice_socket_t *pair[2], *outside[2];
    struct file *ends[2];
    char byte;

    (void)state;
    open_unix_pair(SOCKET_DGRAM, outside);
    open_unix_pair(SOCKET_DGRAM, pair);
    for (int i = 0; i < 2; i++)
        ends[i] = file_new(pair[i]);
    assert_int_equal(send_file(pair[0], "x", 1, ends[0]), 1);
    assert_int_equal(send_file(pair[1], "x", 1, ends[1]), 1);
    assert_int_equal(send_file(outside[0], "x", 1, ends[0]), 1);
    file_release(ends[0]);
    file_release(ends[1]);
    collect();
    assert_int_equal(files, 2);
    assert_int_equal(receive_count(outside[1], &byte, 1, 0, 1), 1); /* closed when received */
    collect();
    assert_int_equal(files, 0);
    close_pair(outside);
}

/* A listener under way to one that waits in it for accept. */
static void test_listener(void **state)
{
    struct socket_address name = unix_abstract("circle");
    sluice_socket_t *listener = open_listener(SOCKET_STREAM, &name, 5);
    sluice_socket_t *client = open_unix(SOCKET_STREAM);
    struct file *file = file_new(listener), *client_file = file_new(client);

    (void)state;
    assert_int_equal(client->ops->connect(client, &name), 0);
    assert_int_equal(send_file(client, "x", 1, file), 1);
    file_release(file);
    collect();
    assert_int_equal(files, 1);
    assert_int_equal(level_of(client) & READY_ERR, READY_ERR); /* nobody can accept any more */
    file_release(client_file);
}

static void test_listener_of_client(void **state)
{
    struct socket_address name = unix_abstract("circle");
    sluice_socket_t *listener = open_listener(SOCKET_STREAM, &name, 5);
    sluice_socket_t *client = open_unix(SOCKET_STREAM);
    struct file *file = file_new(listener), *client_file = file_new(client);

    (void)state;
    assert_int_equal(client->ops->connect(client, &name), 0);
    assert_int_equal(send_file(client, "x", 1, file), 1);
    assert_int_equal(send_file(client, "x", 1, client_file), 1);
    file_release(client_file);
    collect();
    assert_int_equal(files, 2);
    file_release(file);
    collect();
    assert_int_equal(files, 0);
}

#define CHAIN 3000

/* Each lies in the next one's queue: closing the last closes all, and the stack stays flat. */
static void test_chain(void **state)
{
    static sluice_socket_t *senders[CHAIN];
    struct file *previous = file_new(NULL);

    (void)state;
    for (int i = 0; i < CHAIN; i++) {
        sluice_socket_t *pair[2];
        open_unix_pair(SOCKET_DGRAM, pair);
        senders[i] = pair[0];
        struct file *next = file_new(pair[1]);
        assert_int_equal(send_file(pair[0], "x", 1, previous), 1);
        file_release(previous);
        previous = next;
    }
    assert_int_equal(files, CHAIN + 1);
    file_release(previous);
    assert_int_equal(files, 0);
    for (int i = 0; i < CHAIN; i++)
        sluice_socket_release(senders[i]);
}

/* ---- Limits ---- */

static struct socket_caller caller = {.credentials = {1, 1000, 1000}};

static void caller_get(struct socket_caller *out)
{
    *out = caller;
}

static void test_limit(void **state)
{
    struct file *hundred[100], *one = file_new(NULL);
    sluice_socket_t *pair[2];

    (void)state;
    socket_caller_get = caller_get;
    open_unix_pair(SOCKET_DGRAM, pair);
    for (int i = 0; i < 100; i++)
        hundred[i] = one;
    for (oskit_u32_t i = 0; i < UNIX_RIGHTS_LIMIT / 100; i++) {
        struct socket_message message = {.rights = rights_to(hundred, 100)};
        assert_int_equal(send_full(pair[0], "x", 1, &message), 1);
    }
    struct socket_message message = {.rights = rights_to(hundred, 100)};
    assert_int_equal(send_full(pair[0], "x", 1, &message), OSKIT_ETOOMANYREFS);
    caller.credentials.uid = 1001; /* another user */
    assert_int_equal(send_full(pair[0], "x", 1, &message), 1);
    caller.credentials.uid = 1000;
    caller.capabilities = CAPABILITY_BIT(CAPABILITY_SYS_RESOURCE);
    assert_int_equal(send_file(pair[0], "x", 1, one), 1);
    caller.capabilities = 0;
    char byte;
    assert_int_equal(receive_count(pair[1], &byte, 1, 0, 1), 100);
    assert_int_equal(send_file(pair[0], "x", 1, one), 1);
    close_pair(pair);
    assert_int_equal(one->references, 1);
    file_release(one);
    socket_caller_get = NULL;
}

static void test_failures(void **state)
{
    struct file *file = file_new(NULL);

    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        sluice_socket_t *one, *other;
        if (OSKIT_SUCCEEDED(socket_create_pair(SOCKET_UNIX, SOCKET_STREAM, 0, &one, &other))) {
            struct socket_rights *rights = socket_rights_alloc(1);
            struct socket_message message = {.rights = rights};
            if (rights != NULL) {
                file->references++;
                rights->right[0].file = file;
                send_full(one, "x", 1, &message);
                socket_rights_free(message.rights);
            }
            sluice_socket_release(one);
            sluice_socket_release(other);
        }
        assert_int_equal(file->references, 1);
    }
    file_release(file);
}

#define RIGHTS_TEST(function) cmocka_unit_test_setup_teardown(function, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        RIGHTS_TEST(test_stream),
        RIGHTS_TEST(test_messages),
        RIGHTS_TEST(test_refused),
        RIGHTS_TEST(test_bounded),
        RIGHTS_TEST(test_own_queue),
        RIGHTS_TEST(test_each_other),
        RIGHTS_TEST(test_each_other_unseen),
        RIGHTS_TEST(test_reachable),
        RIGHTS_TEST(test_listener),
        RIGHTS_TEST(test_listener_of_client),
        RIGHTS_TEST(test_chain),
        RIGHTS_TEST(test_limit),
        RIGHTS_TEST(test_failures),
    };
    return cmocka_run_group_tests_name("unix_rights", tests, NULL, NULL);
}
