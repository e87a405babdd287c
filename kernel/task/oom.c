/* Memory ran out in a page fault: one process has to go. The largest, as the one whose end helps
 * most, with what /proc/PID/oom_score_adj adds; never init. */
#include "kernel/abi/wait.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

struct oom_choice {
    struct process *process;
    int64_t score; /* pages, and the adjustment in pages */
    bool dying; /* somebody is on the way out already: wait for that instead of killing another */
};

/* 0: not this one. signal_lock held: it keeps the threads, so the space, from going; its numbers
 * are read without its mutex. */
static int64_t oom_score(const struct process *process)
{
    int64_t adjust = process->oom_adjust;
    if (process->pid == 1 || process->exiting || adjust == -PROCESS_OOM_ADJUST_MAX)
        return 0;
    int64_t score = (int64_t)space_weight(process->space) +
                    adjust * (int64_t)pages_total() / PROCESS_OOM_ADJUST_MAX;
    return score > 0 ? score : 1;
}

static bool oom_consider(void *arg, struct process *process)
{
    struct oom_choice *choice = arg;
    spin_lock(&process->signal_lock);
    bool live = process->thread_count && process->space;
    if (live && process->exiting)
        choice->dying = true;
    int64_t score = live ? oom_score(process) : 0;
    spin_unlock(&process->signal_lock);
    if (score > choice->score) {
        if (choice->process)
            process_unref(choice->process);
        process_ref(process);
        choice->process = process;
        choice->score = score;
    }
    return true;
}

bool process_out_of_memory(void)
{
    struct oom_choice choice = {0};
    struct thread *self = current_thread();
    if (atomic_load(&self->work) & WORK_EXIT)
        return false;
    process_each(oom_consider, &choice);
    bool own = choice.process == self->process;
    if (choice.process && (!choice.dying || own)) {
        struct abi_siginfo info;
        char name[THREAD_NAME_SIZE];
        process_name(choice.process, name);
        log_write(LOG_ERROR, "out of memory: killed process %d (%s)", choice.process->pid, name);
        signal_info_kernel(&info, ABI_SIGKILL);
        signal_send_process(choice.process, &info);
    } else if (!choice.process && !choice.dying) {
        panic("out of memory, and no process to kill");
    }
    if (choice.process)
        process_unref(choice.process);
    if (!own)
        thread_yield();
    return !own;
}
