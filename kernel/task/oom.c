/* Memory ran out in a page fault: one process has to go. The largest, as the one whose end helps
 * most; never init. */
#include "kernel/abi/wait.h"
#include "kernel/log.h"
#include "kernel/mem/pages.h"
#include "kernel/mem/space.h"
#include "kernel/task/process.h"
#include "kernel/task/signal.h"

struct oom_choice {
    struct process *process;
    uint64_t pages;
    bool dying; /* somebody is on the way out already: wait for that instead of killing another */
};

static bool oom_consider(void *arg, struct process *process)
{
    struct oom_choice *choice = arg;
    spin_lock(&process->signal_lock);
    bool live = process->thread_count && process->space;
    if (live && process->exiting)
        choice->dying = true;
    /* signal_lock keeps the threads, so the space, from going; its numbers are read without its
     * mutex. */
    uint64_t pages =
        live && process->pid != 1 && !process->exiting ? space_resident(process->space) : 0;
    spin_unlock(&process->signal_lock);
    if (pages > choice->pages) {
        if (choice->process)
            process_unref(choice->process);
        process_ref(process);
        choice->process = process;
        choice->pages = pages;
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
        log_write(LOG_ERROR, "out of memory: killed process %d (%s), %lu KiB", choice.process->pid,
                  name, (unsigned long)choice.pages * (PAGE_SIZE / 1024));
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
