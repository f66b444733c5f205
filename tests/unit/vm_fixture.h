/* vm_fixture.h - a small code in a space, for tests of the machine: text at 0x10000, four bytes
 * an instruction, and three pages of data at 0x20000.
 */
#ifndef CZI_VM_FIXTURE_H
#define CZI_VM_FIXTURE_H

#include "test.h"
#include "unit/elf_fixture.h"

#define TEXT UINT64_C(0x10000)
#define DATA UINT64_C(0x20000)
#define DATA_SIZE 10000u /* of it in memory; 8 of them in the file */
#define DATA_FIRST "\1\2\3\4\5\6\7\10"

enum { X0, RA, SP, GP, TP, T0, T1, T2, S0, S1, A0, A1, A2, A3, A4, A5, A6, A7 };

/* The forms of instructions (figure 2.2 of the manual). */
static inline uint32_t i_type(unsigned opcode, unsigned f3, unsigned rd, unsigned rs1, int imm)
{
    return (uint32_t)imm << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode;
}
static inline uint32_t r_type(unsigned opcode, unsigned f7, unsigned f3, unsigned rd,
                              unsigned rs1, unsigned rs2)
{
    return f7 << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 | rd << 7 | opcode;
}
#define ADDI(rd, rs1, imm) i_type(0x13, 0, rd, rs1, imm)
#define ADD(rd, rs1, rs2) r_type(0x33, 0, 0, rd, rs1, rs2)
#define LD(rd, rs1, imm) i_type(0x03, 3, rd, rs1, imm)
#define LB(rd, rs1, imm) i_type(0x03, 0, rd, rs1, imm)
#define SD(rs2, rs1, imm)                                                                      \
    r_type(0x23, (unsigned)(imm) >> 5 & 127, 3, (unsigned)(imm) & 31, rs1, rs2)
#define SB(rs2, rs1, imm)                                                                      \
    r_type(0x23, (unsigned)(imm) >> 5 & 127, 0, (unsigned)(imm) & 31, rs1, rs2)
#define LUI(rd, upper) ((uint32_t)(upper) << 12 | (unsigned)(rd) << 7 | 0x37)
#define JALR(rd, rs1, imm) i_type(0x67, 0, rd, rs1, imm)
/* Forward jumps of less than 2 KiB, and branches either way. */
#define JAL(rd, imm) ((uint32_t)(imm) << 20 | (unsigned)(rd) << 7 | 0x6f)
static inline uint32_t branch(unsigned f3, unsigned rs1, unsigned rs2, int imm)
{
    uint32_t v = (uint32_t)imm;

    return (v >> 12 & 1) << 31 | (v >> 5 & 63) << 25 | rs2 << 20 | rs1 << 15 | f3 << 12 |
           (v >> 1 & 15) << 8 | (v >> 11 & 1) << 7 | 0x63;
}
#define BEQ(rs1, rs2, imm) branch(0, rs1, rs2, imm)
#define BNE(rs1, rs2, imm) branch(1, rs1, rs2, imm)
#define ECALL 0x73u
#define EBREAK 0x100073u

struct vm {
    struct czi_space *space;
    struct czi_code *code;
    struct czi_hart hart;
    cz_error err;
};

static inline struct czi_code *vm_code(const void *text, size_t len)
{
    struct elf_plan plan = {
        .entry = TEXT,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, TEXT, text, len, len},
                     {ELF_LOAD, ELF_R | ELF_W, DATA, DATA_FIRST, 8, DATA_SIZE}},
        .segment_count = 2,
    };
    CZI_AUTOBUF file = {0};
    struct czi_code *code = NULL;
    cz_error err = {0};

    elf_build(&file, &plan);
    assert_ok(czi_code_new(file.data, file.len, &code, &err), err);
    return code;
}
static inline void vm_load(struct vm *vm, uint64_t gas)
{
    assert_ok(czi_space_load(vm->space, vm->code, &vm->err), vm->err);
    czi_hart_begin(&vm->hart, vm->space, vm->code, gas);
}
static inline struct vm vm_begin(const void *text, size_t len, uint64_t gas)
{
    struct vm vm = {.code = vm_code(text, len)};

    assert_ok(czi_space_new(&vm.space, &vm.err), vm.err);
    vm_load(&vm, gas);
    return vm;
}
static inline void vm_end(struct vm *vm)
{
    czi_space_free(vm->space);
    czi_code_drop(vm->code);
}
/* vm, with these instructions, until the end of the scope. */
#define VM(gas, ...)                                                                           \
    const uint32_t vm_text[] = {__VA_ARGS__};                                                  \
    CZI_CLEANUP(vm_end) struct vm vm = vm_begin(vm_text, sizeof vm_text, gas)

#endif
