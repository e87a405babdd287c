/* The first process. */
#include <sluice/string.h>
#include "kernel/abi/errno.h"
#include "kernel/abi/fcntl.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/mem/space.h"
#include "kernel/sys/fdtab.h"
#include "kernel/task/capability.h"
#include "kernel/task/exec.h"
#include "kernel/mem/pages.h"
#include "kernel/task/fs_context.h"
#include "kernel/task/lifecycle.h"

#define STACK_LIMIT       (8ul << 20)
#define FILES_LIMIT       1024
#define FILES_MOST        (1ul << 20)
#define NPROC_LIMIT       32000
#define QUEUE_BYTES_LIMIT 819200 /* of POSIX message queues, as Linux has it */
#define PAGES_PER_SIGNAL \
    16 /* a process may keep so large a part of memory busy with queued signals */

struct init_request {
    const char *path;
    struct exec_arguments arguments;
};

static void limits_default(struct abi_rlimit limits[ABI_RLIM_NLIMITS])
{
    for (int i = 0; i < ABI_RLIM_NLIMITS; i++)
        limits[i] = (struct abi_rlimit){ABI_RLIM_INFINITY, ABI_RLIM_INFINITY};
    limits[ABI_RLIMIT_STACK].rlim_cur = STACK_LIMIT;
    limits[ABI_RLIMIT_CORE].rlim_cur = 0;
    limits[ABI_RLIMIT_NOFILE] = (struct abi_rlimit){FILES_LIMIT, FILES_MOST};
    limits[ABI_RLIMIT_MSGQUEUE] = (struct abi_rlimit){QUEUE_BYTES_LIMIT, QUEUE_BYTES_LIMIT};
    limits[ABI_RLIMIT_NPROC] = (struct abi_rlimit){NPROC_LIMIT, NPROC_LIMIT};
    uint64_t signals = pages_total() / PAGES_PER_SIGNAL;
    limits[ABI_RLIMIT_SIGPENDING] = (struct abi_rlimit){signals, signals};
    limits[ABI_RLIMIT_NICE] = limits[ABI_RLIMIT_RTPRIO] = (struct abi_rlimit){0, 0};
    limits[ABI_RLIMIT_MEMLOCK] = (struct abi_rlimit){STACK_LIMIT, STACK_LIMIT};
}

static void init_main(void *arg)
{
    struct init_request *request = arg;
    struct thread *self = current_thread();
    long error = process_exec(ABI_AT_FDCWD, request->path, 0, &request->arguments, self->frame);
    exec_arguments_free(&request->arguments);
    if (error)
        panic("can't run %s: error %ld", request->path, -error);
    heap_free(request);
    trap_return_user(self->frame);
}

static struct process *init_process(void)
{
    struct process *process = process_allocate();
    struct session *session = session_allocate(1);
    struct process_group *group = session ? group_create(1, session) : NULL;
    struct cred *cred = heap_alloc(sizeof *cred, HEAP_ZERO);
    if (!process || !group || !cred)
        return NULL;
    atomic_init(&cred->references, 1);
    cred->permitted = cred->effective = cred->bounding = CAPABILITY_ALL;
    atomic_init(&process->cred, cred);
    process->fds = fdtab_create();
    process->fs = fs_context_create();
    process->actions = signal_actions_create();
    process->space = space_create();
    limits_default(process->limits);
    if (!process->fds || !process->fs || !process->actions || !process->space)
        return NULL;
    process->pid = pid_allocate();
    kassert(process->pid == 1);
    pid_attach(1, PID_SESSION, session);
    pid_attach(1, PID_PROCESS, process);
    spin_lock(&tree_lock);
    group_join(process, group);
    spin_unlock(&tree_lock);
    group_unref(group);
    session_unref(session);
    return process;
}

static struct thread *init_thread(struct process *process, struct init_request *request)
{
    struct thread *thread = thread_create("init", init_main, request);
    if (!thread || !thread_allocate_fpu(thread))
        return NULL;
    process_ref(thread->process = process);
    thread->space = process->space;
    thread->tid = 1;
    thread->signal_stack.flags = ABI_SS_DISABLE;
    process->leader = thread;
    list_push_back(&process->threads, &thread->process_link);
    process->thread_count = 1;
    pid_attach(1, PID_THREAD, thread);
    return thread;
}

int process_start_init(const char *path, const char *const argv[], const char *const envp[])
{
    struct init_request *request = heap_alloc(sizeof *request, HEAP_ZERO);
    if (!request)
        return -ABI_ENOMEM;
    request->path = path;
    long error = exec_arguments_from_kernel(&request->arguments, argv, envp);
    struct process *process = error ? NULL : init_process();
    struct thread *thread = process ? init_thread(process, request) : NULL;
    if (!thread)
        return -ABI_ENOMEM; /* the machine can't go on: the caller panics */
    thread_start(thread);
    thread_unref(thread);
    return 0;
}
