/* Services: names of ports, from /etc/services. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "net.h"

/* One line: name, port "/" protocol, aliases. */
struct service {
    struct words words;
    int port;
    char *protocol;
};

static bool service_read(FILE *file, struct service *service)
{
    while (__words_read(file, &service->words)) {
        char *end;
        if (service->words.count < 2)
            continue;
        long port = strtol(service->words.word[1], &end, 10);
        if (end == service->words.word[1] || *end != '/' || port < 0 || port > 65535)
            continue;
        service->port = (int)port;
        service->protocol = end + 1;
        return true;
    }
    return false;
}

static int service_fill(const struct service *service, struct servent *out, char *buffer,
                        size_t size)
{
    struct arena arena = {buffer, size};

    out->s_aliases = __arena_texts(&arena, service->words.word + 2, service->words.count - 2);
    out->s_name = __arena_text(&arena, service->words.word[0]);
    out->s_port = htons((uint16_t)service->port);
    out->s_proto = __arena_text(&arena, service->protocol);
    return arena.at ? 0 : ERANGE;
}

static bool service_has_name(const struct service *service, const char *name)
{
    for (int n = 0; n < service->words.count; n++)
        if (n != 1 && !strcmp(service->words.word[n], name))
            return true;
    return false;
}

/* By NAME, or by PORT (host order) when that is NULL. */
static int service_find(const char *name, int port, const char *protocol, struct servent *out,
                        char *buffer, size_t size, struct servent **result)
{
    struct service service;
    FILE *file = fopen(_PATH_SERVICES, "re");
    int error = 0;

    *result = NULL;
    while (file && service_read(file, &service)) {
        if ((protocol && strcmp(protocol, service.protocol)) ||
            (name ? !service_has_name(&service, name) : service.port != port))
            continue;
        error = service_fill(&service, out, buffer, size);
        if (!error)
            *result = out;
        break;
    }
    if (file)
        fclose(file);
    return error;
}

int getservbyname_r(const char *name, const char *protocol, struct servent *out, char *buffer,
                    size_t size, struct servent **result)
{
    return service_find(name, 0, protocol, out, buffer, size, result);
}

int getservbyport_r(int port, const char *protocol, struct servent *out, char *buffer, size_t size,
                    struct servent **result)
{
    return service_find(NULL, ntohs((uint16_t)port), protocol, out, buffer, size, result);
}

static struct servent *service_own(const char *name, int port, const char *protocol)
{
    static struct own_buffer buffer;
    static struct servent entry;
    struct servent *result = NULL;

    while (service_find(name, port, protocol, &entry, buffer.bytes, buffer.size, &result) == ERANGE)
        if (!__own_buffer_grow(&buffer))
            return NULL;
    return result;
}

struct servent *getservbyname(const char *name, const char *protocol)
{
    return service_own(name, 0, protocol);
}

struct servent *getservbyport(int port, const char *protocol)
{
    return service_own(NULL, ntohs((uint16_t)port), protocol);
}

/* ---- One after the other ---- */

static FILE *services;

void setservent(int stay)
{
    (void)stay;
    if (services)
        rewind(services);
}

void endservent(void)
{
    if (services)
        fclose(services);
    services = NULL;
}

struct servent *getservent(void)
{
    static struct own_buffer buffer;
    static struct servent entry;
    struct service service;

    if (!services && !(services = fopen(_PATH_SERVICES, "re")))
        return NULL;
    if (!service_read(services, &service))
        return NULL;
    while (service_fill(&service, &entry, buffer.bytes, buffer.size))
        if (!__own_buffer_grow(&buffer))
            return NULL;
    return &entry;
}
