#include "harness.h"
#include "terminal_case.h"

#include <stdio.h>

/* ---- Settings in words ---- */

enum field { IFLAG, OFLAG, LFLAG, CFLAG };

static const struct {
    const char *word;
    enum field field;
    uint32_t bits;
} flags[] = {
    {"ignbrk", IFLAG, TERM_IGNBRK},   {"brkint", IFLAG, TERM_BRKINT},
    {"ignpar", IFLAG, TERM_IGNPAR},   {"parmrk", IFLAG, TERM_PARMRK},
    {"inpck", IFLAG, TERM_INPCK},     {"istrip", IFLAG, TERM_ISTRIP},
    {"inlcr", IFLAG, TERM_INLCR},     {"igncr", IFLAG, TERM_IGNCR},
    {"icrnl", IFLAG, TERM_ICRNL},     {"iuclc", IFLAG, TERM_IUCLC},
    {"ixon", IFLAG, TERM_IXON},       {"ixany", IFLAG, TERM_IXANY},
    {"ixoff", IFLAG, TERM_IXOFF},     {"imaxbel", IFLAG, TERM_IMAXBEL},
    {"iutf8", IFLAG, TERM_IUTF8},     {"opost", OFLAG, TERM_OPOST},
    {"olcuc", OFLAG, TERM_OLCUC},     {"onlcr", OFLAG, TERM_ONLCR},
    {"ocrnl", OFLAG, TERM_OCRNL},     {"onocr", OFLAG, TERM_ONOCR},
    {"onlret", OFLAG, TERM_ONLRET},   {"tab3", OFLAG, TERM_TAB3},
    {"isig", LFLAG, TERM_ISIG},       {"icanon", LFLAG, TERM_ICANON},
    {"echo", LFLAG, TERM_ECHO},       {"echoe", LFLAG, TERM_ECHOE},
    {"echok", LFLAG, TERM_ECHOK},     {"echonl", LFLAG, TERM_ECHONL},
    {"noflsh", LFLAG, TERM_NOFLSH},   {"tostop", LFLAG, TERM_TOSTOP},
    {"echoctl", LFLAG, TERM_ECHOCTL}, {"echoprt", LFLAG, TERM_ECHOPRT},
    {"echoke", LFLAG, TERM_ECHOKE},   {"iexten", LFLAG, TERM_IEXTEN},
    {"cread", CFLAG, TERM_CREAD},
};

static const struct {
    const char *word;
    int index;
} characters[] = {
    {"intr", TERM_VINTR},   {"quit", TERM_VQUIT},     {"erase", TERM_VERASE},
    {"kill", TERM_VKILL},   {"eof", TERM_VEOF},       {"start", TERM_VSTART},
    {"stop", TERM_VSTOP},   {"susp", TERM_VSUSP},     {"eol", TERM_VEOL},
    {"eol2", TERM_VEOL2},   {"rprnt", TERM_VREPRINT}, {"werase", TERM_VWERASE},
    {"lnext", TERM_VLNEXT},
};

static uint32_t *field_of(struct terminal_settings *settings, enum field field)
{
    uint32_t *const fields[] = {&settings->iflag, &settings->oflag, &settings->lflag,
                                &settings->cflag};

    return fields[field];
}

static bool set_flag(struct terminal_settings *settings, const char *word)
{
    bool off = word[0] == '-';

    for (size_t i = 0; i < sizeof flags / sizeof flags[0]; i++) {
        if (strcmp(word + off, flags[i].word) != 0)
            continue;
        uint32_t *field = field_of(settings, flags[i].field);
        *field = off ? *field & ~flags[i].bits : *field | flags[i].bits;
        return true;
    }
    return false;
}

static uint8_t character_named(const char *name)
{
    if (strcmp(name, "undef") == 0)
        return 0;
    if (name[0] == '^' && name[1] != '\0')
        return name[1] == '?' ? 0x7f : name[1] & 0x1f;
    return (uint8_t)name[0];
}

static bool set_value(struct terminal_settings *settings, const char *word)
{
    const char *equals = strchr(word, '=');

    if (!equals)
        return false;
    size_t length = (size_t)(equals - word);
    if (strncmp(word, "min=", 4) == 0)
        settings->cc[TERM_VMIN] = (uint8_t)atoi(equals + 1);
    else if (strncmp(word, "time=", 5) == 0)
        settings->cc[TERM_VTIME] = (uint8_t)atoi(equals + 1);
    else
        for (size_t i = 0;; i++) {
            if (i == sizeof characters / sizeof characters[0])
                return false;
            if (strlen(characters[i].word) == length &&
                strncmp(word, characters[i].word, length) == 0) {
                settings->cc[characters[i].index] = character_named(equals + 1);
                break;
            }
        }
    return true;
}

