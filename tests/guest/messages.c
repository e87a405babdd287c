/* Messages: sendmsg, recvmsg and their plural forms; control data, descriptors and credentials that
 * travel in it. */
#include "ktap.h"

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/un.h>

enum { NOBODY = 65534, RIGHTS_MAX = 253 };

static void pair_of(int type, int pair[2])
{
    CHECK(socketpair(AF_UNIX, type, 0, pair) == 0);
}

/* A message with room for control data. */
struct box {
    struct msghdr message;
    struct iovec piece;
    char text[16];
    char control[CMSG_SPACE(sizeof(int) * (RIGHTS_MAX + 3)) + 64];
};

static struct msghdr *box_begin(struct box *box, const char *text, size_t control)
{
    memset(box, 0, sizeof(*box));
    box->piece = (struct iovec){box->text, text ? strlen(text) : sizeof(box->text)};
    if (text)
        memcpy(box->text, text, strlen(text));
    box->message = (struct msghdr){.msg_iov = &box->piece,
                                   .msg_iovlen = 1,
                                   .msg_control = control ? box->control : NULL,
                                   .msg_controllen = control};
    return &box->message;
}

static struct cmsghdr *box_control(struct box *box, int type, const void *data, size_t length)
{
    struct cmsghdr *header = (struct cmsghdr *)box->control;

    header->cmsg_level = SOL_SOCKET;
    header->cmsg_type = type;
    header->cmsg_len = CMSG_LEN(length);
    memcpy(CMSG_DATA(header), data, length);
    return header;
}

static ssize_t send_rights(int fd, const int *fds, int count)
{
    struct box box;
    struct msghdr *message = box_begin(&box, "x", CMSG_SPACE(sizeof(int) * (size_t)count));

    box_control(&box, SCM_RIGHTS, fds, sizeof(int) * (size_t)count);
    return sendmsg(fd, message, 0);
}

/* How many came, into FDS; *FLAGS: msg_flags. */
static int receive_rights(int fd, int *fds, size_t room, int flags, int *out_flags)
{
    struct box box;
    struct msghdr *message = box_begin(&box, NULL, room);

    CHECK(recvmsg(fd, message, flags) >= 0);
    *out_flags = message->msg_flags;
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (!header) {
        CHECK_EQUAL(message->msg_controllen, 0);
        return 0;
    }
    CHECK(header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_RIGHTS);
    int count = (int)((header->cmsg_len - CMSG_LEN(0)) / sizeof(int));
    memcpy(fds, CMSG_DATA(header), (size_t)count * sizeof(int));
    return count;
}

static int open_count(void)
{
    int count = 0;

    for (int fd = 0; fd < 600; fd++)
        count += fcntl(fd, F_GETFD) >= 0;
    return count;
}

/* ---- Pieces ---- */

TEST(pieces, "a message is gathered from pieces and scattered into others")
{
    int pair[2];
    char text[10] = {0};
    struct iovec out[3] = {{"abc", 3}, {NULL, 0}, {"defg", 4}}, in[2] = {{text, 2}, {text + 2, 8}};
    struct msghdr message = {.msg_iov = out, .msg_iovlen = 3};

    pair_of(SOCK_STREAM, pair);
    CHECK_EQUAL(sendmsg(pair[0], &message, 0), 7);
    message = (struct msghdr){.msg_iov = in, .msg_iovlen = 2, .msg_flags = 77};
    CHECK_EQUAL(recvmsg(pair[1], &message, 0), 7);
    CHECK_STRING(text, "abcdefg");
    CHECK_EQUAL(message.msg_flags, 0);
    message = (struct msghdr){.msg_iov = out, .msg_iovlen = 1025};
    CHECK_ERROR(sendmsg(pair[0], &message, 0), EMSGSIZE);
    CHECK_ERROR(recvmsg(pair[0], &message, 0), EMSGSIZE);
    message = (struct msghdr){.msg_iov = (struct iovec *)8, .msg_iovlen = 1};
    CHECK_ERROR(sendmsg(pair[0], &message, 0), EFAULT);
    CHECK_ERROR(sendmsg(pair[0], (struct msghdr *)8, 0), EFAULT);
    message = (struct msghdr){.msg_iov = out, .msg_iovlen = 1, .msg_name = text};
    message.msg_namelen = (socklen_t)-1;
    CHECK_ERROR(sendmsg(pair[0], &message, 0), EINVAL);
    CHECK_ERROR(recvmsg(pair[0], &message, 0), EINVAL);
}

