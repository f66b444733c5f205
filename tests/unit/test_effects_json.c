/* test_effects_json.c - JSON effects say what the same calls of the API say, and what is
 * wrong is refused at its column. */
#include "base/limits.h"
#include "cli/effects_json.h"
#include "codec/blake3.h"
#include "test.h"

#include <stdlib.h>

static cz_id id_of(const char *label)
{
    cz_id creator = cz_operator(), id;
    cz_error err = {0};

    assert_ok(cz_resource_id(&creator, label, &id, &err), err);
    return id;
}

static cz_effect *fresh(const cz_id *origin, uint64_t nonce)
{
    cz_effect *e = cz_effect_new();

    assert_non_null(e);
    cz_effect_set_origin(e, origin);
    cz_effect_set_nonce(e, nonce);
    return e;
}

/* The text means the effect that was built by calls; which is freed. */
static void assert_means(const char *text, cz_effect *wanted)
{
    cz_effect *e = cz_effect_new();
    const uint8_t *a = NULL, *b = NULL;
    size_t a_len = 0, b_len = 0;
    cz_error err = {0};

    assert_ok(czi_effect_from_json(text, strlen(text), e, &err), err);
    assert_ok(cz_effect_encode(e, &a, &a_len, &err), err);
    assert_ok(cz_effect_encode(wanted, &b, &b_len, &err), err);
    assert_int_equal(a_len, b_len);
    assert_memory_equal(a, b, a_len);
    cz_effect_free(e);
    cz_effect_free(wanted);
}

static void a_transfer_comes_from_the_resource_it_takes_from(void **state)
{
    cz_id a = id_of("a"), b = id_of("b");
    cz_effect *e = fresh(&a, 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_transfer(e, &a, &b, 5, &err), err);
    assert_means(
        "{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"b\",\"quantity\":\"5\",\"nonce\":1}", e);
}

static void a_number_may_be_a_json_integer_or_a_string(void **state)
{
    cz_id a = id_of("a"), b = id_of("b");
    cz_effect *e = fresh(&a, UINT64_MAX - 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_move(e, &a, &b, (cz_quantity)9007199254740991, &err), err);
    assert_means(" { \"nonce\" : \"18446744073709551614\", \"to\":\"b\", \"from\":\"a\",\r\t"
                 "\"quantity\": 9007199254740991, \"op\":\"move\" } ",
                 e);
}

static void other_operations_come_from_the_operator(void **state)
{
    static const struct {
        const char *name;
        int (*add)(cz_effect *e, const cz_id *id, cz_error *err);
    } moves[] = {
        {"lock", cz_effect_lock},       {"unlock", cz_effect_unlock},
        {"freeze", cz_effect_freeze},   {"unfreeze", cz_effect_unfreeze},
        {"consume", cz_effect_consume}, {"archive", cz_effect_archive},
    };
    cz_id a = id_of("a"), us = cz_operator();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(moves); i++) {
        cz_effect *e = fresh(&us, 7);
        cz_error err = {0};
        char text[128];

        assert_ok(moves[i].add(e, &a, &err), err);
        (void)snprintf(text, sizeof text, "{\"op\":\"%s\",\"resource\":\"a\",\"nonce\":7}",
                       moves[i].name);
        assert_means(text, e);
    }
}

static void a_creation_takes_its_kind_from_what_is_given(void **state)
{
    cz_id us = cz_operator(), bob = id_of("bob");
    cz_creation c = {.creator = us,
                     .controller = us,
                     .label = "a",
                     .asset = "USD",
                     .quantity = (cz_quantity)1 << 100};
    cz_creation d = {.creator = us,
                     .controller = bob,
                     .label = "d",
                     .kind = CZ_DATA,
                     .data = (const uint8_t *)"h\xc3\xa9\n",
                     .data_len = 4,
                     .if_absent = true};
    cz_creation p = {
        .creator = bob, .controller = bob, .label = "p", .kind = CZ_POSITION, .asset = "ETH"};
    cz_effect *e = fresh(&us, 1), *f = fresh(&us, 2), *g = fresh(&us, 3);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_means("{\"op\":\"create\",\"resource\":\"a\",\"asset\":\"USD\","
                 "\"quantity\":\"1267650600228229401496703205376\",\"nonce\":1}",
                 e);
    assert_ok(cz_effect_create(f, &d, &err), err);
    assert_means("{\"op\":\"create\",\"resource\":\"d\",\"data\":\"h\\u00e9\\n\","
                 "\"controller\":\"bob\",\"if_absent\":true,\"nonce\":2}",
                 f);
    assert_ok(cz_effect_create(g, &p, &err), err);
    assert_means(
        "{\"op\":\"create\",\"resource\":\"p\",\"kind\":\"position\",\"asset\":\"ETH\","
        "\"creator\":\"bob\",\"nonce\":3}",
        g);
}

