/* test_guest_program.c - guests as programs on a host: tasks, futures, effects, guards, ends.
 *
 * What the guest does is in tests/guests/program.c, by the letter that it is given. With
 * CAUSALITY_GUEST_FIGURES=1: what guests take up, and how long.
 */
#include "guest_fixture.h"

/* ---- Codes ---------------------------------------------------------------------------------
 */

static void a_name_that_is_a_codes_id_is_a_guest(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_int_equal(gx_value(&x, 'p', 5) % 100, CZ_APPLIED);
    assert_quantity(x.g, "b", 5);
    gx_end(&x);
}

static void without_its_code_in_the_store_a_guest_is_not_started(void **state)
{
    cz_engine *g = fx_open_driven();
    cz_host *h = hx_host_with(g, NULL);
    cz_program_spec spec = {.label = "x"};
    char name[CZ_ID_TEXT_SIZE];
    cz_error err = {0};
    cz_id id = fx_data(g, "data");

    (void)state;
    cz_id_print(&id, name);
    spec.name = name;
    assert_int_equal(cz_program_start(h, &spec, &id, &err), CZ_WRONG_TYPE);
    id = fx_id("nowhere");
    cz_id_print(&id, name);
    assert_int_equal(cz_program_start(h, &spec, &id, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, "deploy"));
    spec.version = 2; /* what never changes has one version */
    id = gx_deploy(g);
    cz_id_print(&id, name);
    assert_int_equal(cz_program_start(h, &spec, &id, &err), CZ_NOT_FOUND);
    hx_close(h);
    fx_close(g);
}

static void codes_are_decoded_once_and_a_few_are_kept(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    for (unsigned i = 0; i < 5; i++)
        (void)gx_value(&x, 'p', i + 1);
    assert_non_null(x.h->codes);
    assert_null(x.h->codes->next);
    assert_int_equal(x.h->space_count, 1);
    assert_true(CZI_GUEST_CODES_IDLE_MAX >= 1);
    gx_end(&x);
}

static void no_more_memories_than_that_are_kept_unused(void **state)
{
    struct gx x = gx_begin(NULL);
    cz_id ids[CZI_GUEST_SPACES_IDLE_MAX + 3];
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(ids); i++) {
        struct gx_input in = gx_input('t', i);

        ids[i] = gx_start(x.h, &x.code, "sleeps", &in);
    }
    assert_int_equal(cz_program_wait(x.h, &ids[0], 1, NULL, &err), CZ_TIMEOUT);
    for (size_t i = 0; i < CZI_COUNTOF(ids); i++)
        assert_ok(cz_program_cancel(x.h, &ids[i], &err), err);
    for (size_t i = 0; i < CZI_COUNTOF(ids); i++)
        (void)hx_wait(x.h, &ids[i]);
    assert_int_equal(x.h->space_count, CZI_GUEST_SPACES_IDLE_MAX);
    gx_end(&x);
}

/* What follows an ELF's last part makes it another code. */
static void no_more_codes_than_that_are_kept_unused(void **state)
{
    struct gx x = gx_begin(NULL);
    static struct gx_file file;
    cz_error err = {0};
    unsigned kept = 0;
    cz_id id;

    (void)state;
    file = *gx_program();
    for (unsigned i = 0; i < CZI_GUEST_CODES_IDLE_MAX + 5; i++) {
        file.bytes[file.len++] = 1;
        assert_ok(cz_code_id(file.bytes, file.len, &id, &err), err);
        assert_ok(czi_guest_give(x.h, &id, file.bytes, file.len, &err), err);
        file.bytes[file.len - 1] = 2;
        assert_int_equal(czi_guest_give(x.h, &id, file.bytes, file.len, &err), CZ_CORRUPT);
    }
    for (struct czi_guest_code *c = x.h->codes; c; c = c->next)
        kept++;
    assert_int_equal(kept, CZI_GUEST_CODES_IDLE_MAX);
    gx_end(&x);
}

