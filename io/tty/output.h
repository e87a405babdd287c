/*
 * The output side of a line discipline: bytes as the line will carry them, in a ring, and the
 * column where the cursor stands.
 *
 * Programs may fill the ring up to OUTPUT_LIMIT; the rest is kept for echo, so that typing shows,
 * in order, behind whatever a program has written and the line has not yet taken. Everything here
 * runs under the port's lock.
 */
#ifndef IO_TTY_OUTPUT_H
#define IO_TTY_OUTPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/terminal.h>

#define OUTPUT_SIZE  8192u /* a power of two */
#define OUTPUT_LIMIT 4096u /* for programs */

struct output {
    uint8_t ring[OUTPUT_SIZE];
    uint32_t head, tail; /* free-running: head - tail bytes are waiting */
    uint32_t column;
    uint32_t line_column; /* where the line being typed begins */
    uint64_t echo_lost;   /* echoed bytes dropped: the ring was full */
};

static inline size_t output_used(const struct output *out)
{
    return out->head - out->tail;
}

/* Bytes that programs may add now. */
static inline size_t output_room(const struct output *out)
{
    size_t used = output_used(out);
    return used < OUTPUT_LIMIT ? OUTPUT_LIMIT - used : 0;
}

/* Processes up to N bytes of a program's output as SETTINGS say, adding at most ROOM bytes (of
 * output_room) to the ring; returns how many of BYTES were taken. */
size_t output_write(struct output *out, const struct terminal_settings *settings,
                    const uint8_t *bytes, size_t n, size_t room);

/* Echoes one byte, processed in the same way. */
void output_echo(struct output *out, const struct terminal_settings *settings, uint8_t c);
/* Echoes a control character as ^X. */
void output_echo_control(struct output *out, uint8_t c);
/* Goes back over a tab that is preceded in its line by WIDTH columns, counted from the previous tab
 * or (FROM_START) from the beginning of the line. */
void output_erase_tab(struct output *out, uint32_t width, bool from_start);
/* The byte just echoed was not a column of its own. */
void output_back_column(struct output *out);
/* The next byte is the first of a line being typed. */
void output_begin_line(struct output *out);

/* The next bytes to send, contiguous, and how many; and taking them. */
const uint8_t *output_peek(const struct output *out, size_t *out_length);
void output_advance(struct output *out, size_t n);
void output_flush(struct output *out);

#endif
