/*
 * The seed's termios, which has FreeBSD's values, and ours, which have Linux's. FreeBSD's flags and
 * control characters that the seed's header does not name are carried over too: a program of that
 * system may use them.
 */
#include "core.h"

struct pair {
    uint32_t bsd, term;
};

static const struct pair input_flags[] = {
    {OSKIT_IGNBRK, TERM_IGNBRK}, {OSKIT_BRKINT, TERM_BRKINT}, {OSKIT_IGNPAR, TERM_IGNPAR},
    {OSKIT_PARMRK, TERM_PARMRK}, {OSKIT_INPCK, TERM_INPCK},   {OSKIT_ISTRIP, TERM_ISTRIP},
    {OSKIT_INLCR, TERM_INLCR},   {OSKIT_IGNCR, TERM_IGNCR},   {OSKIT_ICRNL, TERM_ICRNL},
    {OSKIT_IXON, TERM_IXON},     {OSKIT_IXOFF, TERM_IXOFF},   {OSKIT_IXANY, TERM_IXANY},
    {0x2000, TERM_IMAXBEL},      {0x4000, TERM_IUTF8},
};
static const struct pair output_flags[] = {
    {OSKIT_OPOST, TERM_OPOST}, {OSKIT_ONLCR, TERM_ONLCR}, {0x4, TERM_TAB3},
    {0x10, TERM_OCRNL},        {0x20, TERM_ONOCR},        {0x40, TERM_ONLRET},
};
static const struct pair control_flags[] = {
    {OSKIT_CSTOPB, TERM_CSTOPB}, {OSKIT_CREAD, TERM_CREAD}, {OSKIT_PARENB, TERM_PARENB},
    {OSKIT_PARODD, TERM_PARODD}, {OSKIT_HUPCL, TERM_HUPCL}, {OSKIT_CLOCAL, TERM_CLOCAL},
    {0x30000, TERM_CRTSCTS},
};
static const struct pair local_flags[] = {
    {0x1, TERM_ECHOKE},          {OSKIT_ECHOE, TERM_ECHOE},   {OSKIT_ECHOK, TERM_ECHOK},
    {OSKIT_ECHO, TERM_ECHO},     {OSKIT_ECHONL, TERM_ECHONL}, {0x20, TERM_ECHOPRT},
    {0x40, TERM_ECHOCTL},        {OSKIT_ISIG, TERM_ISIG},     {OSKIT_ICANON, TERM_ICANON},
    {OSKIT_IEXTEN, TERM_IEXTEN}, {OSKIT_TOSTOP, TERM_TOSTOP}, {OSKIT_NOFLSH, TERM_NOFLSH},
};
/* Places in cc. */
static const struct pair characters[] = {
    {OSKIT_VEOF, TERM_VEOF},     {OSKIT_VEOL, TERM_VEOL},     {2, TERM_VEOL2},
    {OSKIT_VERASE, TERM_VERASE}, {4, TERM_VWERASE},           {OSKIT_VKILL, TERM_VKILL},
    {6, TERM_VREPRINT},          {OSKIT_VINTR, TERM_VINTR},   {OSKIT_VQUIT, TERM_VQUIT},
    {OSKIT_VSUSP, TERM_VSUSP},   {OSKIT_VSTART, TERM_VSTART}, {OSKIT_VSTOP, TERM_VSTOP},
    {14, TERM_VLNEXT},
};
/* Their places hold numbers, where 0 is not "disabled". */
static const struct pair numbers[] = {{OSKIT_VMIN, TERM_VMIN}, {OSKIT_VTIME, TERM_VTIME}};

static uint32_t to_bsd(uint32_t flags, const struct pair *pairs, size_t n)
{
    uint32_t result = 0;

    for (size_t i = 0; i < n; i++) {
        if ((flags & pairs[i].term) == pairs[i].term)
            result |= pairs[i].bsd;
    }
    return result;
}

static uint32_t from_bsd(uint32_t old, uint32_t flags, const struct pair *pairs, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        old &= ~pairs[i].term;
        if ((flags & pairs[i].bsd) == pairs[i].bsd)
            old |= pairs[i].term;
    }
    return old;
}

/* CS5 to CS8 count up in both, at different places. */
static uint32_t size_to_bsd(uint32_t cflag)
{
    return (cflag & TERM_CSIZE) / TERM_CS6 * OSKIT_CS6;
}

static uint32_t size_from_bsd(uint32_t cflag)
{
    return (cflag & OSKIT_CSIZE) / OSKIT_CS6 * TERM_CS6;
}

void bsd_termios_from(struct oskit_termios *to, const struct terminal_settings *from)
{
    *to = (struct oskit_termios){
        .iflag = to_bsd(from->iflag, input_flags, SLUICE_COUNT(input_flags)),
        .oflag = to_bsd(from->oflag, output_flags, SLUICE_COUNT(output_flags)),
        .cflag = to_bsd(from->cflag, control_flags, SLUICE_COUNT(control_flags)) |
                 size_to_bsd(from->cflag),
        .lflag = to_bsd(from->lflag, local_flags, SLUICE_COUNT(local_flags)),
        .ispeed = from->ispeed,
        .ospeed = from->ospeed,
    };
    for (size_t i = 0; i < OSKIT_NCCS; i++)
        to->cc[i] = OSKIT_VDISABLE;
    for (size_t i = 0; i < SLUICE_COUNT(characters); i++) {
        uint8_t c = from->cc[characters[i].term];
        to->cc[characters[i].bsd] = c != 0 ? c : OSKIT_VDISABLE;
    }
    for (size_t i = 0; i < SLUICE_COUNT(numbers); i++)
        to->cc[numbers[i].bsd] = from->cc[numbers[i].term];
}

void bsd_termios_to(struct terminal_settings *to, const struct oskit_termios *from)
{
    to->iflag = from_bsd(to->iflag, from->iflag, input_flags, SLUICE_COUNT(input_flags));
    to->oflag = from_bsd(to->oflag, from->oflag, output_flags, SLUICE_COUNT(output_flags));
    to->cflag = from_bsd(to->cflag, from->cflag, control_flags, SLUICE_COUNT(control_flags));
    to->cflag = (to->cflag & ~(TERM_CSIZE | TERM_CBAUD)) | size_from_bsd(from->cflag) |
                terminal_speed_code(from->ospeed);
    to->lflag = from_bsd(to->lflag, from->lflag, local_flags, SLUICE_COUNT(local_flags));
    for (size_t i = 0; i < SLUICE_COUNT(characters); i++) {
        uint8_t c = from->cc[characters[i].bsd];
        to->cc[characters[i].term] = c != OSKIT_VDISABLE ? c : 0;
    }
    for (size_t i = 0; i < SLUICE_COUNT(numbers); i++)
        to->cc[numbers[i].term] = from->cc[numbers[i].bsd];
    to->ispeed = to->ospeed = from->ospeed;
}
