/* Of streams, what newlib has under other names or not at all. */
#include <stdio.h>

ssize_t getline(char **line, size_t *size, FILE *stream)
{
    return __getline(line, size, stream);
}

ssize_t getdelim(char **line, size_t *size, int end, FILE *stream)
{
    return __getdelim(line, size, end, stream);
}

/* There is one thread in the libc, so whoever asks for a stream's lock has it. */
void flockfile(FILE *stream)
{
    (void)stream;
}

int ftrylockfile(FILE *stream)
{
    (void)stream;
    return 0;
}

void funlockfile(FILE *stream)
{
    (void)stream;
}
