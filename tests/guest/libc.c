/* The libc itself: what is ours over newlib, and that newlib works with our numbers. Linux's kernel
 * judges it too. */
#define KTAP_HAS_AGAIN
#include "ktap.h"

#include <arpa/inet.h>
#include <dirent.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <ftw.h>
#include <getopt.h>
#include <glob.h>
#include <grp.h>
#include <langinfo.h>
#include <libgen.h>
#include <locale.h>
#include <math.h>
#include <poll.h>
#include <pwd.h>
#include <regex.h>
#include <search.h>
#include <setjmp.h>
#include <spawn.h>
#include <sys/mman.h>
#include <sys/time.h>
#include <sys/times.h>
#include <termios.h>
#include <unistd.h>
#include <wchar.h>
#include <wordexp.h>

static int constructed;
static __thread int counted = 17;
static __thread char zeroed[100];

__attribute__((constructor)) static void construct(void)
{
    constructed = 5;
}

static void say_last(void)
{
    write(STDOUT_FILENO, "last\n", 5);
}

static void say_first(void)
{
    write(STDOUT_FILENO, "first\n", 6);
}

AGAIN
{
    if (argc && !strcmp(argv[0], "atexit")) {
        atexit(say_last);
        atexit(say_first);
        printf("buffered\n");
        exit(3);
    }
    return KTAP_FAILED;
}

/* What a command prints. */
static char *output_of(const char *command)
{
    static char text[1000];
    FILE *stream = popen(command, "r");

    CHECK(stream != NULL);
    text[fread(text, 1, sizeof(text) - 1, stream)] = '\0';
    CHECK(pclose(stream) >= 0);
    return text;
}

TEST(start, "constructors run, thread-local storage is set up, errno is kept")
{
    CHECK_EQUAL(constructed, 5);
    CHECK(counted == 17 && zeroed[0] == 0 && zeroed[99] == 0);
    counted++;
    CHECK_EQUAL(counted, 18);
    errno = ERANGE;
    getpid();
    if (errno != ERANGE)
        FAIL("a call that worked changed errno");
    CHECK_STRING(program_invocation_short_name, strrchr(ktap_self, '/') + 1);
}

TEST(end, "exit flushes the streams and runs the handlers, last one first")
{
    char command[PATH_MAX + 32];
    FILE *stream;

    snprintf(command, sizeof(command), "%s --again atexit", ktap_self);
    stream = popen(command, "r");
    char text[100] = "";
    text[fread(text, 1, sizeof(text) - 1, stream)] = '\0';
    int status = pclose(stream);
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK_STRING(text, "first\nlast\nbuffered\n");
}

TEST(formats, "numbers are printed as C says")
{
    volatile size_t size = 3;
    char text[200];

    snprintf(text, sizeof(text), "%d %5d|%-5d|%05d %+d %x %#o %lu", -1, 42, 42, 42, 7, 255, 8,
             ULONG_MAX);
    CHECK_STRING(text, "-1    42|42   |00042 +7 ff 010 18446744073709551615");
    snprintf(text, sizeof(text), "%.3f %g %e %.10g %Lg %a", 3.14159, 1e-5, 12345.678, 1.0 / 3, 1.5L,
             1.0);
    CHECK_STRING(text, "3.142 1e-05 1.234568e+04 0.3333333333 1.5 0x1p+0");
    snprintf(text, sizeof(text), "%s|%.2s|%3s|%-4s|%c|%%", "abc", "def", "g", "h", 'i');
    CHECK_STRING(text, "abc|de|  g|h   |i|%");
    snprintf(text, sizeof(text), "%2$s %1$s", "world", "hello");
    CHECK_STRING(text, "hello world");
    snprintf(text, sizeof(text), "%zu %jd %td %hhd %lld", (size_t)1, (intmax_t)-2, (ptrdiff_t)3,
             300, 1ll << 40);
    CHECK_STRING(text, "1 -2 3 44 1099511627776");
    CHECK_EQUAL(snprintf(text, size, "%s", "abcdef"), 6);
    CHECK_STRING(text, "ab");
    snprintf(text, sizeof(text), "%f %f %f", INFINITY, -INFINITY, NAN);
    CHECK_STRING(text, "inf -inf nan");
}

