/*
 * The host's pseudo-terminals as the oracle: the table must hold for them, and on random input with
 * random settings our terminal must do as they do. Skipped where there are none.
 */
#include "harness.h"
#include "terminal_case.h"

#include <asm/termbits.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

/* ---- Linux's terminal ---- */

struct linux_terminal {
    int master, slave;
};

static volatile sig_atomic_t caught;
static useconds_t patience; /* microseconds given to the host's kernel after each keystroke */

static void note(int signal)
{
    caught |= 1 << signal;
}

static int open_pair(struct linux_terminal *t)
{
    int unlocked = 0;

    t->master = open("/dev/ptmx", O_RDWR | O_NOCTTY | O_NONBLOCK);
    if (t->master < 0)
        return -1;
    t->slave = -1;
    if (ioctl(t->master, TIOCSPTLCK, &unlocked) == 0)
        t->slave = ioctl(t->master, TIOCGPTPEER, O_RDWR | O_NONBLOCK | O_NOCTTY);
    if (t->slave < 0)
        close(t->master);
    return t->slave < 0 ? -1 : 0;
}

static void *linux_open(void)
{
    struct linux_terminal *t = malloc(sizeof *t);

    assert_int_equal(open_pair(t), 0);
    assert_int_equal(ioctl(t->slave, TIOCSCTTY, 0), 0);
    caught = 0;
    return t;
}

/* Leaving the session's terminal first: the hangup would otherwise be ours. */
static void linux_close(void *terminal)
{
    struct linux_terminal *t = terminal;

    ioctl(t->slave, TIOCNOTTY);
    close(t->slave);
    close(t->master);
    free(t);
}

/* What is typed reaches the line discipline a moment later. */
static void settle(struct linux_terminal *t)
{
    struct pollfd pollfd = {.fd = t->slave, .events = POLLIN};

    if (poll(&pollfd, 1, 0) != 0 || patience > 1000)
        usleep(patience);
}

static void linux_set(void *terminal, const struct terminal_settings *settings, bool flush)
{
    struct linux_terminal *t = terminal;
    struct termios termios = {
        .c_iflag = settings->iflag,
        .c_oflag = settings->oflag,
        .c_cflag = settings->cflag,
        .c_lflag = settings->lflag,
    };

    memcpy(termios.c_cc, settings->cc, sizeof termios.c_cc);
    settle(t);
    assert_int_equal(ioctl(t->slave, flush ? TCSETSF : TCSETS, &termios), 0);
}

static void linux_type(void *terminal, const uint8_t *bytes, size_t n)
{
    struct linux_terminal *t = terminal;

    assert_int_equal(write(t->master, bytes, n), n);
    settle(t);
}

static int linux_read(void *terminal, uint8_t *buffer, size_t size)
{
    struct linux_terminal *t = terminal;

    return (int)read(t->slave, buffer, size);
}

static int linux_write(void *terminal, const uint8_t *bytes, size_t n)
{
    struct linux_terminal *t = terminal;

    return (int)write(t->slave, bytes, n);
}

static size_t linux_shown(void *terminal, uint8_t *buffer, size_t size)
{
    struct linux_terminal *t = terminal;
    size_t total = 0;
    ssize_t n;

    settle(t);
    while (total < size && (n = read(t->master, buffer + total, size - total)) > 0)
        total += (size_t)n;
    return total;
}

static uint32_t linux_signals(void *terminal)
{
    settle(terminal);
    uint32_t signals = (uint32_t)caught;
    caught = 0;
    return signals;
}

static bool linux_readable(void *terminal)
{
    struct linux_terminal *t = terminal;
    struct pollfd pollfd = {.fd = t->slave, .events = POLLIN};

    return poll(&pollfd, 1, 0) == 1 && (pollfd.revents & POLLIN);
}

static int linux_waiting(void *terminal)
{
    struct linux_terminal *t = terminal;
    int n = -1;

    settle(t);
    ioctl(t->slave, FIONREAD, &n);
    return n;
}

static void linux_flow(void *terminal, bool on)
{
    struct linux_terminal *t = terminal;

    assert_int_equal(ioctl(t->slave, TCXONC, on ? TCOON : TCOOFF), 0);
}

static const struct terminal_kind terminal_linux = {
    .open = linux_open,
    .close = linux_close,
    .set = linux_set,
    .type = linux_type,
    .read = linux_read,
    .write = linux_write,
    .shown = linux_shown,
    .signals = linux_signals,
    .readable = linux_readable,
    .waiting = linux_waiting,
    .flow = linux_flow,
};

