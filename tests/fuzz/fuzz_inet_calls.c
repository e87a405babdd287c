/*
 * Calls on the internet's sockets: TCP, UDP, raw and ping sockets of both families, over the
 * loopback and to a neighbour behind a card, who answers or says what he likes; any options, flags,
 * control data, lengths; bad user memory, no memory, and time.
 *
 * What a TCP socket receives from another of ours is what that one sent, from its beginning,
 * without a gap: byte N of what is sent from port P is pattern(P, N). A datagram of ours is whole,
 * each byte follows from the one before. Levels keep their word: what READ or WRITE says is what
 * the next call does. When all is closed no packet, object or block is left.
 */
#include "fuzz.h"
#include "io/net/bpf.h"
#include "neighbour.h"
#include "net_case.h"

#define SLOTS  8u
#define ROOM   9000u
#define SECOND 1000000000ull

#define SO_RCVLOWAT      18
#define SO_ATTACH_FILTER 26
#define SO_PROTOCOL      38

struct file {
    sluice_socket_t *s;
    int family, type;
    bool connecting;
    /* A stream: where its bytes are; known: who sends them is a socket of ours. */
    uint32_t sent, received;
    uint16_t peer;
    bool known;
    uint8_t last; /* of a datagram */
};

struct subject {
    struct choices *choices;
    struct file slots[SLOTS];
    bool urgent; /* somebody sent out of band: streams have a byte less then */
};

/* Memory that is sent where it lies. */
struct held {
    struct socket_hold hold;
    uint8_t *bytes;
};

static uint32_t choose(struct subject *s, uint32_t limit)
{
    return choices_next(s->choices, limit);
}

static uint8_t pattern(uint16_t port, uint32_t at)
{
    uint32_t mixed = (at + port * 40503u) * 2654435761u;

    return (uint8_t)(mixed >> 24);
}

static uint8_t *fill_any(struct subject *s, uint8_t *bytes, uint32_t size)
{
    for (uint32_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)choose(s, 256);
    return bytes;
}

/* ---- Names ---- */

static const uint8_t addresses4[][4] = {
    {127, 0, 0, 1}, {10, 0, 2, 15}, {10, 0, 2, 2},   {0},
    {127, 0, 0, 2}, {224, 0, 0, 5}, {10, 0, 2, 255}, {255, 255, 255, 255},
};
static const uint8_t addresses6[][16] = {
    {[15] = 1}, {[10] = 0xff, 0xff, 127, 0, 0, 1},        {[10] = 0xff, 0xff, 10, 0, 2, 2},
    {0},        {0xfe, 0x80, [11] = 0xff, 0xfe, 0, 0, 1}, {0xff, 2, [15] = 1},
};
static const uint16_t ports[] = {80, 81, 0, 5000};

static uint16_t port_of(const struct socket_address *name)
{
    return __builtin_bswap16(name->u.in.port); /* both families have it there */
}

static uint16_t choose_port(struct subject *s)
{
    struct file *file = &s->slots[choose(s, SLOTS)];
    struct socket_address name;
    uint32_t which = choose(s, 5);

    if (which < SLUICE_COUNT(ports))
        return ports[which];
    if (file->s == NULL || file->s->ops->getsockname(file->s, &name) != 0)
        return 80;
    return port_of(&name);
}

static struct socket_address choose_name(struct subject *s, int family)
{
    struct socket_address name = {.length = family == SOCKET_INET ? 16 : 28};

    name.u.family = (oskit_u16_t)family;
    name.u.in.port = __builtin_bswap16(choose_port(s));
    if (family == SOCKET_INET) {
        memcpy(name.u.in.address, addresses4[choose(s, SLUICE_COUNT(addresses4))], 4);
    } else {
        memcpy(name.u.in6.address, addresses6[choose(s, SLUICE_COUNT(addresses6))], 16);
        name.u.in6.scope = choose(s, 3);
    }
    if (choose(s, 16) == 15)
        name.length = choose(s, 40);
    if (choose(s, 16) == 15)
        name.u.family = (oskit_u16_t)(choose(s, 2) ? 0 : choose(s, 20));
    return name;
}

