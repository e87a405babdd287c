/*
 * Advisory locks. One table of files with locks or waiters, hashed by the file's address.
 *
 * Locks: filelock_mutex covers the table, the lists and the list of those who wait. Readiness is
 * told with it released.
 */
#include <sluice/filelock.h>
#include <sluice/env.h>

#define BUCKETS     64u
#define CHAIN_LIMIT 64u /* waits followed for a deadlock: longer chains are taken for none */

struct filelock_queue {
    struct list link; /* in its bucket */
    const void *file;
    struct list locks; /* by start */
    struct readiness readiness;
    uint32_t holders; /* waiters; the queue goes when nobody holds it and no lock is left */
};

struct node {
    struct list link;
    struct filelock lock;
};

static struct env_mutex filelock_mutex;
static struct list buckets[BUCKETS];
static struct list waits = LIST_INIT(waits);

/* ---- Files; the mutex is held ---- */

static struct list *bucket_of(const void *file)
{
    struct list *bucket = &buckets[((uintptr_t)file >> 6) % BUCKETS];
    if (!bucket->next)
        list_init(bucket);
    return bucket;
}

static struct filelock_queue *queue_find(const void *file)
{
    list_for_each (link, bucket_of(file)) {
        struct filelock_queue *queue = container_of(link, struct filelock_queue, link);
        if (queue->file == file)
            return queue;
    }
    return NULL;
}

static struct filelock_queue *queue_get(const void *file)
{
    struct filelock_queue *queue = queue_find(file);
    if (queue)
        return queue;
    queue = env_alloc(sizeof *queue, ENV_ZERO);
    if (!queue)
        return NULL;
    queue->file = file;
    list_init(&queue->locks);
    readiness_init(&queue->readiness, 0);
    list_push_back(bucket_of(file), &queue->link);
    return queue;
}

static void queue_put(struct filelock_queue *queue)
{
    if (queue->holders || !list_empty(&queue->locks))
        return;
    list_remove(&queue->link);
    env_free(queue, sizeof *queue);
}

/* ---- Ranges; the mutex is held ---- */

static bool overlaps(const struct filelock *a, const struct filelock *b)
{
    return a->start <= b->end && b->start <= a->end;
}

static bool in_the_way(const struct filelock *held, const struct filelock *wanted)
{
    return held->class == wanted->class && held->owner != wanted->owner && overlaps(held, wanted) &&
           (held->type == FILELOCK_EXCLUSIVE || wanted->type == FILELOCK_EXCLUSIVE);
}

static struct node *conflict_find(struct filelock_queue *queue, const struct filelock *wanted)
{
    if (wanted->type == FILELOCK_NONE)
        return NULL;
    list_for_each (link, &queue->locks) {
        struct node *node = container_of(link, struct node, link);
        if (in_the_way(&node->lock, wanted))
            return node;
    }
    return NULL;
}

static void node_insert(struct filelock_queue *queue, struct node *node)
{
    struct list *at = &queue->locks;
    list_for_each (link, &queue->locks)
        if (container_of(link, struct node, link)->lock.start > node->lock.start) {
            at = link;
            break;
        }
    list_push_back(at, &node->link); /* before AT */
}

static void node_free(struct node *node)
{
    list_remove(&node->link);
    env_free(node, sizeof *node);
}

/* Takes RANGE out of one of the owner's locks. *SPARE becomes the part behind when the lock is cut
 * in two. */
static void node_cut(struct filelock_queue *queue, struct node *node, const struct filelock *range,
                     struct node **spare)
{
    bool left = node->lock.start<range->start, right = node->lock.end> range->end;
    if (left && right) {
        struct node *behind = *spare;
        *spare = NULL;
        behind->lock = node->lock;
        behind->lock.start = range->end + 1;
        node->lock.end = range->start - 1;
        node_insert(queue, behind);
    } else if (left) {
        node->lock.end = range->start - 1;
    } else if (right) {
        node->lock.start = range->end + 1;
        list_remove(&node->link);
        node_insert(queue, node);
    } else {
        node_free(node);
    }
}

static bool same_owner(const struct node *node, const struct filelock *lock)
{
    return node->lock.owner == lock->owner && node->lock.class == lock->class;
}

static void range_clear(struct filelock_queue *queue, const struct filelock *range,
                        struct node **spare)
{
    list_for_each_safe (link, &queue->locks) {
        struct node *node = container_of(link, struct node, link);
        if (same_owner(node, range) && overlaps(&node->lock, range))
            node_cut(queue, node, range, spare);
    }
}

/* Neighbours of the same owner and type become one, so that locking byte by byte doesn't pile up
 * nodes. */
static void range_join(struct filelock_queue *queue, struct node *node)
{
    list_for_each_safe (link, &queue->locks) {
        struct node *other = container_of(link, struct node, link);
        if (other == node || !same_owner(other, &node->lock) || other->lock.type != node->lock.type)
            continue;
        if (other->lock.end != FILELOCK_END && other->lock.end + 1 == node->lock.start) {
            node->lock.start = other->lock.start;
            node_free(other);
        } else if (node->lock.end != FILELOCK_END && node->lock.end + 1 == other->lock.start) {
            node->lock.end = other->lock.end;
            node_free(other);
        }
    }
    list_remove(&node->link);
    node_insert(queue, node);
}

