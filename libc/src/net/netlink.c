/* Dumps by rtnetlink. */
#include <errno.h>
#include <linux/rtnetlink.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "net.h"

#define REPLY_SIZE 16384

static bool dump_ask(int fd, int type, int family)
{
    struct {
        struct nlmsghdr header;
        struct ifinfomsg body; /* the longest that a kernel may insist on; begins with the family */
    } request = {.header = {.nlmsg_len = sizeof(request),
                            .nlmsg_type = (uint16_t)type,
                            .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP,
                            .nlmsg_seq = 1},
                 .body.ifi_family = (unsigned char)family};
    struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};

    return sendto(fd, &request, sizeof(request), 0, (struct sockaddr *)&kernel, sizeof(kernel)) ==
           sizeof(request);
}

/* 1: go on, 0: that was all, -1: it failed. */
static int dump_show(char *reply, int length, bool (*show)(void *, struct nlmsghdr *), void *arg)
{
    for (struct nlmsghdr *message = (struct nlmsghdr *)reply; NLMSG_OK(message, length);
         message = NLMSG_NEXT(message, length)) {
        if (message->nlmsg_type == NLMSG_DONE)
            return 0;
        if (message->nlmsg_type == NLMSG_ERROR) {
            errno = -((struct nlmsgerr *)NLMSG_DATA(message))->error;
            return -1;
        }
        if (!show(arg, message)) {
            errno = ENOMEM;
            return -1;
        }
    }
    return 1;
}

bool __netlink_dump(int type, int family, bool (*show)(void *arg, struct nlmsghdr *message),
                    void *arg)
{
    int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE), more = -1;
    char *reply = malloc(REPLY_SIZE);

    if (fd >= 0 && reply && dump_ask(fd, type, family))
        do {
            ssize_t got = recv(fd, reply, REPLY_SIZE, 0);
            more = got > 0 ? dump_show(reply, (int)got, show, arg) : -1;
        } while (more > 0);
    int error = errno;
    free(reply);
    if (fd >= 0)
        close(fd);
    errno = error;
    return more == 0;
}
