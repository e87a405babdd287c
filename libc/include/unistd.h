/* newlib's unistd.h and what it hides from systems that it does not know. */
#ifndef _UNISTD_H_
#define _UNISTD_H_

#include <sys/unistd.h>

#define L_SET  SEEK_SET
#define L_INCR SEEK_CUR
#define L_XTND SEEK_END

#define _CS_PATH 0

__BEGIN_DECLS

extern char **__environ;
long syscall(long, ...);
pid_t gettid(void);
int brk(void *);
int setresuid(uid_t, uid_t, uid_t);
int setresgid(gid_t, gid_t, gid_t);
int getresuid(uid_t *, uid_t *, uid_t *);
int getresgid(gid_t *, gid_t *, gid_t *);
int setfsuid(uid_t);
int setfsgid(gid_t);
int setdomainname(const char *, size_t);
int syncfs(int);
int acct(const char *);
int renameat2(int, const char *, int, const char *, unsigned);

__END_DECLS

#endif
