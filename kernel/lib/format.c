/*
 * The kernel's printf: %s %c %d %i %u %o %x %X %p %%, length hh h l ll z t, flags '-' '0' '+' ' '
 * '#', width and precision, both also as '*'. An unknown conversion is copied as it stands.
 */
#include <stdbool.h>
#include <stdint.h>
#include "kernel/log.h"
#include <sluice/string.h>

struct output {
    char *buffer;
    size_t size;
    size_t length; /* as if SIZE were unlimited */
};

struct spec {
    bool left, zero, plus, space, alternate;
    int width, precision; /* precision -1: none given */
    int longness;         /* -2 hh, -1 h, 0, 1 l, ll, z, t */
    char conversion;
};

static void output_char(struct output *out, char c)
{
    if (out->length + 1 < out->size)
        out->buffer[out->length] = c;
    out->length++;
}

static void output_fill(struct output *out, char c, int count)
{
    while (count-- > 0)
        output_char(out, c);
}

static void output_text(struct output *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++)
        output_char(out, text[i]);
}

static void format_string(struct output *out, const struct spec *spec, const char *text)
{
    if (!text)
        text = "(null)";
    size_t length = 0;
    while ((spec->precision < 0 || length < (size_t)spec->precision) && text[length])
        length++;
    int pad = length < (size_t)spec->width ? spec->width - (int)length : 0;
    if (!spec->left)
        output_fill(out, ' ', pad);
    output_text(out, text, length);
    if (spec->left)
        output_fill(out, ' ', pad);
}

static int format_digits(char *end, uint64_t value, unsigned base, bool upper)
{
    const char *digits = upper ? "0123456789ABCDEF" : "0123456789abcdef";
    int count = 0;
    for (; value; value /= base, count++)
        *--end = digits[value % base];
    return count;
}

/* PREFIX is the sign or "0x". */
static void format_number(struct output *out, const struct spec *spec, uint64_t value,
                          unsigned base, const char *prefix)
{
    char digits[24];
    int count = format_digits(digits + sizeof digits, value, base, spec->conversion == 'X');
    int prefix_length = (int)strlen(prefix);
    int least = spec->precision < 0 ? 1 : spec->precision;
    int zeros = least > count ? least - count : 0;
    int pad = spec->width - prefix_length - zeros - count;
    if (spec->zero && !spec->left && spec->precision < 0 && pad > 0) {
        zeros += pad;
        pad = 0;
    }
    if (!spec->left)
        output_fill(out, ' ', pad);
    output_text(out, prefix, (size_t)prefix_length);
    output_fill(out, '0', zeros);
    output_text(out, digits + sizeof digits - count, (size_t)count);
    if (spec->left)
        output_fill(out, ' ', pad);
}

static void format_signed(struct output *out, const struct spec *spec, int64_t value)
{
    uint64_t magnitude = value < 0 ? -(uint64_t)value : (uint64_t)value;
    format_number(out, spec, magnitude, 10,
                  value < 0     ? "-"
                  : spec->plus  ? "+"
                  : spec->space ? " "
                                : "");
}

static int64_t narrow_signed(int64_t value, int longness)
{
    return longness == -2 ? (signed char)value : longness == -1 ? (short)value : value;
}

static uint64_t narrow_unsigned(uint64_t value, int longness)
{
    return longness == -2 ? (unsigned char)value : longness == -1 ? (unsigned short)value : value;
}

/* A number from the format, or '*' from the arguments. */
static const char *parse_count(const char *format, va_list *args, int *out)
{
    if (*format == '*') {
        *out = va_arg(*args, int);
        return format + 1;
    }
    int value = 0;
    for (; *format >= '0' && *format <= '9'; format++)
        if (value < 100000)
            value = value * 10 + (*format - '0');
    *out = value;
    return format;
}

static const char *parse_flags(const char *format, struct spec *spec)
{
    for (;; format++) {
        switch (*format) {
        case '-':
            spec->left = true;
            break;
        case '0':
            spec->zero = true;
            break;
        case '+':
            spec->plus = true;
            break;
        case ' ':
            spec->space = true;
            break;
        case '#':
            spec->alternate = true;
            break;
        default:
            return format;
        }
    }
}

static const char *parse_length(const char *format, struct spec *spec)
{
    for (;; format++) {
        if (*format == 'h')
            spec->longness--;
        else if (*format == 'l' || *format == 'z' || *format == 't')
            spec->longness = 1;
        else
            return format;
    }
}

static const char *parse_spec(const char *format, va_list *args, struct spec *spec)
{
    *spec = (struct spec){.precision = -1};
    format = parse_flags(format, spec);
    format = parse_count(format, args, &spec->width);
    if (spec->width < 0) {
        spec->left = true;
        spec->width = spec->width == INT32_MIN ? 0 : -spec->width;
    }
    if (*format == '.')
        format = parse_count(format + 1, args, &spec->precision);
    format = parse_length(format, spec);
    spec->conversion = *format;
    return *format ? format + 1 : format;
}

static void format_unsigned(struct output *out, const struct spec *spec, uint64_t value)
{
    value = narrow_unsigned(value, spec->longness);
    unsigned base = spec->conversion == 'u' ? 10 : spec->conversion == 'o' ? 8 : 16;
    bool prefix = spec->alternate && base == 16 && value;
    format_number(out, spec, value, base, !prefix ? "" : spec->conversion == 'X' ? "0X" : "0x");
}

static void format_char(struct output *out, const struct spec *spec, char c)
{
    if (!spec->left)
        output_fill(out, ' ', spec->width - 1);
    output_char(out, c);
    if (spec->left)
        output_fill(out, ' ', spec->width - 1);
}

/* START is the '%', END behind the conversion. */
static void format_one(struct output *out, const struct spec *spec, va_list *args,
                       const char *start, const char *end)
{
    bool wide = spec->longness > 0;
    switch (spec->conversion) {
    case 's':
        format_string(out, spec, va_arg(*args, const char *));
        break;
    case 'c':
        format_char(out, spec, (char)va_arg(*args, int));
        break;
    case 'd':
    case 'i': {
        int64_t value = wide ? va_arg(*args, long) : va_arg(*args, int);
        format_signed(out, spec, narrow_signed(value, spec->longness));
        break;
    }
    case 'u':
    case 'o':
    case 'x':
    case 'X': {
        uint64_t value = wide ? va_arg(*args, unsigned long) : va_arg(*args, unsigned);
        format_unsigned(out, spec, value);
        break;
    }
    case 'p':
        format_number(out, spec, (uint64_t)va_arg(*args, void *), 16, "0x");
        break;
    case '%':
        output_char(out, '%');
        break;
    default:
        output_text(out, start, (size_t)(end - start));
    }
}

int format_vtext(char *buffer, size_t size, const char *format, va_list args)
{
    struct output out = {buffer, size, 0};
    va_list rest;
    va_copy(rest, args);
    while (*format) {
        if (*format != '%') {
            output_char(&out, *format++);
            continue;
        }
        struct spec spec;
        const char *start = format;
        format = parse_spec(format + 1, &rest, &spec);
        format_one(&out, &spec, &rest, start, format);
    }
    va_end(rest);
    if (size)
        buffer[out.length < size ? out.length : size - 1] = '\0';
    return (int)out.length;
}

int format_text(char *buffer, size_t size, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    int length = format_vtext(buffer, size, format, args);
    va_end(args);
    return length;
}
