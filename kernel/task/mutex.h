/* Sleeping locks; struct env_mutex is the same thing. All-zero is unlocked. Handed over in FIFO
 * order under contention. */
#ifndef KERNEL_TASK_MUTEX_H
#define KERNEL_TASK_MUTEX_H

#include <sluice/env.h>
#include "kernel/task/thread.h"

typedef struct env_mutex mutex_t;

void mutex_lock(mutex_t *mutex);
bool mutex_trylock(mutex_t *mutex);
void mutex_unlock(mutex_t *mutex);
bool mutex_held(mutex_t *mutex); /* by the current thread */

#endif
