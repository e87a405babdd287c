/*
 * signalfd: see kernel/task/signalfd.h.
 *
 * Lock order: tree_lock -> signalfds_lock -> readiness.lock -> what waiters take. Reading takes
 * signal_lock alone. The level is computed from the asker's pending sets without a lock: a waiter
 * registers first, and a sender tells after the signal is pending.
 */
#include "kernel/task/signalfd.h"
#include <sluice/env.h>
#include <sluice/object.h>
#include <sluice/readiness.h>
#include <sluice/string.h>
#include <sluice/vecio.h>
#include "kernel/abi/errno.h"
#include "kernel/mem/heap.h"
#include "kernel/task/signal_private.h"

struct signalfd {
    struct sluice_object object;
    SLUICE_FACE(sluice_streamvec_t) streamvec;
    SLUICE_FACE(sluice_pollable_t) pollable;
    _Atomic abi_sigset_t set;
    struct readiness_asked readiness;
    struct list link; /* signalfds */
};

static spinlock_t signalfds_lock;
static struct list signalfds = LIST_INIT(signalfds);
_Atomic unsigned signalfd_count;

static struct signalfd *signalfd_of(const void *self)
{
    return container_of(SLUICE_OBJECT(self), struct signalfd, object);
}

/* ---- Readiness ---- */

static uint32_t signalfd_ask(struct readiness_asked *asked)
{
    struct signalfd *self = container_of(asked, struct signalfd, readiness);
    if (!current_thread()->process)
        return 0;
    return signal_pending_set() & atomic_load(&self->set) ? READY_READ : 0;
}

void signalfd_tell_all(int signal)
{
    spin_lock(&signalfds_lock);
    list_for_each (link, &signalfds) {
        struct signalfd *self = container_of(link, struct signalfd, link);
        if (atomic_load(&self->set) & SIGNAL_BIT(signal))
            readiness_tell(&self->readiness.readiness, READY_READ);
    }
    spin_unlock(&signalfds_lock);
}

static struct readiness *signalfd_readiness(sluice_pollable_t *self)
{
    return &signalfd_of(self)->readiness.readiness;
}

static struct sluice_pollable_ops signalfd_pollable_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readiness = signalfd_readiness,
};

/* ---- Records ---- */

/* Which part of the information is valid follows from the signal, for codes above 0, and from the
 * code, for others. */
static void record_add_details(struct abi_signalfd_siginfo *out, const struct abi_siginfo *info)
{
    switch (info->si_code > 0 && info->si_code != ABI_SI_KERNEL ? info->si_signo : 0) {
    case ABI_SIGCHLD:
        out->ssi_pid = (uint32_t)info->chld.si_pid;
        out->ssi_uid = info->chld.si_uid;
        out->ssi_status = info->chld.si_status;
        out->ssi_utime = (uint64_t)info->chld.si_utime;
        out->ssi_stime = (uint64_t)info->chld.si_stime;
        return;
    case ABI_SIGILL:
    case ABI_SIGFPE:
    case ABI_SIGSEGV:
    case ABI_SIGBUS:
    case ABI_SIGTRAP:
        out->ssi_addr = info->fault.si_addr;
        out->ssi_addr_lsb = (uint16_t)info->fault.si_addr_lsb;
        return;
    case ABI_SIGIO:
        out->ssi_band = (uint32_t)info->poll.si_band;
        out->ssi_fd = info->poll.si_fd;
        return;
    default:
        out->ssi_pid = (uint32_t)info->rt.si_pid;
        out->ssi_uid = info->rt.si_uid;
        out->ssi_ptr = info->rt.si_value.sival_ptr;
        out->ssi_int = info->rt.si_value.sival_int;
    }
}

static void record_add_timer(struct abi_signalfd_siginfo *out, const struct abi_siginfo *info)
{
    out->ssi_tid = (uint32_t)info->timer.si_timerid;
    out->ssi_overrun = (uint32_t)info->timer.si_overrun;
    out->ssi_ptr = info->timer.si_value.sival_ptr;
    out->ssi_int = info->timer.si_value.sival_int;
}

