/* Terminals: termios and its relatives are requests of ioctl. */
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include "internal.h"

int tcgetattr(int fd, struct termios *settings)
{
    return ioctl(fd, TCGETS, settings);
}

int tcsetattr(int fd, int when, const struct termios *settings)
{
    if (when < TCSANOW || when > TCSAFLUSH) {
        errno = EINVAL;
        return -1;
    }
    return ioctl(fd, TCSETS + when, settings);
}

int tcdrain(int fd)
{
    return ioctl(fd, TCSBRK, 1);
}

int tcflow(int fd, int action)
{
    return ioctl(fd, TCXONC, action);
}

int tcflush(int fd, int queue)
{
    return ioctl(fd, TCFLSH, queue);
}

int tcsendbreak(int fd, int duration)
{
    return ioctl(fd, TCSBRKP, duration);
}

pid_t tcgetsid(int fd)
{
    pid_t sid;

    return ioctl(fd, TIOCGSID, &sid) < 0 ? -1 : sid;
}

pid_t tcgetpgrp(int fd)
{
    pid_t group;

    return ioctl(fd, TIOCGPGRP, &group) < 0 ? -1 : group;
}

int tcsetpgrp(int fd, pid_t group)
{
    return ioctl(fd, TIOCSPGRP, &group);
}

speed_t cfgetospeed(const struct termios *settings)
{
    return settings->c_cflag & CBAUD;
}

/* No separate input speed means the output's. */
speed_t cfgetispeed(const struct termios *settings)
{
    speed_t speed = (settings->c_cflag & CIBAUD) >> 16;

    return speed ? speed : cfgetospeed(settings);
}

static int set_speed(struct termios *settings, speed_t speed, int shift)
{
    if (speed & ~CBAUD) {
        errno = EINVAL;
        return -1;
    }
    settings->c_cflag = (settings->c_cflag & ~((tcflag_t)CBAUD << shift)) | speed << shift;
    return 0;
}

int cfsetospeed(struct termios *settings, speed_t speed)
{
    return set_speed(settings, speed, 0);
}

int cfsetispeed(struct termios *settings, speed_t speed)
{
    return set_speed(settings, speed, 16);
}

int cfsetspeed(struct termios *settings, speed_t speed)
{
    return cfsetospeed(settings, speed) < 0 ? -1 : set_speed(settings, 0, 16);
}

void cfmakeraw(struct termios *settings)
{
    settings->c_iflag &= ~(IGNBRK | BRKINT | PARMRK | ISTRIP | INLCR | IGNCR | ICRNL | IXON);
    settings->c_oflag &= ~OPOST;
    settings->c_lflag &= ~(ECHO | ECHONL | ICANON | ISIG | IEXTEN);
    settings->c_cflag = (settings->c_cflag & ~(CSIZE | PARENB)) | CS8;
    settings->c_cc[VMIN] = 1;
    settings->c_cc[VTIME] = 0;
}

int isatty(int fd)
{
    struct winsize size;

    return ioctl(fd, TIOCGWINSZ, &size) == 0;
}

/* The descriptor's own name in /proc, when that is still the same terminal. */
int ttyname_r(int fd, char *name, size_t size)
{
    struct stat mine, found;
    char link[32];
    ssize_t length;

    if (!isatty(fd))
        return errno;
    snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
    length = readlink(link, name, size);
    if (length < 0)
        return errno;
    if ((size_t)length >= size)
        return ERANGE;
    name[length] = '\0';
    if (fstat(fd, &mine) < 0 || stat(name, &found) < 0 || mine.st_rdev != found.st_rdev)
        return ENODEV;
    return 0;
}

char *ttyname(int fd)
{
    static char name[TTY_NAME_MAX];
    int error = ttyname_r(fd, name, sizeof(name));

    if (!error)
        return name;
    errno = error;
    return NULL;
}

char *ctermid(char *name)
{
    static char buffer[16];

    return strcpy(name ? name : buffer, "/dev/tty");
}

char *getpass(const char *prompt)
{
    static char line[256];
    struct termios settings, silent;
    int fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
    ssize_t n;

    if (fd < 0)
        return NULL;
    tcgetattr(fd, &settings);
    silent = settings;
    silent.c_lflag &= ~ECHO;
    tcsetattr(fd, TCSAFLUSH, &silent);
    write(fd, prompt, strlen(prompt));
    n = read(fd, line, sizeof(line) - 1);
    tcsetattr(fd, TCSAFLUSH, &settings);
    write(fd, "\n", 1);
    close(fd);
    if (n < 0)
        return NULL;
    line[n] = '\0';
    line[strcspn(line, "\n")] = '\0';
    return line;
}