TEST(numbers, "text becomes numbers, exactly")
{
    char *end;
    int a, b;
    double d;

    CHECK(strtod("0.1", NULL) == 0.1 && strtod("1e308", NULL) == 1e308 &&
          strtod("0x1.8p1", NULL) == 3);
    CHECK_EQUAL(strtol("0x7fz", &end, 0), 127);
    CHECK(*end == 'z');
    errno = 0;
    CHECK(strtol("99999999999999999999", NULL, 10) == LONG_MAX);
    CHECK(sscanf("12 -3 4.5 word", "%d %d %lf", &a, &b, &d) == 3 && a == 12 && b == -3 && d == 4.5);
    for (int n = 0; n < 1000; n++) {
        double x = ldexp(1.0 + n / 1000.0, n - 500), y;
        char text[64];
        snprintf(text, sizeof(text), "%.17g", x);
        y = strtod(text, NULL);
        CHECK(x == y);
    }
}

TEST(mathematics, "functions of libm")
{
    CHECK(fabs(sin(1) - 0.8414709848078965) < 1e-15 && fabs(exp(1) - M_E) < 1e-15);
    CHECK(sqrt(2) * sqrt(2) - 2 < 1e-15 && pow(2, 10) == 1024 && floor(-1.5) == -2 &&
          fmod(7, 3) == 1);
    CHECK(isnan(sqrt(-1)) && isinf(1 / (double)(getpid() * 0)));
}

TEST(commands, "system and popen run the shell")
{
    CHECK(system(NULL) != 0);
    int status = system("exit 6");
    CHECK(WIFEXITED(status) && WEXITSTATUS(status) == 6);
    CHECK_STRING(output_of("echo one; echo two"), "one\ntwo\n");
    FILE *stream = popen("cat > written", "w");
    fputs("through a pipe\n", stream);
    CHECK_EQUAL(pclose(stream), 0);
    CHECK_STRING(output_of("cat written"), "through a pipe\n");
    CHECK(popen("true", "x") == NULL && errno == EINVAL);
}

TEST(search_path, "execvp looks along PATH, and runs a text by the shell")
{
    char *arguments[] = {"tool", "x y", NULL};
    int ends[2];
    char text[64] = "";

    mkdir("d", 0755);
    ktap_file("d/tool", "echo \"$0 $1\"\n", 13);
    CHECK_CHILD(
        CHILD(setenv("PATH", "/nowhere:d", 1); CHECK_ERROR(execvp("tool", arguments), EACCES)));
    chmod("d/tool", 0755);
    CHECK(pipe(ends) == 0);
    CHECK_CHILD(
        CHILD(setenv("PATH", "/nowhere:d", 1); dup2(ends[1], 1); execvp("tool", arguments)));
    CHECK(read(ends[0], text, sizeof(text) - 1) > 0);
    CHECK_STRING(text, "d/tool x y\n");
    CHECK_CHILD(
        CHILD(setenv("PATH", "/nowhere", 1); CHECK_ERROR(execvp("tool", arguments), ENOENT)));
    CHECK_CHILD(CHILD(execl("/bin/sh", "sh", "-c", "exit $1", "x", "0", (char *)NULL)));
    CHECK_CHILD(CHILD(char *environment[] = {"A=b", NULL};
                      execle("/bin/sh", "sh", "-c", "[ \"$A\" = b ]", (char *)NULL, environment)));
}

TEST(environment, "variables are set, replaced and removed, and inherited")
{
    CHECK(setenv("NEW", "1", 0) == 0 && setenv("NEW", "2", 0) == 0);
    CHECK_STRING(getenv("NEW"), "1");
    CHECK(setenv("NEW", "2", 1) == 0);
    CHECK_STRING(output_of("echo $NEW"), "2\n");
    CHECK(unsetenv("NEW") == 0 && getenv("NEW") == NULL);
    static char pair[] = "PUT=in";
    CHECK(putenv(pair) == 0);
    CHECK_STRING(getenv("PUT"), "in");
    CHECK(clearenv() == 0 && getenv("PATH") == NULL);
}

