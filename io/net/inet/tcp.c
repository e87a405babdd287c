/* The kinds of TCP sockets: making, naming, connecting, shutting down, ending. */
#include "tcp.h"

#include <sluice/env.h>
#include <sluice/string.h>
#include "route.h"
#include "time_wait.h"

#define FIONREAD    0x541bu
#define SIOCOUTQ    0x5411u
#define SIOCATMARK  0x8905u
#define SIOCOUTQNSD 0x894bu

static struct list sockets = LIST_INIT(sockets); /* core lock */
static u8_t port_argument = LWIP_TCP_PCB_NUM_EXT_ARG_ID_INVALID;

/* ---- The connection's port ---- */

static void port_destroyed(u8_t id, void *port)
{
    (void)id;
    inet_port_put(port);
}

void tcp_port_attach(struct tcp_pcb *pcb, struct inet_port *port)
{
    static const struct tcp_ext_arg_callbacks callbacks = {.destroy = port_destroyed};

    if (port_argument == LWIP_TCP_PCB_NUM_EXT_ARG_ID_INVALID)
        port_argument = tcp_ext_arg_alloc_id();
    port->references++;
    tcp_ext_arg_set_callbacks(pcb, port_argument, &callbacks);
    tcp_ext_arg_set(pcb, port_argument, port);
}

struct inet_port *tcp_port_of(const struct tcp_pcb *pcb)
{
    return port_argument == LWIP_TCP_PCB_NUM_EXT_ARG_ID_INVALID
               ? NULL
               : tcp_ext_arg_get(pcb, port_argument);
}

static oskit_error_t port_take(struct tcp_socket *t, const ip_addr_t *address, oskit_u16_t number)
{
    oskit_error_t err = inet_port_take(&tcp_ports, &t->inet, address, number, &t->port);

    if (OSKIT_SUCCEEDED(err))
        t->inet.local_port = t->port->number;
    return err;
}

/* ---- bind ---- */

/* A connection that has failed or was reset leaves its socket free for another port, unless it was
 * bound to its own; false: it has one that counts. */
static bool port_free(struct tcp_socket *t)
{
    if (t->phase == TCP_UNCONNECTED && t->port == NULL)
        return true;
    if (t->phase == TCP_UNCONNECTED || t->phase == TCP_LISTENING || t->pcb != NULL ||
        t->port_chosen)
        return false;
    inet_port_put(t->port);
    t->port = NULL;
    return true;
}

static oskit_error_t bind_locked(struct tcp_socket *t, const ip_addr_t *address, oskit_u16_t number)
{
    oskit_error_t err = inet_bind_check(&t->inet, address);
    if (OSKIT_FAILED(err))
        return err;
    if (!port_free(t))
        return OSKIT_E_INVALIDARG;
    if (number != 0 || !t->inet.ip.no_port) {
        err = port_take(t, address, number);
        if (OSKIT_FAILED(err))
            return err;
        t->port_chosen = true;
    }
    t->inet.bound = t->inet.local = *address;
    return OSKIT_SUCCESS;
}

static oskit_error_t tcp_socket_bind(struct socket *s, const struct socket_address *name)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_u16_t number;
    ip_addr_t address;
    oskit_error_t err = inet_name_read(&t->inet, name, true, &address, &number);

    if (err == OSKIT_ENETUNREACH)
        return OSKIT_E_INVALIDARG; /* a mapped address of one who wants IPv6 only */
    if (OSKIT_FAILED(err))
        return err;
    if (!inet_port_permitted(number))
        return OSKIT_EACCES;
    inet_lock();
    err = bind_locked(t, &address, number);
    inet_unlock();
    return err;
}

/* ---- connect ---- */