/* Base64: RFC 4648, section 10. */
static void data_comes_as_text_hex_or_base64(void **state)
{
    static const char *const texts[] = {"\"data\":\"foobar\"", "\"data_hex\":\"666F6f626172\"",
                                        "\"data_base64\":\"Zm9vYmFy\""};
    cz_id a = id_of("a"), us = cz_operator();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(texts); i++) {
        cz_effect *e = fresh(&us, 1);
        cz_error err = {0};
        char text[128];

        assert_ok(cz_effect_write(e, &a, "foobar", 6, &err), err);
        (void)snprintf(text, sizeof text,
                       "{\"op\":\"write\",\"resource\":\"a\",%s,\"nonce\":1}", texts[i]);
        assert_means(text, e);
    }
}

static void escapes_name_code_points(void **state)
{
    cz_id us = cz_operator(), a = id_of("\xf0\x9d\x84\x9e/\"\\");
    cz_effect *e = fresh(&us, 0);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_means("{\"op\":\"lock\",\"resource\":\"\\ud834\\uDD1E\\/\\\"\\\\\",\"nonce\":0}", e);
}

static void the_long_form_says_everything(void **state)
{
    cz_id alice = id_of("alice"), a = id_of("a"), b = id_of("b"), x = id_of("x");
    cz_requirement q = {.has_state = true,
                        .state = CZ_LOCKED,
                        .has_version = true,
                        .version = 3,
                        .has_quantity = true,
                        .quantity = -10};
    cz_effect *e = fresh(&alice, 5);
    char text[1024], fact[CZ_ID_TEXT_SIZE], hex[2 * 96 + 1] = "";
    uint8_t key[32], signature[64];
    cz_error err = {0};

    (void)state;
    memset(key, 1, sizeof key);
    memset(signature, 0xff, sizeof signature);
    for (unsigned i = 0; i < 96; i++)
        strcat(hex, i < 32 ? "01" : "fF");
    cz_id_print(&x, fact);
    cz_effect_set_priority(e, CZ_URGENT);
    assert_ok(cz_effect_require(e, &a, &q, &err), err);
    assert_ok(cz_effect_transfer(e, &a, &b, 1, &err), err);
    assert_ok(cz_effect_access(e, &x, CZ_READ, &err), err);
    assert_ok(cz_effect_access(e, &alice, CZ_WRITE, &err), err);
    assert_ok(cz_effect_cite(e, &x, &err), err);
    assert_ok(cz_effect_follow(e, &x, &err), err);
    assert_ok(cz_effect_add_signature(e, key, signature, &err), err);
    (void)snprintf(
        text, sizeof text,
        "{\"origin\":\"alice\",\"nonce\":5,\"priority\":\"urgent\",\"ops\":["
        "{\"op\":\"require\",\"resource\":\"a\",\"state\":\"locked\",\"version\":\"3\","
        "\"quantity\":\"-10\"},"
        "{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"b\",\"quantity\":1}],"
        "\"access\":[{\"resource\":\"%s\",\"mode\":\"read\"},"
        "{\"resource\":\"alice\",\"mode\":\"write\"}],"
        "\"facts\":[\"%s\"],\"after\":[\"%s\"],\"signature\":\"%s\"}",
        fact, fact, fact, hex);
    assert_means(text, e);
}

static void the_origin_of_a_list_is_that_of_its_first_operation(void **state)
{
    cz_id a = id_of("a"), b = id_of("b"), c = id_of("c");
    cz_effect *e = fresh(&b, 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_transfer(e, &b, &c, 1, &err), err);
    assert_ok(cz_effect_transfer(e, &a, &c, 2, &err), err);
    assert_means("{\"nonce\":1,\"ops\":["
                 "{\"op\":\"transfer\",\"from\":\"b\",\"to\":\"c\",\"quantity\":1},"
                 "{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"c\",\"quantity\":2}]}",
                 e);
}

/* The ^ stands before the byte that the message must name, and is not part of the text. */
struct refusal {
    const char *text, *what;
};

