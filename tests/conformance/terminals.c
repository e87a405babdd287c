/* The line discipline through a pseudo-terminal: keys and output under many settings, byte for
 * byte. */
#include "show.h"

#include <poll.h>
#include <pty.h>
#include <sys/ioctl.h>
#include <termios.h>

enum { QUIET = 5 }; /* ms without news that count as the end of an answer */

struct setting {
    const char *name;
    tcflag_t iflag_on, iflag_off, oflag_on, oflag_off, lflag_on, lflag_off;
    cc_t minimum;
};

static const struct setting settings[] = {
    {.name = "usual"},
    {.name = "-echo", .lflag_off = ECHO},
    {.name = "-echoe", .lflag_off = ECHOE},
    {.name = "-echok", .lflag_off = ECHOK},
    {.name = "-echoke", .lflag_off = ECHOKE},
    {.name = "-echok -echoke", .lflag_off = ECHOK | ECHOKE},
    {.name = "-echoctl", .lflag_off = ECHOCTL},
    {.name = "echoprt", .lflag_on = ECHOPRT},
    {.name = "-echo echonl", .lflag_on = ECHONL, .lflag_off = ECHO},
    {.name = "-iexten", .lflag_off = IEXTEN},
    {.name = "-isig", .lflag_off = ISIG},
    {.name = "noflsh", .lflag_on = NOFLSH},
    {.name = "-icanon min 1", .lflag_off = ICANON, .minimum = 1},
    {.name = "-icanon min 4", .lflag_off = ICANON, .minimum = 4},
    {.name = "-icanon -echo", .lflag_off = ICANON | ECHO, .minimum = 1},
    {.name = "-icanon -isig -iexten", .lflag_off = ICANON | ISIG | IEXTEN, .minimum = 1},
    {.name = "raw", .iflag_off = ~0u, .oflag_off = ~0u, .lflag_off = ~0u, .minimum = 1},
    {.name = "-icrnl", .iflag_off = ICRNL},
    {.name = "inlcr", .iflag_on = INLCR},
    {.name = "igncr", .iflag_on = IGNCR},
    {.name = "inlcr -icrnl", .iflag_on = INLCR, .iflag_off = ICRNL},
    {.name = "istrip", .iflag_on = ISTRIP},
    {.name = "iuclc", .iflag_on = IUCLC},
    {.name = "-ixon", .iflag_off = IXON},
    {.name = "ixany", .iflag_on = IXANY},
    {.name = "iutf8", .iflag_on = IUTF8},
    {.name = "parmrk", .iflag_on = PARMRK},
    {.name = "-opost", .oflag_off = OPOST},
    {.name = "-onlcr", .oflag_off = ONLCR},
    {.name = "ocrnl", .oflag_on = OCRNL},
    {.name = "onocr", .oflag_on = ONOCR},
    {.name = "onlret", .oflag_on = ONLRET},
    {.name = "olcuc", .oflag_on = OLCUC},
    {.name = "tab3", .oflag_on = TAB3},
};

struct text {
    const char *bytes;
    int length;
};
#define TEXT(literal)                \
    {                                \
        literal, sizeof(literal) - 1 \
    }

static const struct text keys[] = {
    TEXT("hello\n"),
    TEXT("two\nlines\n"),
    TEXT("ab\177c\n"),
    TEXT("ab\177\177\177\177c\n"),
    TEXT("a\tb\177\177x\n"),
    TEXT("one two\027x\n"),
    TEXT("one  \027x\n"),
    TEXT("kill me\025new\n"),
    TEXT("lit\026\003x\n"),
    TEXT("a\026\177b\n"),
    TEXT("part\004"),
    TEXT("\004"),
    TEXT("abc\004def\n"),
    TEXT("abc\003def\n"),
    TEXT("abc\034def\n"),
    TEXT("abc\032def\n"),
    TEXT("ab\022c\n"),
    TEXT("\001\033[A\n"),
    TEXT("\001\177x\n"),
    TEXT("\303\251\177x\n"),
    TEXT("a\rb\n"),
    TEXT("UPPER\n"),
    TEXT("\023stopped\021\n"),
    TEXT("\377\n"),
    TEXT("\0x\n"),
    TEXT("eol;x\n"),
    TEXT("eol|x\n"),
    TEXT("\027\025\177\n"),
    TEXT("\r\n"),
    TEXT("a\017b\n"),
    TEXT("tab\t\177!\n"),
};

