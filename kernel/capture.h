/*
 * capture=DEVICE: what the network carries, from boot to the end, goes as a stream of pcapng
 * (/dev/capture) to /dev/DEVICE, a serial line or a port of a virtio console, whose other end
 * keeps it.
 */
#ifndef KERNEL_CAPTURE_H
#define KERNEL_CAPTURE_H

/* Begins it, if the command line wants it; the device may appear later. [thread] */
void capture_start(void);
/* What was captured so far is written before it returns, unless that takes seconds. [thread] */
void capture_finish(void);

#endif