/* ---- Effects -------------------------------------------------------------------------------
 */

static void a_rejected_effect_is_told_with_its_reason(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_int_equal(gx_value(&x, 'p', 500) % 100, CZ_OVERDRAFT);
    assert_quantity(x.g, "a", 100);
    gx_end(&x);
}

static void an_effect_can_be_a_future(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_true(gx_value(&x, 'l', 7) > 0);
    assert_quantity(x.g, "b", 7);
    gx_end(&x);
}

static void an_operation_that_is_none_leaves_the_effect_as_it_was(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'b', 9);
    assert_quantity(x.g, "b", 9);
    gx_end(&x);
}

static void every_operation_reaches_the_ledger(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'a', 0);
    assert_quantity(x.g, "b", 1);
    assert_int_equal(fx_get(x.g, "c").state, CZ_ARCHIVED);
    assert_int_equal(fx_get(x.g, "counter").state, CZ_CONSUMED);
    gx_end(&x);
}

static void resources_are_created_written_and_read(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'c', 0);
    gx_end(&x);
}

/* Declared and open; the code that runs ends with 99, for it is given one byte. */
static void a_guest_performs_effects_that_run_guests(void **state)
{
    struct gx x = gx_begin(NULL);
    struct gx_input in = gx_input('r', 0);
    cz_program_report r;

    (void)state;
    in.a = x.code;
    r = gx_run(&x, "r", &in);
    assert_string_equal(r.detail, "");
    assert_int_equal(r.value, CZ_GUEST_FAILED);
    gx_end(&x);
}

/* ---- Tasks ---------------------------------------------------------------------------------
 */

static void tasks_have_stacks_of_their_own(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_int_equal(gx_value(&x, 's', 0), 20 * 21 / 2);
    gx_end(&x);
}

static void numbers_that_are_no_futures_are_harmless(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'F', 0);
    gx_end(&x);
}

static void futures_are_bounded_and_given_back(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_int_equal(gx_value(&x, 'M', 0), CZI_GUEST_FUTURES_MAX);
    gx_end(&x);
}

static void what_a_task_returns_below_zero_is_its_code(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'k', 0);
    (void)gx_value(&x, 'x', 0);
    gx_end(&x);
}

/* As many as there may be at one time, of all of them together. */
static void a_fork_bomb_ends_with_all_tasks_that_may_be(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_int_equal(gx_value(&x, 'B', 0), CZ_GUEST_TASKS_MAX - 1);
    gx_end(&x);
}

static void forks_nest_as_deep_as_there_are_tasks(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_int_equal(gx_value(&x, 'D', CZ_GUEST_TASKS_MAX - 2), CZ_GUEST_TASKS_MAX - 2);
    gx_end(&x);
}

static void tasks_that_are_left_behind_end_with_the_guest(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'L', 0);
    gx_end(&x);
}

/* ---- Traps, gas ----------------------------------------------------------------------------
 */

static void a_trap_in_any_task_ends_the_guest(void **state)
{
    struct gx x = gx_begin(NULL);
    cz_program_report r = gx_fails(&x, 'W', 0xdeadbee0);

    (void)state;
    assert_int_equal(r.code, CZ_INVALID);
    assert_non_null(strstr(r.detail, "task 2 trapped at 0x"));
    assert_non_null(strstr(r.detail, "0xdeadbee0"));
    r = gx_fails(&x, 'X', 0xdeadbee0);
    assert_non_null(strstr(r.detail, "task 0 trapped at 0x"));
    r = gx_fails(&x, 'J', 0x11);
    assert_non_null(strstr(r.detail, "task 1 trapped at 0x1"));
    gx_end(&x);
}

