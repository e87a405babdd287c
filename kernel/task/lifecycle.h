/* What clone, exec and exit share inside kernel/task. */
#ifndef KERNEL_TASK_LIFECYCLE_H
#define KERNEL_TASK_LIFECYCLE_H

#include "kernel/task/process.h"

/* A parent that waits in vfork for the child to exec or to end. */
struct vfork_wait {
    _Atomic uint32_t references; /* the parent's and the child's */
    _Atomic bool done;
    struct wait_queue queue;
};
/* The current thread no longer borrows its parent's memory: lets the parent go on. */
void vfork_finish(void);

/* The current thread ends, or leaves its memory for another's in exec: robust futexes, the word
 * that says it's gone, a parent in vfork. */
void thread_leave_user(bool ends);

/* Group membership; tree_lock held. */
void group_join(struct process *process, struct process_group *group);
void group_leave(struct process *process);
struct process_group *group_create(int32_t pgid,
                                   struct session *session); /* one reference; NULL: no memory */
void group_unref(struct process_group *group);
struct session *session_allocate(int32_t sid);
void session_unref(struct session *session); /* [thread], no lock held: may release a terminal */
/* true when no member has a parent outside the group in the same session: nobody could continue its
 * stopped members. */
bool group_orphaned(const struct process_group *group, const struct process *leaving);
/* The current process, a session leader, ends: its terminal is given up, the foreground group hung
 * up. */
void session_leader_exit(void);

/* Ends every other thread of the current process and waits for that (exec). -ABI_EAGAIN when the
 * process is ending anyway. */
long process_end_other_threads(void);
/* After the process got its last thread's exit or exec replaced them. */
struct signal_actions *signal_actions_create(void);
struct signal_actions *signal_actions_copy(struct signal_actions *from);
/* What FROM ignores FRESH, just created, ignores too; without FROM's masks and flags. */
void signal_actions_keep_ignored(struct signal_actions *fresh, struct signal_actions *from);
void signal_actions_unref(struct signal_actions *actions);
/* Drops what is queued. */
void signal_queue_clear(struct signal_queue *queue);

#endif
