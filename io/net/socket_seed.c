/*
 * Sockets as the seed has them: oskit_socket on every socket, and the factory. BSD's numbers and
 * addresses are turned into those of <sluice/socket.h> and back; what BSD has and we don't is
 * OSKIT_ENOPROTOOPT or OSKIT_EOPNOTSUPP. The value of SO_ERROR is an oskit_error_t. Descriptors
 * and credentials are a kernel's: control data are refused here.
 */
#include "socket_private.h"

#include <oskit/io/bufiovec.h>
#include <sluice/string.h>

/* ---- Numbers ---- */

static oskit_s32_t family_in(oskit_u32_t domain)
{
    return domain == OSKIT_AF_INET6 ? SOCKET_INET6 : (oskit_s32_t)domain;
}

static oskit_u8_t family_out(oskit_u16_t family)
{
    return family == SOCKET_INET6 ? OSKIT_AF_INET6 : (oskit_u8_t)family;
}

struct number_pair {
    oskit_u32_t bsd, ours;
};

static const struct number_pair flags[] = {
    {OSKIT_MSG_OOB, SOCKET_MSG_OOB},
    {OSKIT_MSG_PEEK, SOCKET_MSG_PEEK},
    {OSKIT_MSG_DONTROUTE, SOCKET_MSG_DONTROUTE},
    {OSKIT_MSG_EOR, SOCKET_MSG_EOR},
    {OSKIT_MSG_TRUNC, SOCKET_MSG_TRUNC},
    {OSKIT_MSG_CTRUNC, SOCKET_MSG_CTRUNC},
    {OSKIT_MSG_WAITALL, SOCKET_MSG_WAITALL},
    {OSKIT_MSG_DONTWAIT, SOCKET_MSG_DONTWAIT},
};

#define FLAGS_KNOWN 0x1ffu

static oskit_error_t flags_in(oskit_u32_t bsd, oskit_u32_t *out)
{
    *out = 0;
    if (bsd & ~FLAGS_KNOWN)
        return OSKIT_EOPNOTSUPP;
    for (size_t i = 0; i < SLUICE_COUNT(flags); i++)
        if (bsd & flags[i].bsd)
            *out |= flags[i].ours;
    return OSKIT_SUCCESS;
}

static oskit_u32_t flags_out(oskit_u32_t ours)
{
    oskit_u32_t bsd = 0;

    for (size_t i = 0; i < SLUICE_COUNT(flags); i++)
        if (ours & flags[i].ours)
            bsd |= flags[i].bsd;
    return bsd;
}

/* Options of SOL_SOCKET, then those of IP; TCP's and IPv6's common ones have the same numbers. */
static const struct number_pair socket_options[] = {
    {OSKIT_SO_DEBUG, SOCKET_SO_DEBUG},         {OSKIT_SO_ACCEPTCONN, SOCKET_SO_ACCEPTCONN},
    {OSKIT_SO_REUSEADDR, SOCKET_SO_REUSEADDR}, {OSKIT_SO_KEEPALIVE, SOCKET_SO_KEEPALIVE},
    {OSKIT_SO_DONTROUTE, SOCKET_SO_DONTROUTE}, {OSKIT_SO_BROADCAST, SOCKET_SO_BROADCAST},
    {OSKIT_SO_LINGER, SOCKET_SO_LINGER},       {OSKIT_SO_OOBINLINE, SOCKET_SO_OOBINLINE},
    {OSKIT_SO_REUSEPORT, SOCKET_SO_REUSEPORT}, {OSKIT_SO_SNDBUF, SOCKET_SO_SNDBUF},
    {OSKIT_SO_RCVBUF, SOCKET_SO_RCVBUF},       {OSKIT_SO_SNDLOWAT, SOCKET_SO_SNDLOWAT},
    {OSKIT_SO_RCVLOWAT, SOCKET_SO_RCVLOWAT},   {OSKIT_SO_SNDTIMEO, SOCKET_SO_SNDTIMEO},
    {OSKIT_SO_RCVTIMEO, SOCKET_SO_RCVTIMEO},   {OSKIT_SO_ERROR, SOCKET_SO_ERROR},
    {OSKIT_SO_TYPE, SOCKET_SO_TYPE},
};