static void a_window_of_a_guard_to_read_cannot_be_written(void **state)
{
    struct gx x = gx_begin(NULL);
    cz_program_report r = gx_fails(&x, 'O', CZ_GUEST_WINDOW(0));

    (void)state;
    assert_int_equal(r.code, CZ_INVALID);
    fx_assert_data(x.g, "counter", "0");
    gx_end(&x);
}

static void calls_of_other_ways_and_none_trap(void **state)
{
    static const unsigned numbers[] = {0, CZ_CALL_OPEN, CZ_CALL_INVOKE, CZ_CALL_FACT, 4000};
    struct gx x = gx_begin(NULL);

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(numbers); i++)
        assert_int_equal(gx_fails(&x, 'C', numbers[i]).code, CZ_INVALID);
    gx_end(&x);
}

/* Calls that are given pointers; with wild ones. */
static void a_wild_pointer_in_any_call_traps(void **state)
{
    static const unsigned numbers[] = {CZ_CALL_INPUT,  CZ_CALL_SELF,       CZ_CALL_ORIGIN,
                                       CZ_CALL_EMIT,   CZ_CALL_TIMEOUT,    CZ_CALL_SLEEP,
                                       CZ_CALL_WATCH,  CZ_CALL_AWAIT_FACT, CZ_CALL_PERFORM,
                                       CZ_CALL_COMMIT, CZ_CALL_FACT_SEEN,  CZ_CALL_CALL_PROGRAM,
                                       CZ_CALL_JOIN};
    struct gx x = gx_begin(NULL);

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(numbers); i++) {
        cz_program_report r = gx_fails(&x, 'P', numbers[i]);

        if (r.code != CZ_INVALID)
            fail_msg("call %u: %s: %s", numbers[i], cz_code_name(r.code), r.detail);
    }
    gx_end(&x);
}

static void a_guest_without_end_uses_up_its_gas(void **state)
{
    struct gx x = gx_begin(NULL);
    cz_program_report r;

    (void)state;
    assert_true(x.h->guest_gas == CZI_PROGRAM_GAS_MAX);
    x.h->guest_gas = 2 * CZI_GUEST_TURN_GAS + 12345;
    r = gx_fails(&x, 'S', 0);
    assert_int_equal(r.code, CZ_LIMIT);
    assert_non_null(strstr(r.detail, "used up its gas (20012345)"));
    gx_end(&x);
}

/* ---- Cancelling ----------------------------------------------------------------------------
 */

/* It has used a turn, and then what a cancelled one may. */
static void a_task_that_does_not_heed_being_cancelled_is_cut_off(void **state)
{
    struct gx x = gx_begin(NULL);
    uint64_t gas = gx_value(&x, 'u', 0), least = CZI_GUEST_TURN_GAS + CZI_GUEST_CANCELLED_GAS;

    (void)state;
    assert_true(gas >= least && gas < least + 10000);
    gx_end(&x);
}

static void a_guest_is_told_that_it_was_cancelled(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    for (uint64_t n = 0; n < 2; n++) {
        struct gx_input in = gx_input('t', n);
        cz_id id = gx_start(x.h, &x.code, n ? "heeds" : "does not", &in);
        cz_error err = {0};
        cz_program_report r;

        assert_int_equal(cz_program_wait(x.h, &id, 10, &r, &err), CZ_TIMEOUT);
        assert_ok(cz_program_cancel(x.h, &id, &err), err);
        r = hx_wait(x.h, &id);
        assert_int_equal(r.state, n ? CZ_PROGRAM_CANCELLED : CZ_PROGRAM_COMPLETED);
    }
    assert_quantity(x.g, "b", 0);
    gx_end(&x);
}

/* ---- Guards --------------------------------------------------------------------------------
 */

static void what_is_done_to_guarded_resources_is_one_effect(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'g', 0);
    fx_assert_data(x.g, "counter", "abc");
    assert_int_equal(fx_get(x.g, "counter").version, 2);
    assert_quantity(x.g, "a", 80);
    assert_quantity(x.g, "b", 20);
    gx_end(&x);
}