static const struct refusal refusals[] = {
    {"^", "line ends"},
    {"{^", "expected a key"},
    {"^[]", "expected an object"},
    {"{} ^x", "something follows"},
    {"{\"op\":^tru}", "expected a JSON value"},
    {"{\"op\" ^1}", "expected ':'"},
    {"{\"nonce\":^01}", "leading zero"},
    {"{\"nonce\":1.^}", "a digit"},
    {"{\"op\":\"a^\tb\"}", "control character"},
    {"{\"op\":\"^\\x\"}", "unknown escape"},
    {"{\"op\":\"^\\ud834\"}", "surrogate"},
    {"{\"op\":\"^\\u0000\"}", "U+0000"},
    {"{\"op\":^\"\xff\"}", "UTF-8"},
    {"{\"op\":^\"lock", "ends within this string"},
    {"{\"a\":[[[[[[[^[[", "too deep"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^\"18446744073709551615\"}", "2^64-2"},
    {"{\"op\":\"lock\",^\"wat\":1}", "unknown key \"wat\""},
    {"{\"op\":\"lock\",^\"op\":1}", "given twice"},
    {"{\"op\":^\"lok\"}", "none of create, transfer"},
    {"^{\"nonce\":1}", "needs the key \"op\""},
    {"^{\"op\":\"lock\",\"nonce\":1}", "needs the key \"resource\""},
    {"^{\"op\":\"lock\",\"resource\":\"a\"}", "makes it harmless"},
    {"{\"op\":\"lock\",\"resource\":\"a\",^\"to\":1}", "does not belong to \"lock\""},
    {"{\"op\":\"lock\",\"resource\":^1}", "must be a string"},
    {"{\"op\":\"lock\",\"resource\":^\"\"}", "a label"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^1.5}", "no integer"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^-1}", "2^53-1"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^9007199254740992}",
     "write it as a string"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^\"18446744073709551616\"}", "2^64-1"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":^true}", "must be an integer"},
    {"{\"op\":\"transfer\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^\"0\"}", "above zero"},
    {"{\"op\":\"move\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^\"-1\"}", "not be negative"},
    {"{\"op\":\"move\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^\"05\"}", "leading zeroes"},
    {"{\"op\":\"move\",\"from\":\"a\",\"to\":\"b\",\"quantity\":^"
     "\"170141183460469231731687303715884105728\"}",
     "128 bits"},
    {"^{\"op\":\"create\",\"resource\":\"a\"}", "what kind?"},
    {"{\"op\":\"create\",\"resource\":\"a\",\"asset\":\"U\",\"if_absent\":^1}",
     "true or false"},
    {"^{\"op\":\"write\",\"resource\":\"a\"}", "\"data_hex\""},
    {"{\"op\":\"write\",\"resource\":\"a\",\"data_hex\":^\"abc\"}", "even number"},
    {"{\"op\":\"write\",\"resource\":\"a\",\"data_base64\":^\"Zm9vYg\"}", "padding"},
    {"{\"op\":\"write\",\"resource\":\"a\",\"data\":\"a\",^\"data_hex\":\"61\"}",
     "more than once"},
    {"^{\"op\":\"require\",\"resource\":\"a\",\"nonce\":1}", "is needed"},
    {"{\"ops\":^[],\"nonce\":1}", "at least one operation"},
    {"{\"ops\":^{},\"nonce\":1}", "must be an array"},
    {"{\"ops\":[^1],\"nonce\":1}", "expected an object"},
    {"{\"ops\":[{\"op\":\"lock\",\"resource\":\"a\",^\"nonce\":2}],\"nonce\":1}",
     "does not belong to \"lock\""},
    {"{\"ops\":[],^\"op\":\"lock\",\"nonce\":1}", "an effect with \"ops\""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"after\":[^\"bafy\"]}", "is not an id"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"signature\":^\"0\"}", "hex digits"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"priority\":^\"x\"}",
     "urgent, high, normal, low"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[^1]}",
     "ids, which are strings"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[^{}]}",
     "needs the key \"fact\""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{\"fact\":^\"x\"}]}", ""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{^\"op\":\"\",\"fact\":\"\"}]"
     "}",
     "does not belong to a fact that is cited"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"program\":^1}", "expected an object"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"program\":^{\"id\":\"x\"}}",
     "needs the key \"task\""},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"program\":{\"id\":\"x\",\"task\":^"
     "4294967296}}",
     "2^32-1"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"time\":^1}", "ids, which are strings"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,^\"purpose\":\"x\"}", "does not belong"},
    {"{\"nonce\":1,\"ops\":^[]}", "at least one operation"},
    {"{\"op\":\"lock\",\"resource\":^[],\"nonce\":1}", "is empty"},
    {"{\"op\":\"lock\",\"resource\":[\"a\",^1],\"nonce\":1}", "holds strings"},
    {"{\"op\":\"lock\",\"resource\":^[\"a\",\"\"],\"nonce\":1}", "a label"},
    {"^{\"op\":\"use\",\"nonce\":1}", "needs the key \"capability\""},
    {"^{\"op\":\"when\",\"domain\":\"moon\",\"nonce\":1}", "\"not_before\" or"},
    {"^{\"op\":\"when\",\"domain\":\"moon\",\"not_before\":2,\"not_after\":1}", "ends before"},
    {"{\"op\":\"deposit\",\"to\":\"a\",\"fact\":^1}", "ids, which are strings"},
    {"^{\"op\":\"note\",\"nonce\":1}", "\"data_hex\""},
    {"{\"op\":\"write\",\"resource\":\"a\",\"policy\":^1}", "expected an object"},
    {"{\"op\":\"write\",\"resource\":\"a\",\"policy\":^{}}", "a policy needs the key"},
    {"{\"op\":\"write\",\"resource\":\"a\",\"policy\":{\"owners\":[^\"0a\"]}}", "64 hex"},
    {"{\"op\":\"write\",\"resource\":\"a\",\"policy\":^{\"owners\":[]}}", ""},
    {"^{\"op\":\"write\",\"resource\":\"a\",\"data\":\"\",\"policy\":{}}", "more than once"},
    {"{\"op\":\"create\",\"resource\":\"a\",\"grant\":^{}}", "a grant needs the key"},
    {"{\"op\":\"create\",\"resource\":\"a\",\"grant\":{\"account\":\"a\",\"holder\":^\"\","
     "\"rights\":[]}}",
     "64 hex"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"sign\":[^1]}", "key files"},
    {"{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"sign\":[^\"-\"]}", "key files"},
};

