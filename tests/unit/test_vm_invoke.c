/* test_vm_invoke.c - a guest that runs another code: what that sees, what it does, and how it
 * is undone. */
#include "guest_test.h"

/* Scripts within scripts: each invokes the next one, which lies in its input. */
static void codes_invoke_each_other_so_deep(void **state)
{
    static struct script at[CZI_RUN_DEPTH_MAX + 1];

    (void)state;
    (void)world_declare(&w, "player", false);
    for (unsigned i = CZI_RUN_DEPTH_MAX + 1; i-- > 0;) {
        struct script *s = &at[i];
        const struct script *next = &at[i + 1];
        struct cz_guest_invoke in = {.gas = w.in.gas};

        s->steps = s->results = 0;
        s->len = 4 * sizeof(struct script_step);
        memset(s->bytes, 0, s->len);
        if (i < CZI_RUN_DEPTH_MAX) {
            in.code = script_data(s, w.player_id, 32);
            in.input = script_data(s, next->bytes, next->len);
            in.input_len = next->len;
            in.output = SCRIPT_ROOM + 256;
            in.output_size = 8;
            script_copy(s, SCRIPT_ROOM, script_data(s, &in, sizeof in), sizeof in);
            (void)script_call(s, CZ_CALL_INVOKE, SCRIPT_ROOM, 0, 0, 0);
            if (i < CZI_RUN_DEPTH_MAX - 1) /* what the other one put out, in its place */
                (void)script_call(s, CZ_CALL_OUTPUT, SCRIPT_ROOM + 256, 8, 0, 0);
        }
        script_end(s, 0, i != CZI_RUN_DEPTH_MAX - 1);
    }
    w.in.input = script_input(&at[0]);
    czi_vm_manager_run(w.manager, &w.in, &w.out);
    assert_int_equal(world_result(&w, 0), -CZ_LIMIT); /* of the innermost that ran */
    assert_true(w.out.accesses[0].ran);
}

int main(void)
{
    const struct CMUnitTest all[] = {
        cmocka_unit_test_setup_teardown(codes_invoke_each_other_so_deep, begin, end),
    };

    return cmocka_run_group_tests(all, NULL, NULL);
}