TEST(truncation, "msg_flags say what was cut")
{
    int pair[2];
    struct box box;

    pair_of(SOCK_DGRAM, pair);
    CHECK_EQUAL(write(pair[0], "abcdef", 6), 6);
    struct msghdr *message = box_begin(&box, "..", 0);
    CHECK_EQUAL(recvmsg(pair[1], message, 0), 2);
    CHECK_EQUAL(message->msg_flags, MSG_TRUNC);
    CHECK_EQUAL(write(pair[0], "abcdef", 6), 6);
    message = box_begin(&box, "..", 0);
    CHECK_EQUAL(recvmsg(pair[1], message, MSG_TRUNC), 6);
    CHECK_EQUAL(write(pair[0], "ab", 2), 2);
    message = box_begin(&box, "..", 0);
    CHECK_EQUAL(recvmsg(pair[1], message, MSG_CMSG_CLOEXEC), 2);
    CHECK_EQUAL(message->msg_flags, MSG_CMSG_CLOEXEC);
}

TEST(message_names, "recvmsg tells the sender, as much as there is room for")
{
    struct sockaddr_un name = {.sun_family = AF_UNIX, .sun_path = "me"}, from;
    int pair[2] = {socket(AF_UNIX, SOCK_DGRAM, 0), socket(AF_UNIX, SOCK_DGRAM, 0)};
    struct box box;
    socklen_t length = sizeof(sa_family_t) + 3;

    CHECK(bind(pair[0], (struct sockaddr *)&name, length) == 0);
    strcpy(name.sun_path, "you");
    CHECK(bind(pair[1], (struct sockaddr *)&name, length + 1) == 0);
    struct msghdr *message = box_begin(&box, "hello", 0);
    message->msg_name = &name;
    message->msg_namelen = length + 1;
    CHECK_EQUAL(sendmsg(pair[0], message, 0), 5);
    CHECK_EQUAL(sendto(pair[0], "to", 2, 0, (struct sockaddr *)&name, length + 1), 2);
    message = box_begin(&box, NULL, 0);
    message->msg_name = &from;
    message->msg_namelen = sizeof(from);
    CHECK_EQUAL(recvmsg(pair[1], message, 0), 5);
    CHECK_EQUAL(message->msg_namelen, length);
    CHECK_STRING(from.sun_path, "me");
    length = 3;
    memset(&from, 0x55, sizeof(from));
    CHECK_EQUAL(recvfrom(pair[1], box.text, 16, 0, (struct sockaddr *)&from, &length), 2);
    CHECK_EQUAL(length, sizeof(sa_family_t) + 3);
    CHECK(from.sun_path[0] == 'm' && from.sun_path[1] == 0x55);
    strcpy(name.sun_path, "nil");
    length = sizeof(sa_family_t) + 4;
    CHECK_ERROR(sendto(pair[0], "x", 1, 0, (struct sockaddr *)&name, length), ENOENT);
    CHECK(close(pair[1]) == 0);
    strcpy(name.sun_path, "you");
    CHECK_ERROR(sendto(pair[0], "x", 1, 0, (struct sockaddr *)&name, length), ECONNREFUSED);
    CHECK_ERROR(sendto(pair[0], "x", 1, 0, (struct sockaddr *)8, length), EFAULT);
    CHECK_ERROR(sendto(pair[0], "x", 1, 0, (struct sockaddr *)&name, 200), EINVAL);
    CHECK_ERROR(send(pair[0], "x", 1, 0), ENOTCONN);
}

/* ---- Descriptors ---- */