static void what_is_wrong_is_refused_at_its_column(void **state)
{
    cz_effect *e = cz_effect_new();

    (void)state;
    for (size_t i = 0; i < CZI_COUNTOF(refusals); i++) {
        const struct refusal *r = &refusals[i];
        size_t before = (size_t)(strchr(r->text, '^') - r->text);
        char text[256], place[32];
        cz_error err = {0};
        int rc;

        (void)snprintf(text, sizeof text, "%.*s%s", (int)before, r->text, r->text + before + 1);
        (void)snprintf(place, sizeof place, "%zu: ", before + 1);
        rc = czi_effect_from_json(text, strlen(text), e, &err);
        if (rc != CZ_INVALID || strncmp(err.detail, place, strlen(place)) != 0 ||
            !strstr(err.detail, r->what))
            fail_msg("%s: %s: %s; wanted %s", r->text, cz_code_name(rc), err.detail, r->what);
    }
    cz_effect_free(e);
}

static void bounds_are_limits(void **state)
{
    cz_effect *e = cz_effect_new();
    CZI_AUTOBUF line = {0}, label = {0};
    cz_error err = {0};

    (void)state;
    for (size_t i = 0; i <= CZI_JSON_LINE_MAX; i++)
        czi_buf_put_byte(&line, ' ');
    assert_int_equal(czi_effect_from_json((char *)line.data, line.len, e, &err), CZ_LIMIT);
    assert_non_null(strstr(err.detail, "1: the line is longer"));
    czi_buf_printf(&label, "{\"op\":\"create\",\"asset\":\"U\",\"nonce\":1,\"resource\":\"");
    for (size_t i = 0; i <= CZI_LABEL_SIZE_MAX; i++)
        czi_buf_put_byte(&label, 'x');
    czi_buf_printf(&label, "\"}");
    assert_int_equal(czi_effect_from_json((char *)label.data, label.len, e, &err), CZ_LIMIT);
    cz_effect_free(e);
}

static const char everything[] = "{\"nonce\":1,\"ops\":[{\"op\":\"write\",\"resource\":"
                                 "\"a\\n\\u00e9\",\"data_base64\":\"AA==\"},"
                                 "{\"op\":\"create\",\"resource\":\"b\",\"asset\":\"U\"}]}";

static void out_of_memory_anywhere_is_an_error_and_the_next_read_works(void **state)
{
    static const char text[] = "{\"nonce\":1,\"ops\":[{\"op\":\"write\",\"resource\":"
                               "\"\\u00e9\",\"data_base64\":\"AA==\"},"
                               "{\"op\":\"create\",\"resource\":\"b\",\"asset\":\"U\"}]}";
    cz_error err = {0};
    int64_t n = 0;

    (void)state;
    for (bool failed = true; failed; n++) {
        cz_effect *e = cz_effect_new();
        int rc;

        czi_alloc_fail_after(n);
        rc = czi_effect_from_json(text, strlen(text), e, &err);
        failed = czi_alloc_failed();
        czi_alloc_fail_after(-1);
        assert_int_equal(rc, failed ? CZ_NOMEM : CZ_OK);
        assert_ok(czi_effect_from_json(text, strlen(text), e, &err), err);
        cz_effect_free(e);
    }
    assert_true(n > 3);
}

static void a_text_cut_anywhere_is_refused(void **state)
{
    cz_effect *e = cz_effect_new();
    cz_error err = {0};

    (void)state;
    for (size_t len = 0; len < sizeof everything - 1; len++) {
        /* Of exactly its size, so that a sanitizer sees a read beyond it. */
        CZI_AUTOFREE char *cut = czi_alloc(len);

        memcpy(cut, everything, len);
        assert_int_equal(czi_effect_from_json(cut, len, e, &err), CZ_INVALID);
    }
    cz_effect_free(e);
}