TEST(globbing, "glob finds names, in order, in directories too")
{
    glob_t found;

    mkdir("d", 0755);
    mkdir("e", 0755);
    static const char *const names[] = {"b.c",   "a.c",   "a.h",  ".hidden.c",
                                        "d/x.c", "e/x.c", "[odd]"};
    for (size_t n = 0; n < sizeof(names) / sizeof(*names); n++)
        ktap_file(names[n], "", 0);
    CHECK_EQUAL(glob("*.c", 0, NULL, &found), 0);
    CHECK(found.gl_pathc == 2 && !strcmp(found.gl_pathv[0], "a.c") &&
          !strcmp(found.gl_pathv[1], "b.c"));
    globfree(&found);
    CHECK_EQUAL(glob("?/x.c", 0, NULL, &found), 0);
    CHECK(found.gl_pathc == 2 && !strcmp(found.gl_pathv[1], "e/x.c"));
    globfree(&found);
    CHECK_EQUAL(glob("*/", GLOB_MARK, NULL, &found), 0);
    CHECK(found.gl_pathc == 2 && !strcmp(found.gl_pathv[0], "d/"));
    globfree(&found);
    CHECK_EQUAL(glob("none*", 0, NULL, &found), GLOB_NOMATCH);
    CHECK_EQUAL(glob("none*", GLOB_NOCHECK, NULL, &found), 0);
    CHECK_STRING(found.gl_pathv[0], "none*");
    globfree(&found);
    CHECK_EQUAL(glob("\\[odd\\]", 0, NULL, &found), 0);
    CHECK_STRING(found.gl_pathv[0], "[odd]");
    globfree(&found);
    CHECK(fnmatch("*.c", "x.c", 0) == 0 && fnmatch("*", ".x", FNM_PERIOD) == FNM_NOMATCH);
    CHECK(fnmatch("[!a-c]?", "dz", 0) == 0 && fnmatch("a*b", "a/b", FNM_PATHNAME) == FNM_NOMATCH);
}

TEST(expressions, "regular expressions match, with their parts")
{
    regmatch_t match[3];
    regex_t pattern;

    CHECK_EQUAL(regcomp(&pattern, "([a-z]+)=([0-9]*)$", REG_EXTENDED), 0);
    CHECK_EQUAL(regexec(&pattern, "  key=42", 3, match, 0), 0);
    CHECK(match[0].rm_so == 2 && match[1].rm_eo == 5 && match[2].rm_so == 6 && match[2].rm_eo == 8);
    CHECK_EQUAL(regexec(&pattern, "key=x", 0, NULL, 0), REG_NOMATCH);
    regfree(&pattern);
    CHECK(regcomp(&pattern, "(", REG_EXTENDED) != 0);
}

static int not_hidden(const struct dirent *entry)
{
    return entry->d_name[0] != '.';
}

TEST(listing, "scandir sorts and chooses")
{
    struct dirent **list;

    ktap_file("c", "", 0);
    ktap_file("a", "", 0);
    ktap_file("b", "", 0);
    CHECK_EQUAL(scandir(".", &list, not_hidden, alphasort), 3);
    CHECK(!strcmp(list[0]->d_name, "a") && !strcmp(list[2]->d_name, "c"));
    for (int n = 0; n < 3; n++)
        free(list[n]);
    free(list);
    CHECK_ERROR(scandir("missing", &list, NULL, NULL), ENOENT);
}

TEST(real_paths, "realpath resolves links and dots")
{
    char place[PATH_MAX], wanted[PATH_MAX + 8], found[PATH_MAX];

    CHECK(getcwd(place, sizeof(place)) != NULL);
    mkdir("d", 0755);
    ktap_file("d/f", "", 0);
    symlink("d", "link");
    snprintf(wanted, sizeof(wanted), "%s/d/f", place);
    CHECK_STRING(realpath("./link/../link//f", found), wanted);
    char *made = realpath("d/f", NULL);
    CHECK_STRING(made, wanted);
    free(made);
    CHECK(realpath("missing", found) == NULL && errno == ENOENT);
    CHECK(realpath("d/f/x", found) == NULL && errno == ENOTDIR);
}

TEST(temporary_files, "mkstemp, mkdtemp and tmpfile make new ones")
{
    char one[] = "t.XXXXXX", two[] = "t.XXXXXX", dir[] = "d.XXXXXX";
    int fd = mkstemp(one);

    CHECK(fd >= 0 && mkstemp(two) >= 0 && strcmp(one, two) && access(one, F_OK) == 0);
    CHECK(mkdtemp(dir) && rmdir(dir) == 0);
    FILE *stream = tmpfile();
    CHECK(stream != NULL && fputs("x", stream) >= 0);
    fclose(stream);
}

