/*
 * splice, tee, vmsplice, sendfile, copy_file_range: bytes that move between descriptors without
 * passing through the program. What moves is a piece of a page with a reference to it: pipes give
 * and take pieces, files with a pager lend theirs; only the rest is copied.
 *
 * As on Linux a call waits for its first piece alone: once something has moved it goes on as long
 * as nothing has to be waited for. A piece taken from a pipe that can't be passed on goes back to
 * where it was.
 */
#include <sluice/notify.h>
#include <sluice/object.h>
#include <sluice/pipe.h>
#include "kernel/abi/fcntl.h"
#include "kernel/sys/splice.h"

#define SPLICE_FLAGS \
    (ABI_SPLICE_F_MOVE | ABI_SPLICE_F_NONBLOCK | ABI_SPLICE_F_MORE | ABI_SPLICE_F_GIFT)

/* ---- Sides ---- */

static bool file_is_absolute(const struct openfile *file)
{
    return file->absvec || file->absio;
}

static void side_begin(struct splice_side *side, long number)
{
    *side = (struct splice_side){.fd = fd_get((int)number)};
    struct openfile *file = side->fd.file;
    if (!file)
        return;
    side->pipe = sluice_query_face(file->object, &sluice_pipe_iid);
    side->positioned = side->own = file_is_absolute(file) && !file->streamvec;
    side->position = file->offset;
}

static void side_end(struct splice_side *side)
{
    if (side->pipe)
        oskit_iunknown_release((oskit_iunknown_t *)side->pipe);
    fd_put(side->fd);
}

/* The caller's offset, in USER's memory, instead of the file's. */
static long side_place(struct splice_side *side, long user)
{
    if (!user)
        return 0;
    if (side->pipe)
        return -ABI_ESPIPE;
    if (get_user(&side->position, user, sizeof side->position))
        return -ABI_EFAULT;
    side->positioned = true;
    side->own = false;
    return 0;
}

/* Where the transfer got to, for the next one. */
static long side_store(struct splice_side *side, long user)
{
    if (user)
        return put_user(user, &side->position, sizeof side->position);
    if (side->positioned && side->own) {
        env_mutex_lock(&side->fd.file->offset_mutex);
        side->fd.file->offset = side->position;
        env_mutex_unlock(&side->fd.file->offset_mutex);
    }
    return 0;
}

static bool file_has_flag(const struct openfile *file, uint32_t flag)
{
    return atomic_load_explicit(&file->flags, memory_order_relaxed) & flag;
}

static long splice_errno(oskit_error_t error)
{
    if (error == OSKIT_EPIPE) {
        struct abi_siginfo info;
        signal_info_kernel(&info, ABI_SIGPIPE);
        signal_send_thread(current_thread(), &info);
    }
    return error == OSKIT_EINTR ? -ERESTARTSYS : errno_from_oskit(error);
}

/* ---- Pieces from a pipe, into a pipe ---- */

struct pipe_attempt {
    sluice_pipe_t *pipe;
    struct piece *piece;
    size_t skip, max;
    uint32_t flags;
};

static oskit_error_t take_try(void *arg)
{
    struct pipe_attempt *a = arg;
    return a->pipe->ops->take(a->pipe, a->skip, a->max, a->flags, &a->piece->page,
                              &a->piece->offset, &a->piece->length);
}

static oskit_error_t give_try(void *arg)
{
    struct pipe_attempt *a = arg;
    return a->pipe->ops->give(a->pipe, a->piece->page, a->piece->offset, a->piece->length);
}

/* A length of 0 is the end. */
long piece_take(struct splice *s, size_t skip, uint32_t flags, struct piece *out)
{
    struct pipe_attempt attempt = {s->in.pipe, out, skip, s->left, flags};
    return splice_errno(wait_loop(s->in.fd.file->readiness, READY_READ, !splice_waits(s),
                                  ENV_FOREVER, take_try, &attempt));
}

/* The piece goes with its reference, unless the answer is an error. */
static long piece_give(struct splice *s, struct piece *piece)
{
    struct pipe_attempt attempt = {.pipe = s->out.pipe, .piece = piece};
    long error = splice_errno(wait_loop(s->out.fd.file->readiness, READY_WRITE, !splice_waits(s),
                                        ENV_FOREVER, give_try, &attempt));
    return error ? error : (long)piece->length;
}

