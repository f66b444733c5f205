/* run_values.h - handlers of instructions that give one value and cannot trap.
 *
 * Layer: vm, a piece of run() in run.c.
 */

#define DO_REG(name)                                                                           \
    op_##name : x[ip->rd] = V_##name(x[ip->rs1], REG(ip));                                     \
    NEXT(1);
#define DO_IMM(name)                                                                           \
    op_##name : x[ip->rd] = V_##name(x[ip->rs1], IMM(ip));                                     \
    NEXT(1);

CZI_OPS_REG(DO_REG)
CZI_OPS_IMM(DO_IMM)

op_LI : x[ip->rd] = IMM(ip);
NEXT(1);
op_LIU : x[ip->rd] = (uint32_t)ip->imm;
NEXT(1);
op_NOP : NEXT(1);

#undef DO_REG
#undef DO_IMM
