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
#define CZI_OPS_BRANCH(X) X(BEQ) X(BNE) X(BLT) X(BGE) X(BLTU) X(BGEU)
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
/* All that a single instruction decodes to, and pseudo-entries. */
#define CZI_OPS(X)                                                                             \
    CZI_OPS_REG(X) CZI_OPS_IMM(X) CZI_OPS_LOAD(X) CZI_OPS_STORE(X)                             \
    CZI_OPS_LR(X) CZI_OPS_SC(X) CZI_OPS_AMO(X) CZI_OPS_OTHER(X)                                \
    CZI_OPS_BRANCH(X) CZI_OPS_END(X) CZI_OPS_PSEUDO(X)

/* Neighbours that one handler carries out: chosen by what compiled code does often. Class of the
 * first (V value, L load, S store), its op; class of the second (B branch too), its op. D: the
 * second one's rs1 is the first one's rd, so the value need not go by way of memory; I: it may
 * be so or not. */
#define CZI_PAIRS(X)                                                                           \
    X(V, SLLI, V, SRLI, D) X(V, SLLI, V, SRAI, D) X(V, SLLI, V, ADD, D) X(V, SLLI, V, OR, D)   \
    X(V, SLLI, V, XOR, D) X(V, SRLI, V, ADD, D) X(V, SRLI, V, OR, D) X(V, SRLI, V, XOR, D)     \
    X(V, SRLI, V, ANDI, D) X(V, SRLI, V, SLLI, D) X(V, ADD, V, SRLI, D) X(V, ADD, V, SLLI, D)  \
    X(V, ADD, V, ADD, D) X(V, ADD, V, ADDI, D) X(V, ADDI, V, SLLI, D) X(V, ADDI, V, ADD, D)    \
    X(V, ADDIW, V, SLLI, D) X(V, ADDIW, V, ANDI, D) X(V, ADDW, V, ADDW, D)                     \
    X(V, ADDW, V, ADDIW, D) X(V, ADDW, V, SLLI, D) X(V, MULW, V, ADDW, D)                      \
    X(V, MUL, V, ADD, D) X(V, LI, V, ADDI, D) X(V, LI, V, ADDIW, D) X(V, LI, V, ADD, D)        \
    X(V, SLLIW, V, OR, D) X(V, SRLIW, V, OR, D) X(V, XOR, V, ANDI, D) X(V, XOR, V, XOR, D)     \
    X(V, XOR, V, ADD, D) X(V, XOR, V, AND, D) X(V, XOR, V, SRLI, D) X(V, XOR, V, SLLI, D)      \
    X(V, OR, V, XOR, D) X(V, OR, V, OR, D) X(V, AND, V, OR, D) X(V, AND, V, XOR, D)            \
    X(V, AND, V, SLLI, D) X(V, ANDI, V, SLLI, D) X(V, SUB, V, ADD, D) X(V, SUB, V, SRAI, D)    \
    X(V, ADDI, V, ADDI, I) X(V, ADDI, V, ADD, I) X(V, ADDI, V, ADDW, I) X(V, ADDI, V, LI, I)   \
    X(V, ADDI, V, MULW, I) X(V, ADDIW, V, ADDIW, I) X(V, ADDIW, V, ADDI, I)                    \
    X(V, ADDIW, V, XOR, I) X(V, ADDIW, V, ADD, I) X(V, ADD, V, ADD, I) X(V, ADD, V, ADDI, I)   \
    X(V, ADDW, V, ADDW, I) X(V, ADDW, V, ADDIW, I) X(V, ADDW, V, OR, I)                        \
    X(V, ADDW, V, MULW, I) X(V, LI, V, ADDI, I) X(V, LI, V, LI, I) X(V, MULW, V, ADDW, I)      \
    X(V, OR, V, OR, I) X(V, OR, V, XOR, I) X(V, OR, V, SLLIW, I) X(V, XOR, V, XOR, I)          \
    X(V, XOR, V, AND, I) X(V, XOR, V, SLLI, I) X(V, XOR, V, SRLIW, I) X(V, AND, V, SLLI, I)    \
    X(V, ANDI, V, SRLI, I) X(V, SLLI, V, SLLI, I) X(V, SLLIW, V, OR, I)                        \
    X(V, SLLIW, V, SLLIW, I) X(V, SLLIW, V, SRLIW, I) X(V, SRLI, V, ADDIW, I)                  \
    X(V, SRLI, V, SRLI, I) X(V, SRLIW, V, OR, I) X(V, SRLIW, V, SLLIW, I)                      \
    X(V, SRLIW, V, SRLIW, I) X(V, ADDI, B, BNE, D) X(V, ADDIW, B, BNE, D)                      \
    X(V, ADDW, B, BLTU, D) X(V, ADDW, B, BNE, D) X(V, ADD, B, BLTU, D) X(V, ANDI, B, BEQ, D)   \
    X(V, ANDI, B, BNE, D) X(V, ADDI, B, BEQ, D) X(V, ADDI, B, BNE, I) X(V, ADDI, B, BEQ, I)    \
    X(V, ADDI, B, BLT, I) X(V, ADDI, B, BLTU, I) X(V, ADDI, B, BGEU, I)                        \
    X(V, ADDIW, B, BNE, I) X(V, ADDIW, B, BLT, I) X(V, ADDW, B, BNE, I) X(V, ADD, B, BNE, I)   \
    X(V, SRLI, B, BNE, I) X(V, XOR, B, BEQ, I) X(V, LI, B, BEQ, I) X(V, LI, B, BNE, I)         \
    X(V, LI, B, BLTU, I) X(V, ADD, L, LD, D) X(V, ADD, L, LW, D) X(V, ADD, L, LBU, D)          \
    X(V, ADD, L, LH, D) X(V, ADDI, L, LD, D) X(V, LI, L, LD, D) X(V, LI, L, LW, D)             \
    X(V, ADDI, L, LD, I) X(V, ADDI, L, LW, I) X(V, ADDI, L, LBU, I) X(V, ADDI, L, LH, I)       \
    X(V, XOR, L, LD, I) X(V, ADD, S, SD, D) X(V, ADD, S, SW, D) X(V, ADD, S, SB, D)            \
    X(V, ADDI, S, SD, I) X(V, ADDI, S, SW, I) X(V, ADDI, S, SB, I) X(V, SRLI, S, SD, I)        \
    X(L, LD, V, ADD, D) X(L, LD, V, ADDI, D) X(L, LW, V, ADDW, D) X(L, LW, V, ADDIW, D)        \
    X(L, LD, V, ADDI, I) X(L, LD, V, SLLI, I) X(L, LW, V, ADDI, I) X(L, LH, V, ADDI, I)        \
    X(L, LBU, V, ADDI, I) X(L, LD, B, BEQ, D) X(L, LD, B, BNE, D) X(L, LW, B, BEQ, D)          \
    X(L, LW, B, BNE, D) X(L, LH, B, BNE, D) X(L, LH, B, BGE, D) X(L, LBU, B, BEQ, D)           \
    X(L, LBU, B, BNE, D) X(L, LD, L, LD, I) X(L, LW, L, LW, I) X(L, LH, L, LH, I)              \
    X(L, LBU, L, LBU, I) X(L, LD, S, SD, I) X(L, LW, S, SW, I) X(S, SD, V, ADDI, I)            \
    X(S, SD, V, ADDIW, I) X(S, SW, V, ADDI, I) X(S, SB, V, ADDI, I) X(S, SB, V, ADDW, I)       \
    X(S, SD, L, LD, I) X(S, SD, S, SD, I) X(S, SW, S, SW, I)
/* clang-format on */

enum czi_rv {
#define CZI_DECLARE(name, ...) CZI_RV_##name,
    CZI_OPS(CZI_DECLARE)
#undef CZI_DECLARE
        CZI_RV_COUNT,
    CZI_RV_FIRST_PAIR = CZI_RV_COUNT - 1,
#define CZI_DECLARE(c1, first, c2, second, dep) CZI_RV_##first##_##second##_##dep,
    CZI_PAIRS(CZI_DECLARE)
#undef CZI_DECLARE
        CZI_RV_COUNT_ALL
};

#endif
