/* ops.h - what decoded entries do: the names that decode.c gives and run.c carries out.
 *
 * Layer: vm, internal.
 */
#ifndef CZI_VM_OPS_H
#define CZI_VM_OPS_H

/* clang-format off */
/* Of two registers: one value, no trap. */
#define CZI_OPS_REG(X)                                                                         \
    X(ADD) X(SUB) X(SLL) X(SLT) X(SLTU) X(XOR) X(SRL) X(SRA) X(OR) X(AND)                      \
    X(ADDW) X(SUBW) X(SLLW) X(SRLW) X(SRAW)                                                    \
    X(MUL) X(MULH) X(MULHSU) X(MULHU) X(DIV) X(DIVU) X(REM) X(REMU)                            \
    X(MULW) X(DIVW) X(DIVUW) X(REMW) X(REMUW)
/* Of a register and an immediate: one value, no trap. */
#define CZI_OPS_IMM(X)                                                                         \
    X(ADDI) X(SLTI) X(SLTIU) X(XORI) X(ORI) X(ANDI) X(SLLI) X(SRLI) X(SRAI)                    \
    X(ADDIW) X(SLLIW) X(SRLIW) X(SRAIW)
/* Name, type in memory, log2 of its size. */
#define CZI_OPS_LOAD(X)                                                                        \
    X(LB, int8_t, 0) X(LH, int16_t, 1) X(LW, int32_t, 2) X(LD, uint64_t, 3)                    \
    X(LBU, uint8_t, 0) X(LHU, uint16_t, 1) X(LWU, uint32_t, 2)
#define CZI_OPS_STORE(X)                                                                       \
    X(SB, uint8_t, 0) X(SH, uint16_t, 1) X(SW, uint32_t, 2) X(SD, uint64_t, 3)
/* Name, condition of a and b. */
#define CZI_OPS_BRANCH(X)                                                                      \
    X(BEQ, a == b) X(BNE, a != b)                                                              \
    X(BLT, (int64_t)a < (int64_t)b) X(BGE, (int64_t)a >= (int64_t)b)                           \
    X(BLTU, a < b) X(BGEU, a >= b)
/* Name, type in memory, log2 of its size, what is stored of v (in memory) and b (rs2). */
#define CZI_OPS_AMO(X)                                                                         \
    X(AMOSWAP_W, int32_t, 2, b)                                                                \
    X(AMOADD_W, int32_t, 2, v + b)                                                             \
    X(AMOXOR_W, int32_t, 2, v ^ b)                                                             \
    X(AMOAND_W, int32_t, 2, v & b)                                                             \
    X(AMOOR_W, int32_t, 2, v | b)                                                              \
    X(AMOMIN_W, int32_t, 2, (int32_t)v < (int32_t)b ? v : b)                                   \
    X(AMOMAX_W, int32_t, 2, (int32_t)v > (int32_t)b ? v : b)                                   \
    X(AMOMINU_W, int32_t, 2, (uint32_t)v < (uint32_t)b ? v : b)                                \
    X(AMOMAXU_W, int32_t, 2, (uint32_t)v > (uint32_t)b ? v : b)                                \
    X(AMOSWAP_D, uint64_t, 3, b)                                                               \
    X(AMOADD_D, uint64_t, 3, v + b)                                                            \
    X(AMOXOR_D, uint64_t, 3, v ^ b)                                                            \
    X(AMOAND_D, uint64_t, 3, v & b)                                                            \
    X(AMOOR_D, uint64_t, 3, v | b)                                                             \
    X(AMOMIN_D, uint64_t, 3, (int64_t)v < (int64_t)b ? v : b)                                  \
    X(AMOMAX_D, uint64_t, 3, (int64_t)v > (int64_t)b ? v : b)                                  \
    X(AMOMINU_D, uint64_t, 3, v < b ? v : b)                                                   \
    X(AMOMAXU_D, uint64_t, 3, v > b ? v : b)
/* Name, type in memory, log2 of its size. */
#define CZI_OPS_LR(X) X(LR_W, int32_t, 2) X(LR_D, uint64_t, 3)
#define CZI_OPS_SC(X) X(SC_W, uint32_t, 2) X(SC_D, uint64_t, 3)
/* LI: rd = imm, sign-extended. LIU: rd = imm, zero-extended (auipc of the upper half). */
#define CZI_OPS_OTHER(X) X(LI) X(LIU) X(NOP)
/* Behind any of these the run of instructions is over (with branches). J, JR: without a link. */
#define CZI_OPS_END(X) X(JAL) X(J) X(JALR) X(JR) X(ECALL) X(EBREAK) X(ILLEGAL)
/* No instructions. EDGE: what is here cannot be fetched, or lies behind the file's bytes.
 * GOTO: goes on at another entry, at no cost. GAS_OUT: ends a tail (run.c). */
#define CZI_OPS_PSEUDO(X) X(EDGE) X(GOTO) X(GAS_OUT)
/* All of them. */
#define CZI_OPS(X)                                                                             \
    CZI_OPS_REG(X) CZI_OPS_IMM(X) CZI_OPS_LOAD(X) CZI_OPS_STORE(X)                             \
    CZI_OPS_LR(X) CZI_OPS_SC(X) CZI_OPS_AMO(X) CZI_OPS_OTHER(X)                                \
    CZI_OPS_BRANCH(X) CZI_OPS_END(X) CZI_OPS_PSEUDO(X)
/* clang-format on */

enum czi_op {
#define CZI_DECLARE(name, ...) CZI_OP_##name,
    CZI_OPS(CZI_DECLARE)
#undef CZI_DECLARE
        CZI_OP_COUNT
};

#endif
