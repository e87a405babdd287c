/*
 * A terminal: a stream with line settings, flow control and job control, as POSIX's termios has
 * them.
 *
 * The values are FreeBSD's, as in the OSKit (a kernel with another ABI translates). The manual's
 * setattr has no ACTIONS argument; the headers' has, and that is the table here; the macro takes
 * both. The header said the table extends file; it extends stream. drain never waits, like all
 * streams here. [thread]
 */
#ifndef OSKIT_IO_TTYSTREAM_H
#define OSKIT_IO_TTYSTREAM_H

#include <oskit/com.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <oskit/com/stream.h>

typedef oskit_u32_t oskit_tcflag_t;
typedef oskit_u8_t oskit_cc_t;
typedef oskit_u32_t oskit_speed_t; /* bits a second */

/* Places in the array of control characters. */
#define OSKIT_VEOF   0
#define OSKIT_VEOL   1
#define OSKIT_VERASE 3
#define OSKIT_VKILL  5
#define OSKIT_VINTR  8
#define OSKIT_VQUIT  9
#define OSKIT_VSUSP  10
#define OSKIT_VSTART 12
#define OSKIT_VSTOP  13
#define OSKIT_VMIN   16
#define OSKIT_VTIME  17
#define OSKIT_NCCS   20

#define OSKIT_VDISABLE 0xff /* as a control character: none */

/* Input. */
#define OSKIT_IGNBRK 0x00000001
#define OSKIT_BRKINT 0x00000002
#define OSKIT_IGNPAR 0x00000004
#define OSKIT_PARMRK 0x00000008
#define OSKIT_INPCK  0x00000010
#define OSKIT_ISTRIP 0x00000020
#define OSKIT_INLCR  0x00000040
#define OSKIT_IGNCR  0x00000080
#define OSKIT_ICRNL  0x00000100
#define OSKIT_IXON   0x00000200
#define OSKIT_IXOFF  0x00000400
#define OSKIT_IXANY  0x00000800

/* Output. */
#define OSKIT_OPOST 0x00000001
#define OSKIT_ONLCR 0x00000002

/* The line. */
#define OSKIT_CSIZE  0x00000300
#define OSKIT_CS5    0x00000000
#define OSKIT_CS6    0x00000100
#define OSKIT_CS7    0x00000200
#define OSKIT_CS8    0x00000300
#define OSKIT_CSTOPB 0x00000400
#define OSKIT_CREAD  0x00000800
#define OSKIT_PARENB 0x00001000
#define OSKIT_PARODD 0x00002000
#define OSKIT_HUPCL  0x00004000
#define OSKIT_CLOCAL 0x00008000

/* Editing and signals. */
#define OSKIT_ECHOE  0x00000002
#define OSKIT_ECHOK  0x00000004
#define OSKIT_ECHO   0x00000008
#define OSKIT_ECHONL 0x00000010
#define OSKIT_ISIG   0x00000080
#define OSKIT_ICANON 0x00000100
#define OSKIT_IEXTEN 0x00000400
#define OSKIT_TOSTOP 0x00400000
#define OSKIT_NOFLSH 0x80000000

struct oskit_termios {
    oskit_tcflag_t iflag;
    oskit_tcflag_t oflag;
    oskit_tcflag_t cflag;
    oskit_tcflag_t lflag;
    oskit_cc_t cc[OSKIT_NCCS];
    oskit_speed_t ispeed;
    oskit_speed_t ospeed;
};
typedef struct oskit_termios oskit_termios_t;

/* setattr: when. */
#define OSKIT_TCSANOW   0
#define OSKIT_TCSADRAIN 1
#define OSKIT_TCSAFLUSH 2

/* flush: what. */
#define OSKIT_TCIFLUSH  1
#define OSKIT_TCOFLUSH  2
#define OSKIT_TCIOFLUSH 3

/* flow: what. */
#define OSKIT_TCOOFF 1
#define OSKIT_TCOON  2
#define OSKIT_TCIOFF 3
#define OSKIT_TCION  4

typedef struct oskit_ttystream {
    struct oskit_ttystream_ops *ops;
} oskit_ttystream_t;

struct oskit_ttystream_ops {
    OSKIT_COMDECL_IUNKNOWN(oskit_ttystream_t)

