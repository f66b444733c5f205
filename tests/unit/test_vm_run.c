/* test_vm_run.c - running blockwise: where it stops, what was paid, and what a hart then is.
 * That instructions do what the manual says is tests/unit/test_vm_isa*.c; that each limit and
 * each trap is exact for whole programs tests/property/.
 */
#include "unit/vm_fixture.h"

static void a_call_is_retired_and_paid_and_runs_on_behind_it(void **state)
{
    VM(10, ADDI(A7, X0, 93), ECALL, ADDI(A0, A0, 1), ECALL);

    (void)state;
    vm.hart.x[A0] = 41;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
    assert_int_equal(vm.hart.pc, TEXT + 8);
    assert_int_equal(vm.hart.gas, 8);
    assert_int_equal(vm.hart.x[A7], 93);
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
    assert_int_equal(vm.hart.pc, TEXT + 16);
    assert_int_equal(vm.hart.gas, 6);
    assert_int_equal(vm.hart.x[A0], 42);
}

static void a_hart_begins_as_the_first_task(void **state)
{
    VM(5, ECALL);

    (void)state;
    czi_space_set_input(vm.space, (struct czi_slice){(const uint8_t *)"abc", 3});
    czi_hart_begin(&vm.hart, vm.space, vm.code, 5);
    assert_int_equal(vm.hart.pc, TEXT);
    assert_int_equal(vm.hart.x[A0], CZ_GUEST_INPUT);
    assert_int_equal(vm.hart.x[A1], 3);
    assert_int_equal(vm.hart.x[SP] % 16, 0);
    assert_true(vm.hart.x[SP] < CZ_GUEST_STACK_TOP);
    for (uint64_t at = vm.hart.x[SP]; at < CZ_GUEST_STACK_TOP; at += 8) {
        uint64_t word = 1;

        assert_true(czi_space_read(vm.space, at, &word, 8)); /* argc 0, ends of lists */
        assert_int_equal(word, 0);
    }
    for (unsigned i = 0; i < 32; i++)
        if (i != SP && i != A0 && i != A1)
            assert_int_equal(vm.hart.x[i], 0);
}

/* Two instructions and a branch, round and round: every limit cuts it somewhere else. */
static void gas_ends_it_at_exactly_the_instruction_that_is_not_paid(void **state)
{
    VM(0, ADDI(T0, T0, 1), ADDI(T1, T1, 1), BEQ(X0, X0, -8));

    (void)state;
    for (uint64_t gas = 0; gas < 50; gas++) {
        vm_load(&vm, gas);
        assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_GAS);
        assert_int_equal(vm.hart.gas, 0);
        assert_int_equal(vm.hart.x[T0], (gas + 2) / 3);
        assert_int_equal(vm.hart.x[T1], (gas + 1) / 3);
        assert_int_equal(vm.hart.pc, TEXT + 4 * (gas % 3));
    }
}

static void gas_given_later_goes_on_where_it_ended(void **state)
{
    VM(0, ADDI(T0, T0, 1), ADDI(T0, T0, 2), ADDI(T0, T0, 4), ECALL);

    (void)state;
    for (unsigned i = 0; i < 4; i++) {
        assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_GAS);
        assert_int_equal(vm.hart.x[T0], (1u << i) - 1);
        vm.hart.gas = 1;
    }
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
}

static void gas_may_be_any_number_of_64_bits(void **state)
{
    VM(UINT64_MAX, ADDI(T0, T0, 1), ECALL);

    (void)state;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
    assert_true(vm.hart.gas == UINT64_MAX - 2);
}

static void a_trap_pays_for_what_was_before_it_and_no_more(void **state)
{
    VM(100, ADDI(T0, X0, 1), ADDI(T1, X0, 2), LD(T2, X0, 8), ADDI(T0, X0, 5), ECALL);

    (void)state;
    vm.hart.x[T2] = 7;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_LOAD);
    assert_int_equal(vm.hart.trap_value, 8);
    assert_int_equal(vm.hart.pc, TEXT + 8);
    assert_int_equal(vm.hart.gas, 98);
    assert_int_equal(vm.hart.x[T0], 1);
    assert_int_equal(vm.hart.x[T1], 2);
    assert_int_equal(vm.hart.x[T2], 7);
}

