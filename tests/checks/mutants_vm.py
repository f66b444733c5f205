"""Faults for mutants.py, of src/vm: how instructions are decoded, paired and carried out, what
memory may be accessed, and how the single-stepper does the same.

Each is found by a test of instructions against the manual, or by one that holds the interpreter
and the stepper against each other.
"""

ISA = "tests/unit/test_vm_isa.c"
MEMORY = "tests/unit/test_vm_isa_memory.c"
SHORT = "tests/unit/test_vm_isa_compressed.c"
LOCKSTEP = "tests/property/test_vm_lockstep.c"

# (what is wrong, file, place, text instead[, the test that finds it])
VM_MUTANTS = [
    # Decoding.
    ("x0 is written", "decode_bits.c", "(uint8_t)(rd ? rd : 32)", "(uint8_t)rd", ISA),
    ("bits above an amount do not matter", "decode_bits.c", "    else if (upper)\n",
     "    else if (false)\n", ISA),
    ("lr has a second operand", "decode_bits.c",
     " || ((op == OP(LR_W) || op == OP(LR_D)) && RS2(b) != 0)", "", ISA),
    ("every function of misc-mem is a fence", "decode_bits.c", "F3(b) < 2 ?", "F3(b) < 8 ?", ISA),
    ("auipc's result is always sign-extended", "decode_bits.c", "OP(LI) : OP(LIU), RD(b)",
     "OP(LI) : OP(LI), RD(b)", ISA),
    ("a branch's bit 11 is lost", "decode_bits.c", "MOVED(b, 7, 1, 11)", "MOVED(b, 7, 1, 10)",
     ISA),
    ("c.addiw to x0 is a hint", "decode_bits.c",
     "return rd ? imm(OP(ADDIW), rd, rd, extend(SIX(c), 6)) : illegal(c);",
     "return imm(OP(ADDIW), rd, rd, extend(SIX(c), 6));", SHORT),
    ("c.addi16sp is not sign-extended", "decode_bits.c", "extend(room, 10)", "(int32_t)room",
     SHORT),
    ("an instruction goes on behind its segment", "decode.c",
     "        if (left < 4)\n            return CZI_TRAP_FETCH;\n", "", ISA),
    ("jalr links four bytes on, compressed or not", "decode.c", "        e.rs2 = d->len;",
     "        e.rs2 = 4;", SHORT),
    ("a run of instructions has no end", "decode.c", "b->run == CZI_RUN_MAX &&",
     "b->run == 100000 &&"),
    ("a sequence that begins in the middle goes on wrongly", "decode.c",
     "pc += code->entries[i].imm;\n        else", "pc += code->entries[i].imm + 2;\n        else"),
    # Pairs.
    ("subtraction may swap its operands", "decode.c", "return op == CZI_RV_ADD ||",
     "return op == CZI_RV_ADD || op == CZI_RV_SUB ||"),
    ("every second instruction needs the first one's value", "decode.c",
     "    if (e->rd == next->rs1)\n", "    if (true)\n"),
    ("what a pair's first computes is not written", "run_pairs.h",
     "    uint64_t t = V_##name(x[ip->rs1], B_##name(ip));                                "
     "           \\\n    x[ip->rd] = t",
     "    uint64_t t = V_##name(x[ip->rs1], B_##name(ip))"),
    ("a pair's second load traps as the first", "run_pairs.h",
     "    LOAD(ip + 1, (a) + IMM(ip + 1),", "    LOAD(ip, (a) + IMM(ip + 1),"),
    # Gas.
    ("what a trap did not retire is paid", "run.c",
     "    gas += ip->n;\n    h->gas = (uint64_t)gas + gas_beyond;\n    return trap(",
     "    h->gas = (uint64_t)gas + gas_beyond;\n    return trap("),
    ("the last instruction that is paid is not carried out", "run.c",
     "    for (unsigned i = 0; i < count; i++) {", "    count--;\n"
     "    for (unsigned i = 0; i < count; i++) {"),
    ("a trap in a tail gives back one too few", "run.c", "(uint8_t)(count - i);",
     "(uint8_t)(count - i - 1);"),
    ("without gas it is asked first what may be fetched", "run.c", "    if (h->gas == 0) {\n",
     "    if (false) {\n", ISA),
    # Values.
    ("mulhsu takes both as signed", "run.c", "(__int128)(int64_t)a * (__int128)b >> 64",
     "(__int128)(int64_t)a * (__int128)(int64_t)b >> 64", ISA),
    ("the most negative number by -1 has a remainder", "run.c",
     "return b == -1 ? 0 : (uint64_t)(a % b);", "return b == -1 ? 1 : (uint64_t)(a % b);", ISA),
    ("divuw of zero is not sign-extended", "run.c",
     "word((uint32_t)(b) ? (uint64_t)((uint32_t)(a) / (uint32_t)(b)) : UINT64_MAX)",
     "((uint32_t)(b) ? word((uint32_t)(a) / (uint32_t)(b)) : UINT32_MAX)", ISA),
    ("sraw shifts by six bits", "run.c", "((int32_t)(uint32_t)(a) >> ((b) & 31))",
     "((int64_t)(int32_t)(uint32_t)(a) >> ((b) & 63))", ISA),
    ("bgeu compares signed", "run.c", "#define C_BGEU(a, b) ((a) >= (b))",
     "#define C_BGEU(a, b) ((int64_t)(a) >= (int64_t)(b))", ISA),
    ("jalr keeps the low bit", "run_control.h", "at = (at + IMM(ip)) & ~UINT64_C(1);",
     "at = at + IMM(ip);", ISA),
    ("jalr jumps to what it wrote", "run_control.h",
     "op_JALR : at = x[ip->rs1];\nLINK(ip->rs2);", "op_JALR : LINK(ip->rs2);\nat = x[ip->rs1];",
     ISA),
    # Memory.
    ("lwu extends the sign", "ops.h", "X(LWU, uint32_t, 2)", "X(LWU, int32_t, 2)", MEMORY),
    ("amominu.w compares signed", "ops.h", "(uint32_t)v < (uint32_t)b", "(int32_t)v < (int32_t)b",
     MEMORY),
    ("sc does not end the reservation", "run_memory.h",
     "        h->reserved = UINT64_MAX;                                                        "
     "      \\\n", "", MEMORY),
    ("sc does not mind the size", "run_memory.h",
     "h->reserved == value && h->reserved_size == sizeof(type);", "h->reserved == value;",
     MEMORY),
    ("sc that fails needs no memory", "run_memory.h",
     "else if (!czi_space_can(space, value, sizeof(type), true))", "else if (false)", MEMORY),
    ("what is not aligned is as fast", "run.c", "log2 ? a >> log2 | a << (64 - log2) : a;",
     "a >> log2;", MEMORY),
    ("a range's last page is not asked", "space.c",
     "page <= PAGE_OF(last); page++)\n        if (!can_page", "page < PAGE_OF(last); page++)\n"
     "        if (!can_page", MEMORY),
    ("a window is a byte longer", "space.c", "offset % CZ_GUEST_WINDOW_SIZE < w->len",
     "offset % CZ_GUEST_WINDOW_SIZE <= w->len", MEMORY),
    ("a page that was written is not known to be", "space.c",
     "    s->dirty[s->dirty_count++] = (uint16_t)page;\n", "    s->dirty[s->dirty_count] = "
     "(uint16_t)page;\n"),
    # The stepper.
    ("step: a trap is paid", "step.c", "    if (stop == CZI_STOP_TRAP)\n        return stop;\n", "",
     ISA),
    ("step: a carry of mulhu is lost", "step.c", "a1 * b1 + (middle >> 32) + (other >> 32)",
     "a1 * b1 + (middle >> 32)", ISA),
    ("step: a remainder has the divisor's sign", "step.c",
     "return a >> 63 ? 0 - size_a % size_b", "return b >> 63 ? 0 - size_a % size_b", ISA),
    ("step: words of atomics are not sign-extended", "step.c",
     "amo_result(funct5, old, extend(rs2_value(s), 8 * size), &v);",
     "amo_result(funct5, old, rs2_value(s), &v);", MEMORY),
    ("step: atomics may be anywhere", "step.c", "    if (address % size != 0)\n",
     "    if (false)\n", MEMORY),
    ("step: c.sdsp loses a bit", "step.c", "moved(c, 10, 3, 3) | moved(c, 7, 3, 6)",
     "moved(c, 10, 3, 3) | moved(c, 7, 2, 6)", SHORT),
    ("step: c.jalr does not link", "step.c", "i_form(JALR, 0, X_RA, rd, 0)",
     "i_form(JALR, 0, X_ZERO, rd, 0)", SHORT),
]
