/* The name servers' answers: addresses of names, names of addresses. */
#include <arpa/inet.h>
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "net.h"

#define DNS_HEADER 12
#define QUERY_MAX  (DNS_HEADER + 256 + 4)
#define REPLY_MAX  4096
#define CLASS_IN   1

enum { TYPE_A = 1, TYPE_CNAME = 5, TYPE_PTR = 12, TYPE_AAAA = 28 };
enum { CODE_NONE = 0, CODE_SERVER = 2, CODE_NAME = 3 }; /* of an answer */

/* ---- Names ---- */

/* As labels; their length, or -1. */
static int name_encode(const char *name, uint8_t *out)
{
    int at = 0;

    while (*name) {
        size_t length = strcspn(name, ".");
        if (!length || length > 63 || at + (int)length + 2 > 255)
            return -1;
        out[at++] = (uint8_t)length;
        memcpy(out + at, name, length);
        at += (int)length;
        name += length;
        if (*name == '.')
            name++;
    }
    out[at++] = 0;
    return at;
}

/* Steps over a name: where the next thing is, or -1. */
static int name_skip(const uint8_t *reply, int length, int at)
{
    while (at < length) {
        if (reply[at] >= 0xc0)
            return at + 2 <= length ? at + 2 : -1;
        if (!reply[at])
            return at + 1;
        at += 1 + reply[at];
    }
    return -1;
}

/* As text. Compressed names refer backwards, so there are as many jumps as bytes at most. */
static bool name_decode(const uint8_t *reply, int length, int at, char *out, size_t size)
{
    size_t used = 0;

    for (int jumps = 0; at < length && reply[at] && jumps < 128; jumps++) {
        if (reply[at] >= 0xc0) {
            if (at + 1 >= length)
                return false;
            at = (reply[at] & 0x3f) << 8 | reply[at + 1];
            continue;
        }
        int label = reply[at++];
        if (label > 63 || at + label > length || used + (size_t)label + 2 > size)
            return false;
        if (used)
            out[used++] = '.';
        memcpy(out + used, reply + at, (size_t)label);
        used += (size_t)label;
        at += label;
    }
    out[used] = '\0';
    return at < length && !reply[at];
}

/* ---- Questions and answers ---- */

static int query_make(const char *name, int type, uint8_t *query)
{
    static const uint8_t header[DNS_HEADER] = {[2] = 1 /* recursion desired */, [5] = 1};

    memcpy(query, header, sizeof(header));
    if (getrandom(query, 2, 0) != 2)
        return -1;
    int length = name_encode(name, query + DNS_HEADER);
    if (length < 0)
        return -1;
    uint8_t *end = query + DNS_HEADER + length;
    end[0] = 0, end[1] = (uint8_t)type, end[2] = 0, end[3] = CLASS_IN;
    return DNS_HEADER + length + 4;
}

struct reply {
    uint8_t bytes[REPLY_MAX];
    int length;
};

/* 0 or EAI_*. */
static int dns_ask(const struct resolver *resolver, const char *name, int type, struct reply *reply)
{
    uint8_t query[QUERY_MAX];
    int length = query_make(name, type, query);

    if (length < 0)
        return EAI_NONAME;
    reply->length = __dns_exchange(resolver, query, length, reply->bytes, sizeof(reply->bytes));
    if (reply->length < 0)
        return EAI_AGAIN;
    switch (reply->bytes[3] & 0xf) {
    case CODE_NONE:
        return 0;
    case CODE_NAME:
        return EAI_NONAME;
    case CODE_SERVER:
        return EAI_AGAIN;
    default:
        return EAI_FAIL;
    }
}

/* Calls SHOW for each answer: its type, and where its data lie. */
static void reply_each(const struct reply *reply,
                       void (*show)(void *arg, const struct reply *reply, int type, int at,
                                    int length),
                       void *arg)
{
    const uint8_t *bytes = reply->bytes;
    int at = name_skip(bytes, reply->length, DNS_HEADER);
    int count = bytes[6] << 8 | bytes[7];

    for (at = at < 0 ? at : at + 4; count > 0 && at > 0; count--) {
        at = name_skip(bytes, reply->length, at);
        if (at < 0 || at + 10 > reply->length)
            return;
        int type = bytes[at] << 8 | bytes[at + 1];
        int length = bytes[at + 8] << 8 | bytes[at + 9];
        at += 10;
        if (length > reply->length - at)
            return;
        show(arg, reply, type, at, length);
        at += length;
    }
}

/* ---- Addresses of a name ---- */

