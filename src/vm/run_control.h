/* run_control.h - handlers of what ends a run of instructions.
 *
 * Layer: vm, a piece of run() in run.c. None of these is ever in a tail, but GAS_OUT.
 */

#define JUMP()                                                                                 \
    do {                                                                                       \
        ip = (const struct czi_entry *)(const void *)((const char *)ip + ip->imm);             \
        BEGIN();                                                                               \
    } while (0)
#define FALL(count)                                                                            \
    do {                                                                                       \
        ip += (count);                                                                         \
        BEGIN();                                                                               \
    } while (0)

#define DO_BRANCH(name, condition)                                                             \
    op_##name:                                                                                 \
    {                                                                                          \
        uint64_t a = x[ip->rs1], b = x[ip->rs2];                                               \
                                                                                               \
        if (condition)                                                                         \
            JUMP();                                                                            \
        FALL(1);                                                                               \
    }

CZI_OPS_BRANCH(DO_BRANCH)

op_JAL : x[ip->rd] = pc_of(h, ip) + ip->rs1;
JUMP();
op_J : op_GOTO : JUMP();
op_JALR : at = x[ip->rs1];
x[ip->rd] = pc_of(h, ip) + ip->rs2;
goto jump_to;
op_JR : at = x[ip->rs1];
jump_to : at = (at + IMM(ip)) & ~UINT64_C(1);
place = czi_code_find(h->code, at);
if (CZI_UNLIKELY(!place))
    goto nowhere;
ip = h->code->entries + place;
BEGIN();

op_ECALL : /* retired, and paid */
           h->pc = pc_of(h, ip) + 4;
h->gas = (uint64_t)gas + gas_beyond;
return CZI_STOP_CALL;
op_EBREAK : kind = CZI_TRAP_BREAK;
value = 0;
goto stop_at_ip;
op_ILLEGAL : kind = CZI_TRAP_ILLEGAL;
value = (uint32_t)ip->imm;
goto stop_at_ip;
op_EDGE : /* paid like an instruction, which it is not */
          at = pc_of(h, ip);
gas += ip->n;
goto nowhere;

#undef JUMP
#undef FALL
#undef DO_BRANCH
