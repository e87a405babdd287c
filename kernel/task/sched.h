/* What the scheduler shares with the rest of kernel/task. */
#ifndef KERNEL_TASK_SCHED_H
#define KERNEL_TASK_SCHED_H

#include "kernel/task/thread.h"

/* Weight of nice 0; thread->virtual_time advances by run time * SCHED_WEIGHT_NORMAL / weight. */
#define SCHED_WEIGHT_NORMAL 1024u

#define SCHED_SLICE_NS 4000000ull /* a thread runs at most this long while others wait */
#define SCHED_TURN_NS \
    100000000ull /* the same among threads of one real-time priority that take turns */
#define SCHED_BALANCE_NS 1000000ull /* a waiting thread is offered to idle CPUs after this long */

void sched_init_cpu(struct thread *idle);
/* After the timer interrupt's work: ends the running thread's slice when it is over, offers waiting
 * threads to idle CPUs. Preemption off. */
void sched_tick(void);
/* The first thing a new thread runs: finishes the switch to it. */
void sched_switched(struct thread *prev);
/* Frees threads that died on this CPU. [thread] */
void sched_reap(void);
/* If THREAD runs in user mode on another CPU, makes it enter the kernel, where it sees its work
 * bits. [any] */
void sched_notice(struct thread *thread);
/* The boot thread's last call: becomes the idle thread of its CPU. */
_Noreturn void sched_idle_enter(void);

/* switch.S: saves the callee-saved registers and the stack of PREV, takes those of NEXT; returns in
 * NEXT's context with the thread switched from. */
struct thread *thread_switch(struct thread *prev, struct thread *next);
/* switch.S: where a new thread's stack starts. */
void thread_begin(void);

#endif
