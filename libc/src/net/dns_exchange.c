/*
 * Questions to name servers: what /etc/resolv.conf says of them, and one question with its answer,
 * by UDP, and by TCP when the answer is too long.
 *
 * The socket is connected, so that only the server asked can answer; the number in the question is
 * random and the port the kernel's choice, so that nobody else can guess both.
 */
#include <arpa/inet.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "net.h"

#define DNS_PORT    53
#define DNS_HEADER  12
#define FLAG_ANSWER 0x80 /* of byte 2 */
#define FLAG_CUT    0x02

/* ---- /etc/resolv.conf ---- */

static void server_add(struct resolver *resolver, const char *text)
{
    struct sockaddr_in6 *six = &resolver->server[resolver->server_count];
    struct sockaddr_in *four = (struct sockaddr_in *)six;

    if (resolver->server_count == 3)
        return;
    memset(six, 0, sizeof(*six));
    if (inet_pton(AF_INET, text, &four->sin_addr) == 1)
        four->sin_family = AF_INET;
    else if (inet_pton(AF_INET6, text, &six->sin6_addr) == 1)
        six->sin6_family = AF_INET6;
    else
        return;
    four->sin_port = htons(DNS_PORT); /* both have it at the same place */
    resolver->server_count++;
}

static int option_number(const char *word, const char *name, int most, int otherwise)
{
    size_t length = strlen(name);

    if (strncmp(word, name, length) || word[length] != ':')
        return otherwise;
    int value = atoi(word + length + 1);
    return value < 0 ? 0 : value > most ? most : value;
}

static void option_read(struct resolver *resolver, const char *word)
{
    resolver->timeout = option_number(word, "timeout", 30, resolver->timeout);
    resolver->attempts = option_number(word, "attempts", 5, resolver->attempts);
    resolver->ndots = option_number(word, "ndots", 15, resolver->ndots);
}

static void search_read(struct resolver *resolver, const struct words *words)
{
    size_t used = 0;

    resolver->search[0] = '\0';
    for (int n = 1; n < words->count; n++) {
        size_t length = strlen(words->word[n]);
        if (used + length + 2 > sizeof(resolver->search))
            return;
        memcpy(resolver->search + used, words->word[n], length);
        used += length;
        resolver->search[used++] = ' ';
        resolver->search[used] = '\0';
    }
}

void __resolver_read(struct resolver *resolver)
{
    struct words words;
    FILE *file = fopen("/etc/resolv.conf", "re");

    *resolver = (struct resolver){.timeout = 5, .attempts = 2, .ndots = 1};
    while (file && __words_read(file, &words)) {
        if (words.count < 2 || words.word[0][0] == ';')
            continue;
        if (!strcmp(words.word[0], "nameserver"))
            server_add(resolver, words.word[1]);
        else if (!strcmp(words.word[0], "search") || !strcmp(words.word[0], "domain"))
            search_read(resolver, &words);
        else if (!strcmp(words.word[0], "options"))
            for (int n = 1; n < words.count; n++)
                option_read(resolver, words.word[n]);
    }
    if (file)
        fclose(file);
    if (!resolver->server_count)
        server_add(resolver, "127.0.0.1");
    if (!resolver->attempts)
        resolver->attempts = 1;
}

/* ---- One server ---- */

static int server_open(const struct sockaddr_in6 *server, int type)
{
    int fd = socket(server->sin6_family, type | SOCK_CLOEXEC, 0);
    socklen_t length =
        server->sin6_family == AF_INET6 ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in);

    if (fd >= 0 && connect(fd, (const struct sockaddr *)server, length) < 0) {
        close(fd);
        fd = -1;
    }
    return fd;
}

static long now_ms(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

static bool wait_readable(int fd, long until)
{
    struct pollfd poll_fd = {fd, POLLIN, 0};
    long left = until - now_ms();

    return left > 0 && poll(&poll_fd, 1, (int)left) > 0;
}

/* It answers this question, and no other. */
static bool reply_matches(const uint8_t *query, int length, const uint8_t *reply, int got)
{
    return got >= length && !memcmp(query, reply, 2) && reply[2] & FLAG_ANSWER &&
           !memcmp(query + 4, reply + 4, 2) &&
           !memcmp(query + DNS_HEADER, reply + DNS_HEADER, (size_t)(length - DNS_HEADER));
}

static int ask_udp(const struct sockaddr_in6 *server, const uint8_t *query, int length,
                   uint8_t *reply, int size, int seconds)
{
    int fd = server_open(server, SOCK_DGRAM), got = -1;
    long until = now_ms() + seconds * 1000L;

    if (fd < 0)
        return -1;
    if (send(fd, query, (size_t)length, MSG_NOSIGNAL) == length)
        while (wait_readable(fd, until)) {
            got = (int)recv(fd, reply, (size_t)size, 0);
            if (got < 0 || reply_matches(query, length, reply, got))
                break;
            got = -1;
        }
    close(fd);
    return got;
}

static bool read_whole(int fd, uint8_t *bytes, int size, long until)
{
    while (size > 0 && wait_readable(fd, until)) {
        ssize_t got = recv(fd, bytes, (size_t)size, 0);
        if (got <= 0)
            return false;
        bytes += got;
        size -= (int)got;
    }
    return size == 0;
}

static int ask_tcp(const struct sockaddr_in6 *server, const uint8_t *query, int length,
                   uint8_t *reply, int size, int seconds)
{
    uint8_t head[2] = {(uint8_t)(length >> 8), (uint8_t)length};
    struct iovec pieces[2] = {{head, 2}, {(void *)query, (size_t)length}};
    struct msghdr message = {.msg_iov = pieces, .msg_iovlen = 2};
    int fd = server_open(server, SOCK_STREAM), got = -1;
    long until = now_ms() + seconds * 1000L;

    if (fd < 0)
        return -1;
    if (sendmsg(fd, &message, MSG_NOSIGNAL) == length + 2 && read_whole(fd, head, 2, until)) {
        got = head[0] << 8 | head[1];
        if (got > size || !read_whole(fd, reply, got, until) ||
            !reply_matches(query, length, reply, got))
            got = -1;
    }
    close(fd);
    return got;
}

int __dns_exchange(const struct resolver *resolver, const uint8_t *query, int length,
                   uint8_t *reply, int size)
{
    for (int attempt = 0; attempt < resolver->attempts; attempt++)
        for (int n = 0; n < resolver->server_count; n++) {
            const struct sockaddr_in6 *server = &resolver->server[n];
            int got = ask_udp(server, query, length, reply, size, resolver->timeout);
            if (got > 0 && reply[2] & FLAG_CUT)
                got = ask_tcp(server, query, length, reply, size, resolver->timeout);
            if (got > 0)
                return got;
        }
    return -1;
}