void tcp_pcb_header(const struct tcp_socket *t, struct tcp_pcb *pcb)
{
    bool v6 = IP_IS_V6_VAL(pcb->remote_ip);
    oskit_s32_t ttl = v6 ? t->inet.ip.hops : t->inet.ip.ttl;

    pcb->ttl = ttl < 0 ? TCP_TTL : (u8_t)ttl;
    pcb->tos = v6 ? t->inet.ip.tclass : t->inet.ip.tos;
}

void tcp_pcb_apply(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;
    const struct socket_options *common = &t->inet.base.options;

    if (pcb == NULL)
        return;
    if (t->options.nodelay)
        tcp_nagle_disable(pcb);
    else
        tcp_nagle_enable(pcb);
    if (common->keepalive)
        ip_set_option(pcb, SOF_KEEPALIVE);
    else
        ip_reset_option(pcb, SOF_KEEPALIVE);
    pcb->keep_idle = t->options.keep_idle * 1000u;
    pcb->keep_intvl = t->options.keep_interval * 1000u;
    pcb->keep_cnt = t->options.keep_count;
    pcb->netif_idx = (u8_t)common->interface;
    tcp_pcb_header(t, pcb);
    if (t->options.maximum_segment != 0 && t->options.maximum_segment < pcb->mss &&
        pcb->state != SYN_SENT)
        pcb->mss = t->options.maximum_segment;
}

/* Back to where socket() left it, but for what bind said. */
static void reset(struct tcp_socket *t)
{
    t->phase = TCP_UNCONNECTED;
    t->shut = 0;
    t->answered = t->got_fin = t->fin_sent = t->lingering = false;
    t->soft_error = OSKIT_SUCCESS;
    t->used = t->segment = t->tail_room = 0;
    t->urgent = TCP_URGENT_NONE;
    t->credit_owed = 0;
    inet_any(&t->inet, &t->inet.remote);
    t->inet.remote_port = 0;
    t->inet.local = t->inet.bound;
    if (!t->port_chosen)
        t->inet.local_port = 0;
}

/* What is in the reader's hands stays his; the rest is dropped. */
void tcp_abandon_socket(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;

    tcp_detach(t);
    if (pcb != NULL && pcb->state == SYN_SENT)
        tcp_close(pcb);
    else if (pcb != NULL)
        tcp_abort(pcb);
    if (t->corked != NULL)
        tcp_block_free(t->corked);
    t->corked = NULL;
    if (!t->port_chosen) {
        inet_port_put(t->port);
        t->port = NULL;
    }
}

/* "Any" as a destination is the machine itself. */
static void destination(ip_addr_t *address)
{
    if (!ip_addr_isany(address))
        return;
    if (IP_IS_V6(address))
        ip_addr_set_loopback(true, address);
    else
        ip_addr_set_loopback(false, address);
}

/* The source: what bind said, or what the interface has. */
static oskit_error_t source(struct tcp_socket *t, const ip_addr_t *address, ip_addr_t *out)
{
    const ip_addr_t *bound = &t->inet.bound;
    bool given = !IP_IS_ANY_TYPE_VAL(*bound) && !ip_addr_isany(bound);

    if (given && IP_GET_TYPE(bound) != IP_GET_TYPE(address))
        return OSKIT_ENETUNREACH;
    struct netif *netif = inet_route(&t->inet, given ? bound : NULL, address);
    if (netif == NULL || ip_addr_ismulticast(address) || ip_addr_isbroadcast(address, netif))
        return OSKIT_ENETUNREACH;
    if (SOCKET_OPTION(&t->inet.base, dontroute) && !inet_route_direct(netif, address))
        return OSKIT_ENETUNREACH;
    const ip_addr_t *from = given ? bound : inet_source(netif, address);
    if (from == NULL)
        return OSKIT_EADDRNOTAVAIL;
    ip_addr_copy(*out, *from);
    return OSKIT_SUCCESS;
}

