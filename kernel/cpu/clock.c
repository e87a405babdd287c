/*
 * Time. The TSC counts; at boot it is measured over a few milliseconds against the HPET or, without
 * one, the PIT, unless the hypervisor tells its frequency. The local APIC's timer is measured in
 * the same window.
 *
 * Reading takes no lock: the scale is constant after clock_init, and the date is one atomic word.
 */
#include "kernel/cpu/clock.h"
#include <stdatomic.h>
#include <stdbool.h>
#include "kernel/cpu/acpi.h"
#include "kernel/cpu/apic.h"
#include "kernel/cpu/features.h"
#include "kernel/cpu/msr.h"
#include "kernel/cpu/percpu.h"
#include "kernel/cpu/port.h"
#include "kernel/cpu/rtc.h"
#include "kernel/log.h"
#include "kernel/mem/vmap.h"

#define NS_PER_S      1000000000ull
#define WINDOW_NS     5000000ull /* error: one reference read, under 1 us, in this */
#define POLLS_MAX     50000000u /* of a reference that stands still; a window takes under a million */
#define SAMPLE_TRIES  5
#define FEMTOS_PER_NS 1000000ull
#define PIT_HZ        1193182ull
#define PIT_CHANNEL_2 0x42
#define PIT_COMMAND   0x43
#define PIT_GATE      0x61

static uint64_t tsc_hz, tsc_start;
static uint64_t ns_mult; /* nanoseconds a tick, 32 bits of fraction; 0 until calibrated */
static _Atomic int64_t real_offset; /* clock_real() - clock_monotonic() */

/* ---- References: something that counts at a known rate ---- */

static volatile uint64_t *hpet;
static uint64_t hpet_femtos; /* a tick */

static uint64_t hpet_ns(void)
{
    return (uint64_t)((unsigned __int128)hpet[0xf0 / 8] * hpet_femtos / FEMTOS_PER_NS);
}

static bool hpet_start(void)
{
    hpet = acpi.hpet ? vmap_device(acpi.hpet, 1024) : NULL;
    if (!hpet)
        return false;
    hpet_femtos = hpet[0] >> 32;
    /* The specification's limit is 100 ns. */
    if (!hpet_femtos || hpet_femtos > 100 * FEMTOS_PER_NS)
        return false;
    /* From zero: a counter of 32 bits then doesn't wrap within the window. */
    hpet[0x10 / 8] &= ~1ull;
    hpet[0xf0 / 8] = 0;
    hpet[0x10 / 8] |= 1;
    return true;
}

/* Channel 2 in mode 0 counts down from 65535 once: 54 ms, ten windows. */
static void pit_start(void)
{
    port_out8(PIT_GATE, (port_in8(PIT_GATE) & 0xfd) | 1);
    port_out8(PIT_COMMAND, 0xb0);
    port_out8(PIT_CHANNEL_2, 0xff);
    port_out8(PIT_CHANNEL_2, 0xff);
}

static uint64_t pit_ns(void)
{
    port_out8(PIT_COMMAND, 0x80);
    uint32_t left = port_in8(PIT_CHANNEL_2);
    left |= (uint32_t)port_in8(PIT_CHANNEL_2) << 8;
    return (0xffffu - left) * NS_PER_S / PIT_HZ;
}

/* ---- Calibration ---- */

struct sample {
    uint64_t tsc, ns;
};

/* Both clocks at one moment: the try in which reading took least. */
static struct sample clock_sample(uint64_t (*reference)(void))
{
    struct sample best = {0, 0};
    uint64_t least = UINT64_MAX;
    for (int i = 0; i < SAMPLE_TRIES; i++) {
        uint64_t before = tsc_read(), ns = reference(), after = tsc_read();
        if (after - before < least) {
            least = after - before;
            best = (struct sample){before + (after - before) / 2, ns};
        }
    }
    return best;
}

static void clock_scale(uint64_t hz)
{
    tsc_hz = hz;
    tsc_start = tsc_read();
    ns_mult = (uint64_t)(((unsigned __int128)NS_PER_S << 32) / hz);
}

/* The TSC's frequency by REFERENCE; measures the local APIC's timer meanwhile and returns in
 * *APIC_TICKS how many TSC ticks that took. 0: the reference stands still. */
static uint64_t clock_measure(uint64_t (*reference)(void), uint64_t *apic_ticks)
{
    struct sample first = clock_sample(reference), last;
    uint32_t polls = 0;
    apic_timer_measure();
    uint64_t apic_from = tsc_read();
    do
        cpu_pause();
    while (reference() - first.ns < WINDOW_NS && ++polls < POLLS_MAX);
    *apic_ticks = tsc_read() - apic_from;
    last = clock_sample(reference);
    if (polls == POLLS_MAX || last.tsc <= first.tsc)
        return 0;
    return (uint64_t)((unsigned __int128)(last.tsc - first.tsc) * NS_PER_S / (last.ns - first.ns));
}

static void clock_calibrate(void)
{
    uint64_t apic_ticks, hz = hpet_start() ? clock_measure(hpet_ns, &apic_ticks) : 0;
    bool by_hpet = hz;
    if (!by_hpet) {
        pit_start();
        hz = clock_measure(pit_ns, &apic_ticks);
    }
    if (!hz)
        panic("clock: neither the HPET nor the PIT counts, or the TSC doesn't");
    clock_scale(cpu_features.tsc_khz ? cpu_features.tsc_khz * 1000ull : hz);
    /* Some microseconds of error against the sample are harmless: timers re-check their deadline.
     */
    apic_timer_measured((uint64_t)(((unsigned __int128)apic_ticks * ns_mult) >> 32));
    log_write(LOG_INFO, "clock: TSC %lu.%03lu MHz by %s", tsc_hz / 1000000, tsc_hz / 1000 % 1000,
              cpu_features.tsc_khz ? "the hypervisor"
              : by_hpet            ? "the HPET"
                                   : "the PIT");
}

void clock_init(void)
{
    clock_calibrate();
    int64_t seconds = rtc_read();
    if (!seconds)
        log_write(LOG_WARNING, "clock: the RTC shows no date");
    clock_set_real(seconds * (int64_t)NS_PER_S);
}

/* ---- Reading ---- */

uint64_t clock_monotonic(void)
{
    return (uint64_t)(((unsigned __int128)(tsc_read() - tsc_start) * ns_mult) >> 32);
}

int64_t clock_real(void)
{
    return (int64_t)clock_monotonic() + atomic_load_explicit(&real_offset, memory_order_relaxed);
}

void clock_set_real(int64_t ns)
{
    atomic_store_explicit(&real_offset, ns - (int64_t)clock_monotonic(), memory_order_relaxed);
}

uint64_t clock_tsc_hz(void)
{
    return tsc_hz;
}

void clock_spin(uint64_t ns)
{
    uint64_t end = clock_monotonic() + ns;
    while (clock_monotonic() < end)
        cpu_pause();
}
