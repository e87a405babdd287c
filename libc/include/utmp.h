/* Nobody keeps records of who is logged in; what is left is to make a terminal one's own. */
#ifndef _UTMP_H
#define _UTMP_H

#include <sys/cdefs.h>

__BEGIN_DECLS

int login_tty(int terminal);

__END_DECLS

#endif
