/* The second half of boot, in a thread: drivers, the root file system, init. */
#include "kernel/capture.h"
#include "kernel/start.h"
#include <sluice/cpio.h>
#include <sluice/device.h>
#include <sluice/inet.h>
#include <sluice/memdev.h>
#include <sluice/namespace.h>
#include <sluice/pagecache.h>
#include <sluice/pci.h>
#include <sluice/pty.h>
#include <sluice/ramfs.h>
#include <sluice/string.h>
#include <sluice/uart.h>
#include <sluice/virtio_mmio.h>
#include "kernel/abi/errno.h"
#include "kernel/boot_info.h"
#include "kernel/diskfs.h"
#include "kernel/cpu/acpi.h"
#include "kernel/fstypes.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"
#include "kernel/random.h"
#include "kernel/sys/socket.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/process.h"

#define TTY_DEVICE     DEVICE_NUMBER(5, 0)
#define CONSOLE_DEVICE DEVICE_NUMBER(5, 1)

/* Boot can't go on without what CALL makes. */
static void must(oskit_error_t error, const char *what)
{
    if (error)
        panic("%s: error %ld", what, -errno_from_oskit(error));
}

/* ---- Devices ---- */

/* /dev/tty: whatever terminal controls the caller's session. */
static oskit_error_t open_session_terminal(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    (void)arg, (void)oflags;
    *out = session_terminal();
    return *out ? 0 : OSKIT_ENXIO;
}

static const struct device session_terminal_device = {.name = "tty",
                                                      .number = TTY_DEVICE,
                                                      .mode = OSKIT_S_IFCHR | 0666,
                                                      .open = open_session_terminal};

static struct device console_device = {.name = "console",
                                       .number = CONSOLE_DEVICE,
                                       .mode = OSKIT_S_IFCHR | 0600,
                                       .open = tty_device_open};

/* console.size=COLSxROWS: the size of the terminal behind the serial line, which can't tell it. */
static void console_set_size(struct tty_port *port)
{
    const char *size = command_option("console.size");
    unsigned columns = 0, rows = 0;
    if (!size)
        return;
    for (; *size >= '0' && *size <= '9'; size++)
        columns = columns * 10 + (unsigned)(*size - '0');
    if (*size++ != 'x')
        return;
    for (; *size >= '0' && *size <= '9'; size++)
        rows = rows * 10 + (unsigned)(*size - '0');
    if (columns && rows && columns <= UINT16_MAX && rows <= UINT16_MAX)
        port->size = (struct terminal_size){(oskit_u16_t)rows, (oskit_u16_t)columns, 0, 0};
}

/* The firmware turns automatic line wrap off on serial terminals and leaves it so; the console has
 * it on. */
static void console_restore_wrap(void)
{
    static const char wrap_on[] = "\033[?7h";
    if (command_option("console.wrap"))
        uart16550_early_write(UART_COM1, wrap_on, sizeof wrap_on - 1);
}

static void start_console(void)
{
    struct tty_port *port = NULL;
    console_restore_wrap();
    oskit_error_t error = uart16550_attach(UART_COM1, 4, 0, &port);
    if (error) {
        log_write(LOG_WARNING, "no console: no UART at %#x (error %ld)", UART_COM1,
                  -errno_from_oskit(error));
        return;
    }
    console_set_size(port);
    console_device.arg = port;
    must(device_register(&console_device), "/dev/console");
}

/* The third serial port, for a second session: there when QEMU was given one. The second is the
 * log's. COM3 shares the interrupt of COM1. */
static void start_second_line(void)
{
    struct tty_port *port;
    oskit_error_t error = uart16550_attach(UART_COM3, 4, 2, &port);
    if (error && error != OSKIT_ENODEV)
        log_write(LOG_WARNING, "ttyS2: error %ld", -errno_from_oskit(error));
}

/* Everything behind PCI, by the drivers that are linked in. */
static void start_pci(void)
{
    struct pci_host host = {acpi.ecam, acpi.ecam_first, acpi.ecam_last};
    if (!host.ecam)
        host.last_bus = UINT8_MAX;
    oskit_error_t error = pci_start(&host);
    if (error && error != OSKIT_ENODEV)
        log_write(LOG_WARNING, "pci: error %ld", -errno_from_oskit(error));
}

/* A number after *AT, which moves behind it. */
static uint64_t number_take(const char **at)
{
    bool hex = (*at)[0] == '0' && (*at)[1] == 'x';
    uint64_t value = 0;
    if (hex)
        *at += 2;
    for (;; (*at)++) {
        char c = **at;
        if (c >= '0' && c <= '9')
            value = value * (hex ? 16 : 10) + (uint64_t)(c - '0');
        else if (hex && c >= 'a' && c <= 'f')
            value = value * 16 + (uint64_t)(c - 'a' + 10);
        else
            return value;
    }
}

/* virtio.mmio=ADDRESS:LINE[,ADDRESS:LINE...]: devices that nothing but the command line tells of.
 */
static void start_virtio_mmio(void)
{
    const char *at = command_option("virtio.mmio");
    while (at && *at) {
        struct virtio_mmio *mmio;
        uint64_t address = number_take(&at);
        unsigned line = *at == ':' ? (at++, (unsigned)number_take(&at)) : 0;
        if (*at && *at++ != ',') {
            log_write(LOG_WARNING, "virtio.mmio: not understood from \"%s\" on", at - 1);
            return;
        }
        oskit_error_t error = virtio_mmio_attach(address, line, &mmio);
        if (error)
            log_write(LOG_WARNING, "virtio.mmio: %#lx: error %ld", address,
                      -errno_from_oskit(error));
    }
}

