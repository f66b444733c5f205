/* disasm.h - what disasm.c shares with those that walk over code.
 *
 * Layer: vm. Threads: pure functions.
 */
#ifndef CZI_VM_DISASM_H
#define CZI_VM_DISASM_H

#include "vm/vm.h"

/* 2 or 4, by the lowest bits. */
unsigned czi_disasm_length(uint32_t bits);
/* The bits at an address of a segment and how many bytes they are: 0 when none begins there, 2
 * with the low half of a longer one when the rest lies behind the end. */
unsigned czi_disasm_fetch(const struct czi_segment *s, uint64_t address, uint32_t *ret_bits);
/* Text of an instruction, of 2 bytes or 4 by its lowest bits, and where it jumps to
 * (UINT64_MAX: nowhere, or who knows). False: it is none. */
bool czi_disasm_bits(uint32_t bits, uint64_t address, char out[CZI_DISASM_MAX],
                     uint64_t *ret_target);

#endif
