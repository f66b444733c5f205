/* test_item.c - retractions, domains and decisions: their tuples, limits and signatures. */
#include "codec/blake3.h"
#include "codec/ed25519.h"
#include "fact/item.h"
#include "unit/shared.h"

static struct czi_slice slice(const char *text)
{
    return (struct czi_slice){(const uint8_t *)text, strlen(text)};
}

static struct czi_item retraction(void)
{
    struct czi_item item = {.type = CZI_ITEM_RETRACTION, .domain = slice("test")};
    struct czi_retraction *r = &item.retraction;

    memset(r->fact.bytes, 0x11, 32);
    r->note = slice("why");
    r->evidence_count = 2;
    r->evidence[0] = slice("h");
    r->has_observer = true;
    memset(r->observer, 0x33, 32);
    memset(r->signature, 0x44, 64);
    return item;
}

static struct czi_item domain(void)
{
    struct czi_item item = {.type = CZI_ITEM_DOMAIN, .domain = slice("test")};
    struct czi_domain_item *d = &item.config;

    d->sequence = 3;
    d->adapter = slice("simulated");
    d->parameters = slice("pp");
    d->policy = (struct czi_domain_policy){6, 12, 1, CZ_SAFE};
    d->observer_count = 2;
    memset(d->observers[0], 0x11, 32);
    memset(d->observers[1], 0x22, 32);
    return item;
}

static struct czi_item decision(void)
{
    struct czi_item item = {.type = CZI_ITEM_DECISION, .domain = slice("test")};

    memset(item.decision.keep.bytes, 0x11, 32);
    memset(item.decision.drop.bytes, 0x22, 32);
    item.decision.note = slice("ok");
    return item;
}

static struct czi_item fact(void)
{
    return (struct czi_item){.type = CZI_ITEM_FACT,
                             .domain = slice("test"),
                             .fact = {.domain = slice("test"), .kind = CZ_FACT_BLOCK}};
}

/* By hand, after RFC 8949, appendix B, and the CID specification. */
#define B32(digit) digit digit digit digit digit digit digit digit
#define HASH_11 B32("11111111")
#define HASH_22 B32("22222222")
#define HASH_33 B32("33333333")
#define HASH_44 B32("44444444")
#define LINK "d82a58250001711e20"
#define RETRACTION_HEX                                                                         \
    "87"             /* a tuple of seven */                                                    \
    "0e6474657374"   /* tag, "test" */                                                         \
        LINK HASH_11 /* fact */                                                                \
    "63776879"       /* "why" */                                                               \
    "82416840"       /* evidence: "h" and nothing */                                           \
    "5820" HASH_33   /* observer */
#define DOMAIN_HEX                                                                             \
    "87"                   /* a tuple of seven */                                              \
    "0f647465737403"       /* tag, "test", sequence */                                         \
    "6973696d756c61746564" /* "simulated" */                                                   \
    "427070"               /* parameters */                                                    \
    "84060c0102"           /* safe, final, record depth; safe */                               \
    "825820" HASH_11 "5820" HASH_22
#define DECISION_HEX                                                                           \
    "85"           /* a tuple of five */                                                       \
    "106474657374" /* tag, "test" */                                                           \
        LINK HASH_11 LINK HASH_22 "626f6b"

static struct {
    struct czi_item (*make)(void);
    const char *hex;
} examples[] = {
    {retraction, RETRACTION_HEX "5840" HASH_44 HASH_44},
    {domain, DOMAIN_HEX},
    {decision, DECISION_HEX},
    {fact, "8d06647465737401"
           "83005820" B32("00000000") "00"
                                      "0040f600f68080f6f6"},
};

static void the_tuples_are_as_documented(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(examples); i++) {
        CZI_AUTOBUF expected = {0};
        CZI_AUTOBUF encoded = {0};
        struct czi_item item = examples[i].make();
        cz_error err = {0};

        from_hex(&expected, examples[i].hex);
        assert_ok(czi_item_encode(&item, &encoded, &err), err);
        assert_int_equal(encoded.len, expected.len);
        assert_memory_equal(encoded.data, expected.data, expected.len);
    }
}

