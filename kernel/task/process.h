/*
 * Processes: thread groups with shared memory, descriptors, signal handlers and credentials;
 * sessions and process groups.
 *
 * Numbers (process, thread, group, session) come from one space, the pid table, and are not reused
 * while anything still bears them.
 *
 * Locks, outermost first; all spinlocks, for signals come from interrupt context too:
 *   tree_lock              parents, children, groups, sessions, zombies, controlling terminals
 *     process->signal_lock   pending sets, stop and continue, the list of threads
 *       actions->lock, child_wait.lock, run_queue.lock
 *     pid_lock               the pid table and the list of all processes
 * Looking up by number gives a counted reference (process_unref), valid after the process has
 * ended.
 */
#ifndef KERNEL_TASK_PROCESS_H
#define KERNEL_TASK_PROCESS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sluice/list.h>
#include <sluice/namespace.h>
#include "kernel/abi/resource.h"
#include "kernel/abi/signal.h"
#include "kernel/task/thread.h"
#include "kernel/task/wait.h"

struct fdtab;
struct itimers;
struct posix_timers;
struct space;

#define GROUPS_MAX             65536
#define PROCESS_OOM_ADJUST_MAX 1000

/* Credentials; immutable once installed, replaced as a whole (copy, change, swap). */
struct cred {
    _Atomic uint32_t references;
    uint32_t uid, euid, suid, fsuid;
    uint32_t gid, egid, sgid, fsgid;
    /* Sets of capabilities: kernel/task/capability.c. */
    uint64_t permitted, effective, inheritable, bounding, ambient;
    uint32_t securebits;
    bool no_new_privileges; /* PR_SET_NO_NEW_PRIVS: for ever, and for children */
    uint32_t group_count;
    struct cred *replaced; /* kept, for other threads may still look at it; or NULL */
    uint32_t groups[];     /* sorted */
};

/* Where a process stands in the name space; shared between threads, and between processes by
 * CLONE_FS. */
struct fs_context {
    _Atomic uint32_t references;
    _Atomic uint32_t users; /* processes whose it is, by CLONE_FS; the others only look */
    spinlock_t lock;        /* guards the three below; copies are taken out under it */
    struct location root, cwd;
    uint32_t umask;
};

/* Signal handlers: shared by CLONE_SIGHAND. */
struct signal_actions {
    _Atomic uint32_t references;
    spinlock_t lock;
    struct abi_sigaction action[ABI_NSIG]; /* [signal - 1] */
};

struct session {
    _Atomic uint32_t references;
    int32_t sid;
    /* The controlling terminal: an object answering sluice_terminal; guarded by process_tree_lock.
     */
    oskit_iunknown_t *terminal;
};

struct process_group {
    int32_t pgid;
    struct session *session;
    struct list members; /* process->group_link */
    _Atomic uint32_t references;
};

enum process_state { PROCESS_LIVE, PROCESS_ZOMBIE, PROCESS_DEAD };

struct process {
    _Atomic uint32_t references;
    int32_t pid;
    _Atomic uint32_t state;

    /* Tree; tree_lock. */
    struct process *parent;
    struct list children, sibling_link;
    struct process_group *group;
    struct list group_link;
    struct wait_queue child_wait; /* the parent sleeps here in wait4 */
    bool has_execed;              /* setpgid by the parent is refused then */
    uint32_t wait_status;         /* of a zombie, as wait4 reports it */
    int parent_death_signal;      /* PR_SET_PDEATHSIG; 0: none */
    int exit_signal;              /* told to the parent if it is one; SIGCHLD for fork */

    /* Shared parts; replaced only by exec or by the last thread. */
    struct space *space;
    struct fdtab *fds;
    struct fs_context *fs;
    struct signal_actions *actions;
    struct cred *_Atomic cred;

