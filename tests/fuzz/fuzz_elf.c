/*
 * The ELF loader. The input is the file; the address space is a list of what the loader mapped, in
 * which every request is checked: user addresses only, no overlap, no file page beyond the file's
 * end, and nothing written but where it mapped writable memory.
 */
#include "fuzz.h"
#include "kernel/task/elf.c"

#define BIAS     0x555555554000ul
#define MAPS_MAX 256u

struct map {
    uint64_t start, end;
    int prot;
};
static struct map maps[MAPS_MAX];
static size_t map_count, blocks;
static const uint8_t *file_bytes;
static size_t file_size;

void *heap_alloc(size_t size, unsigned flags)
{
    assert_true(size > 0);
    (void)flags;
    blocks++;
    return malloc(size);
}

void heap_free(void *block)
{
    blocks -= block != NULL;
    free(block);
}

long executable_read(struct executable *file, uint64_t offset, void *to, size_t size)
{
    assert_true(file->size == file_size);
    if (offset > file_size || size > file_size - offset)
        return -ABI_ENOEXEC;
    memcpy(to, file_bytes + offset, size);
    return 0;
}

int space_map(struct space *space, uint64_t address, size_t size, int prot, int max_prot, int flags,
              const struct space_source *source, uint64_t *out_address)
{
    assert_null(space);
    assert_int_equal(address & PAGE_MASK, 0);
    assert_true(size > 0 && address >= PAGE_SIZE && address < USER_END);
    assert_true(size <= USER_END - address);
    assert_int_equal(prot & ~max_prot, 0);
    assert_true((flags & ABI_MAP_FIXED_NOREPLACE) && (flags & ABI_MAP_PRIVATE));
    assert_true((source == NULL) == ((flags & ABI_MAP_ANONYMOUS) != 0));
    if (source != NULL) {
        assert_int_equal(source->offset & PAGE_MASK, 0);
        assert_true(source->offset <= file_size && size <= file_size - source->offset);
    }
    uint64_t end = page_ceil(address + size);
    for (size_t i = 0; i < map_count; i++)
        if (address < maps[i].end && maps[i].start < end)
            return -ABI_EEXIST;
    if (map_count == MAPS_MAX)
        return -ABI_ENOMEM;
    maps[map_count++] = (struct map){address, end, prot};
    *out_address = address;
    return 0;
}

size_t space_write(struct space *space, uint64_t address, const void *from, size_t size)
{
    const struct map *last = map_count > 0 ? &maps[map_count - 1] : NULL;

    assert_null(space);
    assert_non_null(from);
    assert_non_null(last);
    assert_true(last->prot & ABI_PROT_WRITE);
    assert_true(address >= last->start && address <= last->end && size <= last->end - address);
    return size;
}

static void check_image(const struct elf_image *image)
{
    assert_true(image->entry < USER_END);
    assert_true(image->brk <= USER_END);
    assert_true(image->code_start <= image->code_end && image->code_end <= image->brk);
    assert_true(image->data_start <= image->data_end && image->data_end <= image->brk);
    assert_true(map_count > 0);
    assert_non_null(memchr(image->interpreter, 0, sizeof image->interpreter));
    if (image->phdr != 0)
        assert_true(image->phdr >= PAGE_SIZE && image->phdr < image->brk);
}

static void load(uint64_t bias, bool interpreter)
{
    struct executable file = {.size = file_size};
    struct elf_image image;

    memcpy(file.head, file_bytes, file_size < sizeof file.head ? file_size : sizeof file.head);
    map_count = 0;
    long error = elf_load(&file, NULL, bias, interpreter, &image);
    assert_true(error == 0 || error == -ABI_ENOEXEC || error == -ABI_ENOMEM);
    if (error == 0)
        check_image(&image);
    assert_int_equal(blocks, 0);
}

void fuzz_one(const uint8_t *bytes, size_t size)
{
    file_bytes = bytes;
    file_size = size;
    if (size == 0)
        return;
    load(BIAS, false);
    load(USER_END - PAGE_SIZE, true);
}
