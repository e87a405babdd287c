/* Record locks, beside the model of tests/host. */
#include "fuzz.h"
#include "filelock_walk.h"

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);

    filelock_walk(&choices, 400);
}
