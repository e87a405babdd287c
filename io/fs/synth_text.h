/* The growing text that synthfs's owners write to (synthfs.h). */
#ifndef IO_FS_SYNTH_TEXT_H
#define IO_FS_SYNTH_TEXT_H

#include <stdbool.h>
#include <stddef.h>
#include <sluice/synthfs.h>

struct synth_text {
    char *bytes; /* NULL: nothing yet */
    size_t size, capacity;
    bool failed; /* memory ran out: what it holds isn't all */
};

/* All zeros is an empty text. */
void synth_text_fini(struct synth_text *text);

#endif
