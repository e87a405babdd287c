/*
 * A QEMU plugin that counts the kernel's instructions where a guest asks for it: the one exact
 * measure for work that waits, during which -icount's clock jumps.
 *
 * The guest marks with an eight-byte NOP whose displacement is 0x4d0000TT: TT 1 begins a row, 2 a
 * batch, 3 ends a batch. For each, the plugin writes a line to the file named by out=FILE: "row",
 * or "batch KERNEL USER" with the instructions since the batch began. Kernel is what lies in the
 * upper half of the address space; a string instruction counts once for each repetition.
 *
 * One processor only: the counters are plain. QEMU's plugin interface, version 1, is declared here
 * as far as it is used, because Debian has no package with its header (QEMU,
 * docs/devel/tcg-plugins).
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

typedef uint64_t qemu_plugin_id_t;
struct qemu_plugin_tb;
struct qemu_plugin_insn;
struct qemu_info_t;
enum qemu_plugin_op { QEMU_PLUGIN_INLINE_ADD_U64 };
enum qemu_plugin_cb_flags { QEMU_PLUGIN_CB_NO_REGS };

void qemu_plugin_register_vcpu_tb_trans_cb(qemu_plugin_id_t id,
                                           void (*callback)(qemu_plugin_id_t id,
                                                            struct qemu_plugin_tb *tb));
size_t qemu_plugin_tb_n_insns(const struct qemu_plugin_tb *tb);
struct qemu_plugin_insn *qemu_plugin_tb_get_insn(const struct qemu_plugin_tb *tb, size_t index);
const void *qemu_plugin_insn_data(const struct qemu_plugin_insn *insn);
size_t qemu_plugin_insn_size(const struct qemu_plugin_insn *insn);
uint64_t qemu_plugin_insn_vaddr(const struct qemu_plugin_insn *insn);
void qemu_plugin_register_vcpu_insn_exec_inline(struct qemu_plugin_insn *insn,
                                                enum qemu_plugin_op op, void *counter,
                                                uint64_t amount);
void qemu_plugin_register_vcpu_insn_exec_cb(struct qemu_plugin_insn *insn,
                                            void (*callback)(unsigned processor, void *arg),
                                            enum qemu_plugin_cb_flags flags, void *arg);
__attribute__((visibility("default"))) int
qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int count, char **words);
__attribute__((visibility("default"))) extern int qemu_plugin_version;

int qemu_plugin_version = 1;

enum mark { MARK_ROW = 1, MARK_BATCH, MARK_END };

static uint64_t kernel, user;
static FILE *output;

static void marked(unsigned processor, void *arg)
{
    (void)processor;
    switch ((enum mark)(uintptr_t)arg) {
    case MARK_ROW:
        fprintf(output, "row\n");
        fflush(output);
        break;
    case MARK_BATCH:
        kernel = user = 0;
        break;
    case MARK_END:
        fprintf(output, "batch %" PRIu64 " %" PRIu64 "\n", kernel, user);
        fflush(output);
        break;
    }
}

/* The mark in an instruction, or 0. */
static unsigned mark_of(const struct qemu_plugin_insn *insn)
{
    static const unsigned char nop[4] = {0x0f, 0x1f, 0x84, 0x00};
    const unsigned char *bytes = qemu_plugin_insn_data(insn);

    if (qemu_plugin_insn_size(insn) != 8 || memcmp(bytes, nop, sizeof nop) != 0 || bytes[5] != 0 ||
        bytes[6] != 0 || bytes[7] != 0x4d)
        return 0;
    return bytes[4] <= MARK_END ? bytes[4] : 0;
}

static void translated(qemu_plugin_id_t id, struct qemu_plugin_tb *tb)
{
    (void)id;
    for (size_t i = 0; i < qemu_plugin_tb_n_insns(tb); i++) {
        struct qemu_plugin_insn *insn = qemu_plugin_tb_get_insn(tb, i);
        unsigned mark = mark_of(insn);
        qemu_plugin_register_vcpu_insn_exec_inline(
            insn, QEMU_PLUGIN_INLINE_ADD_U64, qemu_plugin_insn_vaddr(insn) >> 63 ? &kernel : &user,
            1);
        if (mark != 0)
            qemu_plugin_register_vcpu_insn_exec_cb(insn, marked, QEMU_PLUGIN_CB_NO_REGS,
                                                   (void *)(uintptr_t)mark);
    }
}

int qemu_plugin_install(qemu_plugin_id_t id, const struct qemu_info_t *info, int count,
                        char **words)
{
    (void)info;
    for (int i = 0; i < count; i++)
        if (strncmp(words[i], "out=", 4) == 0)
            output = fopen(words[i] + 4, "w");
    if (output == NULL)
        return -1;
    qemu_plugin_register_vcpu_tb_trans_cb(id, translated);
    return 0;
}
