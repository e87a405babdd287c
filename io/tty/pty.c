/*
 * Pseudo-terminals: the port under the terminal, numbers, and the pair's life.
 *
 * Locks: port.lock, of which the terminal's README tells, covers both sides. number_lock stands
 * alone. The master's waiters are told with no lock held: methods of pty_ops note events, and the
 * terminal calls `unlocked` when it has released the lock.
 */
#include <sluice/device.h>
#include <sluice/env.h>
#include <sluice/list.h>
#include <sluice/string.h>
#include "pty.h"

#define PTY_GROUP  5u /* "tty", whose members may write to others' terminals */
#define PTY_SPEED  38400u
#define PTY_LEVELS (READY_READ | READY_WRITE | READY_PRI | READY_HUP)
/* What a flush leaves for the master: as much as Linux's would have fetched before it. */
#define PTY_UNFLUSHED 4096u

static struct pty *pty_of(struct tty_port *port)
{
    return container_of(port, struct pty, port);
}

/* ---- Numbers ---- */

static struct env_spinlock number_lock;
static uint64_t numbers_taken[PTY_MAX / 64];

/* The lowest that is free, or PTY_MAX. */
static unsigned number_take(void)
{
    unsigned number = PTY_MAX;

    env_spin_lock(&number_lock);
    for (unsigned i = 0; i < PTY_MAX / 64; i++) {
        if (~numbers_taken[i] == 0)
            continue;
        unsigned bit = (unsigned)__builtin_ctzll(~numbers_taken[i]);
        numbers_taken[i] |= (uint64_t)1 << bit;
        number = 64 * i + bit;
        break;
    }
    env_spin_unlock(&number_lock);
    return number;
}

static void number_give_back(unsigned number)
{
    env_spin_lock(&number_lock);
    numbers_taken[number / 64] &= ~((uint64_t)1 << number % 64);
    env_spin_unlock(&number_lock);
}

/* Linux's encoding of 136:NUMBER. */
static oskit_u32_t device_number(unsigned number)
{
    return DEVICE_NUMBER(136, number & 0xff) | (number & ~0xffu) << 12;
}

static void make_name(char name[12], unsigned number)
{
    char digits[8];
    unsigned count = 0;

    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    memcpy(name, "pts/", 4);
    for (unsigned i = 0; i < count; i++)
        name[4 + i] = digits[count - 1 - i];
    name[4 + count] = '\0';
}

/* ---- What the master's waiters see ---- */

void pty_set_level(struct pty *pty)
{
    bool news = pty->packet && pty->status != 0;
    uint32_t level = 0;

    if (news || pty_used(pty) > 0)
        level |= READY_READ;
    if (news)
        level |= READY_PRI;
    if (!pty->holding)
        level |= READY_WRITE;
    if (pty->closed)
        level |= READY_HUP;
    readiness_change(&pty->readiness, level, PTY_LEVELS & ~level);
}

void pty_tell(struct pty *pty)
{
    readiness_tell(&pty->readiness, atomic_exchange(&pty->events, 0));
}

/* Under the lock. */
static void note(struct pty *pty, uint32_t events)
{
    pty_set_level(pty);
    atomic_fetch_or(&pty->events, events);
}

/* ---- The port ---- */

static void pty_start(struct tty_port *port)
{
    struct pty *pty = pty_of(port);
    uint32_t before = pty->head;
    const uint8_t *bytes;
    size_t n;

    while (pty_used(pty) < PTY_BUFFER && (bytes = tty_transmit_peek(port, &n)) != NULL && n > 0) {
        uint32_t at = pty->head % PTY_BUFFER, room = PTY_BUFFER - pty_used(pty);
        size_t part = room < PTY_BUFFER - at ? room : PTY_BUFFER - at;
        part = n < part ? n : part;
        memcpy(pty->ring + at, bytes, part);
        pty->head += (uint32_t)part;
        tty_transmit_advance(port, part);
    }
    if (pty->head != before)
        note(pty, READY_READ);
}

static size_t pty_room(struct tty_port *port)
{
    return PTY_BUFFER - pty_used(pty_of(port));
}

static void pty_flush(struct tty_port *port)
{
    struct pty *pty = pty_of(port);

    if (pty_used(pty) > PTY_UNFLUSHED)
        pty->head = pty->tail + PTY_UNFLUSHED;
}

/* There is no line that other settings could be for. */
static void pty_configure(struct tty_port *port, struct terminal_settings *settings)
{
    (void)port;
    settings->cflag = (settings->cflag & ~(TERM_CSIZE | TERM_PARENB)) | TERM_CS8 | TERM_CREAD;
}

static void pty_hold(struct tty_port *port, bool on)
{
    struct pty *pty = pty_of(port);

    pty->holding = on;
    note(pty, on ? 0 : READY_WRITE);
}

static void pty_used_by_programs(struct tty_port *port, bool on)
{
    struct pty *pty = pty_of(port);

    pty->closed = !on;
    note(pty, on ? 0 : READY_HUP);
}

static void pty_changed(struct tty_port *port, uint32_t what)
{
    static const uint32_t pairs[] = {TTY_CHANGED_STOPPED | TTY_CHANGED_STARTED,
                                     TTY_CHANGED_NO_FLOW | TTY_CHANGED_FLOW};
    struct pty *pty = pty_of(port);

    if (!pty->packet)
        return;
    for (size_t i = 0; i < SLUICE_COUNT(pairs); i++) {
        if (what & pairs[i])
            pty->status &= ~pairs[i];
    }
    pty->status |= what;
    note(pty, READY_READ | READY_PRI);
}

