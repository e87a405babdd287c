/* File locks against a model: who holds what on each of a few bytes. */
#include "filelock_walk.h"
#include "harness.h"
#include <sluice/filelock.h>

#define BYTES  24
#define OWNERS 3

static char file_one, owners[OWNERS];
static int model[OWNERS][BYTES]; /* enum filelock_type */

static struct filelock request(int owner, enum filelock_type type, int start, int end)
{
    return (struct filelock){.file = &file_one,
                             .owner = &owners[owner],
                             .class = FILELOCK_RECORD,
                             .type = type,
                             .start = start,
                             .end = end == BYTES - 1 ? FILELOCK_END : end,
                             .pid = owner};
}

static bool model_refuses(int owner, enum filelock_type type, int start, int end)
{
    for (int other = 0; other < OWNERS; other++)
        for (int at = start; at <= end && other != owner && type != FILELOCK_NONE; at++)
            if (model[other][at] == FILELOCK_EXCLUSIVE ||
                (type == FILELOCK_EXCLUSIVE && model[other][at] == FILELOCK_SHARED))
                return true;
    return false;
}

static void compare_all(void)
{
    for (int at = 0; at < BYTES; at++)
        for (int owner = 0; owner < OWNERS; owner++) {
            struct filelock wanted = request(owner, FILELOCK_EXCLUSIVE, at, at);
            assert_int_equal(filelock_test(&wanted),
                             model_refuses(owner, FILELOCK_EXCLUSIVE, at, at));
        }
}

static void clear_model(void)
{
    for (int owner = 0; owner < OWNERS; owner++) {
        filelock_release(&file_one, &owners[owner]);
        for (int at = 0; at < BYTES; at++)
            model[owner][at] = FILELOCK_NONE;
    }
}

void filelock_walk(struct choices *choices, unsigned steps)
{
    clear_model();
    for (int step = 0; step < (int)steps && !choices_over(choices); step++) {
        int owner = (int)choices_next(choices, OWNERS), start = (int)choices_next(choices, BYTES);
        int end = start + (int)choices_next(choices, (uint32_t)(BYTES - start));
        enum filelock_type type = (enum filelock_type)choices_next(choices, 3);
        struct filelock lock = request(owner, type, start, end);
        bool refused = model_refuses(owner, type, start, end);
        assert_int_equal(filelock_set(&lock), refused ? OSKIT_EWOULDBLOCK : 0);
        for (int at = start; at <= end && !refused; at++)
            model[owner][at] = (int)type;
        compare_all();
    }
    clear_model();
}
