/* getaddrinfo: sockets' addresses of a host's name and a service's. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#define FLAGS_KNOWN                                                                      \
    (AI_PASSIVE | AI_CANONNAME | AI_NUMERICHOST | AI_V4MAPPED | AI_ALL | AI_ADDRCONFIG | \
     AI_NUMERICSERV)

/* ---- Kinds of socket ---- */

static const struct kind {
    int type, protocol;
    const char *name; /* of the protocol in /etc/services; NULL: it has no ports */
} kinds[] = {
    {SOCK_STREAM, IPPROTO_TCP, "tcp"},
    {SOCK_DGRAM, IPPROTO_UDP, "udp"},
    {SOCK_RAW, 0, NULL},
};
#define KINDS (int)(sizeof(kinds) / sizeof(kinds[0]))

/* A protocol of its own counts for raw sockets only. */
static bool kind_wanted(const struct kind *kind, const struct addrinfo *hints)
{
    if (hints->ai_socktype && hints->ai_socktype != kind->type)
        return false;
    if (kind->type == SOCK_RAW)
        return hints->ai_socktype == SOCK_RAW || !hints->ai_protocol;
    return !hints->ai_protocol || hints->ai_protocol == kind->protocol;
}

/* The service's port, network order; -1: this kind of socket doesn't have it. */
static int kind_port(const struct kind *kind, const char *service, int flags)
{
    char buffer[1024], *end;
    struct servent entry, *found;

    if (!service)
        return 0;
    unsigned long port = strtoul(service, &end, 10);
    if (*service && !*end)
        return port <= 65535 ? htons((uint16_t)port) : -1;
    if (flags & AI_NUMERICSERV || !kind->name ||
        getservbyname_r(service, kind->name, &entry, buffer, sizeof(buffer), &found) || !found)
        return -1;
    return found->s_port;
}

/* ---- Hosts ---- */

static void answer_local(struct host_answer *answer, int family, int flags)
{
    static const uint8_t loopback[4] = {127, 0, 0, 1}, any[4];
    bool passive = flags & AI_PASSIVE;

    answer->count = 0;
    answer->name[0] = '\0';
    if (family != AF_INET && !passive)
        __host_add(answer, AF_INET6, &in6addr_loopback);
    if (family != AF_INET6)
        __host_add(answer, AF_INET, passive ? any : loopback);
    if (family != AF_INET && passive)
        __host_add(answer, AF_INET6, &in6addr_any);
}

static void address_map(struct host_address *address)
{
    uint8_t mapped[16] = {[10] = 0xff, [11] = 0xff};

    memcpy(mapped + 12, address->bytes, 4);
    memcpy(address->bytes, mapped, 16);
    address->family = AF_INET6;
}

/* AI_V4MAPPED: IPv4's addresses for a program that knows only IPv6. */
static int answer_mapped(const char *node, const struct addrinfo *hints, struct host_answer *answer)
{
    int error = __host_find(node, AF_UNSPEC, answer), kept = 0;
    bool six = false;

    for (int n = 0; !error && n < answer->count; n++)
        six |= answer->address[n].family == AF_INET6;
    for (int n = 0; !error && n < answer->count; n++) {
        if (answer->address[n].family == AF_INET && six && !(hints->ai_flags & AI_ALL))
            continue;
        if (answer->address[n].family == AF_INET)
            address_map(&answer->address[n]);
        answer->address[kept++] = answer->address[n];
    }
    answer->count = kept;
    return error;
}

static bool text_is_address(const char *node)
{
    uint8_t bytes[16];
    struct in_addr address;
    char text[64];

    snprintf(text, sizeof(text), "%.*s", (int)strcspn(node, "%"), node);
    return inet_aton(node, &address) || inet_pton(AF_INET6, text, bytes) == 1;
}

static int answer_find(const char *node, const struct addrinfo *hints, struct host_answer *answer)
{
    if (!node) {
        answer_local(answer, hints->ai_family, hints->ai_flags);
        return 0;
    }
    if (hints->ai_flags & AI_NUMERICHOST && !text_is_address(node))
        return EAI_NONAME;
    if (hints->ai_family == AF_INET6 && hints->ai_flags & AI_V4MAPPED)
        return answer_mapped(node, hints, answer);
    return __host_find(node, hints->ai_family, answer);
}

/* ---- Order ---- */

static socklen_t address_put(const struct host_address *address, int port, struct sockaddr *out)
{
    struct sockaddr_in *four = (struct sockaddr_in *)out;
    struct sockaddr_in6 *six = (struct sockaddr_in6 *)out;

    if (address->family == AF_INET) {
        *four = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = (in_port_t)port};
        memcpy(&four->sin_addr, address->bytes, 4);
        return sizeof(*four);
    }
    *six = (struct sockaddr_in6){
        .sin6_family = AF_INET6, .sin6_port = (in_port_t)port, .sin6_scope_id = address->scope};
    memcpy(&six->sin6_addr, address->bytes, 16);
    return sizeof(*six);
}

