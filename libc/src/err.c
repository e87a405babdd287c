/* err.h */
#include <err.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void complain(const char *format, va_list list, const char *reason)
{
    fflush(stdout);
    fprintf(stderr, "%s: ", program_invocation_short_name);
    if (format)
        vfprintf(stderr, format, list);
    fprintf(stderr, "%s%s\n", reason && format ? ": " : "", reason ? reason : "");
}

void vwarn(const char *format, va_list list)
{
    complain(format, list, strerror(errno));
}

void vwarnx(const char *format, va_list list)
{
    complain(format, list, NULL);
}

void verr(int status, const char *format, va_list list)
{
    vwarn(format, list);
    exit(status);
}

void verrx(int status, const char *format, va_list list)
{
    vwarnx(format, list);
    exit(status);
}

#define WITH_LIST(format, call) \
    va_list list;               \
    va_start(list, format);     \
    call;                       \
    va_end(list)

void warn(const char *format, ...)
{
    WITH_LIST(format, vwarn(format, list));
}

void warnx(const char *format, ...)
{
    WITH_LIST(format, vwarnx(format, list));
}

void err(int status, const char *format, ...)
{
    WITH_LIST(format, vwarn(format, list));
    exit(status);
}

void errx(int status, const char *format, ...)
{
    WITH_LIST(format, vwarnx(format, list));
    exit(status);
}
