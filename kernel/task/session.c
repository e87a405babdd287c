/*
 * Sessions, process groups and controlling terminals (POSIX chapter 11.1). A terminal keeps the
 * numbers of its session and foreground group; the session keeps a reference to the terminal. All
 * under tree_lock, but the release of a terminal, which may sleep, happens after it was dropped.
 */
#include <sluice/object.h>
#include <sluice/terminal.h>
#include <oskit/io/ttystream.h>
#include "kernel/abi/errno.h"
#include "kernel/log.h"
#include "kernel/mem/heap.h"
#include "kernel/sys/waitloop.h"
#include "kernel/task/capability.h"
#include "kernel/task/lifecycle.h"
#include "kernel/task/signal.h"

/* ---- Records ---- */

struct session *session_allocate(int32_t sid)
{
    struct session *session = heap_alloc(sizeof *session, HEAP_ZERO);
    if (!session)
        return NULL;
    atomic_init(&session->references, 1);
    session->sid = sid;
    return session;
}

/* A session ends with its last group. The terminal was given up when the leader exited. */
void session_unref(struct session *session)
{
    if (atomic_fetch_sub(&session->references, 1) != 1)
        return;
    pid_detach(session->sid, PID_SESSION);
    heap_free(session);
}

struct process_group *group_create(int32_t pgid, struct session *session)
{
    struct process_group *group = heap_alloc(sizeof *group, HEAP_ZERO);
    if (!group)
        return NULL;
    atomic_init(&group->references, 1);
    group->pgid = pgid;
    group->session = session;
    atomic_fetch_add(&session->references, 1);
    list_init(&group->members);
    return group;
}

static void group_ref_object(void *object)
{
    atomic_fetch_add(&((struct process_group *)object)->references, 1);
}

void group_unref(struct process_group *group)
{
    if (atomic_fetch_sub(&group->references, 1) != 1)
        return;
    session_unref(group->session);
    heap_free(group);
}

/* Each member holds a reference. A group's number is taken while it has members. */
void group_join(struct process *process, struct process_group *group)
{
    group_ref_object(group);
    if (list_empty(&group->members))
        pid_attach(group->pgid, PID_GROUP, group);
    list_push_back(&group->members, &process->group_link);
    process->group = group;
}

void group_leave(struct process *process)
{
    struct process_group *group = process->group;
    list_remove(&process->group_link);
    if (list_empty(&group->members))
        pid_detach(group->pgid, PID_GROUP);
    process->group = NULL;
    group_unref(group);
}

static struct process_group *group_find(int32_t pgid)
{
    return pid_lookup(pgid, PID_GROUP, group_ref_object);
}

bool group_orphaned(const struct process_group *group, const struct process *leaving)
{
    list_for_each (link, &group->members) {
        const struct process *member = container_of(link, struct process, group_link);
        const struct process *parent = member->parent;
        if (member == leaving || atomic_load(&member->state) != PROCESS_LIVE || !parent ||
            parent == leaving)
            continue;
        if (parent->group && parent->group != group && parent->group->session == group->session)
            return false;
    }
    return true;
}

/* ---- setsid, setpgid ---- */

static long session_enter(struct process *self, struct session *session,
                          struct process_group *group)
{
    long error = 0;
    spin_lock(&tree_lock);
    if (pid_lookup(self->pid, PID_GROUP, NULL)) {
        error = -ABI_EPERM; /* a group leader: its number can't name another group */
    } else {
        pid_attach(self->pid, PID_SESSION, session);
        group_leave(self);
        group_join(self, group);
    }
    spin_unlock(&tree_lock);
    return error;
}

long session_create(void)
{
    struct process *self = current_process();
    struct session *session = session_allocate(self->pid);
    struct process_group *group = session ? group_create(self->pid, session) : NULL;
    long error = group ? session_enter(self, session, group) : -ABI_ENOMEM;
    if (error) {
        heap_free(group);
        heap_free(session);
        return error;
    }
    group_unref(group);
    session_unref(session);
    return self->pid;
}

/* setpgid's rules for TARGET; tree_lock held. */
static long group_set_allowed(const struct process *self, const struct process *target)
{
    if (target != self && target->parent != self)
        return -ABI_ESRCH;
    if (atomic_load(&target->state) != PROCESS_LIVE || !target->group)
        return -ABI_ESRCH;
    if (target != self && target->group->session != self->group->session)
        return -ABI_EPERM;
    if (target != self && target->has_execed)
        return -ABI_EACCES;
    if (target->group->session->sid == target->pid)
        return -ABI_EPERM;
    return 0;
}

