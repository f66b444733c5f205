/* analyse_step.h - an instruction as analyse.c sees it.
 *
 * Layer: vm; for analyse*.c only.
 */
#ifndef CZI_ANALYSE_STEP_H
#define CZI_ANALYSE_STEP_H

#include "vm/vm.h"

enum czi_step_kind {
    CZI_STEP_END,           /* none of ours, or not all of it is there */
    CZI_STEP_NONE,          /* writes no register */
    CZI_STEP_WRITES,        /* rd, with what is not followed */
    CZI_STEP_SET,           /* rd = imm */
    CZI_STEP_PC,            /* rd = pc + imm */
    CZI_STEP_ADDI,          /* rd = rs1 + imm */
    CZI_STEP_ADDIW,         /* the same in 32 bits */
    CZI_STEP_SLLI,          /* rd = rs1 << imm */
    CZI_STEP_ADD,           /* rd = rs1 + rs2 */
    CZI_STEP_BRANCH,        /* to pc + imm, or not */
    CZI_STEP_JUMP,          /* to pc + imm; rd = behind it */
    CZI_STEP_JUMP_REGISTER, /* to rs1 + imm; rd = behind it */
    CZI_STEP_CALL,          /* ecall */
};
struct czi_step {
    uint8_t kind, len, rd, rs1, rs2;
    int64_t imm;
};
/* The one that the text begins with. */
struct czi_step czi_step_decode(struct czi_slice text);

#endif
