/* Editing the line being typed: erase, word erase, kill, reprint. Under the port's lock throughout.
 */
#include "discipline.h"

enum amount { ERASE_CHARACTER, ERASE_WORD, ERASE_LINE };

static bool has(const struct discipline *d, uint32_t flags)
{
    return (d->settings->lflag & flags) == flags;
}

/* A byte inside a UTF-8 sequence, after its first. */
static bool is_continuation(const struct discipline *d, uint8_t c)
{
    return (d->settings->iflag & TERM_IUTF8) && (c & 0xc0) == 0x80;
}

/* Part of a word: letters (those of Latin-1 too, hence every first byte of a UTF-8 letter), digits
 * and _. */
static bool is_word(uint8_t c)
{
    uint8_t lower = c | 0x20;

    return (lower >= 'a' && lower <= 'z') || (c >= '0' && c <= '9') || c == '_' ||
           (c >= 0xc0 && c != 0xd7 && c != 0xf7);
}

/* Where the last character of the line begins; the line's start cuts a broken UTF-8 sequence short.
 */
static uint32_t last_character(const struct discipline *d)
{
    uint32_t position = d->input.head;

    do
        position--;
    while (position != d->input.line && is_continuation(d, input_at(&d->input, position)));
    return position;
}

/* ECHOPRT: erased characters are printed, between \ and /, first to last byte of each. */
static void show_printing(struct discipline *d, uint32_t from, uint32_t to)
{
    if (!d->erasing)
        discipline_echo_raw(d, '\\');
    d->erasing = true;
    discipline_echo(d, input_at(&d->input, from));
    while (++from != to) {
        discipline_echo_raw(d, input_at(&d->input, from));
        output_back_column(&d->output);
    }
}

/* How many columns to go back depends on those used since the tab before, or else since the line's
 * start. */
static void show_tab_gone(struct discipline *d)
{
    uint32_t position = d->input.head, width = 0;

    while (position != d->input.line) {
        uint8_t c = input_at(&d->input, --position);
        if (c == '\t') {
            output_erase_tab(&d->output, width, false);
            return;
        }
        if (discipline_is_control(c))
            width += has(d, TERM_ECHOCTL) ? 2 : 0;
        else if (!is_continuation(d, c))
            width++;
    }
    output_erase_tab(&d->output, width, true);
}

static void show_column_gone(struct discipline *d)
{
    discipline_echo_raw(d, '\b');
    discipline_echo_raw(d, ' ');
    discipline_echo_raw(d, '\b');
}

static void show_gone(struct discipline *d, uint8_t c)
{
    if (c == '\t') {
        show_tab_gone(d);
        return;
    }
    if (discipline_is_control(c) && !has(d, TERM_ECHOCTL))
        return;
    show_column_gone(d);
    if (discipline_is_control(c))
        show_column_gone(d);
}

/* Shows that the bytes from the new head up to END, a character that began with C, are gone. */
static void show_erased(struct discipline *d, enum amount amount, uint8_t c, uint32_t end)
{
    if (!has(d, TERM_ECHO))
        return;
    if (has(d, TERM_ECHOPRT))
        show_printing(d, d->input.head, end);
    else if (amount == ERASE_CHARACTER && !has(d, TERM_ECHOE))
        discipline_echo(d, d->settings->cc[TERM_VERASE]);
    else
        show_gone(d, c);
}

static void erase_back(struct discipline *d, enum amount amount)
{
    bool in_word = false;

    while (!input_at_start(&d->input)) {
        uint32_t begin = last_character(d), end = d->input.head;
        uint8_t c = input_at(&d->input, begin);
        if (is_continuation(d, c))
            break; /* a sequence without its first byte stays whole */
        if (amount == ERASE_WORD && in_word && !is_word(c))
            break;
        in_word |= is_word(c);
        d->input.head = begin;
        show_erased(d, amount, c, end);
        if (amount == ERASE_CHARACTER)
            break;
    }
    if (input_at_start(&d->input) && has(d, TERM_ECHO))
        discipline_finish_erasing(d);
}

/* Kill without erasing on the screen: the kill character shows, and a new line with ECHOK. */
static void kill_line(struct discipline *d)
{
    d->input.head = d->input.line;
    if (!has(d, TERM_ECHO))
        return;
    discipline_finish_erasing(d);
    discipline_echo(d, d->settings->cc[TERM_VKILL]);
    if (has(d, TERM_ECHOK))
        discipline_echo_raw(d, '\n');
}

void discipline_erase(struct discipline *d, uint8_t c)
{
    if (input_at_start(&d->input))
        return;
    if (discipline_is(d, TERM_VERASE, c))
        erase_back(d, ERASE_CHARACTER);
    else if (discipline_is(d, TERM_VWERASE, c))
        erase_back(d, ERASE_WORD);
    else if (has(d, TERM_ECHO | TERM_ECHOE | TERM_ECHOK | TERM_ECHOKE))
        erase_back(d, ERASE_LINE);
    else
        kill_line(d);
}

void discipline_reprint(struct discipline *d, uint8_t c)
{
    discipline_finish_erasing(d);
    discipline_echo(d, c);
    discipline_echo_raw(d, '\n');
    for (uint32_t position = d->input.line; position != d->input.head; position++)
        discipline_echo(d, input_at(&d->input, position));
}
