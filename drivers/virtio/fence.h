/* The fence between driver and device. Alone in its file so that a test can run it on a bare CPU.
 */
#ifndef VIRTIO_FENCE_H
#define VIRTIO_FENCE_H

/* Orders all stores before it before all loads after it: between telling the device something and
 * looking whether it wants to be told.
 *
 * QEMU before 8.1, emulating a single processor, leaves fences and the locking of instructions out,
 * though its devices run in another thread: a notification or an interrupt could get lost, and the
 * queue slept for good. For the time-stamp counter it takes a lock of its own, which is a fence. */
static inline void virtqueue_fence(void)
{
    __sync_synchronize();
#if defined(__x86_64__) || defined(__i386__)
    __asm__ volatile("rdtsc" : : : "eax", "edx", "memory");
#endif
}

#endif
