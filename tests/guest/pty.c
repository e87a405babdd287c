/* Pseudo-terminals, and what else of terminals needs one to be seen: sessions, jobs, hangups. */
#include "ktap.h"

#include <fcntl.h>
#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <sys/sysmacros.h>
#include <termios.h>
#include <utmp.h>

static int master, terminal = -1;
static char name[64];

static void make_master(void)
{
    CHECK((master = posix_openpt(O_RDWR | O_NOCTTY)) >= 0);
    CHECK(ptsname_r(master, name, sizeof(name)) == 0);
}

static void make_pair(void)
{
    make_master();
    CHECK(grantpt(master) == 0 && unlockpt(master) == 0);
    CHECK((terminal = open(name, O_RDWR | O_NOCTTY)) >= 0);
}

static void set_nonblocking(int fd)
{
    CHECK(fcntl(fd, F_SETFL, O_RDWR | O_NONBLOCK) == 0);
}

static void make_raw(void)
{
    struct termios settings;

    CHECK(tcgetattr(terminal, &settings) == 0);
    cfmakeraw(&settings);
    CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0);
}

static int events_of(int fd)
{
    struct pollfd p = {fd, POLLIN | POLLOUT | POLLPRI, 0};

    CHECK(poll(&p, 1, 0) >= 0);
    return p.revents;
}

/* Waits until FD shows EVENTS: what is written to one side comes out of the other in its own time.
 */
static void wait_events(int fd, int events)
{
    struct pollfd p = {fd, (short)events, 0};

    CHECK(poll(&p, 1, 5000) == 1);
    CHECK(p.revents & events);
}

/* Reads until TEXT has come, and nothing else. */
static void expect_bytes(int fd, const char *text, size_t length)
{
    char got[512];
    size_t count = 0;

    while (count < length) {
        wait_events(fd, POLLIN);
        ssize_t n = read(fd, got + count, sizeof(got) - count);
        CHECK(n > 0);
        count += n;
    }
    if (count != length || memcmp(got, text, length))
        FAIL("read \"%.*s\", not \"%s\"", (int)count, got, text);
}

static void expect(int fd, const char *text)
{
    expect_bytes(fd, text, strlen(text));
}

static void type(const char *text)
{
    CHECK_EQUAL(write(master, text, strlen(text)), strlen(text));
}

/* A process waits for another's step by a pipe. */
static int steps[2];

static void step(void)
{
    CHECK(write(steps[1], "x", 1) == 1);
}

static void await_step(void)
{
    char c;

    CHECK(read(steps[0], &c, 1) == 1);
}

/* ---- The pair ---- */

TEST(pty_node, "the terminal's node belongs to the opener and goes with the master")
{
    struct stat st;
    unsigned number;

    make_master();
    CHECK(ioctl(master, TIOCGPTN, &number) == 0);
    CHECK(stat(name, &st) == 0);
    CHECK(S_ISCHR(st.st_mode));
    CHECK_EQUAL(st.st_uid, geteuid());
    if ((st.st_mode & 07777) != 0600) { /* devpts may have been mounted so */
        CHECK_EQUAL(st.st_mode & 07777, 0620);
        CHECK_EQUAL(st.st_gid, 5);
    }
    CHECK_EQUAL(st.st_rdev, makedev(136, number));
    CHECK(fstat(master, &st) == 0);
    CHECK_EQUAL(st.st_rdev, makedev(5, 2));
    CHECK(close(master) == 0);
    CHECK_ERROR(open(name, O_RDWR | O_NOCTTY), ENOENT);
    CHECK(stat("/dev/pts", &st) == 0 && S_ISDIR(st.st_mode));
}

TEST(pty_lock, "the terminal can't be opened before it is unlocked")
{
    int on;

    make_master();
    CHECK(ioctl(master, TIOCGPTLCK, &on) == 0);
    CHECK_EQUAL(on, 1);
    CHECK_ERROR(open(name, O_RDWR | O_NOCTTY), EIO);
    CHECK(unlockpt(master) == 0);
    CHECK(ioctl(master, TIOCGPTLCK, &on) == 0);
    CHECK_EQUAL(on, 0);
    CHECK((terminal = open(name, O_RDWR | O_NOCTTY)) >= 0);
    CHECK(isatty(terminal) && isatty(master));
    CHECK_ERROR(ioctl(terminal, TIOCGPTN, &on), ENOTTY);
    CHECK_ERROR(ioctl(terminal, TIOCPKT, &on), ENOTTY);
}