/* BSD's <netinet/in.h> and Linux's ip(7). */
static const struct number_pair ip_options[] = {
    {1 /* OPTIONS */, 4},
    {2 /* HDRINCL */, 3},
    {3 /* TOS */, 1},
    {4 /* TTL */, 2},
    {9 /* MULTICAST_IF */, 32},
    {10 /* MULTICAST_TTL */, 33},
    {11 /* MULTICAST_LOOP */, 34},
    {12 /* ADD_MEMBERSHIP */, 35},
    {13 /* DROP_MEMBERSHIP */, 36},
};

#define LEVEL_IP   0u
#define LEVEL_TCP  6u
#define TCP_COMMON 2u /* TCP_NODELAY and TCP_MAXSEG */

static oskit_error_t table_find(const struct number_pair *table, size_t count, oskit_u32_t bsd,
                                oskit_s32_t *out)
{
    for (size_t i = 0; i < count; i++)
        if (table[i].bsd == bsd) {
            *out = (oskit_s32_t)table[i].ours;
            return OSKIT_SUCCESS;
        }
    return OSKIT_ENOPROTOOPT;
}

static oskit_error_t option_in(oskit_u32_t level, oskit_u32_t name, oskit_s32_t *out_level,
                               oskit_s32_t *out_name)
{
    *out_level = level == OSKIT_SOL_SOCKET ? SOCKET_SOL_SOCKET : (oskit_s32_t)level;
    if (level == OSKIT_SOL_SOCKET)
        return table_find(socket_options, SLUICE_COUNT(socket_options), name, out_name);
    if (level == LEVEL_IP)
        return table_find(ip_options, SLUICE_COUNT(ip_options), name, out_name);
    *out_name = (oskit_s32_t)name;
    return level == LEVEL_TCP && name >= 1 && name <= TCP_COMMON ? OSKIT_SUCCESS
                                                                 : OSKIT_ENOPROTOOPT;
}

/* ---- Addresses: alike but for the first two bytes ---- */

#define ADDRESS_HEAD 2u

static oskit_error_t address_in(const struct oskit_sockaddr *name, oskit_size_t length,
                                struct socket_address *out)
{
    if (length < ADDRESS_HEAD || length > SOCKET_ADDRESS_MAX)
        return OSKIT_E_INVALIDARG;
    *out = (struct socket_address){.length = (oskit_u32_t)length};
    memcpy(out->u.bytes, name, length);
    out->u.family = (oskit_u16_t)family_in(name->sa_family);
    return OSKIT_SUCCESS;
}

/* *LENGTH is the room, then what was filled in. */
static void address_out(const struct socket_address *address, struct oskit_sockaddr *name,
                        oskit_size_t *length)
{
    oskit_u8_t bytes[SOCKET_ADDRESS_MAX];
    oskit_size_t size = address->length;

    if (name == NULL || length == NULL)
        return;
    memcpy(bytes, address->u.bytes, size);
    bytes[0] = (oskit_u8_t)size;
    bytes[1] = family_out(address->u.family);
    if (size > *length)
        size = *length;
    memcpy(name, bytes, size);
    *length = size;
}

/* ---- Attributes ---- */

static oskit_error_t seed_stat(oskit_socket_t *self, oskit_stat_t *out_stats)
{
    return socket_stat(socket_of(self), out_stats);
}

static oskit_error_t seed_setstat(oskit_socket_t *self, oskit_u32_t mask, const oskit_stat_t *stats)
{
    return socket_setstat(socket_of(self), mask, stats);
}

static oskit_error_t seed_pathconf(oskit_socket_t *self, oskit_s32_t option, oskit_s32_t *out_val)
{
    (void)self;
    (void)option;
    *out_val = 0;
    return OSKIT_E_INVALIDARG;
}

/* ---- Connections ---- */

/* The face of ours that does the work. */
static sluice_socket_t *ours(oskit_socket_t *self)
{
    return socket_face(socket_of(self));
}

