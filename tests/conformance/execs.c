/* execve: what a program finds at its start, and every odd form of "#!". */
#include "show.h"

#include <sys/auxv.h>
#include <sys/mman.h>
#include <sys/resource.h>

extern char **environ;

static void print_vector(const char *what, char **vector)
{
    printf("%s:", what);
    for (; *vector; vector++)
        printf(" \"%s\"", *vector);
    printf("\n");
}

/* The other life of this program: tells what it was given. */
static int tell(int argc, char **argv)
{
    unsigned long flags;
    unsigned short control;
    unsigned mxcsr;
    sigset_t mask;

    printf("argc %d\n", argc);
    print_vector("arguments", argv);
    print_vector("environment", environ);
    __asm__("pushfq; popq %0" : "=r"(flags));
    __asm__("fnstcw %0" : "=m"(control));
    __asm__("stmxcsr %0" : "=m"(mxcsr));
    printf("flags %lx, x87 %x, mxcsr %x\n", flags & 0x40500, control, mxcsr & 0xffc0);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    printf("mask %lx, secure %lu, page %lu, entries of %lu\n", (unsigned long)mask,
           getauxval(AT_SECURE), getauxval(AT_PAGESZ), getauxval(AT_PHENT));
    /* The strings lie above the vectors, in order, each right behind the one before. */
    bool packed = true;
    for (int n = 1; n < argc; n++)
        packed &= argv[n] == argv[n - 1] + strlen(argv[n - 1]) + 1;
    if (argc && *environ)
        packed &= environ[0] == argv[argc - 1] + strlen(argv[argc - 1]) + 1;
    printf("packed %d, vectors below %d, aligned %lu\n", packed,
           argc == 0 || (char *)argv < argv[0], ((uintptr_t)argv - 8) % 16);
    return 23;
}

static char self[64];

static void run(const char *what, const char *path, char **argv, char **envp)
{
    int status;

    printf("== %s\n", what);
    fflush(stdout);
    pid_t pid = fork();
    if (pid == 0) {
        execve(path, argv, envp);
        printf("refused: %s\n", strerror(errno));
        fflush(stdout);
        _exit(0);
    }
    waitpid(pid, &status, 0);
    if (status != 0)
        print_status("end", status);
}

#define VECTOR(...) ((char *[]){__VA_ARGS__, NULL})

/* A script of that text; %S in it stands for this program's path. */
static void script(const char *name, const char *text)
{
    char whole[8192];
    size_t n = 0;

    for (; *text && n < sizeof(whole) - 80; text++)
        if (text[0] == '%' && text[1] == 'S') {
            n += sprintf(whole + n, "%s", self);
            text++;
        } else {
            whole[n++] = *text;
        }
    whole[n] = '\0';
    put_file(name, whole, 0755);
}

static void scripts(void)
{
    static const char *const texts[] = {
        "#!%S\n",
        "#!%S",
        "#! %S\n",
        "#!\t%S\t\n",
        "#!%S one\n",
        "#!%S one two  \n",
        "#!%S  one\n",
        "#!%S one\ttwo",
        "#!%S one\r\n",
        "#!\n",
        "#!",
        "#",
        "#! \n",
        "#! ",
        "# !%S\n",
        " #!%S\n",
        "#!%S\0 x\n",
        "#!missing\n",
        "#!/\n",
        "#!.\n",
        "#!./\n",
        "#!empty\n",
        "#!plain\n",
        "#!self\n",
        "#!\n%S\n",
        "#!%S a\nb\n",
        "#!/dev/null\n",
        "\n#!%S\n",
    };
    char name[32], loops[64];

    put_file("empty", "", 0755);
    put_file("plain", "plain", 0644);
    for (size_t n = 0; n < COUNT(texts); n++) {
        script("self", texts[n]);
        printf("-- ");
        for (const char *c = texts[n]; *c; c++)
            *c < ' ' ? printf("\\%03o", *c) : putchar(*c);
        printf("\n");
        run("script", "./self", VECTOR("zero", "first", "second"), VECTOR("A=1"));
    }
    /* The first line counts up to 256 bytes, its end included. */
    for (int length = 250; length <= 260; length++) {
        char line[400];
        int n = sprintf(line, "#!%s ", self);
        memset(line + n, 'x', length - n);
        strcpy(line + length, "\nsecond line\n");
        put_file("self", line, 0755);
        snprintf(name, sizeof(name), "a line of %d", length);
        run(name, "./self", VECTOR("zero"), VECTOR("A=1"));
    }
    /* Scripts of scripts. */
    script("s0", "#!%S zero\n");
    for (int n = 1; n <= 6; n++) {
        snprintf(name, sizeof(name), "s%d", n);
        snprintf(loops, sizeof(loops), "#!./s%d arg%d\n", n - 1, n);
        put_file(name, loops, 0755);
        run(name, name, VECTOR("zero", "first"), VECTOR("A=1"));
    }
    script("self", "#!%S\n");
    chmod("self", 0644);
    run("not executable", "./self", VECTOR("zero"), VECTOR("A=1"));
    chmod("self", 0111);
    run("not readable", "./self", VECTOR("zero"), VECTOR("A=1"));
}

