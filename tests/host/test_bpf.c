/* Classic BPF: what the check lets pass, what programs compute; both beside Linux's own, which runs
 * the same programs on datagrams of UNIX sockets. */
#include "harness.h"

#include <errno.h>
#include <linux/filter.h>
#include <sys/socket.h>
#include <unistd.h>
#include "choices.h"
#include "io/net/bpf.h"

/* ---- Running ---- */

static uint32_t run(const struct bpf_instruction *code, uint32_t count, const void *bytes,
                    uint32_t length)
{
    struct bpf_program *program;
    struct bpf_view view = {.bytes = bytes, .piece = length, .length = length};

    assert_int_equal(bpf_create(code, count, &program), 0);
    uint32_t kept = bpf_run(program, &view);
    bpf_put(program);
    return kept;
}

/* As tcpdump has "udp port 53" for Ethernet and IPv4. */
static const struct bpf_instruction dns[] = {
    {0x28, 0, 0, 12}, {0x15, 0, 8, 0x0800}, {0x30, 0, 0, 23}, {0x15, 0, 6, 17},
    {0x28, 0, 0, 20}, {0x45, 4, 0, 0x1fff}, {0xb1, 0, 0, 14}, {0x48, 0, 0, 16},
    {0x15, 0, 1, 53}, {0x06, 0, 0, 65535},  {0x06, 0, 0, 0},
};

static void test_real_filter(void **state)
{
    uint8_t frame[60] = {[12] = 8, [14] = 0x45, [23] = 17, [37] = 53};

    (void)state;
    assert_int_equal(run(dns, 11, frame, sizeof frame), 65535);
    frame[37] = 54;
    assert_int_equal(run(dns, 11, frame, sizeof frame), 0);
    frame[37] = 53;
    frame[21] = 1; /* not the first fragment */
    assert_int_equal(run(dns, 11, frame, sizeof frame), 0);
    assert_int_equal(run(dns, 11, frame, 20), 0); /* cut off */
}

static void test_pieces(void **state)
{
    uint8_t first[3] = {1, 2, 3}, second[1] = {4}, third[4] = {5, 6, 7, 8};
    struct sg_segment segments[2] = {{first, 3}, {second, 1}}, last = {third, 4};
    struct packet more = {.segments = &last, .segment_count = 1, .length = 4};
    struct packet packet = {.more = &more, .segments = segments, .segment_count = 2, .length = 4};
    struct bpf_view view = {.bytes = first, .piece = 3, .packet = &packet, .length = 8};
    const struct bpf_instruction word[] = {{0x20, 0, 0, 2}, {0x16, 0, 0, 0}};
    struct bpf_program *program;

    (void)state;
    assert_int_equal(bpf_create(word, 2, &program), 0);
    assert_int_equal(bpf_run(program, &view), 0x03040506);
    bpf_put(program);
}

static void test_places(void **state)
{
    uint8_t frame[20] = {[12] = 0x86, [13] = 0xdd, [14] = 0x60};
    struct bpf_view view = {
        .bytes = frame,
        .piece = sizeof frame,
        .length = sizeof frame,
        .start = 14,
        .network = 14,
        .protocol = 0x86dd,
        .kind = 4,
        .interface = 2,
        .hardware = 1,
    };
    static const struct {
        uint16_t code;
        uint32_t k, value;
    } loads[] = {
        {0x30, 0, 0x60},
        {0x30, 0xfff00000u, 0x60},
        {0x28, 0xffe00000u + 12, 0x86dd},
        {0x28, 0xfffff000u, 0x86dd},
        {0x30, 0xfffff000u + 4, 4},
        {0x20, 0xfffff000u + 8, 2},
        {0x20, 0xfffff000u + 28, 1},
        {0x20, 0xfffff000u + 48, 0},
        {0x80, 0, 6},
    };
    struct bpf_program *program;

    (void)state;
    for (size_t i = 0; i < sizeof loads / sizeof loads[0]; i++) {
        struct bpf_instruction code[] = {{loads[i].code, 0, 0, loads[i].k}, {0x16, 0, 0, 0}};
        assert_int_equal(bpf_create(code, 2, &program), 0);
        assert_int_equal(bpf_run(program, &view), loads[i].value);
        bpf_put(program);
    }
}

static void test_refused(void **state)
{
    static const struct bpf_instruction bad[][2] = {
        {{0x28, 0, 0, 0}, {0x28, 0, 0, 0}},           /* no return */
        {{0x05, 0, 0, 1}, {0x06, 0, 0, 0}},           /* jumps out */
        {{0x15, 0, 1, 0}, {0x06, 0, 0, 0}},           /* the same, if false */
        {{0x05, 0, 0, 0xffffffffu}, {0x06, 0, 0, 0}}, /* and back */
        {{0x34, 0, 0, 0}, {0x06, 0, 0, 0}},           /* division by 0 */
        {{0x94, 0, 0, 0}, {0x06, 0, 0, 0}},
        {{0x64, 0, 0, 32}, {0x06, 0, 0, 0}}, /* a shift of all bits */
        {{0x60, 0, 0, 0}, {0x06, 0, 0, 0}},  /* never written */
        {{0x02, 0, 0, 16}, {0x06, 0, 0, 0}}, /* no such word */
        {{0x20, 0, 0, 0xfffff000u + 12}, {0x06, 0, 0, 0}},
        {{0xffff, 0, 0, 0}, {0x06, 0, 0, 0}},
        {{0x00, 0, 0, 0}, {0x0e, 0, 0, 0}}, /* a return of X */
    };
    struct bpf_program *program;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        assert_int_equal(bpf_create(bad[i], 2, &program), OSKIT_E_INVALIDARG);
        assert_null(program);
    }
    assert_int_equal(bpf_create(bad[0], 0, &program), OSKIT_E_INVALIDARG);
    assert_int_equal(bpf_create(bad[0], BPF_LENGTH_MAX + 1, &program), OSKIT_E_INVALIDARG);
}