    /* Threads and signals; signal_lock. */
    spinlock_t signal_lock;
    struct list threads; /* thread->process_link; the leader first while it lives */
    uint32_t thread_count;
    struct thread *leader;       /* NULL once it has ended */
    char name[THREAD_NAME_SIZE]; /* the leader's, when it has ended */
    struct signal_queue signals;
    struct wait_queue signal_wait;          /* sigtimedwait, signalfd */
    bool stopped, stop_reported, continued; /* job control */
    int stop_signal;
    bool stop_taken; /* a stop signal was taken and no SIGCONT has come since: it may stop */
    _Atomic bool tell_pending; /* tell_timer will report a continue to the parent */
    struct env_timer tell_timer;
    bool exiting;               /* exit_group or a fatal signal: threads are on their way out */
    struct thread *exec_thread; /* which waits for the others to go */

    struct abi_rlimit limits[ABI_RLIM_NLIMITS];
    uint64_t start_time;             /* clock_monotonic */
    uint64_t dead_user, dead_system; /* ns of threads that ended */
    uint64_t children_user, children_system;
    uint64_t minor_faults, major_faults;
    struct itimers *timers; /* interval timers: itimer.c */
    struct posix_timers *_Atomic posix_timers;
    spinlock_t alarm_lock;  /* cpu_clock.c */
    struct list cpu_alarms; /* on clocks of this process and its threads */
    bool dumpable;
    uint32_t personality; /* ABI_ADDR_NO_RANDOMIZE counts; the rest is only remembered */
    int32_t oom_adjust;   /* thousandths of memory that it counts for more; -1000: never it */
    struct list all_link; /* every process, for /proc; pid_lock */
};

static inline struct process *current_process(void)
{
    return current_thread()->process;
}

/* ---- Life (process.c, fork.c, exec.c, exit.c) ---- */

void process_init(void);
/* The first process: runs PATH with ARGV and ENVP as pid 1 on the console. Starts it and returns. 0
 * or -ABI errno. */
int process_start_init(const char *path, const char *const argv[], const char *const envp[]);

/* clone's arguments, from clone, clone3, fork and vfork alike. */
struct clone_request {
    uint64_t flags; /* ABI_CLONE_* without the signal */
    int exit_signal;
    uint64_t stack;      /* user stack pointer, or 0: the parent's */
    uint64_t parent_tid; /* user addresses */
    uint64_t child_tid;
    uint64_t tls;
};
/* The new thread's number as the caller sees it, or a negative errno. FRAME is the caller's entry
 * frame: the child returns 0 from the same call. */
long process_clone(const struct clone_request *request, const struct trap_frame *frame);

/* Replaces the current process's image by the program PATH (DIRFD and FLAGS as execveat). The whole
 * new image is built first: an error leaves the old one as it was. On success FRAME holds the new
 * program's first registers and the value is 0. */
struct exec_arguments; /* exec.h */
long process_exec(int dirfd, const char *path, int flags, struct exec_arguments *arguments,
                  struct trap_frame *frame);

/* Ends the current thread; the last one ends the process. STATUS is exit's argument. */
_Noreturn void process_exit_thread(int status);
/* Ends the current process: wait status STATUS (exit code << 8, or signal | core flag). */
_Noreturn void process_exit_group(int wait_status);
/* wait4 and waitid: see exit.c. IDTYPE/ID as waitid. */
struct wait_result {
    int32_t pid;
    uint32_t uid;
    int code;   /* ABI_CLD_* */
    int status; /* exit code or signal */
    uint32_t wait_status;
    struct abi_rusage usage;
};
/* pid > 0 found; 0: WNOHANG and none ready; -ABI_ECHILD, -ABI_EINTR ... */
long process_wait(int idtype, int32_t id, int options, struct wait_result *out);

extern spinlock_t tree_lock;

/* The pid table (pid.c). A number is free again when no thread, process, group or session bears it.
 */
enum pid_kind { PID_THREAD, PID_PROCESS, PID_GROUP, PID_SESSION, PID_KINDS };
int32_t pid_allocate(
    void); /* reserved for a thread that pid_attach will follow; -ABI_EAGAIN, -ABI_ENOMEM */
