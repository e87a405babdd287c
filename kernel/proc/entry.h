/*
 * What the entries of /proc share: keys, and the processes and threads behind them.
 *
 * A key says whose directory an entry is in: a process number, or a thread number with KEY_THREAD;
 * in fd and fdinfo the descriptor stands above it. Whoever a key names is looked up anew by each
 * access and may be gone: OSKIT_ESRCH.
 */
#ifndef KERNEL_PROC_ENTRY_H
#define KERNEL_PROC_ENTRY_H

#include <sluice/synthfs.h>
#include "kernel/task/process.h"

#define KEY_THREAD (1ull << 31)

static inline oskit_u64_t key_of_fd(oskit_u64_t key, int fd)
{
    return (key & UINT32_MAX) | (oskit_u64_t)fd << 32;
}
static inline int key_fd(oskit_u64_t key)
{
    return (int)(key >> 32);
}

struct subject {
    struct process *process;
    struct thread *thread; /* the one meant, or the process's first; NULL: it has none any more */
    bool is_thread;        /* a thread's directory rather than a process's */
    int32_t number;        /* what that directory is called */
};
/* With references. false: gone. */
bool subject_get(oskit_u64_t key, struct subject *out);
void subject_put(struct subject *subject);
/* Calls SHOW for whoever KEY names; OSKIT_ESRCH. */
oskit_error_t subject_show(oskit_u64_t key, struct synth_text *text,
                           oskit_error_t (*show)(const struct subject *subject,
                                                 struct synth_text *text));
/* Whether the caller may look inside PROCESS: root, or all its ids are the caller's and it runs no
 * program whose secrets the file system keeps from them. */
bool subject_permitted(struct process *process);
/* The owner of its entries. */
void subject_owner(oskit_u64_t key, oskit_uid_t *uid, oskit_gid_t *gid);

/* A decimal number without sign or leading zeros, at most INT32_MAX, that is the whole of TEXT. */
bool number_parse(const char *text, int32_t *out);
void current_root(struct location *out); /* the caller's, with a reference */
/* The path of LOC as the caller sees it. */
oskit_error_t path_append(struct synth_text *text, const struct location *loc);

/* Nodes by file. Each array ends with a nameless one. */
extern const struct synth_node proc_process_nodes[];  /* process.c: of /proc/PID */
extern const struct synth_node proc_settings_nodes[]; /* settings.c: of /proc/sys */
extern const struct synth_node proc_fd_template;      /* fd.c */
extern const struct synth_node proc_fdinfo_template;

/* Contents, by file. KEY 0 where nobody is meant. */
typedef oskit_error_t proc_show(oskit_u64_t key, struct synth_text *text);
proc_show proc_show_stat, proc_show_statm, proc_show_status; /* stat.c, status.c */
proc_show proc_show_cmdline, proc_show_environ, proc_show_auxv, proc_show_maps; /* memory.c */
proc_show proc_show_mounts, proc_show_mountinfo;                                /* mounts.c */
proc_show proc_show_limits;
proc_show proc_show_cpuinfo, proc_show_cpu_times; /* cpu.c */
proc_show proc_show_meminfo, proc_show_vmstat;
void proc_fd_each(oskit_u64_t key, void (*emit)(void *arg, const char *name, oskit_u64_t key),
                  void *arg);
oskit_error_t proc_fd_find(oskit_u64_t key, const char *name, oskit_u64_t *out);

/* What process stat and status agree on. */
struct kin {
    int32_t parent, group, session;
    uint32_t terminal;  /* device number, or 0 */
    int32_t foreground; /* the terminal's group, or -1 */
};
void kin_of(const struct subject *subject, struct kin *out);
char subject_state(const struct subject *subject);
struct signal_sets {
    abi_sigset_t pending, shared_pending, blocked, ignored, caught;
    uint32_t threads;
};
void signal_sets_of(const struct subject *subject, struct signal_sets *out);

#endif
