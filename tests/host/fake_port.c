#include "harness.h"
#include "fake_port.h"

#include <sluice/list.h>
#include <sluice/uio.h>

static struct fake_port *fake_of(struct tty_port *port)
{
    return container_of(port, struct fake_port, port);
}

static void activate(struct tty_port *port, bool on)
{
    fake_of(port)->active = on;
}

static void start(struct tty_port *port)
{
    struct fake_port *fake = fake_of(port);
    const uint8_t *bytes;
    size_t n;

    while (fake->capacity > 0 && (bytes = tty_transmit_peek(port, &n)) != NULL && n > 0) {
        n = n < fake->capacity ? n : fake->capacity;
        assert_true(fake->sent_count + n <= sizeof fake->sent);
        memcpy(fake->sent + fake->sent_count, bytes, n);
        fake->sent_count += n;
        if (fake->capacity != SIZE_MAX)
            fake->capacity -= n;
        tty_transmit_advance(port, n);
    }
}

static void flush(struct tty_port *port)
{
    fake_of(port)->flushed++;
}

static bool drained(struct tty_port *port)
{
    return !fake_of(port)->busy;
}

static void configure(struct tty_port *port, struct terminal_settings *settings)
{
    (void)settings;
    fake_of(port)->configured++;
}

static void set_break(struct tty_port *port, bool on)
{
    fake_of(port)->breaking = on;
}

static void pause_sender(struct tty_port *port, bool on)
{
    fake_of(port)->paused = on;
}

static void hold(struct tty_port *port, bool on)
{
    fake_of(port)->holding = on;
}

static const struct tty_port_ops ops = {
    .activate = activate,
    .start = start,
    .flush = flush,
    .drained = drained,
    .configure = configure,
    .set_break = set_break,
    .pause = pause_sender,
    .hold = hold,
};

void fake_port_init(struct fake_port *fake)
{
    memset(fake, 0, sizeof *fake);
    fake->capacity = SIZE_MAX;
    tty_port_init(&fake->port, &ops, "ttyF0", DEVICE_NUMBER(4, 99), 115200);
}

void fake_port_fini(struct fake_port *fake)
{
    tty_port_fini(&fake->port);
}

const uint8_t *fake_port_shown(struct fake_port *fake, size_t *out_count)
{
    const uint8_t *shown = fake->sent + fake->shown_count;

    *out_count = fake->sent_count - fake->shown_count;
    fake->shown_count = fake->sent_count;
    return shown;
}

void fake_port_allow(struct fake_port *fake, size_t more)
{
    env_spin_lock(&fake->port.lock);
    fake->capacity = more;
    env_spin_unlock(&fake->port.lock);
    tty_transmit_ready(&fake->port);
}

static void *face(oskit_iunknown_t *object, const oskit_guid_t *iid)
{
    void *found = sluice_query_face(object, iid);

    assert_non_null(found);
    return found;
}

void fake_terminal_open(struct fake_terminal *t)
{
    fake_port_init(&t->fake);
    assert_int_equal(tty_port_open(&t->fake.port, &t->object), OSKIT_SUCCESS);
    t->stream = face(t->object, &oskit_ttystream_iid);
    t->streamvec = face(t->object, &sluice_streamvec_iid);
    t->pollable = face(t->object, &sluice_pollable_iid);
    t->asyncio = face(t->object, &oskit_asyncio_iid);
    t->posixio = face(t->object, &oskit_posixio_iid);
    t->terminal = face(t->object, &sluice_terminal_iid);
}

void fake_terminal_close(struct fake_terminal *t)
{
    void *faces[] = {t->stream,  t->streamvec, t->pollable, t->asyncio,
                     t->posixio, t->terminal,  t->object};

    for (size_t i = 0; i < sizeof faces / sizeof faces[0]; i++)
        oskit_iunknown_release(faces[i]);
    assert_null(t->fake.port.tty);
    fake_port_fini(&t->fake);
}

oskit_error_t fake_terminal_read(struct fake_terminal *t, void *buffer, size_t size, bool wait,
                                 size_t *out_actual)
{
    struct sluice_iovec segment = {buffer, size};
    struct sluice_uio uio;

    uio_init(&uio, &segment, 1, true);
    return t->streamvec->ops->readv(t->streamvec, &uio, wait ? 0 : VECIO_NONBLOCK, out_actual);
}

oskit_error_t fake_terminal_write(struct fake_terminal *t, const void *bytes, size_t size,
                                  size_t *out_actual)
{
    struct sluice_iovec segment = {(void *)(uintptr_t)bytes, size};
    struct sluice_uio uio;

    uio_init(&uio, &segment, 1, true);
    return t->streamvec->ops->writev(t->streamvec, &uio, 0, out_actual);
}

void fake_terminal_type(struct fake_terminal *t, const char *text)
{
    env_test_interrupt_enter();
    tty_receive(&t->fake.port, (const uint8_t *)text, NULL, strlen(text));
    env_test_interrupt_leave();
}

uint32_t fake_terminal_level(struct fake_terminal *t)
{
    return readiness_level(t->pollable->ops->readiness(t->pollable));
}

struct terminal_settings fake_terminal_settings(struct fake_terminal *t)
{
    struct terminal_settings settings;

    assert_int_equal(t->terminal->ops->getsettings(t->terminal, &settings), OSKIT_SUCCESS);
    return settings;
}
