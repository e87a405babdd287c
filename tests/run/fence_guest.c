/*
 * A bare CPU that plays the driver against a thread of the host's, which plays the device: each
 * stores its own word and then, behind a fence, loads the other's. One of them must see what the
 * other stored; else a driver and a device could both believe that the other is awake.
 */
#include "fence_words.h"
#include "drivers/virtio/fence.h"

__asm__(".section .multiboot, \"a\"\n"
        ".long 0x1badb002, 0, -0x1badb002\n"
        ".text\n"
        ".globl _start\n"
        "_start: mov $0x180000, %esp\n"
        "call play\n");

void play(void);
void play(void)
{
    volatile struct fence_words *words = (void *)FENCE_ADDRESS;
    unsigned random = 1;

    for (unsigned round = 1;; round++) {
        while (words->round != round)
            ;
        random = random * 1103515245u + 12345;
        for (volatile unsigned delay = random >> 28; delay; delay--)
            ;
        words->driver = round;
        virtqueue_fence();
        words->seen = words->device;
        words->done = round;
    }
}