static void sizes(void)
{
    static const size_t lengths[] = {1, 4095, 4096, 100000, 131070, 131071, 131072, 200000};
    char *text = malloc(300000);

    memset(text, 'y', 300000);
    for (size_t n = 0; n < COUNT(lengths); n++) {
        int status;
        text[lengths[n]] = '\0';
        for (int which = 0; which < 2; which++) {
            pid_t pid = fork();
            if (pid == 0) {
                char *one[] = {"x", "--silent", which ? NULL : text, NULL},
                     *variable[] = {which ? text : NULL, NULL};
                execve(self, one, variable);
                printf("a string of %zu: %s\n", lengths[n], strerror(errno));
                fflush(stdout);
                _exit(0);
            }
            waitpid(pid, &status, 0);
            if (status)
                printf("a string of %zu: status %x\n", lengths[n], status);
        }
        text[lengths[n]] = 'y';
    }
    /* All strings together: a quarter of the stack's limit, but 128 KiB in any case. */
    for (rlim_t limit = 256 << 10; limit <= 8 << 20; limit *= 2)
        for (int parts = 1; parts <= 24; parts += parts < 4 ? 1 : 4) {
            int status;
            fflush(stdout);
            pid_t pid = fork();
            if (pid == 0) {
                struct rlimit stack = {limit, limit};
                char *vector[40] = {"x", "--silent"};
                setrlimit(RLIMIT_STACK, &stack);
                text[100000] = '\0';
                for (int n = 0; n < parts; n++)
                    vector[2 + n] = text;
                execve(self, vector, VECTOR("A=1"));
                printf("stack %lu, %d00000 bytes: %s\n", (unsigned long)limit, parts,
                       strerror(errno));
                fflush(stdout);
                _exit(0);
            }
            waitpid(pid, &status, 0);
            if (status)
                printf("stack %lu, %d00000 bytes: status %x\n", (unsigned long)limit, parts,
                       status);
        }
}

static void copy_self(void)
{
    int from = open("/proc/self/exe", O_RDONLY), to = open(self, O_WRONLY | O_CREAT, 0755);
    char buffer[65536];

    for (long n; (n = read(from, buffer, sizeof(buffer))) > 0;)
        write(to, buffer, n);
    close(from);
    close(to);
}

int main(int argc, char **argv)
{
    struct stat st;

    if (argc > 1 && !strcmp(argv[1], "--silent"))
        return 23;
    /* Executed again: the copy lies in the working directory. */
    if (stat("/proc/self/exe", &st) == 0 && stat("tell", &st) == 0)
        return tell(argc, argv);
    fresh_place();
    strcpy(self, "./tell");
    copy_self();
    run("plain", self, VECTOR("zero", "one", "", "three three"),
        VECTOR("A=1", "B=", "=C", "no sign"));
    run("no environment", self, VECTOR("zero"), (char *[]){NULL});
    run("no arguments", self, (char *[]){NULL}, VECTOR("A=1"));
    run("null vectors", self, NULL, NULL);
    run("another name", "././tell", VECTOR("no such name"), VECTOR("A=1"));
    chmod(self, 0644);
    run("not executable", self, VECTOR("zero"), VECTOR("A=1"));
    chmod(self, 0111);
    run("not readable", self, VECTOR("zero"), VECTOR("A=1"));
    chmod(self, 0755);
    scripts();
    sizes();
    leave_place();
    return 0;
}
