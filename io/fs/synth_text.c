/*
 * Text that grows. Memory is taken without sleeping, so that a function which shows something may
 * do so with the lock held that keeps it still.
 */
#include <stdarg.h>
#include <stdint.h>
#include <sluice/env.h>
#include <sluice/string.h>
#include "synth_text.h"

#define SYNTH_TEXT_FIRST 512u

void synth_text_fini(struct synth_text *text)
{
    if (text->bytes)
        env_free(text->bytes, text->capacity);
    memset(text, 0, sizeof *text);
}

static bool synth_text_reserve(struct synth_text *text, size_t size)
{
    size_t capacity = text->capacity ? text->capacity : SYNTH_TEXT_FIRST;

    if (text->failed || size > SIZE_MAX / 4 - text->size) {
        text->failed = true;
        return false;
    }
    while (capacity < text->size + size)
        capacity *= 2;
    if (capacity == text->capacity)
        return true;
    char *bytes = env_alloc(capacity, ENV_NOSLEEP);
    if (!bytes) {
        text->failed = true;
        return false;
    }
    if (text->bytes) {
        memcpy(bytes, text->bytes, text->size);
        env_free(text->bytes, text->capacity);
    }
    text->bytes = bytes;
    text->capacity = capacity;
    return true;
}

void synth_append(struct synth_text *text, const void *bytes, size_t size)
{
    if (size == 0 || !synth_text_reserve(text, size))
        return;
    memcpy(text->bytes + text->size, bytes, size);
    text->size += size;
}

static void synth_fill(struct synth_text *text, char c, size_t count)
{
    while (count-- > 0)
        synth_append(text, &c, 1);
}

/* ---- printf ---- */

struct synth_spec {
    bool left, zero, alternate, plus;
    int width;
    int precision; /* -1: none */
    int size;      /* bytes of an integer argument */
    char kind;
};

/* BYTES, with SIGN ("", "-", "0x" ...) before them, padded to the width. */
static void synth_field(struct synth_text *text, const struct synth_spec *spec, const char *sign,
                        const char *bytes, size_t size)
{
    size_t sign_size = strlen(sign);
    size_t used = size + sign_size;
    size_t pad = spec->width > 0 && (size_t)spec->width > used ? (size_t)spec->width - used : 0;
    bool zeros = spec->zero && !spec->left;

    if (!spec->left && !zeros)
        synth_fill(text, ' ', pad);
    synth_append(text, sign, sign_size);
    if (zeros)
        synth_fill(text, '0', pad);
    synth_append(text, bytes, size);
    if (spec->left)
        synth_fill(text, ' ', pad);
}

static void synth_number(struct synth_text *text, const struct synth_spec *spec, const char *sign,
                         uint64_t value, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    char buffer[24];
    size_t at = sizeof buffer;

    do {
        buffer[--at] = digits[value % base];
        value /= base;
    } while (value > 0);
    synth_field(text, spec, sign, buffer + at, sizeof buffer - at);
}

static void synth_signed(struct synth_text *text, const struct synth_spec *spec, va_list *args)
{
    int64_t value = spec->size == 8 ? va_arg(*args, int64_t) : va_arg(*args, int);
    const char *sign = value < 0 ? "-" : spec->plus ? "+" : "";

    synth_number(text, spec, sign, value < 0 ? 0 - (uint64_t)value : (uint64_t)value, 10, false);
}

static void synth_unsigned(struct synth_text *text, const struct synth_spec *spec, va_list *args)
{
    uint64_t value = spec->size == 8 ? va_arg(*args, uint64_t) : va_arg(*args, unsigned);
    unsigned base = spec->kind == 'u' ? 10 : spec->kind == 'o' ? 8 : 16;
    const char *sign = spec->alternate && base == 16 && value != 0 ? "0x" : "";

    synth_number(text, spec, sign, value, base, spec->kind == 'X');
}

static void synth_string(struct synth_text *text, const struct synth_spec *spec, const char *string)
{
    size_t limit = spec->precision >= 0 ? (size_t)spec->precision : SIZE_MAX;
    size_t size = 0;

    if (!string)
        string = "(null)";
    while (size < limit && string[size])
        size++;
    synth_field(text, spec, "", string, size);
}

/* A number in the format, or the argument that '*' stands for. */
static const char *synth_spec_number(const char *f, int *out, va_list *args)
{
    *out = 0;
    if (*f == '*') {
        *out = va_arg(*args, int);
        return f + 1;
    }
    for (; *f >= '0' && *f <= '9'; f++)
        if (*out < 10000)
            *out = *out * 10 + (*f - '0');
    return f;
}

/* Reads what stands between '%' and the kind; returns behind the kind. */
static const char *synth_spec_read(const char *f, struct synth_spec *spec, va_list *args)
{
    *spec = (struct synth_spec){.precision = -1, .size = 4};
    for (;; f++) {
        if (*f == '-')
            spec->left = true;
        else if (*f == '0')
            spec->zero = true;
        else if (*f == '#')
            spec->alternate = true;
        else if (*f == '+')
            spec->plus = true;
        else
            break;
    }
    f = synth_spec_number(f, &spec->width, args);
    if (spec->width < 0) {
        spec->left = true;
        spec->width = -spec->width;
    }
    if (*f == '.')
        f = synth_spec_number(f + 1, &spec->precision, args);
    for (; *f == 'l' || *f == 'z' || *f == 'h' || *f == 'j'; f++)
        if (*f != 'h')
            spec->size = 8;
    spec->kind = *f;
    return *f ? f + 1 : f;
}

static void synth_convert(struct synth_text *text, const struct synth_spec *spec, va_list *args)
{
    char c;

    switch (spec->kind) {
    case 'd':
    case 'i':
        synth_signed(text, spec, args);
        return;
    case 'u':
    case 'x':
    case 'X':
    case 'o':
        synth_unsigned(text, spec, args);
        return;
    case 'p':
        synth_number(text, spec, "0x", (uintptr_t)va_arg(*args, void *), 16, false);
        return;
    case 'c':
        c = (char)va_arg(*args, int);
        synth_field(text, spec, "", &c, 1);
        return;
    case 's':
        synth_string(text, spec, va_arg(*args, const char *));
        return;
    }
    synth_append(text, &spec->kind, 1); /* "%%", and what isn't known as it is */
}

void synth_printf(struct synth_text *text, const char *format, ...)
{
    struct synth_spec spec;
    va_list args;

    va_start(args, format);
    while (*format) {
        const char *plain = format;

        while (*format && *format != '%')
            format++;
        synth_append(text, plain, (size_t)(format - plain));
        if (*format == '%') {
            format = synth_spec_read(format + 1, &spec, &args);
            if (spec.kind)
                synth_convert(text, &spec, &args);
        }
    }
    va_end(args);
}
