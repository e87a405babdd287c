/*
 * TCP sockets over lwIP's connections (tcp_pcb).
 *
 *   tcp.c          the kind: making, naming, connecting, shutting down, ending
 *   tcp_listen.c   listeners and the connections that wait at them
 *   tcp_send.c     programs' bytes into segments; tcp_segment.c: the memory they lie in
 *   tcp_receive.c  segments to programs' bytes; tcp_stamp.c: when they came
 *   tcp_event.c    what lwIP calls: arrivals, acknowledgements, ends; the readiness
 *   tcp_option.c   options of the level TCP; tcp_info.c: TCP_INFO
 *   tcp_error.c    the error queue: zero-copy notifications
 *
 * Locks: send_mutex (one writer at a time, so that a write's bytes stay together) or receive_mutex
 * (one reader) -> the core lock. Bytes move to and from programs with a mutex held and the core
 * lock not. All fields are guarded by the core lock but where they say otherwise.
 *
 * A connection (pcb) may outlive its socket: after close lwIP ends it alone. And a socket may
 * outlive its connection: after a reset, or when both directions are over, pcb is NULL and what has
 * arrived can still be read.
 */
#ifndef IO_NET_INET_TCP_H
#define IO_NET_INET_TCP_H

#include "inet_sock.h"
#include "lwip/priv/tcp_priv.h"
#include "lwip/tcp.h"
#include "memory.h"

/* What connect has come to, as sockets count it; TCP's own state is the pcb's. */
enum tcp_phase { TCP_UNCONNECTED, TCP_CONNECTING, TCP_CONNECTED, TCP_LISTENING };

/* Urgent data: one byte of the stream, of which the peer says where it is before it comes. */
enum tcp_urgent { TCP_URGENT_NONE, TCP_URGENT_ANNOUNCED, TCP_URGENT_HERE, TCP_URGENT_READ };

#define TCP_SHUT_READ  1u
#define TCP_SHUT_WRITE 2u
#define TCP_SHUT_BOTH  3u

/* The program's choices of the level TCP, which accepted connections inherit. */
struct tcp_options {
    bool nodelay, cork;
    enum tcp_quickack { TCP_QUICKACK_AUTO, TCP_QUICKACK_ON, TCP_QUICKACK_OFF } quickack;
    oskit_u16_t maximum_segment;          /* 0: as the path allows */
    oskit_u32_t keep_idle, keep_interval; /* seconds */
    oskit_u32_t keep_count, syn_count;
    oskit_u32_t user_timeout; /* milliseconds, 0: by the retransmissions */
    oskit_u32_t defer_accept; /* seconds, 0: off */
    oskit_u32_t window_clamp, notsent_low;
};

struct tcp_listener;
struct tcp_stamps;
struct tcp_block;
struct tcp_zerocopy;

/* One range of zero-copy sends that are done, in the error queue. */
struct tcp_notice {
    oskit_u32_t first, last;
    bool copied;
};
#define TCP_NOTICES 32u /* ranges that adjoin join, so few are there at once */

struct tcp_socket {
    struct inet_sock inet;
    struct tcp_pcb *pcb;    /* NULL: none */
    struct inet_port *port; /* with a reference */
    bool port_chosen;       /* by bind: kept till the end */
    enum tcp_phase phase;
    bool answered;    /* by the peer of a connect, whatever the program knows of it */
    oskit_u32_t shut; /* TCP_SHUT_ bits: by the program, the peer's FIN, the end */
    bool got_fin;     /* the stream ended properly: reading answers 0 for ever */
    bool fin_sent;    /* shutdown of the writing side has been asked for */
    bool full;        /* a write found no room: WRITE waits for a third of it */
    oskit_error_t soft_error;
    struct tcp_options options;

