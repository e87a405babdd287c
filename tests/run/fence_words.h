/* What fence_guest.c and fence_host.c share, each word in a cache line of its own. */
#ifndef FENCE_WORDS_H
#define FENCE_WORDS_H

#define FENCE_ADDRESS 0x400000
#define FENCE_LINE    __attribute__((aligned(64)))

struct fence_words {
    unsigned round FENCE_LINE;
    unsigned driver FENCE_LINE;
    unsigned device FENCE_LINE;
    unsigned seen FENCE_LINE; /* of device, by the driver */
    unsigned done FENCE_LINE;
};

#endif
