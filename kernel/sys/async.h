/* O_ASYNC: signals instead of waiting. Who gets them (F_SETOWN), which (F_SETSIG), and when. */
#ifndef KERNEL_SYS_ASYNC_H
#define KERNEL_SYS_ASYNC_H

#include "kernel/sys/openfile.h"

/* Begins or ends the signals of FILE's events; NUMBER is the descriptor that they tell. What has no
 * events to tell: -ABI_ENOTTY. -ABI_ENOMEM. Changes O_ASYNC in its flags. */
long async_set(struct openfile *file, long number, bool on);
/* F_SETOWN, F_GETOWN, F_SETOWN_EX, F_GETOWN_EX, F_SETSIG, F_GETSIG. */
long fcntl_async(struct openfile *file, long command, long argument);
/* FILE's owner as F_SETOWN has it: a process, or less than 0 a group. */
long async_set_owner(struct openfile *file, int32_t who);
long async_owner(struct openfile *file);
/* The last reference to FILE goes. */
void async_file_gone(struct openfile *file);

#endif