static oskit_error_t connect_pcb(struct tcp_socket *t, const ip_addr_t *address, oskit_u16_t port)
{
    struct tcp_pcb *pcb = tcp_new_ip_type(IP_GET_TYPE(address));
    if (pcb == NULL)
        return OSKIT_ENOBUFS;
    inet_time_wait_forget(&t->inet.local, t->inet.local_port, address, port);
    tcp_port_attach(pcb, t->port);
    pcb->local_ip = t->inet.local;
    pcb->local_port = t->inet.local_port;
    pcb->remote_ip = *address;
    t->pcb = pcb;
    t->phase = TCP_CONNECTING; /* the answer may come before tcp_connect returns */
    tcp_callbacks_set(t);
    tcp_pcb_apply(t);
    err_t err = tcp_connect(pcb, address, port, pcb->connected);
    if (err == ERR_OK)
        return OSKIT_SUCCESS;
    tcp_detach(t);
    tcp_abort(pcb);
    t->phase = TCP_UNCONNECTED;
    return inet_error(err);
}

static oskit_error_t connect_start(struct tcp_socket *t, ip_addr_t *address, oskit_u16_t port)
{
    ip_addr_t from = {0};

    destination(address);
    oskit_error_t err = source(t, address, &from);
    if (OSKIT_FAILED(err))
        return err;
    if (t->port == NULL)
        err = port_take(t, &from, 0);
    if (err == OSKIT_EADDRINUSE)
        return OSKIT_EADDRNOTAVAIL;
    if (OSKIT_FAILED(err))
        return err;
    t->inet.local = from;
    t->shut = 0;
    err = connect_pcb(t, address, port);
    if (OSKIT_FAILED(err)) {
        tcp_abandon_socket(t);
        reset(t);
        return err;
    }
    t->inet.remote = *address;
    t->inet.remote_port = port;
    tcp_level(t, 0);
    return OSKIT_EINPROGRESS;
}

/* What has become of an attempt. */
static oskit_error_t connect_result(struct tcp_socket *t)
{
    if (t->pcb != NULL && t->pcb->state == SYN_SENT)
        return OSKIT_EALREADY;
    if (t->pcb != NULL) {
        t->phase = TCP_CONNECTED;
        return OSKIT_SUCCESS;
    }
    oskit_error_t error = socket_error_take(&t->inet.base);
    reset(t);
    tcp_level(t, 0);
    return OSKIT_FAILED(error) ? error : OSKIT_ECONNABORTED;
}

static oskit_error_t connect_locked(struct tcp_socket *t, ip_addr_t *address, oskit_u16_t port)
{
    switch (t->phase) {
    case TCP_CONNECTING:
        return connect_result(t);
    case TCP_CONNECTED:
    case TCP_LISTENING:
        return OSKIT_EISCONN;
    default:
        return connect_start(t, address, port);
    }
}

/* The states in which Linux tells the socket itself of the reset that it sends, or would send. */
static bool disconnect_resets(enum tcp_state state)
{
    return state == SYN_SENT || state == SYN_RCVD || state == ESTABLISHED || state == FIN_WAIT_1 ||
           state == FIN_WAIT_2 || state == CLOSE_WAIT;
}

/* What came of a connection that is no more isn't the next one's. The reader's part is his till he
 * gives the mutex back; meanwhile another may have connected. */
static void leftovers_drop(struct tcp_socket *t)
{
    env_mutex_lock(&t->receive_mutex);
    inet_lock();
    if (t->phase == TCP_UNCONNECTED) {
        tcp_receive_drop(t);
        tcp_level(t, 0);
    }
    inet_unlock();
    env_mutex_unlock(&t->receive_mutex);
}

/* connect to AF_UNSPEC: the connection is dropped. */
static oskit_error_t disconnect(struct tcp_socket *t)
{
    struct list gone = LIST_INIT(gone);

    inet_lock();
    if (t->phase == TCP_LISTENING)
        tcp_listen_stop(t, &gone);
    if (t->pcb != NULL && disconnect_resets(t->pcb->state))
        socket_error_set(&t->inet.base, OSKIT_ECONNRESET);
    tcp_abandon_socket(t);
    reset(t);
    tcp_level(t, READY_HUP);
    inet_unlock();
    leftovers_drop(t);
    tcp_listen_release(&gone);
    return OSKIT_SUCCESS;
}