static void a_fact_may_be_cited_on_terms(void **state)
{
    cz_id me = cz_operator(), a = id_of("a"), fact = id_of("some fact");
    cz_dependency d = {.fact = fact,
                       .policy = CZ_AT_LEAST_HEIGHT,
                       .optional = true,
                       .finality = CZ_DEPTH,
                       .depth = 6,
                       .has_max_age = true,
                       .max_age = UINT64_MAX,
                       .purpose = "credit"};
    cz_effect *e = fresh(&me, 1);
    char id[CZ_ID_TEXT_SIZE], text[512];
    cz_error err = {0};

    (void)state;
    cz_id_print(&fact, id);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_depend(e, &d, &err), err);
    (void)
        snprintf(text, sizeof text,
                 "{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{\"fact\":\"%s\","
                 "\"policy\":\"at-least-height\",\"optional\":true,\"depth\":6,"
                 "\"max_age\":\"18446744073709551615\",\"purpose\":\"credit\"}]}",
                 id);
    assert_means(text, e);
}

static void a_fact_without_terms_is_a_plain_citation(void **state)
{
    cz_id me = cz_operator(), a = id_of("a"), fact = id_of("some fact");
    cz_effect *e = fresh(&me, 1);
    char id[CZ_ID_TEXT_SIZE], text[256];
    cz_error err = {0};

    (void)state;
    cz_id_print(&fact, id);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_cite(e, &fact, &err), err);
    (void)snprintf(
        text, sizeof text,
        "{\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1,\"facts\":[{\"fact\":\"%s\"}]}", id);
    assert_means(text, e);
}

static void an_effect_may_be_an_event_of_a_task_and_carry_a_time(void **state)
{
    cz_id me = cz_operator(), program = id_of("swap"), time = id_of("some time");
    cz_effect *e = fresh(&me, 1);
    char id[CZ_ID_TEXT_SIZE], text[256];

    (void)state;
    cz_id_print(&time, id);
    cz_effect_set_program(e, &program, UINT32_MAX);
    cz_effect_set_time(e, &time);
    (void)snprintf(text, sizeof text,
                   "{\"nonce\":1,\"ops\":[],\"program\":{\"id\":\"swap\",\"task\":4294967295},"
                   "\"time\":\"%s\"}",
                   id);
    assert_means(text, e);
}

/* ---- Accounts --------------------------------------------------------------------------- */

/* What a resource has created under a label. */
static cz_id created(const cz_id *creator, const char *label)
{
    cz_error err = {0};
    cz_id id;

    assert_ok(cz_resource_id(creator, label, &id, &err), err);
    return id;
}

static void a_list_of_names_is_what_each_has_created(void **state)
{
    cz_id alice = id_of("alice"), from = created(&alice, "EUR"), bob = id_of("bob");
    cz_id outbox = created(&bob, "outbox"), to = created(&outbox, "EUR");
    cz_effect *e = fresh(&from, 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_transfer(e, &from, &to, 5, &err), err);
    assert_means("{\"op\":\"transfer\",\"from\":[\"alice\",\"EUR\"],"
                 "\"to\":[\"bob\",\"outbox\",\"EUR\"],\"quantity\":5,\"nonce\":1}",
                 e);
}

