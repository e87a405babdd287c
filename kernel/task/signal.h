/* Signals: sending, waiting, delivery on the way back to user mode. Numbers and structures are the
 * ABI's. */
#ifndef KERNEL_TASK_SIGNAL_H
#define KERNEL_TASK_SIGNAL_H

#include <stdbool.h>
#include "kernel/abi/signal.h"
#include "kernel/task/process.h"

/* Signal bits. */
#define SIGNAL_BIT(signal)  (1ull << ((signal)-1))
#define SIGNALS_UNBLOCKABLE (SIGNAL_BIT(ABI_SIGKILL) | SIGNAL_BIT(ABI_SIGSTOP))

/* Sends INFO->si_signo. To the process (any thread that doesn't block it) or to one thread. Ignored
 * ones vanish. 0, or -ABI_EAGAIN: a real-time signal's queue is full. No permission checks. Takes
 * signal_lock. [any] */
long signal_send_process(struct process *process, const struct abi_siginfo *info);
long signal_send_thread(struct thread *thread, const struct abi_siginfo *info);
/* An exception of the current thread: blocked or ignored means death. */
void signal_force(int signal, int code, uint64_t address);
/* To every member of a group; -ABI_ESRCH when there is none. PERMISSION: check the sender's right
 * for each (-ABI_EPERM when none allowed). */
long signal_send_group(int32_t pgid, const struct abi_siginfo *info, bool permission);
/* kill(2)'s four meanings of PID. */
long signal_kill(int32_t pid, const struct abi_siginfo *info);
bool signal_permitted(struct process *target, int signal);
/* Convenience: SI_KERNEL or SI_USER information. */
void signal_info_user(struct abi_siginfo *info, int signal);
void signal_info_kernel(struct abi_siginfo *info, int signal);

/* The current thread's mask. Sets WORK_SIGNAL anew. Unblockable bits are dropped. */
void signal_set_mask(abi_sigset_t mask);
/* ppoll, sigsuspend ...: installs MASK for the length of a wait and keeps the old one; the old one
 * comes back when no handler runs, or after the handler. */
void signal_set_temporary_mask(abi_sigset_t mask);
/* Puts the old one back at once, if there is one: the wait wasn't ended by a signal, and those that
 * only the temporary mask let in stay pending. */
void signal_end_temporary_mask(void);
bool signal_pending(void); /* the current thread would be interrupted */

/* Restart codes of interrupted calls (Linux's internal values): system calls return them negated;
 * signal delivery turns them into EINTR or a restart. */
#define ERESTARTSYS    512 /* restarted when the handler has SA_RESTART, or no handler ran */
#define ERESTARTNOINTR 513 /* always restarted */
#define ERESTARTNOHAND 514 /* restarted only when no handler ran */
#define ERESTART_RESTARTBLOCK \
    516 /* restarted through restart_syscall with thread->restart, when no handler ran */

/* rt_sigreturn: loads FRAME from the signal frame on the user's stack; the value is the register's
 * (deliver.c). */
long signal_return(struct trap_frame *frame);

#endif