static oskit_error_t tcp_socket_connect(struct socket *s, const struct socket_address *name)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_u16_t port;
    ip_addr_t address;

    if (name->length < sizeof name->u.family)
        return OSKIT_E_INVALIDARG;
    if (name->u.family == 0)
        return disconnect(t);
    oskit_error_t err = inet_name_read(&t->inet, name, false, &address, &port);
    inet_lock();
    if (OSKIT_SUCCEEDED(err) || t->phase != TCP_UNCONNECTED)
        err = connect_locked(t, &address, port);
    bool leftovers = t->phase == TCP_UNCONNECTED && t->readable != 0;
    inet_unlock();
    if (leftovers)
        leftovers_drop(t);
    return err;
}

/* ---- shutdown and close ---- */

static void fin_send(struct tcp_socket *t)
{
    if (t->fin_sent || t->pcb == NULL)
        return;
    tcp_uncork(t);
    t->fin_sent = true;
    tcp_shutdown(t->pcb, 0, 1);
}

static oskit_error_t shutdown_locked(struct tcp_socket *t, oskit_u32_t how, struct list *gone)
{
    oskit_u32_t bits = how + 1; /* SHUT_RD, WR, RDWR */
    bool unconnected = t->pcb == NULL && t->phase != TCP_LISTENING;

    if (t->phase == TCP_LISTENING) {
        if (!(bits & TCP_SHUT_READ))
            return OSKIT_SUCCESS;
        tcp_listen_stop(t, gone);
        reset(t);
        tcp_level(t, READY_HUP);
        return OSKIT_SUCCESS;
    }
    if (t->pcb != NULL && t->pcb->state == SYN_SENT) {
        tcp_abandon_socket(t);
        reset(t);
        socket_error_set(&t->inet.base, OSKIT_ECONNRESET);
        tcp_level(t, READY_HUP | READY_ERR);
        return OSKIT_SUCCESS;
    }
    t->shut |= bits;
    if ((bits & TCP_SHUT_WRITE) && !unconnected)
        fin_send(t);
    tcp_level(t, READY_READ | READY_WRITE | READY_HUP);
    return unconnected ? OSKIT_ENOTCONN : OSKIT_SUCCESS;
}

static oskit_error_t tcp_socket_shutdown(struct socket *s, oskit_u32_t how)
{
    struct list gone = LIST_INIT(gone);

    inet_lock();
    oskit_error_t err = shutdown_locked(tcp_of(s), how, &gone);
    inet_unlock();
    tcp_listen_release(&gone);
    return err;
}

bool tcp_all_arrived(const struct tcp_socket *t)
{
    return t->pcb == NULL || t->pcb->state == SYN_SENT ||
           (t->pcb->unacked == NULL && t->pcb->unsent == NULL);
}

static oskit_error_t tcp_socket_close(struct socket *s, oskit_u64_t *deadline)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_error_t err = OSKIT_SUCCESS;

    if (!SOCKET_OPTION(s, linger) || SOCKET_OPTION(s, linger_seconds) == 0 ||
        t->phase == TCP_LISTENING)
        return OSKIT_SUCCESS;
    inet_lock();
    if (!t->lingering && t->pcb != NULL && t->readable == 0) {
        t->lingering = true;
        t->linger_until =
            env_time_monotonic() + SOCKET_OPTION(s, linger_seconds) * UINT64_C(1000000000);
        if (t->pcb->state != SYN_SENT)
            fin_send(t);
    }
    *deadline = t->linger_until;
    if (t->lingering && !tcp_all_arrived(t) && env_time_monotonic() < t->linger_until)
        err = OSKIT_EWOULDBLOCK;
    tcp_level(t, 0);
    inet_unlock();
    return err;
}

