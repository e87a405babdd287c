/* The controlling terminal as a program sees it: settings, foreground and background, input typed
 * by TIOCSTI. */
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <termios.h>

static struct termios saved;

static void need_terminal(void)
{
    if (!isatty(STDIN_FILENO) && dup2(open("/dev/tty", O_RDWR), STDIN_FILENO) < 0)
        SKIP("there is no terminal");
    CHECK(tcgetattr(STDIN_FILENO, &saved) == 0);
}

/* Every test ends with this, so that the next one and the output of this program find the terminal
 * as it was. */
static void restore(void)
{
    tcflush(STDIN_FILENO, TCIFLUSH);
    CHECK(tcsetattr(STDIN_FILENO, TCSANOW, &saved) == 0);
}

static void set_mode(tcflag_t local, int minimum, int tenths)
{
    struct termios mode = saved;

    mode.c_lflag = local;
    mode.c_iflag = ICRNL;
    mode.c_cc[VMIN] = (cc_t)minimum;
    mode.c_cc[VTIME] = (cc_t)tenths;
    CHECK(tcsetattr(STDIN_FILENO, TCSAFLUSH, &mode) == 0);
}

/* As if typed. */
static void type(const char *text)
{
    for (; *text; text++)
        if (ioctl(STDIN_FILENO, TIOCSTI, text) < 0) {
            int error = errno;
            restore();
            if (error == EIO || error == EPERM || error == EINVAL || error == ENOTTY)
                SKIP("no TIOCSTI");
            FAIL("TIOCSTI: %s", strerror(error));
        }
}

/* Before a test whose reading waits for what another process types. */
static void need_typing(void)
{
    set_mode(0, 1, 0);
    type("x");
    tcflush(STDIN_FILENO, TCIFLUSH);
}

static void check_read(const char *wanted)
{
    char text[64] = "";
    long n = read(STDIN_FILENO, text, sizeof(text) - 1);

    if (n < 0 || strcmp(text, wanted)) {
        restore();
        FAIL("read %ld bytes, \"%s\", not \"%s\"", n, text, wanted);
    }
}

static void reset_signals(void)
{
    signal(SIGTTOU, SIG_DFL);
    signal(SIGTTIN, SIG_DFL);
}

/* A child in a background group; waits until its block stops it or is over. The value is the wait
 * status. */
#define IN_BACKGROUND(...)                                                     \
    ({                                                                         \
        int ktap_status;                                                       \
        pid_t ktap_child = CHILD(setpgid(0, 0); reset_signals(); __VA_ARGS__); \
        setpgid(ktap_child, ktap_child);                                       \
        CHECK_EQUAL(waitpid(ktap_child, &ktap_status, WUNTRACED), ktap_child); \
        if (WIFSTOPPED(ktap_status)) {                                         \
            kill(ktap_child, SIGKILL);                                         \
            waitpid(ktap_child, NULL, 0);                                      \
        }                                                                      \
        ktap_status;                                                           \
    })

TEST(what_it_is, "the terminal is one, other files are not")
{
    struct termios settings;
    struct stat st;
    int ends[2];

    need_terminal();
    CHECK(fstat(STDIN_FILENO, &st) == 0 && S_ISCHR(st.st_mode));
    CHECK(pipe(ends) == 0);
    CHECK_ERROR(tcgetattr(ends[0], &settings), ENOTTY);
    CHECK(!isatty(ends[0]) && errno == ENOTTY);
    CHECK_ERROR(tcgetattr(open("/dev/null", O_RDWR), &settings), ENOTTY);
    CHECK_ERROR(ioctl(STDIN_FILENO, 0x5499, 0), ENOTTY);
    int fd = open("/dev/tty", O_RDWR);
    CHECK(fd >= 0 && tcgetattr(fd, &settings) == 0 && settings.c_cflag == saved.c_cflag);
    CHECK_EQUAL(tcgetsid(fd), getsid(0));
    CHECK_ERROR(lseek(STDIN_FILENO, 0, SEEK_CUR), ESPIPE);
}

