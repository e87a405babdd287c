/* Numbers of file systems: see fsnumber.h. They stand in a list in order, so that a gap is found.
 */
#include <sluice/env.h>
#include <sluice/fsnumber.h>

static struct env_spinlock lock; /* nothing is taken inside it */
static struct list numbers = LIST_INIT(numbers);

void fs_number_take(struct fs_number *number)
{
    oskit_u32_t minor = 1;
    struct list *next;

    env_spin_lock(&lock);
    for (next = numbers.next; next != &numbers; next = next->next, minor++)
        if (container_of(next, struct fs_number, link)->minor != minor)
            break;
    number->minor = minor;
    number->dev = (minor & 0xff) | (minor & ~0xffu) << 12;
    list_insert_between(&number->link, next->prev, next);
    env_spin_unlock(&lock);
}

void fs_number_give(struct fs_number *number)
{
    env_spin_lock(&lock);
    list_remove(&number->link);
    env_spin_unlock(&lock);
}
