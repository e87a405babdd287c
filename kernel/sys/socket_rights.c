/*
 * Descriptors that travel in messages (SCM_RIGHTS), and what io/ asks of the host for sockets'
 * sake. A right is an open file with a reference; it lies in a queue as long as nobody receives it,
 * and its receiver gets a descriptor of the same open file.
 */
#include "kernel/sys/socket.h"
#include <sluice/object.h>
#include <sluice/string.h>

/* ---- The host's side ---- */

static void right_release(void *file)
{
    openfile_unref(file);
}

static oskit_u32_t right_references(void *file)
{
    return atomic_load(&((struct openfile *)file)->references);
}

static void right_addref(void *file)
{
    openfile_ref(file);
}

static void caller_get(struct socket_caller *out)
{
    const struct cred *cred = cred_current();
    out->credentials = (struct socket_credentials){current_process()->pid, cred->euid, cred->egid};
    out->real_uid = cred->uid;
    out->real_gid = cred->gid;
    out->capabilities = cred->effective;
}

void socket_host_start(void)
{
    static const struct socket_rights_host host = {
        .release = right_release,
        .references = right_references,
        .addref = right_addref,
    };
    socket_rights_host = &host;
    socket_caller_get = caller_get;
}

/* ---- From descriptors ---- */

/* The UNIX socket behind FILE: rights to such may lie in each other's queues. */
static struct sluice_object *right_socket(const struct openfile *file)
{
    return file->socket && file->socket_family == ABI_AF_UNIX && !file->foreign
               ? SLUICE_OBJECT(file->object)
               : NULL;
}

static long rights_grow(struct socket_rights **rights, size_t count)
{
    struct socket_rights *old = *rights;
    size_t had = old ? old->count : 0;
    if (count > SOCKET_RIGHTS_MAX - had)
        return -ABI_EINVAL;
    struct socket_rights *fresh = socket_rights_alloc((oskit_u32_t)(had + count));
    if (!fresh)
        return -ABI_ENOMEM;
    if (old) {
        memcpy(fresh->right, old->right, had * sizeof *old->right);
        memset(old->right, 0, had * sizeof *old->right);
        socket_rights_free(old);
    }
    *rights = fresh;
    return 0;
}

long rights_add(struct socket_rights **rights, const int32_t *numbers, size_t count)
{
    size_t had = *rights ? (*rights)->count : 0;
    long error = rights_grow(rights, count);
    for (size_t i = 0; i < count && !error; i++) {
        struct socket_right *right = &(*rights)->right[had + i];
        struct openfile *file = fdtab_get(current_process()->fds, numbers[i]);
        if (!file)
            error = -ABI_EBADF;
        else
            *right = (struct socket_right){file, right_socket(file)};
    }
    return error;
}

/* ---- To descriptors ---- */

static bool right_open(const struct socket_right *right, long user, bool cloexec)
{
    struct fdtab *table = current_process()->fds;
    openfile_ref(right->file);
    int32_t fd = fdtab_install(table, right->file, 0, cloexec);
    if (fd < 0) {
        openfile_unref(right->file);
        return false;
    }
    if (!put_user(user, &fd, sizeof fd))
        return true;
    fdtab_close(table, fd);
    return false;
}

size_t rights_open(const struct socket_rights *rights, long user, size_t room, bool cloexec)
{
    size_t opened = 0;
    while (opened < rights->count && opened < room &&
           right_open(&rights->right[opened], user + (long)(opened * sizeof(int32_t)), cloexec))
        opened++;
    return opened;
}