static void operations_of_its_own_go_with_what_was_done(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    (void)gx_value(&x, 'G', 0);
    fx_assert_data(x.g, "counter", "7");
    assert_int_equal(fx_get(x.g, "a").state, CZ_LOCKED);
    assert_int_equal(fx_get(x.g, "b").state, CZ_ACTIVE);
    gx_end(&x);
}

/* ---- Outside -------------------------------------------------------------------------------
 */

static void a_guest_watches_a_resource(void **state)
{
    struct gx x = gx_begin(NULL);
    struct gx_input in = gx_input('w', 0);
    cz_id id = gx_start(x.h, &x.code, "w", &in);
    cz_id resource = fx_id("counter");
    cz_error err = {0};
    CZ_EFFECT(e);

    (void)state;
    assert_int_equal(cz_program_wait(x.h, &id, 1, NULL, &err), CZ_TIMEOUT);
    cz_effect_set_nonce(e, 1);
    assert_ok(cz_effect_write(e, &resource, "1", 1, &err), err);
    assert_ok(cz_perform(x.g, e, NULL, &err), err);
    assert_int_equal(hx_wait(x.h, &id).value, 2);
    gx_end(&x);
}

static void a_watch_of_a_guest_ends_with_its_deadline(void **state)
{
    struct gx x = gx_begin(NULL);

    (void)state;
    assert_int_equal(gx_value(&x, 'w', 0), 0);
    gx_end(&x);
}

static cz_sim_chain *moon_on(cz_engine *g)
{
    cz_sim_chain *chain = NULL;
    cz_domain_spec spec;
    cz_error err = {0};

    assert_ok(cz_sim_new("moon", 7, &chain, &err), err);
    cz_sim_domain(chain, &spec);
    assert_ok(cz_domain_set(g, &spec, &err), err);
    return chain;
}

static void moon_mine(cz_engine *g, cz_sim_chain *chain, uint64_t blocks)
{
    cz_error err = {0};

    assert_ok(cz_sim_mine(chain, blocks, &err), err);
    assert_ok(cz_sim_observe(chain, g, NULL, &err), err);
}

static void a_guest_awaits_a_domains_height_and_time(void **state)
{
    struct gx x = gx_begin(NULL);
    cz_sim_chain *moon = moon_on(x.g);
    struct gx_input in = gx_input('T', 2);
    cz_id id = gx_start(x.h, &x.code, "T", &in);
    cz_error err = {0};

    (void)state;
    moon_mine(x.g, moon, 2);
    assert_int_equal(cz_program_wait(x.h, &id, 1, NULL, &err), CZ_TIMEOUT);
    moon_mine(x.g, moon, 2); /* ten each */
    assert_int_equal(hx_wait(x.h, &id).value, 4 * 1000 + 40);
    cz_sim_free(moon);
    gx_end(&x);
}

static void a_guest_awaits_a_fact_and_sees_what_it_says(void **state)
{
    struct gx x = gx_begin(NULL);
    cz_sim_chain *moon = moon_on(x.g);
    struct gx_input in = gx_input('f', 50);
    cz_id id = gx_start(x.h, &x.code, "f", &in);
    cz_program_report r;
    cz_error err = {0};
    uint64_t event;

    (void)state;
    assert_true(CZI_GUEST_QUERY_VALUE_MAX == 256); /* the guest tries one more */
    assert_ok(cz_sim_deposit(moon, "alice", "MOON", 49, &event, &err), err);
    moon_mine(x.g, moon, 1);
    assert_int_equal(cz_program_wait(x.h, &id, 1, NULL, &err), CZ_TIMEOUT);
    assert_ok(cz_sim_deposit(moon, "alice", "MOON", 60, &event, &err), err);
    moon_mine(x.g, moon, 1);
    r = hx_wait(x.h, &id);
    assert_string_equal(r.detail, "");
    assert_int_equal(r.value, 60 * 100 + 2);
    cz_sim_free(moon);
    gx_end(&x);
}

