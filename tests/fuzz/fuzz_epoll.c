/* Calls of an epoll set, beside the model of tests/host. */
#include "fuzz.h"
#include "epoll_walk.h"

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct choices choices = choices_from_bytes(bytes, size);

    epoll_walk(&choices, UINT32_MAX);
}
