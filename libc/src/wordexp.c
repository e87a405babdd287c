/* wordexp: the shell expands the words. What it must not be given is found first: an operator
   outside of quotes would be run, and POSIX forbids command substitution on request. */
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>
#include <wordexp.h>

#include "thread/thread.h"

#define SHELL  "/bin/sh"
#define SCRIPT "eval \"set -- $1\" || exit 1; for word; do printf '%s\\0' \"$word\"; done"

/* ---- what may be expanded ---- */

struct scan {
    const char *at;
    char quote;     /* the quotation mark that is open, or 0 */
    int braces;     /* open ${ */
    int arithmetic; /* open parentheses of $(( */
};

/* At an unquoted or double-quoted character that is not part of a longer one. */
static int scan_special(struct scan *scan, int flags)
{
    bool substitution = scan->at[0] == '`' || (scan->at[0] == '$' && scan->at[1] == '(');

    if (substitution && strncmp(scan->at, "$((", 3) == 0) {
        scan->arithmetic += 2;
        scan->at += 3;
        return 0;
    }
    if (substitution && flags & WRDE_NOCMD)
        return WRDE_CMDSUB;
    if (scan->at[0] == '$' && scan->at[1] == '{') {
        scan->braces++;
        scan->at += 2;
        return 0;
    }
    if (scan->arithmetic && (*scan->at == '(' || *scan->at == ')'))
        scan->arithmetic += *scan->at == '(' ? 1 : -1;
    else if (scan->braces && *scan->at == '}')
        scan->braces--;
    else if (!scan->quote && !scan->braces && !scan->arithmetic && strchr("\n|&;<>(){}", *scan->at))
        return WRDE_BADCHAR;
    scan->at++;
    return 0;
}

/* Behind the substitution that begins here: `...` or $(...), whose own quotes and parentheses are
   the shell's matter but must be complete. */
static bool skip_substitution(struct scan *scan)
{
    int depth = 0;

    if (*scan->at == '`') {
        for (scan->at++; *scan->at && *scan->at != '`'; scan->at++)
            scan->at += *scan->at == '\\' && scan->at[1];
        return *scan->at && scan->at++;
    }
    for (scan->at++; *scan->at; scan->at++) {
        depth += *scan->at == '(' ? 1 : *scan->at == ')' ? -1 : 0;
        scan->at += *scan->at == '\\' && scan->at[1];
        if (depth == 0)
            return scan->at++;
    }
    return false;
}

static bool at_substitution(const struct scan *scan, int flags)
{
    return !(flags & WRDE_NOCMD) &&
           (*scan->at == '`' || (scan->at[0] == '$' && scan->at[1] == '(' && scan->at[2] != '('));
}

static int check(const char *words, int flags)
{
    struct scan scan = {.at = words};
    int error = 0;

    while (*scan.at && !error) {
        if (scan.quote == '\'') {
            scan.quote = *scan.at == '\'' ? 0 : scan.quote;
            scan.at++;
        } else if (*scan.at == '\\') {
            if (!scan.at[1])
                return WRDE_SYNTAX;
            scan.at += 2;
        } else if (*scan.at == '"' || (*scan.at == '\'' && !scan.quote)) {
            scan.quote = scan.quote ? 0 : *scan.at;
            scan.at++;
        } else if (at_substitution(&scan, flags)) {
            error = skip_substitution(&scan) ? 0 : WRDE_SYNTAX;
        } else {
            error = scan_special(&scan, flags);
        }
    }
    return error || (!scan.quote && !scan.braces && !scan.arithmetic) ? error : WRDE_SYNTAX;
}

/* ---- the shell ---- */

struct text {
    char *bytes;
    size_t size;
};

static bool read_all(int fd, struct text *text)
{
    size_t room = 0;

    for (;;) {
        if (text->size == room) {
            char *bytes = realloc(text->bytes, room += 1024);
            if (!bytes)
                return false;
            text->bytes = bytes;
        }
        ssize_t got = read(fd, text->bytes + text->size, room - text->size);
        if (got == 0 || (got < 0 && errno != EINTR))
            return got == 0;
        text->size += got > 0 ? (size_t)got : 0;
    }
}

static void become_shell(const char *words, int flags, int out)
{
    const char *option = flags & WRDE_UNDEF ? "-uc" : "-c";

    dup2(out, STDOUT_FILENO);
    if (!(flags & WRDE_SHOWERR))
        close(STDERR_FILENO);
    execl(SHELL, "sh", option, SCRIPT, "sh", words, (char *)NULL);
    _exit(127);
}

/* The expanded words, each with its NUL; what was read is the caller's also when it fails. */
static int expand(const char *words, int flags, struct text *text)
{
    int ends[2], status = -1;

    if (pipe2(ends, O_CLOEXEC) < 0)
        return WRDE_NOSPACE;
    pid_t pid = fork();
    if (pid == 0)
        become_shell(words, flags, ends[1]);
    close(ends[1]);
    bool whole = pid > 0 && read_all(ends[0], text);
    close(ends[0]);
    while (pid > 0 && waitpid(pid, &status, 0) < 0 && errno == EINTR)
        continue;
    if (!whole)
        return WRDE_NOSPACE;
    return status == 0 ? 0 : WRDE_SYNTAX;
}

static int expand_checked(const char *words, int flags, struct text *text)
{
    struct text ignored = {0};
    int error = expand(words, flags, text);

    /* Was it for an unset variable? */
    if (error == WRDE_SYNTAX && flags & WRDE_UNDEF &&
        expand(words, flags & ~(WRDE_UNDEF | WRDE_SHOWERR), &ignored) == 0)
        error = WRDE_BADVAL;
    free(ignored.bytes);
    return error;
}

/* ---- the result ---- */

static size_t count_words(const struct text *text)
{
    size_t count = 0;

    for (size_t n = 0; n < text->size; n++)
        count += !text->bytes[n];
    return count;
}

static int append(wordexp_t *result, size_t before, const struct text *text)
{
    size_t have = before + result->we_wordc, more = count_words(text);
    char **list = realloc(result->we_wordv, (have + more + 1) * sizeof(*list));
    const char *word = text->bytes;

    if (!list)
        return WRDE_NOSPACE;
    if (!result->we_wordv)
        memset(list, 0, before * sizeof(*list));
    result->we_wordv = list;
    list[have] = NULL;
    for (; more; more--, word += strlen(word) + 1) {
        if (!(list[have] = strdup(word)))
            return WRDE_NOSPACE;
        list[++have] = NULL;
        result->we_wordc++;
    }
    return 0;
}

int wordexp(const char *restrict words, wordexp_t *restrict result, int flags)
{
    struct text text = {0};
    int cancel, error;

    if (flags & WRDE_REUSE)
        wordfree(result);
    if (!(flags & WRDE_APPEND)) {
        result->we_wordc = 0;
        result->we_wordv = NULL;
    }
    if (!(flags & WRDE_DOOFFS))
        result->we_offs = 0;
    error = check(words, flags);
    if (error)
        return error;
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    error = expand_checked(words, flags, &text);
    if (!error)
        error = append(result, result->we_offs, &text);
    free(text.bytes);
    pthread_setcancelstate(cancel, NULL);
    return error;
}

void wordfree(wordexp_t *result)
{
    for (size_t n = 0; result->we_wordv && n < result->we_wordc; n++)
        free(result->we_wordv[result->we_offs + n]);
    free(result->we_wordv);
    result->we_wordv = NULL;
    result->we_wordc = 0;
}