TEST(streams, "fopen's modes, ungetc, buffering, getline, fdopen and freopen")
{
    char *line = NULL;
    size_t size = 0;
    struct stat st;

    FILE *stream = fopen("f", "wx");
    CHECK(stream != NULL);
    setvbuf(stream, NULL, _IOFBF, 4096);
    fputs("first\nsecond without end", stream);
    CHECK(stat("f", &st) == 0 && st.st_size == 0);
    CHECK(fflush(stream) == 0 && stat("f", &st) == 0 && st.st_size == 24);
    fclose(stream);
    CHECK(fopen("f", "wx") == NULL && errno == EEXIST);
    stream = fopen("f", "re");
    CHECK_EQUAL(fcntl(fileno(stream), F_GETFD), FD_CLOEXEC);
    CHECK_EQUAL(getline(&line, &size, stream), 6);
    CHECK_STRING(line, "first\n");
    CHECK(ungetc('S', stream) == 'S' && fgetc(stream) == 'S');
    CHECK_EQUAL(getline(&line, &size, stream), 18);
    CHECK_EQUAL(getline(&line, &size, stream), -1);
    CHECK(feof(stream) && !ferror(stream));
    CHECK(freopen("f", "r+", stream) == stream && fgetc(stream) == 'f');
    fclose(stream);
    CHECK(fopen("f", "q") == NULL && errno == EINVAL);
    stream = fdopen(open("f", O_WRONLY | O_APPEND), "a");
    CHECK(stream != NULL && fprintf(stream, "!") == 1 && fclose(stream) == 0);
    CHECK(stat("f", &st) == 0 && st.st_size == 25);
    stream = fmemopen("abc", 3, "r");
    CHECK(stream && fgetc(stream) == 'a');
    fclose(stream);
    free(line);
}

static sigjmp_buf place;

static void jump(int sig)
{
    siglongjmp(place, sig);
}

TEST(jumps, "longjmp and siglongjmp return, the latter with the mask")
{
    jmp_buf plain;
    volatile int count = 0;
    sigset_t mask;

    if (setjmp(plain) < 3) {
        count = count + 1;
        longjmp(plain, count);
    }
    CHECK_EQUAL(count, 3);
    signal(SIGUSR1, jump);
    if (sigsetjmp(place, 1) == 0)
        raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    CHECK(!sigismember(&mask, SIGUSR1));
    if (sigsetjmp(place, 0) == 0)
        raise(SIGUSR1);
    sigprocmask(SIG_SETMASK, NULL, &mask);
    CHECK(sigismember(&mask, SIGUSR1));
}

TEST(aborting, "abort and assert end with SIGABRT")
{
    int status;
    pid_t pid = CHILD(abort());

    CHECK_EQUAL(waitpid(pid, &status, 0), pid);
    CHECK(WIFSIGNALED(status) && WTERMSIG(status) == SIGABRT);
}

TEST(words, "errors and signals have Linux's words")
{
    CHECK_STRING(strerror(ENOENT), "No such file or directory");
    CHECK_STRING(strerror(EWOULDBLOCK), "Resource temporarily unavailable");
    CHECK_STRING(strerror(133), "Memory page has hardware error");
    CHECK_STRING(strerror(4711), "Unknown error 4711");
    CHECK_STRING(strsignal(SIGSEGV), "Segmentation fault");
    CHECK_STRING(strsignal(SIGRTMIN + 1), "Real-time signal 1");
}

TEST(dates, "times are broken down and put together, in UTC and in a zone of TZ")
{
    struct tm when = {.tm_year = 100, .tm_mon = 1, .tm_mday = 29, .tm_hour = 12};
    char text[64];
    time_t seconds = 951825600;

    setenv("TZ", "UTC0", 1);
    tzset();
    CHECK_EQUAL(mktime(&when), seconds);
    strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S %a %j", gmtime(&seconds));
    CHECK_STRING(text, "2000-02-29 12:00:00 Tue 060");
    setenv("TZ", "CET-1CEST,M3.5.0,M10.5.0/3", 1);
    tzset();
    strftime(text, sizeof(text), "%H:%M %Z", localtime(&seconds));
    CHECK_STRING(text, "13:00 CET");
    CHECK_EQUAL(timezone, -3600);
    CHECK(strptime("1 Feb 2003", "%d %b %Y", &when) != NULL && when.tm_year == 103 &&
          when.tm_mon == 1);
}

