/*
 * Classic BPF: the filters that programs attach to sockets. A program is checked when it is
 * attached, after which running it needs no checks but those of offsets into the packet: it can
 * only jump forwards, so it ends; it reads no scratch memory that it hasn't written; it ends in a
 * return on every path.
 *
 * A load beyond the packet ends the program with 0, as does a division by a register that is 0.
 */
#ifndef IO_NET_BPF_H
#define IO_NET_BPF_H

#include <stdbool.h>
#include <oskit/error.h>
#include <oskit/types.h>
#include <sluice/packet.h>

#define BPF_LENGTH_MAX 4096u /* instructions */
#define BPF_SCRATCH    16u   /* words */

/* As programs have it: Linux's struct sock_filter. */
struct bpf_instruction {
    oskit_u16_t code;
    oskit_u8_t jump_true, jump_false;
    oskit_u32_t k;
};
_Static_assert(sizeof(struct bpf_instruction) == 8, "struct sock_filter");

/* As SO_ATTACH_FILTER has it: Linux's struct sock_fprog. */
struct bpf_request {
    oskit_u16_t count;
    oskit_u8_t pad[6];
    oskit_u64_t code; /* the program's address */
};
_Static_assert(sizeof(struct bpf_request) == 16, "struct sock_fprog");

/* Counted, and never changed. */
struct bpf_program {
    _Atomic oskit_u32_t references;
    oskit_u32_t count;
    struct bpf_instruction code[];
};

/* What a program looks at. Offsets are from the frame's first byte. */
struct bpf_view {
    const oskit_u8_t *bytes;     /* the frame's first piece */
    oskit_u32_t piece;           /* its length */
    const struct packet *packet; /* what holds all of it; NULL: there is only the piece */
    /* Or what comes after the piece: SIZE bytes from OFFSET of it to TO. NULL: as above. */
    void (*read)(const void *rest, oskit_u32_t offset, void *to, oskit_u32_t size);
    const void *rest;
    oskit_u32_t length;        /* of the frame */
    oskit_u32_t start;         /* where offset 0 of the program is */
    oskit_u32_t link, network; /* where the headers are */
    /* What SKF_AD_OFF reaches. */
    oskit_u16_t protocol; /* host order */
    oskit_u8_t kind;      /* PACKET_HOST ... */
    oskit_u32_t interface;
    oskit_u16_t hardware; /* ARPHRD_ */
    oskit_u32_t mark;
};

/* OSKIT_E_INVALIDARG for what Linux refuses, too: unknown codes, jumps out of it, no return at the
 * end. [thread] */
oskit_error_t bpf_create(const struct bpf_instruction *code, oskit_u32_t count,
                         struct bpf_program **out);
/* From a program's struct sock_fprog, in kernel memory: what VALUE points to is in its own.
 * OSKIT_EFAULT. [thread] */
oskit_error_t bpf_create_from_user(const void *value, oskit_u32_t length, struct bpf_program **out);
void bpf_ref(struct bpf_program *program); /* [any] */
void bpf_put(struct bpf_program *program); /* NULL is ignored [any] */

/* How many bytes of the packet to keep; 0: none, drop it. At most BPF_LENGTH_MAX steps. [any] */
oskit_u32_t bpf_run(const struct bpf_program *program, const struct bpf_view *view);

#endif