static oskit_error_t seed_accept(oskit_socket_t *self, struct oskit_sockaddr *name,
                                 oskit_size_t *anamelen, struct oskit_socket **newopenso)
{
    struct socket_address peer;
    sluice_socket_t *accepted;
    oskit_error_t err = ours(self)->ops->accept(ours(self), &peer, &accepted);

    *newopenso = NULL;
    if (OSKIT_FAILED(err))
        return err;
    address_out(&peer, name, anamelen);
    *newopenso = &socket_of(accepted)->seed.i;
    return OSKIT_SUCCESS;
}

static oskit_error_t seed_bind(oskit_socket_t *self, const struct oskit_sockaddr *name,
                               oskit_size_t namelen)
{
    struct socket_address address;
    oskit_error_t err = address_in(name, namelen, &address);

    return OSKIT_SUCCEEDED(err) ? ours(self)->ops->bind(ours(self), &address) : err;
}

static oskit_error_t seed_connect(oskit_socket_t *self, const struct oskit_sockaddr *name,
                                  oskit_size_t namelen)
{
    struct socket_address address;
    oskit_error_t err = address_in(name, namelen, &address);

    return OSKIT_SUCCEEDED(err) ? ours(self)->ops->connect(ours(self), &address) : err;
}

static oskit_error_t seed_shutdown(oskit_socket_t *self, oskit_u32_t how)
{
    return ours(self)->ops->shutdown(ours(self), how);
}

static oskit_error_t seed_listen(oskit_socket_t *self, oskit_u32_t n)
{
    return ours(self)->ops->listen(ours(self), (oskit_s32_t)n);
}

static oskit_error_t seed_getsockname(oskit_socket_t *self, struct oskit_sockaddr *asa,
                                      oskit_size_t *anamelen)
{
    struct socket_address address;
    oskit_error_t err = ours(self)->ops->getsockname(ours(self), &address);

    if (OSKIT_SUCCEEDED(err))
        address_out(&address, asa, anamelen);
    return err;
}

static oskit_error_t seed_getpeername(oskit_socket_t *self, struct oskit_sockaddr *asa,
                                      oskit_size_t *anamelen)
{
    struct socket_address address;
    oskit_error_t err = ours(self)->ops->getpeername(ours(self), &address);

    if (OSKIT_SUCCEEDED(err))
        address_out(&address, asa, anamelen);
    return err;
}

/* ---- Options ---- */

static oskit_error_t seed_getsockopt(oskit_socket_t *self, oskit_u32_t level, oskit_u32_t name,
                                     void *val, oskit_size_t *valsize)
{
    oskit_s32_t our_level, our_name;
    oskit_u32_t length =
        *valsize < SOCKET_OPTION_MAX ? (oskit_u32_t)*valsize : (oskit_u32_t)SOCKET_OPTION_MAX;
    oskit_error_t err = option_in(level, name, &our_level, &our_name);

    if (OSKIT_SUCCEEDED(err))
        err = ours(self)->ops->getsockopt(ours(self), our_level, our_name, val, &length);
    *valsize = OSKIT_SUCCEEDED(err) ? length : 0;
    return err;
}

static oskit_error_t seed_setsockopt(oskit_socket_t *self, oskit_u32_t level, oskit_u32_t name,
                                     const void *val, oskit_size_t valsize)
{
    oskit_s32_t our_level, our_name;
    oskit_error_t err = option_in(level, name, &our_level, &our_name);

    if (OSKIT_FAILED(err))
        return err;
    if (valsize > SOCKET_OPTION_MAX)
        return OSKIT_E_INVALIDARG;
    return ours(self)->ops->setsockopt(ours(self), our_level, our_name, val, (oskit_u32_t)valsize);
}

/* ---- Transfers ---- */

/* MSG_EOF: and then no more. */
static oskit_error_t message_send(oskit_socket_t *self, struct sluice_uio *uio,
                                  oskit_u32_t bsd_flags, const struct oskit_sockaddr *to,
                                  oskit_size_t tolen, oskit_size_t *retval)
{
    struct socket_address address;
    struct socket_message message = {.uio = uio};
    oskit_error_t err = flags_in(bsd_flags, &message.flags);

    *retval = 0;
    if (OSKIT_SUCCEEDED(err) && to != NULL && tolen != 0) {
        err = address_in(to, tolen, &address);
        message.name = &address;
    }
    if (OSKIT_SUCCEEDED(err))
        err = ours(self)->ops->send(ours(self), &message, retval);
    if (OSKIT_SUCCEEDED(err) && (bsd_flags & OSKIT_MSG_EOF) && uio->left == 0)
        err = ours(self)->ops->shutdown(ours(self), SOCKET_SHUT_WRITE);
    return err;
}

