/* isa_fixture.h - one instruction at a time in every way to run it, and a small assembler.
 *
 * A test gives what registers, pc and memory are before and must be behind; isa_check sees to
 * it that czi_vm_step and czi_vm_run, with gas for this instruction only and with more than
 * enough, come to exactly that, retire one instruction or none, and touch no other register.
 *
 * Encodings are written from the manual's formats (The RISC-V Instruction Set Manual, Volume I,
 * 20191213: figures 2.3, 2.4 and table 16.1), not from the decoders.
 */
#ifndef CZI_ISA_FIXTURE_H
#define CZI_ISA_FIXTURE_H

#include "elf_fixture.h"
#include "test.h"

/* ---- Assembler --------------------------------------------------------------------------- */

#define EBREAK 0x00100073u
#define ECALL 0x00000073u
#define C_EBREAK 0x9002u

static inline uint32_t asm_r(uint32_t funct7, uint32_t funct3, uint32_t opcode, unsigned rd,
                             unsigned rs1, unsigned rs2)
{
    return funct7 << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
static inline uint32_t asm_i(uint32_t funct3, uint32_t opcode, unsigned rd, unsigned rs1,
                             int imm)
{
    return (uint32_t)imm << 20 | rs1 << 15 | funct3 << 12 | rd << 7 | opcode;
}
static inline uint32_t asm_s(uint32_t funct3, unsigned rs1, unsigned rs2, int imm)
{
    uint32_t u = (uint32_t)imm;

    return (u >> 5 & 0x7f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 | (u & 0x1f) << 7 |
           0x23;
}
static inline uint32_t asm_b(uint32_t funct3, unsigned rs1, unsigned rs2, int offset)
{
    uint32_t u = (uint32_t)offset;

    return (u >> 12 & 1) << 31 | (u >> 5 & 0x3f) << 25 | rs2 << 20 | rs1 << 15 | funct3 << 12 |
           (u >> 1 & 0xf) << 8 | (u >> 11 & 1) << 7 | 0x63;
}
static inline uint32_t asm_u(uint32_t opcode, unsigned rd, uint32_t upper20)
{
    return upper20 << 12 | rd << 7 | opcode;
}
static inline uint32_t asm_jal(unsigned rd, int offset)
{
    uint32_t u = (uint32_t)offset;

    return (u >> 20 & 1) << 31 | (u >> 1 & 0x3ff) << 21 | (u >> 11 & 1) << 20 |
           (u >> 12 & 0xff) << 12 | rd << 7 | 0x6f;
}
static inline uint32_t asm_jalr(unsigned rd, unsigned rs1, int offset)
{
    return asm_i(0, 0x67, rd, rs1, offset);
}
static inline uint32_t asm_addi(unsigned rd, unsigned rs1, int imm)
{
    return asm_i(0, 0x13, rd, rs1, imm);
}

static inline void asm_put(struct czi_buf *text, uint32_t bits)
{
    unsigned len = (bits & 3) == 3 ? 4 : 2;

    for (unsigned i = 0; i < len; i++)
        czi_buf_put_byte(text, (uint8_t)(bits >> 8 * i));
}

/* ---- The machine ------------------------------------------------------------------------- */

#define ISA_TEXT UINT64_C(0x20000)
#define ISA_DATA UINT64_C(0x300000) /* read and write; behind it the heap */
#define ISA_DATA_SIZE 8192u

struct isa {
    struct czi_code *code;
    struct czi_space *space;
    /* Of which isa_check sees that they are so before, and so behind. */
    uint64_t address;
    unsigned len;
    uint8_t before[32], behind[32];
    const char *name; /* of what is tested, for messages */
};
struct isa_state {
    uint64_t x[32], pc;
};
struct isa_end {
    enum czi_stop stop; /* NONE: the instruction was executed */
    enum czi_trap trap;
    uint64_t value;
};

/* One space for all of a program's tests: 30 MiB of zeroes are not free. */
static struct czi_space *isa_space;

static inline struct czi_space *isa_load(struct czi_code *code)
{
    cz_error err = {0};

    if (!isa_space)
        assert_ok(czi_space_new(&isa_space, &err), err);
    assert_ok(czi_space_load(isa_space, code, &err), err);
    return isa_space;
}
static inline int isa_teardown(void **state)
{
    (void)state;
    czi_space_free(isa_space);
    return 0;
}

static inline struct isa isa_new(const void *text, size_t len, size_t memory_size)
{
    struct isa t = {0};
    struct czi_buf file = {0};
    struct elf_plan plan = {.entry = ISA_TEXT, .segment_count = 2};
    static const uint8_t zeroes[ISA_DATA_SIZE];
    cz_error err = {0};

    plan.segments[0] =
        (struct elf_segment){ELF_LOAD, ELF_R | ELF_X, ISA_TEXT, text, len, memory_size};
    plan.segments[1] = (struct elf_segment){ELF_LOAD, ELF_R | ELF_W, ISA_DATA,
                                            zeroes,   ISA_DATA_SIZE, ISA_DATA_SIZE};
    elf_build(&file, &plan);
    assert_ok(czi_code_new(file.data, file.len, &t.code, &err), err);
    czi_buf_done(&file);
    t.space = isa_load(t.code);
    return t;
}
static inline void isa_done(struct isa *t)
{
    czi_space_clear(t->space);
    czi_code_drop(t->code);
}
/* One instruction and what stops behind it. */
static inline struct isa isa_of(uint32_t bits)
{
    uint8_t text[12];
    unsigned len = (bits & 3) == 3 ? 4 : 2;

    czi_put_u32le(text, bits);
    czi_put_u32le(text + len, EBREAK);
    return isa_new(text, len + 4, len + 4);
}

/* Registers that are all different from each other and from every operand in use. */
static inline struct isa_state isa_state(void)
{
    struct isa_state s = {.pc = ISA_TEXT};

    for (unsigned i = 1; i < 32; i++)
        s.x[i] = 0x0123456789abcd00u + i * 0x0101010101010101u;
    return s;
}

static inline void isa_compare(const struct isa *t, const char *how, const struct czi_hart *h,
                               const struct isa_state *want, uint64_t gas)
{
    uint8_t memory[32];

    for (unsigned i = 0; i < 32; i++)
        if (h->x[i] != want->x[i])
            fail_msg("%s, %s: x%u is %#llx, not %#llx; x11 %#llx, x12 %#llx", t->name, how, i,
                     (unsigned long long)h->x[i], (unsigned long long)want->x[i],
                     (unsigned long long)h->x[11], (unsigned long long)h->x[12]);
    if (h->pc != want->pc)
        fail_msg("%s, %s: pc is %#llx, not %#llx", t->name, how, (unsigned long long)h->pc,
                 (unsigned long long)want->pc);
    if (h->gas != gas)
        fail_msg("%s, %s: gas is %llu, not %llu", t->name, how, (unsigned long long)h->gas,
                 (unsigned long long)gas);
    if (t->len) {
        assert_true(czi_space_read(t->space, t->address, memory, t->len));
        if (memcmp(memory, t->behind, t->len) != 0)
            fail_msg("%s, %s: memory is not as it must be", t->name, how);
    }
}

static inline void isa_way(const struct isa *t, const char *how,
                           enum czi_stop (*run)(struct czi_hart *), uint64_t gas,
                           const struct isa_state *before, const struct isa_state *want,
                           const struct isa_end *end)
{
    struct czi_hart h = {.pc = before->pc,
                         .gas = gas,
                         .reserved = UINT64_MAX,
                         .space = t->space,
                         .code = t->code};
    enum czi_stop stop, wanted = end->stop;
    bool paid = gas && (wanted == CZI_STOP_NONE || wanted == CZI_STOP_CALL);

    if (t->len)
        assert_true(czi_space_write(t->space, t->address, t->before, t->len));
    memcpy(h.x, before->x, sizeof before->x);
    stop = run(&h);
    isa_compare(t, how, &h, gas ? want : before, paid ? gas - 1 : gas);
    if (run == czi_vm_run && wanted == CZI_STOP_NONE) /* it went on to the next one */
        wanted = gas == 1 ? CZI_STOP_GAS : CZI_STOP_TRAP;
    if (gas == 0)
        wanted = CZI_STOP_GAS;
    if (stop != wanted)
        fail_msg("%s, %s: stops with %d, not %d (%s)", t->name, how, stop, wanted,
                 czi_trap_text((enum czi_trap)h.trap));
    if (wanted == CZI_STOP_TRAP && end->stop == CZI_STOP_TRAP &&
        (h.trap != end->trap || h.trap_value != end->value))
        fail_msg("%s, %s: trap %u of %#llx, not %u of %#llx", t->name, how, h.trap,
                 (unsigned long long)h.trap_value, end->trap, (unsigned long long)end->value);
}

/* What is behind an executed instruction must trap. Without gas nothing happens; a test that
 * gives memory says so for that case too only when it is not changed. */
static inline void isa_check(const struct isa *t, const struct isa_state *before,
                             const struct isa_state *want, struct isa_end end)
{
    struct isa idle = *t;

    memcpy(idle.behind, t->before, sizeof idle.behind);
    isa_way(&idle, "step without gas", czi_vm_step, 0, before, want, &end);
    isa_way(&idle, "run without gas", czi_vm_run, 0, before, want, &end);
    isa_way(t, "step", czi_vm_step, 1, before, want, &end);
    isa_way(t, "run with gas for one", czi_vm_run, 1, before, want, &end);
    isa_way(t, "run", czi_vm_run, 1000, before, want, &end);
}

#define ISA_DONE ((struct isa_end){CZI_STOP_NONE, CZI_TRAP_NONE, 0})
#define ISA_CALL ((struct isa_end){CZI_STOP_CALL, CZI_TRAP_NONE, 0})
#define ISA_TRAP(kind, value) ((struct isa_end){CZI_STOP_TRAP, CZI_TRAP_##kind, value})

/* Numbers at which instructions differ. */
static const uint64_t isa_corners[] = {
    0,
    1,
    2,
    3,
    7,
    31,
    32,
    33,
    63,
    64,
    65,
    0x7f,
    0x80,
    0xff,
    0x7fff,
    0x8000,
    0xffff,
    0x7fffffff,
    0x80000000,
    0x80000001,
    0xffffffff,
    0x100000000,
    0x100000001,
    0x7fffffff80000000,
    0x7fffffffffffffff,
    0x8000000000000000,
    0x8000000000000001,
    0xffffffff00000000,
    0xffffffff7fffffff,
    0xffffffff80000000,
    0xffffffff80000001,
    0xfffffffffffffffe,
    0xffffffffffffffff,
    0x5555555555555555,
    0xaaaaaaaaaaaaaaaa,
    0x0123456789abcdef,
    0xfedcba9876543210,
};

#endif