    struct env_mutex send_mutex;
    struct tcp_account *_Atomic account; /* from the first write on; set under send_mutex */
    struct tcp_block *corked;            /* less than a full segment, held back */
    /* Copies of what the connection says, for a writer that hasn't the lock: a little old. */
    _Atomic oskit_u32_t used;      /* of the send buffer */
    _Atomic oskit_u32_t segment;   /* bytes in a full segment */
    _Atomic oskit_u32_t tail_room; /* bytes that fit behind the last one not yet sent */

    struct env_mutex receive_mutex;
    struct pbuf *arrived, *arrived_last; /* through next; tot_len means nothing here */
    oskit_u32_t readable;                /* bytes in arrived and reading, not yet spoken for */
    oskit_u32_t credit_owed;             /* window given for bytes that stayed after all */
    struct pbuf *reading, *reading_last; /* the reader's; receive_mutex */
    oskit_u32_t reading_offset;          /* bytes of the first that are gone; receive_mutex */
    oskit_u32_t read_sequence;           /* number of the first byte not read ... */
    oskit_u32_t arrived_sequence;        /* ... and of the first that hasn't come */

    struct tcp_stamps *stamps; /* NULL: nobody asked when bytes came */

    /* Whether the program answers what comes, so that answers carry the acknowledgements. */
    bool answers;
    oskit_u32_t unanswered; /* arrivals since it last sent something */
    oskit_u32_t quick;      /* arrivals yet to be acknowledged at once: a connection's first */

    enum tcp_urgent urgent;
    oskit_u32_t urgent_sequence;
    oskit_u8_t urgent_byte;

    struct tcp_listener *listener;
    struct list member;   /* of the listener, when it listens */
    struct list accepted; /* those that wait at this one */
    oskit_u32_t accepted_count, backlog;
    struct list waiting;         /* on accepted of... */
    struct tcp_socket *waits_at; /* ... this one */
    bool deferred;               /* not to be accepted before it has data */
    oskit_u32_t deferred_since;  /* tcp_ticks */

    oskit_u32_t zerocopy_next; /* number of the next zero-copy send */
    struct list zerocopies;    /* those under way: struct tcp_zerocopy */
    struct tcp_notice notices[TCP_NOTICES];
    oskit_u32_t notice_count;

    oskit_u32_t retransmits, drops;
    oskit_u32_t progress; /* tcp_ticks when the peer last acknowledged something new */
    oskit_u8_t asked;     /* what pcb->nrtx was when the neighbour was thought of last */
    bool lingering;
    oskit_u64_t linger_until;
};

static inline struct tcp_socket *tcp_of(struct socket *s)
{
    return (struct tcp_socket *)s;
}

#define TCP_QUICK          16u /* as Linux: the sender's slow start wants them */
#define TCP_BUFFER_DEFAULT (256u * 1024)

/* ---- tcp.c ---- */

/* NULL: no memory. [any] */
struct tcp_socket *tcp_socket_new(oskit_s32_t family);
void tcp_socket_enlist(struct tcp_socket *t);  /* into what /proc shows */
void tcp_socket_discard(struct tcp_socket *t); /* of tcp_socket_new, known to nobody */
/* Whether what was sent, FIN and all, has been acknowledged. */
bool tcp_all_arrived(const struct tcp_socket *t);
void tcp_pcb_apply(struct tcp_socket *t); /* the options, to the pcb */
/* Those of the network's header alone, to a pcb that may not be T's: a listener's half-open one. */
void tcp_pcb_header(const struct tcp_socket *t, struct tcp_pcb *pcb);
/* The socket lets go of its connection, which goes on as it is. */
void tcp_detach(struct tcp_socket *t);
/* Ends the connection with a reset, or without a word if it has none to speak to. */
void tcp_abandon_socket(struct tcp_socket *t);
/* PCB, just made, keeps the socket's port as long as it lives. */
void tcp_port_attach(struct tcp_pcb *pcb, struct inet_port *port);
/* NULL: it has none. */
struct inet_port *tcp_port_of(const struct tcp_pcb *pcb);

/* ---- tcp_event.c ---- */