/* ---- Setting ---- */

/* FRESH: two nodes, for the new lock and for a cut; what isn't used stays in the array. *TELL:
 * somebody may get on now. */
static oskit_error_t lock_apply(struct filelock_queue *queue, const struct filelock *lock,
                                struct node *fresh[2], bool *tell)
{
    if (conflict_find(queue, lock))
        return OSKIT_EWOULDBLOCK;
    range_clear(queue, lock, &fresh[1]);
    if (lock->type != FILELOCK_NONE) {
        struct node *node = fresh[0];
        fresh[0] = NULL;
        node->lock = *lock;
        list_init(&node->link);
        node_insert(queue, node);
        range_join(queue, node);
    }
    *tell = lock->type != FILELOCK_EXCLUSIVE;
    return 0;
}

/* A queue that is told after the mutex was dropped must be held meanwhile. */
static void queue_tell(struct filelock_queue *queue)
{
    readiness_tell(&queue->readiness, READY_HUP); /* goes to all: each may want another range */
    filelock_drop(queue);
}

static oskit_error_t set_locked(const struct filelock *lock, struct node *fresh[2])
{
    bool tell = false;
    env_mutex_lock(&filelock_mutex);
    struct filelock_queue *queue = queue_get(lock->file);
    oskit_error_t error = queue ? lock_apply(queue, lock, fresh, &tell) : OSKIT_ENOLCK;
    if (tell)
        queue->holders++;
    else if (queue)
        queue_put(queue);
    env_mutex_unlock(&filelock_mutex);
    if (tell)
        queue_tell(queue);
    return error;
}

oskit_error_t filelock_set(const struct filelock *lock)
{
    struct node *fresh[2] = {env_alloc(sizeof(struct node), ENV_ZERO),
                             env_alloc(sizeof(struct node), ENV_ZERO)};
    oskit_error_t error = fresh[0] && fresh[1] ? set_locked(lock, fresh) : OSKIT_ENOLCK;
    for (int i = 0; i < 2; i++)
        if (fresh[i])
            env_free(fresh[i], sizeof *fresh[i]);
    return error;
}

bool filelock_test(struct filelock *lock)
{
    env_mutex_lock(&filelock_mutex);
    struct filelock_queue *queue = queue_find(lock->file);
    struct node *node = queue ? conflict_find(queue, lock) : NULL;
    if (node)
        *lock = node->lock;
    env_mutex_unlock(&filelock_mutex);
    return node != NULL;
}

void filelock_release(const void *file, const void *owner)
{
    bool tell = false;
    env_mutex_lock(&filelock_mutex);
    struct filelock_queue *queue = queue_find(file);
    if (queue) {
        list_for_each_safe (link, &queue->locks) {
            struct node *node = container_of(link, struct node, link);
            if (node->lock.owner == owner) {
                node_free(node);
                tell = true;
            }
        }
        queue->holders++;
    }
    env_mutex_unlock(&filelock_mutex);
    if (queue && tell)
        queue_tell(queue);
    else if (queue)
        filelock_drop(queue);
}

/* ---- Waiting ---- */

struct filelock_queue *filelock_hold(const void *file)
{
    env_mutex_lock(&filelock_mutex);
    struct filelock_queue *queue = queue_get(file);
    if (queue)
        queue->holders++;
    env_mutex_unlock(&filelock_mutex);
    return queue;
}

struct readiness *filelock_readiness(struct filelock_queue *queue)
{
    return &queue->readiness;
}

void filelock_drop(struct filelock_queue *queue)
{
    env_mutex_lock(&filelock_mutex);
    queue->holders--;
    queue_put(queue);
    env_mutex_unlock(&filelock_mutex);
}

static const struct filelock_wait *wait_of(const void *owner)
{
    list_for_each (link, &waits) {
        const struct filelock_wait *wait = container_of(link, struct filelock_wait, link);
        if (wait->owner == owner)
            return wait;
    }
    return NULL;
}

static bool waits_for(const void *owner, const void *target)
{
    for (unsigned i = 0; i < CHAIN_LIMIT; i++) {
        const struct filelock_wait *wait = wait_of(owner);
        if (!wait)
            return false;
        if (wait->blocker == target)
            return true;
        owner = wait->blocker;
    }
    return false;
}

oskit_error_t filelock_wait_begin(struct filelock_wait *wait, const struct filelock *lock)
{
    oskit_error_t error = 0;
    *wait = (struct filelock_wait){.owner = lock->owner};
    list_init(&wait->link);
    env_mutex_lock(&filelock_mutex);
    struct filelock_queue *queue = queue_find(lock->file);
    struct node *node = queue ? conflict_find(queue, lock) : NULL;
    if (node && waits_for(node->lock.owner, lock->owner)) {
        error = OSKIT_EDEADLK;
    } else if (node) {
        wait->blocker = node->lock.owner;
        list_push_back(&waits, &wait->link);
    }
    env_mutex_unlock(&filelock_mutex);
    return error;
}

void filelock_wait_end(struct filelock_wait *wait)
{
    env_mutex_lock(&filelock_mutex);
    list_remove(&wait->link);
    env_mutex_unlock(&filelock_mutex);
}