/* Not the neighbour, but one of ours. */
static bool is_ours(const struct socket_address *name)
{
    static const uint8_t neighbour[4] = {10, 0, 2, 2};

    if (name->u.family == SOCKET_INET)
        return memcmp(name->u.in.address, neighbour, 4) != 0;
    return name->u.family == SOCKET_INET6 && memcmp(name->u.in6.address + 12, neighbour, 4) != 0;
}

/* ---- Sockets ---- */

static void file_close(struct file *file)
{
    oskit_u64_t deadline;

    if (file->s == NULL)
        return;
    file->s->ops->close(file->s, &deadline);
    sluice_socket_release(file->s);
    *file = (struct file){.s = NULL};
}

static void make(struct subject *s, struct file *file)
{
    static const struct {
        uint8_t type, protocol;
    } kinds[] = {{SOCKET_STREAM, 0}, {SOCKET_STREAM, 0}, {SOCKET_STREAM, 0}, {SOCKET_DGRAM, 0},
                 {SOCKET_DGRAM, 17}, {SOCKET_DGRAM, 1},  {SOCKET_DGRAM, 58}, {SOCKET_RAW, 1},
                 {SOCKET_RAW, 58},   {SOCKET_RAW, 17},   {SOCKET_RAW, 255},  {SOCKET_RAW, 99}};
    uint32_t which = choose(s, SLUICE_COUNT(kinds));
    int family = choose(s, 2) ? SOCKET_INET6 : SOCKET_INET;
    sluice_socket_t *made;

    file_close(file);
    if (socket_create(family, kinds[which].type, kinds[which].protocol, &made) != 0)
        return;
    *file = (struct file){.s = made, .family = family, .type = kinds[which].type};
}

static void stream_begins(struct file *file, const struct socket_address *peer)
{
    file->sent = file->received = 0;
    file->peer = port_of(peer);
    file->known = is_ours(peer);
}

static void try_accept(struct subject *s, struct file *file)
{
    struct file *to = &s->slots[choose(s, SLOTS)];
    uint32_t level = net_level(file->s);
    struct socket_address peer;
    sluice_socket_t *got;
    oskit_error_t err = file->s->ops->accept(file->s, &peer, &got);

    if (err == OSKIT_EWOULDBLOCK)
        assert_false(level & READY_READ);
    if (err != 0) {
        assert_null(got);
        return;
    }
    assert_true(level & READY_READ);
    struct file accepted = {.s = got, .family = file->family, .type = SOCKET_STREAM};
    stream_begins(&accepted, &peer);
    file_close(to);
    *to = accepted;
}

static void try_connect(struct subject *s, struct file *file)
{
    struct socket_address name = choose_name(s, file->family);
    bool begun = file->connecting;
    oskit_error_t err = file->s->ops->connect(file->s, &name);

    if (file->type != SOCKET_STREAM)
        return;
    if (err == OSKIT_EALREADY)
        assert_true(begun && !(net_level(file->s) & READY_WRITE));
    if (err == OSKIT_EALREADY || name.length < sizeof name.u.family)
        return; /* it goes on */
    file->connecting = err == OSKIT_EINPROGRESS;
    if (err == OSKIT_EINPROGRESS)
        stream_begins(file, &name);
    else if (err == 0 && name.u.family == 0)
        file->known = false;
}

static void try_names(struct subject *s, struct file *file)
{
    struct socket_address name = choose_name(s, file->family);

    if (choose(s, 2)) {
        file->s->ops->bind(file->s, &name);
        return;
    }
    assert_int_equal(file->s->ops->getsockname(file->s, &name), 0);
    assert_int_equal(name.length, file->family == SOCKET_INET ? 16 : 28);
    if (file->s->ops->getpeername(file->s, &name) == 0)
        assert_int_equal(name.length, file->family == SOCKET_INET ? 16 : 28);
}

