/* Line speeds and their codes in cflag. */
#include <sluice/object.h>
#include <sluice/terminal.h>

#define EXTENDED 0010000u /* in a code: the upper half of the table */

static const oskit_u32_t low[] = {0,   50,   75,   110,  134,  150,  200,   300,
                                  600, 1200, 1800, 2400, 4800, 9600, 19200, 38400};
static const oskit_u32_t high[] = {0,       57600,   115200,  230400,  460800,  500000,
                                   576000,  921600,  1000000, 1152000, 1500000, 2000000,
                                   2500000, 3000000, 3500000, 4000000};

oskit_u32_t terminal_speed(oskit_u32_t cflag)
{
    return cflag & EXTENDED ? high[cflag & 017] : low[cflag & 017];
}

oskit_u32_t terminal_speed_code(oskit_u32_t speed)
{
    for (oskit_u32_t code = 0; code < SLUICE_COUNT(low); code++) {
        if (low[code] == speed)
            return code;
        if (high[code] == speed)
            return EXTENDED | code;
    }
    return TERM_BOTHER;
}
