/* The programs that raw and ping sockets' programs attach to them (SO_ATTACH_FILTER). See raw.h. */
#include "core_private.h"
#include "io/net/bpf.h"
#include "io/net/socket_option.h"
#include "lwip/ip.h"
#include "raw.h"

#define ETHERTYPE_IPV4 0x0800u
#define ETHERTYPE_IPV6 0x86ddu

/* NULL takes it away. OSKIT_EPERM when it is locked; ENOENT when there is none to take away. */
static oskit_error_t filter_set(struct raw_socket *r, struct bpf_program *filter)
{
    inet_lock();
    struct bpf_program *old = r->filter;
    bool locked = r->filter_locked;
    if (!locked)
        r->filter = filter;
    inet_unlock();
    bpf_put(locked ? filter : old);
    if (locked)
        return OSKIT_EPERM;
    return filter == NULL && old == NULL ? OSKIT_ENOENT : OSKIT_SUCCESS;
}

static oskit_error_t filter_lock(struct raw_socket *r, bool on)
{
    inet_lock();
    bool locked = r->filter_locked;
    r->filter_locked = locked || on;
    inet_unlock();
    return locked && !on ? OSKIT_EPERM : OSKIT_SUCCESS;
}

oskit_error_t raw_filter_setsockopt(struct raw_socket *r, oskit_s32_t name, const void *value,
                                    oskit_u32_t length)
{
    struct bpf_program *filter;
    oskit_s32_t number;
    oskit_error_t err;

    if (name == SOCKET_SO_ATTACH_FILTER) {
        err = bpf_create_from_user(value, length, &filter);
        return OSKIT_SUCCEEDED(err) ? filter_set(r, filter) : err;
    }
    if (name != SOCKET_SO_DETACH_FILTER && name != SOCKET_SO_LOCK_FILTER)
        return OSKIT_ENOPROTOOPT;
    err = option_int(value, length, &number);
    if (OSKIT_FAILED(err))
        return err;
    return name == SOCKET_SO_DETACH_FILTER ? filter_set(r, NULL) : filter_lock(r, number != 0);
}

/* A program looks at what the socket is given; before it, at negative offsets, is IP's header. */
bool raw_filter_keep(const struct raw_socket *r, const struct inet_datagram *datagram,
                     struct pbuf *copy, oskit_u16_t header)
{
    if (r->filter == NULL)
        return true;
    struct bpf_view view = {
        .bytes = (const oskit_u8_t *)copy->payload - header,
        .piece = (oskit_u32_t)copy->len + header,
        .length = (oskit_u32_t)copy->tot_len + header,
        .start = header,
        .protocol = inet_is6(&r->inet) ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4,
        .interface = datagram->interface,
        .hardware = inet_netif_of(ip_current_input_netif())->interface->hardware,
    };
    oskit_u32_t wanted = bpf_run(r->filter, &view);
    if (wanted < copy->tot_len && wanted != 0)
        pbuf_realloc(copy, (u16_t)wanted);
    return wanted != 0;
}
