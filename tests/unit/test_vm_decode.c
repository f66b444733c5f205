/* test_vm_decode.c - code: what decoding makes of a file, entries that stand for two
 * instructions, and what running out of memory leaves.
 */
#include "base/alloc.h"
#include "codec/blake3.h"
#include "unit/vm_fixture.h"
#include "vm/code.h"

static void numbers_of_a_code_are_those_of_its_text(void **state)
{
    /* c.li a0, 1; c.addi a0, -1; an amoadd.w; a word that is nothing; a branch; an ecall. */
    static const uint32_t text[] = {0x157d4505, 0x00a5252f, 0xffffffff, 0x00000063, ECALL};
    struct czi_code *code = vm_code(text, sizeof text);
    struct czi_code_info info = czi_code_info(code);

    (void)state;
    assert_int_equal(info.instructions, 5);
    assert_int_equal(info.compressed, 2);
    assert_int_equal(info.atomics, 1);
    assert_int_equal(info.unknown, 1);
    assert_int_equal(info.blocks, 2);
    assert_false(info.provable);
    czi_code_drop(code);
}

static void whole_words_without_atomics_are_provable(void **state)
{
    static const uint32_t text[] = {0x00150513, ECALL};
    struct czi_code *code = vm_code(text, sizeof text);

    (void)state;
    assert_true(czi_code_info(code).provable);
    czi_code_drop(code);
}

static void a_code_keeps_a_copy_and_the_hash_of_its_file(void **state)
{
    static const uint32_t text[] = {ECALL};
    struct elf_plan plan = {.entry = TEXT,
                            .segments = {{ELF_LOAD, ELF_R | ELF_X, TEXT, text, 4, 4}},
                            .segment_count = 1};
    CZI_AUTOBUF file = {0};
    struct czi_code *code;
    uint8_t hash[32];
    cz_error err = {0};

    (void)state;
    elf_build(&file, &plan);
    czi_blake3(file.data, file.len, hash);
    assert_ok(czi_code_new(file.data, file.len, &code, &err), err);
    memset(file.data, 0, file.len);
    assert_memory_equal(czi_code_hash(code)->bytes, hash, 32);
    assert_memory_equal(czi_code_image(code)->segments[0].bytes.data, text, 4);
    assert_ptr_equal(czi_code_ref(code), code);
    czi_code_drop(code);
    assert_int_equal(czi_code_image(code)->entry, TEXT); /* somebody else has it still */
    czi_code_drop(code);
    czi_code_drop(NULL);
}

static void what_is_no_program_is_refused_with_its_reason(void **state)
{
    struct czi_code *code = NULL;
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_code_new("no", 2, &code, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "ELF"));
    assert_null(code);
}

/* Every even address of the file's bytes has an entry; others have none. */
static void each_even_address_has_one_meaning(void **state)
{
    struct czi_rng rng = czi_rng(7);
    uint32_t text[64];
    struct czi_code *code;

    (void)state;
    for (unsigned i = 0; i < 64; i++)
        text[i] = (uint32_t)czi_rng_next(&rng);
    code = vm_code(text, sizeof text);
    for (uint64_t at = 0; at < sizeof text; at++) {
        uint32_t place = czi_code_find(code, TEXT + at), bits;
        bool is_cut = czi_code_fetch(code, TEXT + at, &bits) != CZI_TRAP_NONE;

        assert_int_equal(place != 0, at % 2 == 0 && !is_cut);
        if (place)
            assert_int_equal(code->pcs[place], TEXT + at);
    }
    assert_int_equal(czi_code_find(code, TEXT - 2), 0);
    assert_int_equal(czi_code_find(code, TEXT + sizeof text), 0);
    czi_code_drop(code);
}