void tcp_callbacks_set(struct tcp_socket *t);
/* Whose connection PCB is; NULL: no socket's. */
struct tcp_socket *tcp_socket_of(const struct tcp_pcb *pcb);
/* The readiness from the state; tells waiters of EVENTS as well. */
void tcp_level(struct tcp_socket *t, uint32_t events);
/* The connection is over with ERROR (success: properly). */
void tcp_over(struct tcp_socket *t, oskit_error_t error);
/* lwIP's states by Linux's numbers. */
oskit_u8_t tcp_state(const struct tcp_socket *t);
/* The peer may send no more before something is read. */
bool tcp_window_full(const struct tcp_socket *t);
bool tcp_writable(const struct tcp_socket *t);
oskit_u32_t tcp_room(const struct tcp_socket *t);

/* ---- tcp_listen.c ---- */

oskit_error_t tcp_listen_start(struct tcp_socket *t, oskit_s32_t backlog);
oskit_error_t tcp_listen_accept(struct tcp_socket *t, struct socket_address *peer,
                                struct socket **out);
/* No longer listens; those that wait come to the list GONE, to be released without the lock. */
void tcp_listen_stop(struct tcp_socket *t, struct list *gone);
void tcp_listen_release(struct list *gone);
/* T, which waits somewhere, has changed. */
void tcp_listen_told(struct tcp_socket *t);

/* ---- tcp_send.c, tcp_segment.c ---- */

oskit_error_t tcp_send(struct socket *s, struct socket_message *message, oskit_size_t *out);
oskit_error_t tcp_writev(struct socket *s, struct sluice_uio *uio, oskit_size_t *out);
oskit_error_t tcp_send_segments(struct socket *s, struct socket_message *message,
                                const struct sg_segment *segments, oskit_u32_t count,
                                struct socket_hold *hold, oskit_size_t *out);
/* Sends what was held back. Core lock held. */
void tcp_uncork(struct tcp_socket *t);
/* Takes the copies for writers. Core lock held, there is a pcb. */
void tcp_send_counted(struct tcp_socket *t);
void tcp_zerocopy_put(struct tcp_zerocopy *zerocopy); /* core lock held */

/*
 * A block: one segment's worth of a program's bytes, or less, with room for the headers in front.
 * Few bytes lie in the block itself; many lie in memory that several blocks refer to.
 */
struct tcp_memory;
struct tcp_account;
struct tcp_zerocopy {
    struct list link; /* of the socket; empty: the socket is gone */
    struct tcp_socket *socket;
    oskit_u32_t number, references;
};
struct tcp_block {
    struct pbuf_custom head; /* headers, and bytes of the block's own */
    struct tcp_block *next;
    oskit_u32_t size;        /* of the allocation */
    oskit_u16_t length;      /* bytes of the program's */
    oskit_u16_t room;        /* bytes that still fit behind the block's own */
    oskit_u32_t users;       /* of head and body */
    struct pbuf_custom body; /* bytes that lie elsewhere */
    struct tcp_memory *memory;
    struct tcp_account *account; /* of a block that has its memory to itself */
    struct socket_hold *hold;
    struct tcp_zerocopy *zerocopy;
    oskit_u8_t bytes[];
};

struct tcp_blocks {
    struct tcp_block *first, **last;
    struct tcp_account *account;
};
/* NULL: no memory. [thread] */
struct tcp_account *tcp_account_new(void);
void tcp_account_close(struct tcp_account *account); /* NULL: none */
extern _Atomic size_t tcp_bytes_live;                /* of all connections */
oskit_u32_t tcp_account_share(const struct tcp_account *account, oskit_u32_t room);
/* How much of ROOM bytes a connection may still send: when all connections together have an eighth
 * of the machine's memory, only little beside what it has lying somewhere; beyond a quarter, less.
 * [any] */