TEST(settings, "settings are kept, all of them")
{
    struct termios mode, got;

    need_terminal();
    mode = saved;
    mode.c_iflag = IXON | ICRNL | IUTF8;
    mode.c_oflag = OPOST | ONLCR | TAB3;
    mode.c_lflag = ISIG | IEXTEN | ECHOCTL;
    for (int n = 0; n < NCCS; n++)
        if (n != VMIN && n != VTIME)
            mode.c_cc[n] = (cc_t)(n + 100);
    mode.c_cc[VMIN] = 3;
    mode.c_cc[VTIME] = 4;
    CHECK(tcsetattr(STDIN_FILENO, TCSADRAIN, &mode) == 0);
    int error = tcgetattr(STDIN_FILENO, &got);
    restore();
    CHECK(error == 0);
    CHECK(got.c_iflag == mode.c_iflag && got.c_oflag == mode.c_oflag &&
          got.c_lflag == mode.c_lflag);
    CHECK(!memcmp(got.c_cc, mode.c_cc, VEOL2 + 1));
    CHECK_ERROR(tcflush(STDIN_FILENO, 99), EINVAL);
    CHECK_ERROR(tcflow(STDIN_FILENO, 99), EINVAL);
    CHECK(tcdrain(STDIN_FILENO) == 0);
}

static volatile sig_atomic_t count;

static void note(int sig)
{
    (void)sig;
    count++;
}

TEST(window, "the window's size is kept, and a change is told by SIGWINCH")
{
    struct winsize old, new = {40, 132, 0, 0}, got;

    need_terminal();
    signal(SIGWINCH, note);
    CHECK(ioctl(STDIN_FILENO, TIOCGWINSZ, &old) == 0);
    if (old.ws_row == 40)
        new.ws_row = 41;
    CHECK(ioctl(STDIN_FILENO, TIOCSWINSZ, &new) == 0);
    CHECK(ioctl(STDIN_FILENO, TIOCGWINSZ, &got) == 0 && !memcmp(&new, &got, sizeof(new)));
    CHECK_EQUAL(count, 1);
    CHECK(ioctl(STDIN_FILENO, TIOCSWINSZ, &new) == 0);
    CHECK_EQUAL(count, 1); /* nothing changed */
    CHECK(ioctl(STDIN_FILENO, TIOCSWINSZ, &old) == 0);
}

TEST(foreground, "the foreground group is known, and can be changed within the session")
{
    pid_t own = getpgrp();

    need_terminal();
    CHECK_EQUAL(tcgetpgrp(STDIN_FILENO), own);
    CHECK_EQUAL(tcgetsid(STDIN_FILENO), getsid(0));
    signal(SIGTTOU, SIG_IGN);
    pid_t pid = CHILD(setpgid(0, 0); pause());
    setpgid(pid, pid);
    CHECK(tcsetpgrp(STDIN_FILENO, pid) == 0);
    CHECK_EQUAL(tcgetpgrp(STDIN_FILENO), pid);
    CHECK(tcsetpgrp(STDIN_FILENO, own) == 0);
    CHECK_ERROR(tcsetpgrp(STDIN_FILENO, 999999), ESRCH);
    CHECK_ERROR(tcsetpgrp(STDIN_FILENO, -1), EINVAL);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
}

TEST(other_sessions, "a process of another session has no such terminal")
{
    need_terminal();
    CHECK_CHILD(CHILD({
        CHECK(setsid() > 0);
        CHECK_ERROR(tcgetpgrp(STDIN_FILENO), ENOTTY);
        CHECK_ERROR(tcsetpgrp(STDIN_FILENO, getpgrp()), ENOTTY);
        CHECK_ERROR(open("/dev/tty", O_RDWR), ENXIO);
        CHECK(isatty(STDIN_FILENO));
    }));
}