/* The connection goes on without the socket, or is reset when the program has left bytes unread or
 * wants no lingering. */
static void part(struct tcp_socket *t)
{
    struct tcp_pcb *pcb = t->pcb;
    const struct socket_options *options = &t->inet.base.options;
    bool unread = t->readable != 0 || (options->linger && options->linger_seconds == 0);

    if (pcb == NULL)
        return;
    tcp_uncork(t);
    if (t->corked != NULL)
        unread = true; /* no memory for the last bytes: the stream isn't whole */
    tcp_detach(t);
    if (pcb->state == SYN_SENT || !unread) {
        pcb->rcv_wnd = TCP_WND_MAX(pcb); /* lwIP takes less for bytes unread */
        tcp_close(pcb);
    } else {
        tcp_abort(pcb);
    }
}

static void tcp_socket_destroy(struct socket *s)
{
    struct tcp_socket *t = tcp_of(s);
    struct list gone = LIST_INIT(gone);

    inet_lock();
    list_remove(&t->inet.all);
    if (t->phase == TCP_LISTENING)
        tcp_listen_stop(t, &gone);
    part(t);
    tcp_receive_drop(t);
    if (t->corked != NULL)
        tcp_block_free(t->corked);
    while (!list_empty(&t->zerocopies))
        list_pop_front(&t->zerocopies); /* they end without a word */
    inet_port_put(t->port);
    inet_sock_leave(&t->inet);
    inet_unlock();
    tcp_listen_release(&gone);
    tcp_account_close(t->account);
    socket_fini(s);
    env_free(t, sizeof *t);
}

/* ---- Names ---- */

static oskit_error_t tcp_socket_getsockname(struct socket *s, struct socket_address *out)
{
    struct inet_sock *sock = inet_of(s);

    inet_lock();
    ip_addr_t address = sock->local;
    oskit_u16_t port = sock->local_port;
    inet_unlock();
    inet_name_write(sock, &address, port, out);
    return OSKIT_SUCCESS;
}

static oskit_error_t tcp_socket_getpeername(struct socket *s, struct socket_address *out)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_error_t err = OSKIT_SUCCESS;

    inet_lock();
    if (t->pcb == NULL || t->pcb->state == SYN_SENT || t->inet.remote_port == 0)
        err = OSKIT_ENOTCONN;
    ip_addr_t address = t->inet.remote;
    oskit_u16_t port = t->inet.remote_port;
    inet_unlock();
    if (OSKIT_SUCCEEDED(err))
        inet_name_write(&t->inet, &address, port, out);
    return err;
}

/* ---- Listening ---- */

static oskit_error_t tcp_socket_listen(struct socket *s, oskit_s32_t backlog)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_error_t err = OSKIT_SUCCESS;

    inet_lock();
    if (t->phase == TCP_CONNECTING || t->phase == TCP_CONNECTED)
        err = OSKIT_E_INVALIDARG;
    else if (t->port == NULL)
        err = port_take(t, &t->inet.bound, 0);
    if (OSKIT_SUCCEEDED(err))
        err = tcp_listen_start(t, backlog);
    inet_unlock();
    return err;
}

static oskit_error_t tcp_socket_accept(struct socket *s, struct socket_address *peer,
                                       struct socket **out)
{
    return tcp_listen_accept(tcp_of(s), peer, out);
}

/* ---- ioctl ---- */

static oskit_size_t tcp_socket_readable(struct socket *s)
{
    struct tcp_socket *t = tcp_of(s);

    inet_lock();
    oskit_size_t size = tcp_readable(t);
    inet_unlock();
    return size;
}

static oskit_u32_t queued(const struct tcp_socket *t, bool unsent_only)
{
    if (t->pcb == NULL)
        return 0;
    oskit_u32_t size = t->pcb->snd_lbb - (unsent_only ? t->pcb->snd_nxt : t->pcb->lastack);
    if ((t->pcb->flags & TF_FIN) && size > 0)
        size--;
    return size + (t->corked != NULL ? t->corked->length : 0);
}