/* *OUT_FLAGS: BSD's. Rights have no place here and are given back. */
static oskit_error_t message_receive(oskit_socket_t *self, struct sluice_uio *uio,
                                     oskit_u32_t bsd_flags, struct oskit_sockaddr *from,
                                     oskit_size_t *fromlen, oskit_u32_t *out_flags,
                                     oskit_size_t *retval)
{
    struct socket_address address;
    struct socket_message message = {.uio = uio, .name = &address};
    oskit_error_t err = flags_in(bsd_flags & ~(oskit_u32_t)OSKIT_MSG_EOF, &message.flags);

    *retval = 0;
    if (OSKIT_SUCCEEDED(err))
        err = ours(self)->ops->receive(ours(self), &message, retval);
    if (OSKIT_FAILED(err))
        return err;
    *out_flags = flags_out(message.out_flags) | (message.rights != NULL ? OSKIT_MSG_CTRUNC : 0);
    socket_rights_free(message.rights);
    address_out(&address, from, fromlen);
    return OSKIT_SUCCESS;
}

static oskit_error_t seed_sendto(oskit_socket_t *self, const void *msg, oskit_size_t len,
                                 oskit_u32_t bsd_flags, const struct oskit_sockaddr *to,
                                 oskit_size_t tolen, oskit_size_t *retval)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;

    uio_init_kernel(&uio, &segment, (void *)msg, len);
    return message_send(self, &uio, bsd_flags, to, tolen, retval);
}

static oskit_error_t seed_recvfrom(oskit_socket_t *self, void *buf, oskit_size_t len,
                                   oskit_u32_t bsd_flags, struct oskit_sockaddr *from,
                                   oskit_size_t *fromlen, oskit_size_t *retval)
{
    struct sluice_iovec segment;
    struct sluice_uio uio;
    oskit_u32_t out_flags;

    uio_init_kernel(&uio, &segment, buf, len);
    return message_receive(self, &uio, bsd_flags, from, fromlen, &out_flags, retval);
}

#define SOCKET_PIECES_MAX 1024u /* as many as readv takes */

/* The pieces of a msghdr as ours, in *OUT to be given back by pieces_free. */
static oskit_error_t pieces_in(const struct oskit_msghdr *msg, struct sluice_iovec **out,
                               struct sluice_uio *uio)
{
    size_t total = 0;

    *out = NULL;
    if (msg->msg_iovlen == 0 || msg->msg_iovlen > SOCKET_PIECES_MAX)
        return OSKIT_EMSGSIZE;
    struct sluice_iovec *pieces = env_alloc(msg->msg_iovlen * sizeof *pieces, 0);
    if (pieces == NULL)
        return OSKIT_ENOMEM;
    for (oskit_u32_t i = 0; i < msg->msg_iovlen; i++) {
        pieces[i] = (struct sluice_iovec){msg->msg_iov[i].iov_base, msg->msg_iov[i].iov_len};
        if (__builtin_add_overflow(total, pieces[i].length, &total) || total > INT64_MAX) {
            env_free(pieces, msg->msg_iovlen * sizeof *pieces);
            return OSKIT_E_INVALIDARG;
        }
    }
    uio_init(uio, pieces, msg->msg_iovlen, false);
    *out = pieces;
    return OSKIT_SUCCESS;
}

static void pieces_free(const struct oskit_msghdr *msg, struct sluice_iovec *pieces)
{
    env_free(pieces, msg->msg_iovlen * sizeof *pieces);
}

static oskit_error_t seed_sendmsg(oskit_socket_t *self, const struct oskit_msghdr *msg,
                                  oskit_u32_t bsd_flags, oskit_size_t *retval)
{
    struct sluice_iovec *pieces;
    struct sluice_uio uio;

    *retval = 0;
    if (msg->msg_control != 0 && msg->msg_controllen != 0)
        return OSKIT_EOPNOTSUPP;
    oskit_error_t err = pieces_in(msg, &pieces, &uio);
    if (OSKIT_FAILED(err))
        return err;
    err = message_send(self, &uio, bsd_flags, (struct oskit_sockaddr *)(uintptr_t)msg->msg_name,
                       msg->msg_namelen, retval);
    pieces_free(msg, pieces);
    return err;
}

