/* The input queue. Under the port's lock throughout. */
#include <sluice/string.h>
#include "input.h"

static void mark(struct input *in, uint32_t position)
{
    position &= INPUT_SIZE - 1;
    in->marks[position / 64] |= (uint64_t)1 << position % 64;
}

static void unmark(struct input *in, uint32_t position)
{
    position &= INPUT_SIZE - 1;
    in->marks[position / 64] &= ~((uint64_t)1 << position % 64);
}

static bool marked(const struct input *in, uint32_t position)
{
    position &= INPUT_SIZE - 1;
    return in->marks[position / 64] >> position % 64 & 1;
}

/* Distance from tail to the first mark within LIMIT bytes, or LIMIT. */
static size_t find_mark(const struct input *in, size_t limit)
{
    size_t distance = 0;

    while (distance < limit) {
        uint32_t position = (in->tail + (uint32_t)distance) & (INPUT_SIZE - 1);
        uint64_t word = in->marks[position / 64] >> position % 64;
        if (word) {
            distance += (size_t)__builtin_ctzll(word);
            return distance < limit ? distance : limit;
        }
        distance += 64 - position % 64;
    }
    return limit;
}

static void copy_out(const struct input *in, uint8_t *to, size_t n)
{
    uint32_t at = in->tail & (INPUT_SIZE - 1);
    size_t first = INPUT_SIZE - at < n ? INPUT_SIZE - at : n;

    memcpy(to, &in->bytes[at], first);
    memcpy(to + first, in->bytes, n - first);
}

void input_put(struct input *in, uint8_t c)
{
    in->bytes[in->head++ & (INPUT_SIZE - 1)] = c;
}

void input_end_line(struct input *in, uint8_t c)
{
    mark(in, in->head);
    input_put(in, c);
    in->line = in->head;
}

static bool is_eof(const struct input *in, uint32_t position)
{
    bool raw = in->pushed && position == in->push_end;

    return marked(in, position) && !raw && input_at(in, position) == INPUT_EOF;
}

size_t input_take_line(struct input *in, uint8_t *to, size_t max, bool *ended)
{
    size_t there = in->line - in->tail;
    size_t limit = there < max ? there : max;
    size_t distance = find_mark(in, limit);
    bool found = distance < limit;
    bool eof = found && is_eof(in, in->tail + (uint32_t)distance);
    size_t taken = distance + (found && !eof);

    copy_out(in, to, taken);
    if (found) {
        unmark(in, in->tail + (uint32_t)distance);
        in->pushed = false;
    }
    in->tail += (uint32_t)(distance + found);
    *ended = found || there == 0;
    return taken;
}

void input_skip_eof(struct input *in)
{
    if (!input_has_line(in) || !is_eof(in, in->tail))
        return;
    unmark(in, in->tail);
    in->tail++;
}

size_t input_take(struct input *in, uint8_t *to, size_t max)
{
    size_t there = input_used(in);
    size_t taken = there < max ? there : max;

    copy_out(in, to, taken);
    in->tail += (uint32_t)taken;
    return taken;
}

size_t input_readable(const struct input *in, bool canonical)
{
    if (!canonical)
        return input_used(in);
    size_t count = in->line - in->tail;
    for (uint32_t position = in->tail; position != in->line; position++)
        count -= is_eof(in, position);
    return count;
}

void input_switch(struct input *in, bool canonical)
{
    memset(in->marks, 0, sizeof in->marks);
    in->pushed = canonical && input_used(in) > 0;
    in->line = in->tail;
    if (in->pushed) {
        in->push_end = in->head - 1;
        mark(in, in->push_end);
        in->line = in->head;
    }
}

void input_flush(struct input *in)
{
    memset(in->marks, 0, sizeof in->marks);
    in->pushed = false;
    in->head = in->line = in->tail;
}
