/* Capabilities of processes: <sluice/capability.h> says what each is for. */
#ifndef KERNEL_TASK_CAPABILITY_H
#define KERNEL_TASK_CAPABILITY_H

#include <sluice/capability.h>
#include "kernel/task/process.h"

/* Whether the calling thread may: its effective set. The one test of privilege in system calls. */
bool process_capable(enum capability capability);
/* Whether the caller may look into PROCESS's memory, files and the like: its user, who has no fewer
 * capabilities, or CAPABILITY_SYS_PTRACE. REAL: by the caller's real ids, not those for files. */
bool process_inspectable(struct process *process, bool real);

/* What becomes of the sets of CRED, a copy of OLD that is not installed yet, when user ids, or only
 * the one for files, were changed. */
void cred_fix_capabilities(struct cred *cred, const struct cred *old);
void cred_fix_file_capabilities(struct cred *cred, const struct cred *old);
/* Of one that stands in for access(2), with the real ids. */
void cred_fix_access_capabilities(struct cred *cred);

/* The caller's credentials after executing PROGRAM, with set-id bits and security.capability. *OUT
 * is the caller's; *OUT_SECURE: AT_SECURE. -ABI_EPERM, -ABI_EINVAL: that attribute forbids. */
long cred_of_program(const struct location *program, struct cred **out, bool *out_secure);

#endif
