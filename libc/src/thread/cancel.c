/* Cancelling another thread. It is asked by a byte in its control block, which its cancellation
   points look at, and by a signal, which takes it out of a call that blocks. How the signal tells a
   call that has had its effect from one that has not: src/syscall.S.

   When the signal comes between the points, the byte is enough for the thread itself; but it may
   have interrupted another signal's handler, which came between the look at the byte and the system
   call. So the signal is sent again, blocked until that handler returns. Where there was no handler
   it stays blocked and pending: nobody needs it any more. */
#include <errno.h>
#include <signal.h>
#include <sys/ucontext.h>
#include <unistd.h>

#include "thread.h"

#define RED_ZONE 128

extern const char __cancel_point[], __cancel_point_end[];
void __restore_rt(void);

void __cancel_now(void)
{
    pthread_exit(PTHREAD_CANCELED);
}

static void send_signal(struct thread *thread)
{
    SYS3(tgkill, SYS3(getpid, 0, 0, 0), thread->tid, SIGNAL_CANCEL);
}

static void handle_cancel(int sig, siginfo_t *info, void *pointer)
{
    struct thread *self = thread_self();
    ucontext_t *context = pointer;
    greg_t *registers = context->uc_mcontext.gregs;
    const char *place = (const char *)registers[REG_RIP];

    if (sig != SIGNAL_CANCEL || info->si_code != SI_TKILL || !thread_cancel_wanted(self))
        return;
    if (self->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS ||
        (place >= __cancel_point && place < __cancel_point_end)) {
        registers[REG_RIP] = (greg_t)__cancel_now;
        registers[REG_RSP] = ((registers[REG_RSP] - RED_ZONE) & -16) - 8;
        return;
    }
    context->uc_sigmask |= 1ul << (SIGNAL_CANCEL - 1);
    send_signal(self);
}

/* Once for the process; twice does no harm. */
static int install(void)
{
    struct {
        void (*handler)(int, siginfo_t *, void *);
        unsigned long flags;
        void (*restorer)(void);
        unsigned long mask;
    } action = {handle_cancel, SA_SIGINFO | SA_RESTART | SA_RESTORER, __restore_rt, ~0ul};
    static bool installed;

    if (__atomic_load_n(&installed, __ATOMIC_ACQUIRE))
        return 0;
    long result = SYS6(rt_sigaction, SIGNAL_CANCEL, &action, NULL, KERNEL_SIGSET_SIZE, 0, 0);
    __atomic_store_n(&installed, result == 0, __ATOMIC_RELEASE);
    return (int)-result;
}

int pthread_cancel(pthread_t id)
{
    struct thread *thread = thread_of(id), *self = thread_self();
    int error = install();

    if (error)
        return error;
    if (thread == self) {
        self->cancel.pending = 1;
        if (self->cancel_type == PTHREAD_CANCEL_ASYNCHRONOUS)
            pthread_testcancel();
        return 0;
    }
    unsigned long mask = signals_block();
    __libc_lock_acquire(&thread->lock);
    if (!__atomic_exchange_n(&thread->cancel.pending, 1, __ATOMIC_SEQ_CST) && !thread->gone)
        send_signal(thread);
    __libc_lock_release(&thread->lock);
    signals_restore(mask);
    return 0;
}
