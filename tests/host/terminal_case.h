/*
 * Terminal behaviour as a table: settings, what is typed, and what must then be read, shown and
 * signalled. The same table runs over two kinds of terminal, ours and the host's pseudo-terminals,
 * so Linux checks the expectations.
 */
#ifndef TESTS_HOST_TERMINAL_CASE_H
#define TESTS_HOST_TERMINAL_CASE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sluice/terminal.h>

/* A kind of terminal. The void pointer is what open returned. */
struct terminal_kind {
    void *(*open)(void);
    void (*close)(void *terminal);
    void (*set)(void *terminal, const struct terminal_settings *settings, bool flush);
    void (*type)(void *terminal, const uint8_t *bytes, size_t n); /* at the keyboard */
    /* A read that doesn't wait: bytes, 0 for end of file, or -1 when it would have to. */
    int (*read)(void *terminal, uint8_t *buffer, size_t size);
    int (*write)(void *terminal, const uint8_t *bytes, size_t n); /* by a program */
    size_t (*shown)(void *terminal, uint8_t *buffer,
                    size_t size);          /* on the screen since last asked */
    uint32_t (*signals)(void *terminal);   /* bit n: signal n, since last asked */
    bool (*readable)(void *terminal);      /* poll */
    int (*waiting)(void *terminal);        /* FIONREAD */
    void (*flow)(void *terminal, bool on); /* TCOON, TCOOFF */
};
extern const struct terminal_kind terminal_ours;

enum step_kind {
    STEP_END,
    STEP_SET,   /* text: changes of the settings */
    STEP_FLUSH, /* the same with TCSAFLUSH */
    STEP_TYPE,
    STEP_READ,  /* a read of `number` bytes gives text */
    STEP_BLOCK, /* a read would have to wait */
    STEP_WRITE,
    STEP_SHOW,
    STEP_SIGNAL,  /* number: exactly that one; 0: none */
    STEP_POLL,    /* number: readable or not */
    STEP_WAITING, /* number: bytes by FIONREAD */
    STEP_FLOW,    /* number: TCOON or TCOOFF */
};

struct step {
    enum step_kind kind;
    const char *text;
    size_t length;
    int number;
};

struct terminal_case {
    const char *name;
    const char *settings;
    struct step steps[16];
};

/* clang-format off */
#define TEXT(s)      (s), sizeof(s) - 1
#define NO_TEXT      NULL, 0
#define SET(s)       {STEP_SET, TEXT(s), 0}
#define SET_FLUSH(s) {STEP_FLUSH, TEXT(s), 0}
#define TYPE(s)      {STEP_TYPE, TEXT(s), 0}
#define READ(s)      {STEP_READ, TEXT(s), 8000}
#define READ_N(n, s) {STEP_READ, TEXT(s), (n)}
#define BLOCK        {STEP_BLOCK, NO_TEXT, 0}
#define WRITE(s)     {STEP_WRITE, TEXT(s), 0}
#define SHOW(s)      {STEP_SHOW, TEXT(s), 0}
#define SIGNAL(n)    {STEP_SIGNAL, NO_TEXT, (n)}
#define POLL(n)      {STEP_POLL, NO_TEXT, (n)}
#define WAITING(n)   {STEP_WAITING, NO_TEXT, (n)}
#define FLOW(n)      {STEP_FLOW, NO_TEXT, (n)}
/* clang-format on */

extern const struct terminal_case terminal_cases[];
extern const size_t terminal_case_count;

/* Settings of a new pseudo-terminal of Linux, raw if RAW. */
struct terminal_settings terminal_case_defaults(void);
/*
 * Changes SETTINGS as stty would be told: "-icanon min=3 time=0 intr=^X eol=a lnext=undef". "raw"
 * clears every flag of input, output and local modes. Ends the test at a word it does not know.
 */
void terminal_case_parse(struct terminal_settings *settings, const char *text);
/* Runs one case; on a difference prints it and returns false. */
bool terminal_case_run(const struct terminal_kind *kind, const struct terminal_case *c);
/* No words about differences: the run will be repeated. */
extern bool terminal_case_quiet;
/* Prints bytes as a C string. */
void terminal_case_print(const char *label, const void *bytes, size_t n);

#endif
