/* Classic BPF: see bpf.h. No locks: a program is constant, its count is atomic. */
#include "io/net/bpf.h"

#include <stdatomic.h>
#include <sluice/env.h>
#include <sluice/string.h>

/* Classes, sizes, modes, operations: the numbers of BSD's bpf(4). */
#define CLASS(code) ((code)&0x07u)
#define SIZE(code)  ((code)&0x18u)
#define MODE(code)  ((code)&0xe0u)

#define LD   0x00u
#define LDX  0x01u
#define ST   0x02u
#define STX  0x03u
#define ALU  0x04u
#define JMP  0x05u
#define RET  0x06u
#define MISC 0x07u

#define W 0x00u
#define H 0x08u
#define B 0x10u

#define IMM 0x00u
#define ABS 0x20u
#define IND 0x40u
#define MEM 0x60u
#define LEN 0x80u
#define MSH 0xa0u

#define ADD 0x00u
#define SUB 0x10u
#define MUL 0x20u
#define DIV 0x30u
#define OR  0x40u
#define AND 0x50u
#define LSH 0x60u
#define RSH 0x70u
#define NEG 0x80u
#define MOD 0x90u
#define XOR 0xa0u

#define JA   0x00u
#define JEQ  0x10u
#define JGT  0x20u
#define JGE  0x30u
#define JSET 0x40u

#define K 0x00u
#define X 0x08u
#define A 0x10u

#define TAX 0x00u
#define TXA 0x80u

/* Linux's places beyond the packet, as offsets. */
#define AD_OFF        0xfffff000u
#define AD_PROTOCOL   0u
#define AD_KIND       4u
#define AD_INTERFACE  8u
#define AD_MARK       20u
#define AD_QUEUE      24u
#define AD_HARDWARE   28u
#define AD_HASH       32u
#define AD_CPU        36u
#define AD_XOR_X      40u
#define AD_VLAN_TAG   44u
#define AD_VLAN_THERE 48u
#define AD_RANDOM     56u
#define AD_VLAN_TPID  60u
#define NETWORK_OFF   0xfff00000u
#define LINK_OFF      0xffe00000u
#define OFF_MAX       0x7fffffffu /* offsets above are such places */

/* ---- Checking ---- */

static bool ancillary_known(oskit_u32_t k)
{
    switch (k - AD_OFF) {
    case AD_PROTOCOL:
    case AD_KIND:
    case AD_INTERFACE:
    case AD_MARK:
    case AD_QUEUE:
    case AD_HARDWARE:
    case AD_HASH:
    case AD_CPU:
    case AD_XOR_X:
    case AD_VLAN_TAG:
    case AD_VLAN_THERE:
    case AD_RANDOM:
    case AD_VLAN_TPID:
        return true;
    default:
        return false;
    }
}

static bool load_known(const struct bpf_instruction *at)
{
    switch (at->code) {
    case LD | W | ABS:
    case LD | H | ABS:
    case LD | B | ABS:
        return at->k < AD_OFF || ancillary_known(at->k);
    case LD | W | IND:
    case LD | H | IND:
    case LD | B | IND:
    case LD | W | LEN:
    case LD | IMM:
    case LDX | W | LEN:
    case LDX | IMM:
    case LDX | B | MSH:
        return true;
    case LD | MEM:
    case LDX | MEM:
    case ST:
    case STX:
        return at->k < BPF_SCRATCH;
    default:
        return false;
    }
}

static bool operation_known(const struct bpf_instruction *at)
{
    switch (at->code & ~(X | ALU)) {
    case ADD:
    case SUB:
    case MUL:
    case OR:
    case AND:
    case XOR:
        return true;
    case NEG:
        return (at->code & X) == K;
    case DIV:
    case MOD:
        return (at->code & X) != K || at->k != 0;
    case LSH:
    case RSH:
        return (at->code & X) != K || at->k < 32;
    default:
        return false;
    }
}

/* LEFT instructions come after this one: a jump may skip all but one of them. */
static bool jump_known(const struct bpf_instruction *at, oskit_u32_t left)
{
    switch (at->code & ~(X | JMP)) {
    case JA:
        return (at->code & X) == K && at->k < left;
    case JEQ:
    case JGT:
    case JGE:
    case JSET:
        return at->jump_true < left && at->jump_false < left;
    default:
        return false;
    }
}

static bool instruction_known(const struct bpf_instruction *at, oskit_u32_t left)
{
    switch (CLASS(at->code)) {
    case ALU:
        return operation_known(at);
    case JMP:
        return jump_known(at, left);
    case RET:
        return at->code == (RET | K) || at->code == (RET | A);
    case MISC:
        return at->code == (MISC | TAX) || at->code == (MISC | TXA);
    default:
        return load_known(at);
    }
}

/* WRITTEN[i]: the scratch words, as bits, that are written on all ways to instruction i. Since all
 * jumps lead forwards, one pass finds it. A return counts as a way on, as Linux has it. */