TEST(addresses, "internet addresses to text and back")
{
    static const char *const good[] = {
        "::", "::1", "1::", "2001:db8::1", "fe80::1:2:3", "1:2:3:4:5:6:7:8", "ff02::1:ff00:0"};
    static const char *const bad[] = {
        "", ":", ":::", "1:2", "1::2::3", "12345::", "1:2:3:4:5:6:7:8:9", "::g", "1:"};
    unsigned char bytes[16];
    struct in_addr in;
    char text[64];

    CHECK(inet_aton("127.0.0.1", &in) == 1 && in.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(inet_aton("127.1", &in) == 1 && in.s_addr == htonl(INADDR_LOOPBACK));
    CHECK(!inet_aton("1.2.3.4.5", &in) && !inet_aton("256.1.1.1", &in) && !inet_aton("x", &in));
    CHECK_STRING(inet_ntoa(in), "127.0.0.1");
    CHECK(inet_pton(AF_INET, "10.20.30.40", bytes) == 1 && bytes[3] == 40);
    CHECK(inet_pton(AF_INET, "10.20.30", bytes) == 0 && inet_pton(AF_INET, "1.2.3.4 ", bytes) == 0);
    for (size_t n = 0; n < sizeof(good) / sizeof(*good); n++) {
        CHECK_EQUAL(inet_pton(AF_INET6, good[n], bytes), 1);
        CHECK_STRING(inet_ntop(AF_INET6, bytes, text, sizeof(text)), good[n]);
    }
    for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++)
        if (inet_pton(AF_INET6, bad[n], bytes) != 0)
            FAIL("\"%s\" is taken for an address", bad[n]);
    CHECK(inet_pton(AF_INET6, "::ffff:1.2.3.4", bytes) == 1 && bytes[12] == 1 && bytes[10] == 0xff);
    CHECK(inet_ntop(AF_INET, bytes, text, 4) == NULL && errno == ENOSPC);
}

static int compare(const void *a, const void *b)
{
    int x = *(const int *)a, y = *(const int *)b;

    return x < y ? -1 : x > y;
}

TEST(sorting, "qsort and bsearch over ten thousand numbers")
{
    static int numbers[10000];
    unsigned state = 7;
    int key;

    for (int n = 0; n < 10000; n++) {
        state = state * 1664525 + 1013904223;
        numbers[n] = (int)(state >> 1);
    }
    key = numbers[1234];
    qsort(numbers, 10000, sizeof(int), compare);
    for (int n = 1; n < 10000; n++)
        CHECK(numbers[n - 1] <= numbers[n]);
    int *found = bsearch(&key, numbers, 10000, sizeof(int), compare);
    CHECK(found && *found == key);
}

TEST(options, "getopt takes options apart")
{
    char *arguments[] = {"x", "-a", "-bvalue", "-c", "other", "rest", NULL};
    int letters = 0;

    optind = 1;
    for (int letter; (letter = getopt(6, arguments, "ab:c:")) != -1;)
        letters = letters * 256 + letter;
    CHECK_EQUAL(letters, 'a' << 16 | 'b' << 8 | 'c');
    CHECK_STRING(optarg ? optarg : "other", "other");
    CHECK_EQUAL(optind, 5);
}

TEST(long_options, "getopt_long takes long options apart, abbreviated too")
{
    static int flag;
    static const struct option known[] = {{"verbose", no_argument, &flag, 7},
                                          {"output", required_argument, NULL, 'o'},
                                          {"level", optional_argument, NULL, 'l'},
                                          {NULL, 0, NULL, 0}};
    char *arguments[] = {"x", "--verbose", "--out=file", "--level", "-v", "-x", "rest", NULL};

    optind = 1;
    opterr = 0;
    CHECK(getopt_long(7, arguments, "v", known, NULL) == 0 && flag == 7);
    CHECK_EQUAL(getopt_long(7, arguments, "v", known, NULL), 'o');
    CHECK_STRING(optarg, "file");
    CHECK(getopt_long(7, arguments, "v", known, NULL) == 'l' && !optarg);
    CHECK_EQUAL(getopt_long(7, arguments, "v", known, NULL), 'v');
    CHECK_EQUAL(getopt_long(7, arguments, "v", known, NULL), '?');
    CHECK_EQUAL(getopt_long(7, arguments, "v", known, NULL), -1);
    CHECK_EQUAL(optind, 6);
}

static int expand(const char *words, int flags, char *text)
{
    wordexp_t found;
    int error = wordexp(words, &found, flags);

    *text = '\0';
    for (size_t n = 0; !error && n < found.we_wordc; n++)
        sprintf(text + strlen(text), "[%s]", found.we_wordv[n]);
    if (!error)
        wordfree(&found);
    return error;
}

