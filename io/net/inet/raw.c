/* Raw and ping sockets: not yet. */
#include "inet_sock.h"

oskit_error_t raw_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    (void)family;
    (void)protocol;
    *out = NULL;
    return OSKIT_EPROTONOSUPPORT;
}

oskit_error_t ping_socket_create(oskit_s32_t family, oskit_s32_t protocol, sluice_socket_t **out)
{
    (void)family;
    (void)protocol;
    *out = NULL;
    return OSKIT_EPROTONOSUPPORT;
}

void raw_reported(oskit_u8_t protocol, const struct inet_report *report)
{
    (void)protocol;
    (void)report;
}

bool raw_each(oskit_s32_t family, bool (*show)(void *arg, const struct inet_socket *socket),
              void *arg)
{
    (void)family;
    (void)show;
    (void)arg;
    return true;
}