/* ---- Options ---- */

static uint32_t fill_value(struct subject *s, uint8_t *value)
{
    static const int32_t numbers[] = {0, 1, -1, 2, 3, 64, 255, 536, 5000, 100000, INT32_MIN};
    uint32_t which = choose(s, SLUICE_COUNT(numbers) + 2);

    if (which < SLUICE_COUNT(numbers)) {
        memcpy(value, &numbers[which], 4);
        memset(value + 4, 0, 4);
        return choose(s, 2) ? 4 : 8;
    }
    uint32_t size = choose(s, 24);
    fill_any(s, value, size);
    return choose(s, 16) == 15 ? 144 : size;
}

/* A byte of the packet decides how much of it is wanted. */
static void try_filter(struct subject *s, struct file *file)
{
    struct bpf_instruction code[] = {
        {0x30, 0, 0, choose(s, 4) ? choose(s, 64) : 0xfff00000u + choose(s, 64)},
        {0x15, 0, (uint8_t)choose(s, 2), choose(s, 256)},
        {0x06, 0, 0, choose(s, 2) ? 4096 : choose(s, 40)},
        {0x06, 0, 0, 0},
    };
    struct bpf_request request = {.count = (uint16_t)(choose(s, 8) ? 4 : choose(s, 4)),
                                  .code = (uintptr_t)code};

    net_set(file->s, 1, SO_ATTACH_FILTER, &request, sizeof request);
}

/* Value and room are as long as is said and not a byte longer. */
static void try_option(struct subject *s, struct file *file)
{
    static const int levels[] = {1, 0, 6, 17, 41, 58, 255, 270};
    int level = levels[choose(s, SLUICE_COUNT(levels))], name = (int)choose(s, 84);
    uint8_t value[256] = {0};
    oskit_u32_t size = fill_value(s, value), room = size;

    if (level == 1 && name == SO_ATTACH_FILTER) { /* its value points to a program */
        try_filter(s, file);
        return;
    }
    uint8_t *copy = fuzz_copy(value, size);
    if (choose(s, 3))
        file->s->ops->setsockopt(file->s, level, name, copy, size);
    else
        file->s->ops->getsockopt(file->s, level, name, copy, &room);
    free(copy);
}

static int low_water(struct file *file)
{
    int low = 1;

    net_get(file->s, 1, SO_RCVLOWAT, &low, sizeof low);
    return low;
}

/* ---- Sending ---- */

static void control_any(struct subject *s, struct socket_control *control)
{
    static const uint8_t levels[] = {0, 41, 1, 17};
    uint8_t bytes[160] = {0}, *at = bytes;

    for (uint32_t count = choose(s, 3); count > 0; count--) {
        uint32_t data = choose(s, 2) ? 4 : choose(s, 36);
        uint64_t length = 16 + (choose(s, 8) ? data : choose(s, 200));
        int32_t kind[2] = {levels[choose(s, sizeof levels)], (int32_t)choose(s, 104)};
        memcpy(at, &length, sizeof length);
        memcpy(at + 8, kind, sizeof kind);
        if (choose(s, 2))
            fill_any(s, at + 16, data);
        at += 16 + (data + 7) / 8 * 8;
    }
    control->length = control->room = (uint32_t)(at - bytes);
    control->bytes = fuzz_copy(bytes, control->length);
}

/* What goes next from this socket. */
static void fill_next(struct file *file, uint8_t *bytes, size_t size)
{
    struct socket_address name;
    uint8_t byte = file->last;

    assert_int_equal(file->s->ops->getsockname(file->s, &name), 0);
    for (size_t i = 0; i < size; i++) {
        if (file->type != SOCKET_STREAM)
            byte = (uint8_t)(byte * 5 + 1);
        bytes[i] =
            file->type == SOCKET_STREAM ? pattern(port_of(&name), file->sent + (uint32_t)i) : byte;
    }
}