static void a_guest_calls_another_guest(void **state)
{
    struct gx x = gx_begin(NULL);
    struct gx_input in = gx_input('i', 3);
    char name[CZ_ID_TEXT_SIZE];
    cz_program_report r;

    (void)state;
    cz_id_print(&x.code, name);
    memcpy(in.name, name, strlen(name));
    in.name_len = strlen(name);
    r = gx_run(&x, "calls", &in);
    assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
    assert_true(r.value > 1000000);
    assert_quantity(x.g, "b", 3);
    gx_end(&x);
}

static int pay_program(cz_program *p, const void *args, size_t len, cz_error *err)
{
    (void)args;
    (void)len;
    cz_program_return(p, 77);
    return hx_pay(p, "a", "b", 4, NULL, err);
}

static void a_guest_calls_a_native_program_and_it_a_guest(void **state)
{
    cz_program_def def = {.name = "native", .version = 1, .fn = pay_program};
    struct gx x = gx_begin(&(cz_host_options){.programs = &def, .count = 1});
    struct gx_input in = gx_input('i', 3);
    cz_program_report r;

    (void)state;
    memcpy(in.name, "native", 6);
    in.name_len = 6;
    r = gx_run(&x, "calls", &in);
    assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
    assert_int_equal(r.value, 1000077);
    assert_quantity(x.g, "b", 4);
    gx_end(&x);
}

/* ---- What it says --------------------------------------------------------------------------
 */

static int add_text(void *arg, const cz_program_entry *entry)
{
    struct czi_buf *all = arg;

    czi_buf_put(all, entry->text, strlen(entry->text));
    return CZ_OK;
}

static void what_a_guest_says_is_in_its_log(void **state)
{
    struct gx x = gx_begin(NULL);
    struct gx_input in = gx_input('y', 0);
    cz_id id = gx_start(x.h, &x.code, "y", &in);
    CZI_AUTOBUF all = {0};
    cz_error err = {0};

    (void)state;
    assert_int_equal(hx_wait(x.h, &id).state, CZ_PROGRAM_COMPLETED);
    assert_ok(cz_program_log(x.g, &id, add_text, &all, &err), err);
    czi_buf_put_byte(&all, 0);
    assert_non_null(strstr((const char *)all.data, "hello"));
    assert_non_null(strstr((const char *)all.data, "there"));
    assert_non_null(strstr((const char *)all.data, "out"));
    gx_end(&x);
}

static void an_exit_code_is_a_failure_that_says_why(void **state)
{
    struct gx x = gx_begin(NULL);
    cz_program_report r = gx_fails(&x, 'y', 3);

    (void)state;
    assert_int_equal(r.code, CZ_REJECTED);
    assert_string_equal(r.detail, "the guest ended with code 3; before that: hello");
    gx_end(&x);
}

static void a_guest_knows_itself(void **state)
{
    uint8_t secret[32] = {5}, key[32] = {0};

    (void)state;
    for (uint64_t has_key = 0; has_key < 2; has_key++) {
        struct gx x = gx_begin(&(cz_host_options){.secret = has_key ? secret : NULL});
        struct gx_input in = gx_input('o', has_key);
        cz_program_report r;
        cz_resource told;

        in.a = x.code;
        r = gx_run(&x, "o", &in);
        assert_string_equal(r.detail, "");
        told = fx_get(x.g, "counter");
        assert_int_equal(told.data_len, 64);
        assert_memory_equal(told.data, r.id.bytes, 32);
        if (has_key)
            cz_key_of_program(secret, &r.id, key);
        assert_memory_equal(told.data + 32, key, 32);
        gx_end(&x);
    }
}

/* ---- Many ----------------------------------------------------------------------------------
 */