static void a_retraction_is_read_as_written(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_item item;
    const struct czi_retraction *r = &item.retraction;
    cz_error err = {0};

    (void)state;
    from_hex(&bytes, examples[0].hex);
    assert_ok(czi_item_decode(bytes.data, bytes.len, &item, &err), err);
    assert_int_equal(item.type, CZI_ITEM_RETRACTION);
    assert_memory_equal(item.domain.data, "test", 4);
    assert_int_equal(r->fact.bytes[31], 0x11);
    assert_memory_equal(r->note.data, "why", 3);
    assert_int_equal(r->evidence_count, 2);
    assert_int_equal(r->evidence[0].len, 1);
    assert_int_equal(r->evidence[1].len, 0);
    assert_true(r->has_observer && r->observer[0] == 0x33 && r->signature[63] == 0x44);
}

static void a_domain_is_read_as_written(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_item item;
    const struct czi_domain_item *d = &item.config;
    cz_error err = {0};

    (void)state;
    from_hex(&bytes, DOMAIN_HEX);
    assert_ok(czi_item_decode(bytes.data, bytes.len, &item, &err), err);
    assert_int_equal(item.type, CZI_ITEM_DOMAIN);
    assert_int_equal(d->sequence, 3);
    assert_memory_equal(d->adapter.data, "simulated", 9);
    assert_memory_equal(d->parameters.data, "pp", 2);
    assert_int_equal(d->policy.safe_depth, 6);
    assert_int_equal(d->policy.final_depth, 12);
    assert_int_equal(d->policy.record_depth, 1);
    assert_int_equal(d->policy.record_finality, CZ_SAFE);
    assert_int_equal(d->observer_count, 2);
    assert_int_equal(d->observers[1][31], 0x22);
}

static void a_decision_is_read_as_written(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_item item;
    cz_error err = {0};

    (void)state;
    from_hex(&bytes, DECISION_HEX);
    assert_ok(czi_item_decode(bytes.data, bytes.len, &item, &err), err);
    assert_int_equal(item.type, CZI_ITEM_DECISION);
    assert_int_equal(item.decision.keep.bytes[0], 0x11);
    assert_int_equal(item.decision.drop.bytes[0], 0x22);
    assert_memory_equal(item.decision.note.data, "ok", 2);
}

static void a_fact_is_an_item_of_its_domain(void **state)
{
    CZI_AUTOBUF bytes = {0};
    struct czi_item item;
    cz_error err = {0};

    (void)state;
    from_hex(&bytes, examples[3].hex);
    assert_ok(czi_item_decode(bytes.data, bytes.len, &item, &err), err);
    assert_int_equal(item.type, CZI_ITEM_FACT);
    assert_ptr_equal(item.domain.data, item.fact.domain.data);
    assert_int_equal(item.fact.kind, CZ_FACT_BLOCK);
}

static void every_cut_and_every_extra_byte_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(examples); i++) {
        CZI_AUTOBUF bytes = {0};
        struct czi_item item;

        from_hex(&bytes, examples[i].hex);
        for (size_t len = 0; len < bytes.len; len++)
            assert_int_equal(czi_item_decode(bytes.data, len, &item, NULL), CZ_INVALID);
        czi_buf_put_byte(&bytes, 0xf6);
        assert_int_equal(czi_item_decode(bytes.data, bytes.len, &item, NULL), CZ_INVALID);
    }
}

