/* test_effect.c - canonical effects: what the builder writes, what the decoder refuses, and the
 * bounds of both. Random effects of every shape are in tests/property. */
#include "codec/blake3.h"
#include "codec/ed25519.h"
#include "effect/effect.h"
#include "test.h"

static cz_id id_number(unsigned n)
{
    cz_id id;

    czi_blake3(&n, sizeof n, id.bytes);
    return id;
}

static const uint8_t seed[32] = {7};

static cz_effect *effect(void)
{
    cz_effect *e = cz_effect_new();
    cz_id origin = id_number(1000);

    assert_non_null(e);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, 7);
    return e;
}

/* One with every kind of operation and every part. */
static cz_effect *full_effect(void)
{
    cz_effect *e = effect();
    cz_id a = id_number(1), b = id_number(2), c = id_number(3);
    cz_creation kinds[] = {
        {.creator = a, .controller = b, .label = "fund", .asset = "USD", .quantity = 1000},
        {.creator = a,
         .label = "place",
         .kind = CZ_POSITION,
         .asset = "ETH",
         .if_absent = true},
        {.creator = a,
         .label = "note é",
         .kind = CZ_DATA,
         .data = (const uint8_t *)"hello",
         .data_len = 5},
    };
    cz_requirement r = {true, true, true, CZ_LOCKED, 300, -((cz_quantity)1 << 100)};
    cz_error err = {0};

    for (unsigned i = 0; i < CZI_COUNTOF(kinds); i++)
        assert_ok(cz_effect_create(e, &kinds[i], &err), err);
    assert_ok(cz_effect_transfer(e, &a, &b, 5, &err), err);
    assert_ok(cz_effect_move(e, &b, &c, (cz_quantity)1 << 90, &err), err);
    assert_ok(cz_effect_write(e, &c, "bytes", 5, &err), err);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_unlock(e, &a, &err), err);
    assert_ok(cz_effect_freeze(e, &a, &err), err);
    assert_ok(cz_effect_unfreeze(e, &a, &err), err);
    assert_ok(cz_effect_consume(e, &b, &err), err);
    assert_ok(cz_effect_archive(e, &c, &err), err);
    for (unsigned i = 20; i < 23; i++) {
        cz_id read = id_number(i);

        assert_ok(cz_effect_require(e, &read, &r, &err), err);
        assert_ok(cz_effect_cite(e, &read, &err), err);
        assert_ok(cz_effect_follow(e, &read, &err), err);
    }
    assert_ok(cz_effect_sign(e, seed, &err), err);
    return e;
}

/* The same in the full form, with all that only that one says. */
static cz_effect *widest_effect(void)
{
    cz_effect *e = full_effect();
    cz_id program = id_number(50), time = id_number(51);
    cz_dependency ask[] = {
        {.fact = id_number(20), .policy = CZ_EXACT, .optional = true, .purpose = "credit"},
        {.fact = id_number(21), .finality = CZ_DEPTH, .depth = 6, .policy = CZ_STILL_TRUE},
        {.fact = id_number(24),
         .policy = CZ_AT_LEAST_HEIGHT,
         .finality = CZ_FINAL,
         .has_max_age = true,
         .max_age = 3600},
    };
    cz_error err = {0};

    for (unsigned i = 0; i < CZI_COUNTOF(ask); i++)
        assert_ok(cz_effect_depend(e, &ask[i], &err), err);
    cz_effect_set_program(e, &program, 3);
    cz_effect_set_time(e, &time);
    return e;
}

/* It declares 30 resources, so that places take one and two bytes, and runs a guest on some. */
static cz_effect *run_effect(void)
{
    cz_effect *e = effect();
    cz_guest_access seen[30];
    cz_id code = id_number(200);
    cz_error err = {0};

    for (unsigned i = 0; i < 30; i++)
        seen[i] = (cz_guest_access){id_number(100 + i), i % 3 ? CZ_READ : CZ_WRITE};
    assert_ok(cz_effect_run(e, &code, 1000000, seen, 30, "some input", 10, &err), err);
    assert_ok(cz_effect_lock(e, &seen[1].resource, &err), err);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    return e;
}

/* Declares nothing, and says all else. */
static cz_effect *open_effect(void)
{
    cz_effect *e = effect();
    cz_id code = id_number(200), program = id_number(50), time = id_number(51);
    cz_dependency ask = {.fact = id_number(20), .policy = CZ_EXACT, .purpose = "credit"};
    cz_error err = {0};

    assert_ok(cz_effect_when(e, "moon", 5, 7, &err), err);
    assert_ok(cz_effect_call(e, &code, CZ_GAS_MAX, "some input that is not short at all", 35,
                             &err),
              err);
    for (unsigned i = 21; i < 30; i++) {
        cz_id other = id_number(i);

        assert_ok(cz_effect_cite(e, &other, &err), err);
        assert_ok(cz_effect_follow(e, &other, &err), err);
    }
    assert_ok(cz_effect_depend(e, &ask, &err), err);
    cz_effect_set_program(e, &program, 3);
    cz_effect_set_time(e, &time);
    assert_ok(cz_effect_note(e, "noted", 5, &err), err);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    return e;
}

typedef cz_effect *(*make_fn)(void);
static const make_fn forms[] = {full_effect, widest_effect, run_effect, open_effect};