static const struct text outputs[] = {
    TEXT("line\n"),        TEXT("a\tb\tc\n"),    TEXT("x\r\ny\n"),  TEXT("\r\rz\n"),
    TEXT("ab\b\bc\n"),     TEXT("Mixed Case\n"), TEXT("\033[1m\n"), TEXT("1234567\t8\n"),
    TEXT("12345678\t9\n"), TEXT("\0\377\n"),
};

static void print_bytes(const char *bytes, long length)
{
    putchar('"');
    for (long n = 0; n < length; n++) {
        unsigned char c = (unsigned char)bytes[n];
        if (c >= ' ' && c < 0x7f && c != '"' && c != '\\')
            putchar(c);
        else
            printf("\\%03o", c);
    }
    putchar('"');
}

/* Everything that the master has to say until it is quiet. On Linux keys wait for a kernel thread;
   asking for the slave's readiness lets it work first. */
static long hear(int master, int slave, char *bytes, long size)
{
    struct pollfd typed = {slave, POLLIN, 0}, entry = {master, POLLIN, 0};
    long length = 0, n;

    while (poll(&typed, slave >= 0, 0) >= 0 && poll(&entry, 1, QUIET) > 0) {
        n = read(master, bytes + length, size - length);
        if (n <= 0)
            break;
        length += n;
    }
    return length;
}

static void listen_to(int master, int slave)
{
    char bytes[8192];
    long n = hear(master, slave, bytes, sizeof(bytes));

    printf(" master ");
    print_bytes(bytes, n);
}

static void read_slave(int slave)
{
    char bytes[256];
    int waiting = -1, reads = 0;
    long n;

    ioctl(slave, FIONREAD, &waiting);
    struct pollfd entry = {slave, POLLIN | POLLOUT, 0};
    poll(&entry, 1, 0);
    printf(" waiting %d ready %x", waiting, (unsigned)entry.revents);
    while (reads++ < 8 && (n = read(slave, bytes, sizeof(bytes))) >= 0) {
        printf(" read ");
        print_bytes(bytes, n);
    }
    if (reads > 8)
        printf(" ...");
    else
        printf(" %s", errno == EAGAIN ? "." : strerror(errno));
}

static void apply(int slave, const struct setting *setting)
{
    struct termios mode = {0};

    tcgetattr(slave, &mode);
    mode.c_iflag = ICRNL | IXON;
    mode.c_oflag = OPOST | ONLCR;
    mode.c_lflag = ISIG | ICANON | ECHO | ECHOE | ECHOK | ECHOCTL | ECHOKE | IEXTEN;
    mode.c_cc[VEOL] = ';';
    mode.c_cc[VEOL2] = '|';
    mode.c_cc[VMIN] = setting->minimum;
    mode.c_cc[VTIME] = 0;
    mode.c_iflag = (mode.c_iflag & ~setting->iflag_off) | setting->iflag_on;
    mode.c_oflag = (mode.c_oflag & ~setting->oflag_off) | setting->oflag_on;
    mode.c_lflag = (mode.c_lflag & ~setting->lflag_off) | setting->lflag_on;
    if (tcsetattr(slave, TCSANOW, &mode) < 0)
        printf("tcsetattr: %s\n", strerror(errno));
}

static bool open_pair(int *master, int *slave)
{
    if (openpty(master, slave, NULL, NULL, NULL) < 0) {
        printf("openpty: %s\n", strerror(errno));
        return false;
    }
    fcntl(*master, F_SETFL, O_NONBLOCK);
    fcntl(*slave, F_SETFL, O_NONBLOCK);
    return true;
}

static void try_setting(const struct setting *setting)
{
    int master, slave;

    for (size_t n = 0; n < COUNT(keys); n++) {
        /* Linux's echo keeps 255 from every output processing, by accident of its representation.
         */
        if (setting->oflag_on & OLCUC && keys[n].bytes[0] == '\377')
            continue;
        if (!open_pair(&master, &slave))
            return;
        apply(slave, setting);
        printf("%s: keys ", setting->name);
        print_bytes(keys[n].bytes, keys[n].length);
        write(master, keys[n].bytes, keys[n].length);
        listen_to(master, slave);
        read_slave(slave);
        printf("\n");
        close(slave);
        close(master);
    }
    if (!open_pair(&master, &slave))
        return;
    apply(slave, setting);
    for (size_t n = 0; n < COUNT(outputs); n++) {
        printf("%s: output ", setting->name);
        print_bytes(outputs[n].bytes, outputs[n].length);
        printf(" wrote %ld", (long)write(slave, outputs[n].bytes, outputs[n].length));
        listen_to(master, slave);
        printf("\n");
    }
    close(slave);
    close(master);
}

