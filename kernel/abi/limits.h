/* Limits that programs see. */
#ifndef ABI_LIMITS_H
#define ABI_LIMITS_H

#define ABI_PATH_MAX        4096 /* with the final NUL */
#define ABI_NAME_MAX        255
#define ABI_SYMLINK_MAX     40 /* links followed in one lookup, then ELOOP */
#define ABI_PIPE_BUF        4096
#define ABI_NGROUPS_MAX     65536
#define ABI_MAX_ARG_STRLEN  131072 /* one argument or environment string */
#define ABI_BINPRM_BUF_SIZE 256    /* how much of a "#!" line counts */

#endif
