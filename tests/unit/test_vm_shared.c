/* test_vm_shared.c - one code, many threads: each with a space of its own, all with one result.
 */
#include "unit/vm_fixture.h"

#include <pthread.h>

enum { THREADS = 4, RUNS = 50 };

struct worker {
    pthread_t thread;
    struct czi_code *code;
    uint64_t sum;
};

/* A reference of its own, dropped while others run. */
static void *work(void *arg)
{
    struct worker *w = arg;
    struct vm vm = {.code = czi_code_ref(w->code)};

    if (czi_space_new(&vm.space, &vm.err) != CZ_OK)
        return NULL;
    for (unsigned i = 0; i < RUNS; i++) {
        if (czi_space_load(vm.space, vm.code, &vm.err) != CZ_OK)
            break;
        czi_hart_begin(&vm.hart, vm.space, vm.code, 10000);
        vm.hart.x[T0] = DATA;
        vm.hart.x[T1] = i;
        if (czi_vm_run(&vm.hart) == CZI_STOP_CALL)
            w->sum += vm.hart.x[A0];
    }
    vm_end(&vm);
    return w;
}

/* A loop of 100 rounds that adds what is at DATA, and writes there: 1, then i, 99 times. */
static void threads_share_a_code_and_nothing_else(void **state)
{
    const uint32_t text[] = {ADDI(A0, X0, 0),  ADDI(T2, X0, 100),
                             LB(A1, T0, 0),    ADD(A0, A0, A1),
                             SB(T1, T0, 0),    ADDI(T2, T2, -1),
                             BNE(T2, X0, -16), ECALL};
    struct czi_code *code = vm_code(text, sizeof text);
    struct worker workers[THREADS] = {0};

    (void)state;
    for (unsigned i = 0; i < THREADS; i++) {
        workers[i].code = code;
        assert_int_equal(pthread_create(&workers[i].thread, NULL, work, &workers[i]), 0);
    }
    for (unsigned i = 0; i < THREADS; i++) {
        void *done;

        assert_int_equal(pthread_join(workers[i].thread, &done), 0);
        assert_ptr_equal(done, &workers[i]);
        assert_int_equal(workers[i].sum, RUNS + 99 * (RUNS - 1) * RUNS / 2);
    }
    czi_code_drop(code);
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(threads_share_a_code_and_nothing_else),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