#ifdef TEST_IS_SLOW
#define COUNT 40u
#else
#define COUNT 200u
#endif

static void many_guests_share_a_host(void **state)
{
    struct gx x = gx_begin(NULL);
    static cz_id ids[COUNT];

    (void)state;
    for (unsigned i = 0; i < COUNT; i++) {
        struct gx_input in = gx_input(i % 4 ? 's' : 'p', i % 4 ? i : 1);
        char label[16];

        in.rest[0] = (char)i;
        in.rest[1] = (char)(i >> 8);
        (void)snprintf(label, sizeof label, "%u", i);
        ids[i] = gx_start(x.h, &x.code, label, &in);
    }
    for (unsigned i = 0; i < COUNT; i++) {
        cz_program_report r = hx_wait(x.h, &ids[i]);

        if (r.state != CZ_PROGRAM_COMPLETED)
            fail_msg("%u: %s", i, r.detail);
    }
    assert_quantity(x.g, "b", COUNT / 4);
    gx_end(&x);
}

/* Nor does closing wait for it; it goes on, and can be cancelled. */
static void a_guest_that_computes_holds_up_nobody(void **state)
{
    struct gx x = {.g = fx_open(2)};
    struct gx_input spins = gx_input('S', 0), calls = gx_input('i', 3), told = gx_input('t', 1);
    cz_id spinner, sleeper;
    cz_program_report r;
    cz_error err = {0};

    (void)state;
    gx_make(x.g);
    x.code = gx_deploy(x.g);
    x.h = hx_host_with(x.g, NULL);
    spinner = gx_start(x.h, &x.code, "spins", &spins);
    sleeper = gx_start(x.h, &x.code, "sleeps", &told);
    cz_id_print(&x.code, calls.name);
    calls.name_len = strlen(calls.name);
    r = gx_run(&x, "calls", &calls);
    assert_string_equal(r.detail, "");
    assert_quantity(x.g, "b", 3);
    assert_ok(cz_program_cancel(x.h, &sleeper, &err), err);
    assert_int_equal(hx_wait(x.h, &sleeper).state, CZ_PROGRAM_CANCELLED);
    assert_int_equal(cz_program_wait(x.h, &spinner, 1, NULL, &err), CZ_TIMEOUT);
    hx_close(x.h);
    x.h = hx_host_with(x.g, NULL); /* it goes on */
    r = gx_run(&x, "again", &calls);
    assert_int_equal(r.state, CZ_PROGRAM_COMPLETED);
    assert_int_equal(cz_program_wait(x.h, &spinner, 1, NULL, &err), CZ_TIMEOUT);
    assert_ok(cz_program_cancel(x.h, &spinner, &err), err);
    assert_int_equal(hx_wait(x.h, &spinner).state, CZ_PROGRAM_CANCELLED);
    gx_end(&x);
}

/* ---- Figures -------------------------------------------------------------------------------
 */

static size_t resident_kib(void)
{
    FILE *f = fopen("/proc/self/statm", "r");
    unsigned long all = 0, resident = 0;

    if (!f || fscanf(f, "%lu %lu", &all, &resident) != 2)
        return 0;
    (void)fclose(f);
    return resident * 4;
}

/* How long `count` instances take, one after the other or, when they sleep, at once; and what
 * they take up meanwhile. */
static void figure(struct gx *x, char what, unsigned count, bool sleeps)
{
    size_t before = resident_kib(), after;
    uint64_t start = czi_clock_ns(), took;
    cz_id id = {{0}};
    cz_program_report r;
    cz_error err = {0};

    for (unsigned i = 0; i < count; i++) {
        struct gx_input in = gx_input(what, 1);
        char label[32];

        (void)snprintf(label, sizeof label, "%c %u", what, i);
        id = gx_start(x->h, &x->code, label, &in);
        if (!sleeps)
            (void)hx_wait(x->h, &id);
    }
    while (cz_program_get(x->g, x->h, &id, &r, &err)) /* the last one has begun */
        (void)!cz_program_wait(x->h, &id, 1, NULL, &err);
    took = czi_clock_ns() - start;
    after = resident_kib();
    printf("%u guests, '%c': %.1f us each, %.1f KiB each\n", count, what,
           (double)took / 1000.0 / count, (double)(after - before) / count);
}

