/* newlib's streams when a process gets its second thread. */
#include <stdio.h>

#include "thread.h"

void __sinit(struct _reent *);

/* What exit does with the streams instead of closing them: other threads still run. A thread that
   holds one for writing will be done; one that holds one for reading may wait for a terminal
   forever. */
static void flush_streams(struct _reent *reent)
{
    (void)reent;
    for (struct _glue *glue = &_GLOBAL_REENT->__sglue; glue; glue = glue->_next)
        for (int n = 0; n < glue->_niobs; n++) {
            FILE *stream = &glue->_iobs[n];
            if (stream->_flags & __SWR)
                __libc_lock_acquire(&stream->_lock);
            else if (!(stream->_flags & __SRD) || __libc_lock_try(&stream->_lock) != 0)
                continue;
            fflush(stream);
            __libc_lock_release(&stream->_lock);
        }
}

/* The list of streams is that of the first thread's state, which newlib sets up when that thread
 * first uses one. */
void __streams_share(void)
{
    __sinit(_GLOBAL_REENT);
    _GLOBAL_REENT->__cleanup = flush_streams;
}