TEST(rights, "a descriptor travels: another number for the same open file")
{
    int pair[2], ends[2], got[4], flags;
    char c;

    pair_of(SOCK_STREAM, pair);
    CHECK(pipe(ends) == 0);
    CHECK_EQUAL(send_rights(pair[0], ends, 2), 1);
    CHECK(close(ends[0]) == 0);
    CHECK_EQUAL(receive_rights(pair[1], got, CMSG_SPACE(8), 0, &flags), 2);
    CHECK_EQUAL(flags, 0);
    CHECK_EQUAL(fcntl(got[0], F_GETFD), 0);
    CHECK_EQUAL(write(ends[1], "p", 1), 1);
    CHECK_EQUAL(read(got[0], &c, 1), 1);
    CHECK_EQUAL(send_rights(pair[0], ends + 1, 1), 1);
    CHECK_EQUAL(receive_rights(pair[1], got + 2, CMSG_SPACE(4), MSG_CMSG_CLOEXEC, &flags), 1);
    CHECK_EQUAL(flags, MSG_CMSG_CLOEXEC);
    CHECK_EQUAL(fcntl(got[2], F_GETFD), FD_CLOEXEC);
    /* The file is shared, offset and flags. */
    int file = open("f", O_RDWR | O_CREAT, 0600);
    CHECK(write(file, "abcdef", 6) == 6);
    CHECK_EQUAL(send_rights(pair[0], &file, 1), 1);
    CHECK_EQUAL(receive_rights(pair[1], got, CMSG_SPACE(4), 0, &flags), 1);
    CHECK(lseek(file, 2, SEEK_SET) == 2);
    CHECK(read(got[0], &c, 1) == 1 && c == 'c');
}

TEST(rights_cut, "what finds no room is closed, and msg_flags say so")
{
    int pair[2], fds[3] = {0, 1, 2}, got[4], flags;
    struct box box;

    pair_of(SOCK_STREAM, pair);
    int before = open_count();
    CHECK_EQUAL(send_rights(pair[0], fds, 3), 1);
    CHECK_EQUAL(receive_rights(pair[1], got, CMSG_LEN(8), 0, &flags), 2);
    CHECK_EQUAL(flags, MSG_CTRUNC);
    CHECK(close(got[0]) == 0 && close(got[1]) == 0);
    CHECK_EQUAL(send_rights(pair[0], fds, 3), 1);
    CHECK_EQUAL(receive_rights(pair[1], got, CMSG_LEN(0), 0, &flags), 0);
    CHECK_EQUAL(flags, MSG_CTRUNC);
    CHECK_EQUAL(send_rights(pair[0], fds, 3), 1);
    CHECK_EQUAL(receive_rights(pair[1], got, 0, 0, &flags), 0);
    CHECK_EQUAL(flags, MSG_CTRUNC);
    CHECK_EQUAL(send_rights(pair[0], fds, 3), 1);
    CHECK_EQUAL(read(pair[1], box.text, 1), 1);
    CHECK_EQUAL(send_rights(pair[0], fds, 3), 1);
    CHECK_EQUAL(recv(pair[1], box.text, 1, 0), 1);
    CHECK_EQUAL(open_count(), before);
}

TEST(rights_limit, "RLIMIT_NOFILE cuts them, too")
{
    int pair[2], fds[3] = {0, 1, 2}, got[4], flags;

    pair_of(SOCK_STREAM, pair);
    CHECK_EQUAL(send_rights(pair[0], fds, 3), 1);
    struct rlimit few = {(rlim_t)pair[1] + 2, (rlim_t)pair[1] + 2};
    CHECK(setrlimit(RLIMIT_NOFILE, &few) == 0);
    CHECK_EQUAL(receive_rights(pair[1], got, CMSG_SPACE(12), 0, &flags), 1);
    CHECK_EQUAL(flags, MSG_CTRUNC);
    CHECK_EQUAL(got[0], pair[1] + 1);
}

