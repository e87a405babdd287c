/* The rest of boot, in a thread: drivers, root file system, init. */
#ifndef KERNEL_START_H
#define KERNEL_START_H

void kernel_start(void *arg);

#endif
