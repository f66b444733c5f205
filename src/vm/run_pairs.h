/* run_pairs.h - handlers of two instructions at once (ops.h, CZI_PAIRS).
 *
 * Layer: vm, a piece of run() in run.c. The second is the entry behind the first one: what
 * both do is what they do one after the other. t: the value that the first one wrote.
 */

/* Second operands by op. */
#define B_ADD REG
#define B_SUB REG
#define B_XOR REG
#define B_OR REG
#define B_AND REG
#define B_ADDW REG
#define B_MUL REG
#define B_MULW REG
#define B_ADDI IMM
#define B_ANDI IMM
#define B_SLLI IMM
#define B_SRLI IMM
#define B_SRAI IMM
#define B_ADDIW IMM
#define B_SLLIW IMM
#define B_SRLIW IMM
#define B_LI IMM
/* Types in memory, and logarithms of their sizes. */
#define T_LD uint64_t
#define T_LW int32_t
#define T_LH int16_t
#define T_LBU uint8_t
#define T_SD uint64_t
#define T_SW uint32_t
#define T_SB uint8_t
#define G_LD 3
#define G_LW 2
#define G_LH 1
#define G_LBU 0
#define G_SD 3
#define G_SW 2
#define G_SB 0

/* rs1's value of the second one. */
#define A_D t
#define A_I x[ip[1].rs1]

#define FIRST_V(name)                                                                          \
    uint64_t t = V_##name(x[ip->rs1], B_##name(ip));                                           \
    x[ip->rd] = t
#define FIRST_L(name)                                                                          \
    LOAD(ip, x[ip->rs1] + IMM(ip), T_##name, G_##name, first_);                                \
    uint64_t t = (uint64_t)(int64_t)first_;                                                    \
    x[ip->rd] = t
#define FIRST_S(name) STORE(ip, x[ip->rs1] + IMM(ip), T_##name, G_##name)

#define SECOND_V(name, a)                                                                      \
    x[ip[1].rd] = V_##name(a, B_##name(ip + 1));                                               \
    NEXT(2)
#define SECOND_L(name, a)                                                                      \
    LOAD(ip + 1, (a) + IMM(ip + 1), T_##name, G_##name, second_);                              \
    x[ip[1].rd] = (uint64_t)(int64_t)second_;                                                  \
    NEXT(2)
#define SECOND_S(name, a)                                                                      \
    STORE(ip + 1, (a) + IMM(ip + 1), T_##name, G_##name);                                      \
    NEXT(2)
#define SECOND_B(name, a)                                                                      \
    if (C_##name(a, x[ip[1].rs2]))                                                             \
        JUMP(ip + 1);                                                                          \
    FALL(ip + 1)

#define DO_PAIR(c1, first, c2, second, dep)                                                    \
    op_##first##_##second##_##dep:                                                             \
    {                                                                                          \
        FIRST_##c1(first);                                                                     \
        SECOND_##c2(second, A_##dep);                                                          \
    }

CZI_PAIRS(DO_PAIR)
