/*
 * Source in the style of the OSKit's own: positional method tables, query by memcmp, plain counts,
 * casts between interfaces, the manual's spellings next to the headers'. It includes <oskit/...>
 * and nothing of ours, and has to compile without a warning and run (test_oskit_source.c).
 */
#include <oskit/com.h>
#include <oskit/com/listener.h>
#include <oskit/com/stream.h>
#include <oskit/error.h>
#include <oskit/io/absio.h>
#include <oskit/io/asyncio.h>
#include <oskit/io/blkio.h>
#include <oskit/io/bufio.h>
#include <oskit/io/netio.h>
#include <oskit/io/posixio.h>
#include <oskit/io/ttystream.h>
#include <oskit/types.h>

#include <string.h>

#include "oskit_source.h"

/* ---- A buffer object --------------------------------------------------------------------- */

struct old_bufio {
    oskit_bufio_t ioi;
    unsigned count;
    char data[64];
};

static struct old_bufio the_bufio;

static OSKIT_COMDECL bufio_query(oskit_bufio_t *io, const struct oskit_guid *iid,
                                 void **out_ihandle)
{
    struct old_bufio *b = (struct old_bufio *)io;

    if (memcmp(iid, &oskit_iunknown_iid, sizeof(*iid)) == 0 ||
        memcmp(iid, &oskit_absio_iid, sizeof(*iid)) == 0 ||
        memcmp(iid, &oskit_bufio_iid, sizeof(*iid)) == 0) {
        *out_ihandle = &b->ioi;
        ++b->count;
        return 0;
    }

    *out_ihandle = NULL;
    return OSKIT_E_NOINTERFACE;
}

static OSKIT_COMDECL_U bufio_addref(oskit_bufio_t *io)
{
    return ++((struct old_bufio *)io)->count;
}

static OSKIT_COMDECL_U bufio_release(oskit_bufio_t *io)
{
    return --((struct old_bufio *)io)->count;
}

static OSKIT_COMDECL bufio_read(oskit_bufio_t *io, void *dest, oskit_off_t offset,
                                oskit_size_t amount, oskit_size_t *out_actual)
{
    struct old_bufio *b = (struct old_bufio *)io;

    if (offset >= (oskit_off_t)sizeof(b->data))
        return OSKIT_EINVAL;
    if (offset + amount > sizeof(b->data))
        amount = sizeof(b->data) - offset;
    memcpy(dest, b->data + offset, amount);
    *out_actual = amount;
    return 0;
}

static OSKIT_COMDECL bufio_write(oskit_bufio_t *io, const void *src, oskit_off_t offset,
                                 oskit_size_t amount, oskit_size_t *out_actual)
{
    struct old_bufio *b = (struct old_bufio *)io;

    if (offset >= (oskit_off_t)sizeof(b->data))
        return OSKIT_EINVAL;
    if (offset + amount > sizeof(b->data))
        amount = sizeof(b->data) - offset;
    memcpy(b->data + offset, src, amount);
    *out_actual = amount;
    return 0;
}

static OSKIT_COMDECL bufio_getsize(oskit_bufio_t *io, oskit_off_t *out_size)
{
    *out_size = sizeof(((struct old_bufio *)io)->data);
    return 0;
}

static OSKIT_COMDECL bufio_setsize(oskit_bufio_t *io, oskit_off_t new_size)
{
    (void)io;
    (void)new_size;
    return OSKIT_E_NOTIMPL;
}

static OSKIT_COMDECL bufio_map(oskit_bufio_t *io, void **out_addr, oskit_off_t offset,
                               oskit_size_t count)
{
    struct old_bufio *b = (struct old_bufio *)io;

    if (offset + count > sizeof(b->data))
        return OSKIT_EINVAL;
    *out_addr = b->data + offset;
    return 0;
}

static OSKIT_COMDECL bufio_unmap(oskit_bufio_t *io, void *addr, oskit_off_t offset,
                                 oskit_size_t count)
{
    (void)io;
    (void)addr;
    (void)offset;
    (void)count;
    return 0;
}

static OSKIT_COMDECL bufio_wire(oskit_bufio_t *io, oskit_addr_t *out_phys_addr, oskit_off_t offset,
                                oskit_size_t count)
{
    (void)io;
    (void)out_phys_addr;
    (void)offset;
    (void)count;
    return OSKIT_E_NOTIMPL;
}

