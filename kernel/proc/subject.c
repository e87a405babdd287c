/* Finding who an entry is about. Lock order: process.h. */
#include <sluice/string.h>
#include "kernel/mem/heap.h"
#include "kernel/proc/entry.h"
#include "kernel/sys/sys.h"
#include "kernel/task/capability.h"

static struct thread *first_thread(struct process *process)
{
    struct thread *thread = NULL;
    spin_lock(&process->signal_lock);
    if (process->leader)
        thread = process->leader;
    else if (!list_empty(&process->threads))
        thread = container_of(process->threads.next, struct thread, process_link);
    if (thread)
        thread_ref(thread);
    spin_unlock(&process->signal_lock);
    return thread;
}

bool subject_get(oskit_u64_t key, struct subject *out)
{
    int32_t number = (int32_t)(key & ~KEY_THREAD & UINT32_MAX);
    *out = (struct subject){.is_thread = key & KEY_THREAD, .number = number};
    if (!out->is_thread) {
        out->process = process_find(number);
        if (out->process)
            out->thread = first_thread(out->process);
        return out->process != NULL;
    }
    out->thread = thread_find(number);
    if (!out->thread)
        return false;
    process_ref(out->process = out->thread->process);
    return true;
}

void subject_put(struct subject *subject)
{
    if (subject->thread)
        thread_unref(subject->thread);
    process_unref(subject->process);
}

oskit_error_t subject_show(oskit_u64_t key, struct synth_text *text,
                           oskit_error_t (*show)(const struct subject *subject,
                                                 struct synth_text *text))
{
    struct subject subject;
    if (!subject_get(key, &subject))
        return OSKIT_ESRCH;
    oskit_error_t error = show(&subject, text);
    subject_put(&subject);
    return error;
}

bool subject_permitted(struct process *process)
{
    return process_inspectable(process, false);
}

void subject_owner(oskit_u64_t key, oskit_uid_t *uid, oskit_gid_t *gid)
{
    struct subject subject;
    if (!subject_get(key, &subject))
        return;
    if (subject.process->dumpable) {
        struct cred *cred = process_cred_get(subject.process);
        *uid = cred->euid;
        *gid = cred->egid;
        cred_unref(cred);
    }
    subject_put(&subject);
}

bool number_parse(const char *text, int32_t *out)
{
    int64_t value = 0;
    if (!*text || (*text == '0' && text[1]))
        return false;
    for (; *text; text++) {
        if (*text < '0' || *text > '9' || value > INT32_MAX)
            return false;
        value = value * 10 + (*text - '0');
    }
    *out = (int32_t)value;
    return value <= INT32_MAX;
}

void current_root(struct location *out)
{
    struct fs_context *fs = current_process()->fs;
    spin_lock(&fs->lock);
    location_copy(out, &fs->root);
    spin_unlock(&fs->lock);
}

oskit_error_t path_append(struct synth_text *text, const struct location *loc)
{
    struct location root;
    size_t length;
    char *buffer = heap_alloc(PATH_SIZE, 0);
    if (!buffer)
        return OSKIT_ENOMEM;
    current_root(&root);
    oskit_error_t error = namespace_path(&root, loc, buffer, PATH_SIZE, &length);
    /* getcwd tells what can't be reached from the root; links don't, in Linux either. */
    size_t skip = !error && buffer[0] == '(' ? sizeof "(unreachable)" - 1 : 0;
    if (!error)
        synth_append(text, buffer + skip, length - 1 - skip);
    location_release(&root);
    heap_free(buffer);
    return error == OSKIT_ERANGE ? OSKIT_ENAMETOOLONG : error;
}

/* ---- What several files tell ---- */

static oskit_iunknown_t *kin_read(struct process *process, struct kin *out)
{
    oskit_iunknown_t *terminal = NULL;
    spin_lock(&tree_lock);
    out->parent = process->parent ? process->parent->pid : 0;
    if (process->group) {
        out->group = process->group->pgid;
        out->session = process->group->session->sid;
        terminal = process->group->session->terminal;
        if (terminal)
            oskit_iunknown_addref(terminal);
    }
    spin_unlock(&tree_lock);
    return terminal;
}

void kin_of(const struct subject *subject, struct kin *out)
{
    *out = (struct kin){.foreground = -1};
    oskit_iunknown_t *object = kin_read(subject->process, out);
    if (!object)
        return;
    sluice_terminal_t *terminal = sluice_query_face(object, &sluice_terminal_iid);
    oskit_ttystream_t *tty = sluice_query_face(object, &oskit_ttystream_iid);
    oskit_pid_t group;
    if (terminal)
        terminal->ops->device(terminal, &out->terminal);
    if (tty && !oskit_ttystream_getpgrp(tty, &group))
        out->foreground = group;
    if (tty)
        oskit_ttystream_release(tty);
    if (terminal)
        terminal->ops->release(terminal);
    oskit_iunknown_release(object);
}

char subject_state(const struct subject *subject)
{
    const struct thread *thread = subject->thread;
    if (!thread)
        return 'Z';
    uint32_t state = atomic_load(&thread->state);
    if (state == THREAD_RUNNING)
        return 'R';
    if (state == THREAD_DEAD)
        return 'X';
    if (subject->process->stopped)
        return 'T';
    return thread->sleep_kind == SLEEP_INTERRUPTIBLE ? 'S' : 'D';
}

/* Handlers of PROCESS; signal_lock held. A zombie has its actions still. */
static void handlers_of(struct process *process, struct signal_sets *out)
{
    struct signal_actions *actions = process->actions;
    spin_lock(&actions->lock);
    for (int signal = 1; signal <= ABI_NSIG; signal++) {
        uint64_t handler = actions->action[signal - 1].handler;
        if (handler == ABI_SIG_IGN)
            out->ignored |= SIGNAL_BIT(signal);
        else if (handler != ABI_SIG_DFL)
            out->caught |= SIGNAL_BIT(signal);
    }
    spin_unlock(&actions->lock);
}

void signal_sets_of(const struct subject *subject, struct signal_sets *out)
{
    struct process *process = subject->process;
    *out = (struct signal_sets){0};
    spin_lock(&process->signal_lock);
    out->shared_pending = process->signals.pending;
    out->threads = process->thread_count;
    if (subject->thread) {
        out->pending = subject->thread->signals.pending;
        out->blocked = subject->thread->signal_mask;
    }
    handlers_of(process, out);
    spin_unlock(&process->signal_lock);
}