static void check_round_trip(cz_effect *e)
{
    cz_effect *copy = cz_effect_new();
    const uint8_t *bytes, *again;
    size_t len, again_len;
    cz_id id, copy_id;
    cz_error err = {0};

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(cz_effect_decode(copy, bytes, len, &err), err);
    assert_ok(cz_effect_encode(copy, &again, &again_len, &err), err);
    assert_int_equal(again_len, len);
    assert_memory_equal(again, bytes, len);
    assert_ok(cz_effect_id(e, &id, &err), err);
    assert_ok(cz_effect_id(copy, &copy_id, &err), err);
    assert_memory_equal(&id, &copy_id, sizeof id);
    cz_effect_free(copy);
    cz_effect_free(e);
}

static void bytes_that_are_decoded_encode_to_the_same_bytes(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(forms); i++)
        check_round_trip(forms[i]());
}

/* Spelled out from effect.h: [1, origin, 7, 2, [a, b sorted], [], [[1, 0|1, 1|0, 5]], …]. */
static void a_transfer_has_the_documented_bytes(void **state)
{
    cz_id a = id_number(1), b = id_number(2), origin = id_number(1000);
    bool a_first = memcmp(&a, &b, sizeof a) < 0;
    uint8_t expected[256], *p = expected, fast[CZI_TRANSFER_SIZE_MAX];
    cz_effect *e = effect();
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    *p++ = 0x8a;
    *p++ = 0x01;
    *p++ = 0x58;
    *p++ = 0x20;
    memcpy(p, &origin, 32);
    p += 32;
    *p++ = 0x07;
    *p++ = 0x02;
    *p++ = 0x82;
    for (int i = 0; i < 2; i++, p += 32) {
        *p++ = 0x58;
        *p++ = 0x20;
        memcpy(p, (i == 0) == a_first ? &a : &b, 32);
    }
    memcpy(p, (uint8_t[]){0x80, 0x81, 0x84, 0x01, !a_first, a_first, 0x05, 0x80, 0x80, 0xf6},
           10);
    p += 10;
    assert_ok(cz_effect_transfer(e, &a, &b, 5, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_int_equal(len, p - expected);
    assert_memory_equal(bytes, expected, len);
    assert_int_equal(czi_transfer_encode(fast, &origin, 7, CZ_NORMAL, &a, &b, 5), len);
    assert_memory_equal(fast, expected, len);
    cz_effect_free(e);
}

static void the_fast_encoder_writes_what_the_builder_writes(void **state)
{
    struct czi_rng rng = czi_rng(5);

    (void)state;
    for (unsigned i = 0; i < 2000; i++) {
        unsigned wide = (unsigned)czi_rng_below(&rng, 126);
        cz_id a = id_number((unsigned)czi_rng_below(&rng, 20)),
              b = id_number((unsigned)czi_rng_below(&rng, 20)), origin = id_number(1000);
        cz_quantity q = ((cz_quantity)1 << wide) + (cz_quantity)czi_rng_below(&rng, 1000);
        uint64_t nonce = czi_rng_next(&rng) >> czi_rng_below(&rng, 64);
        unsigned priority = (unsigned)czi_rng_below(&rng, 4);
        uint8_t fast[CZI_TRANSFER_SIZE_MAX];
        cz_effect *e = effect();
        const uint8_t *bytes;
        size_t len;
        cz_error err = {0};

        nonce -= nonce == UINT64_MAX;
        cz_effect_set_nonce(e, nonce);
        cz_effect_set_priority(e, (enum cz_priority)priority);
        assert_ok(cz_effect_transfer(e, &a, &b, q, &err), err);
        assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
        assert_int_equal(czi_transfer_encode(fast, &origin, nonce, priority, &a, &b, q), len);
        assert_memory_equal(fast, bytes, len);
        cz_effect_free(e);
    }
}

static void check_changed_bytes(cz_effect *e)
{
    cz_effect *d = cz_effect_new();
    const uint8_t *bytes, *again;
    uint8_t copy[4096];
    size_t len, again_len;
    unsigned refused = 0, others = 0;
    cz_error err = {0};

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_true(len < sizeof copy);
    for (size_t at = 0; at < len; at++)
        for (unsigned change = 1; change < 256; change++) {
            memcpy(copy, bytes, len);
            copy[at] ^= (uint8_t)change;
            memset(&err, 0, sizeof err);
            if (cz_effect_decode(d, copy, len, &err)) {
                assert_true(err.code == CZ_INVALID || err.code == CZ_LIMIT);
                assert_non_null(strstr(err.detail, "byte "));
                refused++;
                continue;
            }
            assert_ok(cz_effect_encode(d, &again, &again_len, &err), err);
            assert_int_equal(again_len, len);
            assert_memory_equal(again, copy, len);
            others++;
        }
    assert_true(refused > 1000 && others > 1000);
    cz_effect_free(e);
    cz_effect_free(d);
}

static void any_changed_byte_is_refused_or_is_another_effect(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(forms); i++)
        check_changed_bytes(forms[i]());
}

static void check_cut_off(cz_effect *e)
{
    cz_effect *d = cz_effect_new();
    const uint8_t *bytes;
    size_t len;
    uint8_t copy[4096] = {0};
    cz_error err = {0};

    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    memcpy(copy, bytes, len);
    for (size_t n = 0; n < len; n++) {
        uint8_t *exact = malloc(n + 1);

        memcpy(exact, bytes, n);
        assert_int_equal(cz_effect_decode(d, exact, n, &err), CZ_INVALID);
        free(exact);
    }
    assert_int_equal(cz_effect_decode(d, copy, len + 1, &err), CZ_INVALID);
    cz_effect_free(e);
    cz_effect_free(d);
}

static void bytes_cut_off_or_added_are_refused(void **state)
{
    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(forms); i++)
        check_cut_off(forms[i]());
}