TEST(rights_refused, "descriptors that aren't, too many of them, control data that lies")
{
    int pair[2], bad[2] = {0, 99}, many[RIGHTS_MAX + 1] = {0}, got[RIGHTS_MAX + 1], flags;
    struct box box;

    pair_of(SOCK_STREAM, pair);
    CHECK_ERROR(send_rights(pair[0], bad, 2), EBADF);
    bad[1] = -1;
    CHECK_ERROR(send_rights(pair[0], bad, 2), EBADF);
    CHECK_ERROR(send_rights(pair[0], many, RIGHTS_MAX + 1), EINVAL);
    CHECK_EQUAL(send_rights(pair[0], many, RIGHTS_MAX), 1);
    CHECK_EQUAL(receive_rights(pair[1], got, sizeof(box.control), 0, &flags), RIGHTS_MAX);
    CHECK_EQUAL(flags, 0);

    struct msghdr *message = box_begin(&box, "x", CMSG_SPACE(4));
    struct cmsghdr *header = box_control(&box, SCM_RIGHTS, many, 4);
    header->cmsg_len = CMSG_LEN(0) - 1;
    CHECK_ERROR(sendmsg(pair[0], message, 0), EINVAL);
    header->cmsg_len = CMSG_SPACE(4) + 1;
    CHECK_ERROR(sendmsg(pair[0], message, 0), EINVAL);
    header->cmsg_len = (size_t)-1;
    CHECK_ERROR(sendmsg(pair[0], message, 0), EINVAL);
    header->cmsg_len = CMSG_LEN(4);
    header->cmsg_type = 77;
    CHECK_ERROR(sendmsg(pair[0], message, 0), EINVAL);
    header->cmsg_level = 77; /* somebody else's */
    CHECK_EQUAL(sendmsg(pair[0], message, 0), 1);
    message->msg_controllen = 5; /* less than a header: none */
    CHECK_EQUAL(sendmsg(pair[0], message, 0), 1);
    message->msg_controllen = (size_t)1 << 31;
    CHECK_ERROR(sendmsg(pair[0], message, 0), ENOBUFS);
    message->msg_controllen = 100;
    message->msg_control = (void *)8;
    CHECK_ERROR(sendmsg(pair[0], message, 0), EFAULT);
}

TEST(rights_die, "rights in a queue that dies with its socket are closed")
{
    int pair[2], ends[2];
    char c;

    pair_of(SOCK_DGRAM, pair);
    CHECK(pipe(ends) == 0);
    CHECK_EQUAL(send_rights(pair[0], ends + 1, 1), 1);
    CHECK(close(ends[1]) == 0);
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    CHECK_ERROR(read(ends[0], &c, 1), EAGAIN);
    CHECK(close(pair[1]) == 0);
    for (int n = 0; n < 2000 && read(ends[0], &c, 1) != 0; n++)
        ktap_sleep(1);
    CHECK_EQUAL(read(ends[0], &c, 1), 0);
}

TEST(rights_circle, "sockets that lie in each other's queues are found and closed")
{
    int one[2], other[2], ends[2];
    char c;

    CHECK(pipe(ends) == 0);
    for (int round = 0; round < 50; round++) {
        pair_of(SOCK_DGRAM, one);
        pair_of(SOCK_DGRAM, other);
        CHECK_EQUAL(send_rights(one[0], ends + 1, 1), 1);
        CHECK_EQUAL(send_rights(one[0], other + 1, 1), 1);
        CHECK_EQUAL(send_rights(other[0], one + 1, 1), 1);
        close(one[0]);
        close(one[1]);
        close(other[0]);
        close(other[1]);
    }
    close(ends[1]);
    CHECK(fcntl(ends[0], F_SETFL, O_NONBLOCK) == 0);
    for (int n = 0; n < 5000 && read(ends[0], &c, 1) != 0; n++) {
        ktap_sleep(1);
        pair_of(SOCK_DGRAM, one); /* circles are looked for when a socket is closed */
        close(one[0]);
        close(one[1]);
    }
    CHECK_EQUAL(read(ends[0], &c, 1), 0);
}

/* ---- Credentials ---- */

static bool take_credentials(int fd, struct ucred *out)
{
    struct box box;
    struct msghdr *message = box_begin(&box, NULL, CMSG_SPACE(sizeof(*out)));

    CHECK(recvmsg(fd, message, 0) >= 0);
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    if (!header)
        return false;
    CHECK(header->cmsg_level == SOL_SOCKET && header->cmsg_type == SCM_CREDENTIALS);
    CHECK_EQUAL(header->cmsg_len, CMSG_LEN(sizeof(*out)));
    memcpy(out, CMSG_DATA(header), sizeof(*out));
    return true;
}

static ssize_t send_credentials(int fd, struct ucred claim)
{
    struct box box;
    struct msghdr *message = box_begin(&box, "x", CMSG_SPACE(sizeof(claim)));

    box_control(&box, SCM_CREDENTIALS, &claim, sizeof(claim));
    return sendmsg(fd, message, 0);
}

