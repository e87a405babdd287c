#include "fuzz.h"
#include <stdlib.h>
#include <sys/types.h>

int LLVMFuzzerInitialize(int *argc, char ***argv);
int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size);
ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags);

/* The same numbers for each input, but not the same one over and over: who looks for one that
 * isn't taken must find it. */
static uint64_t random_state;

ssize_t __wrap_getrandom(void *buffer, size_t size, unsigned flags)
{
    uint8_t *bytes = buffer;

    (void)flags;
    for (size_t i = 0; i < size; i++) {
        random_state = random_state * 6364136223846793005u + 1442695040888963407u;
        bytes[i] = (uint8_t)(random_state >> 56);
    }
    return (ssize_t)size;
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    /* Outside of a test, cmocka would end the process quietly. */
    setenv("CMOCKA_TEST_ABORT", "1", 1);
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t size)
{
    void *state;

    harness_setup(&state);
    random_state = 0;
    env_test_clock_manual(true);
    fuzz_one(bytes, size);
    if (harness_teardown(&state) != 0)
        env_test_fault("the input left something behind");
    return 0;
}

void *fuzz_copy(const void *bytes, size_t size)
{
    void *copy = malloc(size != 0 ? size : 1);

    if (copy == NULL)
        env_test_fault("no memory for a copy of %zu bytes", size);
    if (size != 0)
        memcpy(copy, bytes, size);
    return copy;
}

const uint8_t *fuzz_take(struct choices *choices, size_t *length)
{
    const uint8_t *bytes = choices->at;

    if (*length > choices->left)
        *length = choices->left;
    choices->at += *length;
    choices->left -= *length;
    return bytes;
}