static void start_devices(void)
{
    must(memdev_register(), "memory devices");
    must(device_register(&session_terminal_device), "/dev/tty");
    must(pty_register(), "/dev/ptmx");
    start_console();
    start_second_line();
    start_pci();
    start_virtio_mmio();
}

/* ---- The network ---- */

#define CONFIGURED_WITHIN \
    1000000000ull /* nanoseconds that the first program waits for an address */

static void start_network(void)
{
    oskit_error_t error = inet_start(command_option("ip"));
    if (error && error != OSKIT_E_INVALIDARG)
        log_write(LOG_WARNING, "network: error %ld", -errno_from_oskit(error));
    capture_start();
}

/* Most networks have answered by the time that the root is there. */
static void await_network(void)
{
    struct inet_interface card;
    if (inet_interface_get(2, &card) &&
        !inet_wait_configured(env_time_monotonic() + CONFIGURED_WITHIN))
        log_write(LOG_WARNING, "%s: no address yet", card.name);
}

/* ---- The root file system ---- */

static void unpack_initrd(oskit_dir_t *root)
{
    struct cpio_fault fault;
    if (!boot_info.initrd_size)
        panic("no initial RAM disk: the loader gave no module");
    oskit_error_t error =
        cpio_unpack(physical_page(boot_info.initrd_start), boot_info.initrd_size, root, &fault);
    if (error)
        panic("initial RAM disk damaged at byte %lu (%s): %s", (unsigned long)fault.offset,
              fault.name, fault.reason);
    pages_release_reserved(boot_info.initrd_start, boot_info.initrd_size);
}

static void mount_at(const char *path, const char *type, oskit_filesystem_t *fs)
{
    struct location root, at;
    namespace_root(root_namespace, &root);
    struct walk walk = {root_namespace, &root, &root};
    oskit_error_t error = namespace_lookup(&walk, path, NAMESPACE_DIRECTORY, &at);
    if (!error) {
        error = namespace_mount(root_namespace, &at, fs, type, type, 0);
        location_release(&at);
    }
    location_release(&root);
    if (error)
        log_write(LOG_WARNING, "%s isn't mounted: error %ld", path, -errno_from_oskit(error));
}

static void mount_type_at(const char *path, const char *type)
{
    oskit_filesystem_t *fs;
    struct mount_options options;
    mount_options_init(type, 0, &options);
    long error = fstype_create(type, type, NULL, &options, &fs);
    if (error) {
        log_write(LOG_WARNING, "%s isn't mounted: error %ld", path, -error);
        return;
    }
    mount_at(path, type, fs);
    oskit_filesystem_release(fs);
}

/* A quarter of memory stays out of the root's reach, so that a full one leaves room to clean it up.
 */
static oskit_filesystem_t *start_initrd(void)
{
    oskit_filesystem_t *fs;
    oskit_dir_t *root;
    size_t pages = pages_total();
    must(ramfs_create(pages - pages / 4, 0, &fs), "root file system");
    must(oskit_filesystem_getroot(fs, &root), "root directory");
    unpack_initrd(root);
    oskit_dir_release(root);
    return fs;
}

/* root=/dev/NAME: the file system on that disk instead; rootfstype= may name its type. NULL when
 * the command line says nothing of it. */
static oskit_filesystem_t *start_disk_root(const char *device)
{
    oskit_filesystem_t *fs;
    uint32_t flags = command_option("ro") ? DISKFS_RDONLY : 0;
    if (!device)
        return NULL;
    command_option("rw");
    long error = diskfs_mount_named(device, flags, &fs);
    if (error)
        panic("root=%s: error %ld", device, -error);
    return fs;
}

static void remount_root(oskit_filesystem_t *fs)
{
    struct location root;
    oskit_statfs_t stat;
    if (oskit_filesystem_statfs(fs, &stat) || !(stat.flag & OSKIT_FS_RDONLY))
        return;
    namespace_root(root_namespace, &root);
    namespace_remount(&root, MOUNT_RDONLY);
    location_release(&root);
}

/* The initial RAM disk is the root, or lies below /initrd when the root is on a disk and has such a
 * directory. */
static void start_root(void)
{
    const char *device = command_option("root"), *type = command_option("rootfstype");
    oskit_filesystem_t *initrd = start_initrd(), *disk = start_disk_root(device);
    if (disk)
        must(namespace_create(disk, type ? type : "ext3", device, &root_namespace), "namespace");
    else
        must(namespace_create(initrd, "rootfs", "rootfs", &root_namespace), "namespace");
    if (disk) {
        remount_root(disk);
        mount_at("/initrd", "rootfs", initrd);
        oskit_filesystem_release(disk);
    }
    oskit_filesystem_release(initrd);
    mount_type_at("/dev", "devtmpfs");
    mount_type_at("/proc", "proc");
}

/* ---- Init ---- */

static void start_init(void)
{
    static const char *const environment[] = {"HOME=/", "PATH=/sbin:/usr/sbin:/bin:/usr/bin",
                                              "TERM=linux", NULL};
    const char *path = command_option("init");
    if (!path || !*path)
        path = "/sbin/init";
    const char *const arguments[] = {path, NULL};
    int error = process_start_init(path, arguments, environment);
    if (error)
        panic("no memory for init");
}

void kernel_start(void *arg)
{
    (void)arg;
    random_init();
    must(pagecache_start(), "page cache");
    socket_host_start();
    start_devices();
    start_network();
    start_root();
    await_network();
    command_report_unknown();
    start_init();
}
