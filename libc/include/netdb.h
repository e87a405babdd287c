/* Names of hosts, services and protocols. */
#ifndef _NETDB_H
#define _NETDB_H

#include <netinet/in.h>
#include <stddef.h>
#include <sys/cdefs.h>
#include <sys/socket.h>

#define _PATH_HOSTS     "/etc/hosts"
#define _PATH_SERVICES  "/etc/services"
#define _PATH_PROTOCOLS "/etc/protocols"
#define _PATH_NETWORKS  "/etc/networks"

struct hostent {
    char *h_name;
    char **h_aliases;
    int h_addrtype;
    int h_length;
    char **h_addr_list;
};
#define h_addr h_addr_list[0]

struct netent {
    char *n_name;
    char **n_aliases;
    int n_addrtype;
    uint32_t n_net; /* host order */
};

struct servent {
    char *s_name;
    char **s_aliases;
    int s_port; /* network order */
    char *s_proto;
};

struct protoent {
    char *p_name;
    char **p_aliases;
    int p_proto;
};

struct addrinfo {
    int ai_flags;
    int ai_family;
    int ai_socktype;
    int ai_protocol;
    socklen_t ai_addrlen;
    struct sockaddr *ai_addr;
    char *ai_canonname;
    struct addrinfo *ai_next;
};

#define AI_PASSIVE     0x0001
#define AI_CANONNAME   0x0002
#define AI_NUMERICHOST 0x0004
#define AI_V4MAPPED    0x0008
#define AI_ALL         0x0010
#define AI_ADDRCONFIG  0x0020
#define AI_NUMERICSERV 0x0400

#define NI_NUMERICHOST 1
#define NI_NUMERICSERV 2
#define NI_NOFQDN      4
#define NI_NAMEREQD    8
#define NI_DGRAM       16
#define NI_MAXHOST     1025
#define NI_MAXSERV     32

#define EAI_BADFLAGS   (-1)
#define EAI_NONAME     (-2)
#define EAI_AGAIN      (-3)
#define EAI_FAIL       (-4)
#define EAI_NODATA     (-5)
#define EAI_FAMILY     (-6)
#define EAI_SOCKTYPE   (-7)
#define EAI_SERVICE    (-8)
#define EAI_ADDRFAMILY (-9)
#define EAI_MEMORY     (-10)
#define EAI_SYSTEM     (-11)
#define EAI_OVERFLOW   (-12)

#define NETDB_INTERNAL (-1)
#define NETDB_SUCCESS  0
#define HOST_NOT_FOUND 1
#define TRY_AGAIN      2
#define NO_RECOVERY    3
#define NO_DATA        4
#define NO_ADDRESS     NO_DATA

__BEGIN_DECLS

int *__h_errno_location(void);
#define h_errno (*__h_errno_location())
void herror(const char *);
const char *hstrerror(int);

int getaddrinfo(const char *__restrict, const char *__restrict, const struct addrinfo *__restrict,
                struct addrinfo **__restrict);
void freeaddrinfo(struct addrinfo *);
const char *gai_strerror(int);
int getnameinfo(const struct sockaddr *__restrict, socklen_t, char *__restrict, socklen_t,
                char *__restrict, socklen_t, int);

/* Their results last until the thread's next call of the same. */
struct hostent *gethostbyname(const char *);
struct hostent *gethostbyname2(const char *, int);
struct hostent *gethostbyaddr(const void *, socklen_t, int);
int gethostbyname_r(const char *, struct hostent *, char *, size_t, struct hostent **, int *);
int gethostbyname2_r(const char *, int, struct hostent *, char *, size_t, struct hostent **, int *);
int gethostbyaddr_r(const void *, socklen_t, int, struct hostent *, char *, size_t,
                    struct hostent **, int *);
void sethostent(int);
void endhostent(void);
struct hostent *gethostent(void);

struct servent *getservbyname(const char *, const char *);
struct servent *getservbyport(int, const char *);
int getservbyname_r(const char *, const char *, struct servent *, char *, size_t,
                    struct servent **);
int getservbyport_r(int, const char *, struct servent *, char *, size_t, struct servent **);
void setservent(int);
void endservent(void);
struct servent *getservent(void);

struct protoent *getprotobyname(const char *);
struct protoent *getprotobynumber(int);
int getprotobyname_r(const char *, struct protoent *, char *, size_t, struct protoent **);
int getprotobynumber_r(int, struct protoent *, char *, size_t, struct protoent **);
void setprotoent(int);
void endprotoent(void);
struct protoent *getprotoent(void);

struct netent *getnetbyname(const char *);
struct netent *getnetbyaddr(uint32_t, int);

__END_DECLS

#endif
