/* The line discipline's reception. Under the port's lock throughout. */
#include <sluice/string.h>
#include "discipline.h"

static bool iflag(const struct discipline *d, uint32_t flags)
{
    return d->settings->iflag & flags;
}

static bool lflag(const struct discipline *d, uint32_t flags)
{
    return d->settings->lflag & flags;
}

/* ---- Echo ---- */

void discipline_echo_raw(struct discipline *d, uint8_t c)
{
    output_echo(&d->output, d->settings, c);
}

void discipline_echo(struct discipline *d, uint8_t c)
{
    if (lflag(d, TERM_ECHOCTL) && discipline_is_control(c) && c != '\t')
        output_echo_control(&d->output, c);
    else
        discipline_echo_raw(d, c);
}

void discipline_finish_erasing(struct discipline *d)
{
    if (d->erasing)
        discipline_echo_raw(d, '/');
    d->erasing = false;
}

/* Where the line being typed begins is needed to erase a tab in it. */
static void begin_line(struct discipline *d)
{
    if (input_at_start(&d->input))
        output_begin_line(&d->output);
}

/* ---- Signals and flow control ---- */

bool discipline_may_send(const struct discipline *d)
{
    return !d->stopped && !d->suspended;
}

void discipline_flush_input(struct discipline *d)
{
    input_flush(&d->input);
    d->erasing = false;
    d->input_flushed = true;
}

static void flush_all(struct discipline *d)
{
    discipline_flush_input(d);
    output_flush(&d->output);
    d->flushed = true;
}

static void raise_signal(struct discipline *d, int signal)
{
    d->signals |= 1u << signal;
    if (!lflag(d, TERM_NOFLSH))
        flush_all(d);
}

static bool receive_flow(struct discipline *d, uint8_t c)
{
    if (discipline_is(d, TERM_VSTART, c))
        d->stopped = false;
    else if (discipline_is(d, TERM_VSTOP, c))
        d->stopped = true;
    else
        return false;
    return true;
}

static bool receive_signal(struct discipline *d, uint8_t c)
{
    static const struct {
        int index, signal;
    } keys[] = {{TERM_VINTR, SIGNAL_INT}, {TERM_VQUIT, SIGNAL_QUIT}, {TERM_VSUSP, SIGNAL_TSTP}};

    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        if (!discipline_is(d, keys[i].index, c))
            continue;
        raise_signal(d, keys[i].signal);
        if (iflag(d, TERM_IXON))
            d->stopped = false;
        if (lflag(d, TERM_ECHO))
            discipline_echo(d, c);
        return true;
    }
    return false;
}

static void restart_on_any(struct discipline *d)
{
    if (iflag(d, TERM_IXON) && iflag(d, TERM_IXANY))
        d->stopped = false;
}

/* ---- Storing ---- */

/* With PARMRK a received 0377 is told from the mark by doubling it. */
static void store(struct discipline *d, uint8_t c)
{
    if (c == 0xff && iflag(d, TERM_PARMRK))
        input_put(&d->input, c);
    input_put(&d->input, c);
    d->arrived |= !discipline_canonical(d);
}

static void store_marked(struct discipline *d, uint8_t c)
{
    input_put(&d->input, 0xff);
    input_put(&d->input, 0);
    input_put(&d->input, c);
    d->arrived |= !discipline_canonical(d);
}

static void end_line(struct discipline *d, uint8_t c)
{
    input_end_line(&d->input, c);
    d->arrived = true;
}

static void receive_plain(struct discipline *d, uint8_t c)
{
    if (lflag(d, TERM_ECHO)) {
        discipline_finish_erasing(d);
        begin_line(d);
        discipline_echo(d, c);
    }
    store(d, c);
}

/* A newline outside ICANON that is one by mapping, or could have been mapped, shows as one and not
 * as ^J. */
static void receive_newline(struct discipline *d)
{
    if (lflag(d, TERM_ECHO)) {
        discipline_finish_erasing(d);
        discipline_echo_raw(d, '\n');
    }
    store(d, '\n');
}

/* ---- Canonical input ---- */