/* ---- The full form -------------------------------------------------------------------------
 */

/* What a test changes of an effect with one lock and two facts, written by hand. */
struct by_hand {
    unsigned tag, length, facts, terms, ops;
    unsigned policy, finality, depth; /* of the first fact */
    const char *purpose;              /* NULL: none */
    unsigned purpose_len, task_len, term_length, program_id;
    bool optional, has_age, has_time, has_program;
    uint64_t task;
};

static const struct by_hand said = {.tag = 13,
                                    .length = 13,
                                    .facts = 2,
                                    .terms = 2,
                                    .ops = 1,
                                    .policy = CZ_EXACT,
                                    .purpose = "p",
                                    .purpose_len = 1,
                                    .task_len = 2,
                                    .term_length = 6,
                                    .program_id = 32,
                                    .optional = true,
                                    .has_age = true,
                                    .has_time = true,
                                    .has_program = true,
                                    .task = 9};

static uint8_t *put_link(uint8_t *p, int fill)
{
    memcpy(p, "\xd8\x2a\x58\x25\x00\x01\x71\x1e\x20", 9);
    memset(p + 9, fill, 32);
    return p + 41;
}

static uint8_t *put_terms(uint8_t *p, const struct by_hand *h, bool plain)
{
    p = czi_cbor_put_array(p, plain ? 6 : h->term_length);
    p = czi_cbor_put_uint(p, plain ? 1u : h->policy);
    p = czi_cbor_put_bool(p, !plain && h->optional);
    p = czi_cbor_put_uint(p, plain ? 0u : h->finality);
    p = czi_cbor_put_uint(p, plain ? 0u : h->depth);
    p = !plain && h->has_age ? czi_cbor_put_uint(p, 60) : czi_cbor_put_null(p);
    return !plain && h->purpose ? czi_cbor_put_text(p, h->purpose, h->purpose_len)
                                : czi_cbor_put_null(p);
}

static size_t put_by_hand(uint8_t *out, const struct by_hand *h)
{
    uint8_t fill[40], *p = czi_cbor_put_array(out, h->length);

    memset(fill, 0x77, sizeof fill);
    p = czi_cbor_put_uint(p, h->tag);
    p = czi_cbor_put_bytes(p, fill, 32);
    memcpy(p, "\x07\x02\x81", 3); /* nonce 7, normal, one write */
    p = czi_cbor_put_bytes(p + 3, fill, 32);
    *p++ = 0x80;
    p = czi_cbor_put_array(p, h->ops);
    for (unsigned i = 0; i < h->ops; i++, p += 3)
        memcpy(p, "\x82\x04\x00", 3); /* lock */
    p = czi_cbor_put_array(p, h->facts);
    for (unsigned i = 0; i < h->facts; i++)
        p = put_link(p, 0xf0 + (int)i);
    *p++ = 0x80;
    p = czi_cbor_put_array(p, h->terms);
    for (unsigned i = 0; i < h->terms; i++)
        p = put_terms(p, h, i > 0);
    p = h->has_time ? put_link(p, 0x11) : czi_cbor_put_null(p);
    if (h->has_program) {
        p = czi_cbor_put_array(p, h->task_len);
        p = czi_cbor_put_bytes(p, fill, h->program_id);
        p = czi_cbor_put_uint(p, h->task);
    } else {
        p = czi_cbor_put_null(p);
    }
    p = czi_cbor_put_null(p);
    return (size_t)(p - out);
}

static void the_full_form_has_the_documented_bytes(void **state)
{
    uint8_t expected[1024];
    size_t expected_len = put_by_hand(expected, &said), len;
    cz_effect *e = cz_effect_new();
    cz_dependency d = {.policy = CZ_EXACT,
                       .optional = true,
                       .has_max_age = true,
                       .max_age = 60,
                       .purpose = "p"};
    cz_id origin, fact, time;
    const uint8_t *bytes;
    cz_error err = {0};

    (void)state;
    memset(&origin, 0x77, 32);
    memset(&d.fact, 0xf0, 32);
    memset(&fact, 0xf1, 32);
    memset(&time, 0x11, 32);
    cz_effect_set_origin(e, &origin);
    cz_effect_set_nonce(e, 7);
    assert_ok(cz_effect_lock(e, &origin, &err), err);
    assert_ok(cz_effect_cite(e, &fact, &err), err);
    assert_ok(cz_effect_depend(e, &d, &err), err);
    cz_effect_set_program(e, &origin, 9);
    cz_effect_set_time(e, &time);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_int_equal(len, expected_len);
    assert_memory_equal(bytes, expected, len);
    cz_effect_free(e);
}

static void the_view_of_the_full_form_reads_terms_time_and_program(void **state)
{
    uint8_t bytes[1024];
    size_t len = put_by_hand(bytes, &said);
    struct czi_effect_view v;
    struct czi_cbor c;
    struct czi_terms t;
    uint32_t task;
    cz_error err = {0};

    (void)state;
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    assert_true(v.is_full && v.has_terms && v.has_time && v.has_program);
    assert_int_equal(v.shape, CZI_SHAPE_GENERAL);
    t = czi_effect_next_terms(bytes, len, &v, 0, &c);
    assert_int_equal(t.policy, CZ_EXACT);
    assert_int_equal(t.finality, CZ_SEEN);
    assert_true(t.optional && t.has_max_age);
    assert_int_equal(t.max_age, 60);
    assert_int_equal(t.purpose.len, 1);
    assert_int_equal(t.purpose.data[0], 'p');
    t = czi_effect_next_terms(bytes, len, &v, 1, &c);
    assert_int_equal(t.policy, CZ_STILL_TRUE);
    assert_false(t.optional || t.has_max_age || t.purpose.data);
    assert_int_equal(czi_effect_time(bytes, len, &v)[31], 0x11);
    assert_int_equal(czi_effect_program(bytes, len, &v, &task)[0], 0x77);
    assert_int_equal(task, 9);
}