/* ---- Pieces from a file, into a file ---- */

long piece_lend(struct splice *s, struct piece *out)
{
    struct openfile *file = s->in.fd.file;
    oskit_off_t size, at = s->in.position;
    out->length = 0;
    long error = errno_from_oskit(oskit_absio_getsize(file->absio, &size));
    if (error || at >= size)
        return error;
    oskit_error_t got =
        file->pager->ops->getpage(file->pager, (uint64_t)at >> ENV_PAGE_SHIFT, 0, &out->page);
    if (got)
        return got == OSKIT_E_INVALIDARG ? 0 : errno_from_oskit(got); /* cut short meanwhile */
    out->offset = (uint32_t)(at % ENV_PAGE_SIZE);
    out->length = ENV_PAGE_SIZE - out->offset;
    if (out->length > size - at)
        out->length = (uint32_t)(size - at);
    if (out->length > s->left)
        out->length = (uint32_t)s->left;
    notify_location(&file->location, NOTIFY_ACCESS);
    return 0;
}

static long piece_copy(struct splice *s, struct piece *out)
{
    struct sluice_uio uio;
    struct sluice_iovec segment;
    out->page = env_page_alloc(0, 0);
    if (!out->page)
        return -ABI_ENOMEM;
    uio_init_kernel(&uio, &segment, out->page, s->left < ENV_PAGE_SIZE ? s->left : ENV_PAGE_SIZE);
    long got = openfile_read(s->in.fd.file, &uio, s->in.positioned ? &s->in.position : NULL,
                             splice_waits(s) ? 0 : VECIO_NONBLOCK);
    out->offset = 0;
    out->length = got > 0 ? (uint32_t)got : 0;
    if (out->length)
        return 0;
    env_page_unref(out->page);
    return got;
}

static bool splice_lends(const struct splice *s)
{
    const struct openfile *file = s->in.fd.file;
    return s->in.positioned && file->pager && file->absio && !s->copy;
}

static long piece_read(struct splice *s, struct piece *out)
{
    return splice_lends(s) ? piece_lend(s, out) : piece_copy(s, out);
}

/* What was written, which may be less; the piece stays the caller's. */
static long piece_write(struct splice *s, const struct piece *piece)
{
    struct sluice_uio uio;
    struct sluice_iovec segment;
    uio_init_kernel(&uio, &segment, (char *)piece->page + piece->offset, piece->length);
    long put = openfile_write(s->out.fd.file, &uio, s->out.positioned ? &s->out.position : NULL,
                              splice_waits(s) ? 0 : VECIO_NONBLOCK);
    if (put > 0)
        s->out.position += put;
    return put;
}

/* ---- One piece on its way ---- */

/* Back into the pipe with what wasn't passed on. A stream's bytes that find no room are gone: the
 * room was there before they were read. */
void piece_return(struct splice *s, const struct piece *piece, uint32_t passed)
{
    if (s->in.pipe && passed < piece->length)
        s->in.pipe->ops->putback(s->in.pipe, piece->page, piece->offset + passed,
                                 piece->length - passed);
    else
        env_page_unref(piece->page);
}

static oskit_error_t room_try(void *arg)
{
    struct readiness *readiness = arg;
    return readiness_level(readiness) & (READY_WRITE | READY_ERR) ? 0 : OSKIT_EWOULDBLOCK;
}

/* Before reading what can't be read again: wait for room. */
static long splice_await_room(struct splice *s)
{
    if (!s->out.pipe || s->in.pipe || s->in.positioned)
        return 0;
    struct readiness *readiness = s->out.fd.file->readiness;
    return splice_errno(
        wait_loop(readiness, READY_WRITE, !splice_waits(s), ENV_FOREVER, room_try, readiness));
}

/* Many at once, where source and target know how: -ABI_ENOSYS when they don't. */
static long splice_many(struct splice *s)
{
    if (!s->out.fd.file->socket || s->refused || !(s->in.pipe || splice_lends(s)))
        return -ABI_ENOSYS;
    long passed = splice_to_socket(s);
    s->refused = passed == -ABI_ENOSYS;
    return passed;
}

