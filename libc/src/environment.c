/* Of the environment and the system's load, what newlib has not. */
#include <stdlib.h>
#include <sys/auxv.h>
#include <sys/sysinfo.h>
#include <unistd.h>

#include "internal.h"

int clearenv(void)
{
    static char *empty[] = {NULL};

    environ = empty;
    return 0;
}

char *secure_getenv(const char *name)
{
    return getauxval(AT_SECURE) ? NULL : getenv(name);
}

int getloadavg(double *loads, int count)
{
    struct sysinfo info;

    if (count < 0 || sysinfo(&info) < 0)
        return -1;
    count = count > 3 ? 3 : count;
    for (int n = 0; n < count; n++)
        loads[n] = info.loads[n] / (double)(1 << SI_LOAD_SHIFT);
    return count;
}
