/* What pthread_atfork was told, in the order of the calls. */
#ifndef LIBC_ATFORK_H
#define LIBC_ATFORK_H

struct atfork {
    struct atfork *next, *previous;
    void (*prepare)(void);
    void (*parent)(void);
    void (*child)(void);
};

extern struct atfork *__atfork_first, *__atfork_last;

#endif
