/* ioctl requests of terminals become calls of the terminal's interfaces. */
#include "kernel/sys/terminal_requests.h"
#include <sluice/string.h>
#include "kernel/abi/fcntl.h"
#include "kernel/abi/termios.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"

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

static long terminal_get(const struct terminal_line *line, long user)
{
    struct terminal_settings settings;
    struct abi_termios out;
    oskit_error_t error = line->terminal->ops->getsettings(line->terminal, &settings);
    if (error)
        return errno_from_oskit(error);
    termios_from(&out, &settings);
    return put_user(user, &out, sizeof out);
}

static long terminal_get2(const struct terminal_line *line, long user)
{
    struct terminal_settings settings;
    struct abi_termios one;
    struct abi_termios2 out = {0};
    oskit_error_t error = line->terminal->ops->getsettings(line->terminal, &settings);
    if (error)
        return errno_from_oskit(error);
    termios_from(&one, &settings);
    memcpy(&out, &one, sizeof one);
    out.c_ispeed = settings.ispeed;
    out.c_ospeed = settings.ospeed;
    return put_user(user, &out, sizeof out);
}

struct settings_change {
    const struct terminal_line *line;
    enum terminal_when when;
    struct terminal_settings settings;
};

static oskit_error_t settings_try(void *arg)
{
    struct settings_change *change = arg;
    return change->line->terminal->ops->setsettings(change->line->terminal, change->when,
                                                    &change->settings);
}

