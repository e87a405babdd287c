/* Results in buffers, and the files they come from. */
#include <stdlib.h>
#include <string.h>

#include "net.h"

void *__arena_take(struct arena *arena, size_t size)
{
    size_t skip = -(uintptr_t)arena->at & (sizeof(void *) - 1);

    if (!arena->at || size > arena->left || skip > arena->left - size) {
        arena->at = NULL;
        return NULL;
    }
    void *taken = arena->at + skip;
    arena->at += skip + size;
    arena->left -= skip + size;
    return taken;
}

char *__arena_text(struct arena *arena, const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = __arena_take(arena, size);

    return copy ? memcpy(copy, text, size) : NULL;
}

char **__arena_texts(struct arena *arena, char *const *texts, int count)
{
    char **copies = __arena_take(arena, (size_t)(count + 1) * sizeof(*copies));

    for (int n = 0; copies && n < count; n++)
        if (!(copies[n] = __arena_text(arena, texts[n])))
            return NULL;
    if (copies)
        copies[count] = NULL;
    return copies;
}

bool __own_buffer_grow(struct own_buffer *buffer)
{
    size_t size = buffer->size ? 2 * buffer->size : 1024;
    char *bytes = size <= 1 << 20 ? realloc(buffer->bytes, size) : NULL;

    if (!bytes)
        return false;
    buffer->bytes = bytes;
    buffer->size = size;
    return true;
}

/* Of a line that is too long the rest counts as a line of its own. */
bool __words_read(FILE *file, struct words *words)
{
    while (fgets(words->line, sizeof(words->line), file)) {
        char *rest = words->line, *word;
        words->line[strcspn(words->line, "#\n")] = '\0';
        words->count = 0;
        while (words->count < WORDS_MAX && (word = strsep(&rest, " \t\r")))
            if (*word)
                words->word[words->count++] = word;
        if (words->count)
            return true;
    }
    return false;
}