static void the_operations_of_accounts_and_programs_are_those_of_the_library(void **state)
{
    cz_id us = cz_operator(), a = id_of("a"), o = id_of("o"), r = id_of("r"), x = id_of("x");
    cz_id paid = id_of("paid"), refused = id_of("refused"), id = id_of("deposit");
    cz_dependency credit = {.fact = id, .policy = CZ_STILL_TRUE, .purpose = "deposit"};
    cz_dependency confirm = {.fact = paid, .policy = CZ_STILL_TRUE, .purpose = "withdrawal"};
    char ids[3][CZ_ID_TEXT_SIZE], own[CZ_ID_TEXT_SIZE], text[1536];
    cz_effect *e = fresh(&us, 1);
    cz_error err = {0};

    (void)state;
    cz_id_print(&id, ids[0]);
    cz_id_print(&paid, ids[1]);
    cz_id_print(&refused, ids[2]);
    cz_effect_set_program(e, &x, 3);
    assert_ok(cz_effect_note(e, "hi", 2, &err), err);
    assert_ok(cz_effect_use(e, &x, CZ_WRITE, &err), err);
    assert_ok(cz_effect_use(e, &us, CZ_READ, &err), err);
    assert_ok(cz_effect_when(e, "moon", 5, UINT64_MAX, &err), err);
    assert_ok(cz_effect_when(e, "moon", 0, 7, &err), err);
    assert_ok(cz_effect_depend(e, &credit, &err), err);
    assert_ok(cz_effect_deposit(e, &a, &id, &err), err);
    assert_ok(cz_effect_withdraw(e, &a, &o, &r, 6, "0xabc", &err), err);
    assert_ok(cz_effect_depend(e, &confirm, &err), err);
    assert_ok(cz_effect_confirm(e, &o, &r, &paid, &err), err);
    assert_ok(cz_effect_release(e, &o, &r, &a, &refused, &err), err);
    cz_id_print(&us, own);
    (void)snprintf(text, sizeof text,
                   "{\"nonce\":1,\"program\":{\"id\":\"x\",\"task\":3},\"ops\":["
                   "{\"op\":\"note\",\"data\":\"hi\"},"
                   "{\"op\":\"use\",\"capability\":\"x\",\"mode\":\"write\"},"
                   "{\"op\":\"use\",\"capability\":\"%s\"},"
                   "{\"op\":\"when\",\"domain\":\"moon\",\"not_before\":5},"
                   "{\"op\":\"when\",\"domain\":\"moon\",\"not_after\":7},"
                   "{\"op\":\"deposit\",\"to\":\"a\",\"fact\":\"%s\"},"
                   "{\"op\":\"withdraw\",\"from\":\"a\",\"outbox\":\"o\",\"reserve\":\"r\","
                   "\"quantity\":6,\"destination\":\"0xabc\"},"
                   "{\"op\":\"confirm\",\"outbox\":\"o\",\"reserve\":\"r\",\"fact\":\"%s\"},"
                   "{\"op\":\"release\",\"outbox\":\"o\",\"reserve\":\"r\",\"to\":\"a\","
                   "\"fact\":\"%s\"}]}",
                   own, ids[0], ids[1], ids[2]);
    assert_means(text, e);
}

static void the_terms_of_a_deposit_may_be_told(void **state)
{
    cz_id us = cz_operator(), a = id_of("a"), fact = id_of("deposit");
    cz_dependency d = {.fact = fact,
                       .policy = CZ_STILL_TRUE,
                       .finality = CZ_FINAL,
                       .purpose = "deposit"};
    cz_effect *e = fresh(&us, 1);
    char id[CZ_ID_TEXT_SIZE], text[512];
    cz_error err = {0};

    (void)state;
    cz_id_print(&fact, id);
    assert_ok(cz_effect_depend(e, &d, &err), err);
    assert_ok(cz_effect_deposit(e, &a, &fact, &err), err);
    (void)snprintf(text, sizeof text,
                   "{\"op\":\"deposit\",\"to\":\"a\",\"fact\":\"%s\",\"nonce\":1,\"facts\":["
                   "{\"fact\":\"%s\",\"finality\":\"final\",\"purpose\":\"deposit\"}]}",
                   id, id);
    assert_means(text, e);
}

#define KEY_A "0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a0a"
#define KEY_B "0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b0b"

static void an_account_is_told_by_its_policy_in_any_order(void **state)
{
    cz_policy p = {.threshold = 2, .owner_count = 2, .limit_count = 2};
    cz_id us = cz_operator(), alice = id_of("alice");
    uint8_t bytes[CZ_POLICY_SIZE_MAX];
    cz_creation c = {
        .creator = us, .controller = us, .label = "alice", .kind = CZ_ACCOUNT, .data = bytes};
    cz_effect *e = fresh(&us, 1);
    cz_error err = {0};

    (void)state;
    memset(p.owners[0], 10, 32);
    memset(p.owners[1], 11, 32);
    p.limits[0] = (cz_limit){.asset = "EUR", .quantity = 5, .domain = "moon", .window = 60};
    p.limits[1] = (cz_limit){.asset = "USD", .quantity = 7, .domain = "moon", .window = 61};
    assert_ok(cz_policy_encode(&p, bytes, &c.data_len, &err), err);
    assert_ok(cz_effect_create(e, &c, &err), err);
    assert_ok(cz_effect_write(e, &alice, bytes, c.data_len, &err), err);
#define POLICY                                                                                 \
    "\"policy\":{\"threshold\":2,\"owners\":[\"" KEY_B "\",\"" KEY_A "\"],\"limits\":["        \
    "{\"asset\":\"USD\",\"quantity\":\"7\",\"domain\":\"moon\",\"window\":61},"                \
    "{\"asset\":\"EUR\",\"quantity\":\"5\",\"domain\":\"moon\",\"window\":60}]}"
    assert_means("{\"nonce\":1,\"ops\":[{\"op\":\"create\",\"resource\":\"alice\"," POLICY "},"
                 "{\"op\":\"write\",\"resource\":\"alice\"," POLICY "}]}",
                 e);
}

