/* From the first instruction to main: environment, auxiliary vector, thread-local storage,
 * constructors. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/auxv.h>
#include <unistd.h>

#include "internal.h"

typedef void (*start_function)(int, char **, char **);

extern start_function __preinit_array_start[], __preinit_array_end[];
extern start_function __init_array_start[], __init_array_end[];
extern void (*__fini_array_start[])(void), (*__fini_array_end[])(void);

int main(int argc, char **argv, char **envp);
void __libc_start(long *stack) __attribute__((__noreturn__));

char **__environ __attribute__((__weak__));
char *program_invocation_name = "";
char *program_invocation_short_name = "";

static unsigned long *auxiliary;
void *__first_stack_end; /* about where the first thread's stack begins */

unsigned long getauxval(unsigned long type)
{
    for (unsigned long *entry = auxiliary; entry && entry[0] != AT_NULL; entry += 2)
        if (entry[0] == type)
            return entry[1];
    errno = ENOENT;
    return 0;
}

static void set_names(char *name)
{
    char *slash = name ? strrchr(name, '/') : NULL;

    if (!name)
        return;
    program_invocation_name = name;
    program_invocation_short_name = slash ? slash + 1 : name;
}

static void run_destructors(void)
{
    for (void (**f)(void) = __fini_array_end; f > __fini_array_start;)
        (*--f)();
}

void __libc_start(long *stack)
{
    int argc = (int)stack[0];
    char **argv = (char **)(stack + 1);
    char **envp = argv + argc + 1;
    char **end = envp;

    while (*end)
        end++;
    auxiliary = (unsigned long *)(end + 1);
    __first_stack_end = auxiliary;
    __tls_start(auxiliary);
    environ = envp;
    __environ = envp;
    set_names(argv[0]);
    for (start_function *f = __preinit_array_start; f < __preinit_array_end; f++)
        (*f)(argc, argv, envp);
    atexit(run_destructors);
    for (start_function *f = __init_array_start; f < __init_array_end; f++)
        (*f)(argc, argv, envp);
    exit(main(argc, argv, environ));
}