static bool have_terminals(void)
{
    struct linux_terminal t;

    if (open_pair(&t) != 0)
        return false;
    close(t.slave);
    close(t.master);
    return true;
}

/* ---- The table ---- */

/* A slow machine gets a second and a third chance: what was typed may not have arrived. */
static bool run_patiently(const struct terminal_case *c)
{
    for (patience = 300; patience < 100000; patience *= 12) {
        terminal_case_quiet = patience < 10000;
        if (terminal_case_run(&terminal_linux, c))
            return true;
    }
    return false;
}

static void test_table(void **state)
{
    (void)state;
    unsigned failed = 0;

    if (!have_terminals())
        skip();
    for (size_t i = 0; i < terminal_case_count; i++)
        failed += !run_patiently(&terminal_cases[i]);
    assert_int_equal(failed, 0);
}

/* ---- Random input ---- */

/* Keys that do something come often. */
static const char alphabet[] =
    "abAB_. /\t\t\n\n\r\r\003\034\032\004\004\010\177\177\177\025\027\027"
    "\026\022\021\021\023\001\303\244\342\202\254\377ef";

static const char *const words[] = {
    "istrip", "inlcr",  "igncr", "icrnl",  "iuclc",   "ixon",   "ixany",  "iutf8",
    "parmrk", "opost",  "onlcr", "olcuc",  "ocrnl",   "onocr",  "onlret", "tab3",
    "isig",   "icanon", "echo",  "echoe",  "echok",   "echonl", "noflsh", "echoctl",
    "echoke", "iexten", "eol=e", "eol2=f", "echoprt",
};
/* Rare settings must not be on most of the time. */
static const char *const usual = "-istrip -iuclc -parmrk -olcuc -echoprt";

struct random_run {
    void *ours, *theirs;
    struct terminal_settings settings;
    unsigned seed;
    char story[4096]; /* what was done, to be printed when it comes to a difference */
    size_t told;
};

static unsigned draw(struct random_run *r, unsigned limit)
{
    return (unsigned)rand_r(&r->seed) % limit;
}

static void tell(struct random_run *r, const char *what, const void *bytes, size_t n)
{
    const uint8_t *byte = bytes;
    size_t room = sizeof r->story - r->told;

    if (room < 64 + 4 * n)
        return;
    r->told += (size_t)sprintf(r->story + r->told, " %s ", what);
    for (size_t i = 0; i < n; i++)
        r->told += (size_t)sprintf(r->story + r->told,
                                   byte[i] > 0x20 && byte[i] < 0x7f ? "%c" : "\\%03o", byte[i]);
}

static void change_settings(struct random_run *r, unsigned changes)
{
    char word[16];
    bool may_be_stopped = r->settings.iflag & TERM_IXON;

    for (unsigned i = 0; i < changes; i++) {
        const char *which = words[draw(r, sizeof words / sizeof words[0])];
        bool off = !strchr(which, '=') && draw(r, 2);
        snprintf(word, sizeof word, "%s%s", off ? "-" : "", which);
        terminal_case_parse(&r->settings, word);
        tell(r, word, "", 0);
    }
    snprintf(word, sizeof word, "min=%u time=%u", draw(r, 4), draw(r, 2));
    tell(r, word, "", 0);
    terminal_case_parse(&r->settings, word);
    /* With output stopped we would wait for it to drain. */
    bool flush = draw(r, 8) == 0 && !may_be_stopped;
    tell(r, flush ? "flush;" : "set;", "", 0);
    terminal_ours.set(r->ours, &r->settings, flush);
    terminal_linux.set(r->theirs, &r->settings, flush);
}

/* Signals and stop go alone: Linux drops output that the screen's side has not fetched yet, and
 * stops echo earlier in a batch. */
static bool goes_alone(uint8_t c)
{
    c &= 0x7f;
    return c == 0x03 || c == 0x1c || c == 0x1a || c == 0x13;
}

/*
 * A signal that flushes while output is stopped takes echo along that our column has counted
 * already and Linux's has not. Nobody can say where the cursor is then.
 */
