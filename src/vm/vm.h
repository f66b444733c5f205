/* vm.h - the virtual machine: RV64IMAC with exact gas, decoded once and run in a flat memory.
 *
 * Layer: vm. Rules: docs/reference/vm.md (R17). No clock, randomness, float, lock or thread. A
 * *code* is immutable and may be shared by threads; a *space* and a *hart* belong to one thread
 * at a time.
 *
 * Files: elf.c (what a file says), decode.c (code), run.c (blockwise), step.c (one instruction,
 * from the bytes, written apart from decode.c and run.c so that each checks the other),
 * space.c (memory), disasm.c (text).
 */
#ifndef CZI_VM_H
#define CZI_VM_H

#include "base/bytes.h"
#include "causality/causality.h"
#include "causality/guest.h"

/* ---- What a file says (elf.c) ------------------------------------------------------------ */

#define CZI_SEGMENTS_MAX 16

enum { CZI_PAGE_READ = 1, CZI_PAGE_WRITE = 2, CZI_PAGE_EXEC = 4 };

struct czi_segment {
    uint64_t address, memory_size;
    struct czi_slice bytes; /* in the file; the rest is zero */
    uint8_t mode;           /* of CZI_PAGE_*; write and exec never together */
};
struct czi_symbol {
    uint64_t address, size;
    struct czi_slice name; /* in the file, without a zero */
};
/* A checked view of a static RV64 ELF: everything points into the file, which must stay. */
struct czi_image {
    /* Ascending, not overlapping; those that lie in one page have one mode. */
    struct czi_segment segments[CZI_SEGMENTS_MAX];
    unsigned segment_count;
    uint64_t entry, end;             /* end: first page boundary after all of them */
    struct czi_slice access;         /* section .causality.access; empty: none */
    struct czi_slice symtab, strtab; /* for people; empty: stripped */
};
/* CZ_INVALID says what is wrong, at which offset of the file, and what to do; CZ_LIMIT. Every
 * segment can be read. Those that lie in one page have both modes together; write and execute
 * never meet so: CZ_INVALID. */
CZI_MUST_USE int czi_elf_read(const void *file, size_t len, struct czi_image *ret,
                              cz_error *err);
/* The function or object at an address; false: none is known. */
bool czi_elf_symbol(const struct czi_image *image, uint64_t address, struct czi_symbol *ret);
/* Symbol number i, for walks; false: it is none for people. Of several at one address, that of
 * the highest rank names it. */
size_t czi_elf_symbol_count(const struct czi_image *image);
bool czi_elf_symbol_at(const struct czi_image *image, size_t i, struct czi_symbol *ret,
                       unsigned *ret_rank);
/* The section .causality.access as entries, which were checked with the file. CZ_INVALID when
 * the file does not lie at an even address; a code's own copy does. */
CZI_MUST_USE int czi_elf_template(const struct czi_image *image,
                                  const struct cz_template_entry **ret, size_t *ret_count,
                                  cz_error *err);

/* ---- Code (decode.c) --------------------------------------------------------------------- */

struct czi_code;
/* Decodes all that can be executed; the file is copied. Reference-counted, atomically. Cost:
 * about 20 ns for each halfword. CZ_INVALID, CZ_LIMIT, CZ_NOMEM. */
CZI_MUST_USE int czi_code_new(const void *file, size_t len, struct czi_code **ret,
                              cz_error *err);
struct czi_code *czi_code_ref(struct czi_code *code);
void czi_code_drop(struct czi_code *code); /* NULL: no-op */
const struct czi_image *czi_code_image(const struct czi_code *code);
const cz_id *czi_code_hash(const struct czi_code *code); /* BLAKE3 of the file */
struct czi_code_info {
    uint64_t instructions, blocks, compressed, atomics, unknown;
    bool provable; /* RV64IM only: nothing compressed, no atomics */
    size_t decoded_bytes;
};
struct czi_code_info czi_code_info(const struct czi_code *code);

/* ---- Memory (space.c) -------------------------------------------------------------------- */

struct czi_space;
/* Addresses are reserved, pages touched when they are. CZ_NOMEM. */
CZI_MUST_USE int czi_space_new(struct czi_space **ret, cz_error *err);
void czi_space_free(struct czi_space *s); /* NULL: no-op */
/* Maps a code's segments, heap and first stack as they are at the beginning of a run, and
 * nothing else. Loading the same code again forgets only what was written: the quick reset.
 * Keeps a reference to the code. Cost: 1 ns for each page that was written, 0.05 us for another
 * code; each page is filled when it is touched again, 0.05 us. Never fails. */
