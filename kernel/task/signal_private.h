/* What signal.c, deliver.c and exit.c share. */
#ifndef KERNEL_TASK_SIGNAL_PRIVATE_H
#define KERNEL_TASK_SIGNAL_PRIVATE_H

#include "kernel/task/signal.h"

enum signal_default { SIGNAL_TERMINATE, SIGNAL_CORE, SIGNAL_IGNORE, SIGNAL_STOP, SIGNAL_CONTINUE };
enum signal_default signal_default_of(int signal);
bool signal_ignored(struct process *process, int signal);

/* Takes the first pending signal out of SET for the current thread, its own before the process's.
 * 0: none. */
int signal_take(abi_sigset_t set, struct abi_siginfo *out);
abi_sigset_t signal_pending_set(void);
/* sigtimedwait: until told otherwise the current thread waits for those of SET. */
void signal_await(abi_sigset_t set);
/* Throws away SIGNAL wherever it is pending in the current process. */
void signal_discard_pending(int signal);
/* A thread ends: signals for the whole process that it may have been told of go to another.
 * signal_lock held. */
void signal_retarget(struct process *process);
/* Makes WORK_SIGNAL say what is true now. */
void signal_recalculate(void);

/* exit.c. A fatal signal: every thread is told to end; signal_lock held. */
void process_begin_exit(struct process *process, int wait_status);
/* Stop and continue reports; tree_lock held. The second is for callers that may hold it already or
 * be in an interrupt. */
void process_tell_parent(struct process *child, int code, int status);
void process_tell_parent_later(struct process *child);
/* All threads of PROCESS park before their next return to user mode; the parent is told. No lock
 * held. */
void process_stop(struct process *process, int signal);

#endif
