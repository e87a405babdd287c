/* Thread-specific values. A key's generation is odd while it exists; a value counts only with the
   generation that it was set in, so a new key has no value in any thread. */
#include <errno.h>

#include "thread.h"

static struct {
    unsigned generation;
    void (*destructor)(void *);
} keys[PTHREAD_KEYS_MAX];

static unsigned generation_of(pthread_key_t key)
{
    return __atomic_load_n(&keys[key].generation, __ATOMIC_ACQUIRE);
}

static bool exists(pthread_key_t key)
{
    return key < PTHREAD_KEYS_MAX && generation_of(key) % 2;
}

int pthread_key_create(pthread_key_t *result, void (*destructor)(void *))
{
    pthread_key_t key = 0;

    __libc_lock_acquire(&__libc_lists_lock);
    while (key < PTHREAD_KEYS_MAX && exists(key))
        key++;
    if (key < PTHREAD_KEYS_MAX) {
        keys[key].destructor = destructor;
        __atomic_add_fetch(&keys[key].generation, 1, __ATOMIC_RELEASE);
        *result = key;
    }
    __libc_lock_release(&__libc_lists_lock);
    return key < PTHREAD_KEYS_MAX ? 0 : EAGAIN;
}

int pthread_key_delete(pthread_key_t key)
{
    int error = EINVAL;

    __libc_lock_acquire(&__libc_lists_lock);
    if (exists(key)) {
        __atomic_add_fetch(&keys[key].generation, 1, __ATOMIC_RELEASE);
        error = 0;
    }
    __libc_lock_release(&__libc_lists_lock);
    return error;
}

void *pthread_getspecific(pthread_key_t key)
{
    struct thread_value *value = &thread_self()->values[key];

    return exists(key) && value->generation == generation_of(key) ? value->value : NULL;
}

int pthread_setspecific(pthread_key_t key, const void *value)
{
    struct thread *self = thread_self();

    if (!exists(key))
        return EINVAL;
    self->values[key] = (struct thread_value){generation_of(key), (void *)value};
    self->has_values = true;
    return 0;
}

/* True when a destructor ran, which may have set values anew. */
static bool destroy_values(struct thread *self)
{
    bool found = false;

    for (pthread_key_t key = 0; key < PTHREAD_KEYS_MAX; key++) {
        void *value = pthread_getspecific(key);
        void (*destructor)(void *) = keys[key].destructor;
        self->values[key].value = NULL;
        if (!value || !destructor)
            continue;
        found = true;
        destructor(value);
    }
    return found;
}

void __thread_run_destructors(struct thread *self)
{
    for (int n = 0; n < PTHREAD_DESTRUCTOR_ITERATIONS && destroy_values(self); n++)
        continue;
}
