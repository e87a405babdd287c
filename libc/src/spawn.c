/* posix_spawn is newlib's. Its child is vfork's and shares the thread's memory with its parent,
   also the word that asks for a cancellation: which must wait, for it is not the child that is
   meant. */
#include <spawn.h>

#include "thread/thread.h"

typedef int spawn_function(pid_t *, const char *, const posix_spawn_file_actions_t *,
                           const posix_spawnattr_t *, char *const[], char *const[]);

spawn_function __newlib_spawn, __newlib_spawnp;

static int spawn(spawn_function *function, pid_t *pid, const char *path,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *attr,
                 char *const argv[], char *const envp[])
{
    int cancel, error;

    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &cancel);
    error = function(pid, path, actions, attr, argv, envp);
    pthread_setcancelstate(cancel, NULL);
    return error;
}

int posix_spawn(pid_t *restrict pid, const char *restrict path,
                const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
                char *const argv[], char *const envp[])
{
    return spawn(__newlib_spawn, pid, path, actions, attr, argv, envp);
}

int posix_spawnp(pid_t *restrict pid, const char *restrict file,
                 const posix_spawn_file_actions_t *actions, const posix_spawnattr_t *restrict attr,
                 char *const argv[], char *const envp[])
{
    return spawn(__newlib_spawnp, pid, file, actions, attr, argv, envp);
}
