/* Pseudo-terminals: /dev/ptmx gives a master, TIOCGPTN the number of its slave in /dev/pts. */
#include <fcntl.h>
#include <pty.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "internal.h"

int posix_openpt(int flags)
{
    return open("/dev/ptmx", flags);
}

/* The slave belongs to who opened the master from the beginning. */
int grantpt(int fd)
{
    unsigned number;

    return ioctl(fd, TIOCGPTN, &number);
}

int unlockpt(int fd)
{
    int lock = 0;

    return ioctl(fd, TIOCSPTLCK, &lock);
}

int ptsname_r(int fd, char *name, size_t size)
{
    unsigned number;

    if (ioctl(fd, TIOCGPTN, &number) < 0)
        return errno;
    return snprintf(name, size, "/dev/pts/%u", number) >= (int)size ? ERANGE : 0;
}

char *ptsname(int fd)
{
    static char name[32];
    int error = ptsname_r(fd, name, sizeof(name));

    if (!error)
        return name;
    errno = error;
    return NULL;
}

static int open_slave(int master, char *name, const struct termios *settings,
                      const struct winsize *size)
{
    char own_name[32];
    int slave;

    if (unlockpt(master) < 0 || ptsname_r(master, own_name, sizeof(own_name)))
        return -1;
    slave = open(own_name, O_RDWR | O_NOCTTY);
    if (slave < 0)
        return -1;
    if (name)
        strcpy(name, own_name);
    if (settings)
        tcsetattr(slave, TCSANOW, settings);
    if (size)
        ioctl(slave, TIOCSWINSZ, size);
    return slave;
}

int openpty(int *master, int *slave, char *name, const struct termios *settings,
            const struct winsize *size)
{
    *master = posix_openpt(O_RDWR | O_NOCTTY);
    if (*master < 0)
        return -1;
    *slave = open_slave(*master, name, settings, size);
    if (*slave >= 0)
        return 0;
    close(*master);
    return -1;
}

int login_tty(int fd)
{
    setsid();
    if (ioctl(fd, TIOCSCTTY, 0) < 0)
        return -1;
    for (int standard = 0; standard <= 2; standard++)
        if (dup2(fd, standard) < 0)
            return -1;
    if (fd > 2)
        close(fd);
    return 0;
}

pid_t forkpty(int *master, char *name, const struct termios *settings, const struct winsize *size)
{
    int slave;

    if (openpty(master, &slave, name, settings, size) < 0)
        return -1;
    pid_t pid = fork();
    if (pid == 0) {
        close(*master);
        if (login_tty(slave) < 0)
            _exit(1);
        return 0;
    }
    close(slave);
    if (pid < 0)
        close(*master);
    return pid;
}