static void other_forms_are_refused(void **state)
{
    static const struct {
        unsigned example;
        const char *from, *to, *why;
    } cases[] = {
        {0, "870e", "880e", "byte"},
        {0, "870e", "8718", "byte"},
        {0, "870e", "8710", "another number of values"},
        {0, "870e", "8711", "neither a fact nor"},
        {0, "0e6474657374", "0e60", "domain's name is empty"},
        {0, "0e6474657374", "0e64746573ff", "byte"},
        {0, "6377", "4377", "byte"},
        {0, "82416840", "824168f6", "byte"},
        {0, "82416840", "854040404040", "CZI_EVIDENCE_ITEMS_MAX"},
        {0, "5820" HASH_33, "f6", "a signature without its observer"},
        {0, "5840" HASH_44 HASH_44, "f6", "byte"},
        {1, "870f", "860f", "another number of values"},
        {1, "03697369", "03607369", "adapter's name is empty"},
        {1, "84060c0102", "84060c0104", "byte"},
        {1, "84060c0102", "83060c01", "byte"},
        {1, "84060c0102", "8418060c0102", "byte"},
        {1, "5820" HASH_22, "5820" HASH_11, "do not ascend"},
        {1, "825820" HASH_11, "825820" HASH_33, "do not ascend"},
        {1, "825820" HASH_11, "82581f" HASH_11, "byte"},
        {2, "8510", "8610", "another number of values"},
        {2, "626f6b", "f6", "byte"},
        {3, "8d06", "8d05", "neither a fact nor"},
        {3, "8d06", "8c06", "fact: byte 0"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF bytes = {0};
        const char *from = examples[cases[i].example].hex, *at = strstr(from, cases[i].from);
        char hex[1024];
        struct czi_item item;
        cz_error err = {0};

        assert_non_null(at);
        (void)snprintf(hex, sizeof hex, "%.*s%s%s", (int)(at - from), from, cases[i].to,
                       at + strlen(cases[i].from));
        from_hex(&bytes, hex);
        assert_int_equal(czi_item_decode(bytes.data, bytes.len, &item, &err), CZ_INVALID);
        if (!strstr(err.detail, cases[i].why))
            fail_msg("%s -> %s: %s", cases[i].from, cases[i].to, err.detail);
    }
}

/* ---- Limits (R18) ------------------------------------------------------------------------ */

/* What the text of the error must name; the item as changed is refused when it is written. */
static void assert_too_much(const struct czi_item *item, int code, const char *why)
{
    CZI_AUTOBUF out = {0};
    cz_error err = {0};

    assert_int_equal(czi_item_encode(item, &out, &err), code);
    if (!strstr(err.detail, why))
        fail_msg("\"%s\" does not say \"%s\"", err.detail, why);
}

static void what_is_too_much_is_not_written(void **state)
{
    static uint8_t zeroes[CZI_FACT_SIZE_MAX + 1];
    struct czi_item item = retraction();

    (void)state;
    item.retraction.note = (struct czi_slice){zeroes, CZI_NOTE_SIZE_MAX + 1};
    assert_too_much(&item, CZ_LIMIT, "CZI_NOTE_SIZE_MAX");
    item = retraction();
    item.retraction.evidence_count = CZI_EVIDENCE_ITEMS_MAX + 1;
    assert_too_much(&item, CZ_LIMIT, "CZI_EVIDENCE_ITEMS_MAX");
    item = retraction();
    item.retraction.evidence[0] = (struct czi_slice){zeroes, sizeof zeroes};
    assert_too_much(&item, CZ_LIMIT, "CZI_FACT_SIZE_MAX");
    item.retraction.evidence[0].len = CZI_FACT_SIZE_MAX;
    assert_too_much(&item, CZ_LIMIT, "CZI_FACT_SIZE_MAX");
    item = domain();
    item.domain.len = 0;
    assert_too_much(&item, CZ_INVALID, "empty");
    item.domain = (struct czi_slice){zeroes, CZI_DOMAIN_SIZE_MAX + 1};
    assert_too_much(&item, CZ_LIMIT, "CZI_DOMAIN_SIZE_MAX");
    item = domain();
    item.config.adapter.len = 0;
    assert_too_much(&item, CZ_INVALID, "empty");
    item.config.adapter = (struct czi_slice){zeroes, CZI_DOMAIN_SIZE_MAX + 1};
    assert_too_much(&item, CZ_LIMIT, "CZI_DOMAIN_SIZE_MAX");
    item = domain();
    item.config.parameters = (struct czi_slice){zeroes, CZI_DOMAIN_PARAMETERS_MAX + 1};
    assert_too_much(&item, CZ_LIMIT, "CZI_DOMAIN_PARAMETERS_MAX");
    item = domain();
    item.config.observer_count = CZI_OBSERVERS_MAX + 1;
    assert_too_much(&item, CZ_LIMIT, "CZI_OBSERVERS_MAX");
    item = domain();
    memset(item.config.observers[0], 0x22, 32);
    assert_too_much(&item, CZ_INVALID, "do not ascend");
    item = decision();
    item.decision.note = (struct czi_slice){zeroes, CZI_NOTE_SIZE_MAX + 1};
    assert_too_much(&item, CZ_LIMIT, "CZI_NOTE_SIZE_MAX");
    item.decision.note = slice("\xff");
    assert_too_much(&item, CZ_INVALID, "UTF-8");
}

static void the_largest_items_pass(void **state)
{
    static uint8_t zeroes[CZI_DOMAIN_PARAMETERS_MAX];
    struct czi_slice name = {zeroes, CZI_DOMAIN_SIZE_MAX}, note = {zeroes, CZI_NOTE_SIZE_MAX};
    struct czi_item items[3] = {retraction(), domain(), decision()};

    (void)state;
    items[0].retraction.note = note;
    items[0].retraction.evidence_count = CZI_EVIDENCE_ITEMS_MAX;
    items[1].config.adapter = name;
    items[1].config.parameters = (struct czi_slice){zeroes, CZI_DOMAIN_PARAMETERS_MAX};
    items[1].config.observer_count = CZI_OBSERVERS_MAX;
    for (unsigned i = 0; i < CZI_OBSERVERS_MAX; i++)
        items[1].config.observers[i][0] = (uint8_t)i;
    items[1].config.sequence = items[1].config.policy.safe_depth = UINT64_MAX;
    items[2].decision.note = note;
    for (size_t i = 0; i < CZI_COUNTOF(items); i++) {
        CZI_AUTOBUF out = {0};
        CZI_AUTOBUF again = {0};
        struct czi_item item;
        cz_error err = {0};

        items[i].domain = name;
        assert_ok(czi_item_encode(&items[i], &out, &err), err);
        assert_ok(czi_item_decode(out.data, out.len, &item, &err), err);
        assert_ok(czi_item_encode(&item, &again, &err), err);
        assert_int_equal(again.len, out.len);
        assert_memory_equal(again.data, out.data, out.len);
    }
}

static void what_is_too_much_is_not_read(void **state)
{
    static uint8_t bytes[CZI_FACT_SIZE_MAX + 1];
    struct czi_item item;
    cz_error err = {0};

    (void)state;
    assert_int_equal(czi_item_decode(bytes, sizeof bytes, &item, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "CZI_FACT_SIZE_MAX"));
}

/* One byte more than a name, note, parameters or list may have, by hand. */
static void each_part_has_its_bound_when_it_is_read(void **state)
{
    static const struct {
        const char *before;
        const char *head; /* of a string with one byte too much */
        size_t len;
        const char *why;
    } cases[] = {
        {"870e", "7821", 33, "CZI_DOMAIN_SIZE_MAX"},
        {"870e6474657374" LINK HASH_11, "790101", 257, "CZI_NOTE_SIZE_MAX"},
        {"870f647465737403", "7821", 33, "CZI_DOMAIN_SIZE_MAX"},
        {"870f6474657374036161", "591001", 4097, "CZI_DOMAIN_PARAMETERS_MAX"},
        {"870f6474657374036161408400000000", "9841", 65 * 34, "CZI_OBSERVERS_MAX"},
        {"85106474657374" LINK HASH_11 LINK HASH_22, "790101", 257, "CZI_NOTE_SIZE_MAX"},
    };

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(cases); i++) {
        CZI_AUTOBUF bytes = {0};
        struct czi_item item;
        char hex[512];
        cz_error err = {0};

        (void)snprintf(hex, sizeof hex, "%s%s", cases[i].before, cases[i].head);
        from_hex(&bytes, hex);
        for (size_t n = 0; n < cases[i].len; n++)
            czi_buf_put_byte(&bytes, 'a');
        assert_int_equal(czi_item_decode(bytes.data, bytes.len, &item, &err), CZ_INVALID);
        if (!strstr(err.detail, cases[i].why))
            fail_msg("%s: %s", cases[i].before, err.detail);
    }
}