static bool at_mark(const struct tcp_socket *t)
{
    return t->urgent != TCP_URGENT_NONE && t->urgent_sequence == t->read_sequence;
}

static oskit_error_t tcp_socket_ioctl(struct socket *s, oskit_u32_t command, oskit_u64_t argument,
                                      oskit_s32_t *out_result)
{
    struct tcp_socket *t = tcp_of(s);
    oskit_s32_t number;

    *out_result = 0;
    inet_lock();
    bool listening = t->phase == TCP_LISTENING;
    switch (command) {
    case FIONREAD:
        number = (oskit_s32_t)tcp_readable(t);
        break;
    case SIOCOUTQ:
        number = (oskit_s32_t)queued(t, false);
        break;
    case SIOCOUTQNSD:
        number = (oskit_s32_t)queued(t, true);
        break;
    case SIOCATMARK:
        number = at_mark(t);
        listening = false;
        break;
    default:
        inet_unlock();
        return OSKIT_ENOTTY;
    }
    inet_unlock();
    if (listening)
        return OSKIT_E_INVALIDARG;
    return env_copy_to_user((void *)(uintptr_t)argument, &number, sizeof number) == 0
               ? OSKIT_SUCCESS
               : OSKIT_EFAULT;
}

/* ---- The kinds ---- */

#define TCP_KIND(title, number)                                                                    \
    {                                                                                              \
        .name = title, .family = number, .type = SOCKET_STREAM, .filters = true,                   \
        .bind = tcp_socket_bind, .connect = tcp_socket_connect, .listen = tcp_socket_listen,       \
        .accept = tcp_socket_accept, .shutdown = tcp_socket_shutdown,                              \
        .getsockname = tcp_socket_getsockname, .getpeername = tcp_socket_getpeername,              \
        .setsockopt = tcp_option_set, .getsockopt = tcp_option_get, .changed = tcp_option_changed, \
        .send = tcp_send, .receive = tcp_receive_message, .send_segments = tcp_send_segments,      \
        .readv = tcp_readv, .writev = tcp_writev, .readable = tcp_socket_readable,                 \
        .ioctl = tcp_socket_ioctl, .close = tcp_socket_close, .destroy = tcp_socket_destroy,       \
    }

static const struct socket_kind tcp4_kind = TCP_KIND("TCP socket", SOCKET_INET);
static const struct socket_kind tcp6_kind = TCP_KIND("TCP socket (IPv6)", SOCKET_INET6);

struct tcp_socket *tcp_socket_new(oskit_s32_t family)
{
    struct tcp_socket *t = env_alloc(sizeof *t, ENV_ZERO | ENV_NOSLEEP);

    if (t == NULL)
        return NULL;
    inet_sock_init(&t->inet, family == SOCKET_INET6 ? &tcp6_kind : &tcp4_kind, SOCKET_STREAM,
                   INET_SOL_TCP, READY_WRITE | READY_HUP);
    t->inet.base.options.send_buffer = TCP_BUFFER_DEFAULT;
    t->inet.base.options.receive_buffer = TCP_BUFFER_DEFAULT;
    tcp_options_init(&t->options);
    list_init(&t->member);
    list_init(&t->accepted);
    list_init(&t->waiting);
    list_init(&t->zerocopies);
    return t;
}

void tcp_socket_discard(struct tcp_socket *t)
{
    socket_fini(&t->inet.base);
    env_free(t, sizeof *t);
}

oskit_error_t tcp_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    struct tcp_socket *t = tcp_socket_new(family);

    (void)protocol;
    *out = NULL;
    if (t == NULL)
        return OSKIT_ENOBUFS;
    inet_lock();
    list_push_back(&sockets, &t->inet.all);
    inet_unlock();
    *out = socket_face(&t->inet.base);
    return OSKIT_SUCCESS;
}