static uint32_t choose_flags(struct subject *s)
{
    static const uint32_t flags[] = {SOCKET_MSG_MORE,   SOCKET_MSG_OOB,      SOCKET_MSG_PEEK,
                                     SOCKET_MSG_TRUNC,  SOCKET_MSG_ERRQUEUE, SOCKET_MSG_WAITALL,
                                     SOCKET_MSG_CONFIRM};
    uint32_t which = choose(s, 20);

    if (which == 19)
        return choose(s, UINT32_MAX);
    return which < SLUICE_COUNT(flags) ? flags[which] : SOCKET_MSG_DONTWAIT;
}

static void held_release(struct socket_hold *hold)
{
    struct held *held = (struct held *)hold;

    free(held->bytes);
    free(held);
}

static void held_put(struct held *held)
{
    if (--held->hold.references == 0)
        held_release(&held->hold);
}

static oskit_error_t send_held(struct file *file, struct socket_message *message,
                               const uint8_t *bytes, size_t size, oskit_size_t *sent)
{
    struct held *held = fuzz_copy(&(struct held){{1, held_release}, NULL}, sizeof *held);
    oskit_error_t err;

    held->bytes = fuzz_copy(bytes, size);
    struct sg_segment segments[2] = {
        {.base = held->bytes, .length = (oskit_u32_t)(size / 3)},
        {.base = held->bytes + size / 3, .length = (oskit_u32_t)(size - size / 3)}};
    err = file->s->ops->send_segments(file->s, message, segments, 2, &held->hold, sent);
    if (message->notice != NULL) { /* there will be no more of it */
        oskit_size_t none;
        file->s->ops->send_segments(file->s, message, segments, 0, &held->hold, &none);
    }
    held_put(held);
    return err;
}

static void note_sent(struct file *file, const uint8_t *bytes, size_t sent)
{
    if (file->type == SOCKET_STREAM)
        file->sent += (uint32_t)sent;
    else if (sent > 0)
        file->last = bytes[sent - 1];
}

static void try_send(struct subject *s, struct file *file)
{
    static uint8_t bytes[ROOM];
    size_t size = choose(s, choose(s, 2) ? ROOM : 40), bad = SIZE_MAX;
    struct socket_address name = choose_name(s, file->family);
    struct socket_control control = {.bytes = NULL};
    struct socket_message message = {.flags = choose_flags(s),
                                     .name = choose(s, 2) ? &name : NULL,
                                     .control = choose(s, 4) == 3 ? &control : NULL};
    struct sluice_iovec iov[2] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
    bool segments = choose(s, 8) == 7;
    struct sluice_uio uio;
    oskit_size_t sent;

    if (message.control != NULL)
        control_any(s, &control);
    if (choose(s, 16) == 15)
        bad = choose(s, ROOM);
    fill_next(file, bytes, size);
    if (message.flags & SOCKET_MSG_OOB)
        s->urgent = true;
    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, iov, 2, true);
    message.uio = &uio;
    uint32_t level = net_level(file->s);
    oskit_error_t err = segments ? send_held(file, &message, bytes, size, &sent)
                                 : file->s->ops->send(file->s, &message, &sent);
    env_test_bad_user(NULL, 0);
    free(control.bytes);
    assert_true(sent <= size && (err == 0 || sent == 0));
    if (!segments && err == 0)
        assert_true(sent <= bad && uio.left == size - sent);
    if (err == OSKIT_EWOULDBLOCK)
        assert_false(level & net_level(file->s) & READY_WRITE);
    if (err == 0 && file->type != SOCKET_STREAM)
        assert_int_equal(sent, size);
    note_sent(file, bytes, sent);
}

