/* The driver table: rows collected by the linker. */
#include <sluice/driver.h>
#include <sluice/string.h>

/* Weak: a program without drivers has no such section. */
extern const struct driver *const __start_driver_table[] __attribute__((weak));
extern const struct driver *const __stop_driver_table[] __attribute__((weak));

static bool field_takes(uint32_t wanted, uint32_t is)
{
    return wanted == DRIVER_ANY || wanted == is;
}

static bool driver_takes(const struct driver *driver, const char *bus, const struct driver_id *id)
{
    if (strcmp(driver->bus, bus))
        return false;
    for (size_t i = 0; i < driver->id_count; i++)
        if (field_takes(driver->ids[i].vendor, id->vendor) &&
            field_takes(driver->ids[i].device, id->device) &&
            field_takes(driver->ids[i].class_code, id->class_code))
            return true;
    return false;
}

oskit_error_t driver_attach(const char *bus, const struct driver_id *id, void *device,
                            const struct driver **out)
{
    oskit_error_t error = OSKIT_ENODEV;
    *out = NULL;
    for (const struct driver *const *row = __start_driver_table; row != __stop_driver_table;
         row++) {
        if (!driver_takes(*row, bus, id))
            continue;
        error = (*row)->attach(device);
        if (!error)
            *out = *row;
        if (error != OSKIT_ENODEV)
            break;
    }
    return error;
}

void driver_each(void (*show)(void *arg, const struct driver *driver), void *arg)
{
    for (const struct driver *const *row = __start_driver_table; row != __stop_driver_table; row++)
        show(arg, *row);
}
