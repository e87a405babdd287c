/* FIFOs: a pipe with a name. The file that bears the name keeps a reference, each open end another.
 */
#include "pipe_core.h"

/* A FIFO has nothing beyond its pipe; the type keeps the two apart outside. */
struct fifo {
    struct pipe pipe;
};

oskit_error_t fifo_create(struct fifo **out)
{
    struct pipe *pipe;
    oskit_error_t err = pipe_new(true, &pipe);

    *out = (struct fifo *)pipe;
    return err;
}

void fifo_release(struct fifo *fifo)
{
    if (fifo != NULL)
        pipe_release(&fifo->pipe);
}

oskit_error_t fifo_open(struct fifo *fifo, oskit_u32_t oflags, oskit_iunknown_t **out)
{
    return pipe_end_open(&fifo->pipe, oflags, out);
}
