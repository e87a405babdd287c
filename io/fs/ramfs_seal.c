/* Seals of files of ramfs. Lock order: ramfs_private.h; what a seal forbids is done with the file's
 * mutex held, so that adding one waits for it. */
#include "ramfs_private.h"

static struct ramfs_file *ramfs_file_of(const void *face)
{
    return container_of(ramfs_node_of(face), struct ramfs_file, node);
}

static oskit_u32_t ramfs_seals(sluice_sealing_t *self)
{
    return ramfs_file_of(self)->seals;
}

/* With file->mutex and node.lock held. */
static oskit_error_t ramfs_seal(struct ramfs_file *file, oskit_u32_t seals)
{
    if (file->seals & SEAL_SEAL)
        return OSKIT_EPERM;
    if ((seals & SEAL_EXEC) && (file->node.mode & 0111))
        seals |= SEAL_SHRINK | SEAL_GROW | SEAL_WRITE | SEAL_FUTURE_WRITE;
    if ((seals & SEAL_WRITE) && !(file->seals & SEAL_WRITE) && file->mappings > 0)
        return OSKIT_EBUSY;
    file->seals |= seals;
    return OSKIT_SUCCESS;
}

static oskit_error_t ramfs_seal_add(sluice_sealing_t *self, oskit_u32_t seals)
{
    struct ramfs_file *file = ramfs_file_of(self);

    if (seals & ~SEAL_ALL)
        return OSKIT_E_INVALIDARG;
    env_mutex_lock(&file->mutex);
    env_spin_lock(&file->node.lock);
    oskit_error_t err = ramfs_seal(file, seals);
    env_spin_unlock(&file->node.lock);
    env_mutex_unlock(&file->mutex);
    return err;
}

static void ramfs_seal_begin(sluice_sealing_t *self, oskit_u32_t seals)
{
    ramfs_file_of(self)->seals = seals;
}

static oskit_error_t ramfs_seal_map(sluice_sealing_t *self, bool copy)
{
    struct ramfs_file *file = ramfs_file_of(self);

    env_spin_lock(&file->node.lock);
    bool may = copy || !(file->seals & (SEAL_WRITE | SEAL_FUTURE_WRITE));
    if (may)
        file->mappings++;
    env_spin_unlock(&file->node.lock);
    return may ? OSKIT_SUCCESS : OSKIT_EPERM;
}

static void ramfs_seal_unmap(sluice_sealing_t *self)
{
    struct ramfs_file *file = ramfs_file_of(self);

    env_spin_lock(&file->node.lock);
    file->mappings--;
    env_spin_unlock(&file->node.lock);
}

const struct sluice_sealing_ops ramfs_sealing_ops = {
    SLUICE_IUNKNOWN_SLOTS,     .get = ramfs_seals,    .add = ramfs_seal_add,
    .begin = ramfs_seal_begin, .map = ramfs_seal_map, .unmap = ramfs_seal_unmap,
};

oskit_error_t ramfs_seal_permits_mode(struct ramfs_node *node, oskit_u32_t mode)
{
    if (!OSKIT_S_ISREG(node->mode))
        return OSKIT_SUCCESS;
    bool sealed = container_of(node, struct ramfs_file, node)->seals & SEAL_EXEC;
    return sealed && ((node->mode ^ mode) & 0111) ? OSKIT_EPERM : OSKIT_SUCCESS;
}

oskit_error_t ramfs_seal_permits_size(struct ramfs_file *file, oskit_u64_t size)
{
    oskit_u64_t now = file->size;

    return (size < now && (file->seals & SEAL_SHRINK)) || (size > now && (file->seals & SEAL_GROW))
               ? OSKIT_EPERM
               : OSKIT_SUCCESS;
}
