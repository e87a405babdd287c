/*
 * Packet sockets: which frames the card is to hand over for them besides its own. A membership
 * counts its additions, and all end with the socket.
 */
#include "io/net/packet_socket.h"

#include <sluice/string.h>

#define TYPE_MULTICAST   0u
#define TYPE_PROMISCUOUS 1u
#define TYPE_ALL         2u
#define TYPE_UNICAST     3u

struct member_request { /* Linux's struct packet_mreq */
    oskit_s32_t interface;
    oskit_u16_t type, address_length;
    oskit_u8_t address[8];
};
_Static_assert(sizeof(struct member_request) == 16, "struct packet_mreq");

/* Cards filter by what the internet stack joined; who wants more gets all. */
static void member_apply(oskit_u32_t index, bool on)
{
    struct interface *interface = interface_by_index(index);

    if (interface == NULL)
        return; /* it has gone, and what it was asked for with it */
    interface_promiscuous(interface, on);
    interface_put(interface);
}

static bool member_same(const struct packet_member *member, const struct member_request *request)
{
    return member->interface == (oskit_u32_t)request->interface && member->type == request->type &&
           member->address_length == request->address_length &&
           memcmp(member->address, request->address, request->address_length) == 0;
}

static struct packet_member *member_find(struct packet_socket *ps,
                                         const struct member_request *request)
{
    list_for_each (at, &ps->members) {
        struct packet_member *member = container_of(at, struct packet_member, link);
        if (member_same(member, request))
            return member;
    }
    return NULL;
}

static oskit_error_t member_add(struct packet_socket *ps, const struct member_request *request)
{
    struct packet_member *member = member_find(ps, request);

    if (member != NULL) {
        member->count++;
        return OSKIT_SUCCESS;
    }
    member = env_alloc(sizeof *member, ENV_ZERO);
    if (member == NULL)
        return OSKIT_ENOMEM;
    member->interface = (oskit_u32_t)request->interface;
    member->count = 1;
    member->type = request->type;
    member->address_length = request->address_length;
    memcpy(member->address, request->address, sizeof member->address);
    list_push_back(&ps->members, &member->link);
    member_apply(member->interface, true);
    return OSKIT_SUCCESS;
}

static void member_end(struct packet_member *member)
{
    list_remove(&member->link);
    member_apply(member->interface, false);
    env_free(member, sizeof *member);
}

/* As on Linux, to drop what isn't there is no error. */
static oskit_error_t member_drop(struct packet_socket *ps, const struct member_request *request)
{
    struct packet_member *member = member_find(ps, request);

    if (member != NULL && --member->count == 0)
        member_end(member);
    return OSKIT_SUCCESS;
}

static oskit_error_t request_check(const struct member_request *request)
{
    struct interface *interface =
        request->interface > 0 ? interface_by_index((oskit_u32_t)request->interface) : NULL;

    if (interface == NULL)
        return OSKIT_ENODEV;
    bool sound = request->type <= TYPE_UNICAST &&
                 request->address_length <= sizeof request->address &&
                 (request->type == TYPE_PROMISCUOUS || request->type == TYPE_ALL ||
                  request->address_length == interface->address_length);
    interface_put(interface);
    return sound ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
}

oskit_error_t packet_member_change(struct packet_socket *ps, bool add, const void *value,
                                   oskit_u32_t length)
{
    struct member_request request;

    if (length < sizeof request)
        return OSKIT_E_INVALIDARG;
    memcpy(&request, value, sizeof request);
    oskit_error_t err = add ? request_check(&request) : OSKIT_SUCCESS;
    if (OSKIT_SUCCEEDED(err) && request.address_length > sizeof request.address)
        err = OSKIT_E_INVALIDARG;
    if (OSKIT_FAILED(err))
        return err;
    env_mutex_lock(&ps->mutex);
    err = add ? member_add(ps, &request) : member_drop(ps, &request);
    env_mutex_unlock(&ps->mutex);
    return err;
}

void packet_members_drop(struct packet_socket *ps)
{
    while (!list_empty(&ps->members))
        member_end(container_of(ps->members.next, struct packet_member, link));
}
