/* code.h - decoded code, as decode.c makes it and run.c goes through it.
 *
 * Layer: vm, internal. Threads: a code is immutable once czi_code_new has returned it.
 *
 * Entries are contiguous, an instruction each, in the order of addresses as far as a sweep
 * from a segment's beginning finds them. Where a jump may land between two of them (in the
 * middle of four bytes) another sequence begins, which goes on by itself until it meets one
 * that is there: so every even address has one meaning, and one entry.
 *
 *   C1  An entry's n is how many instructions run from it, itself included, until one that may
 *       jump, call or must trap: whoever begins there pays n. EDGE counts as one, since it is
 *       asked for gas; GOTO and GAS_OUT count 0.
 *   C2  In such a run entries are neighbours, and a GOTO stands nowhere but at its end.
 *   C3  A handler may carry out its own and following entries of its run at once. The entries
 *       behind it are complete all the same, for who jumps there.
 */
#ifndef CZI_VM_CODE_H
#define CZI_VM_CODE_H

#include "vm/ops.h"
#include "vm/vm.h"

#include <stdatomic.h>

struct czi_entry {
    const void *handler; /* a label in run.c */
    uint8_t rd;          /* 32 instead of 0; stores: none */
    uint8_t rs1, rs2;    /* jal: rs1, jalr: rs2 is the instruction's length */
    uint8_t n;
    int32_t imm; /* jumps and branches: bytes from this entry to the target's; ILLEGAL: bits */
};
_Static_assert(sizeof(struct czi_entry) == 16, "four to a cache line");

/* Longest run of instructions that pays at once; n is a byte. */
#define CZI_RUN_MAX 128u

struct czi_code {
    struct czi_entry *entries; /* [0] is none: a place of 0 in map says that there is nothing */
    uint32_t *map;             /* (pc - base) / 2 -> place in entries */
    uint64_t base, span;       /* bytes, even */
    int32_t *pcs;              /* of each entry, sign-extended: an EDGE's may be anything */
    uint32_t count;
    atomic_uint references;
    struct czi_image image; /* of file */
    uint8_t *file;
    size_t file_len;
    cz_id hash;
    struct czi_code_info info;
};

/* ---- One instruction (decode_bits.c) ----------------------------------------------------- */

struct czi_decoded {
    uint8_t op, rd, rs1, rs2;
    uint8_t len; /* 2 or 4 */
    int32_t imm; /* jal and branches: bytes from pc to the target */
};
/* Any bits: those that are no instruction give CZI_RV_ILLEGAL. pc: below 2^31. */
struct czi_decoded czi_decode(uint32_t bits, uint64_t pc);

/* ---- Between decode.c and run.c ---------------------------------------------------------- */

/* Labels by enum czi_rv. */
const void *const *czi_run_handlers(void);
/* The i-th entry as it is for itself, whatever its handler is; not one that ends a run. */
struct czi_entry czi_code_plain(const struct czi_code *code, uint32_t i);
/* The instruction's bits: CZI_TRAP_NONE, or CZI_TRAP_FETCH. */
enum czi_trap czi_code_fetch(const struct czi_code *code, uint64_t pc, uint32_t *ret_bits);
/* The entry at an address; 0: none. */
static inline uint32_t czi_code_find(const struct czi_code *code, uint64_t pc)
{
    uint64_t offset = pc - code->base;

    return offset < code->span && !(offset & 1) ? code->map[offset / 2] : 0;
}

#endif
