/* ioctl: terminals' requests become calls of the terminal's interfaces; the few that any descriptor
 * takes are here too. */
#include <oskit/io/ttystream.h>
#include <sluice/string.h>
#include <sluice/terminal.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/termios.h"
#include "kernel/cpu/clock.h"
#include "kernel/sys/sys.h"

/* ---- Settings ---- */

static void termios_from(struct abi_termios *out, const struct terminal_settings *in)
{
    *out = (struct abi_termios){in->iflag, in->oflag, in->cflag, in->lflag, in->line, {0}};
    memcpy(out->c_cc, in->cc, sizeof out->c_cc);
}

static void termios_to(struct terminal_settings *out, const struct abi_termios *in)
{
    out->iflag = in->c_iflag;
    out->oflag = in->c_oflag;
    out->cflag = in->c_cflag;
    out->lflag = in->c_lflag;
    out->line = in->c_line;
    memcpy(out->cc, in->c_cc, sizeof in->c_cc);
}

static long terminal_get(struct openfile *file, long user)
{
    struct terminal_settings settings;
    struct abi_termios out;
    oskit_error_t error = file->terminal->ops->getsettings(file->terminal, &settings);
    if (error)
        return errno_from_oskit(error);
    termios_from(&out, &settings);
    return put_user(user, &out, sizeof out);
}

static long terminal_get2(struct openfile *file, long user)
{
    struct terminal_settings settings;
    struct abi_termios one;
    struct abi_termios2 out = {0};
    oskit_error_t error = file->terminal->ops->getsettings(file->terminal, &settings);
    if (error)
        return errno_from_oskit(error);
    termios_from(&one, &settings);
    memcpy(&out, &one, sizeof one);
    out.c_ispeed = settings.ispeed;
    out.c_ospeed = settings.ospeed;
    return put_user(user, &out, sizeof out);
}

struct settings_change {
    struct openfile *file;
    enum terminal_when when;
    struct terminal_settings settings;
};

static oskit_error_t settings_try(void *arg)
{
    struct settings_change *change = arg;
    return change->file->terminal->ops->setsettings(change->file->terminal, change->when,
                                                    &change->settings);
}

