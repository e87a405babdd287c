/*
 * The device's side of fence_guest.c, in memory shared with QEMU.
 *
 *     fence_host MEMORY SECONDS
 *
 * Prints how many rounds there were, and in how many of them neither saw what the other had stored.
 */
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <time.h>
#include "fence_words.h"

static double now(void)
{
    struct timespec time;

    clock_gettime(CLOCK_MONOTONIC, &time);
    return (double)time.tv_sec + (double)time.tv_nsec / 1e9;
}

/* Whether one of the two saw the other's store; -1: the guest didn't answer. */
static int play(volatile struct fence_words *words, unsigned round, unsigned delay)
{
    words->round = round;
    while (delay--)
        __asm__ volatile("");
    words->device = round;
    __sync_synchronize();
    unsigned seen = words->driver;
    double end = now() + 30;
    while (words->done != round) {
        if (now() > end)
            return -1;
    }
    return seen == round || words->seen == round;
}

int main(int count, char **words)
{
    int memory = count == 3 ? open(words[1], O_RDWR) : -1;
    char *base = mmap(NULL, FENCE_ADDRESS + 4096, PROT_READ | PROT_WRITE, MAP_SHARED, memory, 0);
    unsigned round = 0, neither = 0, random = 7;

    if (base == MAP_FAILED) {
        perror("fence_host");
        return 2;
    }
    for (double end = now() + atof(words[2]); now() < end;) {
        random = random * 1103515245u + 12345;
        int good = play((void *)(base + FENCE_ADDRESS), ++round, random >> 22);
        if (good < 0) {
            fprintf(stderr, "fence_host: no answer in round %u\n", round);
            return 1;
        }
        neither += !good;
    }
    printf("%u %u\n", round, neither);
    return 0;
}