TEST(credentials, "SO_PASSCRED tells who sends, and nobody may lie but root")
{
    int pair[2], one = 1;
    struct ucred who;

    pair_of(SOCK_STREAM, pair);
    CHECK_EQUAL(write(pair[0], "x", 1), 1);
    CHECK(!take_credentials(pair[1], &who));
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
    CHECK_EQUAL(write(pair[0], "x", 1), 1);
    CHECK(take_credentials(pair[1], &who));
    CHECK(who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
    CHECK_EQUAL(send_credentials(pair[0], (struct ucred){getpid(), getuid(), getgid()}), 1);
    CHECK(take_credentials(pair[1], &who));
    CHECK(who.pid == getpid() && who.uid == getuid() && who.gid == getgid());
    if (geteuid() != 0)
        SKIP("the rest needs root");
    CHECK_EQUAL(send_credentials(pair[0], (struct ucred){1, 77, 78}), 1);
    CHECK(take_credentials(pair[1], &who));
    CHECK(who.pid == 1 && who.uid == 77 && who.gid == 78);
    CHECK_ERROR(send_credentials(pair[0], (struct ucred){0x3fffff, 77, 78}), ESRCH);
    CHECK_CHILD(CHILD({
        CHECK(setgid(NOBODY) == 0 && setuid(NOBODY) == 0);
        CHECK_ERROR(send_credentials(pair[0], (struct ucred){getpid(), 0, NOBODY}), EPERM);
        CHECK_ERROR(send_credentials(pair[0], (struct ucred){getpid(), NOBODY, 0}), EPERM);
        CHECK_ERROR(send_credentials(pair[0], (struct ucred){1, NOBODY, NOBODY}), EPERM);
        CHECK_EQUAL(send_credentials(pair[0], (struct ucred){getpid(), NOBODY, NOBODY}), 1);
    }));
    CHECK(take_credentials(pair[1], &who));
    CHECK(who.uid == NOBODY && who.gid == NOBODY);
}

TEST(peer_credentials, "SO_PEERCRED tells who made the pair, connected or listened")
{
    int pair[2];
    struct ucred who;
    socklen_t length = sizeof(who);

    pair_of(SOCK_STREAM, pair);
    CHECK(getsockopt(pair[0], SOL_SOCKET, SO_PEERCRED, &who, &length) == 0);
    CHECK(who.pid == getpid() && who.uid == geteuid() && who.gid == getegid());
    int fd = socket(AF_UNIX, SOCK_STREAM, 0);
    CHECK(getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &who, &length) == 0);
    CHECK(who.pid == 0 && who.uid == (uid_t)-1 && who.gid == (gid_t)-1);
}

TEST(credentials_and_rights, "credentials come before rights, each with its room")
{
    int pair[2], one = 1, fds[2] = {0, 1};
    struct box box;

    pair_of(SOCK_DGRAM, pair);
    CHECK(setsockopt(pair[1], SOL_SOCKET, SO_PASSCRED, &one, sizeof(one)) == 0);
    CHECK_EQUAL(send_rights(pair[0], fds, 2), 1);
    struct msghdr *message = box_begin(&box, NULL, sizeof(box.control));
    CHECK_EQUAL(recvmsg(pair[1], message, 0), 1);
    CHECK_EQUAL(message->msg_controllen, CMSG_SPACE(sizeof(struct ucred)) + CMSG_SPACE(8));
    struct cmsghdr *header = CMSG_FIRSTHDR(message);
    CHECK(header && header->cmsg_type == SCM_CREDENTIALS);
    header = CMSG_NXTHDR(message, header);
    CHECK(header && header->cmsg_type == SCM_RIGHTS);
    CHECK_EQUAL(header->cmsg_len, CMSG_LEN(8));
    CHECK_EQUAL(send_rights(pair[0], fds, 2), 1);
    message = box_begin(&box, NULL, CMSG_SPACE(sizeof(struct ucred)) + CMSG_LEN(4));
    CHECK_EQUAL(recvmsg(pair[1], message, 0), 1);
    CHECK_EQUAL(message->msg_flags, MSG_CTRUNC);
    CHECK_EQUAL(message->msg_controllen, CMSG_SPACE(sizeof(struct ucred)) + CMSG_LEN(4));
    CHECK_EQUAL(send_rights(pair[0], fds, 2), 1);
    message = box_begin(&box, NULL, CMSG_LEN(4));
    CHECK_EQUAL(recvmsg(pair[1], message, 0), 1);
    CHECK_EQUAL(message->msg_flags, MSG_CTRUNC);
    CHECK_EQUAL(((struct cmsghdr *)box.control)->cmsg_len, CMSG_LEN(4));
}