TEST(background_reading,
     "reading in the background stops with SIGTTIN, or is EIO when that can't stop it")
{
    char c;

    need_terminal();
    int status = IN_BACKGROUND(read(STDIN_FILENO, &c, 1));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTIN);
    CHECK_EQUAL(
        IN_BACKGROUND(signal(SIGTTIN, SIG_IGN); CHECK_ERROR(read(STDIN_FILENO, &c, 1), EIO)), 0);
    CHECK_EQUAL(IN_BACKGROUND({
                    sigset_t set;
                    sigemptyset(&set);
                    sigaddset(&set, SIGTTIN);
                    sigprocmask(SIG_BLOCK, &set, NULL);
                    CHECK_ERROR(read(STDIN_FILENO, &c, 1), EIO);
                }),
                0);
}

TEST(background_writing, "writing in the background stops with SIGTTOU if TOSTOP says so")
{
    struct termios mode;

    need_terminal();
    CHECK_EQUAL(IN_BACKGROUND(CHECK_EQUAL(write(STDIN_FILENO, "", 0), 0)), 0);
    mode = saved;
    mode.c_lflag |= TOSTOP;
    CHECK(tcsetattr(STDIN_FILENO, TCSANOW, &mode) == 0);
    int stopped = IN_BACKGROUND(write(STDIN_FILENO, "x", 1));
    int ignored =
        IN_BACKGROUND(signal(SIGTTOU, SIG_IGN); CHECK_EQUAL(write(STDIN_FILENO, "", 0), 0));
    restore();
    CHECK(WIFSTOPPED(stopped) && WSTOPSIG(stopped) == SIGTTOU);
    CHECK_EQUAL(ignored, 0);
}

TEST(background_changes, "changing the terminal in the background stops with SIGTTOU")
{
    need_terminal();
    int status = IN_BACKGROUND(tcsetattr(STDIN_FILENO, TCSANOW, &saved));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    status = IN_BACKGROUND(tcsetpgrp(STDIN_FILENO, getpgrp()));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    status = IN_BACKGROUND(tcflush(STDIN_FILENO, TCIFLUSH));
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTTOU);
    CHECK_EQUAL(IN_BACKGROUND(signal(SIGTTOU, SIG_IGN);
                              CHECK(tcsetattr(STDIN_FILENO, TCSANOW, &saved) == 0)),
                0);
    CHECK_EQUAL(IN_BACKGROUND(CHECK(tcgetattr(STDIN_FILENO, &saved) == 0)), 0);
}

TEST(orphaned_group, "an orphaned background group reads EIO and isn't stopped")
{
    int ends[2];
    char result = 0, c;

    need_terminal();
    CHECK(pipe(ends) == 0);
    CHECK_CHILD(CHILD({
        setpgid(0, 0);
        pid_t parent = getpid();
        CHILD({
            while (getppid() == parent)
                ktap_sleep(1);
            reset_signals();
            errno = 0;
            c = read(STDIN_FILENO, &c, 1) == -1 && errno == EIO ? 'y' : 'n';
            write(ends[1], &c, 1);
        });
    }));
    CHECK_EQUAL(read(ends[0], &result, 1), 1);
    CHECK_EQUAL(result, 'y');
}

TEST(no_input, "without input: EAGAIN, 0 at once, or 0 after VTIME")
{
    char c;
    int flags;

    need_terminal();
    set_mode(0, 1, 0);
    flags = fcntl(STDIN_FILENO, F_GETFL);
    CHECK(fcntl(STDIN_FILENO, F_SETFL, flags | O_NONBLOCK) == 0);
    while (read(STDIN_FILENO, &c, 1) == 1)
        continue;
    int error = errno;
    fcntl(STDIN_FILENO, F_SETFL, flags);
    set_mode(0, 0, 0);
    long at_once = read(STDIN_FILENO, &c, 1);
    set_mode(0, 0, 2);
    long begin = ktap_now(), later = read(STDIN_FILENO, &c, 1), waited = ktap_now() - begin;
    struct pollfd entry = {STDIN_FILENO, POLLIN | POLLOUT, 0};
    int ready = poll(&entry, 1, 0);
    restore();
    CHECK_EQUAL(error, EAGAIN);
    CHECK_EQUAL(at_once, 0);
    CHECK_EQUAL(later, 0);
    CHECK(waited >= 190 && waited < 3000);
    CHECK(ready == 1 && entry.revents == POLLOUT);
}

