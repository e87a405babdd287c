/* Unpacking cpio archives: reading entries. What is made of them: cpio_make.c. The format: cpio.h.
 */
#include <oskit/io/posixio.h>
#include <sluice/cpio.h>
#include <sluice/string.h>
#include "cpio_private.h"

#define CPIO_HEADER   110u
#define CPIO_NAME_MAX 4096u /* with the NUL */

/* Places of the fields, each of eight hexadecimal digits. */
enum cpio_field {
    CPIO_INO = 6,
    CPIO_MODE = 14,
    CPIO_UID = 22,
    CPIO_GID = 30,
    CPIO_NLINK = 38,
    CPIO_MTIME = 46,
    CPIO_FILESIZE = 54,
    CPIO_DEVMAJOR = 62,
    CPIO_DEVMINOR = 70,
    CPIO_RDEVMAJOR = 78,
    CPIO_RDEVMINOR = 86,
    CPIO_NAMESIZE = 94,
    CPIO_CHECK = 102,
};

struct cpio_reader {
    const unsigned char *archive;
    size_t size;
    size_t at; /* <= size */
};

static int cpio_digit(unsigned char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* false when one of the digits isn't one. */
static bool cpio_number(const unsigned char *header, enum cpio_field field, oskit_u32_t *out)
{
    *out = 0;
    for (unsigned i = 0; i < 8; i++) {
        int digit = cpio_digit(header[field + i]);

        if (digit < 0)
            return false;
        *out = *out << 4 | (oskit_u32_t)digit;
    }
    return true;
}

static bool cpio_fields(const unsigned char *h, struct cpio_entry *entry, oskit_u32_t *namesize)
{
    oskit_u32_t rdev_major, rdev_minor;

    if (!cpio_number(h, CPIO_INO, &entry->ino) || !cpio_number(h, CPIO_MODE, &entry->mode) ||
        !cpio_number(h, CPIO_UID, &entry->uid) || !cpio_number(h, CPIO_GID, &entry->gid) ||
        !cpio_number(h, CPIO_NLINK, &entry->nlink) || !cpio_number(h, CPIO_MTIME, &entry->mtime) ||
        !cpio_number(h, CPIO_FILESIZE, &entry->size) ||
        !cpio_number(h, CPIO_DEVMAJOR, &entry->dev_major) ||
        !cpio_number(h, CPIO_DEVMINOR, &entry->dev_minor) ||
        !cpio_number(h, CPIO_RDEVMAJOR, &rdev_major) ||
        !cpio_number(h, CPIO_RDEVMINOR, &rdev_minor) || !cpio_number(h, CPIO_NAMESIZE, namesize) ||
        !cpio_number(h, CPIO_CHECK, &entry->check))
        return false;
    entry->rdev = DEVICE_NUMBER(rdev_major & 0xfff, rdev_minor & 0xff);
    return true;
}

/* Everything is padded to four bytes from the start of the entry's header. */
static size_t cpio_padded(size_t size)
{
    return (size + 3) & ~(size_t)3;
}

/* Steps over SIZE bytes and their padding; NULL when they aren't there. The padding at the very end
 * may lack. */
static const void *cpio_take(struct cpio_reader *r, size_t size, size_t padded)
{
    const void *bytes = r->archive + r->at;

    if (size > r->size - r->at)
        return NULL;
    r->at = padded > r->size - r->at ? r->size : r->at + padded;
    return bytes;
}

static const char *cpio_read_name(struct cpio_reader *r, struct cpio_entry *entry,
                                  oskit_u32_t namesize)
{
    if (namesize < 1 || namesize > CPIO_NAME_MAX)
        return "a name of impossible length";
    entry->name = cpio_take(r, namesize, cpio_padded(CPIO_HEADER + namesize) - CPIO_HEADER);
    if (!entry->name)
        return "the archive ends within a name";
    if (entry->name[namesize - 1] != '\0') {
        entry->name = NULL;
        return "a name without its end";
    }
    return NULL;
}

static bool cpio_check_sum(const struct cpio_entry *entry)
{
    oskit_u32_t sum = 0;

    for (size_t i = 0; i < entry->size; i++)
        sum += entry->data[i];
    return sum == entry->check;
}

/* NULL: *ENTRY is the next one, and the reader behind it. Else what is wrong. */
static const char *cpio_read(struct cpio_reader *r, struct cpio_entry *entry)
{
    const unsigned char *header = cpio_take(r, CPIO_HEADER, CPIO_HEADER);
    oskit_u32_t namesize;

    memset(entry, 0, sizeof *entry);
    if (!header)
        return "the archive ends within a header";
    if (memcmp(header, "070701", 6) != 0 && memcmp(header, "070702", 6) != 0)
        return "not a cpio archive of the newc format";
    if (!cpio_fields(header, entry, &namesize))
        return "a header with something else than digits";
    const char *fault = cpio_read_name(r, entry, namesize);
    if (fault)
        return fault;
    entry->data = cpio_take(r, entry->size, cpio_padded(entry->size));
    if (!entry->data)
        return "the archive ends within a file";
    if (header[5] == '2' && OSKIT_S_ISREG(entry->mode) && !cpio_check_sum(entry))
        return "a check sum that is wrong";
    return NULL;
}

static void cpio_skip_zeros(struct cpio_reader *r)
{
    while (r->at < r->size && r->archive[r->at] == 0)
        r->at++;
}

static void cpio_fault_set(struct cpio_fault *fault, const char *reason, size_t offset,
                           const char *name)
{
    if (!fault)
        return;
    size_t length = name ? strlen(name) : 0;
    if (length > sizeof fault->name - 1)
        length = sizeof fault->name - 1;
    memset(fault, 0, sizeof *fault);
    fault->reason = reason;
    fault->offset = offset;
    if (name)
        memcpy(fault->name, name, length);
}

/* One archive, up to and with its trailer. */
static oskit_error_t cpio_unpack_one(struct cpio_reader *r, struct cpio_maker *maker,
                                     struct cpio_fault *fault)
{
    for (;;) {
        struct cpio_entry entry;
        size_t offset = r->at;
        const char *reason = "the archive ends without its trailer";
        oskit_error_t err = OSKIT_E_INVALIDARG;

        if (r->at < r->size)
            reason = cpio_read(r, &entry);
        else
            entry.name = NULL;
        if (!reason && strcmp(entry.name, "TRAILER!!!") == 0)
            return OSKIT_SUCCESS;
        if (!reason)
            err = cpio_make(maker, &entry, &reason);
        if (OSKIT_FAILED(err)) {
            cpio_fault_set(fault, reason, offset, entry.name);
            return err;
        }
    }
}

oskit_error_t cpio_unpack(const void *archive, size_t size, oskit_dir_t *root,
                          struct cpio_fault *fault)
{
    struct cpio_reader r = {archive, size, 0};
    struct cpio_maker maker;
    oskit_error_t err = OSKIT_SUCCESS;

    cpio_fault_set(fault, "", 0, NULL);
    cpio_maker_start(&maker, root);
    for (cpio_skip_zeros(&r); OSKIT_SUCCEEDED(err) && r.at < r.size; cpio_skip_zeros(&r)) {
        err = cpio_unpack_one(&r, &maker, fault);
        cpio_maker_end_archive(&maker);
    }
    cpio_maker_finish(&maker);
    return err;
}
