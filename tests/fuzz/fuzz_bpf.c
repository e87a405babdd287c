/* A classic BPF program and a packet: the check takes it or not; what it takes ends, and reads
 * nothing beyond the packet. */
#include "fuzz.h"
#include "io/net/bpf.h"

#define CODE_MAX 64u

void fuzz_one(const uint8_t *bytes, size_t size)
{
    struct bpf_program *program;
    size_t count = size > 0 ? bytes[0] % (CODE_MAX + 1) : 0;

    if (size > 0)
        bytes++, size--;
    if (count * sizeof(struct bpf_instruction) > size)
        count = size / sizeof(struct bpf_instruction);
    struct bpf_instruction *code = fuzz_copy(bytes, count * sizeof *code);
    bytes += count * sizeof *code;
    size -= count * sizeof *code;
    if (OSKIT_SUCCEEDED(bpf_create(code, (oskit_u32_t)count, &program))) {
        /* The frame in two pieces. */
        uint8_t *first = fuzz_copy(bytes, size / 2), *second = fuzz_copy(bytes, size - size / 2);
        struct sg_segment segments[2] = {{first, (oskit_u32_t)(size / 2)},
                                         {second, (oskit_u32_t)(size - size / 2)}};
        struct packet packet = {
            .segments = segments, .segment_count = 2, .length = (oskit_u32_t)size};
        struct bpf_view view = {
            .bytes = first,
            .piece = segments[0].length,
            .packet = &packet,
            .length = (oskit_u32_t)size,
            .start = size > 14 ? 14 : 0,
            .network = 14,
        };
        bpf_run(program, &view);
        bpf_put(program);
        free(first);
        free(second);
    }
    free(code);
}
