/* Protocols over IP: names of numbers, from /etc/protocols; and of networks, which nobody names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

static bool protocol_read(FILE *file, struct words *words, int *number)
{
    while (__words_read(file, words)) {
        char *end;
        if (words->count < 2)
            continue;
        *number = (int)strtol(words->word[1], &end, 10);
        if (end != words->word[1] && !*end)
            return true;
    }
    return false;
}

static int protocol_fill(const struct words *words, int number, struct protoent *out, char *buffer,
                         size_t size)
{
    struct arena arena = {buffer, size};

    out->p_aliases = __arena_texts(&arena, words->word + 2, words->count - 2);
    out->p_name = __arena_text(&arena, words->word[0]);
    out->p_proto = number;
    return arena.at ? 0 : ERANGE;
}

static bool protocol_has_name(const struct words *words, const char *name)
{
    for (int n = 0; n < words->count; n++)
        if (n != 1 && !strcmp(words->word[n], name))
            return true;
    return false;
}

/* By NAME, or by NUMBER when that is NULL. */
static int protocol_find(const char *name, int number, struct protoent *out, char *buffer,
                         size_t size, struct protoent **result)
{
    struct words words;
    FILE *file = fopen(_PATH_PROTOCOLS, "re");
    int error = 0, found;

    *result = NULL;
    while (file && protocol_read(file, &words, &found)) {
        if (name ? !protocol_has_name(&words, name) : found != number)
            continue;
        error = protocol_fill(&words, found, out, buffer, size);
        if (!error)
            *result = out;
        break;
    }
    if (file)
        fclose(file);
    return error;
}

int getprotobyname_r(const char *name, struct protoent *out, char *buffer, size_t size,
                     struct protoent **result)
{
    return protocol_find(name, 0, out, buffer, size, result);
}

int getprotobynumber_r(int number, struct protoent *out, char *buffer, size_t size,
                       struct protoent **result)
{
    return protocol_find(NULL, number, out, buffer, size, result);
}

static struct protoent *protocol_own(const char *name, int number)
{
    static struct own_buffer buffer;
    static struct protoent entry;
    struct protoent *result = NULL;

    while (protocol_find(name, number, &entry, buffer.bytes, buffer.size, &result) == ERANGE)
        if (!__own_buffer_grow(&buffer))
            return NULL;
    return result;
}

struct protoent *getprotobyname(const char *name)
{
    return protocol_own(name, 0);
}

struct protoent *getprotobynumber(int number)
{
    return protocol_own(NULL, number);
}

/* ---- One after the other ---- */

static FILE *protocols;

void setprotoent(int stay)
{
    (void)stay;
    if (protocols)
        rewind(protocols);
}

void endprotoent(void)
{
    if (protocols)
        fclose(protocols);
    protocols = NULL;
}

struct protoent *getprotoent(void)
{
    static struct own_buffer buffer;
    static struct protoent entry;
    struct words words;
    int number;

    if (!protocols && !(protocols = fopen(_PATH_PROTOCOLS, "re")))
        return NULL;
    if (!protocol_read(protocols, &words, &number))
        return NULL;
    while (protocol_fill(&words, number, &entry, buffer.bytes, buffer.size))
        if (!__own_buffer_grow(&buffer))
            return NULL;
    return &entry;
}

/* ---- Networks have no names here ---- */

struct netent *getnetbyname(const char *name)
{
    (void)name;
    return NULL;
}

struct netent *getnetbyaddr(uint32_t net, int type)
{
    (void)net, (void)type;
    return NULL;
}
