/* Bounds of System V's objects that are no single small number: /proc/sys/kernel/sem and shmmax. */
#include "kernel/proc/settings.h"
#include "kernel/sys/segment.h"
#include "kernel/sys/semaphores.h"

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\n';
}

/* The next number at *AT, up to MOST. false: there is none. */
static bool number_read(const char **at, const char *end, uint64_t most, uint64_t *out)
{
    uint64_t value = 0;
    while (*at < end && is_blank(**at))
        ++*at;
    const char *start = *at;
    for (; *at < end && **at >= '0' && **at <= '9'; ++*at) {
        uint64_t digit = (uint64_t)(**at - '0');
        if (value > (most - digit) / 10)
            return false;
        value = value * 10 + digit;
    }
    *out = value;
    return *at > start && (*at == end || is_blank(**at));
}

oskit_error_t semaphores_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%u\t%u\t%u\t%u\n", atomic_load(&semaphore_limits.in_set),
                 atomic_load(&semaphore_limits.in_all), atomic_load(&semaphore_limits.in_call),
                 atomic_load(&semaphore_limits.sets));
    return OSKIT_SUCCESS;
}

/* From one to four numbers: those that are missing stay. */
oskit_error_t semaphores_store(oskit_u64_t key, const char *text, size_t size)
{
    static const uint64_t most[4] = {UINT16_MAX, INT32_MAX, 4096, SYSV_INDEXES};
    _Atomic uint32_t *const limits[4] = {&semaphore_limits.in_set, &semaphore_limits.in_all,
                                         &semaphore_limits.in_call, &semaphore_limits.sets};
    const char *at = text, *end = text + size;
    uint64_t values[4];
    unsigned count = 0;
    (void)key;
    while (end > at && is_blank(end[-1]))
        end--;
    do {
        if (count == 4 || !number_read(&at, end, most[count], &values[count]))
            return OSKIT_E_INVALIDARG;
        count++;
    } while (at < end);
    for (unsigned i = 0; i < count; i++)
        atomic_store(limits[i], (uint32_t)values[i]);
    return OSKIT_SUCCESS;
}

oskit_error_t segment_size_show(oskit_u64_t key, struct synth_text *text)
{
    (void)key;
    synth_printf(text, "%lu\n", atomic_load(&segment_limits.size));
    return OSKIT_SUCCESS;
}

oskit_error_t segment_size_store(oskit_u64_t key, const char *text, size_t size)
{
    const char *at = text;
    uint64_t value;
    (void)key;
    /* No more than pages can be counted for. */
    if (!number_read(&at, text + size, SEGMENT_SIZE_MAX, &value))
        return OSKIT_E_INVALIDARG;
    atomic_store(&segment_limits.size, value);
    return OSKIT_SUCCESS;
}