TEST(pty_reuse, "a number is used again when both sides are closed")
{
    char first[64];
    int tries = 0;

    do { /* others may take it in between */
        make_pair();
        strcpy(first, name);
        CHECK(close(master) == 0);
        CHECK(close(terminal) == 0);
        make_master();
        CHECK(close(master) == 0);
    } while (strcmp(first, name) && ++tries < 20);
    CHECK_STRING(name, first);
}

TEST(pty_many, "there can be many at a time")
{
    enum { MANY = 100 };
    int masters[MANY], terminals[MANY];
    char text[16];

    for (int i = 0; i < MANY; i++) {
        CHECK(openpty(&masters[i], &terminals[i], NULL, NULL, NULL) == 0);
        int length = sprintf(text, "%d\n", i);
        CHECK(write(masters[i], text, length) == length);
    }
    for (int i = MANY; i-- > 0;) {
        sprintf(text, "%d\n", i);
        expect(terminals[i], text);
    }
}

TEST(pty_peer, "TIOCGPTPEER opens the terminal without its name")
{
    char link[64], path[64];

    make_master();
    CHECK_ERROR(ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY), EIO);
    CHECK(unlockpt(master) == 0);
    CHECK((terminal = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC)) >= 0);
    CHECK_EQUAL(fcntl(terminal, F_GETFD), FD_CLOEXEC);
    sprintf(link, "/proc/self/fd/%d", terminal);
    ssize_t n = readlink(link, path, sizeof(path) - 1);
    CHECK(n > 0);
    path[n] = '\0';
    CHECK_STRING(path, name);
    type("x\n");
    expect(terminal, "x\n");
}

/* ---- Bytes ---- */

TEST(pty_processing, "output is processed, input edited and echoed")
{
    int count;

    make_pair();
    CHECK(write(terminal, "a\nb", 3) == 3);
    wait_events(master, POLLIN);
    CHECK(ioctl(master, FIONREAD, &count) == 0);
    CHECK_EQUAL(count, 4);
    CHECK(ioctl(terminal, TIOCOUTQ, &count) == 0);
    CHECK_EQUAL(count, 0);
    expect(master, "a\r\nb");
    type("wrong\025x\177y\r");
    expect(terminal, "y\n");
    CHECK(tcdrain(terminal) == 0);
}

TEST(pty_early, "what is typed before the terminal's first open is kept, and between opens")
{
    make_master();
    CHECK(unlockpt(master) == 0);
    CHECK_EQUAL(events_of(master), POLLOUT);
    type("early\n");
    CHECK((terminal = open(name, O_RDWR | O_NOCTTY)) >= 0);
    expect(terminal, "early\n");
    expect(master, "early\r\n");
    type("half");
    expect(master, "half");
    CHECK(close(terminal) == 0);
    CHECK((terminal = open(name, O_RDWR | O_NOCTTY)) >= 0);
    type(" line\n");
    expect(terminal, "half line\n");
}

TEST(pty_closed, "the last close of the terminal is the master's hangup; the next open ends it")
{
    char c;

    make_pair();
    set_nonblocking(master);
    int other = dup(terminal);
    CHECK(write(terminal, "bye", 3) == 3);
    wait_events(master, POLLIN);
    CHECK(close(terminal) == 0);
    CHECK_EQUAL(events_of(master), POLLIN | POLLOUT);
    CHECK(close(other) == 0);
    CHECK_EQUAL(events_of(master), POLLIN | POLLOUT | POLLHUP);
    expect(master, "bye");
    CHECK_EQUAL(events_of(master), POLLOUT | POLLHUP);
    CHECK_ERROR(read(master, &c, 1), EIO);
    CHECK((terminal = open(name, O_RDWR | O_NOCTTY)) >= 0);
    CHECK_EQUAL(events_of(master), POLLOUT);
    CHECK_ERROR(read(master, &c, 1), EAGAIN);
}

TEST(pty_closed_waiting, "a master that waits learns of the last close")
{
    char c;

    make_pair();
    pid_t pid = CHILD(close(master); ktap_sleep(50));
    CHECK(close(terminal) == 0);
    CHECK_ERROR(read(master, &c, 1), EIO);
    CHECK_CHILD(pid);
}