static void receive_literal_next(struct discipline *d)
{
    d->literal_next = true;
    if (!lflag(d, TERM_ECHO))
        return;
    discipline_finish_erasing(d);
    if (lflag(d, TERM_ECHOCTL)) {
        discipline_echo_raw(d, '^');
        discipline_echo_raw(d, '\b');
    }
}

/* The keys that edit; those in the second row are extensions. */
static bool receive_editing(struct discipline *d, uint8_t c)
{
    bool extended = lflag(d, TERM_IEXTEN);

    if (discipline_is(d, TERM_VERASE, c) || discipline_is(d, TERM_VKILL, c) ||
        (extended && discipline_is(d, TERM_VWERASE, c)))
        discipline_erase(d, c);
    else if (extended && discipline_is(d, TERM_VLNEXT, c))
        receive_literal_next(d);
    else if (extended && lflag(d, TERM_ECHO) && discipline_is(d, TERM_VREPRINT, c))
        discipline_reprint(d, c);
    else
        return false;
    return true;
}

static void receive_end_of_line(struct discipline *d, uint8_t c)
{
    if (lflag(d, TERM_ECHO)) {
        begin_line(d);
        discipline_echo(d, c);
    }
    if (c == 0xff && iflag(d, TERM_PARMRK))
        input_put(&d->input, c);
    end_line(d, c);
}

static bool receive_line_end(struct discipline *d, uint8_t c)
{
    if (c == '\n') {
        if (lflag(d, TERM_ECHO | TERM_ECHONL))
            discipline_echo_raw(d, c);
        end_line(d, c);
    } else if (discipline_is(d, TERM_VEOF, c)) {
        end_line(d, INPUT_EOF);
    } else if (discipline_is(d, TERM_VEOL, c) ||
               (lflag(d, TERM_IEXTEN) && discipline_is(d, TERM_VEOL2, c))) {
        receive_end_of_line(d, c);
    } else {
        return false;
    }
    return true;
}

/* ---- One byte ---- */

/* CR and NL as iflag maps them; false when the byte goes away. */
static bool map_line_end(const struct discipline *d, uint8_t *c)
{
    if (*c == '\r') {
        if (iflag(d, TERM_IGNCR))
            return false;
        if (iflag(d, TERM_ICRNL))
            *c = '\n';
    } else if (*c == '\n' && iflag(d, TERM_INLCR)) {
        *c = '\r';
    }
    return true;
}

/* A byte that has a bit in d->special. */
static void receive_special(struct discipline *d, uint8_t c)
{
    if (iflag(d, TERM_IXON) && receive_flow(d, c))
        return;
    if (lflag(d, TERM_ISIG) && receive_signal(d, c))
        return;
    restart_on_any(d);
    if (!map_line_end(d, &c))
        return;
    if (discipline_canonical(d) && (receive_editing(d, c) || receive_line_end(d, c)))
        return;
    if (c == '\n')
        receive_newline(d);
    else
        receive_plain(d, c);
}

static void receive_break(struct discipline *d)
{
    if (iflag(d, TERM_IGNBRK))
        return;
    if (iflag(d, TERM_BRKINT))
        raise_signal(d, SIGNAL_INT);
    else if (iflag(d, TERM_PARMRK))
        store_marked(d, 0);
    else
        store(d, 0);
}

static void receive_damaged(struct discipline *d, uint8_t c)
{
    if (!iflag(d, TERM_INPCK))
        store(d, c);
    else if (iflag(d, TERM_IGNPAR))
        return;
    else if (iflag(d, TERM_PARMRK))
        store_marked(d, c);
    else
        store(d, 0);
}

static bool is_upper(uint8_t c)
{
    return (c >= 'A' && c <= 'Z') || (c >= 0xc0 && c <= 0xde && c != 0xd7); /* Latin-1 */
}

static uint8_t map_case(const struct discipline *d, uint8_t c)
{
    if (iflag(d, TERM_ISTRIP))
        c &= 0x7f;
    if (iflag(d, TERM_IUCLC) && lflag(d, TERM_IEXTEN) && is_upper(c))
        c = (uint8_t)(c + 0x20);
    return c;
}

