#ifndef TESTS_CONFORMANCE_LOOPBACK_H
#define TESTS_CONFORMANCE_LOOPBACK_H

#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/* The loopback, which a new namespace has switched off. */
static void loopback_up(void)
{
    struct {
        char name[16];
        short flags;
        char room[22];
    } request = {.name = "lo"};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);

    ioctl(fd, 0x8913, &request);
    request.flags |= 1;
    ioctl(fd, 0x8914, &request);
    close(fd);
}

#endif