/* ---- ends, hangups and lengths ---- */

static void ends(void)
{
    struct pollfd entry;
    int master, slave;
    char bytes[8192];

    if (!open_pair(&master, &slave))
        return;
    write(slave, "left", 4);
    close(slave);
    SHOW(hear(master, -1, bytes, sizeof(bytes)));
    entry = (struct pollfd){master, POLLIN | POLLOUT, 0};
    SHOW(poll(&entry, 1, 0));
    printf("events %x\n", (unsigned)entry.revents);
    SHOW(read(master, bytes, 10));
    SHOW(write(master, "x", 1));
    close(master);

    open_pair(&master, &slave);
    signal(SIGHUP, SIG_IGN);
    write(master, "typed\n", 6);
    close(master);
    entry = (struct pollfd){slave, POLLIN | POLLOUT, 0};
    SHOW(poll(&entry, 1, 0));
    printf("events %x\n", (unsigned)entry.revents);
    SHOW(read(slave, bytes, 10));
    SHOW(write(slave, "x", 1));
    struct termios mode;
    SHOW(tcgetattr(slave, &mode));
    close(slave);
}

static void long_lines(void)
{
    static char line[6000], back[16384];
    int master, slave;

    memset(line, 'x', sizeof(line));
    for (int length = 4090; length <= 4100; length++) {
        open_pair(&master, &slave);
        struct termios mode;
        tcgetattr(slave, &mode);
        mode.c_lflag &= ~ECHO;
        tcsetattr(slave, TCSANOW, &mode);
        for (int at = 0; at < length; at += 100) {
            write(master, line, length - at < 100 ? length - at : 100);
            hear(master, slave, back, sizeof(back));
        }
        write(master, "\n", 1);
        hear(master, slave, back, sizeof(back));
        printf("a line of %d: read %ld\n", length, (long)read(slave, back, sizeof(back)));
        close(slave);
        close(master);
    }
}

static void requests(void)
{
    struct winsize size = {0};
    int master, slave, number;

    open_pair(&master, &slave);
    SHOW(ioctl(master, TIOCGWINSZ, &size));
    printf("%d rows, %d columns\n", size.ws_row, size.ws_col);
    size = (struct winsize){30, 90, 1, 2};
    SHOW(ioctl(master, TIOCSWINSZ, &size));
    memset(&size, 0, sizeof(size));
    SHOW(ioctl(slave, TIOCGWINSZ, &size));
    printf("%d rows, %d columns, %d by %d\n", size.ws_row, size.ws_col, size.ws_xpixel,
           size.ws_ypixel);
    SHOW(ioctl(slave, TIOCGPTN, &number));
    SHOW(tcgetpgrp(slave));
    SHOW(tcgetpgrp(master));
    SHOW(tcsetpgrp(slave, getpgrp()));
    SHOW(tcgetsid(slave));
    SHOW(tcflush(slave, TCIOFLUSH));
    SHOW(tcflush(slave, 9));
    SHOW(tcdrain(slave));
    SHOW(tcsendbreak(slave, 0));
    SHOW(tcflow(slave, TCOOFF));
    SHOW(tcflow(slave, TCOON));
    SHOW(tcflow(slave, 9));
    SHOW(lseek(slave, 0, SEEK_CUR));
    SHOW(ioctl(slave, TIOCNOTTY));
    SHOW(isatty(master));
    SHOW(isatty(slave));
    struct termios mode;
    SHOW(tcgetattr(slave, &mode));
    printf("initial settings %x %x %x %x, line %d:", mode.c_iflag, mode.c_oflag, mode.c_cflag,
           mode.c_lflag, mode.c_line);
    for (int n = 0; n <= VEOL2; n++)
        printf(" %o", mode.c_cc[n]);
    printf("\n");
    mode.c_cflag = 0;
    mode.c_lflag = ~EXTPROC;
    SHOW(tcsetattr(slave, TCSANOW, &mode));
    SHOW(tcgetattr(slave, &mode));
    printf("after odd settings %x %x\n", mode.c_cflag & CSIZE, mode.c_lflag);
    close(slave);
    close(master);
}

int main(void)
{
    setvbuf(stdout, NULL, _IOFBF, 1 << 16);
    setsid();
    requests();
    ends();
    long_lines();
    for (size_t n = 0; n < COUNT(settings); n++) {
        try_setting(&settings[n]);
        fflush(stdout);
    }
    return 0;
}
