/* Reading directories. struct dirent is the kernel's record of getdents64. */
#ifndef _DIRENT_H_
#define _DIRENT_H_

#include <sys/cdefs.h>
#include <sys/types.h>

#define DT_UNKNOWN      0
#define DT_FIFO         1
#define DT_CHR          2
#define DT_DIR          4
#define DT_BLK          6
#define DT_REG          8
#define DT_LNK          10
#define DT_SOCK         12
#define DT_WHT          14
#define IFTODT(mode)    (((mode)&0170000) >> 12)
#define DTTOIF(dirtype) ((dirtype) << 12)

struct dirent {
    ino_t d_ino;
    off_t d_off;
    unsigned short d_reclen;
    unsigned char d_type;
    char d_name[256];
};
#define d_fileno            d_ino
#define _DIRENT_HAVE_D_TYPE 1

typedef struct __directory DIR;

__BEGIN_DECLS
DIR *opendir(const char *);
DIR *fdopendir(int);
int closedir(DIR *);
int dirfd(DIR *);
struct dirent *readdir(DIR *);
int readdir_r(DIR *__restrict, struct dirent *__restrict, struct dirent **__restrict);
void rewinddir(DIR *);
long telldir(DIR *);
void seekdir(DIR *, long);
int scandir(const char *, struct dirent ***, int (*)(const struct dirent *),
            int (*)(const struct dirent **, const struct dirent **));
int alphasort(const struct dirent **, const struct dirent **);
ssize_t getdents64(int, void *, size_t);
__END_DECLS

#endif