void terminal_case_parse(struct terminal_settings *settings, const char *text)
{
    char words[256];

    assert_true(strlen(text) < sizeof words);
    strcpy(words, text);
    for (char *word = strtok(words, " "); word; word = strtok(NULL, " ")) {
        if (strcmp(word, "raw") == 0)
            settings->iflag = settings->oflag = settings->lflag = 0;
        else if (!set_flag(settings, word) && !set_value(settings, word))
            fail_msg("no such setting: %s", word);
    }
}

struct terminal_settings terminal_case_defaults(void)
{
    struct terminal_settings settings = {
        .cflag = TERM_CS8 | TERM_CREAD | 017,
        .ispeed = 38400,
        .ospeed = 38400,
    };

    terminal_case_parse(&settings, "icrnl ixon opost onlcr isig icanon echo echoe echok echoctl "
                                   "echoke iexten intr=^C quit=^\\ erase=^? kill=^U eof=^D "
                                   "start=^Q stop=^S susp=^Z rprnt=^R werase=^W lnext=^V min=1");
    return settings;
}

/* ---- Running ---- */

bool terminal_case_quiet;

void terminal_case_print(const char *label, const void *bytes, size_t n)
{
    const uint8_t *byte = bytes;

    print_message("    %s \"", label);
    for (size_t i = 0; i < n; i++) {
        if (byte[i] >= 0x20 && byte[i] < 0x7f && byte[i] != '"' && byte[i] != '\\')
            print_message("%c", byte[i]);
        else
            print_message("\\%03o", byte[i]);
    }
    print_message("\"\n");
}

static bool same(const struct terminal_case *c, size_t at, const uint8_t *got, size_t n)
{
    const struct step *step = &c->steps[at];

    if (n == step->length && memcmp(got, step->text, n) == 0)
        return true;
    if (terminal_case_quiet)
        return false;
    print_message("  %s, step %zu:\n", c->name, at + 1);
    terminal_case_print("expected", step->text, step->length);
    terminal_case_print("got     ", got, n);
    return false;
}

static bool same_number(const struct terminal_case *c, size_t at, int got, int expected)
{
    if (got != expected && !terminal_case_quiet)
        print_message("  %s, step %zu: expected %d, got %d\n", c->name, at + 1, expected, got);
    return got == expected;
}

static bool run_step(const struct terminal_kind *kind, void *terminal,
                     const struct terminal_case *c, size_t at, struct terminal_settings *settings)
{
    static uint8_t buffer[65536];
    const struct step *step = &c->steps[at];
    const uint8_t *text = (const uint8_t *)step->text;
    int n;

    switch (step->kind) {
    case STEP_END:
        return true;
    case STEP_SET:
    case STEP_FLUSH:
        terminal_case_parse(settings, step->text);
        kind->set(terminal, settings, step->kind == STEP_FLUSH);
        return true;
    case STEP_TYPE:
        kind->type(terminal, text, step->length);
        return true;
    case STEP_READ:
        n = kind->read(terminal, buffer, (size_t)step->number);
        return n < 0 ? same_number(c, at, n, (int)step->length) : same(c, at, buffer, (size_t)n);
    case STEP_BLOCK:
        return same_number(c, at, kind->read(terminal, buffer, sizeof buffer), -1);
    case STEP_WRITE:
        return same_number(c, at, kind->write(terminal, text, step->length), (int)step->length);
    case STEP_SHOW:
        n = (int)kind->shown(terminal, buffer, sizeof buffer);
        return same(c, at, buffer, (size_t)n);
    case STEP_SIGNAL:
        return same_number(c, at, (int)kind->signals(terminal),
                           step->number ? 1 << step->number : 0);
    case STEP_POLL:
        return same_number(c, at, kind->readable(terminal), step->number);
    case STEP_WAITING:
        return same_number(c, at, kind->waiting(terminal), step->number);
    case STEP_FLOW:
        kind->flow(terminal, step->number);
        return true;
    }
    return false;
}

bool terminal_case_run(const struct terminal_kind *kind, const struct terminal_case *c)
{
    struct terminal_settings settings = terminal_case_defaults();
    void *terminal = kind->open();
    bool good = true;

    terminal_case_parse(&settings, c->settings);
    kind->set(terminal, &settings, false);
    for (size_t at = 0; good && at < sizeof c->steps / sizeof c->steps[0]; at++)
        good = run_step(kind, terminal, c, at, &settings);
    kind->close(terminal);
    return good;
}
