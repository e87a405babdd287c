/*
 * Disks and their nodes.
 *
 * Locks: disk_mutex covers the list of disks and each disk's parts; it is held while nodes are made
 * and taken away (disk_mutex -> device_mutex) and while a table is read. Opening a node takes
 * neither: a part's blockdev is there as long as its node is.
 */
#include <sluice/disk.h>

#include <oskit/io/posixio.h>

#include <sluice/block.h>
#include <sluice/blockdev.h>
#include <sluice/device.h>
#include <sluice/env.h>
#include <sluice/partition.h>
#include <sluice/string.h>

#define BLOCK_MODE  (OSKIT_S_IFBLK | 0660)
#define GROUP_DISK  6u /* what the group of disks is numbered on Debian, and in our /etc/group */
#define MINOR_COUNT (1u << 20)

/* The disk itself (number 0) or a partition: a node. */
struct part {
    struct list link;
    struct disk *disk;
    unsigned number;
    oskit_u64_t start;
    char name[DISK_NAME_MAX];
    sluice_blockqueue_t *queue; /* held */
    struct blockdev *blockdev;  /* held */
    struct device device;
    bool shown; /* the node is registered */
};

struct disk {
    struct list link;
    const struct disk_family *family;
    unsigned index; /* among the family's */
    char serial[DISK_SERIAL_MAX + 1];
    sluice_blockqueue_t *queue; /* held */
    struct list parts;          /* the first is the disk itself */
};

const struct disk_family disk_virtio = {"vd", true, 254, 16};
const struct disk_family disk_ram = {"ram", false, 1, 1};

static struct env_mutex disk_mutex;
static struct list disks = LIST_INIT(disks);

/* ---- Names ---- */

struct name {
    char *text;
    unsigned length;
};

static void name_add(struct name *name, char c)
{
    if (name->length + 1 < DISK_NAME_MAX)
        name->text[name->length++] = c;
    name->text[name->length] = '\0';
}

static void name_add_number(struct name *name, unsigned number)
{
    if (number >= 10)
        name_add_number(name, number / 10);
    name_add(name, (char)('0' + number % 10));
}

/* a .. z, aa .. zz, aaa ..: base 26 without a zero. */
static void name_add_letters(struct name *name, unsigned index)
{
    if (index >= 26)
        name_add_letters(name, index / 26 - 1);
    name_add(name, (char)('a' + index % 26));
}

static void part_name(const struct disk *disk, unsigned number, char text[DISK_NAME_MAX])
{
    struct name name = {text, 0};

    for (const char *c = disk->family->prefix; *c != '\0'; c++)
        name_add(&name, *c);
    if (disk->family->letters)
        name_add_letters(&name, disk->index);
    else
        name_add_number(&name, disk->index);
    if (number == 0)
        return;
    if (!disk->family->letters)
        name_add(&name, 'p');
    name_add_number(&name, number);
}

static oskit_u32_t part_device_number(const struct disk *disk, unsigned number)
{
    return DEVICE_NUMBER(disk->family->major, disk->index * disk->family->minors + number);
}

/* ---- Parts ---- */

static oskit_error_t part_open(void *arg, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    struct part *part = arg;

    return blockdev_open(part->blockdev, oflags, out);
}

static void part_remove(struct part *part)
{
    if (part->shown)
        device_unregister(&part->device);
    if (part->blockdev != NULL)
        blockdev_unref(part->blockdev);
    sluice_blockqueue_release(part->queue);
    list_remove(&part->link);
    env_free(part, sizeof *part);
}

static oskit_error_t disk_rescan(void *arg);

static struct part *whole_of(const struct disk *disk)
{
    return container_of(disk->parts.next, struct part, link);
}

static oskit_error_t part_show(struct part *part)
{
    struct blockdev_hooks hooks = {.start = part->start};

    if (part->number == 0) {
        hooks.rescan = disk_rescan;
        hooks.arg = part->disk;
    } else {
        hooks.whole = whole_of(part->disk)->blockdev;
    }
    oskit_error_t error = blockdev_create(part->queue, &hooks, &part->blockdev);

    if (!OSKIT_FAILED(error))
        error = device_register(&part->device);
    part->shown = !OSKIT_FAILED(error);
    return error;
}

/* QUEUE's reference becomes the part's, also when this fails. */
static oskit_error_t part_add(struct disk *disk, unsigned number, oskit_u64_t start,
                              sluice_blockqueue_t *queue)
{
    struct part *part = env_alloc(sizeof *part, ENV_ZERO);

    if (part == NULL) {
        sluice_blockqueue_release(queue);
        return OSKIT_E_OUTOFMEMORY;
    }
    part->disk = disk;
    part->number = number;
    part->start = start;
    part->queue = queue;
    part_name(disk, number, part->name);
    part->device = (struct device){.name = part->name,
                                   .number = part_device_number(disk, number),
                                   .mode = BLOCK_MODE,
                                   .gid = GROUP_DISK,
                                   .open = part_open,
                                   .arg = part};
    list_push_back(&disk->parts, &part->link);
    oskit_error_t error = part_show(part);
    if (OSKIT_FAILED(error))
        part_remove(part);
    return error;
}

static void partition_found(void *arg, const struct partition *partition)
{
    struct disk *disk = arg;
    sluice_blockqueue_t *slice;

    if (partition->number >= disk->family->minors)
        return;
    oskit_error_t error =
        blockqueue_slice(disk->queue, partition->start, partition->length, &slice);
    if (!OSKIT_FAILED(error))
        error = part_add(disk, partition->number, partition->start, slice);
    if (OSKIT_FAILED(error))
        env_log(ENV_LOG_WARNING, "disk: partition %u can't be used (error %#x)", partition->number,
                (unsigned)error);
}

