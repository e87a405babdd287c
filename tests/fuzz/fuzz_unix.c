/*
 * UNIX sockets: any calls on a handful of them, with names, rights (also to each other, in
 * circles), bad user memory and without memory. What goes through a pair comes out as it went in,
 * levels keep their word, and when all is closed no socket and no right is left.
 */
#include "fuzz.h"
#include "socket_case.h"

#define SLOTS 6u
#define ROOM  6000u
#define QUEUE 512u

/* One direction of a pair, as it should be. Both ends and the queue know it. */
struct way {
    bool valid; /* nobody has meddled */
    uint8_t sent, received;
    size_t bytes;          /* of a stream, not read yet */
    uint16_t sizes[QUEUE]; /* of messages */
    uint32_t head, tail;
};

/* What a descriptor refers to. */
struct file {
    uint32_t references;
    sluice_socket_t *s;
    int type;
    struct way *in, *out;
};

static struct way ways[64];
static uint32_t way_count;
static struct file *slots[SLOTS];
static uint32_t files;

static void file_release(void *arg)
{
    struct file *file = arg;

    if (--file->references != 0)
        return;
    sluice_socket_release(file->s);
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

static struct way *way_new(void)
{
    if (way_count == sizeof ways / sizeof ways[0])
        return NULL;
    struct way *way = &ways[way_count++];
    memset(way, 0, sizeof *way);
    way->valid = true;
    return way;
}

static bool way_known(const struct way *way)
{
    return way != NULL && way->valid;
}

static void way_spoil(struct way *way)
{
    if (way != NULL)
        way->valid = false;
}

static void slot_set(uint32_t slot, struct file *file)
{
    struct file *old = slots[slot];

    slots[slot] = file;
    if (old != NULL)
        file_release(old);
}

static struct file *file_new(sluice_socket_t *s, int type, struct way *in, struct way *out)
{
    struct file *file = malloc(sizeof *file);

    *file = (struct file){1, s, type, in, out};
    files++;
    return file;
}

/* ---- The calls ---- */

static const int types[] = {SOCKET_STREAM, SOCKET_DGRAM, SOCKET_SEQPACKET};

static void make_one(struct choices *choices, uint32_t slot)
{
    int type = types[choices_next(choices, 3)];
    sluice_socket_t *s;

    if (OSKIT_SUCCEEDED(socket_create(SOCKET_UNIX, type, 0, &s)))
        slot_set(slot, file_new(s, type, NULL, NULL));
}

static void make_pair(struct choices *choices, uint32_t slot)
{
    int type = types[choices_next(choices, 3)];
    struct way *there, *back;
    sluice_socket_t *one, *other;

    if (OSKIT_FAILED(socket_create_pair(SOCKET_UNIX, type, 0, &one, &other)))
        return;
    there = way_new();
    back = way_new();
    slot_set(slot, file_new(one, type, back, there));
    slot_set((slot + 1) % SLOTS, file_new(other, type, there, back));
}

static struct socket_address choose_name(struct choices *choices)
{
    static const char *const words[] = {"a", "b", "cc", "d"};
    uint32_t which = choices_next(choices, 5);
    struct socket_address name = {.length = choices_next(choices, 112)};

    if (which < 4)
        return which % 2 ? unix_path(words[which]) : unix_abstract(words[which]);
    name.u.family = (oskit_u16_t)choices_next(choices, 3);
    name.u.un.path[0] = (char)choices_next(choices, 2);
    return name;
}

static void try_accept(struct file *file, uint32_t slot)
{
    struct socket_address peer;
    sluice_socket_t *s;

    if (OSKIT_SUCCEEDED(file->s->ops->accept(file->s, &peer, &s)))
        slot_set(slot, file_new(s, file->type, NULL, NULL));
}

static void try_connect(struct choices *choices, struct file *file)
{
    struct socket_address name = choose_name(choices);

    file->s->ops->connect(file->s, &name);
    if (file->type == SOCKET_DGRAM) {
        way_spoil(file->in);
        way_spoil(file->out);
    }
}

static void try_option(struct choices *choices, struct file *file)
{
    static const int names[] = {7, 16, 42, 4, 17};
    int name = names[choices_next(choices, 5)];

    option_of(file->s, name);
    option_to(file->s, name, (int)choices_next(choices, 9000) - 10);
}

static struct socket_rights *choose_rights(struct choices *choices)
{
    struct file *file = slots[choices_next(choices, SLOTS)];
    struct socket_rights *rights = file != NULL ? socket_rights_alloc(1) : NULL;

    if (rights == NULL)
        return NULL;
    file->references++;
    rights->right[0] = (struct socket_right){file, ((struct sluice_face *)file->s)->object};
    return rights;
}

static void note_sent(struct way *way, int type, size_t size)
{
    if (!way_known(way))
        return;
    way->sent = (uint8_t)(way->sent + size);
    way->bytes += size;
    if (type == SOCKET_STREAM)
        return;
    way->sizes[way->head++ % QUEUE] = (uint16_t)size;
    if (way->head - way->tail > QUEUE)
        way->valid = false;
}

static void try_send(struct choices *choices, struct file *file)
{
    uint8_t bytes[ROOM];
    size_t size = choices_next(choices, choices_next(choices, 2) ? ROOM : 20), bad = SIZE_MAX;
    struct socket_address name = choose_name(choices);
    bool named = choices_next(choices, 4) == 0;
    struct socket_message message = {.name = named ? &name : NULL};
    struct sluice_iovec iov[2] = {{bytes, size / 3}, {bytes + size / 3, size - size / 3}};
    struct sluice_uio uio;
    oskit_size_t moved;

    if (choices_next(choices, 8) == 0)
        bad = choices_next(choices, ROOM);
    if (choices_next(choices, 4) == 0)
        message.rights = choose_rights(choices);
    if (named && file->type == SOCKET_DGRAM)
        way_spoil(file->out);
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)((file->out != NULL ? file->out->sent : 0) + i);
    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, iov, 2, true);
    message.uio = &uio;
    oskit_error_t err = file->s->ops->send(file->s, &message, &moved);
    env_test_bad_user(NULL, 0);
    assert_true(moved <= size && (err == 0 ? uio.left == size - moved : moved == 0));
    assert_true(moved <= bad);
    if (err == OSKIT_EWOULDBLOCK && !named)
        assert_true(!(level_of(file->s) & READY_WRITE));
    if (err == OSKIT_ECONNREFUSED && !named)
        way_spoil(file->in); /* a dead peer's messages go with it */
    if (err == 0 && file->type != SOCKET_STREAM)
        assert_int_equal(moved, size);
    socket_rights_free(message.rights);
    if (err == 0 && (moved != 0 || file->type != SOCKET_STREAM))
        note_sent(file->out, file->type, moved);
}