static void fill(int fd, size_t *count)
{
    static char bytes[3000];
    ssize_t n;

    memset(bytes, 'a', sizeof(bytes));
    for (*count = 0; (n = write(fd, bytes, sizeof(bytes))) > 0; *count += n)
        continue;
    CHECK_EQUAL(errno, EAGAIN);
}

static void drain(int from, size_t count)
{
    char bytes[1000];

    while (count > 0) {
        ssize_t n = read(from, bytes, sizeof(bytes));
        CHECK(n > 0 && (size_t)n <= count);
        count -= n;
    }
}

TEST(pty_flow, "a side that isn't read makes the other wait, and nothing is lost")
{
    size_t count;

    make_pair();
    make_raw();
    set_nonblocking(terminal);
    set_nonblocking(master);
    fill(terminal, &count);
    CHECK(count >= 4000);
    CHECK(fcntl(master, F_SETFL, O_RDWR) == 0);
    drain(master, count);
    wait_events(terminal, POLLOUT);
    set_nonblocking(master);
    fill(master, &count);
    CHECK(count >= 4000);
    CHECK(fcntl(terminal, F_SETFL, O_RDWR) == 0);
    drain(terminal, count);
    wait_events(master, POLLOUT);
}

static void send_pattern(int fd, size_t total)
{
    unsigned char bytes[777];

    for (size_t sent = 0; sent < total;) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (unsigned char)((sent + i) * 7 >> 3);
        size_t part = total - sent < sizeof(bytes) ? total - sent : sizeof(bytes);
        CHECK(write(fd, bytes, part) == (ssize_t)part);
        sent += part;
    }
}

static void check_pattern(int fd, size_t total)
{
    unsigned char bytes[1234];

    for (size_t got = 0; got < total;) {
        ssize_t n = read(fd, bytes, sizeof(bytes));
        CHECK(n > 0);
        for (ssize_t i = 0; i < n; i++)
            if (bytes[i] != (unsigned char)((got + i) * 7 >> 3))
                FAIL("byte %zu is wrong", got + i);
        got += n;
    }
}

TEST(pty_volume, "a lot goes through in both directions at once, in order")
{
    enum { TOTAL = 400000 };

    make_pair();
    make_raw();
    pid_t pids[] = {CHILD(send_pattern(master, TOTAL)), CHILD(send_pattern(terminal, TOTAL)),
                    CHILD(check_pattern(master, TOTAL)), CHILD(check_pattern(terminal, TOTAL))};
    for (int i = 0; i < 4; i++)
        CHECK_CHILD(pids[i]);
}

/* ---- Packet mode ---- */

static void expect_status(int status)
{
    char byte = (char)status;

    wait_events(master, POLLPRI);
    expect_bytes(master, &byte, 1);
}

TEST(pty_packet, "packet mode tells what happens to the terminal")
{
    struct termios settings;
    int on = 1, zero = 0;

    make_pair();
    CHECK(tcflush(terminal, TCIFLUSH) == 0);
    CHECK(ioctl(master, TIOCPKT, &on) == 0);
    CHECK(ioctl(master, TIOCGPKT, &zero) == 0);
    CHECK_EQUAL(zero, 1);
    CHECK_EQUAL(events_of(master), POLLOUT);
    CHECK(write(terminal, "hi", 2) == 2);
    expect_bytes(master, "\0hi", 3);
    CHECK(tcflush(terminal, TCIFLUSH) == 0);
    expect_status(TIOCPKT_FLUSHREAD);
    CHECK(tcflush(terminal, TCOFLUSH) == 0);
    expect_status(TIOCPKT_FLUSHWRITE);
    type("\023");
    expect_status(TIOCPKT_STOP);
    CHECK_EQUAL(events_of(terminal) & POLLOUT, 0);
    type("\021");
    expect_status(TIOCPKT_START);
    CHECK(tcgetattr(terminal, &settings) == 0);
    settings.c_iflag &= ~IXON;
    CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0);
    expect_status(TIOCPKT_NOSTOP);
    settings.c_iflag |= IXON;
    CHECK(tcsetattr(master, TCSANOW, &settings) == 0);
    expect_status(TIOCPKT_DOSTOP);
    CHECK(tcsetattr(terminal, TCSAFLUSH, &settings) == 0);
    expect_status(TIOCPKT_FLUSHREAD);
    type("\003");
    expect_status(TIOCPKT_FLUSHREAD | TIOCPKT_FLUSHWRITE);
    expect_bytes(master, "\0^C", 3);
}