static void written_meet(oskit_u16_t *written, const struct bpf_instruction *at, oskit_u32_t pc,
                         oskit_u16_t now)
{
    if (CLASS(at->code) != JMP) {
        written[pc + 1] &= now;
    } else if (at->code == (JMP | JA)) {
        written[pc + 1 + at->k] &= now;
    } else {
        written[pc + 1 + at->jump_true] &= now;
        written[pc + 1 + at->jump_false] &= now;
    }
}

static bool scratch_sound(const struct bpf_program *program, oskit_u16_t *written)
{
    memset(written, 0xff, (program->count + 1) * sizeof *written);
    written[0] = 0;
    for (oskit_u32_t pc = 0; pc < program->count; pc++) {
        const struct bpf_instruction *at = &program->code[pc];
        oskit_u16_t now = written[pc];
        if (at->code == ST || at->code == STX)
            now |= (oskit_u16_t)(1u << at->k);
        else if ((at->code == (LD | MEM) || at->code == (LDX | MEM)) && !(now >> at->k & 1))
            return false;
        written_meet(written, at, pc, now);
    }
    return true;
}

static oskit_error_t program_check(const struct bpf_program *program)
{
    for (oskit_u32_t pc = 0; pc < program->count; pc++)
        if (!instruction_known(&program->code[pc], program->count - pc - 1))
            return OSKIT_E_INVALIDARG;
    if (CLASS(program->code[program->count - 1].code) != RET)
        return OSKIT_E_INVALIDARG;
    size_t size = (program->count + 1) * sizeof(oskit_u16_t);
    oskit_u16_t *written = env_alloc(size, 0);
    if (written == NULL)
        return OSKIT_ENOMEM;
    bool sound = scratch_sound(program, written);
    env_free(written, size);
    return sound ? OSKIT_SUCCESS : OSKIT_E_INVALIDARG;
}

/* ---- Making ---- */

static size_t program_size(oskit_u32_t count)
{
    return sizeof(struct bpf_program) + count * sizeof(struct bpf_instruction);
}

static struct bpf_program *program_alloc(oskit_u32_t count)
{
    struct bpf_program *program = env_alloc(program_size(count), 0);

    if (program != NULL) {
        atomic_init(&program->references, 1);
        program->count = count;
    }
    return program;
}

static oskit_error_t program_finish(struct bpf_program *program, struct bpf_program **out)
{
    oskit_error_t err = program_check(program);

    if (OSKIT_FAILED(err))
        bpf_put(program);
    else
        *out = program;
    return err;
}

oskit_error_t bpf_create(const struct bpf_instruction *code, oskit_u32_t count,
                         struct bpf_program **out)
{
    *out = NULL;
    if (count == 0 || count > BPF_LENGTH_MAX)
        return OSKIT_E_INVALIDARG;
    struct bpf_program *program = program_alloc(count);
    if (program == NULL)
        return OSKIT_ENOMEM;
    memcpy(program->code, code, count * sizeof *code);
    return program_finish(program, out);
}

oskit_error_t bpf_create_from_user(const void *value, oskit_u32_t length, struct bpf_program **out)
{
    struct bpf_request request;

    *out = NULL;
    if (length != sizeof request)
        return OSKIT_E_INVALIDARG;
    memcpy(&request, value, sizeof request);
    if (request.count == 0 || request.count > BPF_LENGTH_MAX || request.code == 0)
        return OSKIT_E_INVALIDARG;
    struct bpf_program *program = program_alloc(request.count);
    if (program == NULL)
        return OSKIT_ENOMEM;
    if (env_copy_from_user(program->code, (const void *)(uintptr_t)request.code,
                           request.count * sizeof(struct bpf_instruction)) != 0) {
        bpf_put(program);
        return OSKIT_EFAULT;
    }
    return program_finish(program, out);
}

void bpf_ref(struct bpf_program *program)
{
    atomic_fetch_add_explicit(&program->references, 1, memory_order_relaxed);
}

void bpf_put(struct bpf_program *program)
{
    if (program != NULL &&
        atomic_fetch_sub_explicit(&program->references, 1, memory_order_acq_rel) == 1)
        env_free(program, program_size(program->count));
}

/* ---- Running ---- */

struct state {
    const struct bpf_view *view;
    oskit_u32_t a, x;
    bool out; /* a load went beyond the packet */
    oskit_u32_t scratch[BPF_SCRATCH];
};

static oskit_u8_t byte_at(const struct bpf_view *view, oskit_u32_t offset)
{
    oskit_u8_t byte = 0;

    if (offset < view->piece)
        return view->bytes[offset];
    if (view->packet != NULL)
        packet_chain_read(view->packet, offset, &byte, 1);
    else if (view->read != NULL)
        view->read(view->rest, offset - view->piece, &byte, 1);
    return byte;
}

/* SIZE bytes of the frame, big-endian. */
static oskit_u32_t frame_load(struct state *state, oskit_u64_t offset, oskit_u32_t size)
{
    const struct bpf_view *view = state->view;
    oskit_u32_t value = 0;

    if (offset + size > view->length) {
        state->out = true;
        return 0;
    }
    for (oskit_u32_t i = 0; i < size; i++)
        value = value << 8 | byte_at(view, (oskit_u32_t)offset + i);
    return value;
}

