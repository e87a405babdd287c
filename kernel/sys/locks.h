/* What descriptors and open files tell the file locks, and fcntl's part of them. */
#ifndef KERNEL_SYS_LOCKS_H
#define KERNEL_SYS_LOCKS_H

#include "kernel/sys/fdtab.h"

/* F_GETLK and its kin; COMMAND is one of the six. */
long fcntl_lock(struct openfile *file, long command, long user);
/* The last reference to FILE goes: what it owned is given up. */
void locks_file_gone(struct openfile *file);
/* A descriptor of FILE in TABLE, which has set record locks, was closed: POSIX has all of the
 * process's locks on that file go, whichever descriptor set them. */
void locks_descriptor_closed(const struct fdtab *table, const struct openfile *file);

#endif