TEST(shell_words, "wordexp expands as the shell does, and refuses what it must not run")
{
    char text[200];

    setenv("NAME", "a  b", 1);
    unsetenv("NONE");
    ktap_file("x.c", "", 0);
    ktap_file("y.c", "", 0);
    CHECK_EQUAL(expand("one $NAME \"$NAME\" '$NAME'", 0, text), 0);
    CHECK_STRING(text, "[one][a][b][a  b][$NAME]");
    CHECK_EQUAL(expand("*.c ${NONE:-other} $((6 * 7)) \\$x \"\" $NONE", 0, text), 0);
    CHECK_STRING(text, "[x.c][y.c][other][42][$x][]");
    CHECK_EQUAL(expand("$(echo 1; echo 2) `echo 3`", 0, text), 0);
    CHECK_STRING(text, "[1][2][3]");
    CHECK(expand("", 0, text) == 0 && !*text);
    CHECK_EQUAL(expand("$(echo 1)", WRDE_NOCMD, text), WRDE_CMDSUB);
    CHECK_EQUAL(expand("\"`echo 1`\"", WRDE_NOCMD, text), WRDE_CMDSUB);
    CHECK_EQUAL(expand("'$(echo)'", WRDE_NOCMD, text), 0);
    CHECK_EQUAL(expand("$NONE", WRDE_UNDEF, text), WRDE_BADVAL);
    static const char *const bad[] = {"a;b", "a|b", "a&b", "a<b", "a>b", "(a)", "{a}", "a\nb"};
    for (size_t n = 0; n < sizeof(bad) / sizeof(*bad); n++)
        CHECK_EQUAL(expand(bad[n], 0, text), WRDE_BADCHAR);
    static const char *const open[] = {"\"a", "'a", "${a", "$((1", "$(echo", "`echo", "a\\"};
    for (size_t n = 0; n < sizeof(open) / sizeof(*open); n++)
        CHECK_EQUAL(expand(open[n], 0, text), WRDE_SYNTAX);
    wordexp_t found = {.we_offs = 2};
    CHECK(wordexp("a b", &found, WRDE_DOOFFS) == 0 &&
          wordexp("c", &found, WRDE_DOOFFS | WRDE_APPEND) == 0);
    CHECK(found.we_wordc == 3 && !found.we_wordv[0] && !found.we_wordv[1] && !found.we_wordv[5]);
    CHECK_STRING(found.we_wordv[4], "c");
    wordfree(&found);
}

static char walked[400];

static int note_file(const char *path, const struct stat *st, int type, struct FTW *place)
{
    (void)st;
    sprintf(walked + strlen(walked), "%s:%d:%d:%s ", path, type, place->level, path + place->base);
    return 0;
}

static int stop_at_file(const char *path, const struct stat *st, int type)
{
    (void)path;
    return type == FTW_F ? (int)st->st_size : 0;
}

static int see_there(const char *path, const struct stat *st, int type, struct FTW *place)
{
    struct stat here;

    (void)type;
    return stat(path + place->base, &here) == 0 && here.st_ino == st->st_ino ? 0 : 9;
}

TEST(tree_walks, "ftw and nftw visit a tree, in the order and by the links that they are told")
{
    mkdir("t", 0755);
    mkdir("t/d", 0755);
    ktap_file("t/d/f", "12345", 5);
    CHECK_EQUAL(nftw("t", note_file, 1, 0), 0);
    CHECK_STRING(walked, "t:1:0:t t/d:1:1:d t/d/f:0:2:f ");
    walked[0] = '\0';
    CHECK_EQUAL(nftw("t/", note_file, 1, FTW_DEPTH | FTW_PHYS), 0);
    CHECK_STRING(walked, "t/d/f:0:2:f t/d:5:1:d t/:5:0:t/ ");
    CHECK_EQUAL(ftw("t", stop_at_file, 1), 5);
    CHECK_EQUAL(nftw("t", see_there, 1, FTW_CHDIR), 0);
    CHECK_EQUAL(nftw("t/d", see_there, 1, FTW_CHDIR | FTW_DEPTH), 0);
    CHECK(access("t/d/f", F_OK) == 0);
    symlink("..", "t/d/up");
    unlink("t/d/f");
    walked[0] = '\0';
    CHECK_EQUAL(nftw("t", note_file, 1, FTW_PHYS), 0);
    CHECK_STRING(walked, "t:1:0:t t/d:1:1:d t/d/up:4:2:up ");
    walked[0] = '\0';
    CHECK_EQUAL(nftw("t", note_file, 1, 0), 0); /* the link leads to what is being walked */
    CHECK_STRING(walked, "t:1:0:t t/d:1:1:d ");
    unlink("t/d/up");
    symlink("missing", "t/d/up");
    walked[0] = '\0';
    CHECK_EQUAL(nftw("t/d", note_file, 1, 0), 0);
    CHECK_STRING(walked, "t/d:1:0:d t/d/up:6:1:up ");
    CHECK_ERROR(nftw("missing", note_file, 1, 0), ENOENT);
}