/* ---- typed input ---- */

TEST(typed_raw, "raw input is read byte by byte, as many as VMIN asks for")
{
    need_terminal();
    set_mode(0, 1, 0);
    type("a");
    check_read("a");
    set_mode(0, 3, 0);
    type("xyz");
    check_read("xyz");
    restore();
}

TEST(typed_lines, "canonical input comes line by line, after editing")
{
    struct pollfd entry = {STDIN_FILENO, POLLIN, 0};
    int waiting;

    need_terminal();
    set_mode(ICANON | ECHOK, 1, 0);
    type("ab");
    CHECK_EQUAL(poll(&entry, 1, 50), 0);
    type("\177c\r");
    CHECK_EQUAL(poll(&entry, 1, 1000), 1);
    CHECK(ioctl(STDIN_FILENO, FIONREAD, &waiting) == 0);
    check_read("ac\n");
    CHECK_EQUAL(waiting, 3);
    type("gone\025kept\n");
    check_read("kept\n");
    type("one\ntwo\n");
    check_read("one\n");
    check_read("two\n");
    type("part\004");
    check_read("part");
    type("\004");
    check_read("");
    restore();
}

TEST(short_reads, "a line is read in pieces when the buffer is small")
{
    char text[3] = "";

    need_terminal();
    set_mode(ICANON, 1, 0);
    type("abcd\n");
    CHECK_EQUAL(read(STDIN_FILENO, text, 2), 2);
    CHECK_STRING(text, "ab");
    check_read("cd\n");
    restore();
}

TEST(typed_signals,
     "^C, ^\\ and ^Z are signals to the foreground group when ISIG is set, bytes when not")
{
    need_terminal();
    signal(SIGINT, note);
    signal(SIGQUIT, note);
    set_mode(ISIG, 1, 0); /* without ICANON: the two are independent */
    type("\003");
    type("\034");
    CHECK_EQUAL(count, 2);
    signal(SIGTTOU, SIG_IGN);
    pid_t own = getpgrp(), pid = CHILD(setpgid(0, 0); for (;;) pause());
    int status;
    setpgid(pid, pid);
    CHECK(tcsetpgrp(STDIN_FILENO, pid) == 0);
    type("\032");
    CHECK_EQUAL(waitpid(pid, &status, WUNTRACED), pid);
    tcsetpgrp(STDIN_FILENO, own);
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    CHECK(WIFSTOPPED(status) && WSTOPSIG(status) == SIGTSTP);
    set_mode(0, 1, 0);
    type("\003\032");
    check_read("\003\032");
    CHECK_EQUAL(count, 2);
    restore();
}

TEST(typed_signal_flushes, "a signal key throws away what was typed, unless NOFLSH")
{
    need_terminal();
    signal(SIGINT, note);
    set_mode(ISIG | ICANON, 1, 0);
    type("lost\003kept\n");
    check_read("kept\n");
    set_mode(ISIG | ICANON | NOFLSH, 1, 0);
    type("not \003lost\n");
    check_read("not lost\n");
    CHECK_EQUAL(count, 2);
    restore();
}

TEST(interrupted_by_key, "^C ends a waiting read with EINTR")
{
    struct sigaction action = {.sa_handler = note};
    char c;

    need_terminal();
    sigaction(SIGINT, &action, NULL);
    need_typing();
    set_mode(ISIG | ICANON, 1, 0);
    pid_t pid = CHILD(ktap_await_asleep(getppid()); signal(SIGINT, SIG_IGN); type("\003"));
    long n = read(STDIN_FILENO, &c, 1);
    int error = errno;
    restore();
    CHECK_CHILD(pid);
    CHECK(n == -1 && error == EINTR && count == 1);
}
