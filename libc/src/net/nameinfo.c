/* getnameinfo: names of an address; and what the errors of both directions are called. */
#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "net.h"

static int text_put(char *out, socklen_t size, const char *text)
{
    if (strlen(text) >= size)
        return EAI_OVERFLOW;
    strcpy(out, text);
    return 0;
}

/* The part of NAME below this host's own domain. */
static void name_shorten(char *name)
{
    struct utsname system;
    char *dot = strchr(name, '.'), *own;

    if (dot && !uname(&system) && (own = strchr(system.nodename, '.')) && !strcmp(dot, own))
        *dot = '\0';
}

static void scope_append(char *text, uint32_t scope)
{
    char name[IF_NAMESIZE];

    if (if_indextoname(scope, name))
        sprintf(text + strlen(text), "%%%s", name);
    else
        sprintf(text + strlen(text), "%%%u", (unsigned)scope);
}

static int host_put(const struct sockaddr *address, char *out, socklen_t size, int flags)
{
    const struct sockaddr_in6 *six = (const struct sockaddr_in6 *)address;
    const void *bytes = address->sa_family == AF_INET
                            ? (const void *)&((const struct sockaddr_in *)address)->sin_addr
                            : (const void *)&six->sin6_addr;
    char text[HOST_NAME_SIZE];
    int error = flags & NI_NUMERICHOST ? EAI_NONAME
                                       : __host_name(bytes, address->sa_family, text, sizeof(text));

    if (!error && flags & NI_NOFQDN)
        name_shorten(text);
    if (error && flags & NI_NAMEREQD)
        return error;
    if (error) {
        inet_ntop(address->sa_family, bytes, text, sizeof(text));
        if (address->sa_family == AF_INET6 && six->sin6_scope_id)
            scope_append(text, six->sin6_scope_id);
    }
    return text_put(out, size, text);
}

static int service_put(int port, char *out, socklen_t size, int flags)
{
    char buffer[1024], text[16];
    struct servent entry, *found = NULL;

    if (!(flags & NI_NUMERICSERV))
        getservbyport_r(port, flags & NI_DGRAM ? "udp" : "tcp", &entry, buffer, sizeof(buffer),
                        &found);
    if (found)
        return text_put(out, size, found->s_name);
    sprintf(text, "%u", ntohs((uint16_t)port));
    return text_put(out, size, text);
}

int getnameinfo(const struct sockaddr *restrict address, socklen_t length, char *restrict host,
                socklen_t host_size, char *restrict service, socklen_t service_size, int flags)
{
    bool six = length >= sizeof(sa_family_t) && address->sa_family == AF_INET6;
    int error = 0;

    if (length < (six ? sizeof(struct sockaddr_in6) : sizeof(struct sockaddr_in)) ||
        (!six && address->sa_family != AF_INET))
        return EAI_FAMILY;
    if ((!host || !host_size) && (!service || !service_size))
        return EAI_NONAME;
    if (host && host_size)
        error = host_put(address, host, host_size, flags);
    if (!error && service && service_size)
        error = service_put(((const struct sockaddr_in *)address)->sin_port, service, service_size,
                            flags);
    return error;
}

/* ---- Errors ---- */

const char *gai_strerror(int error)
{
    static const char *const texts[] = {
        [0] = "No error",
        [-EAI_BADFLAGS] = "Flags that make no sense",
        [-EAI_NONAME] = "Name or service not known",
        [-EAI_AGAIN] = "Temporary failure in name resolution",
        [-EAI_FAIL] = "Failure in name resolution that will not go away",
        [-EAI_NODATA] = "The name has no address",
        [-EAI_FAMILY] = "Address family not supported",
        [-EAI_SOCKTYPE] = "Socket type not supported",
        [-EAI_SERVICE] = "Service not available for this type of socket",
        [-EAI_ADDRFAMILY] = "The name has no address of this family",
        [-EAI_MEMORY] = "Out of memory",
        [-EAI_SYSTEM] = "System error",
        [-EAI_OVERFLOW] = "Buffer too small",
    };

    return error <= 0 && -error < (int)(sizeof(texts) / sizeof(texts[0])) ? texts[-error]
                                                                          : "Unknown error";
}