static void check_received(struct file *file, const uint8_t *bytes, size_t moved, size_t whole,
                           bool peek)
{
    struct way *way = file->in;

    if (!way_known(way))
        return;
    for (size_t i = 0; i < moved; i++)
        assert_int_equal(bytes[i], (uint8_t)(way->received + i));
    assert_true(moved <= way->bytes);
    if (file->type != SOCKET_STREAM)
        assert_int_equal(whole, way->sizes[way->tail % QUEUE]);
    if (peek)
        return;
    if (file->type != SOCKET_STREAM)
        moved = way->sizes[way->tail++ % QUEUE];
    way->received = (uint8_t)(way->received + moved);
    way->bytes -= moved;
}

static void take_rights(struct choices *choices, struct socket_rights *rights)
{
    if (rights == NULL)
        return;
    for (uint32_t i = 0; i < rights->count; i++)
        if (choices_next(choices, 2)) {
            file_addref(rights->right[i].file);
            slot_set(choices_next(choices, SLOTS), rights->right[i].file);
        }
    socket_rights_free(rights);
}

static void try_receive(struct choices *choices, struct file *file)
{
    uint8_t bytes[ROOM];
    size_t size = choices_next(choices, choices_next(choices, 2) ? ROOM : 20), bad = SIZE_MAX;
    bool peek = choices_next(choices, 4) == 0;
    struct socket_address name;
    struct socket_message message = {.flags = peek ? SOCKET_MSG_PEEK : 0, .name = &name};
    struct sluice_iovec iov[2] = {{bytes, size / 2}, {bytes + size / 2, size - size / 2}};
    struct sluice_uio uio;
    oskit_size_t moved;

    if (choices_next(choices, 8) == 0)
        bad = choices_next(choices, ROOM);
    env_test_bad_user(bytes + (bad < size ? bad : 0), bad < size ? size - bad : 0);
    uio_init(&uio, iov, 2, true);
    message.uio = &uio;
    uint32_t level = level_of(file->s);
    bool offset = option_of(file->s, 42) > 0;
    oskit_error_t err = file->s->ops->receive(file->s, &message, &moved);
    env_test_bad_user(NULL, 0);
    assert_true(moved <= size && moved <= bad && (err == 0 || moved == 0));
    if (err == OSKIT_EWOULDBLOCK && !(peek && offset))
        assert_true(!(level & READY_READ));
    if (err == 0)
        assert_true(level & READY_READ);
    if (err == OSKIT_EFAULT && file->type != SOCKET_STREAM && !peek)
        way_spoil(file->in); /* it is lost */
    bool something = moved != 0 || (file->type != SOCKET_STREAM && way_known(file->in) &&
                                    file->in->head != file->in->tail);
    if (err == 0 && something && !(peek && offset))
        check_received(file, bytes, moved, message.whole, peek);
    take_rights(choices, message.rights);
}