static void record_of(struct abi_signalfd_siginfo *out, const struct abi_siginfo *info)
{
    memset(out, 0, sizeof *out);
    out->ssi_signo = (uint32_t)info->si_signo;
    out->ssi_errno = info->si_errno;
    out->ssi_code = info->si_code;
    if (info->si_code == ABI_SI_TIMER)
        record_add_timer(out, info);
    else
        record_add_details(out, info);
}

/* ---- Reading ---- */

/* As many records as fit; one that can't be copied is lost, as on Linux. */
static oskit_error_t signalfd_move(struct signalfd *self, struct sluice_uio *uio, size_t *moved)
{
    struct abi_signalfd_siginfo record;
    struct abi_siginfo info;
    oskit_error_t error = 0;
    size_t part;
    while (!error && uio->left >= sizeof record && signal_take(atomic_load(&self->set), &info)) {
        record_of(&record, &info);
        error = uio_write_to(uio, &record, sizeof record, &part);
        if (!error)
            *moved += sizeof record;
    }
    signal_recalculate();
    if (*moved)
        return 0;
    return error ? error : OSKIT_EWOULDBLOCK;
}

static oskit_error_t signalfd_readv(sluice_streamvec_t *self, struct sluice_uio *uio,
                                    oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)flags;
    *out_actual = 0;
    if (uio->left < sizeof(struct abi_signalfd_siginfo))
        return OSKIT_E_INVALIDARG;
    return signalfd_move(signalfd_of(self), uio, out_actual);
}

static oskit_error_t signalfd_writev(sluice_streamvec_t *self, struct sluice_uio *uio,
                                     oskit_u32_t flags, oskit_size_t *out_actual)
{
    (void)self, (void)uio, (void)flags;
    *out_actual = 0;
    return OSKIT_E_INVALIDARG;
}

static struct sluice_streamvec_ops signalfd_streamvec_ops = {
    SLUICE_IUNKNOWN_SLOTS,
    .readv = signalfd_readv,
    .writev = signalfd_writev,
};

/* ---- The class ---- */

static void signalfd_destroy(struct sluice_object *object)
{
    struct signalfd *self = container_of(object, struct signalfd, object);
    spin_lock(&signalfds_lock);
    list_remove(&self->link);
    atomic_fetch_sub(&signalfd_count, 1);
    spin_unlock(&signalfds_lock);
    sluice_object_fini(object);
    heap_free(self);
}

static const struct sluice_interface signalfd_interfaces[] = {
    {&oskit_iunknown_iid, offsetof(struct signalfd, streamvec), &signalfd_streamvec_ops},
    {&sluice_streamvec_iid, offsetof(struct signalfd, streamvec), &signalfd_streamvec_ops},
    {&sluice_pollable_iid, offsetof(struct signalfd, pollable), &signalfd_pollable_ops},
};

static const struct sluice_class signalfd_class = {
    "signalfd", signalfd_interfaces, SLUICE_COUNT(signalfd_interfaces), signalfd_destroy};

int signalfd_create(abi_sigset_t set, oskit_iunknown_t **out)
{
    struct signalfd *self = heap_alloc(sizeof *self, HEAP_ZERO);
    if (!self)
        return -ABI_ENOMEM;
    atomic_init(&self->set, set & ~SIGNALS_UNBLOCKABLE);
    /* Always asked, never known. */
    readiness_init(&self->readiness.readiness, READY_ASK);
    self->readiness.ask = signalfd_ask;
    sluice_object_init(&self->object, &signalfd_class);
    spin_lock(&signalfds_lock);
    list_push_back(&signalfds, &self->link);
    atomic_fetch_add(&signalfd_count, 1);
    spin_unlock(&signalfds_lock);
    *out = (oskit_iunknown_t *)&self->streamvec.i;
    return 0;
}

bool signalfd_set(oskit_iunknown_t *object, abi_sigset_t set)
{
    if ((const void *)object->ops != &signalfd_streamvec_ops)
        return false;
    struct signalfd *self = signalfd_of(object);
    atomic_store(&self->set, set & ~SIGNALS_UNBLOCKABLE);
    /* What the old set didn't have may be pending for a waiter. */
    readiness_tell(&self->readiness.readiness, READY_READ);
    return true;
}