/* ---- Many at once ---- */

static void many_begin(struct mmsghdr *many, struct iovec *pieces, char (*text)[4], int count)
{
    for (int n = 0; n < count; n++) {
        pieces[n] = (struct iovec){text[n], 4};
        many[n] = (struct mmsghdr){.msg_hdr = {.msg_iov = &pieces[n], .msg_iovlen = 1}};
    }
}

TEST(many, "sendmmsg and recvmmsg move as many as there are")
{
    int pair[2];
    struct mmsghdr many[4];
    struct iovec pieces[4];
    char text[4][4] = {"abc", "def", "ghi", "jkl"};

    pair_of(SOCK_DGRAM, pair);
    many_begin(many, pieces, text, 4);
    pieces[1].iov_len = 2;
    CHECK_EQUAL(sendmmsg(pair[0], many, 3, 0), 3);
    CHECK(many[0].msg_len == 4 && many[1].msg_len == 2 && many[2].msg_len == 4);
    memset(text, 0, sizeof(text));
    many_begin(many, pieces, text, 4);
    CHECK_EQUAL(recvmmsg(pair[1], many, 4, MSG_WAITFORONE, NULL), 3);
    CHECK(many[0].msg_len == 4 && many[1].msg_len == 2 && many[2].msg_len == 4);
    CHECK(!memcmp(text, "abc\0de\0\0ghi\0\0\0\0", 16));
    CHECK_ERROR(recvmmsg(pair[1], many, 4, MSG_DONTWAIT, NULL), EAGAIN);
    CHECK_EQUAL(recvmmsg(pair[1], many, 0, 0, NULL), 0);
    CHECK_EQUAL(sendmmsg(pair[1], many, 0, 0), 0);
    pieces[1].iov_base = (void *)8;
    CHECK_EQUAL(sendmmsg(pair[0], many, 3, 0), 1);
    CHECK_ERROR(sendmmsg(pair[0], many + 1, 2, 0), EFAULT);
}

TEST(many_timeout, "recvmmsg's time is looked at after each message")
{
    int pair[2];
    struct mmsghdr many[4];
    struct iovec pieces[4];
    char text[4][4];
    struct timespec time = {0, 30000000};

    pair_of(SOCK_DGRAM, pair);
    many_begin(many, pieces, text, 4);
    CHECK_EQUAL(write(pair[0], "a", 1), 1);
    pid_t pid = CHILD({
        ktap_await_asleep(getppid());
        ktap_sleep(80);
        CHECK_EQUAL(write(pair[0], "b", 1), 1);
    });
    CHECK_EQUAL(recvmmsg(pair[1], many, 4, 0, &time), 2);
    CHECK(time.tv_sec == 0 && time.tv_nsec == 0);
    CHECK_CHILD(pid);
    time = (struct timespec){100, 0};
    CHECK_EQUAL(write(pair[0], "a", 1), 1);
    CHECK_EQUAL(recvmmsg(pair[1], many, 1, 0, &time), 1);
    CHECK(time.tv_sec == 99 && time.tv_nsec > 0);
    time.tv_nsec = 1000000000;
    CHECK_ERROR(recvmmsg(pair[1], many, 4, 0, &time), EINVAL);
    CHECK_ERROR(recvmmsg(pair[1], many, 4, 0, (struct timespec *)8), EFAULT);
}

TEST(sequenced_packets, "records keep their ends")
{
    int pair[2];
    struct box box;
    char text[8];

    pair_of(SOCK_SEQPACKET, pair);
    CHECK_EQUAL(write(pair[0], "abc", 3), 3);
    CHECK_EQUAL(write(pair[0], "de", 2), 2);
    CHECK_EQUAL(recv(pair[1], text, 8, MSG_WAITALL), 3);
    struct msghdr *message = box_begin(&box, "x", 0);
    CHECK_EQUAL(recvmsg(pair[1], message, 0), 1);
    CHECK_EQUAL(message->msg_flags & MSG_TRUNC, MSG_TRUNC);
    CHECK(close(pair[0]) == 0);
    CHECK_EQUAL(read(pair[1], text, 8), 0);
}