TEST(spawning, "posix_spawn starts a program with its files and signals arranged")
{
    char *arguments[] = {"sh", "-c", "echo out; cat; exit 3", NULL};
    posix_spawn_file_actions_t actions;
    int status, ends[2];
    char text[40] = "";
    pid_t pid;

    ktap_file("in", "typed\n", 6);
    CHECK(pipe(ends) == 0 && posix_spawn_file_actions_init(&actions) == 0);
    CHECK(posix_spawn_file_actions_addopen(&actions, 0, "in", O_RDONLY, 0) == 0 &&
          posix_spawn_file_actions_adddup2(&actions, ends[1], 1) == 0 &&
          posix_spawn_file_actions_addclose(&actions, ends[0]) == 0);
    CHECK_EQUAL(posix_spawnp(&pid, "sh", &actions, NULL, arguments, environ), 0);
    CHECK(waitpid(pid, &status, 0) == pid && WIFEXITED(status) && WEXITSTATUS(status) == 3);
    CHECK_EQUAL(read(ends[0], text, sizeof(text) - 1), 10);
    CHECK_STRING(text, "out\ntyped\n");
    CHECK_EQUAL(posix_spawn_file_actions_destroy(&actions), 0);
    CHECK_EQUAL(posix_spawn(&pid, "/missing", NULL, NULL, arguments, environ), ENOENT);
}

TEST(path_parts, "basename and dirname")
{
    static const char *const cases[][3] = {{"/usr/lib", "lib", "/usr"},
                                           {"/usr/", "usr", "/"},
                                           {"usr", "usr", "."},
                                           {"/", "/", "/"},
                                           {".", ".", "."},
                                           {"a//b//", "b", "a"}};
    char path[20];

    for (size_t n = 0; n < sizeof(cases) / sizeof(*cases); n++) {
        strcpy(path, cases[n][0]);
        CHECK_STRING(basename(path), cases[n][1]);
        strcpy(path, cases[n][0]);
        CHECK_STRING(dirname(path), cases[n][2]);
    }
}

TEST(accounts, "users and groups are found by name and number in /etc")
{
    struct passwd *user = getpwnam("root"), entry, *found;
    char buffer[1024];
    int users = 0;

    CHECK(user && user->pw_uid == 0);
    CHECK_STRING(getpwuid(0)->pw_name, "root");
    CHECK(getpwnam("nobody there") == NULL);
    CHECK(getpwnam_r("root", &entry, buffer, sizeof(buffer), &found) == 0 && found == &entry);
    CHECK(getpwnam_r("root", &entry, buffer, 3, &found) == ERANGE && !found);
    CHECK(getpwuid_r(54321, &entry, buffer, sizeof(buffer), &found) == 0 && !found);
    struct group *group = getgrgid(0);
    CHECK(group != NULL && getgrnam(group->gr_name) && getgrnam("none such") == NULL);
    setpwent();
    while (getpwent())
        users++;
    endpwent();
    CHECK(users >= 1);
}

TEST(used_time, "times and clock count what a process and its children used")
{
    struct tms before, after;
    clock_t begin = times(&before);

    pid_t pid = CHILD(while (clock() < CLOCKS_PER_SEC / 25) continue);
    CHECK_CHILD(pid);
    while (clock() < CLOCKS_PER_SEC / 25)
        continue;
    clock_t end = times(&after);
    CHECK(end > begin && sysconf(_SC_CLK_TCK) == 100);
    CHECK(after.tms_utime + after.tms_stime > before.tms_utime + before.tms_stime);
    CHECK(after.tms_cutime + after.tms_cstime >= 3);
}