/* ---- Signatures -------------------------------------------------------------------------- */

static void a_retraction_is_signed_over_its_id_without_signature(void **state)
{
    static const uint8_t seed[32] = {9};
    CZI_AUTOBUF bytes = {0};
    struct czi_item item = retraction();
    uint8_t message[32];
    char key[65], hex[1024];
    cz_error err = {0};

    (void)state;
    assert_ok(czi_item_sign(&item, seed, &err), err);
    czi_hex(key, item.retraction.observer, 32);
    (void)snprintf(hex, sizeof hex, "%.*s%sf6", (int)(sizeof RETRACTION_HEX - 1 - 64),
                   RETRACTION_HEX, key);
    from_hex(&bytes, hex);
    czi_blake3(bytes.data, bytes.len, message);
    assert_true(
        czi_ed25519_verify(item.retraction.observer, message, 32, item.retraction.signature));
    assert_ok(czi_item_check_signature(&item, &err), err);
    item.retraction.fact.bytes[0] ^= 1;
    assert_int_equal(czi_item_check_signature(&item, &err), CZ_BAD_OBSERVER);
    item.retraction.has_observer = false;
    assert_ok(czi_item_check_signature(&item, &err), err);
}

static void a_fact_is_signed_as_an_item_too(void **state)
{
    static const uint8_t seed[32] = {9};
    struct czi_item item = fact();
    cz_error err = {0};

    (void)state;
    assert_ok(czi_item_sign(&item, seed, &err), err);
    assert_true(item.fact.has_observer);
    assert_ok(czi_item_check_signature(&item, &err), err);
    item.fact.height ^= 1;
    assert_int_equal(czi_item_check_signature(&item, &err), CZ_BAD_OBSERVER);
}