/* A huge executable segment of zeroes costs nothing: they are not in the file. */
static void zeroes_behind_the_file_are_illegal_without_being_decoded(void **state)
{
    static const uint32_t text[] = {0x00150513, 0x00150513};
    struct elf_plan plan = {
        .entry = TEXT,
        .segments = {{ELF_LOAD, ELF_R | ELF_X, TEXT, text, 8, CZ_GUEST_IMAGE_END - TEXT}},
        .segment_count = 1,
    };
    CZI_AUTOBUF file = {0};
    CZI_CLEANUP(vm_end) struct vm vm = {0};

    (void)state;
    elf_build(&file, &plan);
    assert_ok(czi_code_new(file.data, file.len, &vm.code, &vm.err), vm.err);
    assert_true(czi_code_info(vm.code).decoded_bytes < 1000);
    assert_ok(czi_space_new(&vm.space, &vm.err), vm.err);
    vm_load(&vm, 10);
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_ILLEGAL);
    assert_int_equal(vm.hart.trap_value, 0);
    assert_int_equal(vm.hart.pc, TEXT + 8);
    assert_int_equal(vm.hart.gas, 8);
    vm.hart.pc = CZ_GUEST_IMAGE_END - 2;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_ILLEGAL);
}

/* ---- Two at once ------------------------------------------------------------------------- */

/* Random instructions of one op, by decoding random bits of its forms until one is it. */
static uint32_t bits_of(struct czi_rng *rng, unsigned op)
{
    static const uint8_t opcodes[] = {0x33, 0x3b, 0x13, 0x1b, 0x03, 0x23, 0x63, 0x37};
    static const uint8_t f7[] = {0, 1, 0x20};

    for (;;) {
        uint32_t r = (uint32_t)czi_rng_next(rng);
        unsigned opcode = opcodes[czi_rng_next(rng) % CZI_COUNTOF(opcodes)];
        uint32_t bits = (r & ~0x7fu) | opcode;

        if (opcode == 0x33 || opcode == 0x3b || (opcode == 0x1b && czi_rng_next(rng) % 2))
            bits = (bits & 0x01ffffffu) | (uint32_t)f7[czi_rng_next(rng) % 3] << 25;
        if (opcode == 0x13 && czi_rng_next(rng) % 2)
            bits = (bits & 0x03ffffffu) | (uint32_t)(czi_rng_next(rng) % 2 ? 0x10 : 0) << 26;
        if (czi_decode(bits, TEXT).op == op)
            return bits;
    }
}

/* Registers of both are drawn from three, so that each pattern of equal ones comes. */
static uint32_t with_registers(struct czi_rng *rng, uint32_t bits)
{
    static const uint8_t few[] = {A0, A1, A2, X0};
    unsigned opcode = bits & 0x7f;
    unsigned rd = few[czi_rng_next(rng) % 4], rs1 = few[czi_rng_next(rng) % 3];
    unsigned rs2 = few[czi_rng_next(rng) % 3];

    if (opcode != 0x23 && opcode != 0x63)
        bits = (bits & ~(31u << 7)) | rd << 7;
    if (opcode != 0x37 && ((bits >> 15 & 31) != 0 || opcode != 0x13))
        bits = (bits & ~(31u << 15)) | rs1 << 15;
    if (opcode == 0x33 || opcode == 0x3b || opcode == 0x23 || opcode == 0x63)
        bits = (bits & ~(31u << 20)) | rs2 << 20;
    return bits;
}

static void compare(struct vm *vm, const struct czi_hart *first, const char *name)
{
    struct czi_hart h = *first, g = *first;
    uint8_t ours[DATA_SIZE], theirs[DATA_SIZE];
    enum czi_stop stop;

    assert_ok(czi_space_load(vm->space, vm->code, &vm->err), vm->err);
    stop = czi_vm_run(&h);
    assert_true(czi_space_read(vm->space, DATA, ours, sizeof ours));
    assert_ok(czi_space_load(vm->space, vm->code, &vm->err), vm->err);
    while (czi_vm_step(&g) == CZI_STOP_NONE)
        continue;
    assert_true(czi_space_read(vm->space, DATA, theirs, sizeof theirs));
    if (h.pc != g.pc || h.gas != g.gas || memcmp(h.x, g.x, sizeof(uint64_t[32])) != 0 ||
        memcmp(ours, theirs, sizeof ours) != 0 ||
        (stop == CZI_STOP_TRAP && (h.trap != g.trap || h.trap_value != g.trap_value)))
        fail_msg("%s: pc 0x%llx, not 0x%llx; gas %llu, not %llu", name,
                 (unsigned long long)h.pc, (unsigned long long)g.pc, (unsigned long long)h.gas,
                 (unsigned long long)g.gas);
}

/* One pair, some hundred times: registers equal or not, addresses that can be accessed, cannot,
 * or are not aligned, each number of instructions that there may be gas for. */