/* Whether there is a route: no packet is sent. */
static bool address_reachable(const struct host_address *address)
{
    struct sockaddr_storage name;
    socklen_t length = address_put(address, htons(65535), (struct sockaddr *)&name);
    int fd = socket(address->family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool reachable = fd >= 0 && !connect(fd, (struct sockaddr *)&name, length);

    if (fd >= 0)
        close(fd);
    return reachable;
}

/* What can be reached comes first, else as found. AI_ADDRCONFIG leaves the rest out, unless that is
 * all there is. */
static void answer_sort(struct host_answer *answer, int flags)
{
    struct host_answer sorted;
    bool reachable[HOST_ADDRESSES_MAX];

    if (answer->count < 2)
        return;
    for (int n = 0; n < answer->count; n++)
        reachable[n] = address_reachable(&answer->address[n]);
    sorted.count = 0;
    for (int pass = 1; pass >= 0 && !(sorted.count && flags & AI_ADDRCONFIG); pass--)
        for (int n = 0; n < answer->count; n++)
            if (reachable[n] == pass)
                sorted.address[sorted.count++] = answer->address[n];
    answer->count = sorted.count;
    memcpy(answer->address, sorted.address, sizeof(answer->address[0]) * (size_t)sorted.count);
}

/* ---- The list ---- */

struct entry {
    struct addrinfo info;
    struct sockaddr_in6 name;
};

static struct addrinfo *entry_new(const struct host_address *address, const struct kind *kind,
                                  const struct addrinfo *hints, int port)
{
    struct entry *entry = calloc(1, sizeof(*entry));

    if (!entry)
        return NULL;
    entry->info = (struct addrinfo){
        .ai_flags = hints->ai_flags,
        .ai_family = address->family,
        .ai_socktype = kind->type,
        .ai_protocol = kind->type == SOCK_RAW ? hints->ai_protocol : kind->protocol,
        .ai_addr = (struct sockaddr *)&entry->name,
        .ai_addrlen = address_put(address, port, (struct sockaddr *)&entry->name)};
    return &entry->info;
}

void freeaddrinfo(struct addrinfo *list)
{
    while (list) {
        struct addrinfo *next = list->ai_next;
        free(list->ai_canonname);
        free(list);
        list = next;
    }
}

static int list_make(const struct host_answer *answer, const int *ports,
                     const struct addrinfo *hints, struct addrinfo **result)
{
    struct addrinfo *list = NULL, **end = &list;

    for (int n = 0; n < answer->count; n++)
        for (int k = 0; k < KINDS; k++) {
            if (ports[k] < 0)
                continue;
            *end = entry_new(&answer->address[n], &kinds[k], hints, ports[k]);
            if (!*end) {
                freeaddrinfo(list);
                return EAI_MEMORY;
            }
            end = &(*end)->ai_next;
        }
    if (list && hints->ai_flags & AI_CANONNAME && !(list->ai_canonname = strdup(answer->name))) {
        freeaddrinfo(list);
        return EAI_MEMORY;
    }
    *result = list;
    return list ? 0 : EAI_NONAME;
}

static int hints_check(const char *node, const char *service, const struct addrinfo *hints)
{
    if (!node && !service)
        return EAI_NONAME;
    if (hints->ai_flags & ~FLAGS_KNOWN || (hints->ai_flags & AI_CANONNAME && !node))
        return EAI_BADFLAGS;
    if (hints->ai_family != AF_UNSPEC && hints->ai_family != AF_INET &&
        hints->ai_family != AF_INET6)
        return EAI_FAMILY;
    for (int k = 0; k < KINDS; k++)
        if (kind_wanted(&kinds[k], hints))
            return 0;
    return EAI_SOCKTYPE;
}

int getaddrinfo(const char *restrict node, const char *restrict service,
                const struct addrinfo *restrict wanted, struct addrinfo **restrict result)
{
    static const struct addrinfo anything = {.ai_flags = AI_V4MAPPED | AI_ADDRCONFIG};
    const struct addrinfo *hints = wanted ? wanted : &anything;
    struct host_answer answer;
    int ports[KINDS];
    bool some = false;

    int error = hints_check(node, service, hints);
    if (error)
        return error;
    for (int k = 0; k < KINDS; k++) {
        ports[k] =
            kind_wanted(&kinds[k], hints) ? kind_port(&kinds[k], service, hints->ai_flags) : -1;
        some |= ports[k] >= 0;
    }
    if (!some)
        return hints->ai_flags & AI_NUMERICSERV ? EAI_NONAME : EAI_SERVICE;
    error = answer_find(node, hints, &answer);
    if (error)
        return error;
    if (node)
        answer_sort(&answer, hints->ai_flags);
    return list_make(&answer, ports, hints, result);
}
