/* Who a thread is. */
#include "thread.h"

pthread_t pthread_self(void)
{
    return (pthread_t)thread_self();
}

int pthread_equal(pthread_t one, pthread_t other)
{
    return one == other;
}
