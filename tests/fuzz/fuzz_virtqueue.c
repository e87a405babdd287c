/* A virtqueue whose device does what the input says: honest things, lies and scribbles. */
#include "fuzz.h"
#include "virtqueue_walk.h"

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);
    bool honest = choices_next(&choices, 4) == 0;

    virtqueue_walk(&choices, 4096, honest);
}