/* On: another terminal is open on the port. Off: it has lost its line. */
static void pty_activate(struct tty_port *port, bool on)
{
    struct pty *pty = pty_of(port);

    if (on) {
        atomic_fetch_add(&pty->references, 1);
        return;
    }
    pty->holding = false;
    pty->closed = true;
    note(pty, READY_HUP | READY_WRITE);
}

static void pty_unlocked(struct tty_port *port)
{
    pty_tell(pty_of(port));
}

static void pty_ended(struct tty_port *port)
{
    pty_unref(pty_of(port));
}

static const struct tty_port_ops pty_ops = {
    .activate = pty_activate,
    .start = pty_start,
    .flush = pty_flush,
    .configure = pty_configure,
    .hold = pty_hold,
    .room = pty_room,
    .used = pty_used_by_programs,
    .changed = pty_changed,
    .unlocked = pty_unlocked,
    .ended = pty_ended,
};

/* ---- The pair's life ---- */

void pty_unref(struct pty *pty)
{
    if (atomic_fetch_sub(&pty->references, 1) != 1)
        return;
    number_give_back(pty->number);
    env_free(pty, sizeof *pty);
}

/* The terminal that *OUT is becomes the one that the pair keeps. False when the master has gone
 * meanwhile. */
static bool keep_terminal(struct pty *pty, oskit_iunknown_t *terminal)
{
    oskit_iunknown_t *old = NULL;

    env_spin_lock(&pty->port.lock);
    bool gone = pty->gone;
    if (!gone && pty->terminal != terminal) {
        old = pty->terminal;
        pty->terminal = terminal;
        oskit_iunknown_addref(terminal);
    }
    env_spin_unlock(&pty->port.lock);
    if (old)
        oskit_iunknown_release(old);
    return !gone;
}

oskit_error_t pty_open_terminal(struct pty *pty, oskit_iunknown_t **out)
{
    *out = NULL;
    env_spin_lock(&pty->port.lock);
    bool refused = pty->locked || pty->gone;
    env_spin_unlock(&pty->port.lock);
    if (refused)
        return OSKIT_EIO;
    oskit_error_t error = tty_port_open(&pty->port, out);
    if (error != OSKIT_SUCCESS || keep_terminal(pty, *out))
        return error;
    tty_port_hangup(&pty->port);
    oskit_iunknown_release(*out);
    *out = NULL;
    return OSKIT_EIO;
}

static oskit_error_t pty_device_open(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    (void)oflags;
    return pty_open_terminal(arg, out);
}

/* After it no timer of the port runs: reads of a terminal that was hung up start none. */
void pty_hang_up(struct pty *pty)
{
    env_spin_lock(&pty->port.lock);
    pty->gone = true;
    oskit_iunknown_t *terminal = pty->terminal;
    pty->terminal = NULL;
    env_spin_unlock(&pty->port.lock);
    tty_port_hangup(&pty->port);
    tty_port_fini(&pty->port);
    if (terminal)
        oskit_iunknown_release(terminal);
}

static void init_port(struct pty *pty)
{
    struct env_identity identity;
    char name[12];

    make_name(name, pty->number);
    tty_port_init(&pty->port, &pty_ops, name, device_number(pty->number), PTY_SPEED);
    pty->port.settings.cflag &= ~(TERM_HUPCL | TERM_CLOCAL);
    env_identity(&identity);
    pty->port.device.uid = identity.uid;
    pty->port.device.gid = PTY_GROUP;
    pty->port.device.open = pty_device_open;
    pty->port.device.arg = pty;
}

static oskit_error_t pty_allocate(struct pty **out)
{
    struct pty *pty = env_alloc(sizeof *pty, ENV_ZERO);

    if (!pty)
        return OSKIT_ENOMEM;
    pty->number = number_take();
    if (pty->number == PTY_MAX) {
        env_free(pty, sizeof *pty);
        return OSKIT_ENOSPC;
    }
    atomic_init(&pty->references, 1);
    init_port(pty);
    readiness_init(&pty->readiness, READY_WRITE);
    *out = pty;
    return OSKIT_SUCCESS;
}

/* The terminal is there from the beginning, so that typing ahead of its first open is kept. */
static oskit_error_t pty_begin(struct pty *pty)
{
    oskit_iunknown_t *terminal;
    oskit_error_t error = tty_port_open(&pty->port, &terminal);

    if (error != OSKIT_SUCCESS)
        return error;
    keep_terminal(pty, terminal);
    oskit_iunknown_release(terminal);
    pty->locked = true;
    return tty_port_register(&pty->port, 0620);
}

oskit_error_t pty_create(oskit_iunknown_t **out)
{
    struct pty *pty;
    oskit_error_t error = pty_allocate(&pty);

    *out = NULL;
    if (error != OSKIT_SUCCESS)
        return error;
    struct pty_master *master = pty_master_create(pty);
    if (!master) {
        pty_unref(pty);
        return OSKIT_ENOMEM;
    }
    error = pty_begin(pty);
    if (error != OSKIT_SUCCESS) {
        sluice_object_release(&master->object);
        return error;
    }
    *out = (oskit_iunknown_t *)&master->stream.i;
    return OSKIT_SUCCESS;
}

static oskit_error_t ptmx_open(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    (void)arg, (void)oflags;
    return pty_create(out);
}

static const struct device ptmx_device = {
    .name = "ptmx", .number = PTMX_DEVICE, .mode = OSKIT_S_IFCHR | 0666, .open = ptmx_open};

oskit_error_t pty_register(void)
{
    return device_register(&ptmx_device);
}