    /* As in oskit_stream. */
    oskit_error_t (*read)(oskit_ttystream_t *self, void *buf, oskit_u32_t len,
                          oskit_u32_t *out_actual);
    oskit_error_t (*write)(oskit_ttystream_t *self, const void *buf, oskit_u32_t len,
                           oskit_u32_t *out_actual);
    oskit_error_t (*seek)(oskit_ttystream_t *self, oskit_s64_t ofs, oskit_seek_t whence,
                          oskit_u64_t *out_newpos);
    oskit_error_t (*setsize)(oskit_ttystream_t *self, oskit_u64_t new_size);
    oskit_error_t (*copyto)(oskit_ttystream_t *self, oskit_ttystream_t *dst, oskit_u64_t size,
                            oskit_u64_t *out_read, oskit_u64_t *out_written);
    oskit_error_t (*commit)(oskit_ttystream_t *self, oskit_u32_t commit_flags);
    oskit_error_t (*revert)(oskit_ttystream_t *self);
    oskit_error_t (*lockregion)(oskit_ttystream_t *self, oskit_u64_t offset, oskit_u64_t size,
                                oskit_u32_t lock_type);
    oskit_error_t (*unlockregion)(oskit_ttystream_t *self, oskit_u64_t offset, oskit_u64_t size,
                                  oskit_u32_t lock_type);
    oskit_error_t (*stat)(oskit_ttystream_t *self, oskit_stream_stat_t *out_stat,
                          oskit_u32_t stat_flags);
    oskit_error_t (*clone)(oskit_ttystream_t *self, oskit_ttystream_t **out_stream);

    /* And its own. */

    /* The line settings now. */
    oskit_error_t (*getattr)(oskit_ttystream_t *self, struct oskit_termios *out_attr);

    /*
     * Sets them: now (OSKIT_TCSANOW), once output is sent (OSKIT_TCSADRAIN), or then and with
     * waiting input thrown away (OSKIT_TCSAFLUSH). OSKIT_EWOULDBLOCK while output must drain first.
     */
    oskit_error_t (*setattr)(oskit_ttystream_t *self, int actions,
                             const struct oskit_termios *attr);

    /*
     * A break condition on the line; 0 means between 0.25 and 0.5 seconds, other values are
     * milliseconds.
     */
    oskit_error_t (*sendbreak)(oskit_ttystream_t *self, oskit_u32_t duration);

    /* Success when all output has been sent; until then OSKIT_EWOULDBLOCK. */
    oskit_error_t (*drain)(oskit_ttystream_t *self);

    /* Throws away waiting input, unsent output or both (OSKIT_TC*FLUSH). */
    oskit_error_t (*flush)(oskit_ttystream_t *self, int queue_selector);

    /* Stops or restarts output, or sends a STOP or START character (OSKIT_TCO*, OSKIT_TCI*). */
    oskit_error_t (*flow)(oskit_ttystream_t *self, int action);

    /* The foreground process group. OSKIT_ENOTTY when the terminal is nobody's. */
    oskit_error_t (*getpgrp)(oskit_ttystream_t *self, oskit_pid_t *out_pid);

    /* Sets it. */
    oskit_error_t (*setpgrp)(oskit_ttystream_t *self, oskit_pid_t pid);

    /* The terminal's path, NUL-terminated: owned by the terminal and valid as long as it is. */
    oskit_error_t (*ttyname)(oskit_ttystream_t *self, char **out_name);

    /* The session whose terminal it is. OSKIT_ENOTTY when it has none. */
    oskit_error_t (*getsid)(oskit_ttystream_t *self, oskit_pid_t *out_pid);
};

extern const struct oskit_guid oskit_ttystream_iid;
#define OSKIT_TTYSTREAM_IID \
    OSKIT_GUID(0x4aa7df9c, 0x7c74, 0x11cf, 0xb5, 0x00, 0x08, 0x00, 0x09, 0x53, 0xad, 0xc2)

#define oskit_ttystream_query(self, iid, out) \
    ((self)->ops->query((oskit_ttystream_t *)(self), (iid), (out)))