static int figures(void)
{
    struct gx x = {.g = fx_open(2)};

    gx_make(x.g);
    x.code = gx_deploy(x.g);
    x.h = hx_host_with(x.g, NULL);
    figure(&x, 'k', 1000, false);
    figure(&x, 'Z', 10000, true);
    hx_close(x.h);
    fx_close(x.g);
    return 0;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_name_that_is_a_codes_id_is_a_guest),
        cmocka_unit_test(without_its_code_in_the_store_a_guest_is_not_started),
        cmocka_unit_test(codes_are_decoded_once_and_a_few_are_kept),
        cmocka_unit_test(no_more_memories_than_that_are_kept_unused),
        cmocka_unit_test(no_more_codes_than_that_are_kept_unused),
        cmocka_unit_test(a_rejected_effect_is_told_with_its_reason),
        cmocka_unit_test(an_effect_can_be_a_future),
        cmocka_unit_test(an_operation_that_is_none_leaves_the_effect_as_it_was),
        cmocka_unit_test(every_operation_reaches_the_ledger),
        cmocka_unit_test(resources_are_created_written_and_read),
        cmocka_unit_test(a_guest_performs_effects_that_run_guests),
        cmocka_unit_test(tasks_have_stacks_of_their_own),
        cmocka_unit_test(numbers_that_are_no_futures_are_harmless),
        cmocka_unit_test(futures_are_bounded_and_given_back),
        cmocka_unit_test(what_a_task_returns_below_zero_is_its_code),
        cmocka_unit_test(a_fork_bomb_ends_with_all_tasks_that_may_be),
        cmocka_unit_test(forks_nest_as_deep_as_there_are_tasks),
        cmocka_unit_test(tasks_that_are_left_behind_end_with_the_guest),
        cmocka_unit_test(a_trap_in_any_task_ends_the_guest),
        cmocka_unit_test(a_window_of_a_guard_to_read_cannot_be_written),
        cmocka_unit_test(calls_of_other_ways_and_none_trap),
        cmocka_unit_test(a_wild_pointer_in_any_call_traps),
        cmocka_unit_test(a_guest_without_end_uses_up_its_gas),
        cmocka_unit_test(a_task_that_does_not_heed_being_cancelled_is_cut_off),
        cmocka_unit_test(a_guest_is_told_that_it_was_cancelled),
        cmocka_unit_test(what_is_done_to_guarded_resources_is_one_effect),
        cmocka_unit_test(operations_of_its_own_go_with_what_was_done),
        cmocka_unit_test(a_guest_watches_a_resource),
        cmocka_unit_test(a_watch_of_a_guest_ends_with_its_deadline),
        cmocka_unit_test(a_guest_awaits_a_domains_height_and_time),
        cmocka_unit_test(a_guest_awaits_a_fact_and_sees_what_it_says),
        cmocka_unit_test(a_guest_calls_another_guest),
        cmocka_unit_test(a_guest_calls_a_native_program_and_it_a_guest),
        cmocka_unit_test(what_a_guest_says_is_in_its_log),
        cmocka_unit_test(an_exit_code_is_a_failure_that_says_why),
        cmocka_unit_test(a_guest_knows_itself),
        cmocka_unit_test(many_guests_share_a_host),
        cmocka_unit_test(a_guest_that_computes_holds_up_nobody),
    };

    return getenv("CAUSALITY_GUEST_FIGURES") ? figures()
                                             : cmocka_run_group_tests(tests, NULL, NULL);
}