static OSKIT_COMDECL bufio_unwire(oskit_bufio_t *io, oskit_addr_t phys_addr, oskit_off_t offset,
                                  oskit_size_t count)
{
    (void)io;
    (void)phys_addr;
    (void)offset;
    (void)count;
    return OSKIT_E_NOTIMPL;
}

static OSKIT_COMDECL bufio_copy(oskit_bufio_t *io, oskit_off_t offset, oskit_size_t count,
                                oskit_bufio_t **out_io)
{
    (void)io;
    (void)offset;
    (void)count;
    (void)out_io;
    return OSKIT_E_NOTIMPL;
}

static struct oskit_bufio_ops bufio_ops = {
    bufio_query, bufio_addref,  bufio_release, NULL,      bufio_read,
    bufio_write, bufio_getsize, bufio_setsize, bufio_map, bufio_unmap,
    bufio_wire,  bufio_unwire,  bufio_copy,
};

oskit_bufio_t *old_bufio_create(void)
{
    the_bufio.ioi.ops = &bufio_ops;
    the_bufio.count = 1;
    memset(the_bufio.data, 1, sizeof(the_bufio.data));
    return &the_bufio.ioi;
}

/* ---- A packet consumer as the manual has it: push and no more ---------------------------- */

static int packet_sum;

static OSKIT_COMDECL netio_query(oskit_netio_t *io, const struct oskit_guid *iid,
                                 void **out_ihandle)
{
    if (memcmp(iid, &oskit_iunknown_iid, sizeof(*iid)) == 0 ||
        memcmp(iid, &oskit_netio_iid, sizeof(*iid)) == 0) {
        *out_ihandle = io;
        return 0;
    }
    *out_ihandle = NULL;
    return OSKIT_E_NOINTERFACE;
}

static OSKIT_COMDECL_U netio_addref(oskit_netio_t *io)
{
    (void)io;
    return 1; /* Only one. */
}

static OSKIT_COMDECL_U netio_release(oskit_netio_t *io)
{
    (void)io;
    return 1;
}

static OSKIT_COMDECL netio_push(oskit_netio_t *io, oskit_bufio_t *buf, oskit_size_t size)
{
    (void)io;
    packet_sum = sum_bytes(buf, size);
    return packet_sum < 0 ? OSKIT_E_FAIL : 0;
}

static struct {
    void *slots[4];
} seed_netio_ops = {
    {(void *)netio_query, (void *)netio_addref, (void *)netio_release, (void *)netio_push}};

static oskit_netio_t seed_netio = {(struct oskit_netio_ops *)(void *)&seed_netio_ops};

oskit_netio_t *seed_netio_create(void)
{
    return &seed_netio;
}

int last_packet_sum(void)
{
    return packet_sum;
}

/* ---- A terminal -------------------------------------------------------------------------- */

static oskit_termios_t line = {
    .iflag = OSKIT_ICRNL, .lflag = OSKIT_ICANON | OSKIT_ECHO, .cc = {[OSKIT_VEOF] = 4}};
static int last_actions;

static OSKIT_COMDECL tty_query(oskit_ttystream_t *s, const struct oskit_guid *iid,
                               void **out_ihandle)
{
    if (memcmp(iid, &oskit_iunknown_iid, sizeof(*iid)) == 0 ||
        memcmp(iid, &oskit_stream_iid, sizeof(*iid)) == 0 ||
        memcmp(iid, &oskit_ttystream_iid, sizeof(*iid)) == 0) {
        *out_ihandle = s;
        return 0;
    }
    *out_ihandle = NULL;
    return OSKIT_E_NOINTERFACE;
}

static OSKIT_COMDECL_U tty_addref(oskit_ttystream_t *s)
{
    (void)s;
    return 1;
}

static OSKIT_COMDECL_U tty_release(oskit_ttystream_t *s)
{
    (void)s;
    return 1;
}

static OSKIT_COMDECL tty_getattr(oskit_ttystream_t *s, struct oskit_termios *out_attr)
{
    (void)s;
    *out_attr = line;
    return 0;
}

static OSKIT_COMDECL tty_setattr(oskit_ttystream_t *s, int actions,
                                 const struct oskit_termios *attr)
{
    (void)s;
    last_actions = actions;
    line = *attr;
    return 0;
}