static void a_capability_is_told_by_its_grant(void **state)
{
    cz_id us = cz_operator(), alice = id_of("alice"), eur = created(&alice, "EUR");
    cz_grant g = {.account = alice,
                  .has_parent = true,
                  .parent = us,
                  .has_resource = true,
                  .resource = eur,
                  .rights = CZ_RIGHT_DEBIT | CZ_RIGHT_DELEGATE,
                  .has_ceiling = true,
                  .ceiling = 10,
                  .expire_domain = "moon",
                  .expire_time = 99};
    uint8_t bytes[CZ_GRANT_SIZE_MAX];
    cz_creation c = {.creator = alice,
                     .controller = alice,
                     .label = "shop",
                     .kind = CZ_CAPABILITY,
                     .data = bytes};
    cz_effect *e = fresh(&us, 1);
    char id[CZ_ID_TEXT_SIZE], text[1024];
    cz_error err = {0};

    (void)state;
    memset(g.holder, 10, 32);
    assert_ok(cz_grant_encode(&g, bytes, &c.data_len, &err), err);
    assert_ok(cz_effect_create(e, &c, &err), err);
    cz_id_print(&us, id);
    (void)snprintf(text, sizeof text,
                   "{\"op\":\"create\",\"resource\":\"shop\",\"creator\":\"alice\",\"nonce\":1,"
                   "\"grant\":{\"account\":\"alice\",\"parent\":\"%s\",\"holder\":\"" KEY_A
                   "\",\"resource\":[\"alice\",\"EUR\"],\"rights\":[\"delegate\",\"debit\"],"
                   "\"ceiling\":10,\"expire_domain\":\"moon\",\"expire_time\":99}}",
                   id);
    assert_means(text, e);
}

static void an_effect_is_signed_with_key_files_when_all_else_is_said(void **state)
{
    char path[] = "/tmp/causality-key-XXXXXX", text[256];
    cz_id us = cz_operator(), a = id_of("a");
    cz_effect *e = fresh(&us, 1);
    uint8_t seed[32];
    cz_error err = {0};
    int fd = mkstemp(path);
    FILE *f = fdopen(fd, "w");

    (void)state;
    assert_non_null(f);
    for (unsigned i = 0; i < 32; i++) {
        seed[i] = (uint8_t)i;
        (void)fprintf(f, "%02x", i);
    }
    (void)fprintf(f, "\n");
    assert_int_equal(fclose(f), 0);
    assert_ok(cz_effect_lock(e, &a, &err), err);
    assert_ok(cz_effect_sign(e, seed, &err), err);
    (void)snprintf(text, sizeof text,
                   "{\"sign\":[\"%s\"],\"op\":\"lock\",\"resource\":\"a\",\"nonce\":1}", path);
    assert_means(text, e);
    (void)remove(path);
    e = cz_effect_new();
    assert_int_equal(czi_effect_from_json(text, strlen(text), e, &err), CZ_NOT_FOUND);
    assert_non_null(strstr(err.detail, path));
    cz_effect_free(e);
}

/* ---- Guests ----------------------------------------------------------------------------- */

static void a_run_names_its_code_and_what_the_guest_sees(void **state)
{
    cz_id us = cz_operator(), code = id_of("token"), a = id_of("a"), b = id_of("b");
    cz_guest_access seen[] = {{b, CZ_READ}, {a, CZ_WRITE}};
    cz_effect *e = fresh(&us, 1), *bare = fresh(&us, 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_run(e, &code, 5000, seen, 2, "hello", 5, &err), err);
    assert_means("{\"op\":\"run\",\"code\":\"token\",\"gas\":5000,\"nonce\":1,"
                 "\"accesses\":[{\"resource\":\"b\",\"mode\":\"read\"},"
                 "{\"resource\":\"a\",\"mode\":\"write\"}],\"input\":\"hello\"}",
                 e);
    assert_ok(cz_effect_run(bare, &code, 0, NULL, 0, NULL, 0, &err), err);
    assert_means("{\"op\":\"run\",\"code\":\"token\",\"gas\":\"0\",\"nonce\":1}", bare);
}

static void a_call_declares_nothing(void **state)
{
    cz_id us = cz_operator(), code = id_of("token");
    cz_effect *hex = fresh(&us, 1), *base64 = fresh(&us, 1);
    cz_error err = {0};

    (void)state;
    assert_ok(cz_effect_call(hex, &code, 9, "\x01\xff", 2, &err), err);
    assert_means("{\"op\":\"call\",\"code\":\"token\",\"gas\":9,\"nonce\":1,"
                 "\"input_hex\":\"01ff\"}",
                 hex);
    assert_ok(cz_effect_when(base64, "moon", 3, 4, &err), err);
    assert_ok(cz_effect_call(base64, &code, 9, "\x01\xff", 2, &err), err);
    assert_means("{\"nonce\":1,\"ops\":[{\"op\":\"when\",\"domain\":\"moon\","
                 "\"not_before\":3,\"not_after\":4},{\"op\":\"call\",\"code\":\"token\","
                 "\"gas\":9,\"input_base64\":\"Af8=\"}]}",
                 base64);
}

