/* vm_generate.h - random programs of the virtual machine from a seed, for test_vm_qemu.c and
 * test_vm_lockstep.c.
 *
 * Most instructions are well-formed, with few registers so that they meet; loads and stores are
 * about the pointers that a program begins with; jumps go into the program, mostly to where an
 * instruction begins. Some programs have encodings that are none. Nothing says that a program
 * ends: who runs it sets a limit.
 */
#ifndef CZI_VM_GENERATE_H
#define CZI_VM_GENERATE_H

#include "base/rng.h"

#define VM_PROGRAM_HALVES 128

struct vm_program {
    uint64_t x[32];                   /* with which it begins; x[0]: its pc */
    uint16_t text[VM_PROGRAM_HALVES]; /* at pc; ends with breakpoints */
    unsigned count;                   /* halfwords of it that are not the filling at the end */
};
/* Where pointers go. */
struct vm_places {
    uint64_t sandbox, sandbox_size;
    const uint64_t *edges; /* addresses that are worth to be accessed, and those before */
    unsigned edge_count;
    bool has_calls; /* ecall among the instructions */
};
void vm_generate(uint64_t seed, uint64_t address, const struct vm_places *places,
                 struct vm_program *ret);
/* The forms of instructions without jumps, of branches last; and one of them with operands. */
unsigned vm_form_count(void);
uint32_t vm_form(unsigned form, unsigned rd, unsigned rs1, unsigned rs2, uint32_t imm);
/* Numbers at which instructions differ, often. */
uint64_t vm_corner(struct czi_rng *r);

#endif
