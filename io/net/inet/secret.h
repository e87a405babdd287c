/* Numbers that strangers can't guess, made from a key that is drawn when the stack starts. */
#ifndef IO_NET_INET_SECRET_H
#define IO_NET_INET_SECRET_H

#include <stddef.h>
#include <stdint.h>

/* Draws the key. [any] */
void inet_secret_init(void);
/* A keyed hash of SIZE bytes (SipHash-2-4). [any] */
uint64_t inet_secret_hash(const void *data, size_t size);

#endif