static uint8_t random_key(struct random_run *r)
{
    uint8_t c = (uint8_t)alphabet[draw(r, sizeof alphabet - 1)];
    bool flushes = (r->settings.lflag & TERM_ISIG) && !(r->settings.lflag & TERM_NOFLSH);

    if (c == 0xff && (r->settings.oflag & (TERM_OPOST | TERM_OLCUC)) != TERM_OPOST)
        return 'x'; /* Linux's echo of it escapes OLCUC and always counts, by the way it is queued
                     */
    return (c & 0x7f) == 0x13 && flushes ? 'x' : c;
}

static void random_type(struct random_run *r)
{
    uint8_t bytes[8];
    size_t n = 1 + draw(r, sizeof bytes);

    for (size_t i = 0; i < n; i++) {
        bytes[i] = random_key(r);
        if (goes_alone(bytes[i]))
            n = i > 0 ? i : 1;
    }
    tell(r, "type", bytes, n);
    terminal_ours.type(r->ours, bytes, n);
    terminal_linux.type(r->theirs, bytes, n);
}

static bool equal_bytes(const char *what, const uint8_t *a, int a_count, const uint8_t *b,
                        int b_count)
{
    if (a_count == b_count && (a_count <= 0 || memcmp(a, b, (size_t)a_count) == 0))
        return true;
    if (terminal_case_quiet)
        return false;
    print_message("  %s: ours %d, linux %d\n", what, a_count, b_count);
    terminal_case_print("ours ", a, a_count > 0 ? (size_t)a_count : 0);
    terminal_case_print("linux", b, b_count > 0 ? (size_t)b_count : 0);
    return false;
}

static bool random_read(struct random_run *r)
{
    static uint8_t a[8192], b[8192];
    size_t size = draw(r, 2) ? sizeof a : 1 + draw(r, 6);

    tell(r, size < sizeof a ? "read few" : "read", "", 0);
    int a_count = terminal_ours.read(r->ours, a, size);
    int b_count = terminal_linux.read(r->theirs, b, size);
    return equal_bytes("read", a, a_count, b, b_count);
}

static void random_write(struct random_run *r)
{
    static const char *const texts[] = {"plain", "a\tb", "x\ny\n", "\r", "z\b\b\t", "\303\244\t"};
    const char *text = texts[draw(r, sizeof texts / sizeof texts[0])];

    if (r->settings.iflag & TERM_IXON)
        return; /* it might be stopped, when Linux takes nothing and we fill our buffer */
    tell(r, "write", text, strlen(text));
    terminal_ours.write(r->ours, (const uint8_t *)text, strlen(text));
    terminal_linux.write(r->theirs, (const uint8_t *)text, strlen(text));
}

static bool compare(struct random_run *r)
{
    static uint8_t a[8192], b[8192];
    int a_count = (int)terminal_ours.shown(r->ours, a, sizeof a);
    int b_count = (int)terminal_linux.shown(r->theirs, b, sizeof b);

    if (!equal_bytes("shown", a, a_count, b, b_count))
        return false;
    uint32_t a_signals = terminal_ours.signals(r->ours),
             b_signals = terminal_linux.signals(r->theirs);
    if (a_signals != b_signals && !terminal_case_quiet)
        print_message("  signals: ours %#x, linux %#x\n", a_signals, b_signals);
    int a_waits = terminal_ours.waiting(r->ours), b_waits = terminal_linux.waiting(r->theirs);
    bool a_ready = terminal_ours.readable(r->ours), b_ready = terminal_linux.readable(r->theirs);
    if ((a_waits != b_waits || a_ready != b_ready) && !terminal_case_quiet)
        print_message("  ours: %d waiting, readable %d; linux: %d, %d\n", a_waits, a_ready, b_waits,
                      b_ready);
    return a_signals == b_signals && a_waits == b_waits && a_ready == b_ready;
}

static bool random_step(struct random_run *r)
{
    switch (draw(r, 8)) {
    case 0:
        change_settings(r, 1);
        return compare(r);
    case 1:
    case 2:
        return random_read(r) && compare(r);
    case 3:
        random_write(r);
        return compare(r);
    default:
        random_type(r);
        return compare(r);
    }
}

