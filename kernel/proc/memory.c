/*
 * What shows a process's memory: cmdline, environ, auxv, maps.
 *
 * Nothing of a file is asked while the space's mutex is held: a write to that file may hold its
 * lock and wait for a page fault in this very space. So maps first notes all regions, then
 * describes them.
 */
#include <sluice/string.h>
#include "kernel/abi/mman.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/layout.h"
#include "kernel/mem/space.h"
#include "kernel/proc/entry.h"
#include "kernel/sys/segment.h"

/* ---- Pieces of memory ---- */

/* [START, END) of SPACE as far as it can be read. Up to the first NUL with STRING. */
static oskit_error_t memory_append(struct space *space, uint64_t start, uint64_t end, bool string,
                                   struct synth_text *text)
{
    char *buffer = heap_alloc(PAGE_SIZE, 0);
    if (!buffer)
        return OSKIT_ENOMEM;
    while (start < end) {
        size_t want = end - start < PAGE_SIZE ? end - start : PAGE_SIZE;
        size_t got = space_read(space, start, buffer, want);
        const char *nul = string ? memchr(buffer, 0, got) : NULL;
        synth_append(text, buffer, nul ? (size_t)(nul - buffer) : got);
        if (nul || got < want)
            break;
        start += got;
    }
    heap_free(buffer);
    return OSKIT_SUCCESS;
}

/* A program that writes a title for itself over its arguments, and beyond them over the
 * environment, overwrites the last NUL of the arguments. */
static oskit_error_t cmdline_append(struct space *space, struct synth_text *text)
{
    const struct space_image *image = space_image(space);
    char last = '\0';
    if (image->arg_end <= image->arg_start)
        return OSKIT_SUCCESS;
    space_read(space, image->arg_end - 1, &last, 1);
    if (last == '\0')
        return memory_append(space, image->arg_start, image->arg_end, false, text);
    return memory_append(space, image->arg_start, image->env_end, true, text);
}

static oskit_error_t show_cmdline(const struct subject *subject, struct synth_text *text)
{
    struct space *space = process_space_get(subject->process);
    if (!space)
        return OSKIT_SUCCESS;
    oskit_error_t error = cmdline_append(space, text);
    space_unref(space);
    return error;
}

oskit_error_t proc_show_cmdline(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_cmdline);
}

static oskit_error_t show_environ(const struct subject *subject, struct synth_text *text)
{
    if (!subject_permitted(subject->process))
        return OSKIT_EACCES;
    struct space *space = process_space_get(subject->process);
    if (!space)
        return OSKIT_SUCCESS;
    const struct space_image *image = space_image(space);
    oskit_error_t error = memory_append(space, image->env_start, image->env_end, false, text);
    space_unref(space);
    return error;
}

oskit_error_t proc_show_environ(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_environ);
}

/* ---- auxv ---- */

#define AUXV_PAIRS_MAX 64

/* The vector lies where exec put it: above argc, the arguments' and the environment's pointers. */
static uint64_t auxv_find(struct space *space)
{
    const struct space_image *image = space_image(space);
    uint64_t where = image->stack_start, word = 0;
    if (!where || space_read(space, where, &word, sizeof word) < sizeof word)
        return 0;
    if (word > (image->arg_end - image->arg_start))
        return 0;
    where += (word + 2) * sizeof word;
    for (;; where += sizeof word) {
        if (where >= image->arg_start || space_read(space, where, &word, sizeof word) < sizeof word)
            return 0;
        if (!word)
            return where + sizeof word;
    }
}

static oskit_error_t show_auxv(const struct subject *subject, struct synth_text *text)
{
    if (!subject_permitted(subject->process))
        return OSKIT_EACCES;
    struct space *space = process_space_get(subject->process);
    if (!space)
        return OSKIT_SUCCESS;
    uint64_t where = auxv_find(space), pair[2] = {0, 0};
    for (int i = 0; where && i < AUXV_PAIRS_MAX; i++, where += sizeof pair) {
        if (space_read(space, where, pair, sizeof pair) < sizeof pair)
            break;
        synth_append(text, pair, sizeof pair);
        if (!pair[0])
            break;
    }
    space_unref(space);
    return OSKIT_SUCCESS;
}

oskit_error_t proc_show_auxv(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_auxv);
}

/* ---- maps ---- */