/* Bytes moved, 0 at the end, or a negative errno. */
static long splice_piece(struct splice *s)
{
    struct piece piece = {0};
    long many = splice_many(s);
    if (many != -ABI_ENOSYS)
        return many;
    long error = splice_await_room(s);
    if (!error)
        error = s->in.pipe ? piece_take(s, 0, 0, &piece) : piece_read(s, &piece);
    if (error || !piece.length)
        return error;
    long passed = s->out.pipe ? piece_give(s, &piece) : piece_write(s, &piece);
    if (passed < 0 || !s->out.pipe)
        piece_return(s, &piece, passed > 0 ? (uint32_t)passed : 0);
    if (passed > 0 && s->in.positioned)
        s->in.position += passed;
    return passed;
}

static long splice_run(struct splice *s)
{
    long passed = 0;
    while (s->left) {
        passed = splice_piece(s);
        if (passed <= 0)
            break;
        s->moved += (size_t)passed;
        s->left -= (size_t)passed;
        /* Neither side may ever wait: from /dev/random to /dev/null two gigabytes take long. */
        if (signal_pending())
            break;
    }
    return s->moved ? (long)s->moved : passed;
}

static void splice_begin(struct splice *s, long in, long out, long size)
{
    *s = (struct splice){.left = (size_t)size < TRANSFER_MAX ? (size_t)size : TRANSFER_MAX};
    side_begin(&s->in, in);
    side_begin(&s->out, out);
}

static void splice_end(struct splice *s)
{
    side_end(&s->in);
    side_end(&s->out);
}

/* Both offsets go on, also when only part has moved. */
static long splice_store(struct splice *s, long user_in, long user_out, long result)
{
    if (result < 0)
        return result;
    long error = side_store(&s->out, user_out);
    if (!error)
        error = side_store(&s->in, user_in);
    return error ? error : result;
}

static bool splice_opened(const struct splice *s)
{
    return s->in.fd.file && s->out.fd.file && openfile_readable(s->in.fd.file) &&
           openfile_writable(s->out.fd.file);
}

static bool splice_same_pipe(const struct splice *s)
{
    return s->in.pipe && s->out.pipe &&
           s->in.pipe->ops->identity(s->in.pipe) == s->out.pipe->ops->identity(s->out.pipe);
}

/* ---- splice ---- */

static bool file_has_bytes(const struct openfile *file)
{
    return file_is_absolute(file) || file->streamvec || file->stream;
}

static long side_check_offset(const struct splice_side *side, long user)
{
    if (!user)
        return 0;
    return !file_is_absolute(side->fd.file) || side->position < 0 ? -ABI_EINVAL : 0;
}

static long splice_check(struct splice *s, long user_in, long user_out)
{
    if (!splice_opened(s))
        return -ABI_EBADF;
    if ((!s->in.pipe && !s->out.pipe) || splice_same_pipe(s))
        return -ABI_EINVAL;
    if (!file_has_bytes(s->in.fd.file) || !file_has_bytes(s->out.fd.file))
        return -ABI_EINVAL;
    if (!s->out.pipe && file_has_flag(s->out.fd.file, ABI_O_APPEND))
        return -ABI_EINVAL;
    long error = side_check_offset(&s->in, user_in);
    return error ? error : side_check_offset(&s->out, user_out);
}

/* O_NONBLOCK counts where a pipe is waited for. */
static bool splice_nonblock(const struct splice *s, long flags)
{
    return flags & ABI_SPLICE_F_NONBLOCK ||
           (s->in.pipe && file_has_flag(s->in.fd.file, ABI_O_NONBLOCK)) ||
           (s->out.pipe && file_has_flag(s->out.fd.file, ABI_O_NONBLOCK));
}