static void test_from_user(void **state)
{
    struct bpf_instruction code[] = {{0x06, 0, 0, 7}};
    struct bpf_request request = {.count = 1, .code = (uintptr_t)code};
    struct bpf_program *program;

    (void)state;
    ENV_TEST_EACH_FAILURE
    {
        oskit_error_t err = bpf_create_from_user(&request, sizeof request, &program);
        assert_int_equal(err, env_test_failed() ? OSKIT_ENOMEM : 0);
        bpf_put(program);
    }
    assert_int_equal(bpf_create_from_user(&request, 8, &program), OSKIT_E_INVALIDARG);
    env_test_bad_user(code, 1);
    assert_int_equal(bpf_create_from_user(&request, sizeof request, &program), OSKIT_EFAULT);
    env_test_bad_user(NULL, 0);
}

/* ---- Beside Linux ---- */

static const uint16_t codes[] = {
    0x20, 0x28, 0x30, 0x40, 0x48, 0x50, 0x80, 0x00, 0x60, 0x01, 0x61, 0x81, 0xb1, 0x02,
    0x03, 0x04, 0x0c, 0x14, 0x1c, 0x24, 0x2c, 0x34, 0x3c, 0x44, 0x4c, 0x54, 0x5c, 0x64,
    0x6c, 0x74, 0x7c, 0x84, 0x94, 0x9c, 0xa4, 0xac, 0x05, 0x15, 0x1d, 0x25, 0x2d, 0x35,
    0x3d, 0x45, 0x4d, 0x06, 0x16, 0x07, 0x87, 0x18, 0x0e, 0x8c, 0x99,
};
#define CODES (sizeof codes / sizeof codes[0])

static uint32_t choose_k(struct choices *choices)
{
    static const uint32_t some[] = {0, 1, 2, 3, 4, 7, 15, 16, 31, 32, 64, 0x7fffffffu, 0x80000000u};

    return some[choices_next(choices, sizeof some / sizeof some[0])];
}

static uint32_t choose_program(struct choices *choices, struct bpf_instruction *code, uint32_t max)
{
    uint32_t count = 1 + choices_next(choices, max);

    for (uint32_t i = 0; i < count; i++) {
        uint32_t left = count - i;
        code[i] = (struct bpf_instruction){codes[choices_next(choices, CODES)],
                                           (uint8_t)choices_next(choices, left),
                                           (uint8_t)choices_next(choices, left), choose_k(choices)};
        if (code[i].code == 0x05)
            code[i].k = choices_next(choices, left);
        /* Rarely a wrong code, else few programs are accepted. */
        if (code[i].code == 0x18 || code[i].code == 0x0e || code[i].code == 0x8c ||
            code[i].code == 0x99)
            code[i].code = choices_next(choices, 8) == 0 ? code[i].code : 0x00;
    }
    code[count - 1] = (struct bpf_instruction){choices_next(choices, 2) ? 0x16 : 0x06, 0, 0, 9};
    return count;
}

static bool linux_takes(int fd, const struct bpf_instruction *code, uint32_t count)
{
    struct sock_fprog program = {(unsigned short)count, (struct sock_filter *)code};

    return setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program) == 0;
}

/* The bytes that come through. */
static uint32_t linux_keeps(const int fds[2], const uint8_t *bytes, uint32_t length)
{
    uint8_t back[64];

    assert_int_equal(send(fds[1], bytes, length, 0), length);
    ssize_t kept = recv(fds[0], back, sizeof back, MSG_DONTWAIT);
    if (kept < 0)
        assert_int_equal(errno, EAGAIN);
    return kept < 0 ? 0 : (uint32_t)kept;
}

static void compare(struct choices *choices, const int fds[2], unsigned *taken)
{
    struct bpf_instruction code[12];
    struct bpf_program *program;
    uint8_t bytes[20];
    uint32_t count = choose_program(choices, code, 12), length = 1 + choices_next(choices, 20);

    for (uint32_t i = 0; i < length; i++)
        bytes[i] = (uint8_t)choices_next(choices, 256);
    bool takes = linux_takes(fds[0], code, count);
    assert_int_equal(bpf_create(code, count, &program), takes ? 0 : OSKIT_E_INVALIDARG);
    if (!takes)
        return;
    struct bpf_view view = {.bytes = bytes, .piece = length, .length = length};
    uint32_t kept = bpf_run(program, &view);
    assert_int_equal(kept < length ? kept : length, linux_keeps(fds, bytes, length));
    bpf_put(program);
    ++*taken;
}

static void test_as_linux(void **state)
{
    int fds[2];
    unsigned taken = 0;

    (void)state;
    assert_int_equal(socketpair(AF_UNIX, SOCK_DGRAM, 0, fds), 0);
    for (uint32_t seed = 0; seed < 20000; seed++) {
        struct choices choices = choices_from_seed(seed * 0x9e3779b97f4a7c15u);
        compare(&choices, fds, &taken);
    }
    assert_true(taken > 1000);
    close(fds[0]);
    close(fds[1]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_real_filter), HARNESS_TEST(test_pieces),    HARNESS_TEST(test_places),
        HARNESS_TEST(test_refused),     HARNESS_TEST(test_from_user), HARNESS_TEST(test_as_linux),
    };
    return cmocka_run_group_tests_name("bpf", tests, NULL, NULL);
}