struct map {
    uint64_t start, end, offset;
    int prot, flags;
    struct location location; /* with references, or empty */
    const char *label;
    int segment; /* of System V, by number, made with KEY; -1: it is none */
    int32_t key;
};

#define MAPS_IN_CHUNK 62
struct map_chunk {
    struct map_chunk *next;
    size_t count;
    struct map maps[MAPS_IN_CHUNK];
};

struct map_list {
    struct map_chunk *first, *last;
    bool failed;
};

static bool map_note(void *arg, const struct space_region_info *info)
{
    struct map_list *list = arg;
    if (!list->last || list->last->count == MAPS_IN_CHUNK) {
        struct map_chunk *chunk = heap_alloc(sizeof *chunk, 0);
        list->failed = !chunk;
        if (!chunk)
            return false;
        chunk->next = NULL;
        chunk->count = 0;
        *(list->last ? &list->last->next : &list->first) = chunk;
        list->last = chunk;
    }
    struct map *map = &list->last->maps[list->last->count++];
    const struct segment *segment = info->sealing ? segment_behind(info->sealing) : NULL;
    *map = (struct map){info->start,
                        info->end,
                        info->offset,
                        info->prot,
                        info->flags,
                        {NULL, NULL},
                        info->label,
                        segment ? segment->entry.id : -1,
                        segment ? segment->entry.key : 0};
    if (info->location)
        location_copy(&map->location, info->location);
    return true;
}

#define MAPS_NAME_COLUMN 73
#define SEGMENTS_DEVICE  1 /* Linux has a file system for them, 0:1 */

static oskit_error_t map_show(const struct map *map, struct synth_text *text)
{
    struct filex_stat stat = {0};
    sluice_filex_t *filex = map->location.name ? location_filex(&map->location) : NULL;
    if (filex)
        sluice_filex_stat(filex, &stat);
    if (map->segment >= 0)
        stat = (struct filex_stat){.dev = SEGMENTS_DEVICE, .ino = (oskit_u64_t)map->segment};
    char line[128];
    int length = format_text(
        line, sizeof line, "%08lx-%08lx %c%c%c%c %08lx %02x:%02x %lu ", map->start, map->end,
        map->prot & ABI_PROT_READ ? 'r' : '-', map->prot & ABI_PROT_WRITE ? 'w' : '-',
        map->prot & ABI_PROT_EXEC ? 'x' : '-', map->flags & ABI_MAP_SHARED ? 's' : 'p', map->offset,
        DEVICE_MAJOR(stat.dev), DEVICE_MINOR(stat.dev), (unsigned long)stat.ino);
    bool named = map->location.name || *map->label || map->segment >= 0;
    synth_printf(text, "%-*s", named ? MAPS_NAME_COLUMN : length, line);
    oskit_error_t error = OSKIT_SUCCESS;
    if (map->location.name)
        error = path_append(text, &map->location);
    else if (map->segment >= 0)
        synth_printf(text, "/SYSV%08x (deleted)", map->key);
    else
        synth_printf(text, "%s", map->label);
    synth_printf(text, "\n");
    return error;
}

/* Shows all and frees them. */
static oskit_error_t map_list_end(struct map_list *list, struct synth_text *text)
{
    oskit_error_t error = list->failed ? OSKIT_ENOMEM : OSKIT_SUCCESS;
    for (struct map_chunk *chunk = list->first, *next; chunk; chunk = next) {
        next = chunk->next;
        for (size_t i = 0; i < chunk->count; i++) {
            struct map *map = &chunk->maps[i];
            if (!error)
                error = map_show(map, text);
            if (map->location.name)
                location_release(&map->location);
        }
        heap_free(chunk);
    }
    return error;
}

static oskit_error_t show_maps(const struct subject *subject, struct synth_text *text)
{
    struct map_list list = {NULL, NULL, false};
    if (!subject_permitted(subject->process))
        return OSKIT_EACCES;
    struct space *space = process_space_get(subject->process);
    if (!space)
        return OSKIT_SUCCESS;
    space_each_region(space, map_note, &list);
    oskit_error_t error = map_list_end(&list, text);
    space_unref(space);
    return error;
}

oskit_error_t proc_show_maps(oskit_u64_t key, struct synth_text *text)
{
    return subject_show(key, text, show_maps);
}
