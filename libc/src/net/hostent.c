/* gethostbyname and its relatives: hosts as they were looked up before getaddrinfo. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

/* ---- Errors ---- */

int *__h_errno_location(void)
{
    static _Thread_local int number;

    return &number;
}

const char *hstrerror(int error)
{
    static const char *const texts[] = {"No error", "Unknown host", "Try again later",
                                        "Name server failure", "The name has no address"};

    return error >= 0 && error < (int)(sizeof(texts) / sizeof(texts[0])) ? texts[error]
                                                                         : "Resolver error";
}

void herror(const char *prefix)
{
    if (prefix && *prefix)
        fprintf(stderr, "%s: ", prefix);
    fprintf(stderr, "%s\n", hstrerror(h_errno));
}

static int h_error(int error)
{
    switch (error) {
    case EAI_AGAIN:
        return TRY_AGAIN;
    case EAI_NODATA:
    case EAI_ADDRFAMILY:
        return NO_DATA;
    case EAI_FAIL:
        return NO_RECOVERY;
    default:
        return HOST_NOT_FOUND;
    }
}

/* ---- Entries ---- */

static char **entry_addresses(struct arena *arena, const struct host_answer *answer, int family)
{
    char **list = __arena_take(arena, (size_t)(answer->count + 1) * sizeof(*list));
    size_t length = host_address_length(family);
    int used = 0;

    for (int n = 0; list && n < answer->count; n++) {
        if (answer->address[n].family != family)
            continue;
        char *bytes = __arena_take(arena, length);
        if (!bytes)
            return NULL;
        list[used++] = memcpy(bytes, answer->address[n].bytes, length);
    }
    if (list)
        list[used] = NULL;
    return list;
}

static int entry_fill(const struct host_answer *answer, int family, struct hostent *out,
                      char *buffer, size_t size)
{
    struct arena arena = {buffer, size};

    *out = (struct hostent){.h_addrtype = family, .h_length = (int)host_address_length(family)};
    out->h_aliases = __arena_texts(&arena, NULL, 0);
    out->h_addr_list = entry_addresses(&arena, answer, family);
    out->h_name = __arena_text(&arena, answer->name);
    return arena.at ? 0 : ERANGE;
}

/* *RESULT is OUT, or NULL with *ERROR. */
static int entry_answer(int found, const struct host_answer *answer, int family,
                        struct hostent *out, char *buffer, size_t size, struct hostent **result,
                        int *error)
{
    *result = NULL;
    *error = found ? h_error(found) : NETDB_SUCCESS;
    int full = found ? 0 : entry_fill(answer, family, out, buffer, size);
    if (full)
        *error = NETDB_INTERNAL;
    else if (!found)
        *result = out;
    return full;
}

static bool family_known(int family)
{
    return family == AF_INET || family == AF_INET6;
}

int gethostbyname2_r(const char *name, int family, struct hostent *out, char *buffer, size_t size,
                     struct hostent **result, int *error)
{
    struct host_answer answer;
    int found = family_known(family) ? __host_find(name, family, &answer) : EAI_FAIL;

    return entry_answer(found, &answer, family, out, buffer, size, result, error);
}

int gethostbyname_r(const char *name, struct hostent *out, char *buffer, size_t size,
                    struct hostent **result, int *error)
{
    return gethostbyname2_r(name, AF_INET, out, buffer, size, result, error);
}

int gethostbyaddr_r(const void *bytes, socklen_t length, int family, struct hostent *out,
                    char *buffer, size_t size, struct hostent **result, int *error)
{
    struct host_answer answer = {.count = 0};
    int found = EAI_FAIL;

    if (family_known(family) && length == host_address_length(family)) {
        found = __host_name(bytes, family, answer.name, sizeof(answer.name));
        __host_add(&answer, family, bytes);
    }
    return entry_answer(found, &answer, family, out, buffer, size, result, error);
}

/* ---- The ones with a result of their own ---- */

static struct own_buffer own;
static struct hostent own_entry;

/* A question anew for each try with more room costs little: it is rare. */
struct hostent *gethostbyname2(const char *name, int family)
{
    struct hostent *result = NULL;

    while (gethostbyname2_r(name, family, &own_entry, own.bytes, own.size, &result, &h_errno))
        if (!__own_buffer_grow(&own))
            return NULL;
    return result;
}

struct hostent *gethostbyname(const char *name)
{
    return gethostbyname2(name, AF_INET);
}

struct hostent *gethostbyaddr(const void *bytes, socklen_t length, int family)
{
    struct hostent *result = NULL;

    while (
        gethostbyaddr_r(bytes, length, family, &own_entry, own.bytes, own.size, &result, &h_errno))
        if (!__own_buffer_grow(&own))
            return NULL;
    return result;
}

/* ---- One after the other ---- */

static FILE *hosts;

void sethostent(int stay)
{
    (void)stay;
    if (hosts)
        rewind(hosts);
}

void endhostent(void)
{
    if (hosts)
        fclose(hosts);
    hosts = NULL;
}

struct hostent *gethostent(void)
{
    struct words words;
    struct host_answer answer = {.count = 0};
    uint8_t bytes[16];

    if (!hosts && !(hosts = fopen(_PATH_HOSTS, "re")))
        return NULL;
    while (__words_read(hosts, &words)) {
        if (words.count < 2 || inet_pton(AF_INET, words.word[0], bytes) != 1)
            continue;
        __host_add(&answer, AF_INET, bytes);
        snprintf(answer.name, sizeof(answer.name), "%s", words.word[1]);
        while (entry_fill(&answer, AF_INET, &own_entry, own.bytes, own.size))
            if (!__own_buffer_grow(&own))
                return NULL;
        return &own_entry;
    }
    return NULL;
}