/* GROUP: an existing one with a reference, or a fresh one named after TARGET. tree_lock held. */
static long group_move(struct process *self, struct process *target, struct process_group *group,
                       int32_t pgid)
{
    long error = group_set_allowed(self, target);
    if (error || target->group->pgid == pgid)
        return error;
    if (group->session != target->group->session)
        return -ABI_EPERM;
    /* The group found may have lost its last member meanwhile, and its number; or another one has
     * taken the number of a fresh one. */
    const struct process_group *named = pid_lookup(pgid, PID_GROUP, NULL);
    if (named ? named != group : pgid != target->pid)
        return -ABI_EPERM;
    group_leave(target);
    group_join(target, group);
    return 0;
}

/* A fresh group in the session of SELF, which another thread may be leaving. */
static struct process_group *group_create_beside(struct process *self, int32_t pgid)
{
    spin_lock(&tree_lock);
    struct process_group *group = group_create(pgid, self->group->session);
    spin_unlock(&tree_lock);
    return group;
}

long group_set(int32_t pid, int32_t pgid)
{
    struct process *self = current_process();
    if (pgid < 0)
        return -ABI_EINVAL;
    struct process *target = process_find(pid ? pid : self->pid);
    if (!target)
        return -ABI_ESRCH;
    pgid = pgid ? pgid : target->pid;
    struct process_group *group = group_find(pgid);
    long error = -ABI_EPERM;
    if (!group && pgid == target->pid) {
        group = group_create_beside(self, pgid);
        error = -ABI_ENOMEM;
    }
    if (group) {
        spin_lock(&tree_lock);
        error = group_move(self, target, group, pgid);
        spin_unlock(&tree_lock);
        group_unref(group);
    }
    process_unref(target);
    return error;
}

static int32_t group_number(int32_t pid, bool session)
{
    struct process *process = pid ? process_find(pid) : current_process();
    if (!process)
        return -ABI_ESRCH;
    spin_lock(&tree_lock);
    struct process_group *group = process->group;
    int32_t number = !group ? -ABI_ESRCH : session ? group->session->sid : group->pgid;
    spin_unlock(&tree_lock);
    if (pid)
        process_unref(process);
    return number;
}

int32_t group_of(int32_t pid)
{
    return group_number(pid, false);
}

int32_t session_of(int32_t pid)
{
    return group_number(pid, true);
}

/* ---- The controlling terminal ---- */

static bool terminal_same(oskit_iunknown_t *a, oskit_iunknown_t *b)
{
    void *identity_a = sluice_query_face(a, &oskit_iunknown_iid);
    void *identity_b = sluice_query_face(b, &oskit_iunknown_iid);
    bool same = identity_a == identity_b;
    oskit_iunknown_release((oskit_iunknown_t *)identity_a);
    oskit_iunknown_release((oskit_iunknown_t *)identity_b);
    return same;
}

static oskit_iunknown_t *session_recorded_terminal(void)
{
    spin_lock(&tree_lock);
    struct process_group *group = current_process()->group;
    oskit_iunknown_t *terminal = group ? group->session->terminal : NULL;
    if (terminal)
        oskit_iunknown_addref(terminal);
    spin_unlock(&tree_lock);
    return terminal;
}

/* A terminal that was hung up has left its session, which learns of it only here. */
static bool terminal_has_left(oskit_iunknown_t *object)
{
    sluice_terminal_t *terminal = sluice_query_face(object, &sluice_terminal_iid);
    bool left = terminal && terminal->ops->hungup(terminal);
    if (terminal)
        oskit_iunknown_release((oskit_iunknown_t *)terminal);
    return left;
}

static void session_forget(oskit_iunknown_t *object)
{
    spin_lock(&tree_lock);
    struct session *session = current_process()->group->session;
    bool forget = session->terminal == object;
    if (forget)
        session->terminal = NULL;
    spin_unlock(&tree_lock);
    if (forget)
        oskit_iunknown_release(object);
}

oskit_iunknown_t *session_terminal(void)
{
    oskit_iunknown_t *object = session_recorded_terminal();
    if (!object || !terminal_has_left(object))
        return object;
    session_forget(object);
    oskit_iunknown_release(object);
    return NULL;
}

/* Takes the terminal away from whatever session it belongs to: TIOCSCTTY with force, by root, and
 * the last close. */
static void terminal_steal(sluice_terminal_t *terminal, oskit_ttystream_t *tty)
{
    oskit_pid_t sid = 0;
    if (OSKIT_FAILED(oskit_ttystream_getsid(tty, &sid)) || !sid)
        return;
    struct session *session;
    oskit_iunknown_t *old = NULL;
    spin_lock(&tree_lock);
    session = pid_lookup(sid, PID_SESSION, NULL);
    if (session) {
        old = session->terminal;
        session->terminal = NULL;
    }
    spin_unlock(&tree_lock);
    terminal->ops->detach(terminal, sid);
    if (old)
        oskit_iunknown_release(old);
}