/* ---- Hangup ---- */

TEST(pty_hangup, "when the master closes the terminal is dead")
{
    struct termios settings;
    char c;

    make_pair();
    CHECK(close(master) == 0);
    CHECK_EQUAL(events_of(terminal), POLLIN | POLLOUT | POLLERR | POLLHUP);
    CHECK_EQUAL(read(terminal, &c, 1), 0);
    CHECK_ERROR(write(terminal, "x", 1), EIO);
    CHECK_ERROR(tcgetattr(terminal, &settings), EIO);
    CHECK_ERROR(tcsetpgrp(terminal, getpgrp()), ENOTTY);
}

/* The child leads a session on the terminal. */
#define SESSION(...) CHILD(CHECK(login_quietly() == 0); __VA_ARGS__)

static int login_quietly(void)
{
    close(master);
    CHECK(setsid() > 0);
    return ioctl(terminal, TIOCSCTTY, 0);
}

static volatile sig_atomic_t signalled;

static void note_signal(int signal)
{
    signalled = signal;
}

static void wait_for_signal(int signal)
{
    for (int i = 0; i < 500 && signalled != signal; i++)
        ktap_sleep(10);
    CHECK_EQUAL(signalled, signal);
}

TEST(pty_hangup_session, "the session's leader gets SIGHUP, and has no terminal any more")
{
    make_pair();
    CHECK(pipe(steps) == 0);
    pid_t pid = SESSION(signal(SIGHUP, note_signal); step(); wait_for_signal(SIGHUP);
                        CHECK_ERROR(open("/dev/tty", O_RDWR), ENXIO));
    await_step();
    CHECK(close(terminal) == 0);
    CHECK(close(master) == 0);
    CHECK_CHILD(pid);
}

TEST(pty_leader_exit, "when the leader ends the foreground group gets SIGHUP")
{
    make_pair();
    CHECK(pipe(steps) == 0);
    pid_t pid = SESSION(signal(SIGTTOU, SIG_IGN); signal(SIGHUP, note_signal); if (fork() == 0) {
        CHECK(setpgid(0, 0) == 0);
        CHECK(tcsetpgrp(terminal, getpid()) == 0);
        step();
        wait_for_signal(SIGHUP);
        step();
        _exit(0);
    } await_step());
    CHECK_CHILD(pid);
    await_step();
}

TEST(pty_vhangup, "after TIOCVHANGUP the terminal can be opened anew")
{
    char c;

    if (geteuid())
        SKIP("needs root");
    make_pair();
    CHECK(ioctl(terminal, TIOCVHANGUP) == 0);
    CHECK_EQUAL(read(terminal, &c, 1), 0);
    CHECK_ERROR(write(terminal, "x", 1), EIO);
    int again = open(name, O_RDWR | O_NOCTTY);
    CHECK(again >= 0);
    CHECK(close(terminal) == 0);
    CHECK(write(again, "new", 3) == 3);
    expect(master, "new");
    type("in\n");
    expect(again, "in\n");
}

TEST(pty_hangup_waiting, "who waits for the terminal learns that the master closes")
{
    char bytes[4096];

    make_pair();
    make_raw();
    pid_t reader = CHILD(close(master); CHECK(read(terminal, bytes, 1) <= 0));
    pid_t writer =
        CHILD(close(master); signal(SIGHUP, SIG_IGN); memset(bytes, 'w', sizeof(bytes)); ssize_t n;
              while ((n = write(terminal, bytes, sizeof(bytes))) > 0) continue; CHECK_EQUAL(n, -1);
              CHECK_EQUAL(errno, EIO));
    pid_t poller =
        CHILD(close(master); struct pollfd p = {terminal, POLLPRI, 0};
              CHECK_EQUAL(poll(&p, 1, -1), 1); CHECK_EQUAL(p.revents, POLLERR | POLLHUP));
    ktap_sleep(100);
    CHECK(close(master) == 0);
    CHECK_CHILD(reader);
    CHECK_CHILD(writer);
    CHECK_CHILD(poller);
}

