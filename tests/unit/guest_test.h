/* guest_test.h - one world for each test of a guest's calls, and ways to run in it. */
#ifndef GUEST_TEST_H
#define GUEST_TEST_H

#include "guest_world.h"

static struct guest_world w;

static inline int begin(void **state)
{
    (void)state;
    world_begin(&w);
    return 0;
}
static inline int end(void **state)
{
    (void)state;
    world_end(&w);
    return 0;
}

#define CALL(...) CALL_(__VA_ARGS__, 0, 0, 0, 0)
#define CALL_(number, a, b, c, d, ...) script_call(&w.script, number, a, b, c, d)

/* What the guest put out from SCRIPT_ROOM on: runs, with len bytes of it as output. */
static inline const uint8_t *run_and_show(size_t len)
{
    CALL(CZ_CALL_OUTPUT, SCRIPT_ROOM, len);
    script_end(&w.script, 0, true);
    w.in.input = script_input(&w.script);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(w.out.status, CZI_RUN_EXITED);
    assert_int_equal(w.out.output.len, len);
    return w.out.output.data;
}

static inline void run_into_trap(enum czi_trap trap, uint64_t value)
{
    world_run(&w);
    if (w.out.status != CZI_RUN_TRAPPED || w.out.trap != trap || w.out.value != value)
        fail_msg("status %d, trap %u, value %llx: %s", w.out.status, w.out.trap,
                 (unsigned long long)w.out.value, w.out.detail);
    assert_int_equal(w.out.op_count, 0);
}

#endif