#define oskit_ttystream_addref(self)  ((self)->ops->addref((oskit_ttystream_t *)(self)))
#define oskit_ttystream_release(self) ((self)->ops->release((oskit_ttystream_t *)(self)))
#define oskit_ttystream_read(self, buf, len, out_actual) \
    ((self)->ops->read((oskit_ttystream_t *)(self), (buf), (len), (out_actual)))
#define oskit_ttystream_write(self, buf, len, out_actual) \
    ((self)->ops->write((oskit_ttystream_t *)(self), (buf), (len), (out_actual)))
#define oskit_ttystream_seek(self, ofs, whence, out_newpos) \
    ((self)->ops->seek((oskit_ttystream_t *)(self), (ofs), (whence), (out_newpos)))
#define oskit_ttystream_setsize(self, new_size) \
    ((self)->ops->setsize((oskit_ttystream_t *)(self), (new_size)))
#define oskit_ttystream_copyto(self, dst, size, out_read, out_written) \
    ((self)->ops->copyto((oskit_ttystream_t *)(self), (dst), (size), (out_read), (out_written)))
#define oskit_ttystream_commit(self, commit_flags) \
    ((self)->ops->commit((oskit_ttystream_t *)(self), (commit_flags)))
#define oskit_ttystream_revert(self) ((self)->ops->revert((oskit_ttystream_t *)(self)))
#define oskit_ttystream_lockregion(self, offset, size, lock_type) \
    ((self)->ops->lockregion((oskit_ttystream_t *)(self), (offset), (size), (lock_type)))
#define oskit_ttystream_unlockregion(self, offset, size, lock_type) \
    ((self)->ops->unlockregion((oskit_ttystream_t *)(self), (offset), (size), (lock_type)))
#define oskit_ttystream_stat(self, out_stat, stat_flags) \
    ((self)->ops->stat((oskit_ttystream_t *)(self), (out_stat), (stat_flags)))
#define oskit_ttystream_clone(self, out_stream) \
    ((self)->ops->clone((oskit_ttystream_t *)(self), (out_stream)))
#define oskit_ttystream_getattr(self, out_attr) \
    ((self)->ops->getattr((oskit_ttystream_t *)(self), (out_attr)))
#define oskit_ttystream_setattr(self, actions, attr) \
    ((self)->ops->setattr((oskit_ttystream_t *)(self), (actions), (attr)))
#define oskit_ttystream_sendbreak(self, duration) \
    ((self)->ops->sendbreak((oskit_ttystream_t *)(self), (duration)))
#define oskit_ttystream_drain(self) ((self)->ops->drain((oskit_ttystream_t *)(self)))
#define oskit_ttystream_flush(self, queue_selector) \
    ((self)->ops->flush((oskit_ttystream_t *)(self), (queue_selector)))
#define oskit_ttystream_flow(self, action) \
    ((self)->ops->flow((oskit_ttystream_t *)(self), (action)))
#define oskit_ttystream_getpgrp(self, out_pid) \
    ((self)->ops->getpgrp((oskit_ttystream_t *)(self), (out_pid)))
#define oskit_ttystream_setpgrp(self, pid) \
    ((self)->ops->setpgrp((oskit_ttystream_t *)(self), (pid)))
#define oskit_ttystream_ttyname(self, out_name) \
    ((self)->ops->ttyname((oskit_ttystream_t *)(self), (out_name)))
#define oskit_ttystream_getsid(self, out_pid) \
    ((self)->ops->getsid((oskit_ttystream_t *)(self), (out_pid)))

/* The headers' setattr(tty, actions, attr) and the manual's setattr(tty, attr), which means now: by
 * the number of arguments. */
#undef oskit_ttystream_setattr
#define oskit_ttystream_setattr(...)                                                            \
    OSKIT_TTYSTREAM_PICK(__VA_ARGS__, OSKIT_TTYSTREAM_SETATTR3, OSKIT_TTYSTREAM_SETATTR2, none) \
    (__VA_ARGS__)
#define OSKIT_TTYSTREAM_PICK(self, actions, attr, chosen, ...) chosen
#define OSKIT_TTYSTREAM_SETATTR3(self, actions, attr) \
    ((self)->ops->setattr((oskit_ttystream_t *)(self), (actions), (attr)))
#define OSKIT_TTYSTREAM_SETATTR2(self, attr) OSKIT_TTYSTREAM_SETATTR3(self, OSKIT_TCSANOW, attr)

#endif