/* With gas for just what is before it: there is no gas to ask what comes next. */
static void out_of_gas_comes_before_a_trap(void **state)
{
    VM(2, ADDI(T0, X0, 1), ADDI(T1, X0, 2), 0xffffffffu);

    (void)state;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_GAS);
    assert_int_equal(vm.hart.pc, TEXT + 8);
    vm.hart.gas = 1;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_ILLEGAL);
    assert_int_equal(vm.hart.trap_value, 0xffffffffu);
    assert_int_equal(vm.hart.gas, 1);
}

static void falling_off_the_end_is_a_fetch_that_is_not_paid(void **state)
{
    VM(3, ADDI(T0, X0, 1));

    (void)state;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_FETCH);
    assert_int_equal(vm.hart.trap_value, TEXT + 4);
    assert_int_equal(vm.hart.pc, TEXT + 4);
    assert_int_equal(vm.hart.gas, 2);
    vm_load(&vm, 1);
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_GAS);
    assert_int_equal(vm.hart.pc, TEXT + 4);
}

/* Into data, below the image, beyond memory, the last bytes of 64 bits, odd by the embedder. */
static void jumps_to_what_is_no_code_are_fetch_traps_there(void **state)
{
    static const uint64_t to[] = {DATA,          0, 0x0ffe, 0x1000000, UINT64_C(1) << 40,
                                  UINT64_MAX - 1};
    VM(9, JALR(RA, T0, 0));

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(to); i++) {
        vm_load(&vm, 9);
        vm.hart.x[T0] = to[i];
        assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
        assert_int_equal(vm.hart.trap, CZI_TRAP_FETCH);
        assert_true(vm.hart.trap_value == to[i] && vm.hart.pc == to[i]);
        assert_int_equal(vm.hart.x[RA], TEXT + 4); /* the jump itself was retired */
        assert_int_equal(vm.hart.gas, 8);
    }
    vm_load(&vm, 9);
    vm.hart.pc = TEXT + 1;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_FETCH);
}

static void direct_jumps_out_of_the_text_trap_where_they_lead(void **state)
{
    VM(9, BEQ(X0, X0, -4));

    (void)state;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_FETCH);
    assert_int_equal(vm.hart.pc, TEXT - 4);
    assert_int_equal(vm.hart.gas, 8);
    vm_load(&vm, 1);
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_GAS);
    assert_int_equal(vm.hart.pc, TEXT - 4);
}

static void x0_is_zero_whatever_is_written_to_it(void **state)
{
    VM(20, ADDI(X0, X0, 5), ADD(T0, X0, X0), LD(X0, T1, 0), LUI(X0, 7), JAL(X0, 4),
       ADD(T2, X0, X0), ECALL);

    (void)state;
    vm.hart.x[T1] = DATA;
    vm.hart.x[T0] = vm.hart.x[T2] = 1;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
    assert_int_equal(vm.hart.x[0], 0);
    assert_int_equal(vm.hart.x[T0], 0);
    assert_int_equal(vm.hart.x[T2], 0);
    assert_int_equal(vm.hart.gas, 13);
}

/* 1,000 in a row: longer than the runs that are paid at once. */
static void long_straight_code_is_exact_at_every_limit(void **state)
{
    static uint32_t text[1001];
    CZI_CLEANUP(vm_end) struct vm vm = {0};

    (void)state;
    for (unsigned i = 0; i < 1000; i++)
        text[i] = ADDI(T0, T0, 1);
    text[1000] = ECALL;
    vm = vm_begin(text, sizeof text, 0);
    for (uint64_t gas = 0; gas <= 1000; gas++) {
        vm_load(&vm, gas);
        assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_GAS);
        assert_int_equal(vm.hart.x[T0], gas);
        assert_int_equal(vm.hart.pc, TEXT + 4 * gas);
        assert_int_equal(vm.hart.gas, 0);
    }
    vm_load(&vm, 1001);
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
    assert_int_equal(vm.hart.gas, 0);
}

static void a_store_into_an_unmapped_page_changes_nothing_of_the_page_before(void **state)
{
    uint64_t stack = CZ_GUEST_STACK_TOP, word;
    VM(9, SD(T1, T0, 0));

    (void)state;

    vm.hart.x[T0] = stack - 3;
    vm.hart.x[T1] = UINT64_MAX;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_TRAP);
    assert_int_equal(vm.hart.trap, CZI_TRAP_STORE);
    assert_int_equal(vm.hart.trap_value, stack - 3);
    assert_int_equal(czi_space_dirty(vm.space), 0);
    assert_true(czi_space_read(vm.space, stack - 8, &word, 8));
    assert_int_equal(word, 0);
}

