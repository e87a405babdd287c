/* Buffers of datagrams and what they count for. See inet_buffer.h. */
#include "inet_buffer.h"

#include <sluice/env.h>

#define HEADROOM 96u /* Ethernet, IPv6, UDP; a multiple of 16 */

static void account_put(struct inet_account *account)
{
    if (--account->references == 0)
        env_free(account, sizeof *account);
}

static struct inet_buffer *buffer_of(struct pbuf *p)
{
    return container_of(p, struct inet_buffer, custom.pbuf);
}

/* What it counts for. */
static oskit_u32_t buffer_charge(const struct inet_buffer *buffer)
{
    return buffer->size - INET_BUFFER_RECORD;
}

static void buffer_freed(struct pbuf *p)
{
    struct inet_buffer *buffer = buffer_of(p);
    struct inet_account *account = buffer->account;

    if (account != NULL) {
        bool before = inet_account_writable(account);
        account->bytes -= buffer_charge(buffer);
        if (!before && inet_account_writable(account) && account->sock != NULL) {
            readiness_change(&account->sock->base.readiness, READY_WRITE, 0);
            inet_tell(&account->sock->pending, READY_WRITE);
        }
        account_put(account);
    }
    env_free(buffer, buffer->size);
}

struct inet_buffer *inet_buffer_new(oskit_u32_t length)
{
    oskit_u32_t size = (oskit_u32_t)sizeof(struct inet_buffer) + HEADROOM + length;
    struct inet_buffer *buffer = env_alloc(size, 0);

    if (buffer == NULL)
        return NULL;
    buffer->account = NULL;
    buffer->size = size;
    buffer->record_taken = false;
    buffer->custom.pbuf = (struct pbuf){
        .payload = buffer->bytes + HEADROOM,
        .tot_len = (u16_t)length,
        .len = (u16_t)length,
        .type_internal = (u8_t)PBUF_RAM,
        .flags = PBUF_FLAG_IS_CUSTOM,
        .ref = 1,
    };
    buffer->custom.custom_free_function = buffer_freed;
    return buffer;
}

void inet_buffer_discard(struct inet_buffer *buffer)
{
    env_free(buffer, buffer->size);
}

void inet_buffer_charge(struct inet_buffer *buffer, struct inet_account *account)
{
    buffer->account = account;
    account->references++;
    account->bytes += buffer_charge(buffer);
    if (!inet_account_writable(account) && account->sock != NULL)
        readiness_change(&account->sock->base.readiness, 0, READY_WRITE);
}

void *inet_buffer_record_take(struct pbuf *p)
{
    struct inet_buffer *buffer = buffer_of(p);

    if (!(p->flags & PBUF_FLAG_IS_CUSTOM) || buffer->custom.custom_free_function != buffer_freed ||
        p->next != NULL || buffer->record_taken)
        return NULL;
    buffer->record_taken = true;
    return buffer->record;
}

void inet_buffer_record_give(struct pbuf *p)
{
    buffer_of(p)->record_taken = false;
}

struct inet_account *inet_account_new(struct inet_sock *sock)
{
    struct inet_account *account = env_alloc(sizeof *account, 0);

    if (account != NULL)
        *account = (struct inet_account){.references = 1, .sock = sock};
    return account;
}

void inet_account_leave(struct inet_account *account)
{
    account->sock = NULL;
    account_put(account);
}
