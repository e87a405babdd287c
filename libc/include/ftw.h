/* Walking a tree of directories. */
#ifndef _FTW_H_
#define _FTW_H_

#include <sys/cdefs.h>
#include <sys/stat.h>

#define FTW_F   0 /* no directory */
#define FTW_D   1 /* a directory, before what is in it */
#define FTW_DNR 2 /* a directory that can't be read */
#define FTW_NS  3 /* stat failed */
#define FTW_SL  4 /* a symbolic link, with FTW_PHYS */
#define FTW_DP  5 /* a directory, behind what is in it: FTW_DEPTH */
#define FTW_SLN 6 /* a symbolic link to nothing, without FTW_PHYS */

#define FTW_PHYS  1 /* does not follow symbolic links */
#define FTW_MOUNT 2 /* stays in one file system */
#define FTW_CHDIR 4 /* calls in the directory that holds the file */
#define FTW_DEPTH 8 /* a directory comes behind what is in it */

struct FTW {
    int base;  /* where in the path the last name begins */
    int level; /* 0: the path that was given */
};

__BEGIN_DECLS

int ftw(const char *, int (*)(const char *, const struct stat *, int), int);
int nftw(const char *, int (*)(const char *, const struct stat *, int, struct FTW *), int, int);

__END_DECLS

#endif