void pid_attach(int32_t pid, enum pid_kind kind, void *object);
void pid_detach(int32_t pid, enum pid_kind kind); /* frees the number with its last bearer */
void pid_cancel(int32_t pid);                     /* an allocated number that nobody bears */
/* The object, with REF applied to it under the lock (NULL: none). NULL: nobody. */
void *pid_lookup(int32_t pid, enum pid_kind kind, void (*ref)(void *object));
int32_t pid_last(void);
uint32_t pid_count(void); /* numbers that somebody bears */
/* The first process with a number above PID, with a reference; NULL: none. */
struct process *pid_next_process(int32_t pid);

struct process *process_find(int32_t pid); /* reference, or NULL */
struct thread *thread_find(int32_t tid);   /* reference, or NULL */
void process_ref(struct process *process);
void process_unref(struct process *process);
/* Calls SHOW for every live process and zombie in order of pid; SHOW may not sleep on process
 * locks. Return false stops. */
void process_each(bool (*show)(void *arg, struct process *process), void *arg);
void process_usage(struct process *process, bool children, struct abi_rusage *out);
void process_times(struct process *process, uint64_t *user,
                   uint64_t *system);      /* ns, ended threads included */
struct process *process_allocate(void);    /* an empty record with one reference */
uint64_t process_limit(unsigned resource); /* soft limit of the current process */

/* Parts of another process, with a reference; NULL when it has ended or is about to. */
struct space *process_space_get(struct process *process);
struct fdtab *process_fds_get(struct process *process);
struct fs_context *process_fs_get(struct process *process);
struct cred *process_cred_get(struct process *process); /* also of a zombie: never NULL */
uint32_t process_uid(struct process *process);          /* the real one */
/* What ps shows: the name of its first thread. */
void process_name(struct process *process, char out[THREAD_NAME_SIZE]);

/* ---- Credentials (cred.c) ---- */
struct cred *cred_current(void); /* borrowed for the length of a system call */
struct cred *cred_copy(const struct cred *cred,
                       uint32_t group_count); /* for changing; NULL: no memory */
void cred_install(struct cred *cred);         /* takes over the reference */
void cred_unref(struct cred *cred);

/* ---- fs_context (fs_context.c) ---- */
/* Where a walk of the current process begins: WALK points to its root and to BASE or its working
 * directory. Counted copies of these where another thread could change them meanwhile. */
struct walk_context {
    struct location root, base; /* empty when borrowed */
    struct walk walk;
};
/* DIRFD: ABI_AT_FDCWD or a directory descriptor (-ABI_EBADF, -ABI_ENOTDIR); ignored for absolute
 * PATH. On failure there is nothing to end. */
int walk_begin(struct walk_context *context, int dirfd, const char *path);
void walk_end(struct walk_context *context);
extern struct namespace *root_namespace;

/* ---- Sessions, groups (session.c) ---- */
long session_create(void);                 /* setsid */
long group_set(int32_t pid, int32_t pgid); /* setpgid */
int32_t group_of(int32_t pid),
    session_of(int32_t pid); /* getpgid, getsid: number or negative errno */
/* TIOCSCTTY, TIOCNOTTY, TIOCSPGRP rules; TERMINAL answers sluice_terminal. */
long session_take_terminal(oskit_iunknown_t *terminal, bool steal);
long session_leave_terminal(oskit_iunknown_t *terminal);
long session_set_foreground(oskit_iunknown_t *terminal, int32_t pgid);
/* The session's controlling terminal with a reference, or NULL: /dev/tty. */
oskit_iunknown_t *session_terminal(void);
/* Opening a terminal without O_NOCTTY as a session leader that has none. */
void session_terminal_opened(oskit_iunknown_t *terminal);
/* Called when the last descriptor of TERMINAL was closed: it belongs to no session any more. */
void session_terminal_closed(oskit_iunknown_t *terminal);

#endif
