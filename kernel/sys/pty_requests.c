/* ioctl requests of a pseudo-terminal's master: its own, and those of the terminal behind it. */
#include <sluice/object.h>
#include <sluice/pty.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/signal.h"
#include "kernel/abi/termios.h"
#include "kernel/log.h"
#include "kernel/sys/sys.h"
#include "kernel/sys/terminal_requests.h"

static long put_number(long user, int32_t value)
{
    return put_user(user, &value, sizeof value);
}

static long set_flag(sluice_pty_t *pty, void (*set)(sluice_pty_t *self, bool on), long user)
{
    int32_t on;
    if (get_user(&on, user, sizeof on))
        return -ABI_EFAULT;
    set(pty, on);
    return 0;
}

/* TIOCSIG: the signals that keys can send. */
static long send_signal(const struct terminal_line *line, long signal)
{
    oskit_pid_t group = 0;
    if (signal != ABI_SIGINT && signal != ABI_SIGQUIT && signal != ABI_SIGTSTP)
        return -ABI_EINVAL;
    if (!oskit_ttystream_getpgrp(line->tty, &group) && group)
        env_signal_group(group, (int)signal);
    return 0;
}

/* ---- The terminal without its name ---- */

/* The node of the terminal, if nobody has put something else in its place: gives the descriptor a
 * name in /proc. */
static bool find_node(sluice_pty_t *pty, struct location *out)
{
    struct location root;
    char path[24];
    format_text(path, sizeof path, "/dev/pts/%u", pty->ops->number(pty));
    namespace_root(root_namespace, &root);
    struct walk walk = {root_namespace, &root, &root};
    oskit_error_t error = namespace_lookup(&walk, path, 0, out);
    location_release(&root);
    return !error;
}

static struct openfile *open_peer_file(sluice_pty_t *pty, oskit_iunknown_t *terminal, long flags)
{
    struct location node;
    uint32_t kept = (uint32_t)flags & (ABI_O_ACCMODE | ABI_O_NONBLOCK);
    if (!find_node(pty, &node))
        return openfile_create(terminal, NULL, kept);
    struct openfile *file = openfile_create(terminal, &node, kept);
    location_release(&node);
    return file;
}

static long open_peer(sluice_pty_t *pty, long flags)
{
    oskit_iunknown_t *terminal;
    oskit_error_t error = pty->ops->open(pty, &terminal);
    if (error)
        return errno_from_oskit(error);
    struct openfile *file = open_peer_file(pty, terminal, flags);
    if (!file)
        return -ABI_ENOMEM;
    if (!(flags & ABI_O_NOCTTY))
        session_terminal_opened(file->object);
    return descriptor_install(file, flags & ABI_O_CLOEXEC);
}

/* ---- What is asked of the terminal through its master ---- */

/* What would wait for, hold up or drop the terminal's output: of its bytes those count that the
 * master has not read. */
static long output_request(sluice_pty_t *pty, uint32_t command, long argument)
{
    switch (command) {
    case ABI_TCFLSH:
        if (argument < 0 || argument > ABI_TCIOFLUSH)
            return -ABI_EINVAL;
        if (argument != ABI_TCOFLUSH)
            pty->ops->discard(pty);
        return 0;
    case ABI_TCXONC:
        return argument < 0 || argument > ABI_TCION ? -ABI_EINVAL : 0;
    case ABI_TIOCOUTQ:
        return put_number(argument, 0);
    default:
        return 0;
    }
}

static long line_request(sluice_pty_t *pty, uint32_t command, long argument)
{
    struct terminal_line line = {.through_master = true};
    oskit_error_t error = pty->ops->terminal(pty, &line.object);
    if (error)
        return errno_from_oskit(error);
    line.terminal = sluice_query_face(line.object, &sluice_terminal_iid);
    line.tty = sluice_query_face(line.object, &oskit_ttystream_iid);
    sluice_pollable_t *pollable = sluice_query_face(line.object, &sluice_pollable_iid);
    line.readiness = pollable->ops->readiness(pollable);
    long result = command == ABI_TIOCSIG ? send_signal(&line, argument)
                                         : terminal_ioctl(&line, command, argument);
    oskit_iunknown_release((oskit_iunknown_t *)pollable);
    oskit_ttystream_release(line.tty);
    oskit_iunknown_release((oskit_iunknown_t *)line.terminal);
    oskit_iunknown_release(line.object);
    return result;
}

static long master_ioctl(sluice_pty_t *pty, uint32_t command, long argument)
{
    switch (command) {
    case ABI_TIOCGPTN:
        return put_number(argument, (int32_t)pty->ops->number(pty));
    case ABI_TIOCSPTLCK:
        return set_flag(pty, pty->ops->setlock, argument);
    case ABI_TIOCGPTLCK:
        return put_number(argument, pty->ops->locked(pty));
    case ABI_TIOCPKT:
        return set_flag(pty, pty->ops->setpacket, argument);
    case ABI_TIOCGPKT:
        return put_number(argument, pty->ops->packet(pty));
    case ABI_TIOCGPTPEER:
        return open_peer(pty, argument);
    case ABI_TIOCNOTTY:
    case ABI_TIOCVHANGUP:
        return -ABI_ENOTTY; /* a master controls nobody, and is closed rather than hung up */
    case ABI_TCFLSH:
    case ABI_TCXONC:
    case ABI_TIOCOUTQ:
    case ABI_TCSBRK:
    case ABI_TCSBRKP:
        return output_request(pty, command, argument);
    default:
        return line_request(pty, command, argument);
    }
}

long pty_ioctl(struct openfile *file, uint32_t command, long argument)
{
    sluice_pty_t *pty = sluice_query_face(file->object, &sluice_pty_iid);
    if (!pty)
        return -ABI_ENOTTY;
    long result = master_ioctl(pty, command, argument);
    oskit_iunknown_release((oskit_iunknown_t *)pty);
    return result;
}
