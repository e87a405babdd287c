/* What oskit_source.c offers to its test. */
#ifndef TESTS_HOST_OSKIT_SOURCE_H
#define TESTS_HOST_OSKIT_SOURCE_H

#include <oskit/io/absio.h>
#include <oskit/io/blkio.h>
#include <oskit/io/bufio.h>
#include <oskit/io/netio.h>

/* An object written by hand as the OSKit's were. */
oskit_bufio_t *old_bufio_create(void);
oskit_netio_t *seed_netio_create(void);
/* Clients. */
oskit_error_t copy_blocks(oskit_blkio_t *from, oskit_blkio_t *to, oskit_off_t *out_copied);
int sum_bytes(oskit_bufio_t *b, oskit_size_t size);
int wait_for_input(oskit_iunknown_t *obj);
int set_raw(oskit_iunknown_t *obj);
int last_packet_sum(void);
int last_action(void);
oskit_iunknown_t *old_tty_create(void);

#endif