static long wait_result(oskit_error_t error)
{
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

static long terminal_apply(struct settings_change *change)
{
    return wait_result(wait_loop(change->file->readiness, READY_DRAINED, false, ENV_FOREVER,
                                 settings_try, change));
}

static long terminal_set(struct openfile *file, enum terminal_when when, long user)
{
    struct settings_change change = {.file = file, .when = when};
    struct abi_termios in;
    if (get_user(&in, user, sizeof in))
        return -ABI_EFAULT;
    oskit_error_t error = file->terminal->ops->getsettings(file->terminal, &change.settings);
    if (error)
        return errno_from_oskit(error);
    termios_to(&change.settings, &in);
    return terminal_apply(&change);
}

static long terminal_set2(struct openfile *file, enum terminal_when when, long user)
{
    struct settings_change change = {.file = file, .when = when};
    struct abi_termios2 in;
    struct abi_termios one;
    if (get_user(&in, user, sizeof in))
        return -ABI_EFAULT;
    memcpy(&one, &in, sizeof one);
    termios_to(&change.settings, &one);
    change.settings.ispeed = in.c_ispeed;
    change.settings.ospeed = in.c_ospeed;
    return terminal_apply(&change);
}

/* ---- Size ---- */

static long terminal_get_size(struct openfile *file, long user)
{
    struct terminal_size size;
    oskit_error_t error = file->terminal->ops->getsize(file->terminal, &size);
    if (error)
        return errno_from_oskit(error);
    struct abi_winsize out = {size.rows, size.columns, size.xpixels, size.ypixels};
    return put_user(user, &out, sizeof out);
}

static long terminal_set_size(struct openfile *file, long user)
{
    struct abi_winsize in;
    if (get_user(&in, user, sizeof in))
        return -ABI_EFAULT;
    struct terminal_size size = {in.ws_row, in.ws_col, in.ws_xpixel, in.ws_ypixel};
    return errno_from_oskit(file->terminal->ops->setsize(file->terminal, &size));
}

/* ---- Sessions and groups ---- */

/* Only the caller's controlling terminal tells its group. */
static bool is_controlling(struct openfile *file)
{
    oskit_pid_t sid = 0;
    return !oskit_ttystream_getsid(file->tty, &sid) && sid && sid == session_of(0);
}

static long terminal_get_group(struct openfile *file, long user, bool session)
{
    oskit_pid_t number = 0;
    if (!is_controlling(file))
        return -ABI_ENOTTY;
    oskit_error_t error = session ? oskit_ttystream_getsid(file->tty, &number)
                                  : oskit_ttystream_getpgrp(file->tty, &number);
    return error ? errno_from_oskit(error) : put_user(user, &number, sizeof number);
}

static long terminal_set_group(struct openfile *file, long user)
{
    int32_t pgid;
    oskit_pid_t sid = 0, foreground = 0;
    if (get_user(&pgid, user, sizeof pgid))
        return -ABI_EFAULT;
    if (!is_controlling(file))
        return -ABI_ENOTTY;
    oskit_ttystream_getsid(file->tty, &sid);
    oskit_ttystream_getpgrp(file->tty, &foreground);
    oskit_error_t error = env_job_check(sid, foreground, ABI_SIGTTOU);
    if (error)
        return wait_result(error);
    return session_set_foreground(file->object, pgid);
}

/* ---- Output ---- */

static oskit_error_t drain_try(void *arg)
{
    struct openfile *file = arg;
    return oskit_ttystream_drain(file->tty);
}

static long terminal_drain(struct openfile *file)
{
    return wait_result(
        wait_loop(file->readiness, READY_DRAINED, false, ENV_FOREVER, drain_try, file));
}

/* TCSBRK: zero sends a break, other values wait for the output (what tcdrain uses). */
static long terminal_break(struct openfile *file, long argument, bool posix)
{
    long error = terminal_drain(file);
    if (error || (!posix && argument))
        return error;
    return wait_result(
        oskit_ttystream_sendbreak(file->tty, posix ? (oskit_u32_t)argument * 100 : 0));
}

static long terminal_pending(struct openfile *file, long user)
{
    oskit_u32_t count;
    oskit_error_t error = file->terminal->ops->pending_output(file->terminal, &count);
    return error ? errno_from_oskit(error) : put_user(user, &count, sizeof count);
}

static long terminal_flush(struct openfile *file, long argument)
{
    static const int queues[] = {OSKIT_TCIFLUSH, OSKIT_TCOFLUSH, OSKIT_TCIOFLUSH};
    if (argument < 0 || argument > ABI_TCIOFLUSH)
        return -ABI_EINVAL;
    return errno_from_oskit(oskit_ttystream_flush(file->tty, queues[argument]));
}

static long terminal_flow(struct openfile *file, long argument)
{
    static const int actions[] = {OSKIT_TCOOFF, OSKIT_TCOON, OSKIT_TCIOFF, OSKIT_TCION};
    if (argument < 0 || argument > ABI_TCION)
        return -ABI_EINVAL;
    return errno_from_oskit(oskit_ttystream_flow(file->tty, actions[argument]));
}

static long terminal_device(struct openfile *file, long user)
{
    oskit_u32_t rdev;
    oskit_error_t error = file->terminal->ops->device(file->terminal, &rdev);
    return error ? errno_from_oskit(error) : put_user(user, &rdev, sizeof rdev);
}

static long terminal_ioctl(struct openfile *file, uint32_t command, long argument)
{
    switch (command) {
    case ABI_TCGETS:
        return terminal_get(file, argument);
    case ABI_TCSETS:
        return terminal_set(file, TERMINAL_NOW, argument);
    case ABI_TCSETSW:
        return terminal_set(file, TERMINAL_DRAIN, argument);
    case ABI_TCSETSF:
        return terminal_set(file, TERMINAL_FLUSH, argument);
    case ABI_TCGETS2:
        return terminal_get2(file, argument);
    case ABI_TCSETS2:
        return terminal_set2(file, TERMINAL_NOW, argument);
    case ABI_TCSETSW2:
        return terminal_set2(file, TERMINAL_DRAIN, argument);
    case ABI_TCSETSF2:
        return terminal_set2(file, TERMINAL_FLUSH, argument);
    case ABI_TIOCGWINSZ:
        return terminal_get_size(file, argument);
    case ABI_TIOCSWINSZ:
        return terminal_set_size(file, argument);
    case ABI_TIOCGPGRP:
        return terminal_get_group(file, argument, false);
    case ABI_TIOCGSID:
        return terminal_get_group(file, argument, true);
    case ABI_TIOCSPGRP:
        return terminal_set_group(file, argument);
    case ABI_TIOCSCTTY:
        return session_take_terminal(file->object, argument == 1);
    case ABI_TIOCNOTTY:
        return session_leave_terminal(file->object);
    case ABI_TCSBRK:
        return terminal_break(file, argument, false);
    case ABI_TCSBRKP:
        return terminal_break(file, argument, true);
    case ABI_TCXONC:
        return terminal_flow(file, argument);
    case ABI_TCFLSH:
        return terminal_flush(file, argument);
    case ABI_TIOCOUTQ:
        return terminal_pending(file, argument);
    case ABI_TIOCGDEV:
        return terminal_device(file, argument);
    case ABI_TIOCSTI:
        return -ABI_EIO; /* pushing input is how one user types for another: refused, as Linux does
                            when told to */
    default:
        return -ABI_ENOTTY;
    }
}

/* ---- Any descriptor ---- */

static long file_readable_bytes(struct openfile *file, long user)
{
    if (!file->asyncio)
        return -ABI_ENOTTY;
    int32_t count = oskit_asyncio_readable(file->asyncio);
    return count < 0 ? errno_from_oskit(count) : put_user(user, &count, sizeof count);
}

static long regular_readable_bytes(struct openfile *file, long user)
{
    oskit_off_t size;
    oskit_error_t error = oskit_absio_getsize(file->absio, &size);
    if (error)
        return errno_from_oskit(error);
    int64_t left = size - file->offset;
    int32_t count = left < 0 ? 0 : left > INT32_MAX ? INT32_MAX : (int32_t)left;
    return put_user(user, &count, sizeof count);
}

static long file_set_flag(struct openfile *file, uint32_t flag, long user)
{
    int32_t on;
    if (get_user(&on, user, sizeof on))
        return -ABI_EFAULT;
    if (on)
        atomic_fetch_or(&file->flags, flag);
    else
        atomic_fetch_and(&file->flags, ~flag);
    return 0;
}

static long file_ioctl(struct openfile *file, uint32_t command, long argument)
{
    oskit_s32_t result = 0;
    switch (command) {
    case ABI_FIONBIO:
        return file_set_flag(file, ABI_O_NONBLOCK, argument);
    case ABI_FIONREAD:
        return file->absio && !file->asyncio ? regular_readable_bytes(file, argument)
                                             : file_readable_bytes(file, argument);
    }
    if (file->terminal && file->tty)
        return terminal_ioctl(file, command, argument);
    if (!file->control)
        return -ABI_ENOTTY;
    oskit_error_t error =
        file->control->ops->ioctl(file->control, command, (oskit_u64_t)argument, &result);
    return error ? errno_from_oskit(error) : result;
}

long sys_ioctl(long number, long command, long argument)
{
    struct fd fd = fd_get((int)number);
    if (!fd.file)
        return -ABI_EBADF;
    long result =
        command == ABI_FIOCLEX || command == ABI_FIONCLEX
            ? fdtab_set_cloexec(current_process()->fds, (int)number, command == ABI_FIOCLEX)
            : file_ioctl(fd.file, (uint32_t)command, argument);
    fd_put(fd);
    return result;
}