static int view_by_hand(const struct by_hand *h, cz_error *err)
{
    uint8_t bytes[1024];
    struct czi_effect_view v;

    return czi_effect_view(bytes, put_by_hand(bytes, h), &v, err);
}

/* Each field alone: what the form does not allow of it. */
static void the_full_form_is_strict(void **state)
{
    static const char long_purpose[CZI_PURPOSE_SIZE_MAX + 1];
    struct by_hand bad[] = {said, said, said, said, said, said, said, said, said,
                            said, said, said, said, said, said, said, said};
    struct by_hand *h = bad;
    cz_error err = {0};

    (void)state;
    assert_ok(view_by_hand(&said, &err), err);
    h++->tag = 1;
    h++->length = 12;
    h++->length = 14;
    h++->terms = 1; /* of two facts */
    h++->facts = 1; /* with two terms */
    h++->policy = CZ_AT_LEAST_HEIGHT + 1;
    h++->finality = CZ_FINAL + 1;
    h++->finality = CZ_DEPTH; /* of no depth */
    h++->depth = 1;           /* without asking for one */
    h++->term_length = 5;
    h++->purpose_len = 0;
    h->purpose_len = CZI_PURPOSE_SIZE_MAX + 1;
    h++->purpose = long_purpose;
    h++->purpose = "\xff";
    h++->task = 1ull << 32;
    h++->task_len = 3;
    h++->program_id = 31;
    h++->program_id = 33;
    for (unsigned i = 0; i < CZI_COUNTOF(bad); i++) {
        memset(&err, 0, sizeof err);
        assert_int_equal(view_by_hand(&bad[i], &err), CZ_INVALID);
        assert_non_null(strstr(err.detail, "byte "));
    }
    bad[0] = said;
    bad[0].purpose = long_purpose;
    bad[0].purpose_len = CZI_PURPOSE_SIZE_MAX;
    bad[0].finality = CZ_DEPTH;
    bad[0].depth = 1;
    bad[0].task = UINT32_MAX;
    assert_ok(view_by_hand(bad, &err), err);
}

static void what_the_plain_form_can_say_has_no_other(void **state)
{
    const struct by_hand nothing = {.tag = 13, .length = 13, .facts = 2, .ops = 1};
    struct by_hand plain = nothing, timed = nothing;
    cz_effect *e = effect();
    cz_id a = id_number(1), none = {{0}};
    cz_dependency d = {.fact = id_number(20), .policy = CZ_STILL_TRUE};
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    assert_int_equal(view_by_hand(&nothing, &err), CZ_INVALID);
    plain.terms = 2;
    plain.term_length = 6;
    plain.policy = CZ_STILL_TRUE;
    assert_int_equal(view_by_hand(&plain, &err), CZ_INVALID);
    plain.has_time = true; /* that needs the full form, plain terms do not */
    assert_int_equal(view_by_hand(&plain, &err), CZ_INVALID);
    assert_non_null(strstr(err.detail, "plain"));
    timed.has_time = true;
    assert_ok(view_by_hand(&timed, &err), err);
    /* And the builder writes it so. */
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_depend(e, &d, &err), err);
    cz_effect_set_time(e, &a);
    cz_effect_set_time(e, &none);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_int_equal(bytes[0], 0x8a);
    assert_int_equal(bytes[1], 1);
    cz_effect_free(e);
}

static void only_an_effect_of_a_program_may_have_no_operation(void **state)
{
    struct by_hand h = said;
    cz_error err = {0};

    (void)state;
    h.ops = 0;
    assert_ok(view_by_hand(&h, &err), err);
    h.has_program = false;
    assert_int_equal(view_by_hand(&h, &err), CZ_INVALID);
}

