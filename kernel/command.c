/*
 * The kernel's command line: words separated by spaces, "key=value" or "key"; a value may be put in
 * double quotes. Split once, at the first question; each word remembers whether somebody asked for
 * it.
 */
#include <stdbool.h>
#include <sluice/string.h>
#include "kernel/boot_info.h"
#include "kernel/log.h"

#define WORDS_MAX 64

static char text[BOOT_COMMAND_MAX];
static struct word {
    const char *key, *value;
    bool asked;
} words[WORDS_MAX];
static size_t word_count;
static bool split;

/* Ends the word at P, quotes taken out; returns what follows. */
static char *word_end(char *p)
{
    char *to = p;
    bool quoted = false;
    for (; *p && (quoted || *p != ' '); p++) {
        if (*p == '"')
            quoted = !quoted;
        else
            *to++ = *p;
    }
    char *rest = *p ? p + 1 : p;
    *to = '\0';
    return rest;
}

static void command_split(void)
{
    split = true;
    memcpy(text, boot_info.command, sizeof text);
    text[sizeof text - 1] = '\0';
    for (char *p = text; *p;) {
        if (*p == ' ') {
            p++;
            continue;
        }
        if (word_count == WORDS_MAX) {
            log_write(LOG_WARNING, "command line: more than %d words, ignored from \"%s\" on",
                      WORDS_MAX, p);
            return;
        }
        struct word *word = &words[word_count++];
        word->key = p;
        p = word_end(p);
        char *equals = strchr(word->key, '=');
        word->value = equals ? equals + 1 : "";
        if (equals)
            *equals = '\0';
    }
}

/* The last of several wins, so that an appended option overrides. */
const char *command_option(const char *key)
{
    const char *value = NULL;
    if (!split)
        command_split();
    for (size_t i = 0; i < word_count; i++) {
        if (strcmp(words[i].key, key))
            continue;
        words[i].asked = true;
        value = words[i].value;
    }
    return value;
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    c |= 0x20;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : 99;
}

static bool number_parse(const char *s, uint64_t *out)
{
    unsigned base = 10;
    if (s[0] == '0' && (s[1] | 0x20) == 'x') {
        base = 16;
        s += 2;
    }
    uint64_t value = 0;
    if (!*s)
        return false;
    for (; *s; s++) {
        unsigned digit = (unsigned)digit_value(*s);
        if (digit >= base || __builtin_mul_overflow(value, (uint64_t)base, &value) ||
            __builtin_add_overflow(value, (uint64_t)digit, &value))
            return false;
    }
    *out = value;
    return true;
}

uint64_t command_number(const char *key, uint64_t otherwise)
{
    const char *value = command_option(key);
    uint64_t number;
    if (!value)
        return otherwise;
    if (number_parse(value, &number))
        return number;
    log_write(LOG_WARNING, "command line: %s=%s is not a number", key, value);
    return otherwise;
}

void command_report_unknown(void)
{
    if (!split)
        command_split();
    for (size_t i = 0; i < word_count; i++)
        if (!words[i].asked)
            log_write(LOG_WARNING, "command line: nobody knows the option %s", words[i].key);
}