/* ---- For /proc ---- */

static void describe(const struct tcp_socket *t, struct inet_socket *out)
{
    *out = (struct inet_socket){
        .family = t->inet.base.kind->family,
        .type = SOCKET_STREAM,
        .protocol = INET_SOL_TCP,
        .state = tcp_state(t),
        .send_queue = t->phase == TCP_LISTENING ? t->backlog : queued(t, false),
        .receive_queue = t->phase == TCP_LISTENING ? t->accepted_count : t->readable,
        .uid = t->inet.base.uid,
        .ino = t->inet.base.ino,
        .references = atomic_load_explicit(&t->inet.base.object.references, memory_order_relaxed),
        .retransmits = t->pcb != NULL ? t->pcb->nrtx : 0,
        .drops = t->drops,
    };
    inet_name_write(&t->inet, &t->inet.local, t->inet.local_port, &out->local);
    inet_name_write(&t->inet, &t->inet.remote, t->inet.remote_port, &out->remote);
}

/* Connections that have no socket any more. */
static bool each_orphan(oskit_s32_t family,
                        bool (*show)(void *arg, const struct inet_socket *socket), void *arg)
{
    for (int i = 2; i < NUM_TCP_PCB_LISTS; i++) {
        for (struct tcp_pcb *pcb = *tcp_pcb_lists[i]; pcb != NULL; pcb = pcb->next) {
            bool v6 = IP_IS_V6_VAL(pcb->remote_ip);
            struct tcp_socket t = {.pcb = pcb, .phase = TCP_CONNECTED};
            if (v6 != (family == SOCKET_INET6) ||
                (pcb->callback_arg != NULL && pcb->state != SYN_RCVD))
                continue;
            struct inet_socket socket = {.family = family,
                                         .type = SOCKET_STREAM,
                                         .protocol = INET_SOL_TCP,
                                         .state = tcp_state(&t),
                                         .send_queue = queued(&t, false),
                                         .retransmits = pcb->nrtx};
            inet_name_plain(family, &pcb->local_ip, pcb->local_port, &socket.local);
            inet_name_plain(family, &pcb->remote_ip, pcb->remote_port, &socket.remote);
            if (!show(arg, &socket))
                return false;
        }
    }
    return true;
}

bool tcp_each(oskit_s32_t family, bool (*show)(void *arg, const struct inet_socket *socket),
              void *arg)
{
    struct inet_socket socket;

    list_for_each (at, &sockets) {
        struct tcp_socket *t = container_of(at, struct tcp_socket, inet.all);
        if (t->inet.base.kind->family != family ||
            (t->phase == TCP_UNCONNECTED && t->inet.local_port == 0))
            continue;
        describe(t, &socket);
        if (!show(arg, &socket))
            return false;
    }
    return each_orphan(family, show, arg) && inet_time_wait_each(family, show, arg);
}

void tcp_socket_enlist(struct tcp_socket *t)
{
    list_push_back(&sockets, &t->inet.all);
}

/* ---- What the network says ---- */

void tcp_reported(const struct inet_report *report)
{
    for (struct tcp_pcb *pcb = tcp_active_pcbs; pcb != NULL; pcb = pcb->next) {
        struct tcp_socket *t = pcb->callback_arg;
        if (pcb->local_port != report->source_port ||
            pcb->remote_port != report->destination_port ||
            !ip_addr_cmp(&pcb->remote_ip, &report->destination) ||
            !ip_addr_cmp(&pcb->local_ip, &report->source) || t == NULL || pcb->state == SYN_RCVD)
            continue;
        if (pcb->state == SYN_SENT && report->fatal) {
            tcp_detach(t);
            tcp_close(pcb);
            tcp_over(t, report->error);
        } else {
            t->soft_error = report->error;
        }
        return;
    }
}
