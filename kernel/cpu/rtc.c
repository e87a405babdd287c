#include "kernel/cpu/rtc.h"
#include <stdbool.h>
#include <sluice/string.h>
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/port.h"

#define CMOS_INDEX 0x70
#define CMOS_DATA  0x71

enum { RTC_SECOND = 0, RTC_MINUTE = 2, RTC_HOUR = 4, RTC_DAY = 7, RTC_MONTH = 8, RTC_YEAR = 9 };
#define RTC_STATUS_A 10
#define RTC_STATUS_B 11
#define A_UPDATING   0x80
#define B_BINARY     0x04
#define B_24_HOURS   0x02
#define HOUR_PM      0x80
#define UPDATE_POLLS 100000 /* an update takes 2 ms; a clock that never ends one is broken */
#define ATTEMPTS     10

struct rtc_fields {
    uint8_t second, minute, hour, day, month, year, century;
};

static uint8_t cmos_read(uint8_t reg)
{
    port_out8(CMOS_INDEX, reg);
    return port_in8(CMOS_DATA);
}

static void rtc_fields_read(struct rtc_fields *f)
{
    for (int i = 0; i < UPDATE_POLLS && cmos_read(RTC_STATUS_A) & A_UPDATING; i++)
        ;
    *f = (struct rtc_fields){
        .second = cmos_read(RTC_SECOND),
        .minute = cmos_read(RTC_MINUTE),
        .hour = cmos_read(RTC_HOUR),
        .day = cmos_read(RTC_DAY),
        .month = cmos_read(RTC_MONTH),
        .year = cmos_read(RTC_YEAR),
        .century = acpi.century ? cmos_read(acpi.century) : 0,
    };
}

/* Twice the same: no update came between. */
static bool rtc_fields_stable(struct rtc_fields *f)
{
    struct rtc_fields again;
    rtc_fields_read(f);
    for (int i = 0; i < ATTEMPTS; i++) {
        rtc_fields_read(&again);
        if (!memcmp(f, &again, sizeof again))
            return true;
        *f = again;
    }
    return false;
}

static unsigned bcd(uint8_t value, uint8_t status)
{
    return status & B_BINARY ? value : (value >> 4) * 10u + (value & 15u);
}

/* Days from 1970-01-01 to the given day, counting years from March so that the leap day comes last.
 */
static int64_t days_since_1970(int64_t year, int64_t month, int64_t day)
{
    year -= month <= 2;
    int64_t era = year / 400;
    int64_t year_of_era = year - era * 400;
    int64_t day_of_year = (153 * (month + (month > 2 ? -3 : 9)) + 2) / 5 + day - 1;
    int64_t day_of_era = year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year;
    return era * 146097 + day_of_era - 719468;
}

static unsigned rtc_hour(uint8_t raw, uint8_t status)
{
    unsigned hour = bcd(raw & (uint8_t)~HOUR_PM, status);
    if (status & B_24_HOURS)
        return bcd(raw, status);
    return hour % 12 + (raw & HOUR_PM ? 12 : 0);
}

int64_t rtc_read(void)
{
    struct rtc_fields f;
    if (!rtc_fields_stable(&f))
        return 0;
    uint8_t status = cmos_read(RTC_STATUS_B);
    unsigned year = bcd(f.year, status), century = bcd(f.century, status);
    unsigned month = bcd(f.month, status), day = bcd(f.day, status);
    year += century >= 19 && century < 30 ? century * 100 : 2000;
    if (month < 1 || month > 12 || day < 1 || day > 31)
        return 0;
    return days_since_1970(year, month, day) * 86400 + rtc_hour(f.hour, status) * 3600 +
           bcd(f.minute, status) * 60 + bcd(f.second, status);
}