static void a_code_is_named_by_its_label_too(void **state)
{
    cz_id us = cz_operator(), id;
    cz_effect *e = fresh(&us, 1), *deploy = fresh(&us, 1);
    char text[512], label[CZ_ID_TEXT_SIZE];
    cz_id hash;
    cz_error err = {0};

    (void)state;
    czi_blake3("file", 4, hash.bytes);
    cz_id_print(&hash, label);
    assert_ok(cz_effect_deploy(deploy, "file", 4, &id, &err), err);
    assert_ok(cz_effect_call(e, &id, 9, NULL, 0, &err), err);
    (void)snprintf(text, sizeof text,
                   "{\"op\":\"call\",\"code\":\"code:%s\",\"gas\":9,\"nonce\":1}", label);
    assert_means(text, e);
    cz_effect_free(deploy);
}

static void assert_refused(const char *text, const char *what)
{
    cz_effect *e = cz_effect_new();
    cz_error err = {0};

    assert_int_not_equal(czi_effect_from_json(text, strlen(text), e, &err), CZ_OK);
    assert_true(err.detail[0] >= '1' && err.detail[0] <= '9'); /* a column */
    assert_non_null(strstr(err.detail, what));
    cz_effect_free(e);
}

static void what_a_run_cannot_say_is_refused_at_its_place(void **state)
{
    (void)state;
    assert_refused("{\"op\":\"run\",\"code\":\"c\",\"nonce\":1}", "gas");
    assert_refused("{\"op\":\"run\",\"gas\":1,\"nonce\":1}", "code");
    assert_refused("{\"op\":\"run\",\"code\":\"c\",\"gas\":10000000001,\"nonce\":1}", "10^10");
    assert_refused("{\"op\":\"run\",\"code\":\"c\",\"gas\":1,\"data\":\"x\",\"nonce\":1}",
                   "\"data\"");
    assert_refused("{\"op\":\"run\",\"code\":\"c\",\"gas\":1,\"input\":\"x\","
                   "\"input_hex\":\"00\",\"nonce\":1}",
                   "more than once");
    assert_refused("{\"op\":\"call\",\"code\":\"c\",\"gas\":1,\"nonce\":1,"
                   "\"accesses\":[]}",
                   "\"accesses\"");
    assert_refused("{\"op\":\"call\",\"code\":\"c\",\"gas\":1,\"nonce\":1,"
                   "\"access\":[{\"resource\":\"a\",\"mode\":\"read\"}]}",
                   "no other resource");
    assert_refused("{\"op\":\"run\",\"code\":\"c\",\"gas\":1,\"nonce\":1,"
                   "\"accesses\":[{\"resource\":\"a\",\"mode\":\"read\"},"
                   "{\"resource\":\"a\",\"mode\":\"read\"}]}",
                   "listed before");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_transfer_comes_from_the_resource_it_takes_from),
        cmocka_unit_test(a_number_may_be_a_json_integer_or_a_string),
        cmocka_unit_test(other_operations_come_from_the_operator),
        cmocka_unit_test(a_creation_takes_its_kind_from_what_is_given),
        cmocka_unit_test(data_comes_as_text_hex_or_base64),
        cmocka_unit_test(escapes_name_code_points),
        cmocka_unit_test(the_long_form_says_everything),
        cmocka_unit_test(the_origin_of_a_list_is_that_of_its_first_operation),
        cmocka_unit_test(a_fact_may_be_cited_on_terms),
        cmocka_unit_test(a_fact_without_terms_is_a_plain_citation),
        cmocka_unit_test(an_effect_may_be_an_event_of_a_task_and_carry_a_time),
        cmocka_unit_test(what_is_wrong_is_refused_at_its_column),
        cmocka_unit_test(bounds_are_limits),
        cmocka_unit_test(out_of_memory_anywhere_is_an_error_and_the_next_read_works),
        cmocka_unit_test(a_text_cut_anywhere_is_refused),
        cmocka_unit_test(a_list_of_names_is_what_each_has_created),
        cmocka_unit_test(the_operations_of_accounts_and_programs_are_those_of_the_library),
        cmocka_unit_test(the_terms_of_a_deposit_may_be_told),
        cmocka_unit_test(an_account_is_told_by_its_policy_in_any_order),
        cmocka_unit_test(a_capability_is_told_by_its_grant),
        cmocka_unit_test(an_effect_is_signed_with_key_files_when_all_else_is_said),
        cmocka_unit_test(a_run_names_its_code_and_what_the_guest_sees),
        cmocka_unit_test(a_call_declares_nothing),
        cmocka_unit_test(a_code_is_named_by_its_label_too),
        cmocka_unit_test(what_a_run_cannot_say_is_refused_at_its_place),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