static void try_names(struct file *file)
{
    struct socket_address name;

    assert_int_equal(file->s->ops->getsockname(file->s, &name), 0);
    assert_true(name.length >= 2 && name.length <= 110);
    file->s->ops->getpeername(file->s, &name);
}

static void call(struct choices *choices, struct file *file, uint32_t what, uint32_t slot)
{
    struct socket_address name;

    switch (what) {
    case 0:
        name = choose_name(choices);
        file->s->ops->bind(file->s, &name);
        break;
    case 1:
        try_connect(choices, file);
        break;
    case 2:
        file->s->ops->listen(file->s, (int)choices_next(choices, 4));
        break;
    case 3:
        try_accept(file, slot);
        break;
    case 4:
        file->s->ops->shutdown(file->s, choices_next(choices, 4));
        break;
    case 5:
        try_option(choices, file);
        break;
    case 6:
        try_names(file);
        break;
    default:
        what % 2 ? try_send(choices, file) : try_receive(choices, file);
    }
}

static void step(struct choices *choices)
{
    uint32_t what = choices_next(choices, 20), slot = choices_next(choices, SLOTS);
    struct file *file = slots[slot];

    if (what == 0) {
        env_test_fail_after(choices_next(choices, 6));
    } else if (what == 1) {
        slot_set(slot, NULL);
    } else if (what == 2 || file == NULL) {
        choices_next(choices, 2) ? make_pair(choices, slot) : make_one(choices, slot);
    } else {
        file_addref(file);
        call(choices, file, what - 3, choices_next(choices, SLOTS));
        file_release(file);
    }
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    sluice_socket_t *last;

    socket_rights_host = &host;
    way_count = 0;
    while (!choices_over(&choices))
        step(&choices);
    env_test_fail_after(0);
    for (uint32_t i = 0; i < SLOTS; i++)
        slot_set(i, NULL);
    assert_int_equal(socket_create(SOCKET_UNIX, SOCKET_STREAM, 0, &last), 0);
    sluice_socket_release(last); /* and with it circles that are left */
    assert_int_equal(files, 0);
    assert_int_equal(unix_rights_live(), 0);
}
