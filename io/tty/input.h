/*
 * The input queue of a line discipline: received bytes in a ring, with a mark on each that ends a
 * line.
 *
 *     tail ...... line ...... head
 *     | readable  | being typed |
 *
 * With ICANON a read gets what lies before `line`, up to the next mark; without, all there is. An
 * end of file typed is a marked NUL that no reader sees. Everything here runs under the port's
 * lock.
 */
#ifndef IO_TTY_INPUT_H
#define IO_TTY_INPUT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define INPUT_SIZE 4096u           /* a power of two: a line of 4095 and its end (MAX_CANON) */
#define INPUT_EOF  ((uint8_t)'\0') /* with a mark */

struct input {
    uint8_t bytes[INPUT_SIZE];
    uint64_t marks[INPUT_SIZE / 64];
    uint32_t head, line, tail; /* free-running */
    /* Raw input that was waiting when ICANON came on is a line that ends here, where a NUL is a
     * NUL. */
    bool pushed;
    uint32_t push_end;
};

static inline size_t input_used(const struct input *in)
{
    return in->head - in->tail;
}

static inline uint8_t input_at(const struct input *in, uint32_t position)
{
    return in->bytes[position & (INPUT_SIZE - 1)];
}

/* A whole line is there. */
static inline bool input_has_line(const struct input *in)
{
    return in->line != in->tail;
}

/* Nothing of the line being typed is there. */
static inline bool input_at_start(const struct input *in)
{
    return in->line == in->head;
}

/* Appends a byte; the caller has made sure of room. */
void input_put(struct input *in, uint8_t c);
/* Appends the byte that ends the line being typed, which becomes readable. */
void input_end_line(struct input *in, uint8_t c);
/* Takes up to MAX bytes of the first line; *ended when its end was among them (and an end of file
 * was dropped). */
size_t input_take_line(struct input *in, uint8_t *to, size_t max, bool *ended);
/* A reader's buffer was filled by the last byte before an end of file: that belongs to the same
 * read. */
void input_skip_eof(struct input *in);
/* Takes up to MAX bytes, lines or not. */
size_t input_take(struct input *in, uint8_t *to, size_t max);
/* Bytes that reads can have now (FIONREAD). */
size_t input_readable(const struct input *in, bool canonical);
/* ICANON has changed to CANONICAL: what is waiting becomes one line, or plain bytes. */
void input_switch(struct input *in, bool canonical);
void input_flush(struct input *in);

#endif