/* ---- Sessions and jobs ---- */

TEST(pty_controlling, "opening a terminal makes it a leader's own, unless told not to")
{
    make_pair();
    pid_t pid = CHILD(
        close(terminal); CHECK(setsid() > 0); CHECK_ERROR(open("/dev/tty", O_RDWR), ENXIO);
        int fd = open(name, O_RDWR | O_NOCTTY); CHECK(fd >= 0); CHECK_ERROR(tcgetsid(fd), ENOTTY);
        CHECK(close(fd) == 0); CHECK((fd = open(name, O_RDWR)) >= 0);
        CHECK_EQUAL(tcgetsid(fd), getpid()); CHECK_EQUAL(tcgetpgrp(fd), getpid()); pid_t group = 0;
        CHECK(ioctl(master, TIOCGPGRP, &group) == 0); CHECK_EQUAL(group, getpid());
        CHECK(open("/dev/tty", O_RDWR) >= 0); signal(SIGHUP, SIG_IGN);
        CHECK(ioctl(fd, TIOCNOTTY) == 0); CHECK_ERROR(open("/dev/tty", O_RDWR), ENXIO);
        CHECK_ERROR(tcgetpgrp(fd), ENOTTY));
    CHECK_CHILD(pid);
}

TEST(pty_still_tied, "the session keeps its terminal beyond the last close")
{
    make_pair();
    CHECK(close(terminal) == 0);
    pid_t pid =
        CHILD(CHECK(setsid() > 0); int fd = open(name, O_RDWR); CHECK(fd >= 0);
              CHECK_EQUAL(tcgetsid(fd), getpid()); CHECK(close(fd) == 0);
              CHECK((fd = open("/dev/tty", O_RDWR)) >= 0); CHECK_EQUAL(tcgetsid(fd), getpid()));
    CHECK_CHILD(pid);
}

TEST(pty_other_session, "a terminal belongs to one session")
{
    make_pair();
    CHECK(pipe(steps) == 0);
    int back[2];
    CHECK(pipe(back) == 0);
    char c;
    pid_t pid = SESSION(step(); CHECK(read(back[0], &c, 1) == 1));
    await_step();
    pid_t other = CHILD(CHECK(setsid() > 0); CHECK_ERROR(ioctl(terminal, TIOCSCTTY, 0), EPERM);
                        CHECK_ERROR(tcgetpgrp(terminal), ENOTTY));
    CHECK_CHILD(other);
    CHECK(write(back[1], "x", 1) == 1);
    CHECK_CHILD(pid);
}

/* In a background group of the session; the leader waits for what becomes of it. */
static int background(void (*what)(void))
{
    int status;
    pid_t pid = fork();

    if (pid == 0) {
        setpgid(0, 0);
        what();
        _exit(0);
    }
    setpgid(pid, pid);
    CHECK(waitpid(pid, &status, WUNTRACED) == pid);
    if (WIFSTOPPED(status))
        kill(pid, SIGKILL);
    return status;
}

static void read_terminal(void)
{
    char c;

    read(terminal, &c, 1);
}

static void write_terminal(void)
{
    CHECK(write(terminal, "x", 1) == 1);
}

static void set_terminal(void)
{
    struct termios settings;

    CHECK(tcgetattr(terminal, &settings) == 0);
    CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0);
}

static void read_ignoring(void)
{
    char c;

    signal(SIGTTIN, SIG_IGN);
    CHECK_ERROR(read(terminal, &c, 1), EIO);
}

static void stop_writers(bool on)
{
    struct termios settings;

    CHECK(tcgetattr(terminal, &settings) == 0);
    settings.c_lflag = on ? settings.c_lflag | TOSTOP : settings.c_lflag & ~TOSTOP;
    CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0);
}

TEST(pty_background, "the background stops when it reads, changes, or with TOSTOP writes")
{
    make_pair();
    pid_t pid =
        SESSION(int status = background(read_terminal); CHECK(WIFSTOPPED(status));
                CHECK_EQUAL(WSTOPSIG(status), SIGTTIN); status = background(set_terminal);
                CHECK(WIFSTOPPED(status)); CHECK_EQUAL(WSTOPSIG(status), SIGTTOU);
                CHECK_EQUAL(background(write_terminal), 0); stop_writers(true);
                status = background(write_terminal); CHECK(WIFSTOPPED(status));
                CHECK_EQUAL(WSTOPSIG(status), SIGTTOU); CHECK_EQUAL(background(read_ignoring), 0));
    CHECK_CHILD(pid);
}

