/* /proc/net/unix: a line for each UNIX socket. */
#include <sluice/unixsocket.h>
#include "kernel/proc/net.h"

#define PATH_OFFSET 2 /* in the address, behind the family */
#define ACCEPTCON   0x10000u

/* An abstract name begins with '@', which also stands for its zeros; a path ends before its own. */
static void put_name(struct synth_text *text, const struct socket_address *name)
{
    const char *path = name->u.un.path;
    oskit_u32_t length = name->length - PATH_OFFSET;
    if (path[0])
        length--;
    synth_printf(text, " ");
    for (oskit_u32_t i = 0; i < length; i++)
        synth_printf(text, "%c", path[i] ? path[i] : '@');
}

/* Addresses of kernel memory aren't told. */
static bool put_socket(void *arg, const struct unix_socket_entry *socket)
{
    struct synth_text *text = arg;
    synth_printf(text, "%016x: %08X 00000000 %08X %04X %02X %5llu", 0, socket->references,
                 socket->listening ? ACCEPTCON : 0, (unsigned)socket->type, socket->state,
                 (unsigned long long)socket->ino);
    if (socket->name.length)
        put_name(text, &socket->name);
    synth_printf(text, "\n");
    return true;
}

oskit_error_t proc_show_net_unix(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "Num               RefCount Protocol Flags    Type St Inode Path\n");
    unix_socket_each(put_socket, text);
    return OSKIT_SUCCESS;
}