static long wait_result(oskit_error_t error)
{
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

static long terminal_apply(struct settings_change *change)
{
    return wait_result(wait_loop(change->line->readiness, READY_DRAINED, false, ENV_FOREVER,
                                 settings_try, change));
}

static long terminal_set(const struct terminal_line *line, enum terminal_when when, long user)
{
    struct settings_change change = {.line = line, .when = when};
    struct abi_termios in;
    if (get_user(&in, user, sizeof in))
        return -ABI_EFAULT;
    oskit_error_t error = line->terminal->ops->getsettings(line->terminal, &change.settings);
    if (error)
        return errno_from_oskit(error);
    termios_to(&change.settings, &in);
    return terminal_apply(&change);
}

static long terminal_set2(const struct terminal_line *line, enum terminal_when when, long user)
{
    struct settings_change change = {.line = line, .when = when};
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

/* The structure of System V: the low halves of the flags, eight control characters. */
static long terminal_get_old(const struct terminal_line *line, long user)
{
    struct terminal_settings settings;
    oskit_error_t error = line->terminal->ops->getsettings(line->terminal, &settings);
    if (error)
        return errno_from_oskit(error);
    struct abi_termio out = {(uint16_t)settings.iflag,
                             (uint16_t)settings.oflag,
                             (uint16_t)settings.cflag,
                             (uint16_t)settings.lflag,
                             settings.line,
                             {0}};
    memcpy(out.c_cc, settings.cc, sizeof out.c_cc);
    return put_user(user, &out, sizeof out);
}

static uint32_t with_low_half(uint32_t old, uint16_t low)
{
    return (old & 0xffff0000u) | low;
}

static long terminal_set_old(const struct terminal_line *line, enum terminal_when when, long user)
{
    struct settings_change change = {.line = line, .when = when};
    struct terminal_settings *settings = &change.settings;
    struct abi_termio in;
    if (get_user(&in, user, sizeof in))
        return -ABI_EFAULT;
    oskit_error_t error = line->terminal->ops->getsettings(line->terminal, settings);
    if (error)
        return errno_from_oskit(error);
    settings->iflag = with_low_half(settings->iflag, in.c_iflag);
    settings->oflag = with_low_half(settings->oflag, in.c_oflag);
    settings->cflag = with_low_half(settings->cflag, in.c_cflag);
    settings->lflag = with_low_half(settings->lflag, in.c_lflag);
    settings->line = in.c_line;
    memcpy(settings->cc, in.c_cc, sizeof in.c_cc);
    return terminal_apply(&change);
}

/* ---- Size ---- */

static long terminal_get_size(const struct terminal_line *line, long user)
{
    struct terminal_size size;
    oskit_error_t error = line->terminal->ops->getsize(line->terminal, &size);
    if (error)
        return errno_from_oskit(error);
    struct abi_winsize out = {size.rows, size.columns, size.xpixels, size.ypixels};
    return put_user(user, &out, sizeof out);
}

static long terminal_set_size(const struct terminal_line *line, long user)
{
    struct abi_winsize in;
    if (get_user(&in, user, sizeof in))
        return -ABI_EFAULT;
    struct terminal_size size = {in.ws_row, in.ws_col, in.ws_xpixel, in.ws_ypixel};
    return errno_from_oskit(line->terminal->ops->setsize(line->terminal, &size));
}

/* ---- Sessions and groups ---- */

static bool is_controlling(const struct terminal_line *line)
{
    oskit_pid_t sid = 0;
    return !oskit_ttystream_getsid(line->tty, &sid) && sid && sid == session_of(0);
}

/* Only the caller's controlling terminal tells its group and session; a master asks about others'.
 */
static long terminal_get_group(const struct terminal_line *line, long user)
{
    oskit_pid_t group = 0;
    if (!line->through_master && !is_controlling(line))
        return -ABI_ENOTTY;
    oskit_ttystream_getpgrp(line->tty, &group); /* without a session there is none: 0 */
    return put_user(user, &group, sizeof group);
}

static long terminal_get_session(const struct terminal_line *line, long user)
{
    oskit_pid_t sid = 0;
    if (!line->through_master && !is_controlling(line))
        return -ABI_ENOTTY;
    oskit_error_t error = oskit_ttystream_getsid(line->tty, &sid);
    return error ? errno_from_oskit(error) : put_user(user, &sid, sizeof sid);
}

static long terminal_set_group(const struct terminal_line *line, long user)
{
    int32_t pgid;
    oskit_pid_t sid = 0, foreground = 0;
    if (get_user(&pgid, user, sizeof pgid))
        return -ABI_EFAULT;
    if (!is_controlling(line))
        return -ABI_ENOTTY;
    oskit_ttystream_getsid(line->tty, &sid);
    oskit_ttystream_getpgrp(line->tty, &foreground);
    oskit_error_t error = env_job_check(sid, foreground, ABI_SIGTTOU);
    if (error)
        return wait_result(error);
    return session_set_foreground(line->object, pgid);
}

/* ---- Output ---- */

static oskit_error_t drain_try(void *arg)
{
    const struct terminal_line *line = arg;
    return oskit_ttystream_drain(line->tty);
}

static long terminal_drain(const struct terminal_line *line)
{
    return wait_result(
        wait_loop(line->readiness, READY_DRAINED, false, ENV_FOREVER, drain_try, (void *)line));
}

/* TCSBRK: zero sends a break, other values wait for the output (what tcdrain uses). */
static long terminal_break(const struct terminal_line *line, long argument, bool posix)
{
    long error = terminal_drain(line);
    if (error || (!posix && argument))
        return error;
    return wait_result(
        oskit_ttystream_sendbreak(line->tty, posix ? (oskit_u32_t)argument * 100 : 0));
}

static long terminal_pending(const struct terminal_line *line, long user)
{
    oskit_u32_t count;
    oskit_error_t error = line->terminal->ops->pending_output(line->terminal, &count);
    return error ? errno_from_oskit(error) : put_user(user, &count, sizeof count);
}

static long terminal_flush(const struct terminal_line *line, long argument)
{
    static const int queues[] = {OSKIT_TCIFLUSH, OSKIT_TCOFLUSH, OSKIT_TCIOFLUSH};
    if (argument < 0 || argument > ABI_TCIOFLUSH)
        return -ABI_EINVAL;
    return errno_from_oskit(oskit_ttystream_flush(line->tty, queues[argument]));
}

static long terminal_flow(const struct terminal_line *line, long argument)
{
    static const int actions[] = {OSKIT_TCOOFF, OSKIT_TCOON, OSKIT_TCIOFF, OSKIT_TCION};
    if (argument < 0 || argument > ABI_TCION)
        return -ABI_EINVAL;
    return errno_from_oskit(oskit_ttystream_flow(line->tty, actions[argument]));
}

static long terminal_device(const struct terminal_line *line, long user)
{
    oskit_u32_t rdev;
    oskit_error_t error = line->terminal->ops->device(line->terminal, &rdev);
    return error ? errno_from_oskit(error) : put_user(user, &rdev, sizeof rdev);
}

/* ---- Exclusive use, modem lines, the line itself ---- */

static long terminal_get_exclusive(const struct terminal_line *line, long user)
{
    int32_t on = line->terminal->ops->exclusive(line->terminal);
    return put_user(user, &on, sizeof on);
}

static long terminal_set_exclusive(const struct terminal_line *line, bool on)
{
    return errno_from_oskit(line->terminal->ops->setexclusive(line->terminal, on));
}

static long terminal_get_modem(const struct terminal_line *line, long user)
{
    oskit_u32_t lines;
    oskit_error_t error = line->terminal->ops->modem(line->terminal, 0, 0, &lines);
    return error ? errno_from_oskit(error) : put_user(user, &lines, sizeof lines);
}

static long terminal_set_modem(const struct terminal_line *line, uint32_t command, long user)
{
    oskit_u32_t asked, lines, ours = TERM_MODEM_DTR | TERM_MODEM_RTS;
    oskit_error_t error = line->terminal->ops->modem(line->terminal, 0, 0, &lines);
    if (error)
        return errno_from_oskit(error);
    if (get_user(&asked, user, sizeof asked))
        return -ABI_EFAULT;
    oskit_u32_t set = command == ABI_TIOCMBIC ? 0 : asked & ours;
    oskit_u32_t clear = command == ABI_TIOCMBIC   ? asked & ours
                        : command == ABI_TIOCMSET ? ~asked & ours
                                                  : 0;
    return errno_from_oskit(line->terminal->ops->modem(line->terminal, set, clear, &lines));
}

static long terminal_get_discipline(long user)
{
    int32_t plain = 0; /* N_TTY */
    return put_user(user, &plain, sizeof plain);
}

static long terminal_set_discipline(long user)
{
    int32_t number;
    if (get_user(&number, user, sizeof number))
        return -ABI_EFAULT;
    return number ? -ABI_EINVAL : 0;
}

static long terminal_hang_up(const struct terminal_line *line)
{
    if (!process_capable(CAPABILITY_SYS_ADMIN))
        return -ABI_EPERM;
    return errno_from_oskit(line->terminal->ops->hangup(line->terminal));
}

static long terminal_request(const struct terminal_line *line, uint32_t command, long argument)
{
    switch (command) {
    case ABI_TCGETS:
        return terminal_get(line, argument);
    case ABI_TCSETS:
        return terminal_set(line, TERMINAL_NOW, argument);
    case ABI_TCSETSW:
        return terminal_set(line, TERMINAL_DRAIN, argument);
    case ABI_TCSETSF:
        return terminal_set(line, TERMINAL_FLUSH, argument);
    case ABI_TCGETS2:
        return terminal_get2(line, argument);
    case ABI_TCSETS2:
        return terminal_set2(line, TERMINAL_NOW, argument);
    case ABI_TCSETSW2:
        return terminal_set2(line, TERMINAL_DRAIN, argument);
    case ABI_TCSETSF2:
        return terminal_set2(line, TERMINAL_FLUSH, argument);
    case ABI_TIOCGWINSZ:
        return terminal_get_size(line, argument);
    case ABI_TIOCSWINSZ:
        return terminal_set_size(line, argument);
    case ABI_TIOCGPGRP:
        return terminal_get_group(line, argument);
    case ABI_TIOCGSID:
        return terminal_get_session(line, argument);
    case ABI_TIOCSPGRP:
        return terminal_set_group(line, argument);
    case ABI_TIOCSCTTY:
        return session_take_terminal(line->object, argument == 1);
    case ABI_TIOCNOTTY:
        return session_leave_terminal(line->object);
    case ABI_TCSBRK:
        return terminal_break(line, argument, false);
    case ABI_TCSBRKP:
        return terminal_break(line, argument, true);
    case ABI_TCXONC:
        return terminal_flow(line, argument);
    case ABI_TCFLSH:
        return terminal_flush(line, argument);
    case ABI_TIOCOUTQ:
        return terminal_pending(line, argument);
    case ABI_TIOCGDEV:
        return terminal_device(line, argument);
    case ABI_TCGETA:
        return terminal_get_old(line, argument);
    case ABI_TCSETA:
        return terminal_set_old(line, TERMINAL_NOW, argument);
    case ABI_TCSETAW:
        return terminal_set_old(line, TERMINAL_DRAIN, argument);
    case ABI_TCSETAF:
        return terminal_set_old(line, TERMINAL_FLUSH, argument);
    case ABI_TIOCEXCL:
    case ABI_TIOCNXCL:
        return terminal_set_exclusive(line, command == ABI_TIOCEXCL);
    case ABI_TIOCGEXCL:
        return terminal_get_exclusive(line, argument);
    case ABI_TIOCMGET:
        return terminal_get_modem(line, argument);
    case ABI_TIOCMSET:
    case ABI_TIOCMBIS:
    case ABI_TIOCMBIC:
        return terminal_set_modem(line, command, argument);
    case ABI_TIOCSBRK:
    case ABI_TIOCCBRK:
        return wait_result(line->terminal->ops->setbreak(line->terminal, command == ABI_TIOCSBRK));
    case ABI_TIOCGETD:
        return terminal_get_discipline(argument);
    case ABI_TIOCSETD:
        return terminal_set_discipline(argument);
    case ABI_TIOCVHANGUP:
        return terminal_hang_up(line);
    case ABI_TIOCSTI:
        return -ABI_EIO; /* pushing input is how one user types for another: refused, as Linux does
                            when told to */
    default:
        return -ABI_ENOTTY;
    }
}

/* Of a terminal that was hung up nothing can be asked. */
long terminal_ioctl(const struct terminal_line *line, uint32_t command, long argument)
{
    if (line->terminal->ops->hungup(line->terminal))
        return command == ABI_TIOCSPGRP ? -ABI_ENOTTY : -ABI_EIO;
    return terminal_request(line, command, argument);
}