long sys_splice(long in, long user_in, long out, long user_out, long size, long flags)
{
    struct splice s;
    if (!size)
        return 0;
    if (flags & ~SPLICE_FLAGS)
        return -ABI_EINVAL;
    splice_begin(&s, in, out, size);
    long result = s.in.fd.file && s.out.fd.file ? 0 : -ABI_EBADF;
    if (!result && ((s.in.pipe && user_in) || (s.out.pipe && user_out)))
        result = -ABI_ESPIPE;
    if (!result)
        result = side_place(&s.out, user_out);
    if (!result)
        result = side_place(&s.in, user_in);
    if (!result)
        result = splice_check(&s, user_in, user_out);
    s.nonblock = !result && splice_nonblock(&s, flags);
    s.more = flags & ABI_SPLICE_F_MORE;
    if (!result)
        result = splice_store(&s, user_in, user_out, splice_run(&s));
    splice_end(&s);
    return result;
}

/* ---- tee ---- */

/* The piece after what was duplicated already; a reader that takes pieces meanwhile has us skip as
 * many. */
static long tee_piece(struct splice *s)
{
    struct piece piece = {0};
    long error = piece_take(s, s->moved, VECIO_PEEK, &piece);
    if (error || !piece.length)
        return error;
    long passed = piece_give(s, &piece);
    if (passed < 0)
        env_page_unref(piece.page);
    return passed;
}

static long tee_run(struct splice *s)
{
    long passed = 0;
    while (s->left) {
        passed = tee_piece(s);
        if (passed <= 0)
            break;
        s->moved += (size_t)passed;
        s->left -= (size_t)passed;
    }
    return s->moved ? (long)s->moved : passed;
}

long sys_tee(long in, long out, long size, long flags)
{
    struct splice s;
    if (flags & ~SPLICE_FLAGS)
        return -ABI_EINVAL;
    if (!size)
        return 0;
    splice_begin(&s, in, out, size);
    long result = !splice_opened(&s)                                  ? -ABI_EBADF
                  : !s.in.pipe || !s.out.pipe || splice_same_pipe(&s) ? -ABI_EINVAL
                                                                      : 0;
    s.nonblock = !result && splice_nonblock(&s, flags);
    if (!result)
        result = tee_run(&s);
    splice_end(&s);
    return result;
}

/* ---- vmsplice ---- */

struct vmsplice {
    struct openfile *file;
    struct sluice_uio *uio;
    size_t moved;
    bool write;
};

/* One transfer, as far as it goes. The bytes are copied: the program may reuse its memory. */
static oskit_error_t vmsplice_try(void *arg)
{
    struct vmsplice *v = arg;
    sluice_streamvec_t *stream = v->file->streamvec;
    return v->write ? stream->ops->writev(stream, v->uio, 0, &v->moved)
                    : stream->ops->readv(stream, v->uio, 0, &v->moved);
}

static long vmsplice_run(struct openfile *file, struct sluice_uio *uio, bool nonblock)
{
    struct vmsplice v = {.file = file, .uio = uio, .write = openfile_writable(file)};
    if (!uio->left)
        return 0;
    nonblock = nonblock || file_has_flag(file, ABI_O_NONBLOCK);
    oskit_error_t error = wait_loop(file->readiness, v.write ? READY_WRITE : READY_READ, nonblock,
                                    ENV_FOREVER, vmsplice_try, &v);
    return v.moved ? (long)v.moved : splice_errno(error);
}

long sys_vmsplice(long number, long vector, long count, long flags)
{
    struct sluice_uio uio;
    struct user_iov iov;
    struct splice_side side;
    if (flags & ~SPLICE_FLAGS)
        return -ABI_EINVAL;
    side_begin(&side, number);
    if (!side.pipe) {
        side_end(&side);
        return -ABI_EBADF;
    }
    long result = iov_from_user(&iov, &uio, vector, count);
    if (!result)
        result = vmsplice_run(side.fd.file, &uio, flags & ABI_SPLICE_F_NONBLOCK);
    iov_release(&iov);
    side_end(&side);
    return result;
}

/* ---- sendfile ---- */

