/* test_signature_audit.c - audit and replay find each signature that is not its key's, in a
 * journal that is otherwise without fault. */
#include "engine/verify.h"
#include "replay_fixture.h"

/* Positions: accounts, then transfers with 4 signatures each; the first ones in a frame of
 * their own, the others together. The signatures are more than two threads take at once. */
enum { FIRST = 2, SINGLE = 40, LAST = 90, KEYS = 4 };

struct state {
    struct czi_fs *fs;
    struct forger forger;
};

static const cz_check_options one = {.threads = 1}, two = {.threads = 2};

static void add_signatures(cz_effect *e)
{
    cz_error err = {0};

    for (unsigned k = 1; k <= KEYS; k++) {
        uint8_t seed[CZI_SEED_SIZE] = {(uint8_t)k};

        assert_ok(cz_effect_sign(e, seed, &err), err);
    }
}

static struct czi_fs *make_signed(void)
{
    struct czi_ledger_options store = {.memory_index = true, .segment_size_max = UINT64_MAX};
    cz_options o = {.ordered = true};
    struct sample s = {0};
    cz_error err = {0};
    cz_effect *e;

    assert_ok(czi_fs_simulated(CZI_SIM_VOLATILE, &store.fs, &err), err);
    assert_ok(czi_ledger_create(store.fs, &err), err);
    assert_ok(czi_open_driven(&store, &o, &s.engine, &err), err);
    add_creation(e = new_effect(&s), "a", CZ_FUNGIBLE, "USD", 1000, NULL);
    add_creation(e, "b", CZ_FUNGIBLE, "USD", 0, NULL);
    run_effect(&s, e, CZ_APPLIED);
    while (s.nonce < LAST) {
        add_transfer(e = new_effect(&s), "a", "b", 1);
        add_signatures(e);
        if (s.nonce <= SINGLE) {
            run_effect(&s, e, CZ_APPLIED);
            continue;
        }
        assert_ok(cz_submit_effect(s.engine, e, NULL, NULL, NULL, &err), err);
        cz_effect_free(e);
    }
    assert_ok(cz_close(s.engine, &err), err);
    return store.fs;
}

static int set_up(void **state)
{
    struct state *s = calloc(1, sizeof *s);

    assert_non_null(s);
    s->fs = make_signed();
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

/* The i-th key of a position, and the signature behind it. */
static uint8_t *signer(struct state *s, uint64_t position, unsigned i)
{
    struct forged_record *r = forged(&s->forger, position);

    return r->bytes.data + r->bytes.len - (size_t)(KEYS - i) * CZI_SIGNER_SIZE;
}

/* Audit and replay of what the forger wrote, on one thread and on two. */
static void find(struct state *s, int code, const char *position, const char *what)
{
    struct czi_fs *fs = forge_write(&s->forger);

    for (unsigned i = 0; i < 4; i++) {
        const cz_check_options *o = i % 2 ? &two : &one;
        cz_journal_report replayed;
        cz_audit_report audited;
        cz_error err = {0};
        int rc = i < 2 ? czi_audit(fs, o, &audited, &err) : czi_replay(fs, o, &replayed, &err);

        if (code == CZ_CORRUPT && i >= 2)
            code = CZ_DIFFERS;
        assert_int_equal(rc, code);
        assert_int_equal(err.code, code);
        assert_non_null(strstr(err.detail, position));
        assert_non_null(strstr(err.detail, "journal/0000000000000001: offset "));
        assert_null(strstr(strstr(err.detail, "offset ") + 1, "offset "));
        if (what && code == CZ_PROOF)
            assert_non_null(strstr(err.detail, what));
    }
    fs->ops->free(fs);
}

/* ------------------------------------------------------------------------------------------ */

static void all_signatures_are_verified_and_counted(void **state)
{
    struct state *s = *state;

    for (unsigned i = 0; i < 2; i++) {
        cz_journal_report replayed;
        cz_audit_report r;
        cz_error err = {0};

        assert_ok(czi_audit(s->fs, i ? &two : &one, &r, &err), err);
        assert_int_equal(r.journal.positions, LAST);
        assert_int_equal(r.signatures, KEYS * (LAST - FIRST + 1));
        assert_true(r.journal.frames > SINGLE);
        assert_ok(czi_replay(s->fs, i ? &two : &one, &replayed, &err), err);
    }
}

static void a_forged_signature_is_found_wherever_it_is(void **state)
{
    static const uint64_t positions[] = {FIRST, 23, SINGLE, SINGLE + 1, 77, LAST};
    struct state *s = *state;

    for (size_t i = 0; i < CZI_COUNTOF(positions); i++) {
        uint8_t *at = signer(s, positions[i], (unsigned)i % KEYS);
        char where[32], key[65];

        (void)snprintf(where, sizeof where, "position %u:", (unsigned)positions[i]);
        czi_hex(key, at, 32);
        at[32 + 11 * i] ^= 0x20;
        find(s, CZ_PROOF, where, key);
        at[32 + 11 * i] ^= 0x20;
    }
}

static void the_signatures_of_another_effect_are_found(void **state)
{
    struct state *s = *state;

    memcpy(signer(s, 50, 0), signer(s, 51, 0), (size_t)KEYS * CZI_SIGNER_SIZE);
    find(s, CZ_PROOF, "position 50:", NULL);
}

static void of_two_the_first_is_told(void **state)
{
    struct state *s = *state;

    signer(s, 88, 0)[40] ^= 1;
    signer(s, 30, 2)[40] ^= 1;
    find(s, CZ_PROOF, "position 30:", NULL);
}

/* Signatures are verified later than what can be seen at once. */
static void a_fault_behind_a_forged_signature_does_not_hide_it(void **state)
{
    struct state *s = *state;

    signer(s, 20, 3)[40] ^= 1;
    forged_post(&s->forger, 39, "a")->version++;
    find(s, CZ_PROOF, "position 20:", NULL);
}

static void a_fault_before_a_forged_signature_is_told_first(void **state)
{
    struct state *s = *state;

    signer(s, 39, 3)[40] ^= 1;
    forged_post(&s->forger, 20, "a")->version++;
    find(s, CZ_CORRUPT, "position 20:", NULL);
}

static void an_audit_without_memory_says_so(void **state)
{
    struct state *s = *state;
    bool failed = true;
    unsigned failures = 0;

    for (int64_t skip = 0; failed; skip++) {
        cz_audit_report r;
        cz_error err = {0};
        int rc;

        czi_alloc_fail_after(skip);
        rc = czi_audit(s->fs, skip % 2 ? &two : &one, &r, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        if (!rc)
            assert_int_equal(r.signatures, KEYS * (LAST - FIRST + 1));
        else
            assert_int_equal(rc, CZ_NOMEM);
        assert_true(failed || !rc);
        failures += rc == CZ_NOMEM;
    }
    assert_true(failures > 10);
}

#define FORGED(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        FORGED(all_signatures_are_verified_and_counted),
        FORGED(a_forged_signature_is_found_wherever_it_is),
        FORGED(the_signatures_of_another_effect_are_found),
        FORGED(of_two_the_first_is_told),
        FORGED(a_fault_behind_a_forged_signature_does_not_hide_it),
        FORGED(a_fault_before_a_forged_signature_is_told_first),
        FORGED(an_audit_without_memory_says_so),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