static inline oskit_u32_t tcp_account_room(const struct tcp_account *account, oskit_u32_t room)
{
    size_t all = atomic_load_explicit(&tcp_bytes_live, memory_order_relaxed);

    return all <= inet_memory_limit() / 2 ? room : tcp_account_share(account, room);
}
/* Copies SIZE bytes at most into new blocks of SEGMENT bytes, the first of FIRST (0: like the
 * others); *MOVED bytes. On an error there may be some. [thread] */
oskit_error_t tcp_blocks_copy(struct tcp_blocks *blocks, struct sluice_uio *uio, size_t size,
                              oskit_u32_t segment, oskit_u32_t first, size_t *moved);
/* A block that refers to SIZE bytes at BASE; takes a reference of HOLD, and of ZEROCOPY when it is
 * not NULL. NULL: no memory. [any] */
struct tcp_block *tcp_block_refer(void *base, oskit_u32_t size, struct socket_hold *hold,
                                  struct tcp_zerocopy *zerocopy);
/* Of one that lwIP hasn't got. Core lock held. */
void tcp_block_free(struct tcp_block *block);
void tcp_blocks_free(struct tcp_block *first);
/* Puts BLOCK at the end of what PCB is to send, as tcp_write would; false: no memory, the block is
 * still the caller's. *TAIL is the last segment not yet sent, NULL: to be found. Core lock held. */
bool tcp_block_queue(struct tcp_pcb *pcb, struct tcp_block *block, oskit_u32_t segment,
                     struct tcp_seg **tail);
/* Puts the bytes of MORE behind those of BLOCK, both not yet lwIP's, and takes MORE over. */
void tcp_block_join(struct tcp_block *block, struct tcp_block *more);
oskit_u32_t tcp_segment_size(const struct tcp_pcb *pcb);

/* ---- tcp_receive.c ---- */

oskit_error_t tcp_receive_message(struct socket *s, struct socket_message *message,
                                  oskit_size_t *out);
oskit_error_t tcp_readv(struct socket *s, struct sluice_uio *uio, oskit_size_t *out);
void tcp_receive_drop(struct tcp_socket *t); /* all that lies there */
/* P has come for T, which takes it over. Core lock held. */
void tcp_receive_put(struct tcp_socket *t, struct pbuf *p);
/* Bytes that a read would give: not beyond urgent data. Core lock held. */
oskit_u32_t tcp_readable(const struct tcp_socket *t);
/* Bytes of window that a connection has at first. */
oskit_u32_t tcp_window(const struct tcp_socket *t);
oskit_error_t tcp_urgent_receive(struct tcp_socket *t, struct socket_message *message,
                                 oskit_size_t *out);

/* ---- tcp_stamp.c ---- */

/* What lies before arrived_sequence has come now. */
void tcp_stamp_put(struct tcp_socket *t);
/* When the last of SIZE bytes from SEQUENCE on came; 0: nobody knows. They are read, unless KEEP.
 */
oskit_s64_t tcp_stamp_get(struct tcp_socket *t, oskit_u32_t sequence, oskit_u32_t size, bool keep);
void tcp_stamps_free(struct tcp_socket *t);

/* ---- tcp_error.c ---- */

oskit_error_t tcp_notice_receive(struct tcp_socket *t, struct socket_message *message,
                                 oskit_size_t *out);
void tcp_notice_put(struct tcp_socket *t, oskit_u32_t number, bool copied);

/* ---- tcp_option.c, tcp_info.c ---- */

void tcp_options_init(struct tcp_options *options);
oskit_error_t tcp_option_set(struct socket *s, oskit_s32_t level, oskit_s32_t name,
                             const void *value, oskit_u32_t length);
oskit_error_t tcp_option_get(struct socket *s, oskit_s32_t level, oskit_s32_t name, void *value,
                             oskit_u32_t *length);
oskit_error_t tcp_option_changed(struct socket *s, oskit_s32_t name);
void tcp_info_get(struct tcp_socket *t, void *value, oskit_u32_t *length);

#endif