/* ---- Receiving ---- */

static void check_stream(struct subject *s, struct file *file, const uint8_t *bytes, size_t size)
{
    if (!file->known || s->urgent)
        return;
    for (size_t i = 0; i < size; i++)
        assert_int_equal(bytes[i], pattern(file->peer, file->received + (uint32_t)i));
}

static void check_datagram(const struct socket_address *from, const uint8_t *bytes, size_t size)
{
    if (!is_ours(from))
        return;
    for (size_t i = 1; i < size; i++)
        assert_int_equal(bytes[i], (uint8_t)(bytes[i - 1] * 5 + 1));
}

static void check_received(struct subject *s, struct file *file, uint32_t flags,
                           const struct socket_address *from, const uint8_t *bytes, size_t size)
{
    int protocol = 0;

    if (flags & ~(SOCKET_MSG_PEEK | SOCKET_MSG_TRUNC | SOCKET_MSG_WAITALL | SOCKET_MSG_DONTWAIT)) {
        s->urgent = true; /* whatever it took, it's no plain read */
        return;
    }
    if (file->type == SOCKET_STREAM) {
        if (!(flags & SOCKET_MSG_TRUNC))
            check_stream(s, file, bytes, size);
        if (!(flags & SOCKET_MSG_PEEK))
            file->received += (uint32_t)size;
        return;
    }
    net_get(file->s, 1, SO_PROTOCOL, &protocol, sizeof protocol);
    if (file->type == SOCKET_DGRAM && protocol == 17)
        check_datagram(from, bytes, size);
}

static void check_level(struct file *file, uint32_t flags, size_t size, uint32_t level,
                        oskit_error_t err)
{
    if ((flags & ~SOCKET_MSG_PEEK) != SOCKET_MSG_DONTWAIT || size == 0)
        return;
    /* Who shuts a datagram socket may read at once and is told that there is nothing, as on Linux.
     */
    if (err == OSKIT_EWOULDBLOCK && !(file->type != SOCKET_STREAM && (level & READY_RDHUP)))
        assert_false(level & READY_READ);
    if (err == 0 && low_water(file) == 1)
        assert_true(level & READY_READ);
}

static void try_receive(struct subject *s, struct file *file)
{
    static uint8_t bytes[ROOM];
    size_t size = choose(s, choose(s, 2) ? ROOM : 40), bad = SIZE_MAX;
    struct socket_address from = {.length = 0};
    uint32_t room = choose(s, 200);
    struct socket_control control = {.bytes = fuzz_copy(bytes, room), .room = room};
    struct socket_message message = {
        .flags = choose_flags(s), .name = &from, .control = choose(s, 4) ? &control : NULL};
    struct sluice_iovec iov[2] = {{bytes, size / 2}, {bytes + size / 2, size - size / 2}};
    struct sluice_uio uio;
    oskit_size_t got;

    if (choose(s, 16) == 15)
        bad = choose(s, ROOM);
    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, iov, 2, true);
    message.uio = &uio;
    uint32_t level = net_level(file->s);
    oskit_error_t err = file->s->ops->receive(file->s, &message, &got);
    env_test_bad_user(NULL, 0);
    assert_true(control.length <= room);
    free(control.bytes);
    assert_true(err == 0 || got == 0);
    if (!(message.flags & SOCKET_MSG_TRUNC))
        assert_true(got <= size && got <= bad);
    check_level(file, message.flags, size, level, err);
    if (err == 0)
        check_received(s, file, message.flags, &from, bytes, got);
}

/* ---- Time ---- */

static bool show_counted(void *arg, const struct inet_socket *socket)
{
    uint32_t *count = arg;

    (void)socket;
    (*count)++;
    return true;
}

static uint32_t streams_count(void)
{
    uint32_t count = 0;

    inet_socket_each(SOCKET_INET, SOCKET_STREAM, show_counted, &count);
    inet_socket_each(SOCKET_INET6, SOCKET_STREAM, show_counted, &count);
    return count;
}

