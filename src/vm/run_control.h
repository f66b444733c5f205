/* run_control.h - handlers of what ends a run of instructions.
 *
 * Layer: vm, a piece of run() in run.c. None of these is ever in a tail, but GAS_OUT.
 */

/* Where entry e goes. */
#define JUMP(e)                                                                                \
    do {                                                                                       \
        ip = (const struct czi_entry *)(const void *)((const char *)(e) + (e)->imm);           \
        BEGIN();                                                                               \
    } while (0)
/* Behind entry e. */
#define FALL(e)                                                                                \
    do {                                                                                       \
        ip = (e) + 1;                                                                          \
        BEGIN();                                                                               \
    } while (0)
/* Where jalr goes: `at` is its register's value, of before it writes one. */
#define JUMP_AT()                                                                              \
    do {                                                                                       \
        at = (at + IMM(ip)) & ~UINT64_C(1);                                                    \
        place = czi_code_find(h->code, at);                                                    \
        if (CZI_UNLIKELY(!place))                                                              \
            goto nowhere;                                                                      \
        ip = entries + place;                                                                  \
        BEGIN();                                                                               \
    } while (0)
#define LINK(len) x[ip->rd] = (uint64_t)(int64_t)h->code->pcs[ip - entries] + (len)

#define DO_BRANCH(name)                                                                        \
    op_##name : if (C_##name(x[ip->rs1], x[ip->rs2])) JUMP(ip);                                \
    FALL(ip);

CZI_OPS_BRANCH(DO_BRANCH)

op_JAL : LINK(ip->rs1);
JUMP(ip);
op_J : JUMP(ip);
op_GOTO : JUMP(ip);
op_JALR : at = x[ip->rs1];
LINK(ip->rs2);
JUMP_AT();
op_JR : at = x[ip->rs1];
JUMP_AT();

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

#undef JUMP_AT
#undef LINK
#undef DO_BRANCH