static void compare_pair(struct vm *vm, unsigned first, unsigned second, const char *name)
{
    struct czi_rng rng = czi_rng(first * 256 + second);

    for (unsigned round = 0; round < 60; round++) {
        uint32_t text[4] = {with_registers(&rng, bits_of(&rng, first)),
                            with_registers(&rng, bits_of(&rng, second)), 0x00150513, ECALL};

        vm->code = vm_code(text, sizeof text);
        for (unsigned gas = 0; gas < 5; gas++) {
            vm_load(vm, gas);
            for (unsigned i = 1; i < 32; i++)
                vm->hart.x[i] = czi_rng_next(&rng) % 3 ? DATA + czi_rng_next(&rng) % 500 * 8
                                                       : czi_rng_next(&rng);
            compare(vm, &vm->hart, name);
            vm->hart.pc = TEXT + 4; /* the second is there for itself too */
            compare(vm, &vm->hart, name);
        }
        czi_code_drop(vm->code);
        vm->code = NULL;
    }
}

static void two_at_once_do_what_they_do_one_by_one(void **state)
{
    CZI_CLEANUP(vm_end) struct vm vm = {0};

    (void)state;
    assert_ok(czi_space_new(&vm.space, &vm.err), vm.err);
#define COMPARE(c1, first, c2, second, dep)                                                    \
    compare_pair(&vm, CZI_RV_##first, CZI_RV_##second, #first " " #second);
    CZI_PAIRS(COMPARE)
#undef COMPARE
}

/* All of them, not by accident only some: what stands in the table is what decoding gives. */
static void pairs_are_found(void **state)
{
    const void *const *handlers = czi_run_handlers();
    /* addi a0, a0, 1; bne a0, a1; slli a2, a2, 32; srli a2, a2, 32; ld a0, 0(sp); ld a1, 8(sp)
     */
    static const uint32_t text[] = {0x00150513, 0x00b51463, 0x02061613, 0x02065613,
                                    0x00013503, 0x00813583, ECALL};
    struct czi_code *code = vm_code(text, sizeof text);

    (void)state;
    assert_ptr_equal(code->entries[czi_code_find(code, TEXT)].handler,
                     handlers[CZI_RV_ADDI_BNE_D]);
    assert_ptr_equal(code->entries[czi_code_find(code, TEXT + 8)].handler,
                     handlers[CZI_RV_SLLI_SRLI_D]);
    assert_ptr_equal(code->entries[czi_code_find(code, TEXT + 16)].handler,
                     handlers[CZI_RV_LD_LD_I]);
    czi_code_drop(code);
}

static void without_memory_there_is_no_code_and_nothing_is_lost(void **state)
{
    static const uint32_t text[] = {0x00150513, 0x00150513, ECALL};
    struct elf_plan plan = {.entry = TEXT,
                            .segments = {{ELF_LOAD, ELF_R | ELF_X, TEXT, text, 12, 12}},
                            .segment_count = 1};
    CZI_AUTOBUF file = {0};
    struct czi_code *code = NULL;
    cz_error err = {0};
    int64_t skip = 0;

    (void)state;
    elf_build(&file, &plan);
    for (;; skip++) {
        int rc;

        czi_alloc_fail_after(skip);
        rc = czi_code_new(file.data, file.len, &code, &err);
        if (!czi_alloc_failed()) {
            czi_alloc_fail_after(-1);
            assert_ok(rc, err);
            break;
        }
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, CZ_NOMEM);
        assert_null(code);
    }
    assert_true(skip >= 4);
    czi_code_drop(code);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(numbers_of_a_code_are_those_of_its_text),
        cmocka_unit_test(whole_words_without_atomics_are_provable),
        cmocka_unit_test(a_code_keeps_a_copy_and_the_hash_of_its_file),
        cmocka_unit_test(what_is_no_program_is_refused_with_its_reason),
        cmocka_unit_test(each_even_address_has_one_meaning),
        cmocka_unit_test(zeroes_behind_the_file_are_illegal_without_being_decoded),
        cmocka_unit_test(two_at_once_do_what_they_do_one_by_one),
        cmocka_unit_test(pairs_are_found),
        cmocka_unit_test(without_memory_there_is_no_code_and_nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
