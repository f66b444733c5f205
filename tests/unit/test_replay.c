/* test_replay.c - replay: the same again, and every forged outcome found where it stands. */
#include "replay_fixture.h"

static const cz_check_options one = {.threads = 1}, two = {.threads = 2};

struct state {
    struct sample sample;
    struct czi_fs *fs;
    struct forger forger;
};

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);

    s->fs = sample_fs(&s->sample);
    forge_open(&s->forger, s->fs);
    *state = s;
    return 0;
}

static int tear_down(void **state)
{
    struct state *s = *state;

    forge_done(&s->forger);
    s->fs->ops->free(s->fs);
    free(s);
    return 0;
}

/* The forged store must differ at this position, with this in the text. */
static void expect_difference(struct state *s, uint64_t position, const char *what)
{
    struct czi_fs *fs = forge_write(&s->forger);
    char place[64];

    (void)snprintf(place, sizeof place, "position %llu:", (unsigned long long)position);
    for (int i = 0; i < 2; i++) {
        cz_journal_report r = {.positions = 4711};
        cz_error err = {0};
        int rc = czi_replay(fs, i ? &two : &one, &r, &err);

        if (rc != CZ_DIFFERS || !strstr(err.detail, place) || !strstr(err.detail, what) ||
            !strstr(err.detail, "journal/0000000000000001: offset "))
            fail_msg("expected '%s %s', got %s: %s", place, what, cz_code_name(rc), err.detail);
        assert_int_equal(r.positions, 4711); /* untouched */
    }
    fs->ops->free(fs);
}

static void a_store_replays_to_the_root_that_it_had(void **state)
{
    struct state *s = *state;

    for (int i = 0; i < 2; i++) {
        cz_journal_report r;
        cz_error err = {0};

        assert_ok(czi_replay(s->fs, i ? &two : &one, &r, &err), err);
        assert_memory_equal(r.root, s->sample.root, 32);
        assert_int_equal(r.positions, POSITIONS);
        assert_int_equal(r.rejected, REJECTED);
        assert_int_equal(r.applied, POSITIONS - REJECTED);
        assert_int_equal(r.facts, s->sample.items);
        assert_int_equal(r.resources, RESOURCES);
        assert_false(r.unfinished_tail);
        assert_false(r.index_compared);
    }
}

static void what_is_not_forged_is_written_back_the_same(void **state)
{
    struct state *s = *state;
    struct czi_fs *fs = forge_write(&s->forger);
    cz_journal_report r;
    cz_error err = {0};

    assert_ok(czi_replay(fs, &one, &r, &err), err);
    assert_memory_equal(r.root, s->sample.root, 32);
    fs->ops->free(fs);
}

static void a_forged_balance_differs(void **state)
{
    struct state *s = *state;

    forged_post(&s->forger, PAY, "a")->quantity -= 1;
    forged_post(&s->forger, PAY, "b")->quantity += 1;
    expect_difference(s, PAY, "another value");
}

static void a_forged_version_differs(void **state)
{
    struct state *s = *state;

    forged_post(&s->forger, MOVE, "p")->version++;
    expect_difference(s, MOVE, "version 3, executing gives 2");
}

static void a_forged_version_that_was_read_differs(void **state)
{
    struct state *s = *state;

    forged_post(&s->forger, READ, "d")->version++;
    expect_difference(s, READ, "version 3, executing gives 2");
}

static void a_forged_previous_position_differs(void **state)
{
    struct state *s = *state;

    forged_post(&s->forger, READ, "a")->previous--;
    expect_difference(s, READ, "previous position 3, executing gives 4");
}

static void a_forged_state_differs(void **state)
{
    struct state *s = *state;

    forged_post(&s->forger, LOCK, "b")->state = CZ_FROZEN;
    expect_difference(s, LOCK, "kind and state");
}

static void a_forged_lamport_time_differs(void **state)
{
    struct state *s = *state;

    forged(&s->forger, FOLLOW)->outcome.lamport++;
    expect_difference(s, FOLLOW, "Lamport time");
}

static void a_forged_entry_before_of_a_programs_log_differs(void **state)
{
    struct state *s = *state;

    forged(&s->forger, SEE)->extra.program_previous = FORK;
    expect_difference(s, SEE, "the position of its program's entry before 25, executing");
}

static void a_forged_data_hash_differs(void **state)
{
    struct state *s = *state;
    struct forged_record *r = forged(&s->forger, WRITE);

    r->hashes[0][5] ^= 1;
    expect_difference(s, WRITE, "another value");
}

static void a_forged_reason_differs(void **state)
{
    struct state *s = *state;

    forged(&s->forger, OVERDRAFT)->outcome.reason = CZ_WRONG_STATE;
    expect_difference(s, OVERDRAFT, "says wrong-state, executing gives overdraft");
}