static void a_fact_that_is_cited_again_is_asked_for_what_was_said_last(void **state)
{
    cz_effect *e = effect();
    cz_id a = id_number(1);
    cz_dependency d = {.fact = id_number(20), .policy = CZ_EXACT, .purpose = "one"};
    struct czi_effect_view v;
    struct czi_terms t;
    struct czi_cbor c;
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_depend(e, &d, &err), err);
    d.purpose = "other";
    d.optional = true;
    assert_ok(cz_effect_depend(e, &d, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    assert_int_equal(v.fact_count, 1);
    t = czi_effect_next_terms(bytes, len, &v, 0, &c);
    assert_int_equal(t.purpose.len, 5);
    assert_true(t.optional);
    assert_ok(cz_effect_cite(e, &d.fact, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_int_equal(bytes[1], 1);
    cz_effect_free(e);
}

static void the_builder_refuses_terms_that_no_effect_can_have(void **state)
{
    static const char longest[] =
        "1234567890123456789012345678901234567890123456789012345678901234";
    cz_dependency bad[] = {
        {.policy = (enum cz_fact_policy)3},
        {.finality = (enum cz_finality)4},
        {.finality = CZ_DEPTH},
        {.depth = 1},
        {.purpose = ""},
        {.purpose = "\xc3"},
    };
    cz_dependency long_one = {.purpose = longest};
    char longer[CZI_PURPOSE_SIZE_MAX + 2];
    cz_effect *e = effect();
    cz_id a = id_number(1);
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    _Static_assert(sizeof longest == CZI_PURPOSE_SIZE_MAX + 1, "reaches the bound");
    for (unsigned i = 0; i < CZI_COUNTOF(bad); i++)
        assert_int_equal(cz_effect_depend(e, &bad[i], &err), CZ_INVALID);
    (void)snprintf(longer, sizeof longer, "%s+", longest);
    assert_ok(cz_effect_depend(e, &long_one, &err), err);
    long_one.purpose = longer;
    assert_int_equal(cz_effect_depend(e, &long_one, &err), CZ_LIMIT);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    cz_effect_free(e);
}

static void naming_a_resource_twice_takes_the_stronger_mode(void **state)
{
    cz_id a = id_number(1), b = id_number(2);
    cz_requirement r = {.has_state = true};
    struct czi_effect_view v;
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    for (int first = 0; first < 2; first++) {
        cz_effect *e = effect();

        assert_ok(cz_effect_access(e, &a, first ? CZ_WRITE : CZ_READ, &err), err);
        assert_ok(cz_effect_access(e, &a, first ? CZ_READ : CZ_WRITE, &err), err);
        assert_ok(cz_effect_require(e, &b, &r, &err), err);
        assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
        assert_ok(czi_effect_view(bytes, len, &v, &err), err);
        assert_int_equal(v.write_count, 1);
        assert_int_equal(v.read_count, 1);
        assert_memory_equal(czi_effect_access_id(bytes, &v, 0), &a, 32);
        cz_effect_free(e);
    }
}

static void the_signing_id_leaves_only_the_signature_out(void **state)
{
    cz_effect *e = effect();
    cz_id a = id_number(1), unsigned_id, id, signing;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_id(e, &unsigned_id, &err), err);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    assert_ok(cz_effect_id(e, &id, &err), err);
    assert_ok(cz_effect_signing_id(e, &signing, &err), err);
    assert_memory_equal(&signing, &unsigned_id, sizeof id);
    assert_memory_not_equal(&id, &signing, sizeof id);
    cz_effect_free(e);
}

/* What accounts and programs add. */
static cz_effect *gateway_effect(void)
{
    cz_effect *e = effect();
    cz_id id[6], facts[3], program = id_number(50);
    cz_error err = {0};

    for (unsigned i = 0; i < 6; i++)
        id[i] = id_number(60 + i);
    for (unsigned i = 0; i < 3; i++)
        facts[i] = id_number(70 + i);
    assert_ok(cz_effect_deposit(e, &id[0], &facts[2], &err), err);
    assert_ok(cz_effect_use(e, &id[1], CZ_READ, &err), err);
    assert_ok(cz_effect_use(e, &id[2], CZ_WRITE, &err), err);
    assert_ok(cz_effect_when(e, "moon", 5, 7, &err), err);
    assert_ok(cz_effect_withdraw(e, &id[0], &id[3], &id[4], 9, "alice", &err), err);
    assert_ok(cz_effect_confirm(e, &id[3], &id[4], &facts[0], &err), err);
    assert_ok(cz_effect_release(e, &id[3], &id[4], &id[5], &facts[1], &err), err);
    cz_effect_set_program(e, &program, 1);
    assert_ok(cz_effect_note(e, "noted", 5, &err), err);
    return e;
}

static void the_gateways_operations_say_what_they_were_told(void **state)
{
    static const uint8_t codes[] = {CZI_OP_NOTE,    CZI_OP_DEPOSIT, CZI_OP_USE,
                                    CZI_OP_USE,     CZI_OP_WHEN,    CZI_OP_WITHDRAW,
                                    CZI_OP_CONFIRM, CZI_OP_RELEASE};
    cz_effect *e = gateway_effect(), *again = cz_effect_new();
    cz_id account = id_number(60), reserve = id_number(64), last = id_number(72);
    struct czi_effect_view v;
    struct czi_op ops[8];
    struct czi_cbor c;
    const uint8_t *bytes, *other;
    size_t len, other_len;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    assert_int_equal(v.op_count, 8);
    c = czi_cbor(bytes + v.ops, v.ops_len);
    for (unsigned i = 0; i < 8; i++) {
        czi_op_next(&c, &ops[i]);
        assert_int_equal(ops[i].code, codes[i]);
    }
    assert_int_equal(ops[0].data.len, 5);
    assert_memory_equal(czi_effect_fact(bytes, &v, ops[1].fact), &last, 32);
    assert_memory_equal(czi_effect_access_id(bytes, &v, ops[1].a), &account, 32);
    assert_true(ops[2].a >= v.write_count && ops[3].a < v.write_count);
    assert_memory_equal(ops[4].text.data, "moon", 4);
    assert_int_equal(ops[4].not_before, 5);
    assert_int_equal(ops[4].not_after, 7);
    assert_memory_equal(czi_effect_access_id(bytes, &v, ops[5].c), &reserve, 32);
    assert_memory_equal(ops[5].text.data, "alice", 5);
    assert_true(ops[5].quantity == 9);
    assert_ok(cz_effect_decode(again, bytes, len, &err), err);
    assert_ok(cz_effect_encode(again, &other, &other_len, &err), err);
    assert_int_equal(len, other_len);
    assert_memory_equal(bytes, other, len);
    cz_effect_free(e);
    cz_effect_free(again);
}

static void an_effect_that_could_not_be_made_is_refused_by_all(void **state)
{
    cz_id a = id_number(1);
    cz_dependency d = {.fact = a};
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_effect_lock(NULL, &a, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_transfer(NULL, &a, &a, 1, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_when(NULL, "moon", 0, 1, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_note(NULL, "n", 1, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_depend(NULL, &d, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_follow(NULL, &a, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_sign(NULL, seed, &err), CZ_NOMEM);
    assert_int_equal(cz_effect_encode(NULL, &bytes, &len, &err), CZ_NOMEM);
}

static void the_gateways_operations_need_what_they_need(void **state)
{
    cz_effect *e = effect();
    cz_id a = id_number(1), fact = id_number(2);
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    assert_int_equal(cz_effect_when(e, "moon", 7, 6, &err), CZ_INVALID);
    assert_int_equal(cz_effect_when(e, "", 7, 7, &err), CZ_INVALID);
    assert_int_equal(cz_effect_withdraw(e, &a, &a, &a, 0, "x", &err), CZ_INVALID);
    assert_int_equal(cz_effect_withdraw(e, &a, &a, &a, 1, "", &err), CZ_INVALID);
    assert_int_equal(cz_effect_withdraw(
                         e, &a, &a, &a, 1,
                         "0123456789012345678901234567890123456789012345678901234567890", &err),
                     CZ_LIMIT);
    assert_ok(cz_effect_deposit(e, &a, &fact, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(cz_effect_note(e, "n", 1, &err), err);
    assert_int_equal(cz_effect_note(e, "n", 1, &err), CZ_INVALID);
    assert_int_equal(cz_effect_encode(e, &bytes, &len, &err), CZ_INVALID); /* no program */
    cz_effect_free(e);
}

static void signatures_are_of_the_signing_id(void **state)
{
    cz_effect *e = effect();
    struct czi_effect_view v;
    cz_id a = id_number(1), signing;
    const uint8_t *bytes, *signer;
    uint8_t key[32], id[32], other[32] = {9};
    size_t len;
    cz_error err = {0};

    (void)state;
    cz_public_key(seed, key);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_signing_id(e, &signing, &err), err);
    assert_ok(cz_effect_sign(e, other, &err), err);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    assert_int_equal(v.signature_count, 2);
    czi_effect_signing_id(bytes, len, &v, id);
    assert_memory_equal(id, &signing, 32);
    for (unsigned i = 0; i < 2; i++) {
        signer = czi_effect_signer(bytes, len, &v, i);
        assert_true(czi_ed25519_verify(signer, id, 32, signer + 32));
    }
    assert_true(memcmp(czi_effect_signer(bytes, len, &v, 0),
                       czi_effect_signer(bytes, len, &v, 1), 32) < 0);
    assert_true(memcmp(key, czi_effect_signer(bytes, len, &v, 0), 32) == 0 ||
                memcmp(key, czi_effect_signer(bytes, len, &v, 1), 32) == 0);
    cz_effect_free(e);
}

static void the_builder_refuses_what_no_effect_can_say(void **state)
{
    cz_effect *e = effect();
    cz_id a = id_number(1);
    cz_requirement nothing = {0}, no_state = {.has_state = true, .state = (enum cz_state)5};
    cz_creation bad[] = {
        {.label = NULL, .asset = "USD"},
        {.label = "", .asset = "USD"},
        {.label = "tab\t", .asset = "USD"},
        {.label = "\xff", .asset = "USD"},
        {.label = "x", .asset = NULL},
        {.label = "x", .asset = ""},
        {.label = "x", .asset = "USD", .quantity = -1},
        {.label = "x", .asset = "USD", .data_len = 1, .data = (const uint8_t *)"y"},
        {.label = "x", .kind = CZ_POSITION, .asset = "USD", .quantity = 1},
        {.label = "x", .kind = CZ_DATA, .asset = "USD"},
        {.label = "x", .kind = CZ_DATA, .quantity = 1},
        {.label = "x", .kind = (enum cz_kind)3, .asset = "USD"},
    };
    char id_text[CZ_ID_TEXT_SIZE];
    cz_creation named_like_an_id = {.label = id_text, .asset = "USD"};
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    cz_id_print(&a, id_text);
    assert_int_equal(cz_effect_create(e, &named_like_an_id, &err), CZ_INVALID);
    for (unsigned i = 0; i < CZI_COUNTOF(bad); i++)
        assert_int_equal(cz_effect_create(e, &bad[i], &err), CZ_INVALID);
    assert_int_equal(cz_effect_transfer(e, &a, &a, 0, &err), CZ_INVALID);
    assert_int_equal(cz_effect_transfer(e, &a, &a, -1, &err), CZ_INVALID);
    assert_int_equal(cz_effect_move(e, &a, &a, -1, &err), CZ_INVALID);
    assert_int_equal(cz_effect_require(e, &a, &nothing, &err), CZ_INVALID);
    assert_int_equal(cz_effect_require(e, &a, &no_state, &err), CZ_INVALID);
    assert_int_equal(cz_effect_encode(e, &bytes, &len, &err), CZ_INVALID); /* no operation */
    assert_ok(cz_effect_lock(e, &a, &err), err);
    cz_effect_set_nonce(e, UINT64_MAX);
    assert_int_equal(cz_effect_encode(e, &bytes, &len, &err), CZ_INVALID);
    cz_effect_set_nonce(e, UINT64_MAX - 1);
    cz_effect_set_priority(e, (enum cz_priority)4);
    assert_int_equal(cz_effect_encode(e, &bytes, &len, &err), CZ_INVALID);
    cz_effect_set_priority(e, CZ_LOW);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    cz_effect_free(e);
}

/* ---- Bounds: reached exactly, and passed by one ---------------------------------------------
 */

static void accesses_operations_and_citations_are_bounded(void **state)
{
    cz_effect *e = effect();
    struct czi_effect_view v;
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i <= CZI_ACCESSES_MAX; i++) {
        cz_id id = id_number(i);

        assert_int_equal(cz_effect_access(e, &id, i % 2 ? CZ_READ : CZ_WRITE, &err),
                         i < CZI_ACCESSES_MAX ? CZ_OK : CZ_LIMIT);
    }
    for (unsigned i = 0; i <= CZI_OPERATIONS_MAX; i++) {
        cz_id id = id_number(0);

        assert_int_equal(cz_effect_lock(e, &id, &err),
                         i < CZI_OPERATIONS_MAX ? CZ_OK : CZ_LIMIT);
    }
    for (unsigned i = 0; i <= CZI_CITATIONS_MAX; i++) {
        cz_id id = id_number(i);

        assert_int_equal(cz_effect_cite(e, &id, &err),
                         i < CZI_CITATIONS_MAX ? CZ_OK : CZ_LIMIT);
        assert_int_equal(cz_effect_follow(e, &id, &err),
                         i < CZI_CITATIONS_MAX ? CZ_OK : CZ_LIMIT);
    }
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_ok(czi_effect_view(bytes, len, &v, &err), err);
    assert_int_equal(czi_effect_accesses(&v), CZI_ACCESSES_MAX);
    assert_int_equal(v.op_count, CZI_OPERATIONS_MAX);
    assert_int_equal(v.fact_count, CZI_CITATIONS_MAX);
    assert_int_equal(v.after_count, CZI_CITATIONS_MAX);
    cz_effect_free(e);
}

/* A list of the effect, given by the place of its array head, one longer than allowed. */
static void the_decoder_knows_the_bounds_too(void **state)
{
    static const struct {
        unsigned writes, reads, ops, facts, after;
        int expected;
    } cases[] = {
        {64, 0, 256, 64, 64, CZ_OK},  {32, 32, 1, 0, 0, CZ_OK},
        {65, 0, 1, 0, 0, CZ_INVALID}, {33, 32, 1, 0, 0, CZ_INVALID},
        {1, 65, 1, 0, 0, CZ_INVALID}, {1, 0, 257, 0, 0, CZ_INVALID},
        {1, 0, 0, 0, 0, CZ_INVALID},  {1, 0, 1, 65, 0, CZ_INVALID},
        {1, 0, 1, 0, 65, CZ_INVALID},
    };
    uint8_t bytes[16384];
    cz_error err = {0};

    (void)state;
    for (unsigned i = 0; i < CZI_COUNTOF(cases); i++) {
        uint8_t *p = czi_cbor_put_array(bytes, 10);
        struct czi_effect_view v;
        cz_id id = {{0}};

        p = czi_cbor_put_uint(p, 1);
        p = czi_cbor_put_bytes(p, &id, 32);
        p = czi_cbor_put_uint(p, 0);
        p = czi_cbor_put_uint(p, 0);
        for (unsigned list = 0; list < 2; list++) {
            unsigned n = list ? cases[i].reads : cases[i].writes;

            p = czi_cbor_put_array(p, n);
            for (unsigned k = 0; k < n; k++) {
                id.bytes[0] = (uint8_t)list;
                id.bytes[1] = (uint8_t)k;
                p = czi_cbor_put_bytes(p, &id, 32);
            }
        }
        p = czi_cbor_put_array(p, cases[i].ops);
        for (unsigned k = 0; k < cases[i].ops; k++) {
            p = czi_cbor_put_array(p, 2);
            p = czi_cbor_put_uint(p, CZI_OP_LOCK);
            p = czi_cbor_put_uint(p, 0);
        }
        for (unsigned list = 0; list < 2; list++) {
            unsigned n = list ? cases[i].after : cases[i].facts;

            p = czi_cbor_put_array(p, n);
            for (unsigned k = 0; k < n; k++) {
                id.bytes[1] = (uint8_t)k;
                p = czi_cbor_put_link(p, &id);
            }
        }
        p = czi_cbor_put_null(p);
        assert_int_equal(czi_effect_view(bytes, (size_t)(p - bytes), &v, &err),
                         cases[i].expected);
    }
}

static void texts_data_and_signature_are_bounded(void **state)
{
    static uint8_t data[CZI_DATA_SIZE_MAX + 1];
    char label[CZI_LABEL_SIZE_MAX + 2] = {0}, asset[CZI_ASSET_SIZE_MAX + 2] = {0};
    cz_creation c = {.label = label, .asset = asset};
    cz_id a = id_number(1);
    cz_effect *e = effect();
    const uint8_t *bytes;
    size_t len;
    cz_error err = {0};

    (void)state;
    memset(label, 'l', CZI_LABEL_SIZE_MAX);
    memset(asset, 'a', CZI_ASSET_SIZE_MAX);
    assert_ok(cz_effect_create(e, &c, &err), err);
    asset[CZI_ASSET_SIZE_MAX] = 'a';
    assert_int_equal(cz_effect_create(e, &c, &err), CZ_LIMIT);
    asset[CZI_ASSET_SIZE_MAX] = 0;
    label[CZI_LABEL_SIZE_MAX] = 'l';
    assert_int_equal(cz_effect_create(e, &c, &err), CZ_LIMIT);
    for (uint8_t i = 0; i <= CZI_SIGNATURES_MAX; i++) {
        uint8_t key[32] = {i}, signature[64] = {0};

        assert_int_equal(cz_effect_add_signature(e, key, signature, &err),
                         i < CZI_SIGNATURES_MAX ? CZ_OK : CZ_LIMIT);
    }
    assert_ok(cz_effect_write(e, &a, data, CZI_DATA_SIZE_MAX, &err), err);
    assert_int_equal(cz_effect_write(e, &a, data, CZI_DATA_SIZE_MAX + 1, &err), CZ_LIMIT);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    cz_effect_free(e);
}

static void the_whole_effect_is_bounded(void **state)
{
    static uint8_t data[CZI_DATA_SIZE_MAX];
    cz_id a = id_number(1);
    cz_effect *e = effect();
    const uint8_t *bytes;
    size_t len, rest;
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_write(e, &a, data, CZI_DATA_SIZE_MAX, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    /* One more write: its array head, opcode, access and five bytes of string head. */
    rest = CZI_EFFECT_SIZE_MAX - len - 3 - 3;
    assert_true(rest < CZI_DATA_SIZE_MAX);
    assert_ok(cz_effect_write(e, &a, data, rest, &err), err);
    assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
    assert_int_equal(len, CZI_EFFECT_SIZE_MAX);
    cz_effect_clear(e);
    assert_ok(cz_effect_write(e, &a, data, CZI_DATA_SIZE_MAX, &err), err);
    assert_ok(cz_effect_write(e, &a, data, rest + 1, &err), err);
    cz_effect_set_nonce(e, 7);
    assert_int_equal(cz_effect_encode(e, &bytes, &len, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "131072"));
    cz_effect_free(e);
}

/* ---- Memory ends
 * ------------------------------------------------------------------------------
 */

static int build(cz_effect *e, cz_error *err)
{
    static uint8_t data[5000];
    cz_id a = id_number(1), b = id_number(2);
    cz_creation c = {
        .creator = a, .label = "x", .kind = CZ_DATA, .data = data, .data_len = 300};
    int rc = cz_effect_create(e, &c, err);

    if (!rc)
        rc = cz_effect_write(e, &a, data, sizeof data, err);
    for (unsigned i = 0; i < 40 && !rc; i++)
        rc = cz_effect_transfer(e, &a, &b, 1 + (cz_quantity)i, err);
    for (unsigned i = 0; i < CZI_CITATIONS_MAX && !rc; i++) {
        cz_dependency d = {.fact = id_number(i), .purpose = "a purpose of some length"};

        rc = cz_effect_depend(e, &d, err);
    }
    return rc;
}

static void without_memory_a_builder_says_so_and_holds_no_half_operation(void **state)
{
    const uint8_t *bytes;
    size_t len;
    bool failed = true;

    (void)state;
    for (int64_t after = 0; failed; after++) {
        cz_effect *e, *whole = effect();
        cz_error err = {0};
        const uint8_t *expected;
        size_t expected_len;
        int rc;

        assert_ok(build(whole, &err), err);
        assert_ok(cz_effect_encode(whole, &expected, &expected_len, &err), err);
        czi_alloc_fail_after(after);
        e = cz_effect_new();
        rc = e ? build(e, &err) : CZ_NOMEM;
        if (!rc)
            rc = cz_effect_encode(e, &bytes, &len, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
        /* Whatever it holds is whole; cleared, it starts over. */
        if (e && failed) {
            (void)!cz_effect_encode(e, &bytes, &len, &err);
            cz_effect_clear(e);
            cz_effect_set_nonce(e, 7);
            assert_ok(build(e, &err), err);
            assert_ok(cz_effect_encode(e, &bytes, &len, &err), err);
            assert_int_equal(len, expected_len);
        }
        cz_effect_free(e);
        cz_effect_free(whole);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(bytes_that_are_decoded_encode_to_the_same_bytes),
        cmocka_unit_test(a_transfer_has_the_documented_bytes),
        cmocka_unit_test(the_fast_encoder_writes_what_the_builder_writes),
        cmocka_unit_test(any_changed_byte_is_refused_or_is_another_effect),
        cmocka_unit_test(bytes_cut_off_or_added_are_refused),
        cmocka_unit_test(the_full_form_has_the_documented_bytes),
        cmocka_unit_test(the_view_of_the_full_form_reads_terms_time_and_program),
        cmocka_unit_test(the_full_form_is_strict),
        cmocka_unit_test(what_the_plain_form_can_say_has_no_other),
        cmocka_unit_test(only_an_effect_of_a_program_may_have_no_operation),
        cmocka_unit_test(a_fact_that_is_cited_again_is_asked_for_what_was_said_last),
        cmocka_unit_test(the_builder_refuses_terms_that_no_effect_can_have),
        cmocka_unit_test(naming_a_resource_twice_takes_the_stronger_mode),
        cmocka_unit_test(the_signing_id_leaves_only_the_signature_out),
        cmocka_unit_test(the_gateways_operations_say_what_they_were_told),
        cmocka_unit_test(an_effect_that_could_not_be_made_is_refused_by_all),
        cmocka_unit_test(the_gateways_operations_need_what_they_need),
        cmocka_unit_test(signatures_are_of_the_signing_id),
        cmocka_unit_test(the_builder_refuses_what_no_effect_can_say),
        cmocka_unit_test(accesses_operations_and_citations_are_bounded),
        cmocka_unit_test(the_decoder_knows_the_bounds_too),
        cmocka_unit_test(texts_data_and_signature_are_bounded),
        cmocka_unit_test(the_whole_effect_is_bounded),
        cmocka_unit_test(without_memory_a_builder_says_so_and_holds_no_half_operation),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
