/*
 * UNIX sockets while a capture runs: a send is copied once more, from the program's memory after it
 * was sent, and shown to the captures (capture.h). No locks are held meanwhile but the names' while
 * the receiver is looked up.
 */
#include "io/net/capture.h"
#include "io/net/unix_private.h"

/* The socket that a message to NAME, or to the peer, comes to; 0: nobody. */
static oskit_u64_t receiver_of(struct unix_socket *self, const struct socket_address *name)
{
    struct unix_inbox *inbox = NULL;
    oskit_u64_t ino = 0;

    if (name != NULL) {
        env_mutex_lock(&unix_mutex);
        unix_name_find(name, SOCKET_DGRAM, &inbox);
        env_mutex_unlock(&unix_mutex);
    } else {
        inbox = inbox_peer_get(self->inbox);
    }
    if (inbox == NULL)
        return 0;
    env_mutex_lock(&inbox->mutex);
    if (inbox->owner != NULL)
        ino = inbox->owner->socket.ino;
    env_mutex_unlock(&inbox->mutex);
    inbox_put(inbox);
    return ino;
}

/* What was sent is read again; a program that changes it meanwhile sees that in its capture. */
static void show(struct capture_unix *sent, struct sluice_uio *from, size_t size)
{
    size_t kept = size < CAPTURE_SNAP ? size : CAPTURE_SNAP, moved;
    void *bytes = env_alloc(kept != 0 ? kept : 1, 0);

    if (bytes == NULL)
        return;
    if (OSKIT_SUCCEEDED(uio_read_from(from, bytes, kept, &moved))) {
        sent->length = (oskit_u32_t)size;
        sent->data = bytes;
        capture_unix(sent);
    }
    env_free(bytes, kept != 0 ? kept : 1);
}

oskit_error_t unix_capture_send(struct socket *s, struct socket_message *message, oskit_size_t *out)
{
    struct sluice_uio before = *message->uio;
    struct socket_credentials caller = socket_caller().credentials;
    struct capture_unix sent = {
        .sender = s->ino,
        .receiver = receiver_of(unix_of(s), message->name),
        .type = s->type,
        .rights = message->rights != NULL ? message->rights->count : 0,
        .pid = caller.pid,
        .uid = caller.uid,
    };
    oskit_error_t err = s->kind->send(s, message, out);

    if (OSKIT_SUCCEEDED(err))
        show(&sent, &before, *out);
    return err;
}