TEST(terminal_settings, "a terminal's settings are read, changed and made raw")
{
    struct termios settings, raw;
    int fd = posix_openpt(O_RDWR | O_NOCTTY);

    CHECK(fd >= 0 && grantpt(fd) == 0 && unlockpt(fd) == 0);
    int terminal = open(ptsname(fd), O_RDWR | O_NOCTTY);
    CHECK(terminal >= 0 && isatty(terminal) && tcgetattr(terminal, &settings) == 0);
    CHECK_STRING(ttyname(terminal), ptsname(fd));
    CHECK(settings.c_lflag & ICANON && settings.c_cc[VINTR] == 3);
    raw = settings;
    cfmakeraw(&raw);
    CHECK(cfsetospeed(&raw, B9600) == 0 && cfgetospeed(&raw) == B9600);
    CHECK(tcsetattr(terminal, TCSANOW, &raw) == 0 && tcgetattr(terminal, &settings) == 0);
    CHECK(!(settings.c_lflag & (ICANON | ECHO | ISIG)) && cfgetospeed(&settings) == B9600);
    CHECK(!isatty(open("/dev/null", O_RDWR)));
    struct pollfd pollfd = {terminal, POLLIN | POLLOUT, 0};
    CHECK(write(fd, "x", 1) == 1 && poll(&pollfd, 1, 1000) == 1);
    CHECK(pollfd.revents & POLLOUT);
}

TEST(locale, "the one locale is C: bytes are characters of its names")
{
    wchar_t wide[8];

    CHECK(setlocale(LC_ALL, "C") != NULL);
    CHECK_STRING(localeconv()->decimal_point, ".");
    CHECK_STRING(nl_langinfo(DAY_1), "Sunday");
    CHECK(mbstowcs(wide, "abc", 8) == 3 && wide[2] == L'c' && wcslen(wide) == 3);
    CHECK(strcoll("a", "b") < 0 && strcasecmp("ABC", "abc") == 0);
}

TEST(memory_streams, "open_memstream grows, fmemopen stays within its bytes")
{
    char *text = NULL, fixed[8];
    size_t size = 0;
    FILE *stream = open_memstream(&text, &size);

    for (int n = 0; n < 1000; n++)
        fprintf(stream, "%d,", n);
    CHECK(fclose(stream) == 0 && size == 3890 && strlen(text) == size);
    CHECK(strncmp(text, "0,1,2,", 6) == 0);
    free(text);
    stream = fmemopen(fixed, sizeof(fixed), "w");
    CHECK(stream && fputs("abc", stream) >= 0 && fclose(stream) == 0);
    CHECK_STRING(fixed, "abc");
    CHECK(asprintf(&text, "%s %d", "x", 5) == 3);
    CHECK_STRING(text, "x 5");
    free(text);
}

static int order(const void *a, const void *b)
{
    return strcmp(a, b);
}

TEST(tables, "hsearch and tsearch find what was put in")
{
    ENTRY entry = {"key", "value"}, *found;
    void *root = NULL;

    CHECK(hcreate(10) && hsearch(entry, ENTER));
    found = hsearch((ENTRY){"key", NULL}, FIND);
    CHECK(found && !strcmp(found->data, "value") && !hsearch((ENTRY){"none", NULL}, FIND));
    CHECK(tsearch("b", &root, order) && tsearch("a", &root, order));
    CHECK(tfind("a", &root, order) && !tfind("c", &root, order));
    CHECK(tdelete("a", &root, order) && !tfind("a", &root, order));
}

TEST(positions, "streams seek, tell, and go on where a child or another descriptor left them")
{
    FILE *stream = fopen("f", "w+");
    fpos_t place;

    CHECK(stream && fputs("0123456789", stream) >= 0);
    CHECK(fseek(stream, 3, SEEK_SET) == 0 && fgetc(stream) == '3' && ftell(stream) == 4);
    CHECK(fgetpos(stream, &place) == 0 && fseek(stream, -1, SEEK_END) == 0 && fgetc(stream) == '9');
    CHECK(fsetpos(stream, &place) == 0 && fgetc(stream) == '4');
    CHECK(fflush(stream) == 0 && lseek(fileno(stream), 0, SEEK_CUR) == 5);
    CHECK(ftruncate(fileno(stream), 6) == 0 && fgetc(stream) == '5' && fgetc(stream) == EOF);
    CHECK_EQUAL(fclose(stream), 0);
}