/* Under disk_mutex. */
static oskit_error_t partitions_read(struct disk *disk)
{
    return disk->family->minors > 1 ? partition_scan(disk->queue, partition_found, disk)
                                    : OSKIT_SUCCESS;
}

static bool partitions_in_use(const struct disk *disk)
{
    bool used = false;

    list_for_each (link, &disk->parts) {
        const struct part *part = container_of(link, struct part, link);
        used |= part->number != 0 && blockdev_opens(part->blockdev) != 0;
    }
    return used;
}

static void partitions_forget(struct disk *disk)
{
    list_for_each_safe (link, &disk->parts) {
        struct part *part = container_of(link, struct part, link);
        if (part->number != 0)
            part_remove(part);
    }
}

/* BLKRRPART. The disk is there: the asker has its node open, and disk_unregister was not called or
 * finds the list empty of it. */
static oskit_error_t disk_rescan(void *arg)
{
    struct disk *disk = arg;
    oskit_error_t error = OSKIT_ENXIO;

    env_mutex_lock(&disk_mutex);
    list_for_each (link, &disks)
        if (link == &disk->link)
            error = partitions_in_use(disk) ? OSKIT_EBUSY : OSKIT_SUCCESS;
    if (!OSKIT_FAILED(error)) {
        partitions_forget(disk);
        error = partitions_read(disk);
    }
    env_mutex_unlock(&disk_mutex);
    return error;
}

/* ---- Disks ---- */

static bool index_taken(const struct disk_family *family, unsigned index)
{
    bool taken = false;

    list_for_each (link, &disks) {
        const struct disk *disk = container_of(link, struct disk, link);
        taken |= disk->family->major == family->major && disk->index == index;
    }
    return taken;
}

static void serial_copy(struct disk *disk, const char *serial)
{
    for (unsigned i = 0; serial != NULL && i < DISK_SERIAL_MAX && serial[i] != '\0'; i++)
        disk->serial[i] = serial[i] >= ' ' && serial[i] <= '~' ? serial[i] : '?';
}

/* Under disk_mutex. */
static oskit_error_t disk_add(struct disk *disk)
{
    while (index_taken(disk->family, disk->index))
        disk->index++;
    if (disk->index >= MINOR_COUNT / disk->family->minors)
        return OSKIT_ENOSPC;
    sluice_blockqueue_addref(disk->queue);
    oskit_error_t error = part_add(disk, 0, 0, disk->queue);
    if (OSKIT_FAILED(error))
        return error;
    list_push_back(&disks, &disk->link);
    error = partitions_read(disk);
    if (OSKIT_FAILED(error))
        env_log(ENV_LOG_WARNING, "disk: the partition table can't be read (error %#x)",
                (unsigned)error);
    return OSKIT_SUCCESS;
}

static void disk_free(struct disk *disk)
{
    sluice_blockqueue_release(disk->queue);
    env_free(disk, sizeof *disk);
}

oskit_error_t disk_register(const struct disk_family *family, sluice_blockqueue_t *queue,
                            const char *serial, struct disk **out)
{
    struct disk *disk = env_alloc(sizeof *disk, ENV_ZERO);

    *out = NULL;
    if (disk == NULL)
        return OSKIT_E_OUTOFMEMORY;
    disk->family = family;
    list_init(&disk->parts);
    serial_copy(disk, serial);
    sluice_blockqueue_addref(queue);
    disk->queue = queue;
    env_mutex_lock(&disk_mutex);
    oskit_error_t error = disk_add(disk);
    env_mutex_unlock(&disk_mutex);
    if (OSKIT_FAILED(error))
        disk_free(disk);
    else
        *out = disk;
    return error;
}

void disk_unregister(struct disk *disk)
{
    env_mutex_lock(&disk_mutex);
    list_remove(&disk->link);
    partitions_forget(disk);
    while (!list_empty(&disk->parts))
        part_remove(container_of(disk->parts.next, struct part, link));
    env_mutex_unlock(&disk_mutex);
    disk_free(disk);
}

/* ---- Showing ---- */

static bool part_tell(const struct part *part, const char *disk_name,
                      bool (*show)(void *arg, const struct disk_entry *entry), void *arg)
{
    struct disk_entry entry = {.name = part->name,
                               .disk = disk_name,
                               .serial = part->disk->serial,
                               .number = part->device.number,
                               .partition = part->number,
                               .start = part->start};

    sluice_blockqueue_get_limits(part->queue, &entry.limits);
    entry.limits.read_only |= blockdev_read_only(part->blockdev);
    sluice_blockqueue_get_statistics(part->queue, &entry.statistics);
    return show(arg, &entry);
}

static bool disk_tell(const struct disk *disk,
                      bool (*show)(void *arg, const struct disk_entry *entry), void *arg)
{
    const char *name = whole_of(disk)->name;
    bool more = true;

    for (struct list *link = disk->parts.next; more && link != &disk->parts; link = link->next)
        more = part_tell(container_of(link, struct part, link), name, show, arg);
    return more;
}

void disk_each(bool (*show)(void *arg, const struct disk_entry *entry), void *arg)
{
    bool more = true;

    env_mutex_lock(&disk_mutex);
    for (struct list *link = disks.next; more && link != &disks; link = link->next)
        more = disk_tell(container_of(link, struct disk, link), show, arg);
    env_mutex_unlock(&disk_mutex);
}