/* The audit cannot see this: nothing contradicts it but executing. */
static void a_requirement_that_does_not_hold_differs(void **state)
{
    struct state *s = *state;
    struct forged_record *r = forged(&s->forger, READ);
    cz_requirement q = {.has_quantity = true, .quantity = 1000};
    cz_id a = resource_id("a"), d = resource_id("d");
    struct sample next = {.nonce = READ - 1};
    cz_effect *e = new_effect(&next);
    cz_error err = {0};

    assert_ok(cz_effect_require(e, &a, &q, &err), err);
    add_transfer(e, "a", "b", 1);
    assert_ok(cz_effect_access(e, &d, CZ_READ, &err), err);
    forge_effect(r, e);
    expect_difference(s, READ, "says applied, executing gives require-quantity");
}

static void an_effect_that_stands_twice_differs(void **state)
{
    struct state *s = *state;

    forge_insert(&s->forger, forged(&s->forger, PAY), forged(&s->forger, PAY));
    struct czi_fs *fs = forge_write(&s->forger);
    cz_journal_report r;
    cz_error err = {0};

    assert_int_equal(czi_replay(fs, &one, &r, &err), CZ_DIFFERS);
    assert_non_null(strstr(err.detail, "a second time"));
    fs->ops->free(fs);
}

static void a_forged_hash_over_receipts_differs(void **state)
{
    struct state *s = *state;

    s->forger.spoil_receipts = forged(&s->forger, LOCK)->frame;
    struct czi_fs *fs = forge_write(&s->forger);
    cz_journal_report r;
    cz_error err = {0};

    assert_int_equal(czi_replay(fs, &one, &r, &err), CZ_DIFFERS);
    assert_non_null(strstr(err.detail, "frame at position 7: its receipts"));
    fs->ops->free(fs);
}

static void a_flipped_bit_is_corrupt_with_its_frame(void **state)
{
    struct state *s = *state;
    struct czi_fs *fs = copy_store(s->fs);
    struct czi_file *f;
    uint8_t byte;
    size_t got;
    cz_journal_report r;
    cz_error err = {0};

    assert_ok(fs->ops->open(fs, "journal/0000000000000001", CZI_OPEN_WRITE, &f, &err), err);
    assert_ok(fs->ops->read(f, 500, &byte, 1, &got, &err), err);
    byte ^= 4;
    assert_ok(fs->ops->write(f, 500, &byte, 1, &err), err);
    fs->ops->close(f);
    assert_int_equal(czi_replay(fs, &two, &r, &err), CZ_CORRUPT);
    assert_non_null(strstr(err.detail, "journal/0000000000000001: offset "));
    fs->ops->free(fs);
}

#define FORGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

/* ---- Guests ----------------------------------------------------------------------------- */

static void a_run_that_never_was_is_found(void **state)
{
    static const cz_guest_run run = {.status = CZ_GUEST_EXITED, .gas = 5};
    struct state *s = *state;

    forged(&s->forger, MISRUN)->extra.run = &run;
    expect_difference(s, MISRUN, "guest");
}

static void another_scope_is_found(void **state)
{
    struct state *s = *state;
    struct forged_record *r = forged(&s->forger, MISCALL);
    uint8_t scope[CZI_SCOPE_SIZE_MAX];
    cz_id b = resource_id("b");
    size_t len = r->bytes.len;

    r->extra.scope.len = czi_scope_encode(scope, NULL, 0, &b, 1);
    czi_buf_put(&r->bytes, scope, r->extra.scope.len);
    r->bytes.len = len;
    r->extra.scope.data = r->bytes.data + len;
    r->outcome.post_count = 1;
    r->posts[0] = (struct czi_post){.version = 1, .previous = MAKE_AB};
    expect_difference(s, MISCALL, "scope");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORGED(a_store_replays_to_the_root_that_it_had),
        FORGED(what_is_not_forged_is_written_back_the_same),
        FORGED(a_forged_balance_differs),
        FORGED(a_forged_version_differs),
        FORGED(a_forged_version_that_was_read_differs),
        FORGED(a_forged_previous_position_differs),
        FORGED(a_forged_state_differs),
        FORGED(a_forged_lamport_time_differs),
        FORGED(a_forged_entry_before_of_a_programs_log_differs),
        FORGED(a_forged_data_hash_differs),
        FORGED(a_forged_reason_differs),
        FORGED(a_requirement_that_does_not_hold_differs),
        FORGED(an_effect_that_stands_twice_differs),
        FORGED(a_forged_hash_over_receipts_differs),
        FORGED(a_flipped_bit_is_corrupt_with_its_frame),
        FORGED(a_run_that_never_was_is_found),
        FORGED(another_scope_is_found),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