CZI_MUST_USE int czi_space_load(struct czi_space *s, struct czi_code *code, cz_error *err);
/* Forgets everything. */
void czi_space_clear(struct czi_space *s);
/* Input, read-only, copied; output so far. */
void czi_space_set_input(struct czi_space *s, struct czi_slice input);
void czi_space_set_output(struct czi_space *s, struct czi_slice output);
/* The stack of a forked task, 1 to CZ_GUEST_TASKS_MAX-1; its top address. Zero at first. */
uint64_t czi_space_stack(struct czi_space *s, unsigned task);
void czi_space_drop_stack(struct czi_space *s, unsigned task);

/* Windows. The bytes are copied when they are first touched, so must stay until the next load,
 * clear or unmap. Within the space the window is the resource's contents. */
void czi_space_map(struct czi_space *s, unsigned window, struct czi_slice bytes, bool writable);
void czi_space_unmap(struct czi_space *s, unsigned window);
/* Its contents as they are now (a pointer into the space, or to the bytes given), whether it
 * was written, read. */
struct czi_slice czi_space_window(const struct czi_space *s, unsigned window);
bool czi_space_window_written(const struct czi_space *s, unsigned window);
bool czi_space_window_read(const struct czi_space *s, unsigned window);
/* Cut, or grown with zeroes; at most CZ_GUEST_WINDOW_SIZE. Counts as written. */
void czi_space_resize(struct czi_space *s, unsigned window, size_t len);

/* All access of the host's: false when a byte of it is not mapped so; then nothing is copied.
 * Never wraps. */
CZI_MUST_USE bool czi_space_read(struct czi_space *s, uint64_t address, void *to, size_t len);
CZI_MUST_USE bool czi_space_write(struct czi_space *s, uint64_t address, const void *from,
                                  size_t len);
/* Whether a range may be written / read, without doing it. len 0: true. */
bool czi_space_can(struct czi_space *s, uint64_t address, size_t len, bool write);
/* How many pages were written since load. */
unsigned czi_space_dirty(const struct czi_space *s);

/* ---- A hart (run.c, step.c) -------------------------------------------------------------- */

enum czi_stop {
    CZI_STOP_NONE, /* czi_vm_step only: go on */
    CZI_STOP_CALL, /* ecall: retired, paid, pc is behind it, number in x[17] */
    CZI_STOP_TRAP, /* pc: the instruction, which is neither retired nor paid; trap says why */
    CZI_STOP_GAS,  /* pc: the next instruction, for which there is no gas; gas is 0 */
};
enum czi_trap {
    CZI_TRAP_NONE,
    CZI_TRAP_ILLEGAL,    /* no instruction of RV64IMAC; value: its bits */
    CZI_TRAP_FETCH,      /* pc is odd, or not all of it in executable segments; value: pc */
    CZI_TRAP_LOAD,       /* value: address */
    CZI_TRAP_STORE,      /* value: address; sc that would fail and AMOs too */
    CZI_TRAP_MISALIGNED, /* an atomic; value: address */
    CZI_TRAP_BREAK,      /* ebreak; value: 0 */
    CZI_TRAP_CALL,       /* of embedders: a call that must not be; value: its number */
};
const char *czi_trap_text(enum czi_trap trap);

struct czi_hart {
    uint64_t x[33]; /* x[0] is 0 whenever a hart rests; x[32] takes writes to x0 */
    uint64_t pc;
    uint64_t gas; /* left; one each retired instruction */
    uint64_t
        reserved; /* address of lr, UINT64_MAX: none. sc clears it, and embedders at calls */
    uint64_t trap_value;
    uint8_t trap, reserved_size;
    struct czi_space *space;
    const struct czi_code *code;
};
/* As the first task begins: pc at the entry, sp below an argc of 0 at the stack's top, a0 the
 * input's address and a1 its length, all else 0. */
void czi_hart_begin(struct czi_hart *h, struct czi_space *s, const struct czi_code *code,
                    uint64_t gas);
/* Runs until something is to be told. Of each instruction it is asked, in this order: is there
 * gas, may it be fetched (its 2 or 4 bytes lie in [address, address + memory_size) of one
 * executable segment), is it one of ours, is an atomic's address aligned, may memory be
 * accessed. Exact: at every gas and every trap the registers, memory and gas are those of
 * czi_vm_step called again and again. */
enum czi_stop czi_vm_run(struct czi_hart *h);
enum czi_stop czi_vm_step(struct czi_hart *h);

/* "add a0,sp,-16" for the instruction at an address of the image; its length, 2 or 4, 0:
 * there is none. Names, registers and aliases as binutils writes them. */
#define CZI_DISASM_MAX 96
unsigned czi_disasm(const struct czi_image *image, uint64_t address, char out[CZI_DISASM_MAX]);

#endif
