/* vm_machine.h - a machine with random programs (vm_generate.h) in its text and a sandbox. */
#ifndef CZI_VM_MACHINE_H
#define CZI_VM_MACHINE_H

#include "elf_fixture.h"
#include "test.h"
#include "vm_generate.h"
#include "vm_qemu.h"

struct vm_machine {
    struct czi_code *code;
    struct czi_space *space;
    unsigned count;
    struct vm_program *programs;
    uint16_t *text;
    uint64_t sandbox[VM_SANDBOX_SIZE / 8];
};

/* Programs of which each is in its slot; they are taken over. Text ends with its page. */
static inline struct vm_machine vm_machine_of(struct vm_program *programs, unsigned count,
                                              uint64_t sandbox_seed)
{
    struct vm_machine m = {.count = count, .programs = programs};
    size_t size = ((size_t)count * VM_SLOT + 4095) & ~(size_t)4095;
    struct czi_rng rng = czi_rng(sandbox_seed);
    struct czi_buf file = {0};
    struct elf_plan plan = {.entry = VM_TEXT, .segment_count = 2};
    cz_error err = {0};

    m.text = malloc(size);
    assert_non_null(m.text);
    for (size_t i = 0; i < size / 2; i++)
        m.text[i] = 0x9002;
    for (unsigned i = 0; i < count; i++)
        memcpy(m.text + (size_t)i * VM_SLOT / 2, programs[i].text, VM_SLOT);
    for (unsigned i = 0; i < VM_SANDBOX_SIZE / 8; i++)
        m.sandbox[i] = vm_corner(&rng);
    plan.segments[0] =
        (struct elf_segment){ELF_LOAD, ELF_R | ELF_X, VM_TEXT, m.text, size, size};
    plan.segments[1] = (struct elf_segment){ELF_LOAD,  ELF_R | ELF_W,   VM_SANDBOX,
                                            m.sandbox, VM_SANDBOX_SIZE, VM_SANDBOX_SIZE};
    elf_build(&file, &plan);
    assert_ok(czi_code_new(file.data, file.len, &m.code, &err), err);
    czi_buf_done(&file);
    assert_ok(czi_space_new(&m.space, &err), err);
    return m;
}
/* Programs of `count` seeds. */
static inline struct vm_machine vm_machine(uint64_t seed, unsigned count,
                                           const struct vm_places *places)
{
    struct vm_program *programs = calloc(count, sizeof *programs);

    assert_non_null(programs);
    for (unsigned i = 0; i < count; i++)
        vm_generate(seed + i, VM_TEXT + (uint64_t)i * VM_SLOT, places, &programs[i]);
    return vm_machine_of(programs, count, seed);
}
static inline void vm_machine_done(struct vm_machine *m)
{
    czi_space_free(m->space);
    czi_code_drop(m->code);
    free(m->programs);
    free(m->text);
}

/* As program i begins, in a space that is loaded again. */
static inline struct czi_hart
vm_machine_begin(const struct vm_machine *m, struct czi_space *space, unsigned i, uint64_t gas)
{
    struct czi_hart h = {0};
    cz_error err = {0};

    assert_ok(czi_space_load(space, m->code, &err), err);
    czi_hart_begin(&h, space, m->code, gas);
    memcpy(h.x, m->programs[i].x, sizeof m->programs[i].x);
    h.x[0] = 0;
    h.pc = m->programs[i].x[0];
    return h;
}

/* Whatever a hart shows; what it does not: x[32]. */
static inline bool vm_hart_equal(const struct czi_hart *a, const struct czi_hart *b)
{
    return memcmp(a->x, b->x, 32 * sizeof *a->x) == 0 && a->pc == b->pc && a->gas == b->gas &&
           a->reserved == b->reserved &&
           (a->reserved == UINT64_MAX || a->reserved_size == b->reserved_size);
}

static inline void vm_print_program(const struct vm_machine *m, unsigned i)
{
    const struct vm_program *p = &m->programs[i];
    char line[CZI_DISASM_MAX];

    for (unsigned r = 1; r < 32; r++)
        fprintf(stderr, "x%u=%#llx%c", r, (unsigned long long)p->x[r], r % 4 == 3 ? '\n' : ' ');
    fprintf(stderr, "\n");
    for (unsigned at = 0; at <= p->count;) {
        uint64_t address = p->x[0] + 2 * (uint64_t)at;
        unsigned length = czi_disasm(czi_code_image(m->code), address, line);

        fprintf(stderr, "%8llx: %04x%04x %s\n", (unsigned long long)address,
                length == 4 ? p->text[at + 1] : 0, p->text[at], length ? line : "?");
        at += length == 4 ? 2 : 1;
    }
}

static inline void vm_print_difference(const char *a_name, const struct czi_hart *a,
                                       const char *b_name, const struct czi_hart *b)
{
    fprintf(stderr, "%s: pc %#llx gas %llu trap %u; %s: pc %#llx gas %llu trap %u\n", a_name,
            (unsigned long long)a->pc, (unsigned long long)a->gas, a->trap, b_name,
            (unsigned long long)b->pc, (unsigned long long)b->gas, b->trap);
    for (unsigned r = 0; r < 32; r++)
        if (a->x[r] != b->x[r])
            fprintf(stderr, "x%u: %s %#llx, %s %#llx\n", r, a_name, (unsigned long long)a->x[r],
                    b_name, (unsigned long long)b->x[r]);
}

#endif
