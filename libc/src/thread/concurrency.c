/* A hint for libraries that map threads to fewer of the kernel's; here each is one. */
#include <errno.h>
#include <sched.h>

#include "thread.h"

static int level;

int pthread_getconcurrency(void)
{
    return level;
}

int pthread_setconcurrency(int new_level)
{
    if (new_level < 0)
        return EINVAL;
    level = new_level;
    return 0;
}

int pthread_yield(void)
{
    return sched_yield();
}