static oskit_u32_t load(struct state *state, oskit_u32_t k, oskit_u32_t size)
{
    const struct bpf_view *view = state->view;

    if (k <= OFF_MAX)
        return frame_load(state, (oskit_u64_t)view->start + k, size);
    if (k >= NETWORK_OFF)
        return frame_load(state, (oskit_u64_t)view->network + (k - NETWORK_OFF), size);
    if (k >= LINK_OFF)
        return frame_load(state, (oskit_u64_t)view->link + (k - LINK_OFF), size);
    state->out = true;
    return 0;
}

static oskit_u32_t random_word(void)
{
    oskit_u32_t word;

    env_random(&word, sizeof word);
    return word;
}

/* Of the VLAN tags, the queue and the hash there is never any. */
static oskit_u32_t ancillary(const struct state *state, oskit_u32_t what)
{
    const struct bpf_view *view = state->view;

    switch (what) {
    case AD_PROTOCOL:
        return view->protocol;
    case AD_KIND:
        return view->kind;
    case AD_INTERFACE:
        return view->interface;
    case AD_MARK:
        return view->mark;
    case AD_HARDWARE:
        return view->hardware;
    case AD_CPU:
        return env_cpu_index();
    case AD_XOR_X:
        return state->a ^ state->x;
    case AD_RANDOM:
        return random_word();
    default:
        return 0;
    }
}

static oskit_u32_t size_of(oskit_u16_t code)
{
    return SIZE(code) == W ? 4 : SIZE(code) == H ? 2 : 1;
}

static void run_load(struct state *state, const struct bpf_instruction *at)
{
    switch (MODE(at->code)) {
    case IMM:
        state->a = at->k;
        break;
    case ABS:
        state->a = at->k >= AD_OFF ? ancillary(state, at->k - AD_OFF)
                                   : load(state, at->k, size_of(at->code));
        break;
    case IND:
        /* Modulo 2^32, as Linux has it: an index may lead down from a place beyond. */
        state->a = load(state, state->x + at->k, size_of(at->code));
        break;
    case MEM:
        state->a = state->scratch[at->k];
        break;
    default:
        state->a = state->view->length - state->view->start;
    }
}

static void run_load_index(struct state *state, const struct bpf_instruction *at)
{
    switch (MODE(at->code)) {
    case IMM:
        state->x = at->k;
        break;
    case MEM:
        state->x = state->scratch[at->k];
        break;
    case MSH: /* the length of an IPv4 header */
        state->x = (load(state, at->k, 1) & 0xf) << 2;
        break;
    default:
        state->x = state->view->length - state->view->start;
    }
}

/* Shifts by a register take its low five bits. */
static void run_operation(struct state *state, const struct bpf_instruction *at)
{
    oskit_u32_t by = at->code & X ? state->x : at->k, *a = &state->a;

    switch (at->code & 0xf0u) {
    case ADD:
        *a += by;
        break;
    case SUB:
        *a -= by;
        break;
    case MUL:
        *a *= by;
        break;
    case DIV:
    case MOD:
        if (by == 0)
            state->out = true;
        else
            *a = (at->code & 0xf0u) == DIV ? *a / by : *a % by;
        break;
    case OR:
        *a |= by;
        break;
    case AND:
        *a &= by;
        break;
    case XOR:
        *a ^= by;
        break;
    case LSH:
        *a <<= by & 31;
        break;
    case RSH:
        *a >>= by & 31;
        break;
    default: /* NEG */
        *a = -*a;
    }
}

/* How many instructions to skip. */
static oskit_u32_t run_jump(const struct state *state, const struct bpf_instruction *at)
{
    oskit_u32_t a = state->a, with = at->code & X ? state->x : at->k;

    switch (at->code & 0xf0u) {
    case JA:
        return at->k;
    case JEQ:
        return a == with ? at->jump_true : at->jump_false;
    case JGT:
        return a > with ? at->jump_true : at->jump_false;
    case JGE:
        return a >= with ? at->jump_true : at->jump_false;
    default:
        return a & with ? at->jump_true : at->jump_false;
    }
}

static void run_one(struct state *state, const struct bpf_instruction *at)
{
    switch (CLASS(at->code)) {
    case LD:
        run_load(state, at);
        break;
    case LDX:
        run_load_index(state, at);
        break;
    case ST:
        state->scratch[at->k] = state->a;
        break;
    case STX:
        state->scratch[at->k] = state->x;
        break;
    case ALU:
        run_operation(state, at);
        break;
    default: /* MISC */
        if (at->code == (MISC | TAX))
            state->x = state->a;
        else
            state->a = state->x;
    }
}

oskit_u32_t bpf_run(const struct bpf_program *program, const struct bpf_view *view)
{
    struct state state = {.view = view};

    /* The check has seen to it that a return comes before the end. */
    for (const struct bpf_instruction *at = program->code;; at++) {
        if (CLASS(at->code) == JMP) {
            at += run_jump(&state, at);
        } else if (CLASS(at->code) == RET) {
            return at->code == (RET | A) ? state.a : at->k;
        } else {
            run_one(&state, at);
            if (state.out)
                return 0;
        }
    }
}