static bool run_random(unsigned seed)
{
    struct random_run r = {.seed = seed, .settings = terminal_case_defaults()};
    bool good = true;

    r.ours = terminal_ours.open();
    r.theirs = terminal_linux.open();
    change_settings(&r, draw(&r, 12));
    terminal_case_parse(&r.settings, draw(&r, 3) ? usual : "");
    change_settings(&r, 0);
    for (unsigned i = 0; good && i < 24; i++)
        good = random_step(&r);
    if (!good && !terminal_case_quiet)
        print_message("  seed %u:%s\n", seed, r.story);
    terminal_linux.close(r.theirs);
    terminal_ours.close(r.ours);
    return good;
}

static bool run_random_patiently(unsigned seed)
{
    for (patience = 300; patience < 100000; patience *= 12) {
        terminal_case_quiet = patience < 10000;
        if (run_random(seed))
            return true;
    }
    return false;
}

/* TERMINAL_SEEDS=FIRST:COUNT runs others, or more. */
static void test_random(void **state)
{
    (void)state;
    unsigned first = 1, count = 150, failed = 0;
    const char *wish = getenv("TERMINAL_SEEDS");

    if (!have_terminals())
        skip();
    if (wish)
        sscanf(wish, "%u:%u", &first, &count);
    for (unsigned seed = first; seed < first + count && failed < 5; seed++)
        failed += !run_random_patiently(seed);
    assert_int_equal(failed, 0);
}

/* ---- Limits ---- */

/* Types N bytes, of which the last few are told apart by their value. */
static void type_long(struct random_run *r, size_t n)
{
    uint8_t chunk[100];

    for (size_t done = 0; done < n;) {
        size_t size = n - done < sizeof chunk ? n - done : sizeof chunk;
        for (size_t i = 0; i < size; i++)
            chunk[i] = (uint8_t)('a' + (done + i) % 26);
        terminal_ours.type(r->ours, chunk, size);
        terminal_linux.type(r->theirs, chunk, size);
        done += size;
    }
}

static bool run_long_line(size_t length, const char *rest)
{
    struct random_run r = {.seed = (unsigned)length, .settings = terminal_case_defaults()};

    r.ours = terminal_ours.open();
    r.theirs = terminal_linux.open();
    terminal_case_parse(&r.settings, "-echo");
    terminal_ours.set(r.ours, &r.settings, false);
    terminal_linux.set(r.theirs, &r.settings, false);
    type_long(&r, length);
    terminal_ours.type(r.ours, (const uint8_t *)rest, strlen(rest));
    terminal_linux.type(r.theirs, (const uint8_t *)rest, strlen(rest));
    bool good = compare(&r);
    for (int reads = 0; good && reads < 3; reads++)
        good = random_read(&r) && compare(&r);
    if (!good && !terminal_case_quiet)
        print_message("  a line of %zu, then %s\n", length, rest);
    terminal_linux.close(r.theirs);
    terminal_ours.close(r.ours);
    return good;
}

/* When a line and its end of file fill the queue, Linux's FIONREAD counts the mark as a byte; we
 * don't. */
static void test_long_lines(void **state)
{
    (void)state;
    static const size_t lengths[] = {4094, 4095, 4096, 4097, 5000};
    static const char *const rests[] = {"\n", "\004", "\177\n", "\177\177xyz\n", "\025x\n"};
    unsigned failed = 0;

    if (!have_terminals())
        skip();
    for (size_t i = 0; i < 25; i++) {
        bool good = lengths[i / 5] > 4094 && i % 5 == 1; /* Linux counts the mark then: see above */
        for (patience = 300; !good && patience < 100000; patience *= 12) {
            terminal_case_quiet = patience < 10000;
            good = run_long_line(lengths[i / 5], rests[i % 5]);
        }
        failed += !good;
    }
    assert_int_equal(failed, 0);
}

/* A session of its own, so that a pseudo-terminal can be its terminal; and the signals from it
 * noted. */
static int run_in_session(int (*run)(void))
{
    pid_t child = fork();
    int status;

    if (child == 0) {
        setsid();
        signal(SIGINT, note);
        signal(SIGQUIT, note);
        signal(SIGTSTP, note);
        signal(SIGHUP, SIG_IGN);
        signal(SIGTTOU, SIG_IGN);
        _exit(run());
    }
    waitpid(child, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : 1;
}

static int run(void)
{
    const struct CMUnitTest tests[] = {
        HARNESS_TEST(test_table),
        HARNESS_TEST(test_random),
        HARNESS_TEST(test_long_lines),
    };

    return cmocka_run_group_tests_name("ldisc on linux", tests, NULL, NULL);
}

int main(void)
{
    return run_in_session(run);
}
