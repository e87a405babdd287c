/*
 * The kernel's printf. The input: four numbers, a size, and the format. Where the C library means
 * the same by a format, the texts must be equal.
 */
#include "fuzz.h"
#include <stdio.h>
#include "kernel/lib/format.c"

#define CALL(function, buffer, size) \
    function(buffer, size, text, n[0], n[1], n[2], n[3], n[0], n[1], n[2], n[3])

#define ARGUMENTS 8u

/* Whether every conversion is an integer's, with no more arguments than there are. The others: 's'
 * and 'n' would follow the argument, and ours has no 'j', 'L' or floats. A '%' that comes after
 * flags would hide one of those. */
static bool is_harmless(const char *text)
{
    unsigned count = 0;

    for (; *text != '\0'; text++) {
        if (*text != '%')
            continue;
        const char *start = ++text;
        for (; *text != '\0' && strchr("-0+ #123456789.hlzt*", *text) != NULL; text++)
            count += *text == '*';
        if (*text == '\0' || strchr("diuoxXpc%", *text) == NULL || (*text == '%' && text != start))
            return false;
        count++;
    }
    return count <= ARGUMENTS;
}

/* What only one of the two has an opinion on: '*' of random size, "%#o", "%p" of NULL or with
 * flags, '%' or 'c' with more than a width, lengths of h and l together. */
static bool is_comparable(const char *text)
{
    for (const char *at = text; (at = strchr(at, '%')) != NULL; at++) {
        size_t flags = strspn(at + 1, "-0+ #"), digits = strspn(at + 1 + flags, "0123456789");
        size_t dot = at[1 + flags + digits] == '.';
        size_t precision = dot ? strspn(at + 2 + flags + digits, "0123456789") : 0;
        const char *length = at + 1 + flags + digits + dot + precision;
        size_t letters = strspn(length, "hlzt");
        char conversion = length[letters];
        if (digits > 3 || precision > 3 || letters > 2 || (letters == 2 && length[0] != length[1]))
            return false;
        if (letters == 2 && length[0] != 'h' && length[0] != 'l')
            return false;
        if (conversion == '\0' || strchr("diuoxX%", conversion) == NULL)
            return false;
        if (conversion == 'o' && memchr(at, '#', 1 + flags) != NULL)
            return false;
        if (conversion == '%' && length != at + 1)
            return false;
        at = length + letters;
    }
    return true;
}

#pragma clang diagnostic ignored "-Wformat-nonliteral"
#pragma clang diagnostic ignored "-Wformat-security"

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    uint64_t n[4];

    for (int i = 0; i < 4; i++)
        n[i] = choices_next(&choices, UINT32_MAX) * (uint64_t)choices_next(&choices, UINT32_MAX);
    size_t room = choices_next(&choices, 256), length = 200;
    const uint8_t *format = fuzz_take(&choices, &length);
    char text[201] = "", theirs[8192];
    memcpy(text, format, length);
    if (!is_harmless(text))
        return;

    /* Exactly as large as the caller says. */
    char *ours = malloc(room + 1);
    char *whole = malloc(sizeof theirs);
    /* '*' takes a width from the arguments: mostly enormous, and that many blanks take long. */
    if (strchr(text, '*') != NULL)
        for (int i = 0; i < 4; i++)
            n[i] = (uint64_t)(int64_t)(int)(n[i] % 2000) - 1000;
    int would = CALL(format_text, ours, room + 1);
    assert_true(would >= 0 && strlen(ours) <= room);
    assert_int_equal(CALL(format_text, whole, sizeof theirs), would);
    if ((size_t)would < sizeof theirs)
        assert_int_equal(strncmp(ours, whole, room), 0);
    if (is_comparable(text)) {
        assert_int_equal(CALL(snprintf, theirs, sizeof theirs), would);
        assert_string_equal(whole, theirs);
    }
    free(ours);
    free(whole);
}
