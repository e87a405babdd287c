/*
 * Local ports. A table for each protocol has every address and port that a socket, or a connection
 * that outlived its socket, holds; conflicts are judged as Linux does. The core lock guards all.
 */
#include <sluice/env.h>
#include "inet_sock.h"

#define BUCKETS 1024u

struct inet_port_table {
    struct list buckets[BUCKETS];
};

struct inet_port_table tcp_ports, udp_ports, udplite_ports;

static void table_init(struct inet_port_table *table)
{
    for (oskit_u32_t i = 0; i < BUCKETS; i++)
        list_init(&table->buckets[i]);
}

void inet_ports_init(void)
{
    table_init(&tcp_ports);
    table_init(&udp_ports);
    table_init(&udplite_ports);
}

static struct list *bucket_of(struct inet_port_table *table, oskit_u16_t number)
{
    return &table->buckets[number % BUCKETS];
}

/* A dual socket's "any" covers every address of either family. */
static bool overlaps(const ip_addr_t *one, const ip_addr_t *other)
{
    if (IP_IS_ANY_TYPE_VAL(*one) || IP_IS_ANY_TYPE_VAL(*other))
        return true;
    if (IP_GET_TYPE(one) != IP_GET_TYPE(other))
        return false;
    return ip_addr_isany(one) || ip_addr_isany(other) || ip_addr_cmp(one, other);
}

/* ONE is who asks. */
static bool shared(const struct inet_port *one, const struct inet_port *other)
{
    if (one->reuse_address && other->reuse_address && !other->listening)
        return true;
    return one->reuse_port && other->reuse_port && one->uid == other->uid;
}

static bool conflict(const struct inet_port *one, const struct inet_port *other)
{
    if (one == other || one->number != other->number)
        return false;
    if (one->interface != 0 && other->interface != 0 && one->interface != other->interface)
        return false;
    return overlaps(&one->address, &other->address) && !shared(one, other);
}

static bool conflicts(const struct inet_port_table *table, const struct inet_port *port)
{
    struct list *bucket = bucket_of((struct inet_port_table *)table, port->number);

    for (struct list *at = bucket->next; at != bucket; at = at->next)
        if (conflict(port, container_of(at, struct inet_port, link)))
            return true;
    return false;
}

/* Nobody at all has the number. */
static bool number_free(struct inet_port_table *table, oskit_u16_t number)
{
    struct list *bucket = bucket_of(table, number);

    for (struct list *at = bucket->next; at != bucket; at = at->next)
        if (container_of(at, struct inet_port, link)->number == number)
            return false;
    return true;
}

/* From a random place on, in random steps; when the ports are nearly used up, one by one. */
static oskit_u16_t number_find(struct inet_port_table *table)
{
    oskit_u32_t random[2], ports = atomic_load(&socket_limits.ports);
    oskit_u32_t first = ports >> 16, count = (ports & 0xffff) - first + 1;

    env_random(random, sizeof random);
    oskit_u32_t at = random[0] % count, step = random[1] % count;
    for (oskit_u32_t i = 0; i < count / 8; i++) {
        oskit_u16_t number = (oskit_u16_t)(first + at);
        if (number_free(table, number))
            return number;
        at = (at + step) % count;
    }
    for (oskit_u32_t i = 0; i < count; i++) {
        oskit_u16_t number = (oskit_u16_t)(first + at);
        if (number_free(table, number))
            return number;
        at = (at + 1) % count;
    }
    return 0;
}

static struct inet_port *port_new(const struct inet_sock *sock, const ip_addr_t *address,
                                  oskit_u16_t number)
{
    struct inet_port *port = env_alloc(sizeof *port, ENV_NOSLEEP);

    if (port == NULL)
        return NULL;
    *port = (struct inet_port){
        .references = 1,
        .address = *address,
        .number = number,
        .interface = SOCKET_OPTION(&sock->base, interface),
        .uid = sock->base.uid,
        .reuse_address = SOCKET_OPTION(&sock->base, reuse_address),
        .reuse_port = SOCKET_OPTION(&sock->base, reuse_port),
    };
    return port;
}

static void port_enter(struct inet_port_table *table, struct inet_port *port)
{
    port->table = table;
    list_push_front(bucket_of(table, port->number), &port->link);
}

oskit_error_t inet_port_take(struct inet_port_table *table, const struct inet_sock *sock,
                             const ip_addr_t *address, oskit_u16_t number, struct inet_port **out)
{
    struct inet_port *port = port_new(sock, address, number);

    *out = NULL;
    if (port == NULL)
        return OSKIT_ENOBUFS;
    if (number == 0)
        port->number = number_find(table);
    if (port->number == 0 || (number != 0 && conflicts(table, port))) {
        env_free(port, sizeof *port);
        return OSKIT_EADDRINUSE;
    }
    port_enter(table, port);
    *out = port;
    return OSKIT_SUCCESS;
}

struct inet_port *inet_port_join(struct inet_port_table *table, const struct inet_sock *sock)
{
    struct inet_port *port = port_new(sock, &sock->local, sock->local_port);

    if (port != NULL)
        port_enter(table, port);
    return port;
}

bool inet_port_listen(struct inet_port *port)
{
    port->listening = true;
    if (!conflicts(port->table, port))
        return true;
    port->listening = false;
    return false;
}

void inet_port_put(struct inet_port *port)
{
    if (port == NULL || --port->references > 0)
        return;
    list_remove(&port->link);
    env_free(port, sizeof *port);
}