/* A group whose only link to the session has gone can't be stopped by the terminal. */
TEST(pty_orphans, "an orphaned group gets EIO")
{
    make_pair();
    CHECK(pipe(steps) == 0);
    int result[2];
    CHECK(pipe(result) == 0);
    char answer;
    pid_t pid = SESSION(pid_t middle = fork(); if (middle == 0) {
        setpgid(0, 0);
        if (fork() == 0) {
            char c;
            await_step();
            c = read(terminal, &c, 1) < 0 && errno == EIO ? 'E' : '?';
            write(result[1], &c, 1);
            _exit(0);
        }
        _exit(0);
    } CHECK(waitpid(middle, NULL, 0) == middle);
                        step(); CHECK(read(result[0], &answer, 1) == 1); CHECK_EQUAL(answer, 'E'));
    CHECK_CHILD(pid);
}

TEST(pty_keys, "keys send signals to the foreground group")
{
    make_pair();
    CHECK(pipe(steps) == 0);
    pid_t pid = SESSION(signal(SIGINT, note_signal); step(); wait_for_signal(SIGINT));
    await_step();
    type("\003");
    CHECK_CHILD(pid);
    expect(master, "^C");
}

TEST(pty_signal, "TIOCSIG sends what keys can, without one")
{
    make_pair();
    CHECK(pipe(steps) == 0);
    pid_t pid = SESSION(signal(SIGQUIT, note_signal); step(); wait_for_signal(SIGQUIT));
    await_step();
    CHECK_ERROR(ioctl(master, TIOCSIG, SIGKILL), EINVAL);
    CHECK(ioctl(master, TIOCSIG, SIGQUIT) == 0);
    CHECK_CHILD(pid);
}

TEST(pty_size, "a new window size on the master is SIGWINCH for the foreground group")
{
    struct winsize size = {33, 99, 0, 0}, got = {0, 0, 0, 0};

    make_pair();
    CHECK(ioctl(terminal, TIOCGWINSZ, &got) == 0);
    CHECK_EQUAL(got.ws_row, 0);
    CHECK(pipe(steps) == 0);
    pid_t pid = SESSION(signal(SIGWINCH, note_signal); step(); wait_for_signal(SIGWINCH);
                        CHECK(ioctl(terminal, TIOCGWINSZ, &got) == 0);
                        CHECK_EQUAL(got.ws_row * 1000 + got.ws_col, 33099));
    await_step();
    CHECK(ioctl(master, TIOCSWINSZ, &size) == 0);
    CHECK_CHILD(pid);
    CHECK(ioctl(master, TIOCGWINSZ, &got) == 0);
    CHECK_EQUAL(got.ws_row * 1000 + got.ws_col, 33099);
}

/* ---- Requests ---- */

TEST(pty_exclusive, "TIOCEXCL keeps others out, but for root, until the last close")
{
    int on = 7;

    make_pair();
    CHECK(ioctl(terminal, TIOCEXCL) == 0);
    CHECK(ioctl(terminal, TIOCGEXCL, &on) == 0);
    CHECK_EQUAL(on, 1);
    if (geteuid() == 0) {
        int again = open(name, O_RDWR | O_NOCTTY);
        CHECK(again >= 0);
        CHECK(close(again) == 0);
        CHECK(chmod(name, 0666) == 0);
        pid_t pid =
            CHILD(CHECK(setuid(1000) == 0); CHECK_ERROR(open(name, O_RDWR | O_NOCTTY), EBUSY));
        CHECK_CHILD(pid);
    } else {
        CHECK_ERROR(open(name, O_RDWR | O_NOCTTY), EBUSY);
    }
    CHECK(ioctl(terminal, TIOCNXCL) == 0);
    CHECK(ioctl(terminal, TIOCGEXCL, &on) == 0);
    CHECK_EQUAL(on, 0);
}