static void domains_and_decisions_have_no_signature(void **state)
{
    static const uint8_t seed[32] = {9};
    struct czi_item items[] = {domain(), decision()};

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(items); i++) {
        CZI_AUTOBUF before = {0};
        CZI_AUTOBUF after = {0};
        cz_error err = {0};

        assert_ok(czi_item_encode(&items[i], &before, &err), err);
        assert_ok(czi_item_sign(&items[i], seed, &err), err);
        assert_ok(czi_item_encode(&items[i], &after, &err), err);
        assert_int_equal(before.len, after.len);
        assert_memory_equal(before.data, after.data, before.len);
        assert_ok(czi_item_check_signature(&items[i], &err), err);
    }
}

static void no_memory_is_an_error(void **state)
{
    static const uint8_t seed[32] = {9};
    CZI_AUTOBUF out = {0};
    struct czi_item item = retraction();
    cz_error err = {0};

    (void)state;
    czi_alloc_fail_after(0);
    assert_int_equal(czi_item_encode(&item, &out, &err), CZ_NOMEM);
    czi_alloc_fail_after(0);
    assert_int_equal(czi_item_sign(&item, seed, &err), CZ_NOMEM);
    czi_alloc_fail_after(0);
    assert_int_equal(czi_item_check_signature(&item, &err), CZ_NOMEM);
    czi_alloc_fail_after(-1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_tuples_are_as_documented),
        cmocka_unit_test(a_retraction_is_read_as_written),
        cmocka_unit_test(a_domain_is_read_as_written),
        cmocka_unit_test(a_decision_is_read_as_written),
        cmocka_unit_test(a_fact_is_an_item_of_its_domain),
        cmocka_unit_test(every_cut_and_every_extra_byte_is_refused),
        cmocka_unit_test(other_forms_are_refused),
        cmocka_unit_test(what_is_too_much_is_not_written),
        cmocka_unit_test(the_largest_items_pass),
        cmocka_unit_test(what_is_too_much_is_not_read),
        cmocka_unit_test(each_part_has_its_bound_when_it_is_read),
        cmocka_unit_test(a_retraction_is_signed_over_its_id_without_signature),
        cmocka_unit_test(a_fact_is_signed_as_an_item_too),
        cmocka_unit_test(domains_and_decisions_have_no_signature),
        cmocka_unit_test(no_memory_is_an_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
