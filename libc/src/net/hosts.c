/* Hosts: from text, from /etc/hosts, and from whoever knows more. */
#include <arpa/inet.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "net.h"

void __host_add(struct host_answer *answer, int family, const void *bytes)
{
    if (answer->count == HOST_ADDRESSES_MAX)
        return;
    struct host_address *address = &answer->address[answer->count++];
    *address = (struct host_address){.family = family};
    memcpy(address->bytes, bytes, host_address_length(family));
}

/* ---- /etc/hosts ---- */

/* The family of the line's address, or -1. */
static int line_address(const struct words *words, uint8_t bytes[16])
{
    if (words->count < 2)
        return -1;
    if (inet_pton(AF_INET, words->word[0], bytes) == 1)
        return AF_INET;
    return inet_pton(AF_INET6, words->word[0], bytes) == 1 ? AF_INET6 : -1;
}

static bool line_has_name(const struct words *words, const char *name)
{
    for (int n = 1; n < words->count; n++)
        if (!strcasecmp(words->word[n], name))
            return true;
    return false;
}

static void name_copy(char *to, size_t size, const char *name)
{
    strncpy(to, name, size - 1);
    to[size - 1] = '\0';
}

bool __hosts_by_name(const char *name, int family, struct host_answer *answer)
{
    struct words words;
    uint8_t bytes[16];
    FILE *file = fopen(_PATH_HOSTS, "re");
    int before = answer->count;

    while (file && __words_read(file, &words)) {
        int found = line_address(&words, bytes);
        if (found < 0 || (family != AF_UNSPEC && found != family) || !line_has_name(&words, name))
            continue;
        if (!answer->name[0])
            name_copy(answer->name, sizeof(answer->name), words.word[1]);
        __host_add(answer, found, bytes);
    }
    if (file)
        fclose(file);
    return answer->count > before;
}

bool __hosts_by_address(const void *bytes, int family, char *name, size_t size)
{
    struct words words;
    uint8_t there[16];
    FILE *file = fopen(_PATH_HOSTS, "re");
    bool found = false;

    while (file && !found && __words_read(file, &words)) {
        found = line_address(&words, there) == family &&
                !memcmp(there, bytes, host_address_length(family));
        if (found)
            name_copy(name, size, words.word[1]);
    }
    if (file)
        fclose(file);
    return found;
}

/* ---- Text ---- */

/* "fe80::1%eth0" */
static bool text_ipv6(const char *text, struct host_answer *answer)
{
    char address[INET6_ADDRSTRLEN];
    const char *scope = strchr(text, '%');
    size_t length = scope ? (size_t)(scope - text) : strlen(text);
    uint8_t bytes[16];

    if (length >= sizeof(address))
        return false;
    memcpy(address, text, length);
    address[length] = '\0';
    if (inet_pton(AF_INET6, address, bytes) != 1)
        return false;
    unsigned index = 0;
    if (scope) {
        char *end;
        index = if_nametoindex(scope + 1);
        if (!index && (index = (unsigned)strtoul(scope + 1, &end, 10), *end))
            return false;
    }
    __host_add(answer, AF_INET6, bytes);
    answer->address[answer->count - 1].scope = index;
    return true;
}

static bool text_address(const char *text, struct host_answer *answer)
{
    struct in_addr address;

    if (!inet_aton(text, &address))
        return text_ipv6(text, answer);
    __host_add(answer, AF_INET, &address);
    return true;
}

/* ---- All of it ---- */

int __host_find(const char *name, int family, struct host_answer *answer)
{
    answer->count = 0;
    answer->name[0] = '\0';
    if (text_address(name, answer)) {
        name_copy(answer->name, sizeof(answer->name), name);
        return family == AF_UNSPEC || answer->address[0].family == family ? 0 : EAI_ADDRFAMILY;
    }
    if (strlen(name) >= HOST_NAME_SIZE)
        return EAI_NONAME;
    if (__hosts_by_name(name, family, answer))
        return 0;
    return __dns_addresses(name, family, answer);
}

int __host_name(const void *bytes, int family, char *name, size_t size)
{
    return __hosts_by_address(bytes, family, name, size) ? 0
                                                         : __dns_pointer(bytes, family, name, size);
}