/*
 * The line being typed fills the queue. Only keys that edit or end it change anything: the last
 * place in the queue is given to each further byte in turn, so that it is there for the end of the
 * line. IMAXBEL rather rings the bell for a byte that is lost.
 */
static bool overflow(struct discipline *d, uint8_t c)
{
    if (input_used(&d->input) == INPUT_SIZE)
        d->input.head--;
    bool special = d->special[c / 64] >> c % 64 & 1;
    if (!iflag(d, TERM_IMAXBEL) || (special && !d->literal_next))
        return false;
    d->literal_next = false;
    output_echo(&d->output, d->settings, '\a');
    return true;
}

void discipline_receive(struct discipline *d, uint8_t c, enum tty_condition condition)
{
    if (discipline_room(d) == 0 && overflow(d, c))
        return;
    bool literal = d->literal_next;
    d->literal_next = false;
    if (condition == TTY_BREAK) {
        receive_break(d);
        return;
    }
    if (condition != TTY_NORMAL) {
        receive_damaged(d, c);
        return;
    }
    c = map_case(d, c);
    if (!literal && d->special[c / 64] >> c % 64 & 1) {
        receive_special(d, c);
        return;
    }
    restart_on_any(d);
    receive_plain(d, c);
}

/* ---- Room ---- */

size_t discipline_room(const struct discipline *d)
{
    size_t used = input_used(&d->input);
    size_t room = INPUT_SIZE - used;

    if (iflag(d, TERM_PARMRK))
        room = (room + 2) / 3; /* each byte may become three */
    return room > 0 ? room - 1 : 0;
}

bool discipline_has_room(const struct discipline *d)
{
    return discipline_room(d) > 0 || (discipline_canonical(d) && !input_has_line(&d->input));
}

/* ---- Settings ---- */

static void set_special(struct discipline *d, uint8_t c)
{
    d->special[c / 64] |= (uint64_t)1 << c % 64;
}

static void set_special_keys(struct discipline *d, const uint8_t *indices, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        if (d->settings->cc[indices[i]] != 0)
            set_special(d, d->settings->cc[indices[i]]);
    }
}

static void find_special(struct discipline *d)
{
    static const uint8_t flow[] = {TERM_VSTART, TERM_VSTOP};
    static const uint8_t signals[] = {TERM_VINTR, TERM_VQUIT, TERM_VSUSP};
    static const uint8_t line[] = {TERM_VERASE, TERM_VKILL, TERM_VEOF, TERM_VEOL};
    static const uint8_t extended[] = {TERM_VWERASE, TERM_VLNEXT, TERM_VEOL2, TERM_VREPRINT};

    memset(d->special, 0, sizeof d->special);
    if (iflag(d, TERM_IXON))
        set_special_keys(d, flow, sizeof flow);
    if (lflag(d, TERM_ISIG))
        set_special_keys(d, signals, sizeof signals);
    if (iflag(d, TERM_IGNCR | TERM_ICRNL))
        set_special(d, '\r');
    if (iflag(d, TERM_INLCR) || lflag(d, TERM_ICANON))
        set_special(d, '\n');
    if (lflag(d, TERM_ICANON))
        set_special_keys(d, line, sizeof line);
    if (lflag(d, TERM_ICANON) && lflag(d, TERM_IEXTEN))
        set_special_keys(d, extended, sizeof extended);
}

void discipline_init(struct discipline *d, const struct terminal_settings *settings)
{
    d->settings = settings;
    find_special(d);
}

void discipline_configure(struct discipline *d, const struct terminal_settings *old)
{
    find_special(d);
    if ((old->lflag ^ d->settings->lflag) & TERM_ICANON) {
        input_switch(&d->input, discipline_canonical(d));
        d->erasing = false;
        d->literal_next = false;
    }
    if ((old->iflag & TERM_IXON) && !iflag(d, TERM_IXON))
        d->stopped = false;
    d->arrived = true; /* what is waiting may now count as ready */
}