TEST(pty_requests, "requests that pseudo-terminals answer in a way of their own")
{
    struct termios settings;
    pid_t group = 7;
    int value = 7;

    make_pair();
    CHECK_ERROR(ioctl(terminal, TIOCMGET, &value), ENOTTY);
    CHECK(ioctl(terminal, TIOCGETD, &value) == 0);
    CHECK_EQUAL(value, 0);
    value = 77;
    CHECK_ERROR(ioctl(terminal, TIOCSETD, &value), EINVAL);
    CHECK(ioctl(terminal, TIOCSBRK) == 0 && ioctl(terminal, TIOCCBRK) == 0);
    CHECK(tcsendbreak(terminal, 0) == 0);
    CHECK(ioctl(master, TIOCGPGRP, &group) == 0);
    CHECK_EQUAL(group, 0);
    CHECK_ERROR(ioctl(master, TIOCGSID, &group), ENOTTY);
    CHECK_ERROR(ioctl(master, TIOCSPGRP, &group), ENOTTY);
    CHECK_ERROR(tcflush(master, 5), EINVAL);
    CHECK(write(terminal, "gone", 4) == 4);
    wait_events(master, POLLIN);
    CHECK(tcflush(master, TCIFLUSH) == 0);
    CHECK_EQUAL(events_of(master), POLLOUT);
    CHECK(tcgetattr(terminal, &settings) == 0);
    settings.c_cflag = B9600 | CS7 | PARENB;
    CHECK(tcsetattr(terminal, TCSANOW, &settings) == 0);
    CHECK(tcgetattr(master, &settings) == 0);
    CHECK_EQUAL(settings.c_cflag, B9600 | CS8 | CREAD);
}

/* System V's structure: half of each flag word, eight characters. */
struct old_settings {
    unsigned short iflag, oflag, cflag, lflag;
    unsigned char line, cc[8];
};

TEST(pty_old_settings, "TCGETA and TCSETA know the low halves of the settings")
{
    struct old_settings old;
    struct termios settings;

    make_pair();
    CHECK(ioctl(terminal, 0x5405, &old) == 0);
    CHECK(old.lflag & ECHO);
    CHECK_EQUAL(old.cc[VINTR], 3);
    old.lflag &= (unsigned short)~ECHO;
    old.cc[VINTR] = 'G' & 0x1f;
    CHECK(ioctl(terminal, 0x5406, &old) == 0);
    CHECK(tcgetattr(terminal, &settings) == 0);
    CHECK(!(settings.c_lflag & ECHO));
    CHECK(settings.c_lflag & IEXTEN);
    CHECK_EQUAL(settings.c_cc[VINTR], 7);
    CHECK_EQUAL(settings.c_cc[VSUSP], 26);
}

/* ---- A dialogue ---- */

static void wait_for_text(const char *text)
{
    static char seen[2000];
    static size_t count;

    while (!strstr(seen, text)) {
        wait_events(master, POLLIN);
        ssize_t n = read(master, seen + count, sizeof(seen) - 1 - count);
        CHECK(n > 0);
        seen[count += n] = '\0';
    }
    char *rest = strstr(seen, text) + strlen(text);
    memmove(seen, rest, strlen(rest) + 1);
    count = strlen(seen);
}

static void converse(void)
{
    char line[100];

    for (;;) {
        write(1, "name? ", 6);
        ssize_t n = read(0, line, sizeof(line));
        if (n <= 0)
            break;
        dprintf(1, "hello %.*s", (int)n, line);
    }
    _exit(isatty(0) && isatty(1) && isatty(2) && tcgetsid(0) == getpid() ? 5 : 6);
}

TEST(pty_dialogue, "forkpty: a program that asks, a master that answers")
{
    struct winsize size = {24, 80, 0, 0};
    int status;
    char c;
    pid_t pid = forkpty(&master, name, NULL, &size);

    CHECK(pid >= 0);
    if (pid == 0)
        converse();
    CHECK(!strncmp(name, "/dev/pts/", 9));
    wait_for_text("name? ");
    type("you\n");
    wait_for_text("hello you\r\nname? ");
    type("me\177\177us\n");
    wait_for_text("hello us\r\nname? ");
    type("\004");
    CHECK(waitpid(pid, &status, 0) == pid);
    CHECK_EQUAL(WEXITSTATUS(status), 5);
    CHECK_ERROR(read(master, &c, 1), EIO);
}