static long session_attach(oskit_iunknown_t *object, sluice_terminal_t *terminal)
{
    struct process *self = current_process();
    long error = 0;
    spin_lock(&tree_lock);
    struct session *session = self->group->session;
    if (session->sid != self->pid || session->terminal)
        error = -ABI_EPERM;
    else
        error = errno_from_oskit(terminal->ops->attach(terminal, session->sid, self->group->pgid));
    if (!error) {
        oskit_iunknown_addref(object);
        session->terminal = object;
    }
    spin_unlock(&tree_lock);
    return error;
}

long session_take_terminal(oskit_iunknown_t *object, bool steal)
{
    oskit_iunknown_t *own = session_terminal();
    bool already = own && terminal_same(own, object);
    if (own)
        oskit_iunknown_release(own);
    if (already)
        return 0;
    sluice_terminal_t *terminal = sluice_query_face(object, &sluice_terminal_iid);
    oskit_ttystream_t *tty = sluice_query_face(object, &oskit_ttystream_iid);
    long error = terminal && tty ? 0 : -ABI_ENOTTY;
    if (!error && steal && process_capable(CAPABILITY_SYS_ADMIN) &&
        session_of(0) == current_process()->pid)
        terminal_steal(terminal, tty);
    if (!error)
        error = session_attach(object, terminal);
    if (tty)
        oskit_ttystream_release(tty);
    if (terminal)
        oskit_iunknown_release((oskit_iunknown_t *)terminal);
    return error;
}

void session_terminal_closed(oskit_iunknown_t *object)
{
    sluice_terminal_t *terminal = sluice_query_face(object, &sluice_terminal_iid);
    oskit_ttystream_t *tty = sluice_query_face(object, &oskit_ttystream_iid);
    if (terminal && tty)
        terminal_steal(terminal, tty);
    if (tty)
        oskit_ttystream_release(tty);
    if (terminal)
        oskit_iunknown_release((oskit_iunknown_t *)terminal);
}

void session_terminal_opened(oskit_iunknown_t *object)
{
    /* Refusals are the normal case: not a leader, or somebody else's terminal. */
    session_take_terminal(object, false);
}

/* Unties the current session's terminal; true when there was one, whose foreground group was *PGRP.
 */
static bool session_detach(int32_t *pgrp)
{
    spin_lock(&tree_lock);
    struct session *session = current_process()->group->session;
    oskit_iunknown_t *object = session->terminal;
    session->terminal = NULL;
    spin_unlock(&tree_lock);
    if (!object)
        return false;
    sluice_terminal_t *terminal = sluice_query_face(object, &sluice_terminal_iid);
    oskit_ttystream_t *tty = sluice_query_face(object, &oskit_ttystream_iid);
    oskit_pid_t group = 0;
    if (tty) {
        oskit_ttystream_getpgrp(tty, &group);
        oskit_ttystream_release(tty);
    }
    if (terminal) {
        terminal->ops->detach(terminal, session->sid);
        oskit_iunknown_release((oskit_iunknown_t *)terminal);
    }
    oskit_iunknown_release(object);
    *pgrp = group;
    return true;
}

static void group_hang_up(int32_t pgrp)
{
    struct abi_siginfo info;
    signal_info_kernel(&info, ABI_SIGHUP);
    signal_send_group(pgrp, &info, false);
    signal_info_kernel(&info, ABI_SIGCONT);
    signal_send_group(pgrp, &info, false);
}

long session_leave_terminal(oskit_iunknown_t *object)
{
    oskit_iunknown_t *own = session_terminal();
    bool ours = own && terminal_same(own, object);
    if (own)
        oskit_iunknown_release(own);
    if (!ours)
        return -ABI_ENOTTY;
    /* For anyone but the leader Linux only forgets the process's own tie; the session keeps its
     * terminal. */
    if (session_of(0) == current_process()->pid)
        session_leader_exit();
    return 0;
}

void session_leader_exit(void)
{
    int32_t pgrp;
    if (session_detach(&pgrp) && pgrp)
        group_hang_up(pgrp);
}

long session_set_foreground(oskit_iunknown_t *object, int32_t pgid)
{
    oskit_iunknown_t *own = session_terminal();
    bool ours = own && terminal_same(own, object);
    if (own)
        oskit_iunknown_release(own);
    if (!ours)
        return -ABI_ENOTTY;
    if (pgid <= 0)
        return -ABI_EINVAL;
    struct process_group *group = group_find(pgid);
    if (!group)
        return -ABI_ESRCH;
    bool same_session = group->session == current_process()->group->session;
    group_unref(group);
    if (!same_session)
        return -ABI_EPERM;
    oskit_ttystream_t *tty = sluice_query_face(object, &oskit_ttystream_iid);
    long error = tty ? errno_from_oskit(oskit_ttystream_setpgrp(tty, pgid)) : -ABI_ENOTTY;
    if (tty)
        oskit_ttystream_release(tty);
    return error;
}
