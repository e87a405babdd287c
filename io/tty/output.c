/* Output processing (OPOST) and the ring of bytes to send. Under the port's lock throughout. */
#include <sluice/string.h>
#include "output.h"

#define TAB_WIDTH 8u

static void put_bytes(struct output *out, const uint8_t *bytes, size_t n)
{
    uint32_t at = out->head & (OUTPUT_SIZE - 1);
    size_t first = OUTPUT_SIZE - at < n ? OUTPUT_SIZE - at : n;

    memcpy(&out->ring[at], bytes, first);
    if (first < n)
        memcpy(out->ring, bytes + first, n - first);
    out->head += (uint32_t)n;
}

static bool put(struct output *out, const char *bytes, size_t n, size_t limit)
{
    if (output_used(out) + n > limit)
        return false;
    for (size_t i = 0; i < n; i++)
        out->ring[out->head++ & (OUTPUT_SIZE - 1)] = (uint8_t)bytes[i];
    return true;
}

static bool put_newline(struct output *out, uint32_t oflag, size_t limit)
{
    bool with_return = oflag & TERM_ONLCR;

    if (!put(out, with_return ? "\r\n" : "\n", with_return ? 2 : 1, limit))
        return false;
    if (oflag & (TERM_ONLCR | TERM_ONLRET))
        out->column = 0;
    out->line_column = out->column;
    return true;
}

static bool put_return(struct output *out, uint32_t oflag, size_t limit)
{
    if ((oflag & TERM_ONOCR) && out->column == 0)
        return true;
    if (!put(out, oflag & TERM_OCRNL ? "\n" : "\r", 1, limit))
        return false;
    if (!(oflag & TERM_OCRNL) || (oflag & TERM_ONLRET))
        out->line_column = out->column = 0;
    return true;
}

static bool put_tab(struct output *out, uint32_t oflag, size_t limit)
{
    uint32_t width = TAB_WIDTH - out->column % TAB_WIDTH;
    bool spaces = (oflag & TERM_TABDLY) == TERM_TAB3;

    if (!put(out, spaces ? "        " : "\t", spaces ? width : 1, limit))
        return false;
    out->column += width;
    return true;
}

static bool is_control(uint8_t c)
{
    return c < 0x20 || c == 0x7f;
}

/* Latin-1's capitals, as Linux has it (sharp s and y with diaeresis, which have none there, become
 * other signs). */
static uint8_t upper(uint8_t c)
{
    bool lower = (c >= 'a' && c <= 'z') || (c >= 0xdf && c != 0xf7);

    return lower ? (uint8_t)(c - 0x20) : c;
}

static bool put_character(struct output *out, const struct terminal_settings *settings, uint8_t c,
                          size_t limit)
{
    if (settings->oflag & TERM_OLCUC)
        c = upper(c);
    if (!put(out, (const char *)&c, 1, limit))
        return false;
    bool continuation = (settings->iflag & TERM_IUTF8) && (c & 0xc0) == 0x80;
    if (c == '\b')
        output_back_column(out);
    else if (!is_control(c) && !continuation)
        out->column++;
    return true;
}

/* One byte with OPOST on; false when what it becomes does not fit. */
static bool process(struct output *out, const struct terminal_settings *settings, uint8_t c,
                    size_t limit)
{
    switch (c) {
    case '\n':
        return put_newline(out, settings->oflag, limit);
    case '\r':
        return put_return(out, settings->oflag, limit);
    case '\t':
        return put_tab(out, settings->oflag, limit);
    default:
        return put_character(out, settings, c, limit);
    }
}

#define EACH_BYTE(value) (0x0101010101010101u * (value))

/*
 * Length of the run of printable ASCII (0x20 to 0x7e) that BYTES begins with: each byte goes out as
 * it is and takes one column. Eight at a time: a byte outside that range has its top bit set, or
 * gets it by subtracting 0x20 or by adding 1.
 */
static size_t plain_run(const uint8_t *bytes, size_t n)
{
    size_t i = 0;

    for (; n - i >= 8; i += 8) {
        uint64_t word;
        __builtin_memcpy(&word, bytes + i, 8); /* one load, also where memcpy is a call */
        if ((word | (word - EACH_BYTE(0x20)) | (word + EACH_BYTE(1))) & EACH_BYTE(0x80))
            break;
    }
    while (i < n && bytes[i] >= 0x20 && bytes[i] < 0x7f)
        i++;
    return i;
}

size_t output_write(struct output *out, const struct terminal_settings *settings,
                    const uint8_t *bytes, size_t n, size_t room)
{
    bool raw = !(settings->oflag & TERM_OPOST);
    size_t done = 0, limit = output_used(out) + room;

    while (done < n) {
        room = limit - output_used(out);
        size_t fits = n - done < room ? n - done : room;
        size_t run = raw                              ? fits
                     : (settings->oflag & TERM_OLCUC) ? 0
                                                      : plain_run(bytes + done, fits);
        put_bytes(out, bytes + done, run);
        done += run;
        if (raw)
            break;
        out->column += (uint32_t)run;
        if (done == n || !process(out, settings, bytes[done], limit))
            break;
        done++;
    }
    return done;
}

void output_echo(struct output *out, const struct terminal_settings *settings, uint8_t c)
{
    bool kept = settings->oflag & TERM_OPOST ? process(out, settings, c, OUTPUT_SIZE)
                                             : put(out, (const char *)&c, 1, OUTPUT_SIZE);
    out->echo_lost += !kept;
}

void output_echo_control(struct output *out, uint8_t c)
{
    char pair[2] = {'^', (char)(c ^ 0x40)};

    if (put(out, pair, 2, OUTPUT_SIZE))
        out->column += 2;
    else
        out->echo_lost++;
}

void output_erase_tab(struct output *out, uint32_t width, bool from_start)
{
    uint32_t before = width + (from_start ? out->line_column : 0);
    uint32_t back = TAB_WIDTH - before % TAB_WIDTH;

    if (!put(out, "\b\b\b\b\b\b\b\b", back, OUTPUT_SIZE))
        out->echo_lost++;
    else
        out->column -= back < out->column ? back : out->column;
}

void output_back_column(struct output *out)
{
    if (out->column > 0)
        out->column--;
}

void output_begin_line(struct output *out)
{
    out->line_column = out->column;
}

const uint8_t *output_peek(const struct output *out, size_t *out_length)
{
    uint32_t at = out->tail & (OUTPUT_SIZE - 1);
    size_t used = output_used(out);

    *out_length = OUTPUT_SIZE - at < used ? OUTPUT_SIZE - at : used;
    return &out->ring[at];
}

void output_advance(struct output *out, size_t n)
{
    out->tail += (uint32_t)n;
}

void output_flush(struct output *out)
{
    out->tail = out->head;
}