/* Bytes 2 and 3 of `lui a0, 0x505` are 0x0050 (c.addi4spn a2, sp, 4): jumping there is it. */
static void a_jump_into_the_middle_of_an_instruction_finds_another_one(void **state)
{
    VM(20, JALR(X0, T0, 0), LUI(A0, 0x505), ECALL);

    (void)state;
    vm.hart.x[T0] = TEXT + 6;
    vm.hart.x[SP] = 1000;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
    assert_int_equal(vm.hart.x[A2], 1004);
    assert_int_equal(vm.hart.x[A0], CZ_GUEST_INPUT); /* as it was */
    assert_int_equal(vm.hart.gas, 17);
    vm_load(&vm, 20);
    vm.hart.x[T0] = TEXT + 4;
    assert_int_equal(czi_vm_run(&vm.hart), CZI_STOP_CALL);
    assert_int_equal(vm.hart.x[A0], 0x505000);
    assert_int_equal(vm.hart.gas, 17);
}

/* Everything random: many bits are no instruction. Ours and the stepper end alike, at every
 * limit up to 40. */
static void random_bits_end_as_the_stepper_says(void **state)
{
    unsigned long count = test_env("CAUSALITY_SEEDS", 2000),
                  seed = test_env("CAUSALITY_SEED", 1);

    (void)state;
    for (unsigned long k = 0; k < count; k++, seed++) {
        struct czi_rng rng = czi_rng(seed);
        uint32_t text[16];
        CZI_CLEANUP(vm_end) struct vm vm = {0};
        struct czi_hart first;

        for (unsigned i = 0; i < 16; i++)
            text[i] = (uint32_t)czi_rng_next(&rng);
        vm = vm_begin(text, sizeof text, 0);
        for (unsigned i = 1; i < 32; i++)
            vm.hart.x[i] = DATA + czi_rng_next(&rng) % 4096;
        first = vm.hart;
        for (uint64_t gas = 0; gas < 40; gas++) {
            struct czi_hart h = first, g = first;
            enum czi_stop stop;

            h.gas = g.gas = gas;
            assert_ok(czi_space_load(vm.space, vm.code, &vm.err), vm.err);
            stop = czi_vm_run(&h);
            assert_ok(czi_space_load(vm.space, vm.code, &vm.err), vm.err);
            while (czi_vm_step(&g) == CZI_STOP_NONE)
                continue;
            if (h.pc != g.pc || h.gas != g.gas || memcmp(h.x, g.x, sizeof(uint64_t[32])) != 0 ||
                (stop == CZI_STOP_TRAP && (h.trap != g.trap || h.trap_value != g.trap_value)))
                fail_msg("seed %lu, gas %llu: pc 0x%llx and 0x%llx", seed,
                         (unsigned long long)gas, (unsigned long long)h.pc,
                         (unsigned long long)g.pc);
            if (h.gas)
                break;
        }
    }
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_call_is_retired_and_paid_and_runs_on_behind_it),
        cmocka_unit_test(a_hart_begins_as_the_first_task),
        cmocka_unit_test(gas_ends_it_at_exactly_the_instruction_that_is_not_paid),
        cmocka_unit_test(gas_given_later_goes_on_where_it_ended),
        cmocka_unit_test(gas_may_be_any_number_of_64_bits),
        cmocka_unit_test(a_trap_pays_for_what_was_before_it_and_no_more),
        cmocka_unit_test(out_of_gas_comes_before_a_trap),
        cmocka_unit_test(falling_off_the_end_is_a_fetch_that_is_not_paid),
        cmocka_unit_test(jumps_to_what_is_no_code_are_fetch_traps_there),
        cmocka_unit_test(direct_jumps_out_of_the_text_trap_where_they_lead),
        cmocka_unit_test(x0_is_zero_whatever_is_written_to_it),
        cmocka_unit_test(long_straight_code_is_exact_at_every_limit),
        cmocka_unit_test(a_store_into_an_unmapped_page_changes_nothing_of_the_page_before),
        cmocka_unit_test(a_jump_into_the_middle_of_an_instruction_finds_another_one),
        cmocka_unit_test(random_bits_end_as_the_stepper_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