static void address_show(void *arg, const struct reply *reply, int type, int at, int length)
{
    struct host_answer *answer = arg;

    if (type == TYPE_A && length == 4)
        __host_add(answer, AF_INET, reply->bytes + at);
    else if (type == TYPE_AAAA && length == 16)
        __host_add(answer, AF_INET6, reply->bytes + at);
    else if (type == TYPE_CNAME)
        name_decode(reply->bytes, reply->length, at, answer->name, sizeof(answer->name));
}

/* One kind of address of exactly NAME. */
static int addresses_of(const struct resolver *resolver, const char *name, int type,
                        struct host_answer *answer)
{
    struct reply reply;
    int before = answer->count, error = dns_ask(resolver, name, type, &reply);

    if (error)
        return error;
    reply_each(&reply, address_show, answer);
    return answer->count > before ? 0 : EAI_NODATA;
}

/* Of two questions about one name the answer that helps most. */
static int name_ask(const struct resolver *resolver, const char *name, int family,
                    struct host_answer *answer)
{
    strcpy(answer->name, name);
    int six = family != AF_INET ? addresses_of(resolver, name, TYPE_AAAA, answer) : EAI_NODATA;
    if (six == EAI_NONAME || (family == AF_UNSPEC && six == EAI_AGAIN))
        return six;
    int four = family != AF_INET6 ? addresses_of(resolver, name, TYPE_A, answer) : EAI_NODATA;
    return !six || !four ? 0 : four == EAI_NODATA ? six : four;
}

static int dots(const char *name)
{
    int count = 0;

    for (; *name; name++)
        count += *name == '.';
    return count;
}

/* Below each of the domains to be searched. */
static int search_ask(const struct resolver *resolver, const char *name, int family,
                      struct host_answer *answer)
{
    char whole[HOST_NAME_SIZE];
    const char *domain = resolver->search;
    int error = EAI_NONAME;

    while (*domain) {
        size_t length = strcspn(domain, " ");
        if (length && strlen(name) + 1 + length < sizeof(whole)) {
            snprintf(whole, sizeof(whole), "%s.%.*s", name, (int)length, domain);
            error = name_ask(resolver, whole, family, answer);
            if (error != EAI_NONAME && error != EAI_NODATA)
                return error;
        }
        domain += length + (domain[length] == ' ');
    }
    return error;
}

/* Names with enough dots are tried as they are first, others last; with a dot at the end only so.
 */
int __dns_addresses(const char *name, int family, struct host_answer *answer)
{
    struct resolver resolver;
    size_t length = strlen(name);

    __resolver_read(&resolver);
    if (length && name[length - 1] == '.')
        return name_ask(&resolver, name, family, answer);
    bool first = dots(name) >= resolver.ndots;
    int error = first ? name_ask(&resolver, name, family, answer)
                      : search_ask(&resolver, name, family, answer);
    if (error != EAI_NONAME && error != EAI_NODATA)
        return error;
    int second = first ? search_ask(&resolver, name, family, answer)
                       : name_ask(&resolver, name, family, answer);
    return second == EAI_NONAME && error == EAI_NODATA ? error : second;
}

/* ---- The name of an address ---- */

static void pointer_name(const uint8_t *bytes, int family, char *out)
{
    if (family == AF_INET) {
        sprintf(out, "%d.%d.%d.%d.in-addr.arpa", bytes[3], bytes[2], bytes[1], bytes[0]);
        return;
    }
    for (int n = 15; n >= 0; n--)
        out += sprintf(out, "%x.%x.", bytes[n] & 0xf, bytes[n] >> 4);
    strcpy(out, "ip6.arpa");
}

struct pointer {
    char *name;
    size_t size;
    bool found;
};

static void pointer_show(void *arg, const struct reply *reply, int type, int at, int length)
{
    struct pointer *pointer = arg;

    (void)length;
    if (type == TYPE_PTR && !pointer->found)
        pointer->found = name_decode(reply->bytes, reply->length, at, pointer->name, pointer->size);
}

int __dns_pointer(const void *bytes, int family, char *name, size_t size)
{
    char question[80];
    struct resolver resolver;
    struct reply reply;
    struct pointer pointer = {name, size, false};

    __resolver_read(&resolver);
    pointer_name(bytes, family, question);
    int error = dns_ask(&resolver, question, TYPE_PTR, &reply);
    if (error)
        return error;
    reply_each(&reply, pointer_show, &pointer);
    return pointer.found ? 0 : EAI_NONAME;
}
