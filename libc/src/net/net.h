/* Shared by the functions of <netdb.h> and <ifaddrs.h>; no program sees it. */
#ifndef LIBC_NET_H
#define LIBC_NET_H

#include <netdb.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#define HOST_NAME_SIZE 256 /* a name in text, with its NUL */

/* ---- Results in a caller's buffer (results.c) ---- */

/* What is left of it. Taking more than that gives NULL, and so does everything after. */
struct arena {
    char *at;
    size_t left;
};
void *__arena_take(struct arena *arena, size_t size);
char *__arena_text(struct arena *arena, const char *text);
/* COUNT texts and a null pointer. */
char **__arena_texts(struct arena *arena, char *const *texts, int count);

/* The buffer of a function that returns its own: grown whenever FILL says ERANGE; NULL: it is
 * found nowhere, or there is no memory. */
struct own_buffer {
    char *bytes;
    size_t size;
};
bool __own_buffer_grow(struct own_buffer *buffer);

/* ---- Files with an entry a line (results.c) ---- */

#define WORDS_MAX 40

struct words {
    int count;
    char *word[WORDS_MAX];
    char line[1024];
};
/* The next line of FILE that isn't empty or a comment. false: there is none. */
bool __words_read(FILE *file, struct words *words);

/* ---- Hosts ---- */

struct host_address {
    int family;
    uint32_t scope;
    uint8_t bytes[16];
};

#define HOST_ADDRESSES_MAX 48

struct host_answer {
    int count;
    struct host_address address[HOST_ADDRESSES_MAX];
    char name[HOST_NAME_SIZE]; /* the canonical one */
};

static inline size_t host_address_length(int family)
{
    return family == AF_INET ? sizeof(struct in_addr) : sizeof(struct in6_addr);
}
/* Appends, as long as there is room. */
void __host_add(struct host_answer *answer, int family, const void *bytes);

/* What stands in /etc/hosts; FAMILY may be AF_UNSPEC. true: something was found. (hosts.c) */
bool __hosts_by_name(const char *name, int family, struct host_answer *answer);
bool __hosts_by_address(const void *bytes, int family, char *name, size_t size);
/* Text, then /etc/hosts, then the name servers: 0 or EAI_*. */
int __host_find(const char *name, int family, struct host_answer *answer);
/* A name for the address: 0 or EAI_*. */
int __host_name(const void *bytes, int family, char *name, size_t size);

/* The name servers' (dns.c): 0 or EAI_*. */
int __dns_addresses(const char *name, int family, struct host_answer *answer);
int __dns_pointer(const void *bytes, int family, char *name, size_t size);

/* Asks one server: what comes in answer into REPLY, or -1. (dns_exchange.c) */
struct resolver {
    int server_count;
    struct sockaddr_in6 server[3]; /* or a sockaddr_in */
    int timeout, attempts, ndots;  /* seconds */
    char search[256];              /* words */
};
void __resolver_read(struct resolver *resolver);
int __dns_exchange(const struct resolver *resolver, const uint8_t *query, int length,
                   uint8_t *reply, int size);

/* ---- netlink (netlink.c) ---- */

struct nlmsghdr;
/* Calls SHOW for each message of a dump of TYPE (RTM_GETLINK ...). false, with errno: it failed. */
bool __netlink_dump(int type, int family, bool (*show)(void *arg, struct nlmsghdr *message),
                    void *arg);

#endif
