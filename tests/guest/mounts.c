/* Options of mount(2): what is done of them, and that the rest is refused. */
#include <fcntl.h>
#include <sys/mount.h>
#include <sys/statfs.h>
#include <sys/utsname.h>
#include "ktap.h"

/* Linux takes more options, and lets few programs mount. */
static bool elsewhere(void)
{
    struct utsname names;
    return uname(&names) == 0 && !strstr(names.version, "Sluice");
}

#define MiB (1024 * 1024)

/* Mounts TYPE with OPTIONS at "m" and unmounts it again: 0 or errno. */
static int answer(const char *type, unsigned long flags, const char *options)
{
    mkdir("m", 0755);
    if (mount("none", "m", type, flags, options) < 0)
        return errno;
    CHECK_EQUAL(umount("m"), 0);
    return 0;
}

static long blocks(const char *options)
{
    struct statfs fs = {0};
    mkdir("m", 0755);
    CHECK_EQUAL(mount("none", "m", "tmpfs", 0, options), 0);
    CHECK_EQUAL(statfs("m", &fs), 0);
    CHECK_EQUAL(umount("m"), 0);
    return (long)fs.f_blocks;
}

TEST(sizes, "size= of tmpfs is what statfs shows")
{
    if (elsewhere())
        SKIP("the options are Sluice's");
    long half = blocks(NULL);
    CHECK(half > 0);
    CHECK_EQUAL(blocks(""), half);
    CHECK_EQUAL(blocks("size=8192"), 2);
    CHECK_EQUAL(blocks("size=8193"), 3);
    CHECK_EQUAL(blocks("size=64k"), 16);
    CHECK_EQUAL(blocks("size=1M"), 256);
    CHECK_EQUAL(blocks("size=1g"), 262144);
    CHECK_EQUAL(blocks("size=0"), 0);
    CHECK_EQUAL(blocks("size=4k,size=12k"), 3);
    long share = blocks("size=50%");
    CHECK(share == half || share == half + 1);
}

TEST(full, "a tmpfs of one mebibyte takes no more")
{
    static char bytes[65536];
    long total = 0, put;
    struct statfs fs;
    if (elsewhere())
        SKIP("the options are Sluice's");
    mkdir("m", 0755);
    CHECK_EQUAL(mount("none", "m", "tmpfs", 0, "size=1m"), 0);
    int fd = open("m/f", O_CREAT | O_WRONLY, 0644);
    while ((put = write(fd, bytes, sizeof bytes)) > 0)
        total += put;
    CHECK_ERROR(write(fd, bytes, 1), ENOSPC);
    CHECK_EQUAL(total, MiB);
    CHECK(statfs("m", &fs) == 0 && fs.f_bfree == 0 && fs.f_blocks == 256);
    CHECK_EQUAL(fs.f_type, 0x01021994);
    CHECK_EQUAL(ftruncate(fd, 0), 0);
    CHECK_EQUAL(write(fd, bytes, 1), 1);
    close(fd);
    CHECK_EQUAL(umount("m"), 0);
}

TEST(roots, "mode=, uid= and gid= are the root directory's")
{
    struct stat st;
    if (elsewhere())
        SKIP("the options are Sluice's");
    mkdir("m", 0755);
    CHECK_EQUAL(mount("none", "m", "tmpfs", 0, NULL), 0);
    CHECK(stat("m", &st) == 0 && (st.st_mode & 07777) == 01777);
    CHECK_EQUAL(umount("m"), 0);
    CHECK_EQUAL(mount("none", "m", "tmpfs", 0, "mode=2750,uid=7,gid=8"), 0);
    CHECK(stat("m", &st) == 0 && (st.st_mode & 07777) == 02750);
    CHECK(st.st_uid == 7 && st.st_gid == 8);
    CHECK_EQUAL(umount("m"), 0);
    CHECK_EQUAL(mount("none", "m", "ramfs", 0, "mode=700,size=1,anything"), 0);
    CHECK(stat("m", &st) == 0 && (st.st_mode & 07777) == 0700);
    CHECK_EQUAL(umount("m"), 0);
}

TEST(refused, "options that aren't done are refused")
{
    static const char *const wrong[] = {"anything",
                                        "size",
                                        "size=",
                                        "size=1x",
                                        "size=-1",
                                        "size=1kk",
                                        "size=99999999999999999999",
                                        "size=16777216t",
                                        "mode=8",
                                        "mode=",
                                        "uid=-1",
                                        "uid=4294967295",
                                        "size=1m,no",
                                        "=",
                                        "=1",
                                        "ro=1"};
    static const char *const types[] = {"proc", "sysfs", "devtmpfs", "devpts"};
    if (elsewhere())
        SKIP("the options are Sluice's");
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        if (answer("tmpfs", 0, wrong[i]) != EINVAL)
            CHECK_STRING(wrong[i], "refused");
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        CHECK_EQUAL(answer(types[i], 0, "anything"), EINVAL);
        CHECK_EQUAL(answer(types[i], 0, "rw"), 0);
        CHECK_EQUAL(answer(types[i], 0, ""), 0);
    }
    CHECK_EQUAL(answer("proc", 0, "hidepid=0"), 0);
    CHECK_EQUAL(answer("proc", 0, "hidepid=2"), EINVAL);
    CHECK_EQUAL(answer("tmpfs", MS_SYNCHRONOUS, NULL), EINVAL);
    CHECK_EQUAL(answer("tmpfs", MS_DIRSYNC, NULL), EINVAL);
    CHECK_EQUAL(answer("tmpfs", 0, (char *)16), EFAULT);
}