static struct oskit_ttystream_ops tty_ops = {
    .query = tty_query,
    .addref = tty_addref,
    .release = tty_release,
    .getattr = tty_getattr,
    .setattr = tty_setattr,
};
static oskit_ttystream_t tty = {&tty_ops};

oskit_iunknown_t *old_tty_create(void)
{
    last_actions = -1;
    return (oskit_iunknown_t *)&tty;
}

int last_action(void)
{
    return last_actions;
}

/* ---- Clients ----------------------------------------------------------------------------- */

oskit_error_t copy_blocks(oskit_blkio_t *from, oskit_blkio_t *to, oskit_off_t *out_copied)
{
    char buf[4096];
    oskit_off_t offset = 0, size;
    oskit_size_t actual, wrote;
    oskit_u32_t bsize = oskit_blkio_getblocksize(from);
    oskit_error_t rc;

    if (bsize > sizeof(buf) || oskit_blkio_getblocksize(to) > bsize)
        return OSKIT_E_INVALIDARG;
    if ((rc = oskit_blkio_getsize(from, &size)) != 0)
        return rc;
    while (offset < size) {
        rc = oskit_blkio_read(from, buf, offset, sizeof(buf), &actual);
        if (OSKIT_FAILED(rc))
            return rc;
        if (actual == 0)
            break;
        rc = oskit_blkio_write(to, buf, offset, actual, &wrote);
        if (OSKIT_FAILED(rc))
            return rc;
        offset += wrote;
        if (wrote < actual)
            break;
    }
    *out_copied = offset;
    return 0;
}

/* Adds up the buffer's bytes where they are, or through a copy. */
int sum_bytes(oskit_bufio_t *b, oskit_size_t size)
{
    unsigned char copy[256];
    oskit_size_t i, actual;
    unsigned char *p;
    oskit_error_t rc;
    int mapped, sum = 0;

    rc = oskit_bufio_map(b, (void **)&p, 0, size);
    mapped = rc == 0;
    if (!mapped) {
        if (size > sizeof(copy) || oskit_bufio_read(b, copy, 0, size, &actual) != 0 ||
            actual < size)
            return -1;
        p = copy;
    }
    for (i = 0; i < size; i++)
        sum += p[i];
    if (mapped)
        oskit_bufio_unmap(b, p, 0, size);
    return sum;
}

static OSKIT_COMDECL input_ready(oskit_iunknown_t *obj, void *arg)
{
    (void)obj;
    ++*(int *)arg;
    return 0;
}

/* Returns the mask of what is ready, or -1 when OBJ has no asyncio. */
int wait_for_input(oskit_iunknown_t *obj)
{
    oskit_asyncio_t *aio;
    oskit_listener_t *l;
    int ready, called = 0;

    if (oskit_iunknown_query(obj, &oskit_asyncio_iid, (void **)&aio))
        return -1;
    l = oskit_create_listener(input_ready, &called);
    if (l == NULL) {
        oskit_asyncio_release(aio);
        return -1;
    }
    ready = oskit_asyncio_add_listener(aio, l, OSKIT_ASYNCIO_READABLE | OSKIT_ASYNCIO_WRITEABLE);
    if (!(ready & OSKIT_ASYNCIO_READABLE) && called)
        ready = oskit_asyncio_poll(aio);
    oskit_asyncio_remove_listener(aio, l);
    oskit_listener_release(l);
    oskit_asyncio_release(aio);
    return ready;
}

/* Both spellings of setattr. */
int set_raw(oskit_iunknown_t *obj)
{
    oskit_ttystream_t *t;
    struct oskit_termios attr;

    if (oskit_iunknown_query(obj, &oskit_ttystream_iid, (void **)&t))
        return -1;
    if (oskit_ttystream_getattr(t, &attr))
        return -1;
    attr.lflag &= ~(oskit_tcflag_t)(OSKIT_ICANON | OSKIT_ECHO | OSKIT_ISIG);
    attr.cc[OSKIT_VMIN] = 1;
    oskit_ttystream_setattr(t, OSKIT_TCSAFLUSH, &attr);
    if (last_actions != OSKIT_TCSAFLUSH)
        return -1;
    oskit_ttystream_setattr(t, &attr);
    oskit_ttystream_release(t);
    return attr.lflag == line.lflag ? 0 : -1;
}