/* What was sent in vain: questions who has an address, and segments without data. */
struct vain {
    uint32_t questions, bare;
};

static void vain_count(struct vain *vain, const struct fake_frame *sent)
{
    const uint8_t *ip = sent->bytes + 14;

    if (sent->bytes[12] != 8)
        return;
    if (sent->bytes[13] == 6)
        vain->questions++;
    else if (ip[9] == 6 && sent->length <= 14u + 20 + (ip[32] >> 4) * 4u)
        vain->bare++;
}

/* Nobody answers meanwhile: a connection says something once a second at most, but for the first
 * times. Data is sent again in as many segments as it was given in. */
static void seconds_pass(uint32_t seconds)
{
    uint32_t streams = streams_count();
    struct vain vain = {0};

    for (uint32_t i = 0; i < seconds; i++) {
        uint32_t at = net_card->count;
        env_test_clock_advance(SECOND);
        for (; at < net_card->count; at++)
            vain_count(&vain, &net_card->sent[(net_card->first + at) % FAKE_CARD_FRAMES]);
        if (net_card->count > FAKE_CARD_FRAMES / 2)
            fake_card_clear(net_card);
    }
    assert_true(vain.questions <= 16 + 2 * seconds);
    assert_true(vain.bare <= 16 + streams * (8 + seconds));
}

/* ---- Steps ---- */

static bool show_any(void *arg, const struct inet_socket *socket)
{
    (void)arg;
    assert_true(socket->local.length != 0 && socket->remote.length != 0);
    return true;
}

static void around(struct subject *s, uint32_t what)
{
    static const int types[] = {SOCKET_STREAM, SOCKET_DGRAM, SOCKET_RAW};

    switch (what) {
    case 0:
        env_test_clock_advance(choose(s, 400) * (SECOND / 1000));
        break;
    case 1:
        seconds_pass(choose(s, 100));
        break;
    case 2:
        env_test_fail_after(choose(s, 12));
        break;
    case 3:
        inet_socket_each(choose(s, 2) ? SOCKET_INET : SOCKET_INET6, types[choose(s, 3)], show_any,
                         NULL);
        break;
    default:
        neighbour_answers(net_card, s->choices);
    }
}

static void call(struct subject *s, struct file *file, uint32_t what)
{
    switch (what) {
    case 0:
        try_connect(s, file);
        break;
    case 1:
        try_names(s, file);
        break;
    case 2:
        file->s->ops->listen(file->s, (oskit_s32_t)choose(s, 5) - 1);
        break;
    case 3:
        try_accept(s, file);
        break;
    case 4:
        file->s->ops->shutdown(file->s, choose(s, 4));
        break;
    case 5:
    case 6:
        try_option(s, file);
        break;
    default:
        what % 2 ? try_send(s, file) : try_receive(s, file);
    }
}

static void step(struct subject *s)
{
    uint32_t what = choose(s, 24);
    struct file *file = &s->slots[choose(s, SLOTS)];

    if (what < 6)
        around(s, what);
    else if (what == 6)
        file_close(file);
    else if (what == 7 || file->s == NULL)
        make(s, file);
    else
        call(s, file, what - 8);
    if (net_card->count > FAKE_CARD_FRAMES / 2)
        fake_card_clear(net_card);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    static struct subject s;
    struct choices choices = choices_from_bytes(bytes, size);

    s = (struct subject){.choices = &choices};
    net_begin();
    env_test_clock_advance(2 * SECOND); /* IPv6 has its address */
    neighbour_known(net_card);
    while (!choices_over(&choices))
        step(&s);
    env_test_fail_after(0);
    for (uint32_t i = 0; i < SLOTS; i++)
        file_close(&s.slots[i]);
    env_test_clock_advance(1);
    net_end();
}