TEST(long_text, "a text of a page is read, a longer one refused")
{
    static char text[8192];
    if (elsewhere())
        SKIP("the options are Sluice's");
    memset(text, ',', sizeof text - 1);
    memcpy(text + 4000, "size=4k", 7);
    CHECK_EQUAL(answer("tmpfs", 0, text), EINVAL);
    text[4050] = '\0';
    CHECK_EQUAL(blocks(text), 1);
}

TEST(read_only, "ro among the options, and again when mounted")
{
    if (elsewhere())
        SKIP("the options are Sluice's");
    mkdir("m", 0755);
    CHECK_EQUAL(mount("none", "m", "tmpfs", 0, "ro"), 0);
    CHECK(mkdir("m/d", 0755) < 0 && errno == EROFS);
    CHECK_EQUAL(mount("none", "m", NULL, MS_REMOUNT, "rw"), 0);
    CHECK_EQUAL(mkdir("m/d", 0755), 0);
    CHECK(mount("none", "m", NULL, MS_REMOUNT | MS_RDONLY, "size=1m") < 0 && errno == EINVAL);
    CHECK(mount("none", "m", NULL, MS_REMOUNT | MS_SYNCHRONOUS, NULL) < 0 && errno == EINVAL);
    CHECK_EQUAL(mkdir("m/e", 0755), 0);
    CHECK_EQUAL(mount("none", "m", NULL, MS_REMOUNT, "ro"), 0);
    CHECK(mkdir("m/f", 0755) < 0 && errno == EROFS);
    CHECK_EQUAL(umount("m"), 0);
}

TEST(claims, "a disk is one's alone who opens it with O_EXCL, or mounts it")
{
    if (elsewhere() || access("/dev/vda", F_OK) < 0)
        SKIP("there is no disk");
    mkdir("m", 0755);
    CHECK_EQUAL(mount("/dev/vda", "m", "ext3", 0, NULL), 0);
    CHECK_ERROR(open("/dev/vda", O_RDONLY | O_EXCL), EBUSY);
    CHECK_ERROR(open("/dev/vda", O_RDWR | O_EXCL), EBUSY);
    int looks = open("/dev/vda", O_RDONLY);
    CHECK(looks >= 0);
    CHECK_EQUAL(umount("m"), 0);
    int mine = open("/dev/vda", O_RDWR | O_EXCL);
    CHECK(mine >= 0);
    CHECK_EQUAL(fcntl(mine, F_GETFL) & O_EXCL, 0);
    CHECK_ERROR(open("/dev/vda", O_RDONLY | O_EXCL), EBUSY);
    CHECK_ERROR(mount("/dev/vda", "m", "ext3", 0, NULL), EBUSY);
    int more = open("/dev/vda", O_RDWR);
    CHECK(more >= 0);
    close(mine);
    CHECK_EQUAL(mount("/dev/vda", "m", "ext3", 0, NULL), 0);
    CHECK_EQUAL(umount("m"), 0);
    close(more);
    close(looks);
    CHECK_ERROR(open("/dev/vda", O_RDONLY | O_CREAT | O_EXCL, 0600), EEXIST);
    CHECK((mine = open("/dev/null", O_RDWR | O_EXCL)) >= 0);
    CHECK(open("/dev/null", O_RDWR | O_EXCL) >= 0);
}

/* Both lines and links are as the process sees them that asks. */
static void look_from_inside(int link_to_outside)
{
    char text[256] = "", link[40];
    sprintf(link, "/proc/self/fd/%d", link_to_outside);
    CHECK_EQUAL(chroot("m"), 0);
    CHECK_EQUAL(chdir("/"), 0);
    int fd = open("/proc/self/mounts", O_RDONLY);
    CHECK(fd >= 0 && read(fd, text, sizeof text - 1) > 0);
    CHECK_STRING(text, "one / tmpfs rw,relatime 0 0\ntwo /proc proc rw,relatime 0 0\n");
    memset(text, 0, sizeof text);
    CHECK(readlink(link, text, sizeof text - 1) > 0);
    CHECK_STRING(text, "/dev/null");
}

TEST(chrooted, "who has another root sees the mounts below it, as they are from there")
{
    if (elsewhere())
        SKIP("few may mount");
    int outside = open("/dev/null", O_RDONLY);
    mkdir("m", 0755);
    CHECK_EQUAL(mount("one", "m", "tmpfs", 0, NULL), 0);
    CHECK_EQUAL(mkdir("m/proc", 0755), 0);
    CHECK_EQUAL(mount("two", "m/proc", "proc", 0, NULL), 0);
    CHECK_CHILD(CHILD(look_from_inside(outside)));
    CHECK_EQUAL(umount("m/proc"), 0);
    CHECK_EQUAL(umount("m"), 0);
}
