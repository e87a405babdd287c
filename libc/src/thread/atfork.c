/* pthread_atfork. Entries are only ever added, so fork walks the list without a lock. */
#include <errno.h>
#include <stdlib.h>

#include "atfork.h"
#include "thread.h"

int pthread_atfork(void (*prepare)(void), void (*parent)(void), void (*child)(void))
{
    struct atfork *entry = malloc(sizeof(*entry));

    if (!entry)
        return ENOMEM;
    __libc_lock_acquire(&__libc_lists_lock);
    *entry = (struct atfork){NULL, __atfork_last, prepare, parent, child};
    __atomic_store_n(__atfork_last ? &__atfork_last->next : &__atfork_first, entry,
                     __ATOMIC_RELEASE);
    __atomic_store_n(&__atfork_last, entry, __ATOMIC_RELEASE);
    __libc_lock_release(&__libc_lists_lock);
    return 0;
}
