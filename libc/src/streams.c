/* Of streams, what newlib has under other names or not at all. */
#include <stdio.h>
#include <sys/lock.h>

ssize_t getline(char **line, size_t *size, FILE *stream)
{
    return __getline(line, size, stream);
}

ssize_t getdelim(char **line, size_t *size, int end, FILE *stream)
{
    return __getdelim(line, size, end, stream);
}

/* The lock that each operation on the stream takes, and may take again. */
void flockfile(FILE *stream)
{
    __lock_acquire_recursive(stream->_lock);
}

int ftrylockfile(FILE *stream)
{
    return __lock_try_acquire_recursive(stream->_lock);
}

void funlockfile(FILE *stream)
{
    __lock_release_recursive(stream->_lock);
}