static oskit_error_t seed_recvmsg(oskit_socket_t *self, struct oskit_msghdr *msg,
                                  oskit_u32_t bsd_flags, oskit_size_t *retval)
{
    oskit_size_t room = msg->msg_namelen;
    struct sluice_iovec *pieces;
    struct sluice_uio uio;

    *retval = 0;
    oskit_error_t err = pieces_in(msg, &pieces, &uio);
    if (OSKIT_FAILED(err))
        return err;
    msg->msg_controllen = 0;
    err = message_receive(self, &uio, bsd_flags, (struct oskit_sockaddr *)(uintptr_t)msg->msg_name,
                          &room, &msg->msg_flags, retval);
    if (OSKIT_SUCCEEDED(err))
        msg->msg_namelen = (oskit_u32_t)room;
    pieces_free(msg, pieces);
    return err;
}

struct oskit_socket_ops socket_seed_ops = {
    SLUICE_IUNKNOWN_SLOTS,           .stat = seed_stat,
    .setstat = seed_setstat,         .pathconf = seed_pathconf,
    .accept = seed_accept,           .bind = seed_bind,
    .connect = seed_connect,         .shutdown = seed_shutdown,
    .listen = seed_listen,           .getsockname = seed_getsockname,
    .getpeername = seed_getpeername, .getsockopt = seed_getsockopt,
    .setsockopt = seed_setsockopt,   .sendto = seed_sendto,
    .recvfrom = seed_recvfrom,       .sendmsg = seed_sendmsg,
    .recvmsg = seed_recvmsg,
};

/* ---- The factory ---- */

static oskit_error_t factory_create(oskit_socket_factory_t *self, oskit_u32_t domain,
                                    oskit_u32_t type, oskit_u32_t protocol,
                                    oskit_socket_t **out_socket)
{
    sluice_socket_t *made;
    oskit_error_t err =
        socket_create(family_in(domain), (oskit_s32_t)type, (oskit_s32_t)protocol, &made);

    (void)self;
    *out_socket = OSKIT_SUCCEEDED(err) ? &socket_of(made)->seed.i : NULL;
    return err == OSKIT_ESOCKTNOSUPPORT ? OSKIT_EPROTOTYPE : err;
}

static oskit_error_t factory_create_pair(oskit_socket_factory_t *self, oskit_u32_t domain,
                                         oskit_u32_t type, oskit_u32_t protocol,
                                         oskit_socket_t **out_one, oskit_socket_t **out_other)
{
    sluice_socket_t *one, *other;
    oskit_error_t err = socket_create_pair(family_in(domain), (oskit_s32_t)type,
                                           (oskit_s32_t)protocol, &one, &other);

    (void)self;
    *out_one = OSKIT_SUCCEEDED(err) ? &socket_of(one)->seed.i : NULL;
    *out_other = OSKIT_SUCCEEDED(err) ? &socket_of(other)->seed.i : NULL;
    return err == OSKIT_ESOCKTNOSUPPORT ? OSKIT_EPROTOTYPE : err;
}

static struct oskit_socket_factory_ops factory_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .create = factory_create,
    .create_pair = factory_create_pair,
};

struct factory {
    struct sluice_object object;
    SLUICE_FACE(oskit_socket_factory_t) face;
};

static const struct sluice_interface factory_interfaces[] = {
    {&oskit_socket_factory_iid, offsetof(struct factory, face), &factory_ops},
};

/* Never: the object keeps a reference to itself. */
static void factory_destroy(struct sluice_object *object)
{
    env_panic("%s released too often", object->class->name);
}

static const struct sluice_class factory_class = {
    "socket factory", factory_interfaces, SLUICE_COUNT(factory_interfaces), factory_destroy};

static struct factory factory = {
    .object = {.references = 1, .class = &factory_class},
    .face = {.i = {&factory_ops}, .object = &factory.object},
};

struct oskit_socket_factory *socket_factory(void)
{
    sluice_object_addref(&factory.object);
    return &factory.face.i;
}
