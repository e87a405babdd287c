/* Transactions and what the journal keeps of buffers: making, measuring, ending. No locks of its
 * own; who calls holds journal.lock where the header says so. */
#include "journal_private.h"

struct journal_transaction *journal_transaction_alloc(void)
{
    struct journal_transaction *t = env_alloc(sizeof *t, ENV_ZERO);

    if (t == NULL)
        return NULL;
    list_init(&t->link);
    list_init(&t->buffers);
    list_init(&t->checkpoint);
    list_init(&t->ordered);
    list_init(&t->callbacks);
    for (unsigned i = 0; i < JOURNAL_REVOKE_HASH; i++)
        list_init(&t->revokes[i]);
    return t;
}

void journal_transaction_free(struct journal_transaction *t)
{
    if (t == NULL)
        return;
    for (unsigned i = 0; i < JOURNAL_REVOKE_HASH; i++) {
        for (struct list *node; (node = list_pop_front(&t->revokes[i])) != NULL;)
            env_free(container_of(node, struct journal_revoke, link),
                     sizeof(struct journal_revoke));
    }
    env_free(t, sizeof *t);
}

static oskit_u32_t div_up(oskit_u32_t a, oskit_u32_t b)
{
    return a / b + (a % b != 0);
}

oskit_u32_t journal_log_blocks(const struct journal *journal, oskit_u32_t changes,
                               oskit_u32_t revokes)
{
    return changes + div_up(changes, jbd_tags_per_block(&journal->layout)) +
           div_up(revokes, jbd_revokes_per_block(&journal->layout)) + 1;
}

oskit_u32_t journal_log_need(const struct journal *journal, oskit_u32_t changes,
                             oskit_u32_t revokes)
{
    return journal_log_blocks(journal, changes + 1, revokes); /* the last handle's */
}

/* One block stays free, so that a full log isn't taken for an empty one. */
oskit_u32_t journal_log_free(const struct journal *journal)
{
    oskit_u32_t ring = journal->blocks - journal->first;
    oskit_u32_t used = (journal->head + ring - journal->tail) % ring;

    if (used + 1 + journal->committing_log >= ring)
        return 0;
    return ring - used - 1 - journal->committing_log;
}

oskit_u32_t journal_log_next(const struct journal *journal, oskit_u32_t block)
{
    return block + 1 == journal->blocks ? journal->first : block + 1;
}

void journal_buffer_detach(struct journal_buffer *jb)
{
    if (jb->transaction != NULL || jb->next != NULL || jb->checkpoint != NULL || jb->placing ||
        jb->freed[0].bits != NULL || jb->freed[1].bits != NULL)
        return;
    jb->buffer->journal = NULL;
    buffer_put(jb->buffer);
    env_free(jb, sizeof *jb);
}
