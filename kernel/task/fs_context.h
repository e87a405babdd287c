/* What fork, exec and chdir do with a process's place in the name space. */
#ifndef KERNEL_TASK_FS_CONTEXT_H
#define KERNEL_TASK_FS_CONTEXT_H

#include "kernel/task/process.h"

struct fs_context *fs_context_create(void); /* at the root; NULL: no memory */
struct fs_context *fs_context_copy(struct fs_context *from);
void fs_context_ref(struct fs_context *fs);
void fs_context_unref(struct fs_context *fs); /* NULL ignored [thread] */
/* One more process has it, and one less: with a reference. */
void fs_context_share(struct fs_context *fs);
void fs_context_leave(struct fs_context *fs); /* NULL ignored [thread] */
/* Moves the current process's root or cwd (WHERE points to one of them) to TO. */
void fs_context_set(struct location *where, const struct location *to);

#endif
