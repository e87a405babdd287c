/*
 * Moving bytes through a uio. One walk (pieces_move) with three ways to move a piece; the piece
 * functions return what they did NOT move.
 */
#include <sluice/env.h>
#include <sluice/string.h>
#include <sluice/uio.h>

void uio_init(struct sluice_uio *uio, const struct sluice_iovec *iov, size_t count, bool user)
{
    size_t left = 0;

    for (size_t i = 0; i < count; i++)
        left += iov[i].length;
    *uio = (struct sluice_uio){.iov = iov, .iov_count = count, .left = left, .user = user};
}

void uio_init_kernel(struct sluice_uio *uio, struct sluice_iovec *segment, void *base,
                     size_t length)
{
    *segment = (struct sluice_iovec){.base = base, .length = length};
    *uio = (struct sluice_uio){.iov = segment, .iov_count = 1, .left = length, .user = false};
}

void uio_skip_far(struct sluice_uio *uio, size_t size)
{
    uio->left -= size;
    while (size > 0) {
        size_t here = uio->iov->length - uio->iov_offset;
        if (size < here) {
            uio->iov_offset += size;
            return;
        }
        size -= here;
        uio->iov++;
        uio->iov_count--;
        uio->iov_offset = 0;
    }
}

enum direction { INTO_UIO, OUT_OF_UIO, ZERO_UIO };

static size_t piece_move_user(enum direction direction, char *user, char *buffer, size_t size)
{
    switch (direction) {
    case INTO_UIO:
        return env_copy_to_user(user, buffer, size);
    case OUT_OF_UIO:
        return env_copy_from_user(buffer, user, size);
    default:
        return env_zero_user(user, size);
    }
}

static size_t piece_move_kernel(enum direction direction, char *base, char *buffer, size_t size)
{
    if (direction == INTO_UIO)
        memcpy(base, buffer, size);
    else if (direction == OUT_OF_UIO)
        memcpy(buffer, base, size);
    else
        memset(base, 0, size);
    return 0;
}

static inline __attribute__((always_inline)) size_t
piece_move(const struct sluice_uio *uio, enum direction direction, char *buffer, size_t size)
{
    char *at = (char *)uio->iov->base + uio->iov_offset;

    return uio->user ? piece_move_user(direction, at, buffer, size)
                     : piece_move_kernel(direction, at, buffer, size);
}

/* TOTAL <= left bytes, segment by segment. */
static __attribute__((noinline)) oskit_error_t pieces_move(struct sluice_uio *uio,
                                                           enum direction direction, char *buffer,
                                                           size_t total, size_t *moved)
{
    size_t done = 0, missed = 0;

    while (done < total && missed == 0) {
        size_t here = uio->iov->length - uio->iov_offset;
        size_t piece = here < total - done ? here : total - done;
        char *from = direction == ZERO_UIO ? NULL : buffer + done;

        /* Empty segments have no address worth checking. */
        if (piece != 0)
            missed = piece_move(uio, direction, from, piece);
        done += piece - missed;
        uio->iov_offset += piece - missed;
        if (uio->iov_offset == uio->iov->length) {
            uio->iov++;
            uio->iov_count--;
            uio->iov_offset = 0;
        }
    }
    uio->left -= done;
    *moved = done;
    return missed == 0 ? OSKIT_SUCCESS : OSKIT_EFAULT;
}

/* Most transfers lie in one segment: one copy, and no step to the next segment when nothing is left
 * that could be in it. Inlined, so that the direction is settled when it is compiled. */
static inline __attribute__((always_inline)) oskit_error_t
uio_move(struct sluice_uio *uio, enum direction direction, char *buffer, size_t size, size_t *moved)
{
    size_t total = size < uio->left ? size : uio->left;

    if (total == 0) {
        *moved = 0;
        return OSKIT_SUCCESS;
    }
    size_t here = uio->iov->length - uio->iov_offset;
    if (total > here || (total == here && total != uio->left))
        return pieces_move(uio, direction, buffer, total, moved);
    size_t missed = piece_move(uio, direction, buffer, total);
    uio->iov_offset += total - missed;
    uio->left -= total - missed;
    *moved = total - missed;
    return missed == 0 ? OSKIT_SUCCESS : OSKIT_EFAULT;
}

oskit_error_t uio_write_to(struct sluice_uio *uio, const void *from, size_t size, size_t *moved)
{
    return uio_move(uio, INTO_UIO, (char *)from, size, moved);
}

oskit_error_t uio_read_from(struct sluice_uio *uio, void *to, size_t size, size_t *moved)
{
    return uio_move(uio, OUT_OF_UIO, to, size, moved);
}

/* Of more than one segment, by moving a copy of the position. */
oskit_error_t uio_peek(const struct sluice_uio *uio, void *to, size_t size, size_t *moved)
{
    size_t total = size < uio->left ? size : uio->left;

    if (total != 0 && total <= uio->iov->length - uio->iov_offset) {
        size_t missed = piece_move(uio, OUT_OF_UIO, to, total);
        *moved = total - missed;
        return missed == 0 ? OSKIT_SUCCESS : OSKIT_EFAULT;
    }
    struct sluice_uio ahead = *uio;
    return pieces_move(&ahead, OUT_OF_UIO, to, total, moved);
}

oskit_error_t uio_zero(struct sluice_uio *uio, size_t size, size_t *moved)
{
    return uio_move(uio, ZERO_UIO, NULL, size, moved);
}