static long sendfile_check(struct splice *s, long user_offset)
{
    if (!s->in.fd.file || !openfile_readable(s->in.fd.file))
        return -ABI_EBADF;
    if (user_offset && !file_is_absolute(s->in.fd.file))
        return -ABI_ESPIPE;
    if (!s->out.fd.file || !openfile_writable(s->out.fd.file))
        return -ABI_EBADF;
    if (!file_is_absolute(s->in.fd.file) || !file_has_bytes(s->out.fd.file) || s->in.position < 0 ||
        (!s->out.pipe && file_has_flag(s->out.fd.file, ABI_O_APPEND)))
        return -ABI_EINVAL;
    return 0;
}

long sys_sendfile(long out, long in, long user_offset, long size)
{
    struct splice s;
    int64_t probe;
    if (user_offset && get_user(&probe, user_offset, sizeof probe))
        return -ABI_EFAULT;
    splice_begin(&s, in, out, size);
    long result = s.in.fd.file && !s.in.pipe ? side_place(&s.in, user_offset) : 0;
    if (!result)
        result = sendfile_check(&s, user_offset);
    if (!result && size < 0)
        result = -ABI_EINVAL;
    if (!result) {
        s.whole = !s.out.pipe;
        s.nonblock = s.out.pipe && file_has_flag(s.out.fd.file, ABI_O_NONBLOCK);
        s.copy = s.in.fd.file->pager == s.out.fd.file->pager;
        result = splice_store(&s, user_offset, 0, splice_run(&s));
    }
    splice_end(&s);
    return result;
}

/* ---- copy_file_range ---- */

static long file_check_regular(const struct openfile *file, oskit_stat_t *stat)
{
    if (!file->location.name || oskit_file_stat(location_file(&file->location), stat))
        return -ABI_EINVAL;
    oskit_mode_t type = stat->mode & OSKIT_S_IFMT;
    return type == OSKIT_S_IFDIR ? -ABI_EISDIR : type == OSKIT_S_IFREG ? 0 : -ABI_EINVAL;
}

static long copy_check_files(struct splice *s)
{
    oskit_stat_t in_stat, out_stat;
    long in = file_check_regular(s->in.fd.file, &in_stat);
    long out = file_check_regular(s->out.fd.file, &out_stat);
    if (in == -ABI_EISDIR || out == -ABI_EISDIR)
        return -ABI_EISDIR;
    if (in || out)
        return -ABI_EINVAL;
    if (!splice_opened(s) || file_has_flag(s->out.fd.file, ABI_O_APPEND))
        return -ABI_EBADF;
    return in_stat.dev == out_stat.dev ? 0 : -ABI_EXDEV;
}

/* Cuts the length to what the source has and the target can take. */
static long copy_check_range(struct splice *s, size_t size)
{
    oskit_off_t have = 0;
    int64_t in = s->in.position, out = s->out.position;
    if ((uint64_t)in + size < (uint64_t)in || (uint64_t)out + size < (uint64_t)out)
        return -ABI_EOVERFLOW;
    if (s->in.fd.file->absio)
        oskit_absio_getsize(s->in.fd.file->absio, &have);
    if (in >= have)
        s->left = 0;
    else if (in >= 0 && s->left > (uint64_t)(have - in))
        s->left = (size_t)(have - in);
    if (out == INT64_MAX)
        return -ABI_EFBIG;
    if (in < 0 || out < 0)
        return -ABI_EINVAL;
    if (s->left > (uint64_t)(INT64_MAX - out))
        s->left = (size_t)(INT64_MAX - out);
    s->copy = s->in.fd.file->pager == s->out.fd.file->pager;
    int64_t length = (int64_t)s->left;
    return s->copy && out + length > in && out < in + length ? -ABI_EINVAL : 0;
}

long sys_copy_file_range(long in, long user_in, long out, long user_out, long size, long flags)
{
    struct splice s;
    splice_begin(&s, in, out, size);
    long result = s.in.fd.file && s.out.fd.file ? 0 : -ABI_EBADF;
    if (!result && flags)
        result = -ABI_EINVAL;
    if (!result)
        result = copy_check_files(&s);
    if (!result)
        result = side_place(&s.in, user_in);
    if (!result)
        result = side_place(&s.out, user_out);
    if (!result)
        result = copy_check_range(&s, (size_t)size);
    if (!result) {
        s.whole = true;
        result = splice_store(&s, user_in, user_out, splice_run(&s));
    }
    splice_end(&s);
    return result;
}
